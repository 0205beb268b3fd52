"""Eigenvalues and singular values.

Vectors come with LAPACK's signs, which may differ from those of another of its drivers; what is
made of them should not depend on signs (or phases), nor on the basis of a multiple value's space.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import decompositions, linalg
from funcgrad.ops import linalg_functions as numpys
from funcgrad.ops.matrices import hermitian
from funcgrad.ops.products import adjoint
from funcgrad.ops.schur import schur as schur_factors
from funcgrad.scipy.linalg.factors import triangular
from funcgrad.scipy.linalg.shared import floats, refused, scipys_linalg

# -- Hermitian -----------------------------------------------------------------------------------


@scipys_linalg
def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
    overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """(w, v) with a v = v diag(w), w ascending, a Hermitian: one triangle is read.

    With a positive definite b, the problem of ``type`` 1: a v = w b v, 2: a b v = w v,
    3: b a v = w v. ``subset_by_index=(i, j)`` gives those from i to j, both included,
    ``subset_by_value=(low, high)`` those with low < w <= high: how many is a branch under ``jit``.
    """
    if subset_by_value is not None and subset_by_index is not None:
        raise ValueError("Either index or value subset can be requested.")
    a = floats(a)
    w, v = _generalized(a, floats(b), lower, type) if b is not None else _standard(a, lower)
    if subset_by_index is not None:
        first, last = (int(i) for i in subset_by_index)
        if not 0 <= first <= last < a.shape[-1]:
            raise ValueError(f"subset_by_index={subset_by_index}: 0 <= i <= j < {a.shape[-1]}")
        w, v = w[..., first : last + 1], v[..., first : last + 1]
    elif subset_by_value is not None:
        first, last = (int(np.sum(w <= bound)) for bound in subset_by_value)
        w, v = w[first:last], v[:, first:last]
    return w if eigvals_only else (w, v)


def _standard(a: Any, lower: bool) -> Any:
    return tuple(decompositions.eigh(a, lower=bool(lower)))


def _generalized(a: Any, b: Any, lower: bool, type: int) -> Any:
    """By the factor L of b = L L^H: of L^-1 a L^-H (type 1), or of L^H a L."""
    if type not in (1, 2, 3):
        raise ValueError(f"type={type!r}: it is 1, 2 or 3")
    factor, a = linalg.cholesky(hermitian(b, lower)), hermitian(a, lower)
    if type == 1:
        half = triangular(factor, a, 0, True)
        w, y = _standard(adjoint(triangular(factor, adjoint(half), 0, True)), True)
    else:
        w, y = _standard(adjoint(factor) @ a @ factor, True)
    return w, (factor @ y if type == 3 else triangular(factor, y, 2, True))


@scipys_linalg
def eigvalsh(
    a: Any, b: Any = None, *, lower: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True,
    subset_by_index: Any = None, subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """The eigenvalues of ``eigh`` alone; those that coincide share their derivatives evenly."""
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index,
                subset_by_value=subset_by_value)  # fmt: skip


@scipys_linalg
def eigh_tridiagonal(
    d: Any, e: Any, eigvals_only: bool = False, select: str = "a", select_range: Any = None,
    check_finite: bool = True, tol: float = 0.0, lapack_driver: str = "auto",
) -> Any:  # fmt: skip
    """``eigh`` of the real matrix with diagonal d and e beside it, as a dense matrix.

    ``select`` is "a" for all, "i" or "v" for a ``select_range`` of indices or of values.
    """
    if select not in ("a", "i", "v"):
        raise ValueError(f'select={select!r}: it is "a", "i" or "v"')
    matrix = np.diag(floats(d)) + np.diag(floats(e), -1)
    return eigh(matrix, eigvals_only=eigvals_only,
                subset_by_index=select_range if select == "i" else None,
                subset_by_value=select_range if select == "v" else None)  # fmt: skip


@scipys_linalg
def eigvalsh_tridiagonal(
    d: Any, e: Any, select: str = "a", select_range: Any = None, check_finite: bool = True,
    tol: float = 0.0, lapack_driver: str = "auto",
) -> Any:  # fmt: skip
    """The eigenvalues of ``eigh_tridiagonal`` alone."""
    return eigh_tridiagonal(d, e, True, select, select_range)


def _from_bands(bands: Any, lower: bool) -> Any:
    """The Hermitian matrix of which half of the diagonals are given, as for ``eig_banded``."""
    width, n = bands.shape[-2] - 1, bands.shape[-1]
    rows = range(width + 1)
    if lower:
        return sum((np.diag(bands[k, : n - k], -k) for k in rows), np.zeros((n, n), bands.dtype))
    return sum((np.diag(bands[width - k, k:], k) for k in rows), np.zeros((n, n), bands.dtype))


@scipys_linalg
def eig_banded(
    a_band: Any, lower: bool = False, eigvals_only: bool = False, overwrite_a_band: bool = False,
    select: str = "a", select_range: Any = None, max_ev: int = 0, check_finite: bool = True,
) -> Any:  # fmt: skip
    """``eigh`` of the Hermitian matrix with half of its diagonals in ``a_band``, as a dense one."""
    if select not in ("a", "i", "v"):
        raise ValueError(f'select={select!r}: it is "a", "i" or "v"')
    return eigh(_from_bands(floats(a_band), lower), lower=lower, eigvals_only=eigvals_only,
                subset_by_index=select_range if select == "i" else None,
                subset_by_value=select_range if select == "v" else None)  # fmt: skip


@scipys_linalg
def eigvals_banded(
    a_band: Any, lower: bool = False, overwrite_a_band: bool = False, select: str = "a",
    select_range: Any = None, check_finite: bool = True,
) -> Any:  # fmt: skip
    """The eigenvalues of ``eig_banded`` alone."""
    return eig_banded(a_band, lower, True, select=select, select_range=select_range)


# -- general -------------------------------------------------------------------------------------


@scipys_linalg
def eig(
    a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """(w, v) with a v = v diag(w), or a v = b v diag(w) with a regular b: complex in any case.

    Columns of v have length 1 and a real largest component. ``left`` adds u before v, with
    u^H a = diag(w) u^H (or diag(w) u^H b), its columns of length 1 with a positive largest
    component. Of defective matrices the eigenvalues have no derivative, see
    ``funcgrad.config.degenerate``.
    """
    a = floats(a)
    if homogeneous_eigvals and b is not None:
        refused("eig", "homogeneous_eigvals with b, whose scale is arbitrary,", "divide them")
    w, v = decompositions.eig(a if b is None else linalg.solve(floats(b), a))
    vectors = (_left_vectors(v, b),) * bool(left) + (v,) * bool(right)
    w = np.stack((w, np.ones_like(w)), axis=-2) if homogeneous_eigvals else w
    return (w, *vectors) if vectors else w


def _left_vectors(v: Any, b: Any) -> Any:
    """The columns of v^-H, or of (v^-1 b^-1)^H, each by a factor of its own."""
    u = adjoint(linalg.inv(v if b is None else floats(b) @ v))
    sizes = abs(u)
    largest = np.expand_dims(np.argmax(sizes, axis=-2), -2)
    u = u * np.conj(np.take_along_axis(u, largest, axis=-2))
    return u / np.sqrt(np.sum(np.square(abs(u)), axis=-2, keepdims=True))


@scipys_linalg
def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True,
    homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """The eigenvalues of ``eig`` alone."""
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


@scipys_linalg
def schur(
    a: Any, output: str = "real", lwork: Any = None, overwrite_a: bool = False, sort: Any = None,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """(T, Z) with a = Z T Z^H, T upper triangular; complex with ``output="complex"``.

    The phases of Z are held in derivatives. A real T that has a block of two rows, for a pair of
    complex eigenvalues, has none: that raises DegenerateError, as equal eigenvalues do backwards.
    With ``sort``, a function of an eigenvalue or "lhp", "rhp", "iuc", "ouc", those that it chooses
    come first, and their number last.
    """
    if output not in ("real", "complex", "r", "c"):
        raise ValueError("argument must be 'real', or 'complex'")
    a = floats(a)
    if output[0] == "c" and a.dtype.kind != "c":
        a = a.astype(np.result_type(a.dtype, np.complex64))
    return tuple(schur_factors(a, sort=sort))


# -- singular values -----------------------------------------------------------------------------


@scipys_linalg
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
    check_finite: bool = True, lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """(u, s, v^H) with a = u diag(s) v^H, s descending; s alone without ``compute_uv``."""
    found = numpys.svd(floats(a), full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@scipys_linalg
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The singular values, descending; those that are 0 have slope 0."""
    return numpys.svdvals(floats(a))


def _rank(a: Any, s: Any, rcond: Any) -> int:
    rcond = float(np.finfo(s.dtype).eps) * max(a.shape[-2:]) if rcond is None else rcond
    return int(np.sum(s > np.max(s, initial=0.0) * rcond))


@scipys_linalg
def orth(A: Any, rcond: Any = None) -> Any:
    """Left singular vectors of the singular values that are not 0: a basis of the column space.

    The rank is looked up: it is a branch under ``jit``.
    """
    A = floats(A)
    u, s, _ = numpys.svd(A, full_matrices=False)
    return u[:, : _rank(A, s, rcond)]


@scipys_linalg
def null_space(
    A: Any, rcond: Any = None, *, overwrite_a: bool = False, check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """The right singular vectors that belong to 0. Of more than one, the basis is arbitrary and has
    no derivative."""
    A = floats(A)
    _, s, vh = numpys.svd(A, full_matrices=True)
    return adjoint(vh[_rank(A, s, rcond) :])


@scipys_linalg
def subspace_angles(A: Any, B: Any) -> Any:
    """The angles between the column spaces of A and B, the largest first.

    By arccos where the cosine is below 0.7 and by arcsin elsewhere, to keep digits of small ones.
    """
    qa, qb = orth(floats(A)), orth(floats(B))
    if qa.shape[1] < qb.shape[1]:
        qa, qb = qb, qa
    cosines = adjoint(qa) @ qb
    sigma = numpys.svdvals(cosines)
    sines = numpys.svdvals(qb - qa @ cosines)
    large = sigma**2 >= 0.5
    angle = np.where(
        large, np.arcsin(np.clip(np.where(large, sines[..., ::-1], 0.0), -1.0, 1.0)),
        np.arccos(np.clip(np.where(large, 0.0, sigma), -1.0, 1.0)),
    )  # fmt: skip
    return angle[..., ::-1]
