"""Functions that pass over NaN: it is masked out, and no slope goes to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype, covers, into, refuse
from funcgrad.ops.functions.cumulating import cumprod, cumsum
from funcgrad.ops.functions.reducing import all_, max_, min_, narrowed, prod, root, sum_, var
from funcgrad.ops.functions.selecting import take_along_axis
from funcgrad.ops.functions.shaping import moveaxis, reshape
from funcgrad.ops.functions.sorting import METHODS, argmax, argmin, as_quantiles, in_rows

_none = np._NoValue


def _filled(x: Any, value: float) -> Any:
    """x with NaN replaced; the dtype stays."""
    return x if x.dtype.kind not in "fc" else e.select(e.isnan(x), x.dtype.type(value), x)


def _kept(x: Any, where: Any) -> Any:
    """The elements that count: not NaN, and not masked."""
    present = e.logical_not(e.isnan(x))
    return present if where is _none else e.logical_and(present, where)


@covers(np.nansum)
def nansum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none,
           initial: Any = _none, where: Any = _none) -> Any:  # fmt: skip
    return sum_(_filled(array_of(a), 0), axis, dtype, out, keepdims, initial, where)


@covers(np.nanprod)
def nanprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none,
            initial: Any = _none, where: Any = _none) -> Any:  # fmt: skip
    return prod(_filled(array_of(a), 1), axis, dtype, out, keepdims, initial, where)


@covers(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _none,
            *, where: Any = _none) -> Any:  # fmt: skip
    x = array_of(a)
    kept = _kept(x, where)
    total = sum_(x, axis, dtype, keepdims=keepdims, where=kept)
    return into(out, narrowed(total / sum_(kept, axis, keepdims=keepdims), total))


@covers(np.nanvar)
def nanvar(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: Any = _none, *, where: Any = _none, mean: Any = _none,
           correction: Any = _none) -> Any:  # fmt: skip
    x = array_of(a)
    kept = _kept(x, where)
    if mean is _none:
        mean = nanmean(x, axis, dtype, keepdims=True, where=kept)
    safe = e.select(kept, x, mean)  # masked elements lie on the mean: they add nothing
    found = var(
        safe, axis, dtype, None, ddof, keepdims, where=kept, mean=mean, correction=correction
    )
    return into(out, narrowed(found, e.real(x)) if x.dtype.kind in "fc" else found)


@covers(np.nanstd)
def nanstd(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
           keepdims: Any = _none, *, where: Any = _none, mean: Any = _none,
           correction: Any = _none) -> Any:  # fmt: skip
    square = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                    correction=correction)  # fmt: skip
    return into(out, root(square))


def _nan_extreme(reduce: Any, worst: float, a: Any, axis: Any, keepdims: Any, rest: Any) -> Any:
    x = array_of(a)
    found = reduce(_filled(x, worst), axis, keepdims=keepdims, **rest)
    if x.dtype.kind not in "fc":
        return found
    missing = all_(e.isnan(x), axis, keepdims=keepdims)
    return e.select(missing, x.dtype.type(np.nan), found)


@covers(np.nanmax)
def nanmax(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, initial: Any = _none,
           where: Any = _none) -> Any:  # fmt: skip
    rest = {"initial": initial, "where": where}
    return into(out, _nan_extreme(max_, -np.inf, a, axis, keepdims, rest))


@covers(np.nanmin)
def nanmin(a: Any, axis: Any = None, out: Any = None, keepdims: Any = _none, initial: Any = _none,
           where: Any = _none) -> Any:  # fmt: skip
    rest = {"initial": initial, "where": where}
    return into(out, _nan_extreme(min_, np.inf, a, axis, keepdims, rest))


@covers(np.nanargmax)
def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _none) -> Any:
    return argmax(_filled(array_of(a), -np.inf), axis, out, keepdims=keepdims)


@covers(np.nanargmin)
def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _none) -> Any:
    return argmin(_filled(array_of(a), np.inf), axis, out, keepdims=keepdims)


@covers(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumsum(_filled(array_of(a), 0), axis, dtype, out)


@covers(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return cumprod(_filled(array_of(a), 1), axis, dtype, out)


# -- order statistics ------------------------------------------------------------------------------


@covers(np.nanquantile)
def nanquantile(
    a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
    method: str = "linear", keepdims: Any = _none, *, weights: Any = None,
    interpolation: Any = None,
) -> Any:  # fmt: skip
    """As ``quantile`` of the elements of each row that are numbers; NaN where there are none."""
    refuse("nanquantile", weights=weights, interpolation=interpolation)
    if method not in METHODS:
        refuse("nanquantile", method=method)
    x = array_of(a)
    rows, axes = in_rows(x, axis)  # NaN comes last
    q = as_quantiles(q, x)
    count = sum_(e.logical_not(e.isnan(rows)), -1, dtype=q.dtype)
    result = _between(rows, count, q, METHODS[method])
    if keepdims is True:
        lined = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        result = reshape(result, (*q.shape, *lined))
    return into(out, result)


def _between(rows: Any, count: Any, q: Any, rounded: Any) -> Any:
    """The elements on either side of q (count - 1) in each row, and the way between them."""
    lead = tuple(count.shape)
    place = reshape(q, (*q.shape, *(1,) * len(lead))) * e.maximum(count - 1, 0)
    place = place if rounded is None else rounded(place)
    low, high = (
        moveaxis(
            take_along_axis(
                rows,
                moveaxis(reshape(as_dtype(step(place), np.intp), (-1, *lead)), 0, -1),
                axis=-1,
            ),
            -1,
            0,
        )
        for step in (e.floor, e.ceil)
    )
    way = reshape(place - e.floor(place), low.shape)
    found = e.select(e.equal(count, 0), rows.dtype.type(np.nan), low + (high - low) * way)
    return reshape(found, (*q.shape, *lead))


@covers(np.nanpercentile)
def nanpercentile(a: Any, q: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
    q = (q if isinstance(q, (int, float)) else array_of(q)) / 100
    return nanquantile(a, q, axis, *args, **kwargs)


@covers(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = _none
) -> Any:
    return nanquantile(a, 0.5, axis, out, keepdims=keepdims)


@covers(np.nan_to_num)
def nan_to_num(
    x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Any:
    x = array_of(x)
    if x.dtype.kind not in "fc":
        return x
    if x.dtype.kind == "c":
        parts = (nan_to_num(v, True, nan, posinf, neginf) for v in (e.real(x), e.imag(x)))
        return e.convert(e.pair(*parts), dtype=x.dtype)
    limits = np.finfo(x.dtype)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    out = e.select(e.isnan(x), nan, x)
    out = e.select(e.equal(x, np.inf), high, out)
    out = e.select(e.equal(x, -np.inf), low, out)
    return out if copy else into(x, out)
