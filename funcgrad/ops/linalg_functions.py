"""``np.linalg`` on traced values."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.linalg._linalg import EighResult, EigResult, QRResult, SlogdetResult, SVDResult

from funcgrad.errors import NotTraceableError, ShapeError
from funcgrad.ops import decompositions, linalg, matrix_functions
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import axis_of, covers
from funcgrad.ops.matrices import cholesky_factor
from funcgrad.ops.matrices import hermitian as mirrored
from funcgrad.ops.norms import norm
from funcgrad.ops.products import adjoint, array, matmul
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import ALL, reshape, transpose

__all__ = [
    "cholesky", "cond", "eig", "eigh", "eigvals", "eigvalsh", "lstsq", "matrix_rank", "pinv", "qr",
    "slogdet", "solve", "svd", "svdvals", "tensorinv", "tensorsolve",
]  # fmt: skip

covers(np.linalg.inv)(lambda a: linalg.inv(array(a)))
covers(np.linalg.det)(lambda a: linalg.det(array(a)))


@covers(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return SlogdetResult(*linalg.slogdet(array(a)))


@covers(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """A vector b is one column; otherwise b holds columns, as in NumPy 2. NumPy has no solver for
    triangular matrices: Cholesky factors, also transposed, are seen to be such."""
    a, b = array(a), array(b)
    if len(b.shape) == 1:
        if len(a.shape) >= 2 and a.shape[-1] != b.shape[0]:
            raise ShapeError(f"solve: shapes {a.shape} and {b.shape} do not fit")
        column = _solved(a, reshape(b, shape=(*b.shape, 1)))
        return reshape(column, shape=column.shape[:-1])
    return _solved(a, b)


def _solved(a: Any, b: Any) -> Any:
    found = cholesky_factor(a)
    if found is None:
        return linalg.solve(a, b)
    factor, transposed = found
    return linalg.triangular_solve(factor, b, lower=True, trans=transposed, unit=False)


@covers(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = array(a), array(b)
    rank = len(a.shape)
    last = [axis_of(k, rank) for k in axes or ()]
    a = transpose(a, perm=(*(i for i in range(rank) if i not in last), *last))
    shape = tuple(a.shape[len(b.shape) :])
    n = prod(shape)
    if prod(a.shape) != n * n or prod(b.shape) != n:
        raise np.linalg.LinAlgError(f"tensorsolve: shapes {a.shape} and {b.shape} do not fit")
    return reshape(solve(reshape(a, shape=(n, n)), reshape(b, shape=(n,))), shape=shape)


@covers(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    a = array(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    left, right = tuple(a.shape[:ind]), tuple(a.shape[ind:])
    inverse = linalg.inv(reshape(a, shape=(prod(left), prod(right))))
    return reshape(inverse, shape=(*right, *left))


# -- decompositions ------------------------------------------------------------------------------


@covers(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The upper factor is the adjoint of the lower factor of the adjoint: it reads the upper
    triangle, as NumPy's does."""
    a = array(a)
    return adjoint(linalg.cholesky(adjoint(a))) if upper else linalg.cholesky(a)


@covers(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    a = array(a)
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    if mode == "raw":
        raise NotTraceableError(
            f"qr: mode={mode!r} of shape {a.shape} is not covered on traced values: it is LAPACK's "
            'own record of Q; use mode="reduced" or mode="complete"'
        )
    q, r = decompositions.qr(a, full=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


@covers(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    if UPLO.upper() not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return EighResult(*decompositions.eigh(array(a), lower=UPLO.upper() == "L"))


@covers(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return eigh(a, UPLO).eigenvalues


@covers(np.linalg.eig)
def eig(a: Any) -> Any:
    """Complex in any case: whether they are real is known from their values only."""
    return EigResult(*decompositions.eig(array(a)))


@covers(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    return eig(a).eigenvalues


@covers(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    a = array(a)
    if hermitian:
        found = _hermitian_svd(a)
    else:
        found = SVDResult(*decompositions.svd(a, full=bool(full_matrices and compute_uv)))
    return found if compute_uv else found.S


def _hermitian_svd(a: Any) -> Any:
    """From the eigenvalues: the largest sizes first, their signs in the right vectors."""
    w, v = decompositions.eigh(a, lower=True)
    size, axis = e.absolute(w), len(w.shape) - 1
    order = ops.flip(ops.argsort(size, axis=axis), axes=(axis,))
    row = reshape(order, shape=(*order.shape[:-1], 1, order.shape[-1]))
    v = ops.take_along(v, ops.broadcast_to(row, shape=tuple(v.shape)), axis=axis + 1)
    sign = ops.take_along(e.copysign(1.0, w), order, axis=axis)
    sign = e.convert(reshape(sign, shape=tuple(row.shape)), dtype=w.dtype)
    return SVDResult(v, ops.take_along(size, order, axis=axis), adjoint(e.multiply(v, sign)))


@covers(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return svd(x, compute_uv=False)


# -- what singular values tell -------------------------------------------------------------------


@covers(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    x = array(x)
    if 0 in x.shape[-2:]:
        raise np.linalg.LinAlgError("cond is not defined on empty arrays")
    if p in (None, 2, -2):
        s = svdvals(x)
        lead = (ALL,) * (len(s.shape) - 1)
        first, last = (ops.index(s, items=(*lead, i)) for i in (0, -1))
        return e.divide(last, first) if p == -2 else e.divide(first, last)
    return e.multiply(norm(x, p, (-2, -1)), norm(linalg.inv(x), p, (-2, -1)))


@covers(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    A = array(A)
    if len(A.shape) < 2:
        hits = e.not_equal(A, 0)
        return e.convert(ops.reduce_or(hits, axes=tuple(range(len(A.shape)))), dtype=np.intp)
    s = svd(A, compute_uv=False, hermitian=hermitian)
    if tol is None:
        relative = max(A.shape[-2:]) * np.finfo(s.dtype).eps if rtol is None else rtol
        tol = e.multiply(_largest(s), relative)
    above = e.greater(s, tol if np.ndim(tol) == 0 else reshape(tol, shape=(*np.shape(tol), 1)))
    return reduce_sum(e.convert(above, dtype=np.dtype(np.intp)), axes=(len(s.shape) - 1,))


def _largest(s: Any) -> Any:
    """The largest singular value; 0 where there is none."""
    axes = (len(s.shape) - 1,)
    return ops.reduce_max(s, axes=axes) if s.shape[-1] else reduce_sum(s, axes=axes)


_UNSET = object()


@covers(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _UNSET) -> Any:
    """Differentiable at matrices of any rank, as long as no singular value crosses the cut."""
    a = array(a)
    if rcond is not None and rtol is not _UNSET:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rcond is None:
        rcond = 1e-15 if rtol is _UNSET else rtol
    if rcond is None:
        rcond = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    return matrix_functions.pinv(mirrored(a) if hermitian else a, rcond)


@covers(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """x by the pseudo-inverse; the sum of squares is there only where NumPy gives it too: where a
    has more rows than columns and full rank, which is looked up."""
    a, b = array(a), array(b)
    if len(a.shape) != 2 or a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError(f"lstsq: shapes {a.shape} and {b.shape} do not fit")
    (m, n), s = a.shape, svdvals(a)
    if rcond is None:
        rcond = float(np.finfo(s.dtype).eps) * max(m, n)
    x = matmul(matrix_functions.pinv(a, rcond), b)
    rank = e.convert(matrix_rank(a, rtol=rcond), dtype=np.dtype(np.int32))
    residuals: Any = np.zeros(0, s.dtype)
    if m > n and bool(rank == n):
        off = e.square(e.absolute(e.subtract(b, matmul(a, x))))
        residuals = reduce_sum(off, axes=(0,))
        residuals = residuals if len(b.shape) > 1 else reshape(residuals, shape=(1,))
    return x, residuals, rank, s
