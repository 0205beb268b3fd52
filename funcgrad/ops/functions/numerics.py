"""Numerical recipes: rounding, complex parts, interpolation, convolution, covariance."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of, covers, into, known, same
from funcgrad.ops.functions.creating import zeros
from funcgrad.ops.functions.cumulating import cumsum, diff, part
from funcgrad.ops.functions.joining import stack
from funcgrad.ops.functions.reducing import mean, sum_
from funcgrad.ops.functions.selecting import clip
from funcgrad.ops.functions.shaping import moveaxis, reshape
from funcgrad.ops.functions.sorting import searchsorted
from funcgrad.ops.indexing import ARRAY, gather, scatter
from funcgrad.ops.shaping import concatenate, pad
from funcgrad.ops.views import real_view
from funcgrad.trace.dispatch import ufuncs

# -- numbers one by one --------------------------------------------------------------------------


@covers(np.round, getattr(np, "around", None))
def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    x = array_of(a)
    if x.dtype.kind in "iub":
        if decimals < 0:
            raise NotTraceableError("round: negative decimals of integers are not covered")
        return into(out, same(x))
    scale = 10.0 ** abs(decimals)
    if decimals == 0:
        return into(out, e.rint(x))
    if decimals > 0:
        return into(out, e.divide(e.rint(e.multiply(x, scale)), scale))
    return into(out, e.multiply(e.rint(e.divide(x, scale)), scale))


@covers(np.fix)
def fix(x: Any, out: Any = None) -> Any:
    return into(out, e.trunc(array_of(x)))


@covers(np.real)
def real(val: Any) -> Any:
    x = array_of(val)
    return real_view(x, "real") if x.dtype.kind == "c" else x


@covers(np.imag)
def imag(val: Any) -> Any:
    x = array_of(val)
    return (
        real_view(x, "imag") if x.dtype.kind == "c" else ops.full(0, shape=x.shape, dtype=x.dtype)
    )


@covers(np.real_if_close)
def real_if_close(a: Any, tol: Any = 100) -> Any:
    x = array_of(a)
    if x.dtype.kind != "c":
        return x
    raise NotTraceableError("real_if_close: its dtype depends on values; use np.real")


@covers(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    x = array_of(z)
    parts = (e.imag(x), e.real(x)) if x.dtype.kind == "c" else (0.0, x)
    out = e.arctan2(*parts)
    return e.multiply(out, 180 / pi) if deg else out


@covers(np.sinc)
def sinc(x: Any) -> Any:
    """sin(πx)/πx, by its series around 0, so that all derivatives are right there too."""
    x = array_of(x)
    y = e.multiply(x, pi)
    small = e.less(e.absolute(y), 0.05)
    square = e.square(e.select(small, y, as_dtype(array_of(0.0), y.dtype)[()]))
    series = 1.0 - square / 6 * (1.0 - square / 20 * (1.0 - square / 42 * (1.0 - square / 72)))
    safe = e.select(small, y.dtype.type(1), y)
    return e.select(small, series, e.sin(safe) / safe)


@covers(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * pi) -> Any:
    x = array_of(p)
    axis = axis_of(axis, len(x.shape))
    step = diff(x, axis=axis)
    half = period / 2
    wrapped = e.remainder(step + half, period) - half
    wrapped = e.select(e.logical_and(e.equal(wrapped, -half), e.greater(step, 0)), half, wrapped)
    limit = half if discont is None else max(discont, half)
    fix = e.select(e.less(e.absolute(step), limit), 0.0, wrapped - step)
    rest = part(x, axis, 1) + cumsum(fix, axis)
    return concatenate(as_dtype(part(x, axis, 0, 1), rest.dtype), rest, axis=axis)


# -- interpolation -----------------------------------------------------------------------------


@covers(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    x, xp, fp = (
        as_dtype(v, np.float64) if v.dtype.kind != "c" else v for v in map(array_of, (x, xp, fp))
    )
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, abs(period))
    count = xp.shape[0]
    if not count or tuple(fp.shape) != (count,):
        raise ValueError(f"interp: {tuple(xp.shape)} places for {tuple(fp.shape)} values")
    first, last = (gather(v, np.array([0, -1]), items=(ARRAY,)) for v in (xp, fp))
    low = last[0] if left is None else left
    high = last[1] if right is None else right
    inside = fp[0]
    if count > 1:
        i = clip(searchsorted(xp, x, "right") - 1, 0, count - 2)
        x0, x1, y0, y1 = (gather(v, i + k, items=(ARRAY,)) for v in (xp, fp) for k in (0, 1))
        inside = (y1 - y0) / (x1 - x0) * (x - x0) + y0
        inside = e.select(e.equal(x, first[1]), last[1], inside)
    return e.select(e.less(x, first[0]), low, e.select(e.greater(x, first[1]), high, inside))


def _periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Everything within one period, sorted, with one point more on either side."""
    x, xp = e.remainder(x, period), e.remainder(xp, period)
    order = np.argsort(xp)
    xp, fp = (gather(v, order, items=(ARRAY,)) for v in (xp, fp))
    xp = concatenate(xp[-1:] - period, xp, xp[:1] + period, axis=0)
    return x, xp, concatenate(fp[-1:], fp, fp[:1], axis=0)


# -- convolution ---------------------------------------------------------------------------------


@covers(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    x, y = (reshape(array_of(w), -1) for w in (a, v))
    if x.shape[0] < y.shape[0]:
        x, y = y, x
    n, m = x.shape[0], y.shape[0]
    if not m:
        raise ValueError("convolve: an operand is empty")
    padded = pad(x, x.dtype.type(0), widths=((m - 1, m - 1),))
    starts = {
        "full": np.arange(n + m - 1),
        "same": np.arange(n) + (m - 1) // 2,
        "valid": np.arange(m - 1, n),
    }
    if mode not in starts:
        raise ValueError(f"convolve: mode must be one of {sorted(starts)}, not {mode!r}")
    windows = gather(padded, starts[mode][:, None] + np.arange(m), items=(ARRAY,))
    return sum_(windows * y[::-1], 1)


@covers(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    x, y = array_of(a), array_of(v)
    y = e.conj(y) if y.dtype.kind == "c" else y
    if y.shape[0] > x.shape[0]:  # NumPy turns the operands round, and the result back
        return convolve(y, x[::-1], mode)[::-1] if mode == "same" else convolve(x, y[::-1], mode)
    return convolve(x, y[::-1], mode)


# -- statistics ------------------------------------------------------------------------------


@covers(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    rows = _variables(m, rowvar)
    if y is not None:
        rows = np.concatenate([rows, _variables(y, rowvar)], 0)
    rows = as_dtype(rows, np.promote_types(rows.dtype, np.float64) if dtype is None else dtype)
    ddof = int(not bias) if ddof is None else ddof
    count: Any = 1.0 if fweights is None else array_of(fweights)
    weights = count if aweights is None else array_of(aweights) * count
    if fweights is None and aweights is None:
        gap = rows - mean(rows, 1, keepdims=True)
        other, left = gap, max(rows.shape[1] - ddof, 0)
    else:
        total = sum_(weights)
        gap = rows - sum_(rows * weights, 1, keepdims=True) / total
        other = gap * weights
        left = total - (ddof if aweights is None else ddof * sum_(weights * aweights) / total)
    other = other.T if rows.dtype.kind != "c" else e.conj(other).T
    return np.squeeze(ufuncs[np.matmul](gap, other) / left)


def _variables(m: Any, rowvar: bool) -> Any:
    """One variable per row."""
    x = array_of(m)
    x = reshape(x, (1, -1)) if len(x.shape) < 2 else x
    return x if rowvar or array_of(m).ndim < 2 else x.T


@covers(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.shape:
        return c / c
    spread = e.sqrt(e.real(np.diagonal(c)))
    return c / spread[:, None] / spread[None, :]


@covers(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    places = array_of(x)
    count = max(minlength, int(known(places).max(initial=-1)) + 1)
    total = zeros(count, np.intp if weights is None else np.float64)
    weights = np.ones(places.shape, np.intp) if weights is None else array_of(weights)
    return scatter(total, weights, places, items=(ARRAY,), mode="add")


@covers(np.apply_over_axes)
def apply_over_axes(func: Any, a: Any, axes: Any) -> Any:
    x = array_of(a)
    for axis in axes if isinstance(axes, (tuple, list)) else (axes,):
        found = func(x, axis)
        x = found if found.ndim == x.ndim else np.expand_dims(found, axis)
    return x


@covers(np.apply_along_axis)
def apply_along_axis(func1d: Any, axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    x = moveaxis(array_of(arr), axis, -1)
    lead = tuple(x.shape[:-1])
    rows = reshape(x, (-1, x.shape[-1]))
    found = [array_of(func1d(rows[i], *args, **kwargs)) for i in range(rows.shape[0])]
    out = reshape(stack(found), (*lead, *found[0].shape))
    rank = len(found[0].shape)
    places = tuple(range(axis_of(axis, len(x.shape)), axis_of(axis, len(x.shape)) + rank))
    return moveaxis(out, tuple(range(len(lead), len(lead) + rank)), places) if rank else out
