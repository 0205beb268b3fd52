"""Along an axis: cumulative sums and products, differences, slopes, areas."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import (
    array_of,
    as_dtype,
    axes_of,
    axis_of,
    covers,
    flat,
    into,
    spread_to,
)
from funcgrad.ops.functions.reducing import sum_
from funcgrad.ops.indexing import index
from funcgrad.ops.reductions import cumprod as cumprod_op
from funcgrad.ops.reductions import cumsum as cumsum_op
from funcgrad.ops.shaping import ALL, concatenate, reshape

_none = np._NoValue


def part(x: Any, axis: int, start: Any = None, stop: Any = None, step: Any = None) -> Any:
    """A slice along one axis."""
    return index(x, items=(*(ALL,) * axis, (start, stop, step)))


def _running(prim: Any, a: Any, axis: Any, dtype: Any) -> Any:
    x = as_dtype(array_of(a), dtype)
    x = flat(x) if axis is None else x
    if not x.shape:
        x = reshape(x, shape=(1,))
    return as_dtype(prim(x, axis=axis_of(axis or 0, len(x.shape))), dtype)


@covers(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, _running(cumsum_op, a, axis, dtype))


@covers(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return into(out, _running(cumprod_op, a, axis, dtype))


def _cumulative(prim: Any, unit: int, x: Any, axis: Any, dtype: Any, include_initial: bool) -> Any:
    x = array_of(x)
    if axis is None and len(x.shape) > 1:
        raise ValueError("for an array of more than one axis, axis= must be given")
    out = _running(prim, x, axis, dtype)
    if not include_initial:
        return out
    place = axis_of(axis or 0, len(out.shape))
    shape = tuple(1 if i == place else n for i, n in enumerate(out.shape))
    first = ops.full(unit, shape=shape, dtype=out.dtype)
    return concatenate(first, out, axis=place)


@covers(getattr(np, "cumulative_sum", None))
def cumulative_sum(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    return into(out, _cumulative(cumsum_op, 0, x, axis, dtype, include_initial))


@covers(getattr(np, "cumulative_prod", None))
def cumulative_prod(
    x: Any,
    /,
    *,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> Any:
    return into(out, _cumulative(cumprod_op, 1, x, axis, dtype, include_initial))


# -- differences -----------------------------------------------------------------------------


@covers(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = _none, append: Any = _none) -> Any:
    x = array_of(a)
    if n < 0:
        raise ValueError(f"diff: the order must not be negative, not {n}")
    axis = axis_of(axis, len(x.shape))
    ends = tuple(1 if i == axis else m for i, m in enumerate(x.shape))
    joined = [array_of(v) for v in (prepend, x, append) if v is not _none]
    if len(joined) > 1:
        joined = [v if v.shape else spread_to(v, ends) for v in joined]
        x = concatenate(*joined, axis=axis)
    minus = e.not_equal if x.dtype == bool else e.subtract
    for _ in range(n):
        x = minus(part(x, axis, 1), part(x, axis, None, -1))
    return x


@covers(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    steps = diff(flat(array_of(ary)))
    parts = [flat(array_of(v)) for v in (to_begin, steps, to_end) if v is not None]
    return concatenate(*[as_dtype(p, steps.dtype) for p in parts], axis=0)


# -- slopes and areas ------------------------------------------------------------------------


@covers(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    x = array_of(f)
    x = as_dtype(x, float) if x.dtype.kind in "iub" else x
    axes = axes_of(axis, len(x.shape))
    if isinstance(axis, (tuple, list)):  # as asked, not sorted
        axes = tuple(axis_of(a, len(x.shape)) for a in axis)
    spacings = list(varargs) or [1.0]
    if len(spacings) == 1:
        spacings *= len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    if edge_order not in (1, 2):
        raise ValueError("gradient: edge_order must be 1 or 2")
    found = [_slope(x, a, h, edge_order) for a, h in zip(axes, spacings, strict=True)]
    return found[0] if len(axes) == 1 else tuple(found)


def _slope(x: Any, axis: int, spacing: Any, edge_order: int) -> Any:
    """Second-order differences inside, of the given order at the two ends."""
    length = x.shape[axis]
    if length < edge_order + 1:
        raise ValueError(f"gradient: {length} points are too few; edge_order + 1 are needed")
    spacing = array_of(x.dtype.type(spacing) if isinstance(spacing, (int, float)) else spacing)
    shape = tuple(length - 1 if i == axis else 1 for i in range(len(x.shape)))
    if not spacing.shape:
        steps = ops.broadcast_to(spacing, shape=shape)
    else:
        if tuple(spacing.shape) != (length,):
            raise ValueError("gradient: coordinates must have one element per point of their axis")
        steps = reshape(diff(spacing), shape=shape)

    def at(v: Any, i: int) -> Any:
        return part(v, axis, i, i + 1 or None)

    left, right = part(steps, axis, None, -1), part(steps, axis, 1)
    rise = diff(x, axis=axis) / steps
    inner = (part(rise, axis, None, -1) * right + part(rise, axis, 1) * left) / (left + right)
    first, last = at(rise, 0), at(rise, -1)
    if edge_order == 2:
        h0, h1 = at(steps, 0), at(steps, 1)
        first = first - (at(rise, 1) - first) * h0 / (h0 + h1)
        h0, h1 = at(steps, -1), at(steps, -2)
        last = last + (last - at(rise, -2)) * h0 / (h0 + h1)
    return concatenate(first, inner, last, axis=axis)


@covers(getattr(np, "trapezoid", None), getattr(np, "trapz", None))
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = array_of(y)
    axis = axis_of(axis, len(y.shape))
    steps = dx
    if x is not None:
        x = array_of(x)
        if len(x.shape) == 1:
            steps = reshape(diff(x), shape=tuple(
                x.shape[0] - 1 if i == axis else 1 for i in range(len(y.shape))
            ))  # fmt: skip
        else:
            steps = diff(x, axis=axis)
    return sum_(steps * (part(y, axis, 1) + part(y, axis, None, -1)) / 2.0, axis)
