"""Order: argmax, sort, median, quantiles, searchsorted."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import (
    array_of,
    as_dtype,
    axes_of,
    axis_of,
    covers,
    flat,
    into,
    known,
    refuse,
)
from funcgrad.ops.functions.cumulating import part
from funcgrad.ops.functions.reducing import mean
from funcgrad.ops.functions.shaping import moveaxis
from funcgrad.ops.indexing import ARRAY, gather, index
from funcgrad.ops.reductions import (
    argmax as argmax_op,
)
from funcgrad.ops.reductions import (
    argmin as argmin_op,
)
from funcgrad.ops.reductions import (
    argsort as argsort_op,
)
from funcgrad.ops.reductions import (
    keep_dims,
    take_along,
)
from funcgrad.ops.reductions import (
    searchsorted as searchsorted_op,
)
from funcgrad.ops.reductions import (
    sort as sort_op,
)
from funcgrad.ops.shaping import ALL, reshape
from funcgrad.trace.tracer import is_traced

_none = np._NoValue


def _place(prim: Any, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    x = array_of(a)
    shape = tuple(x.shape)
    axes = axes_of(axis, len(shape))
    found = prim(flat(x), axis=0) if axis is None else prim(x, axis=axes[0])
    return into(out, keep_dims(found, shape, axes) if keepdims is True else found)


@covers(np.argmax)
def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _none) -> Any:
    return _place(argmax_op, a, axis, out, keepdims)


@covers(np.argmin)
def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _none) -> Any:
    return _place(argmin_op, a, axis, out, keepdims)


@covers(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    refuse("sort", order=order)
    x = array_of(a)
    x = flat(x) if axis is None else x
    return sort_op(x, axis=axis_of(-1 if axis is None else axis, len(x.shape)))


@covers(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    refuse("argsort", order=order)
    x = array_of(a)
    x = flat(x) if axis is None else x
    return argsort_op(x, axis=axis_of(-1 if axis is None else axis, len(x.shape)))


@covers(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Sorted along the last axis, as complex numbers."""
    x = sort(a)
    single = x.dtype.itemsize <= 2 or x.dtype.char in "fF"  # as NumPy: short types to complex64
    return x if x.dtype.kind == "c" else as_dtype(x, np.complex64 if single else np.complex128)


@covers(np.partition)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    """A whole sort is a partition at every place."""
    return sort(a, axis, order=order)


@covers(np.argpartition)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = None, order: Any = None) -> Any:
    return argsort(a, axis, order=order)


@covers(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Stable sorts by each key, the last one last."""
    rows = [array_of(k) for k in keys]
    axis = axis_of(axis, len(rows[0].shape))
    order = argsort_op(rows[0], axis=axis)
    for row in rows[1:]:
        order = take_along(
            order, argsort_op(take_along(row, order, axis=axis), axis=axis), axis=axis
        )
    return order


@covers(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    x, v = array_of(a), array_of(v)
    if sorter is not None:
        x = gather(x, array_of(sorter), items=(ARRAY,))
    return searchsorted_op(x, v, side=side)


@covers(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    bins = array_of(bins)
    side = "left" if right else "right"
    if len(bins) > 1 and known(e.greater(bins[0], bins[-1])):
        return len(bins) - searchsorted(bins[::-1], x, "right" if right else "left")
    return searchsorted(bins, x, side)


# -- order statistics ------------------------------------------------------------------------


def in_rows(x: Any, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The reduced axes as one, sorted along it and standing last."""
    axes = axes_of(axis, len(x.shape))
    kept = [i for i in range(len(x.shape)) if i not in axes]
    moved = moveaxis(x, axes, tuple(range(len(kept), len(x.shape))))
    rows = reshape(
        moved, shape=(*[x.shape[i] for i in kept], int(np.prod([x.shape[i] for i in axes])))
    )
    return sort_op(rows, axis=len(kept)), axes


def _with_nans(result: Any, rows: Any) -> Any:
    """NaN sorts last: where the last is one, so is the result."""
    if rows.dtype.kind != "f":
        return result
    last = index(rows, items=(*(ALL,) * (len(rows.shape) - 1), -1))
    return e.select(e.isnan(last), last, result)


@covers(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False
) -> Any:
    x = array_of(a)
    rows, axes = in_rows(x, axis)
    length, lead = rows.shape[-1], len(rows.shape) - 1
    if not length:
        raise ValueError("median of no elements")
    half = (length - 1) // 2
    middle = mean(part(rows, lead, half, length // 2 + 1), lead)
    result = _with_nans(middle, rows)
    return into(out, keep_dims(result, x.shape, axes) if keepdims else result)


@covers(np.quantile)
def quantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: bool = False, *, weights: Any = None,
    interpolation: Any = None,
) -> Any:  # fmt: skip
    refuse("quantile", weights=weights, interpolation=interpolation)
    if method not in METHODS:
        refuse("quantile", method=method)
    x = array_of(a)
    rows, axes = in_rows(x, axis)
    q = as_quantiles(q, x)
    result = _at_quantiles(rows, q, method)
    if keepdims:
        lined = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        result = reshape(result, shape=(*q.shape, *lined))
    return into(out, result)


def as_quantiles(q: Any, x: Any) -> Any:
    """q as an array, of x's dtype where it is a Python number."""
    q = x.dtype.type(q) if x.dtype.kind == "f" and isinstance(q, (int, float)) else array_of(q)
    q = e.convert(q, dtype=np.float64) if q.dtype.kind in "iub" else q
    if not is_traced(q) and not np.all((q >= 0) & (q <= 1)):
        raise ValueError(f"quantiles must be in the range [0, 1], not {q}")
    return q


METHODS: dict[str, Any] = {"linear": None, "lower": e.floor, "higher": e.ceil, "nearest": e.rint}


def _at_quantiles(rows: Any, q: Any, method: str) -> Any:
    """The elements on either side of q (n - 1), and the way between them; q's axes first."""
    lead = len(rows.shape) - 1
    place = q * (rows.shape[-1] - 1)
    if METHODS[method] is not None:
        place = METHODS[method](place)
    low, high = (
        moveaxis(
            gather(
                rows, e.convert(step(place), dtype=np.dtype(np.intp)), items=(*(ALL,) * lead, ARRAY)
            ),
            tuple(range(lead, lead + len(q.shape))),
            tuple(range(len(q.shape))),
        )
        for step in (e.floor, e.ceil)
    )
    way = reshape(place - e.floor(place), shape=(*q.shape, *(1,) * lead))
    last = index(rows, items=(*(ALL,) * lead, -1))
    result = low + (high - low) * way
    return result if rows.dtype.kind != "f" else e.select(e.isnan(last), last, result)


@covers(np.percentile)
def percentile(a: Any, q: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
    return quantile(
        a, (q if isinstance(q, (int, float)) else array_of(q)) / 100, axis, *args, **kwargs
    )


# -- the elements that are not zero: their number is a decision -------------------------------


def known_mask(x: Any) -> Any:
    """The plain truth values of an array, which Python needs to know how many there are."""
    return known(as_dtype(x, bool))


@covers(np.nonzero)
def nonzero(a: Any) -> Any:
    return known_mask(array_of(a)).nonzero()


@covers(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    return known_mask(array_of(a)).ravel().nonzero()[0]


@covers(np.argwhere)
def argwhere(a: Any) -> Any:
    return np.argwhere(known_mask(array_of(a)))
