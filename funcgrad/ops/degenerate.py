"""Multiple eigenvalues and singular values: what has a derivative there, and what has none.

The vectors of a multiple eigenvalue are any basis of its space. When the matrix moves, they jump
to the basis that the motion chooses, however small it is; so tangents of such vectors do not
exist, not even where the final result is smooth: no first-order rule can know of the jump. The
quotients that would give them go through ``resolve``: forward they are NaN, which spoils what uses
these columns and nothing else. Backwards, where NaN would spread over the whole gradient, columns
that the result leaves out (``v[:, -3:]``) do no harm. A result that is spoilt is computed anew, as
a limit, by ``transforms/limits.py``, if it has one.
Eigenvalues that coincide share their derivatives evenly, and singular values that are 0 have none
(``shared``): sums over them are exact, and single ones follow the convention of all ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Literal
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import (
    broadcast_avals,
    ct_like,
    define,
    elementwise_batch,
    like,
    ops,
    result_dtype,
    total,
)
from funcgrad.ops.matrices import diagonal_mask, lined
from funcgrad.ops.shaping import reshape
from funcgrad.ops.splitting import state, tolerance

__all__ = ["column", "negligible", "resolve", "rotation", "row", "shared"]


def row(x: Any) -> Any:
    """(…, n) as rows (…, 1, n)."""
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def column(x: Any) -> Any:
    return reshape(x, shape=(*x.shape, 1))


def negligible(size: Any, w: Any, order: int) -> Any:
    """Where differences between the values w of a matrix of this order are rounding alone."""
    largest = ops.reduce_max(e.absolute(w), axes=(w.ndim - 1,))
    bound = e.multiply(largest, largest.dtype.type(8 * order * np.finfo(w.dtype).eps))
    shape = (*bound.shape, *(1,) * (size.ndim - bound.ndim))
    return e.less_equal(size, reshape(bound, shape=shape))


def _same(w: Any) -> Any:
    """The matrix of truth: which two of the values w count as one."""
    return negligible(e.absolute(e.subtract(row(w), column(w))), w, w.shape[-1])


def rotation(m: Any, w: Any, who: str, gap: Any = None) -> Any:
    """m_ij / (w_j - w_i), and 0 on the diagonal: how the vectors of values w turn.

    Another ``gap`` between the values may be given where it is known more exactly.
    """
    n = w.shape[-1]
    if n == 0:
        return m
    number = w.dtype.type
    gap = e.subtract(row(w), column(w)) if gap is None else gap
    gap = e.select(_same(w), number(0), gap)
    gap = e.select(diagonal_mask(n), number(1), gap)
    off = e.select(diagonal_mask(n), m.dtype.type(0), m)
    return resolve(off, gap, columns=None, who=who, free=False)


# -- shared: the slopes x of values w, averaged where values coincide, 0 of those that are 0
# A projection, and its own transpose. It is a convention for functions of the values alone. With
# vectors beside them every value has its own slope, M_ii, in every basis: then the derivative is a
# limit again, and what the convention changes is marked for ``transforms/limits.py``.


def _shared_value(xp: Any, x: Any, w: Any, zeros: bool) -> Any:
    if w.shape[-1] < 2 and not zeros:
        return x
    bound = tolerance(w, xp)[..., None]
    first = (xp.abs(w[..., None] - w[..., None, :]) <= bound[..., None]).argmax(axis=-1)
    one = first[..., None] == first[..., None, :]
    found = xp.where(one, x[..., None, :], 0).sum(axis=-1) / one.sum(axis=-1)
    if zeros:
        found = xp.where(xp.abs(w) <= bound, 0, found)
    found = found.astype(x.dtype)
    changed = xp.abs(found - x) > 1e-10 * xp.abs(x).max(initial=0.0)
    if bool(changed.any()):
        state.tied = True
        if state.marks:
            return xp.where(changed, x.dtype.type(np.nan), found)
    return found


def _shared_type(x: Aval, w: Aval, zeros: bool) -> Aval:
    return array_aval(broadcast_avals("shared", (x, w)), x.dtype)


def _shared_jvp(primals: Any, tangents: Any, outs: Any, zeros: bool) -> Any:
    tx = tangents[0]
    return (None if tx is None else like(shared(tx, primals[1], zeros=zeros), outs[0].aval),)


def _shared_transpose(cts: Any, operands: Any, zeros: bool) -> Any:
    x, w = operands
    return ct_like(shared(cts[0], w, zeros=zeros), x.aval), None


shared = define(
    "shared", type=_shared_type, value=_shared_value, jvp=_shared_jvp,
    transpose=_shared_transpose,
    batch=lambda size, xs, batched, zeros: (shared(*lined(xs, batched), zeros=zeros), True),
)  # fmt: skip

# -- resolve: x / gap; where the gap is 0 there is no such number
# Of a column that its result does not depend on, the quotient by 0 is not asked for. That shows in
# the transposed program: its cotangent is embedded zeros, whatever the numbers are. A cotangent
# that happens to be 0 does not count: the derivative of V log(w) V^H at w = 1 would be lost.


def _resolve_value(xp: Any, x: Any, gap: Any, columns: Any, who: str, free: bool) -> Any:
    bad = gap == 0
    found = xp.where(bad, x.dtype.type(0), x / xp.where(bad, gap.dtype.type(1), gap))
    if state.sample is not None:
        state.peak = max(state.peak, float(np.abs(found).max(initial=0.0)))
        if free:
            return xp.where(bad, x, found)
    if columns is not None:
        bad = bad & xp.asarray(columns)
    if bool(bad.any()):
        state.met = who
    return xp.where(bad, x.dtype.type(np.nan), found)


def _resolve_type(x: Aval, gap: Aval, columns: Any, who: str, free: bool) -> Aval:
    return array_aval(broadcast_avals(who, (x, gap)), result_dtype(x, gap))


def _resolve_jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
    (_, gap), (tx, tgap), z = primals, tangents, outs[0]
    terms = [
        tx,
        None if tgap is None else e.negative(e.multiply(z, tgap)),
    ]
    return (resolve(like(total(terms), z.aval), gap, **params),)


def _resolve_transpose(cts: Any, operands: Any, columns: Any, **params: Any) -> Any:
    (ct,), (x, gap) = cts, operands
    used = _columns_of(ct)
    if columns is not None:
        used = tuple(a and b for a, b in zip(used, columns, strict=True))
    if not any(used):
        return None, None
    found = resolve(ct, gap, columns=used, **params)
    return ct_like(found, x.aval), None


resolve = define(
    "resolve", type=_resolve_type, value=_resolve_value, jvp=_resolve_jvp,
    transpose=_resolve_transpose, batch=elementwise_batch("resolve"),
)  # fmt: skip
"""``columns``: None in forward programs; in backward ones, whether a quotient by 0 matters, for
each column of the last axis. ``free``: the gap is 1, or 0 where the basis turns as it likes."""

# -- which columns of a cotangent are zero whatever the numbers


def _columns_of(ct: Any) -> tuple[bool, ...]:
    makers = {v: eqn for eqn in ct._trace.eqns for v in eqn.outvars}
    touched = _support(ct._var, makers)
    return tuple(bool(on) for on in touched.reshape(-1, ct.shape[-1]).any(0))


_LIKE_OPERAND = {"negative", "conj", "real", "imag", "convert", "divide", "resolve"}
_SHAPED = {"embed", "transpose", "reshape", "flip", "index", "broadcast_to", "reduce_sum"}
_SUMS = {"add", "subtract", "complex"}


def _support(v: Any, makers: Any) -> Any:
    """Where a variable may differ from 0: 1 or 0 for each element, by structure alone."""
    if v.__class__ is Literal:
        return np.array(v.value != 0, float)
    eqn = makers.get(v)
    name = None if eqn is None else eqn.prim.name
    if name == "full" and eqn.invars[0].__class__ is Literal and eqn.invars[0].value == 0:
        return np.zeros(v.aval.shape)
    if name in _LIKE_OPERAND:
        return np.broadcast_to(_support(eqn.invars[0], makers), v.aval.shape)
    if name in _SHAPED:
        return _shown(eqn.prim.value(np, _support(eqn.invars[0], makers), **eqn.params))
    if name in _SUMS:
        return _shown(sum(_support(x, makers) for x in eqn.invars))
    if name in ("multiply", "dot_general"):
        x, y = (_support(x, makers) for x in eqn.invars)
        return _shown(eqn.prim.value(np, x, y, **eqn.params))
    return np.ones(v.aval.shape)


def _shown(x: Any) -> Any:
    return np.asarray(np.asarray(x) != 0, float)
