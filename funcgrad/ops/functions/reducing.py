"""Reductions: sum, prod, mean, var, max, any and their kin."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import array_of, as_dtype, axes_of, covers, into, spread_to
from funcgrad.ops.reductions import (
    keep_dims,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_sum,
)
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Tracer

_none = np._NoValue  # NumPy's own mark for an argument that was not given
_ALL = [(("axes", tuple(range(rank))),) for rank in range(65)]
"""Parameters of a reduction over everything, by rank: the keys of the short path."""


def _reduced(prim: Any, x: Any, axis: Any, keepdims: Any) -> Any:
    axes = axes_of(axis, len(x.shape))
    out = prim(x, axes=axes)
    return keep_dims(out, x.shape, axes) if keepdims is not _none and keepdims else out


def _given(argument: Any) -> bool:
    return argument is not _none and argument is not None


def _number(x: Any, value: Any) -> Any:
    """A number in the dtype of x, so that masking with it promotes nothing."""
    return x.dtype.type(value)


@covers(np.sum)
def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none,
    initial: Any = _none, where: Any = _none,
) -> Any:  # fmt: skip
    if axis is None and a.__class__ is Tracer and keepdims is _none and dtype is None:
        trace = a._trace
        if trace is running.get() and out is None and initial is _none and where is _none:
            node = trace.node.edges.get((reduce_sum, _ALL[len(a._var.aval.shape)], a._var))
            if node is not None:
                trace.node = node
                return Tracer(trace, node.out)
    x = as_dtype(array_of(a), dtype)
    if _given(where):
        x = e.select(where, x, _number(x, 0))
    total = as_dtype(_reduced(reduce_sum, x, axis, keepdims), dtype)
    return into(out, total + initial if _given(initial) else total)


@covers(np.prod)
def prod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none,
    initial: Any = _none, where: Any = _none,
) -> Any:  # fmt: skip
    x = as_dtype(array_of(a), dtype)
    if _given(where):
        x = e.select(where, x, _number(x, 1))
    result = as_dtype(_reduced(reduce_prod, x, axis, keepdims), dtype)
    return into(out, result * initial if _given(initial) else result)


def _extreme(prim: Any, pair: Any, a: Any, axis: Any, out: Any, keepdims: Any,
             initial: Any, where: Any) -> Any:  # fmt: skip
    x = array_of(a)
    if _given(where):
        if not _given(initial):
            raise ValueError(f"{prim}: where= needs initial=, since there may be no element")
        x = e.select(where, x, initial)
    axes = axes_of(axis, len(x.shape))
    if _given(initial) and 0 in [x.shape[i] for i in axes]:
        rest = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        result = spread_to(initial, rest)
        result = keep_dims(result, x.shape, axes) if keepdims is True else result
        return into(out, result)
    result = _reduced(prim, x, axis, keepdims)
    return into(out, pair(result, initial) if _given(initial) else result)


@covers(np.max, np.amax)
def max_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, initial: Any = _none,
    where: Any = _none,
) -> Any:  # fmt: skip
    return _extreme(reduce_max, e.maximum, a, axis, out, keepdims, initial, where)


@covers(np.min, np.amin)
def min_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, initial: Any = _none,
    where: Any = _none,
) -> Any:  # fmt: skip
    return _extreme(reduce_min, e.minimum, a, axis, out, keepdims, initial, where)


@covers(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none) -> Any:
    return into(out, max_(a, axis, keepdims=keepdims) - min_(a, axis, keepdims=keepdims))


@covers(np.any)
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, *, where: Any = _none
) -> Any:
    x = as_dtype(array_of(a), bool)
    x = e.logical_and(x, where) if _given(where) else x
    return into(out, _reduced(reduce_or, x, axis, keepdims))


@covers(np.all)
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, *, where: Any = _none
) -> Any:
    x = as_dtype(array_of(a), bool)
    x = e.logical_or(x, e.logical_not(where)) if _given(where) else x
    return into(out, _reduced(reduce_and, x, axis, keepdims))


@covers(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return _reduced(reduce_sum, e.not_equal(array_of(a), 0), axis, keepdims)


# -- moments ---------------------------------------------------------------------------------


def _count(x: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """How many elements each result takes part of."""
    if _given(where):
        return sum_(spread_to(array_of(where), tuple(x.shape)), axis, keepdims=keepdims)
    return product(x.shape[i] for i in axes_of(axis, len(x.shape)))


def narrowed(result: Any, total: Any) -> Any:
    """A sum divided by how many there were, which are counted in wide integers."""
    return result if total.dtype.kind in "iub" else as_dtype(result, total.dtype)


def _float_kind(x: Any) -> Any:
    """Integers are averaged as float64."""
    return np.dtype(float) if x.dtype.kind in "iub" else x.dtype


def _wide(x: Any, dtype: Any) -> Any:
    """The dtype that sums are taken in: float16 overflows too soon."""
    return dtype if dtype is not None else np.dtype("f4") if x.dtype == "f2" else _float_kind(x)


@covers(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none, *,
    where: Any = _none,
) -> Any:  # fmt: skip
    x = array_of(a)
    if x.dtype.kind in "iub" or x.dtype.itemsize == 2:
        x = as_dtype(x, _wide(x, dtype))
    total = sum_(x, axis, dtype, keepdims=keepdims, where=where)
    result = narrowed(total / _count(x, axis, keepdims, where), total)
    return into(
        out, as_dtype(result, np.float16 if array_of(a).dtype == "f2" and dtype is None else None)
    )


@covers(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = _none, *, where: Any = _none, mean: Any = _none, correction: Any = _none,
) -> Any:  # fmt: skip
    first = array_of(a)
    x = as_dtype(first, _wide(first, dtype))
    ddof = correction if _given(correction) else ddof
    if not _given(mean):
        count = _count(x, axis, True, where)
        mean = as_dtype(sum_(x, axis, keepdims=True, where=where) / count, x.dtype)
    gap = x - mean
    squares = gap * gap if x.dtype.kind != "c" else e.real(gap * e.conj(gap))
    left = _count(x, axis, keepdims, where) - ddof
    divisor = max(left, 0) if isinstance(left, (int, float)) else e.maximum(left, 0)
    total = sum_(squares, axis, keepdims=keepdims, where=where)
    result = narrowed(ops.divide(total, divisor), total)
    return into(
        out, as_dtype(result, np.float16 if first.dtype == "f2" and dtype is None else None)
    )


@covers(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = _none, *, where: Any = _none, mean: Any = _none, correction: Any = _none,
) -> Any:  # fmt: skip
    square = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                 correction=correction)  # fmt: skip
    return into(out, root(square))


def root(x: Any) -> Any:
    """A square root with slope 0 at 0: that of a distance, whose other slopes cancel there."""
    return e.select(e.equal(x, 0), _number(x, 0), e.sqrt(e.select(e.equal(x, 0), _number(x, 1), x)))


@covers(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
    keepdims: Any = _none,
) -> Any:  # fmt: skip
    x = array_of(a)
    if weights is None:
        result = mean(x, axis, keepdims=keepdims)
        scale = _count(x, axis, keepdims, None) * 1.0
    else:
        w = _lined_up(array_of(weights), x, axis)
        scale = sum_(spread_to(w, tuple(x.shape)), axis, keepdims=keepdims)
        result = sum_(x * w, axis, keepdims=keepdims) / scale
    return (result, spread_to(scale, result.shape)) if returned else result


def _lined_up(weights: Any, x: Any, axis: Any) -> Any:
    """Weights with their axes where x has them."""
    if weights.shape == x.shape:
        return weights
    axes = axes_of(axis, len(x.shape))
    if axis is None or tuple(weights.shape) != tuple(x.shape[i] for i in axes):
        raise TypeError(
            f"average: weights of shape {weights.shape} do not fit {x.shape}, axis={axis}"
        )
    lined = tuple(n if i in axes else 1 for i, n in enumerate(x.shape))
    return ops.reshape(weights, shape=lined)
