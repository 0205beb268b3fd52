"""Decompositions: eigh, svd, eig, qr, lu.

All work on the last two axes; axes before them are batch axes. In the derivations dA is the
tangent of A, ^H the conjugate transpose, and a product with F is taken element by element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError, ShapeError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.degenerate import column, negligible, resolve, rotation, row, shared
from funcgrad.ops.einsum import diagonal
from funcgrad.ops.families import define, like, ops
from funcgrad.ops.linalg import inv, triangular_solve
from funcgrad.ops.matrices import (
    alone,
    diagonal_mask,
    each_alone,
    hermitian,
    keep,
    lapack_dtype,
    place,
    real_dtype,
    square,
    triangle_mask,
)
from funcgrad.ops.products import adjoint, matmul, matrix_transpose
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import ALL, broadcast_to, concatenate, iota, pad
from funcgrad.ops.splitting import split_eig, split_eigh, split_svd, state, turned_rest

__all__ = ["column_order", "eig", "eigh", "left", "lu", "qr", "row_order", "svd"]


def matrix_shape(who: str, a: Aval) -> tuple[int, ...]:
    if a.ndim < 2:
        raise ShapeError(f"{who}: an array of at least two axes, not shape {a.shape}")
    return a.shape


def _middle(m: Any) -> Any:
    return diagonal(m, 0, m.ndim - 2, m.ndim - 1)


def _on_diagonal(x: Any) -> Any:
    """The diagonal matrices with these rows on their diagonals."""
    return keep(diagonal_mask(x.shape[-1]), row(x))


def left(x: Any, count: int) -> Any:
    """The first columns."""
    if x.shape[-1] == count:
        return x
    return ops.index(x, items=(*(ALL,) * (x.ndim - 1), (None, count, None)))


def _top(x: Any, count: int) -> Any:
    """The first rows."""
    if x.shape[-2] == count:
        return x
    return ops.index(x, items=(*(ALL,) * (x.ndim - 2), (None, count, None), ALL))


def _widened(x: Any, rows: int, columns: int) -> Any:
    """A matrix with zeros below and to the right, up to this size."""
    m, n = x.shape[-2:]
    if (m, n) == (rows, columns):
        return x
    widths = ((0, 0),) * (x.ndim - 2) + ((0, rows - m), (0, columns - n))
    return pad(x, x.dtype.type(0), widths=widths)


# -- eigh: A V = V diag(w), and only one triangle of A is read -----------------------------------
# With M = V^H dA V:  dw_i = M_ii,  dV = V (F M),  F_ij = 1 / (w_j - w_i), F_ii = 0.


def _eigh_type(a: Aval, lower: bool) -> tuple[Aval, Aval]:
    shape, dtype = square("eigh", a), lapack_dtype(a)
    return array_aval(shape[:-1], real_dtype(dtype)), array_aval(shape, dtype)


def _eigh_value(xp: Any, a: Any, lower: bool) -> Any:
    w, v = xp.linalg.eigh(a, UPLO="L" if lower else "U")
    return (w, v) if state.sample is None else split_eigh(w, v)


def _eigh_jvp(primals: Any, tangents: Any, outs: Any, lower: bool) -> Any:
    w, v = outs
    da = hermitian(like(tangents[0], v.aval), lower)
    m = matmul(matmul(adjoint(v), da), v)
    dw = shared(e.real(_middle(m)), w, zeros=False)
    return like(dw, w.aval), matmul(v, rotation(m, w, "eigh"))


eigh = define(
    "eigh", type=_eigh_type, value=_eigh_value, jvp=_eigh_jvp, batch=each_alone("eigh"),
    multiple=True, eager=True,
)  # fmt: skip

# -- svd: A = U diag(s) V^H ----------------------------------------------------------------------
# With P = U^H dA V:  ds = Re diag P.  U and V are eigenvectors of A A^H and A^H A, whose tangents
# in their bases are X + X^H, X = P S, and Y + Y^H, Y = P^H S; the eigenvalues are s^2. What leaves
# the space of fewer columns than rows is (dA V - U P) / s and (dA^H U - V P^H) / s. The imaginary
# part of diag P turns the phases of both, half each. A singular value that is 0 has a kink there,
# with slope 0, as |x| has. ``full`` adds a basis of the rest of the space, any one: if it is more
# than a line, its vectors have no derivative.


def _svd_type(a: Aval, full: bool) -> tuple[Aval, ...]:
    *lead, m, n = matrix_shape("svd", a)
    k, dtype = min(m, n), lapack_dtype(a)
    u, v = ((*lead, m, m), (*lead, n, n)) if full else ((*lead, m, k), (*lead, k, n))
    return array_aval(u, dtype), array_aval((*lead, k), real_dtype(dtype)), array_aval(v, dtype)


def _svd_value(xp: Any, a: Any, full: bool) -> Any:
    u, s, vh = xp.linalg.svd(a, full_matrices=full)
    return (u, s, vh) if state.sample is None else split_svd(u, s, vh)


def _svd_jvp(primals: Any, tangents: Any, outs: Any, full: bool) -> Any:
    s, k = outs[1], outs[1].shape[-1]
    if k == 0:
        return None, None, None
    whole_u, whole_v = outs[0], adjoint(outs[2])
    u, v = left(whole_u, k), left(whole_v, k)
    da = like(tangents[0], u.aval.with_shape(primals[0].shape))
    s = e.select(negligible(e.absolute(s), s, max(da.shape[-2:])), s.dtype.type(0), s)
    p = matmul(matmul(adjoint(u), da), v)
    ds = shared(e.real(_middle(p)), s, zeros=True)
    turns = None
    if u.dtype.kind == "c":
        angle = resolve(
            e.imag(_middle(p)), e.multiply(s, s.dtype.type(2)), columns=None, who="svd", free=False
        )
        turns = _on_diagonal(e.pair(0.0, angle))
    du = _turned(u, s, p, turns, da, v)
    dv = _turned(v, s, adjoint(p), None if turns is None else adjoint(turns), adjoint(da), u)
    return _completed(whole_u, u, du), ds, adjoint(_completed(whole_v, v, dv))


def _turned(u: Any, s: Any, p: Any, turns: Any, da: Any, v: Any) -> Any:
    """The tangent of one side's vectors u; v are the other side's."""
    x = e.multiply(p, row(s))
    gap = e.multiply(e.subtract(row(s), column(s)), e.add(row(s), column(s)))
    inner = rotation(e.add(x, adjoint(x)), s, "svd", gap)
    du = matmul(u, inner if turns is None else e.add(inner, turns))
    if u.shape[-2] == u.shape[-1]:
        return du
    outer = e.subtract(matmul(da, v), matmul(u, p))
    return e.add(du, resolve(outer, row(s), columns=None, who="svd", free=False))


def _completed(whole: Any, u: Any, du: Any, who: str = "svd") -> Any:
    """The tangent du of the columns u, and that of the basis W of the rest: -u (du^H W)."""
    n, k = whole.shape[-1], u.shape[-1]
    if n == k:
        return du
    rest = ops.index(whole, items=(*(ALL,) * (whole.ndim - 1), (k, None, None)))
    turn = e.negative(matmul(u, matmul(adjoint(du), rest)))
    known = ops.full(int(n - k == 1), shape=(1, n - k), dtype=real_dtype(u.dtype))
    dw = resolve(turn, known, columns=None, who=who, free=True)
    return concatenate(du, dw, axis=whole.ndim - 1)


svd = define(
    "svd", type=_svd_type, value=_svd_value, jvp=_svd_jvp, batch=each_alone("svd"),
    multiple=True, eager=True,
)  # fmt: skip

# -- eig: A V = V diag(w), always complex --------------------------------------------------------
# With M = V^-1 dA V:  dw_i = M_ii,  dV = V (F M) + V diag(c), where c keeps LAPACK's scale: columns
# of length 1, whose largest component is real. Eigenvalues whose left and right vectors are all but
# orthogonal (of defective matrices) have no derivative: rounding is all there is to see of it.


def _eig_type(a: Aval) -> tuple[Aval, Aval]:
    shape = square("eig", a)
    dtype = np.result_type(lapack_dtype(a), np.complex64)
    return array_aval(shape[:-1], dtype), array_aval(shape, dtype)


def _eig_value(xp: Any, a: Any) -> Any:
    w, v = xp.linalg.eig(a)
    dtype = np.result_type(v.dtype, np.complex64)
    w, v = w.astype(dtype), v.astype(dtype)
    return (w, v) if state.sample is None else split_eig(w, v)


def _eig_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    w, v = outs
    n = w.shape[-1]
    if n == 0:
        return None, None
    inverse = inv(v)
    m = matmul(inverse, matmul(like(tangents[0], v.aval), v))
    lengths = reduce_sum(e.square(e.absolute(inverse)), axes=(v.ndim - 1,))
    number = lengths.dtype.type
    known = e.less(lengths, number(1 / np.finfo(w.dtype).eps))
    known = e.select(known, number(1), number(0))
    dw = resolve(shared(_middle(m), w, zeros=False), known, columns=None, who="eig", free=False)
    u = matmul(v, rotation(m, w, "eig"))
    return dw, e.subtract(u, e.multiply(v, row(_scale(v, u))))


def _scale(v: Any, u: Any) -> Any:
    """What u has too much of each column of v: along it, and in the phase of its real component."""
    axes = (v.ndim - 2,)
    along = e.real(reduce_sum(e.multiply(e.conj(v), u), axes=axes))
    size = e.select(e.equal(e.imag(v), 0), e.absolute(v), -1.0)
    largest = ops.argmax(size, axis=v.ndim - 2)
    n = v.shape[-1]
    hot = e.equal(row(largest), place(n, 0))
    turn = e.divide(
        reduce_sum(keep(hot, e.imag(u)), axes=axes), reduce_sum(keep(hot, e.real(v)), axes=axes)
    )
    return e.pair(along, turn)


eig = define(
    "eig", type=_eig_type, value=_eig_value, jvp=_eig_jvp, batch=each_alone("eig"),
    multiple=True, eager=True,
)  # fmt: skip

# -- qr: A = Q R with the smaller Q, or with a square one (``full``) ------------------------------
# With X = dA R^-1 and B = Q^H X:  B = W + dR R^-1, W antihermitian, dR R^-1 upper triangular with
# a real diagonal. So W is the strict lower triangle of B, minus its adjoint, and the imaginary
# diagonal; dQ = Q W + X - Q B. Of a wide A, the square part at its left fixes Q; R = Q^H A. What
# ``full`` adds to Q is as for svd: one column moves as the others do, more have no derivative.


def _qr_type(a: Aval, full: bool) -> tuple[Aval, Aval]:
    *lead, m, n = matrix_shape("qr", a)
    k, dtype = m if full else min(m, n), lapack_dtype(a)
    return array_aval((*lead, m, k), dtype), array_aval((*lead, k, n), dtype)


def _qr_value(xp: Any, a: Any, full: bool) -> Any:
    q, r = xp.linalg.qr(a, mode="complete" if full else "reduced")
    return (q, r) if state.sample is None else (turned_rest(q, min(a.shape[-2:])), r)


def _qr_jvp(primals: Any, tangents: Any, outs: Any, full: bool) -> Any:
    (a,), (whole, padded) = primals, outs
    k, n = min(a.shape[-2:]), a.shape[-1]
    if k == 0:
        return None, None
    q, r = left(whole, k), _top(padded, k)
    da = like(tangents[0], q.aval.with_shape(a.shape))
    dq, dr = _reduced(da, q, left(r, k))
    if n > k:
        a = like(a, da.aval)
        both = e.add(matmul(adjoint(dq), a), matmul(adjoint(q), da))
        rest = ops.index(both, items=(*(ALL,) * (both.ndim - 1), (k, None, None)))
        dr = concatenate(dr, rest, axis=dr.ndim - 1)
    return _completed(whole, q, dq, "qr"), _widened(dr, *padded.shape[-2:])


def _reduced(da: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """The tangents of Q and of the square R at the left."""
    options = {"lower": False, "trans": True, "unit": False}
    k = r.shape[-1]
    x = matrix_transpose(triangular_solve(r, matrix_transpose(left(da, k)), **options))
    b = matmul(adjoint(q), x)
    low = keep(triangle_mask(k, strict=True), b)
    w = e.subtract(low, adjoint(low))
    if w.dtype.kind == "c":
        w = e.add(w, _on_diagonal(e.pair(0.0, e.imag(_middle(b)))))
    dq = matmul(q, w)
    if q.shape[-2] > k:
        dq = e.add(dq, e.subtract(x, matmul(q, b)))
    return dq, matmul(e.subtract(b, w), r)


qr = define(
    "qr", type=_qr_type, value=_qr_value, jvp=_qr_jvp, batch=each_alone("qr"), multiple=True,
    eager=True,
)  # fmt: skip

# -- lu: P A = L U, both in one matrix, with LAPACK's row exchanges ------------------------------
# With Z = L^-1 P dA U^-1:  Z = L^-1 dL + dU U^-1, a strict lower and an upper triangle. A
# rectangular factor is made square by the unit matrix.


def _lu_type(a: Aval) -> tuple[Aval, ...]:
    *lead, m, n = matrix_shape("lu", a)
    pivots = array_aval((*lead, min(m, n)), np.dtype(np.int32))
    return array_aval((*lead, m, n), lapack_dtype(a)), pivots


def _lu_value(xp: Any, a: Any) -> Any:
    *lead, m, n = a.shape
    packed = xp.array(a, dtype=a.dtype if a.dtype.kind in "fc" else np.float64)
    pivots = xp.empty((*lead, min(m, n)), np.int32)
    for k in np.ndindex(*lead) if a.size else ():
        packed[k], pivots[k] = _factored(xp, packed[k])
    return packed, pivots


def _factored(xp: Any, a: Any) -> Any:
    if xp is not np:
        from cupyx.scipy.linalg import lu_factor

        return lu_factor(a)
    from scipy.linalg.lapack import get_lapack_funcs

    packed, pivots, _ = get_lapack_funcs("getrf", (a,))(a)  # a zero pivot is no failure
    return packed, pivots


def _lu_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    z, pivots = outs
    m, n = z.shape[-2:]
    k = min(m, n)
    if k == 0:
        return None, None
    order = row_order(pivots, rows=m)
    moved = ops.take_along(
        like(tangents[0], z.aval), broadcast_to(column(order), shape=z.shape), axis=z.ndim - 2
    )
    low = _widened(left(keep(_strict(m, n), z), k), m, m)
    top = _top(e.select(_strict(m, n), z.dtype.type(0), z), k)
    lower = e.select(diagonal_mask(m), z.dtype.type(1), low)
    upper = _widened(top, n, n)
    beyond = e.logical_and(diagonal_mask(n), e.greater_equal(place(n, 0), k))
    upper = e.select(beyond, z.dtype.type(1), upper)
    half = triangular_solve(low, moved, lower=True, trans=False, unit=True)
    options = {"lower": False, "trans": True, "unit": False}
    both = matrix_transpose(triangular_solve(upper, matrix_transpose(half), **options))
    strict = _strict(m, n)
    below = matmul(lower, keep(strict, both))
    above = matmul(e.select(strict, z.dtype.type(0), both), upper)
    return e.add(below, above), None


def _strict(m: int, n: int) -> Any:
    """The mask of the strict lower triangle of an m by n matrix."""
    rows, columns = (iota(shape=(m, n), axis=i, dtype=np.dtype(np.intp)) for i in (0, 1))
    return e.greater(rows, columns)


lu = define(
    "lu", type=_lu_type, value=_lu_value, jvp=_lu_jvp, batch=each_alone("lu"), multiple=True,
)  # fmt: skip
"""(packed factors, row exchanges); ``row_order`` makes the order with ``a[order] = L @ U``."""


def _row_order_value(xp: Any, pivots: Any, rows: int) -> Any:
    *lead, count = pivots.shape
    exchanges = pivots.get() if hasattr(pivots, "get") else pivots  # CuPy's come to the host
    order = np.empty((*lead, rows), np.intp)
    order[...] = np.arange(rows)
    for i in range(count):
        at = np.expand_dims(exchanges[..., i], -1).astype(np.intp)
        moved = np.take_along_axis(order, at, -1)
        np.put_along_axis(order, at, order[..., i : i + 1], -1)
        order[..., i : i + 1] = moved
    return xp.asarray(order)


row_order = define(
    "row_order", type=lambda x, rows: array_aval((*x.shape[:-1], rows), np.dtype(np.intp)),
    value=_row_order_value, batch=alone("row_order"),
)  # fmt: skip
"""The order of rows that exchanges, one after the other, end in."""


def _pivoted_value(xp: Any, a: Any) -> Any:
    if xp is not np:
        raise NotTraceableError(
            "qr: CuPy has none with pivoting; move the matrix to the host first"
        )
    from scipy.linalg import qr

    order = np.empty((*a.shape[:-2], a.shape[-1]), np.int32)
    for k in np.ndindex(*a.shape[:-2]):
        order[k] = qr(a[k], mode="r", pivoting=True)[-1]
    return order


column_order = define(
    "column_order", type=lambda a: array_aval(
        (*matrix_shape("qr", a)[:-2], a.shape[-1]), np.dtype(np.int32)
    ),
    value=_pivoted_value, batch=alone("column_order"),
)  # fmt: skip
"""The order of columns of a rank-revealing qr, the largest remaining column first."""
