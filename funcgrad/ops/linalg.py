"""Linear algebra: solve, triangular_solve, cholesky, inv, det, slogdet.

All work on the last two axes; axes before them are batch axes, so batching a rule is lining up
ranks. In the derivations dA is the tangent of A, and ^T is the transpose *without* conjugation.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import Aval, array_aval, broadcast_shapes
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ct_like, define, like, ops
from funcgrad.ops.families import total as sum_terms
from funcgrad.ops.matrices import (
    alone,
    by_name,
    diagonal_mask,
    each_alone,
    hermitian,
    keep,
    lapack_dtype,
    lined,
    place,
    real_dtype,
    same_type,
    square,
    triangle_mask,
)
from funcgrad.ops.products import matmul, matrix_transpose
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import iota, reshape, transpose

__all__ = ["cholesky", "cofactor", "det", "inv", "slogdet", "solve", "triangular_solve"]

MINORS = 6
"""Up to this size the cofactors are differentiated through minors, right at every matrix."""


def _solve_batch(name: str) -> Any:
    def batch(size: int, xs: Any, batched: Any, **params: Any) -> Any:
        a, b = xs
        prim = getattr(ops, name)
        if batched[0] or len(a.shape) != 2 or len(b.shape) != 3:
            return prim(*lined(xs, batched), **params), True
        # one matrix, many right-hand sides: they stand side by side, and one call solves them
        _, n, k = b.shape
        side = reshape(transpose(b, perm=(1, 0, 2)), shape=(n, size * k))
        found = reshape(prim(a, side, **params), shape=(n, size, k))
        return transpose(found, perm=(1, 0, 2)), True

    return batch


def _solve_type(who: str) -> Any:
    def rule(a: Aval, b: Aval, **params: Any) -> Aval:
        square(who, a)
        shape = broadcast_shapes(a.shape[:-2], b.shape[:-2]) if b.ndim >= 2 else None
        if shape is None or a.shape[-1] != b.shape[-2]:
            raise ShapeError(f"{who}: shapes {a.shape} and {b.shape} do not fit")
        return array_aval((*shape, *b.shape[-2:]), lapack_dtype(a, b))

    return rule


# -- solve: A z = b ------------------------------------------------------------------------------
# dA z + A dz = db, so dz = A^-1 (db - dA z). It is linear in b; <ct, A^-1 b> = <A^-T ct, b>.


def _solve_value(xp: Any, a: Any, b: Any) -> Any:
    if xp is not np:  # CuPy does not broadcast leading axes
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a = xp.broadcast_to(a, (*shape, *a.shape[-2:]))
        b = xp.broadcast_to(b, (*shape, *b.shape[-2:]))
    return xp.linalg.solve(a, b)


def _solve_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a, _), (da, db), z = primals, tangents, outs[0]
    moved = None if da is None else e.negative(matmul(da, z))
    right = sum_terms([None if db is None else like(db, z.aval), moved])
    return (like(solve(a, right), z.aval),)


def _solve_transpose(cts: Any, operands: Any) -> Any:
    a, b = operands
    return None, ct_like(solve(matrix_transpose(a), cts[0]), b.aval)


solve = define(
    "solve", type=_solve_type("solve"), value=_solve_value,
    jvp=_solve_jvp, transpose=_solve_transpose, batch=_solve_batch("solve"), eager=True,
)  # fmt: skip
"""Right-hand sides are columns: b has at least two axes. Leading axes broadcast."""

# -- triangular_solve: op(A) z = b, where op(A) is A or A^T, and only one triangle of A is read
# The same rule, with the triangle of dA that is read; a unit diagonal has no tangent.


def _triangular_value(xp: Any, a: Any, b: Any, lower: bool, trans: bool, unit: bool) -> Any:
    if xp is np:
        from scipy.linalg import solve_triangular
    else:
        from cupyx.scipy.linalg import solve_triangular
    dtype = np.result_type(a.dtype, b.dtype)
    dtype = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = xp.broadcast_to(a, (*shape, *a.shape[-2:]))
    b = xp.broadcast_to(b, (*shape, *b.shape[-2:]))
    out = xp.empty(b.shape, dtype)
    if out.size:
        for k in np.ndindex(*shape):
            out[k] = solve_triangular(
                a[k], b[k], lower=lower, trans=int(trans), unit_diagonal=unit, check_finite=False
            )
    return out


def _triangular_jvp(
    primals: Any, tangents: Any, outs: Any, lower: bool, trans: bool, unit: bool
) -> Any:
    (a, _), (da, db), z = primals, tangents, outs[0]
    moved = None
    if da is not None:
        da = keep(triangle_mask(a.shape[-1], lower, strict=unit), da)
        moved = e.negative(matmul(matrix_transpose(da) if trans else da, z))
    right = sum_terms([None if db is None else like(db, z.aval), moved])
    return (like(triangular_solve(a, right, lower=lower, trans=trans, unit=unit), z.aval),)


def _triangular_transpose(cts: Any, operands: Any, lower: bool, trans: bool, unit: bool) -> Any:
    a, b = operands
    found = triangular_solve(a, cts[0], lower=lower, trans=not trans, unit=unit)
    return None, ct_like(found, b.aval)


triangular_solve = define(
    "triangular_solve", type=_solve_type("triangular_solve"), value=_triangular_value,
    jvp=_triangular_jvp, transpose=_triangular_transpose, batch=_solve_batch("triangular_solve"),
    eager=True,
)  # fmt: skip

# -- inv: A z = 1, so dz = -z dA z ---------------------------------------------------------------


def _inv_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    z = outs[0]
    da = like(tangents[0], z.aval)
    return (e.negative(matmul(matmul(z, da), z)),)


inv = define("inv", type=same_type("inv"), value=by_name("inv"), jvp=_inv_jvp,
             batch=alone("inv"), eager=True)  # fmt: skip

# -- cholesky: A = L L^H, and only the lower triangle of A is read -------------------------------
# dA = dL L^H + L dL^H. With S = L^-1 dA L^-H = L^-1 dL + (L^-1 dL)^H, whose first term is lower
# triangular with a real diagonal: L^-1 dL is the lower triangle of S with half its diagonal.
# dA is what the reading makes of the tangent: its lower triangle, mirrored. S is found from the
# left by L^-1, and from the right by S^T = conj(L)^-1 (L^-1 dA)^T.


def _cholesky_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    z = outs[0]
    n = z.shape[-1]
    da = hermitian(like(tangents[0], z.aval))
    options = {"lower": True, "trans": False, "unit": False}
    half = triangular_solve(z, da, **options)
    conj = e.conj(z) if z.dtype.kind == "c" else z
    s = matrix_transpose(triangular_solve(conj, matrix_transpose(half), **options))
    number = z.dtype.type
    weight = e.select(diagonal_mask(n), number(0.5), number(1))
    return (matmul(z, keep(triangle_mask(n), e.multiply(s, weight))),)


cholesky = define(
    "cholesky", type=same_type("cholesky"), value=by_name("cholesky"), jvp=_cholesky_jvp,
    batch=alone("cholesky"), eager=True,
)  # fmt: skip

# -- det: d det A = sum of cofactors * dA, at singular matrices too ------------------------------


def _det_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a,), (da,) = primals, tangents
    terms = e.multiply(cofactor(a), da)
    return (like(reduce_sum(terms, axes=(a.ndim - 2, a.ndim - 1)), outs[0].aval),)


det = define(
    "det", type=lambda a: array_aval(square("det", a)[:-2], lapack_dtype(a)), value=by_name("det"),
    jvp=_det_jvp, batch=alone("det"),
)  # fmt: skip

# The cofactors by A = U S V^H: adj(A) = adj(V^H) adj(S) adj(U), where adj(S) holds the products
# of the other singular values and adj of a unitary matrix is its inverse times its determinant.
# Nothing is divided, so singular matrices are like any other.


def _cofactor_value(xp: Any, a: Any) -> Any:
    if a.shape[-1] == 0:
        return xp.array(a, dtype=_inexact_of(a))
    u, s, vh = xp.linalg.svd(a)
    phase = xp.linalg.det(u) * xp.linalg.det(vh)
    others = xp.ones_like(s)
    others[..., 1:] = xp.cumprod(s[..., :-1], axis=-1)
    others[..., :-1] *= xp.cumprod(s[..., :0:-1], axis=-1)[..., ::-1]
    left = u.conj() * (others * phase[..., None])[..., None, :]
    return left @ vh.conj()


def _inexact_of(a: Any) -> Any:
    return a.dtype if a.dtype.kind in "fc" else np.dtype(np.float64)


# Of a small matrix every cofactor is the determinant of a minor, so its tangent follows from det
# again, to any order and at any matrix. Of a larger one, with Z = A^-1: adj A = det(A) Z, so
# d adj A = <cofactor, dA> Z - Z dA adj A, which raises LinAlgError at a singular matrix.


def _cofactor_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a,), z = primals, outs[0]
    da, n = like(tangents[0], z.aval), a.shape[-1]
    if n <= 1:
        return (None,)
    if n <= MINORS:
        parts = _minors(a), _minors(da)
        slopes = reduce_sum(e.multiply(cofactor(parts[0]), parts[1]), axes=(z.ndim, z.ndim + 1))
        odd = e.remainder(e.add(place(n, 0), place(n, 1)), 2)
        return (e.select(e.equal(odd, 1), e.negative(slopes), slopes),)
    inverse, adjugate = inv(a), matrix_transpose(z)
    slope = reduce_sum(e.multiply(z, da), axes=(z.ndim - 2, z.ndim - 1))
    slope = reshape(slope, shape=(*slope.shape, 1, 1))
    found = e.subtract(e.multiply(slope, inverse), matmul(matmul(inverse, da), adjugate))
    return (matrix_transpose(found),)


def _minors(a: Any) -> Any:
    """All minors, indexed (…, i, j, row, column), where row i and column j are left out."""
    n, rank = a.shape[-1], a.ndim
    both = _left_out(_left_out(a, n, rank - 2), n, rank - 2)  # (…, i, row, j, column)
    return transpose(both, perm=(*range(rank - 1), rank, rank - 1, rank + 1))


def _left_out(a: Any, n: int, axis: int) -> Any:
    """(…, n, …) -> (…, n, n - 1): behind all axes, for each k, the entries of the axis but k."""
    shape = (n, n - 1)
    k = iota(shape=shape, axis=0, dtype=np.dtype(np.intp))
    column = iota(shape=shape, axis=1, dtype=np.dtype(np.intp))
    column = e.select(e.greater_equal(column, k), e.add(column, 1), column)
    rank = a.ndim
    perm = (*(i for i in range(rank) if i != axis), axis)
    a = transpose(a, perm=perm)
    items = ((None, None, None),) * (rank - 1) + ("array",)
    return ops.gather(a, column, items=items)


cofactor = define(
    "cofactor", type=same_type("cofactor"), value=_cofactor_value, jvp=_cofactor_jvp,
    batch=alone("cofactor"),
)  # fmt: skip
"""The matrix of cofactors: the derivative of ``det``."""

# -- slogdet: det = sign exp(logabs) -------------------------------------------------------------
# d log det = tr(A^-1 dA); its real part moves logabs, its imaginary part turns the sign.


def _slogdet_type(a: Aval) -> tuple[Aval, Aval]:
    shape, dtype = square("slogdet", a)[:-2], lapack_dtype(a)
    return array_aval(shape, dtype), array_aval(shape, real_dtype(dtype))


def _slogdet_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a,), (da,), (sign, logabs) = primals, tangents, outs
    terms = e.multiply(matrix_transpose(inv(a)), da)
    slope = reduce_sum(terms, axes=(a.ndim - 2, a.ndim - 1))
    if sign.dtype.kind != "c":
        return None, like(slope, logabs.aval)
    turn = e.multiply(sign, e.pair(0.0, e.imag(slope)))
    return like(turn, sign.aval), like(e.real(slope), logabs.aval)


slogdet = define(
    "slogdet", type=_slogdet_type, value=by_name("slogdet"), jvp=_slogdet_jvp,
    batch=each_alone("slogdet"), multiple=True,
)  # fmt: skip
