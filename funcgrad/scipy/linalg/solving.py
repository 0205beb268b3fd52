"""Linear systems, least squares, inverses and matrix equations."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import banded, linalg, matrix_functions, norms
from funcgrad.ops import linalg_functions as numpys
from funcgrad.ops.families import ops
from funcgrad.ops.functions import fourier
from funcgrad.ops.matrices import hermitian
from funcgrad.ops.products import adjoint, matrix_transpose
from funcgrad.scipy.linalg.building import toeplitz
from funcgrad.scipy.linalg.factors import triangular
from funcgrad.scipy.linalg.shared import as_columns, floats, scipys_linalg, triangle

# -- solve ---------------------------------------------------------------------------------------


def _general(a: Any, b: Any, lower: bool) -> Any:
    return linalg.solve(a, b)


def _symmetric(a: Any, b: Any, lower: bool) -> Any:
    part = triangle(a, lower)
    return linalg.solve(part + matrix_transpose(triangle(a, lower, strict=True)), b)


def _positive(a: Any, b: Any, lower: bool) -> Any:
    factor = linalg.cholesky(hermitian(a, lower))
    return triangular(factor, triangular(factor, b, 0, True), 2, True)


def _tridiagonal(a: Any, b: Any, lower: bool) -> Any:
    return linalg.solve(np.triu(np.tril(a, 1), -1), b)


_SOLVERS = {
    "gen": _general, "general": _general, "banded": _general,
    "sym": _symmetric, "symmetric": _symmetric,
    "her": lambda a, b, lower: linalg.solve(hermitian(a, lower), b),
    "pos": _positive, "tridiagonal": _tridiagonal,
    "diagonal": lambda a, b, lower: b / np.diagonal(a, axis1=-2, axis2=-1)[..., None],
    "upper triangular": lambda a, b, lower: triangular(a, b),
    "lower triangular": lambda a, b, lower: triangular(a, b, 0, True),
}  # fmt: skip
_SOLVERS |= {"hermitian": _SOLVERS["her"], "positive definite": _positive}
_MIRRORED = {"sym", "symmetric", "her", "hermitian", "pos", "positive definite"}


@scipys_linalg
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: str | None = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """x with a x = b (a^T x = b if ``transposed``), for a of shape (…, n, n) and b of (n,) or
    (…, n, k).

    ``assume_a`` says what is read of a, as in SciPy: one triangle of a symmetric, Hermitian or
    positive definite matrix (``lower`` or upper), which alone gets a gradient. Raises LinAlgError
    where a is singular.
    """
    kind = assume_a or "general"
    if kind not in _SOLVERS:
        raise ValueError(f"assume_a={assume_a!r}: it is one of {', '.join(_SOLVERS)}")
    a = floats(a)
    if transposed:
        a = matrix_transpose(a)
        lower = lower != (kind in _MIRRORED)
        kind = {"upper triangular": "lower triangular",
                "lower triangular": "upper triangular"}.get(kind, kind)  # fmt: skip
    return as_columns(lambda b: _SOLVERS[kind](a, b, lower), b)


@scipys_linalg
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """x with a x = b (``trans`` 1 or "T": a^T x = b; 2 or "C": a^H x = b), a triangular."""
    a = floats(a)
    return as_columns(lambda b: triangular(a, b, trans, lower, unit_diagonal), b)


@scipys_linalg
def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """x with a x = b, where ab[u + i - j, j] = a[i, j] holds the diagonals of a."""
    below, above = (int(n) for n in l_and_u)
    ab = floats(ab)
    return as_columns(lambda b: banded.solve_banded(ab, b, lower=below, upper=above), b)


@scipys_linalg
def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """x with a x = b, a Hermitian and positive definite: ab holds half of its diagonals.

    Solved as any banded matrix: that a is positive definite is not checked on traced values.
    """
    ab = floats(ab)
    width = ab.shape[-2] - 1
    other = ops.conj(banded.transposed(ab, width if lower else 0, 0 if lower else width))
    parts = (other[..., :-1, :], ab) if lower else (ab, other[..., 1:, :])
    both = np.concatenate(parts, axis=-2)
    return as_columns(lambda b: banded.solve_banded(both, b, lower=width, upper=width), b)


@scipys_linalg
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """x with t x = b, t constant along diagonals: ``toeplitz(c, r)``, solved as a dense matrix."""
    given = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    matrix = floats(toeplitz(*given))
    return as_columns(lambda b: linalg.solve(matrix, b), b)


@scipys_linalg
def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0,
    outaxis: int = 0,
) -> Any:  # fmt: skip
    """x with ``circulant(c)`` x = b, by Fourier transforms; real for real c and b.

    ``singular="lstsq"`` leaves out eigenvalues up to ``tol``: right as long as none crosses it.
    """
    c, b = np.moveaxis(floats(c), caxis, -1), np.moveaxis(floats(b), baxis, -1)
    spectrum = fourier.fft(c)
    tiny = _negligible(abs(spectrum), tol) if singular != "raise" else None
    lead = np.broadcast_shapes(tuple(c.shape[:-1]), ())
    flat = b.ndim == 1
    rows = b if flat else b.reshape((-1, b.shape[-1]))
    shape = (*lead, *(1,) * (not flat), c.shape[-1])
    if tiny is None:
        x = fourier.ifft(fourier.fft(rows) / spectrum.reshape(shape))
    else:
        kept = np.where(tiny, 1.0, spectrum).reshape(shape)
        x = fourier.ifft(np.where(tiny.reshape(shape), 0.0, fourier.fft(rows) / kept))
    if c.dtype.kind != "c" and b.dtype.kind != "c":
        x = np.real(x)
    return np.moveaxis(x.reshape((*lead, *b.shape)), -1, outaxis)


def _negligible(sizes: Any, tol: Any) -> Any:
    if tol is None:
        largest = np.max(sizes, axis=-1, keepdims=True)
        tol = largest * sizes.shape[-1] * float(np.finfo(np.float64).eps)
    return sizes <= tol


# -- inverses ------------------------------------------------------------------------------------


@scipys_linalg
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None,
    lower: bool = False,
) -> Any:  # fmt: skip
    """The inverse of (…, n, n); raises LinAlgError where there is none."""
    a = floats(a)
    if assume_a in (None, "gen", "general"):
        return linalg.inv(a)
    unit = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), tuple(a.shape))
    if assume_a not in _SOLVERS:
        raise ValueError(f"assume_a={assume_a!r}: it is one of {', '.join(_SOLVERS)}")
    return _SOLVERS[assume_a](a, unit, lower)


@scipys_linalg
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant; its gradient, the cofactors, is right at singular matrices too."""
    return linalg.det(floats(a))


@scipys_linalg
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    """``numpy.linalg.norm``; at 0 its gradient is 0."""
    return norms.norm(a, ord, axis, keepdims)


def _cut(a: Any, atol: Any, rtol: Any) -> Any:
    """What singular values count as 0, relative to the largest."""
    if rtol is None:
        rtol = 0.0 if atol is not None else max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    if not atol:
        return rtol
    largest = numpys.svdvals(a)[..., 0]
    return rtol + atol / np.where(largest == 0, 1.0, largest)


@scipys_linalg
def pinv(
    a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The pseudo-inverse of (…, m, n); singular values up to atol + rtol s_max count as 0.

    Differentiable at matrices of any rank, as long as none of them crosses the cut.
    """
    a = floats(a)
    cut = _cut(a, atol, rtol)
    found = matrix_functions.pinv(a, cut)
    return (found, numpys.matrix_rank(a, rtol=cut)) if return_rank else found


@scipys_linalg
def pinvh(
    a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """The pseudo-inverse of a Hermitian matrix of which one triangle is read."""
    return pinv(hermitian(floats(a), lower), atol=atol, rtol=rtol, return_rank=return_rank)


@scipys_linalg
def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """(x, residues, rank, singular values): the shortest x that makes |a x - b| least."""
    a, b = floats(a), floats(b)
    cond = float(np.finfo(np.result_type(a.dtype, b.dtype)).eps) if cond is None else cond
    x, residues, rank, s = numpys.lstsq(a, b, cond)
    if len(b.shape) == 1 and residues.shape == (1,):
        residues = residues[0]
    return x, residues, rank, s


# -- matrix equations ----------------------------------------------------------------------------


@scipys_linalg
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """x with a x + x b = q, for a of shape (…, m, m), b of (…, n, n) and q of (…, m, n).

    Raises LinAlgError where a and -b have a common eigenvalue.
    """
    return matrix_functions.sylvester(floats(a), floats(b), floats(q))


@scipys_linalg
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """x with a x + x a^H = q."""
    a = floats(a)
    return matrix_functions.sylvester(a, adjoint(a), floats(q))


@scipys_linalg
def solve_lyapunov(a: Any, q: Any) -> Any:
    """``solve_continuous_lyapunov`` under its older name."""
    a = floats(a)
    return matrix_functions.sylvester(a, adjoint(a), floats(q))


@scipys_linalg
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """x with a x a^H - x + q = 0: as n^2 linear equations up to n = 9 or where ``method`` is
    "direct"; else by the bilinear transform to a continuous one."""
    a, q = floats(a), floats(q)
    n = a.shape[-1]
    method = method or ("direct" if n < 10 else "bilinear")
    if method not in ("direct", "bilinear"):
        raise ValueError(f'method={method!r}: it is "direct" or "bilinear"')
    if method == "direct":
        left = np.eye(n * n) - np.kron(a, np.conj(a))
        return np.linalg.solve(left, q.reshape(n * n)).reshape(n, n)
    back = np.linalg.inv(adjoint(a) + np.eye(n))
    b = (adjoint(a) - np.eye(n)) @ back
    c = 2 * np.linalg.inv(a + np.eye(n)) @ q @ back
    return matrix_functions.sylvester(adjoint(b), b, -c)
