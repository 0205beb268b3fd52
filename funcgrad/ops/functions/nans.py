"""Functions that pass over NaN: it is masked out, and no slope goes to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, covers, into
from funcgrad.ops.functions.cumulating import cumprod, cumsum
from funcgrad.ops.functions.reducing import all_, max_, min_, narrowed, prod, root, sum_, var
from funcgrad.ops.functions.sorting import argmax, argmin

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
