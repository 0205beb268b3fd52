"""Reductions, cumulative operations, argmax and sorting. Axes are sorted, not negative."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops.families import define, ops, structural
from funcgrad.ops.shaping import ALL, broadcast_to, flip, iota, reshape, transpose

Axes = tuple[int, ...]


def _without(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def keep_dims(x: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """A reduced value with its axes put back as ones."""
    return reshape(x, shape=tuple(1 if i in axes else n for i, n in enumerate(shape)))


def spread(x: Any, shape: tuple[int, ...], axes: Axes) -> Any:
    """A reduced value broadcast over the axes that were reduced."""
    return broadcast_to(keep_dims(x, shape, axes), shape=shape)


def _batch_axes(name: str) -> Any:
    def batch(size: int, xs: Any, batched: Any, axes: Axes) -> Any:
        return getattr(ops, name)(xs[0], axes=tuple(a + 1 for a in axes)), True

    return batch


def _ufunc_dtype(ufunc: np.ufunc, x: Aval) -> Any:
    return ufunc.reduce(np.zeros(1, x.dtype)).dtype


def _reduce(name: str, ufunc: str, **fields: Any) -> Any:
    np_ufunc = getattr(np, ufunc)

    def type(x: Aval, axes: Axes) -> Aval:
        if x.size == 0 and np_ufunc.identity is None and all(x.shape[a] for a in axes) is False:
            raise ValueError(f"{name}: an empty axis of shape {x.shape} has no {ufunc}")
        return array_aval(_without(x.shape, axes), _ufunc_dtype(np_ufunc, x))

    return define(
        name, type=type, value=lambda xp, x, axes: _reduced(xp, ufunc, x, axes),
        batch=_batch_axes(name), family="reduction",
        code=lambda x, axes: f"{ufunc}_reduce({x}, {axes})",
        ufunc=ufunc, **fields,
    )  # fmt: skip


_METHODS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
            "logical_and": "all", "logical_or": "any"}  # fmt: skip


def _reduced(xp: Any, ufunc: str, x: Any, axes: Axes) -> Any:
    if xp is np:
        return getattr(np, ufunc).reduce(x, axes)
    return getattr(xp, _METHODS[ufunc])(x, axis=axes)


# -- sum ---------------------------------------------------------------------------------------


def _sum_jvp(primals: Any, tangents: Any, outs: Any, axes: Axes) -> Any:
    return (reduce_sum(tangents[0], axes=axes),)


def _sum_transpose(cts: Any, xs: Any, axes: Axes) -> Any:
    return [spread(cts[0], xs[0].aval.shape, axes)]


reduce_sum = _reduce("reduce_sum", "add", jvp=_sum_jvp, transpose=_sum_transpose)

# -- product: every factor's derivative is the product of the others, zeros included -------------


def _prod_jvp(primals: Any, tangents: Any, outs: Any, axes: Axes) -> Any:
    (x,), (t,) = primals, tangents
    kept = [i for i in range(x.ndim) if i not in axes]
    flat_shape = (*(x.shape[i] for i in kept), -1)
    length = 1
    for a in axes:
        length *= x.shape[a]
    flat_shape = (*flat_shape[:-1], length)
    perm = (*kept, *axes)
    x, t = (reshape(transpose(v, perm=perm), shape=flat_shape) for v in (x, t))
    others = ops.multiply(
        _exclusive(x), flip(_exclusive(flip(x, axes=(x.ndim - 1,))), axes=(x.ndim - 1,))
    )
    return (reduce_sum(ops.multiply(t, others), axes=(len(kept),)),)


def _exclusive(x: Any) -> Any:
    """Products of all earlier elements along the last axis: 1, x0, x0 x1, …"""
    last = x.ndim - 1
    if x.shape[last] == 0:
        return x
    ones = ops.full(1, shape=(*x.shape[:last], 1), dtype=x.dtype)
    head = ops.index(x, items=(ALL,) * last + ((0, -1, None),))
    return cumprod(ops.concatenate(ones, head, axis=last), axis=last)


reduce_prod = _reduce("reduce_prod", "multiply", jvp=_prod_jvp)

# -- max and min: ties share the slope evenly ----------------------------------------------------


def _extreme_jvp(primals: Any, tangents: Any, outs: Any, axes: Axes) -> Any:
    (x,), (t,), z = primals, tangents, outs[0]
    hit = ops.equal(x, spread(z, x.shape, axes))
    count = reduce_sum(ops.convert(hit, dtype=x.dtype), axes=axes)
    return (ops.divide(reduce_sum(ops.select(hit, t, 0.0), axes=axes), count),)


reduce_max = _reduce("reduce_max", "maximum", jvp=_extreme_jvp)
reduce_min = _reduce("reduce_min", "minimum", jvp=_extreme_jvp)
reduce_and = _reduce("reduce_and", "logical_and")
reduce_or = _reduce("reduce_or", "logical_or")

# -- cumulative ----------------------------------------------------------------------------------


def _cumulative(name: str, ufunc: str, **fields: Any) -> Any:
    np_ufunc = getattr(np, ufunc)

    def value(xp: Any, x: Any, axis: int) -> Any:
        if xp is np:
            return np_ufunc.accumulate(x, axis)
        return getattr(xp, name)(x, axis=axis)

    return define(
        name, type=lambda x, axis: x.with_dtype(np_ufunc.accumulate(np.zeros(1, x.dtype)).dtype),
        value=value, code=lambda x, axis: f"{ufunc}_accumulate({x}, {axis})",
        batch=lambda size, xs, batched, axis: (getattr(ops, name)(xs[0], axis=axis + 1), True),
        **fields,
    )  # fmt: skip


def _reverse_cumsum(x: Any, axis: int) -> Any:
    return flip(cumsum(flip(x, axes=(axis,)), axis=axis), axes=(axis,))


cumsum = _cumulative(
    "cumsum", "add",
    jvp=lambda primals, tangents, outs, axis: (cumsum(tangents[0], axis=axis),),
    transpose=lambda cts, xs, axis: [_reverse_cumsum(cts[0], axis)],
)  # fmt: skip


def _cumprod_jvp(primals: Any, tangents: Any, outs: Any, axis: int) -> Any:
    """t_z[i] = x[i] t_z[i-1] + t[i] z[i-1], by doubling: pairs (product, tangent) combine."""
    (p,), (t,) = primals, tangents
    length, step = p.shape[axis], 1
    while step < length:
        lead = (ALL,) * axis
        p0, t0 = (ops.index(v, items=(*lead, (0, -step, None))) for v in (p, t))
        p1, t1 = (ops.index(v, items=(*lead, (step, None, None))) for v in (p, t))
        head_p, head_t = (ops.index(v, items=(*lead, (0, step, None))) for v in (p, t))
        t = ops.concatenate(head_t, ops.add(ops.multiply(t0, p1), ops.multiply(p0, t1)), axis=axis)
        p = ops.concatenate(head_p, ops.multiply(p0, p1), axis=axis)
        step *= 2
    return (t,)


cumprod = _cumulative("cumprod", "multiply", jvp=_cumprod_jvp)


def _cumulative_extreme_jvp(primals: Any, tangents: Any, outs: Any, axis: int) -> Any:
    """The tangent of the element that set the running extreme; the first of ties."""
    (x,), (t,), z = primals, tangents, outs[0]
    place = iota(shape=x.shape, axis=axis, dtype=np.dtype(np.int64))
    lead = (ALL,) * axis
    earlier = ops.index(z, items=(*lead, (0, -1, None)))
    later = ops.index(z, items=(*lead, (1, None, None)))
    first_shape = (*x.shape[:axis], min(1, x.shape[axis]), *x.shape[axis + 1 :])
    first = ops.full(True, shape=first_shape, dtype=np.dtype(bool))
    new = ops.concatenate(first, ops.not_equal(later, earlier), axis=axis)
    source = cummax(ops.select(new, place, 0), axis=axis)
    return (ops.take_along(t, source, axis=axis),)


cummax = _cumulative("cummax", "maximum", jvp=_cumulative_extreme_jvp)
cummin = _cumulative("cummin", "minimum", jvp=_cumulative_extreme_jvp)

# -- argmax, sorting -----------------------------------------------------------------------------


def _arg_type(x: Aval, axis: int) -> Aval:
    if x.shape[axis] == 0:
        raise ValueError(f"argmax/argmin of an empty axis, shape {x.shape}")
    return array_aval(_without(x.shape, (axis,)), np.dtype(np.intp))


def _arg(name: str) -> Any:
    return define(
        name, type=_arg_type, value=lambda xp, x, axis: getattr(xp, name)(x, axis=axis),
        batch=lambda size, xs, batched, axis: (getattr(ops, name)(xs[0], axis=axis + 1), True),
    )  # fmt: skip


argmax, argmin = _arg("argmax"), _arg("argmin")

argsort = define(
    "argsort", type=lambda x, axis: array_aval(x.shape, np.dtype(np.intp)),
    value=lambda xp, x, axis: xp.argsort(x, axis=axis, **({"kind": "stable"} if xp is np else {})),
    batch=lambda size, xs, batched, axis: (argsort(xs[0], axis=axis + 1), True),
)  # fmt: skip


def _sort_jvp(primals: Any, tangents: Any, outs: Any, axis: int) -> Any:
    """Tangents follow their elements: the stable order decides among ties."""
    return (ops.take_along(tangents[0], argsort(primals[0], axis=axis), axis=axis),)


sort = define(
    "sort", type=lambda x, axis: x, value=lambda xp, x, axis: xp.sort(x, axis=axis),
    jvp=_sort_jvp, batch=lambda size, xs, batched, axis: (sort(xs[0], axis=axis + 1), True),
)  # fmt: skip


def _searchsorted_batch(size: int, xs: Any, batched: Any, side: str) -> Any:
    """Rows of their own are searched by counting the elements that come before."""
    x, v = xs
    if not batched[0]:
        return searchsorted(x, v, side=side), True
    rank = len(v.shape) - batched[1]
    rows = reshape(x, shape=(size, *(1,) * rank, x.shape[1]))
    before = ops.less if side == "left" else ops.less_equal
    return reduce_sum(before(rows, reshape(v, shape=(*v.shape, 1))), axes=(rank + 1,)), True


searchsorted = define(
    "searchsorted", type=lambda x, v, side: array_aval(v.shape, np.dtype(np.intp)),
    value=lambda xp, x, v, side: xp.searchsorted(x, v, side=side), batch=_searchsorted_batch,
)  # fmt: skip


def _take_along_type(x: Aval, indices: Aval, axis: int) -> Aval:
    return array_aval(indices.shape, x.dtype)


def _take_along_transpose(cts: Any, operands: Any, axis: int) -> Any:
    x, indices = operands
    return put_along(cts[0], indices, axis=axis, shape=x.aval.shape), None


def _take_along_batch(size: int, xs: Any, batched: Any, axis: int) -> Any:
    xs = [
        x if b else broadcast_to(x, shape=(size, *x.shape))
        for x, b in zip(xs, batched, strict=True)
    ]
    return take_along(*xs, axis=axis + 1), True


take_along = structural(
    "take_along", type=_take_along_type,
    value=lambda xp, x, indices, axis: xp.take_along_axis(x, indices, axis=axis),
    transpose=_take_along_transpose, batch=_take_along_batch,
)  # fmt: skip
"""``np.take_along_axis``: the gather behind sorting and running extremes."""


def _put_along_value(xp: Any, v: Any, indices: Any, axis: int, shape: Any) -> Any:
    out = xp.zeros(shape, v.dtype)
    where = (
        list(xp.indices(indices.shape, sparse=True))
        if xp is np
        else list(xp.indices(indices.shape))
    )
    where[axis] = indices
    if xp is np:
        np.add.at(out, tuple(where), v)
    else:
        import cupyx

        cupyx.scatter_add(out, tuple(where), v)
    return out


def _put_along_batch(size: int, xs: Any, batched: Any, axis: int, shape: Any) -> Any:
    xs = [
        x if b else broadcast_to(x, shape=(size, *x.shape))
        for x, b in zip(xs, batched, strict=True)
    ]
    return put_along(*xs, axis=axis + 1, shape=(size, *shape)), True


put_along = structural(
    "put_along", type=lambda v, indices, axis, shape: array_aval(shape, v.dtype),
    value=_put_along_value,
    transpose=lambda cts, xs, axis, shape: (take_along(cts[0], xs[1], axis=axis), None),
    batch=_put_along_batch,
)  # fmt: skip
"""The transpose of ``take_along``: adds each value at its place in an array of zeros."""
