"""Arrays out of nothing or out of another's shape: while a trace runs they are traced handles.

So a loop that fills ``np.zeros_like(x)`` or ``funcgrad.numpy.zeros(n)`` differentiates.
"""

from __future__ import annotations

from functools import wraps
from math import ceil
from operator import index
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import (
    array_of,
    as_dtype,
    axis_of,
    covers,
    dtype_of,
    holds_traced,
    known,
    made,
    same,
    shape_from,
    spread_to,
)
from funcgrad.ops.functions.shaping import moveaxis
from funcgrad.ops.indexing import put
from funcgrad.ops.shaping import full as full_op
from funcgrad.ops.shaping import iota, reshape
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Tracer, is_traced

# -- filled with one value -----------------------------------------------------------------------


def _makes(numpys: Any) -> Any:
    """Outside of traces NumPy's function answers, with all that its arguments mean to it."""

    def register(handler: Any) -> Any:
        @wraps(handler)
        def make(*args: Any, **kwargs: Any) -> Any:
            return (numpys if running.get() is None else handler)(*args, **kwargs)

        return make

    return register


def _here(device: Any) -> None:
    """NumPy's arrays are on one device only."""
    if device not in (None, "cpu"):
        raise ValueError(f"device={device!r}: NumPy's arrays are on the 'cpu'")


@_makes(np.full)
def full(
    shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", *, device: Any = None,
    like: Any = None,
) -> Any:  # fmt: skip
    _here(device)
    shape = shape_from(shape)
    fill = fill_value if is_traced(fill_value) else array_of(fill_value)[()]
    dtype = np.dtype(fill.dtype if dtype is None else dtype)
    if np.ndim(fill) == 0:
        fill = fill.item() if hasattr(fill, "item") and not is_traced(fill) else fill
        return made(
            full_op, int(fill) if fill is True or fill is False else fill, shape=shape, dtype=dtype
        )
    out = made(full_op, 0, shape=shape, dtype=dtype)
    return put(out, as_dtype(fill, dtype), items=())


@_makes(np.zeros)
def zeros(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Any:
    _here(device)
    return made(full_op, 0, shape=shape_from(shape), dtype=np.dtype(dtype or float))


@_makes(np.ones)
def ones(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Any:
    _here(device)
    return made(full_op, 1, shape=shape_from(shape), dtype=np.dtype(dtype or float))


@_makes(np.empty)
def empty(
    shape: Any, dtype: Any = None, order: str = "C", *, device: Any = None, like: Any = None
) -> Any:
    """What NumPy leaves open is 0 here: a traced array always has values."""
    return zeros(shape, dtype, order, device=device)


def _like(a: Any, dtype: Any, shape: Any) -> tuple[tuple[int, ...], Any]:
    a = array_of(a)
    shape = tuple(a.shape) if shape is None else shape_from(shape)
    return shape, np.dtype(a.dtype if dtype is None else dtype)


@covers(np.zeros_like, np.empty_like)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    return zeros(*_like(a, dtype, shape))


@covers(np.ones_like)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, *,
    device: Any = None,
) -> Any:  # fmt: skip
    return ones(*_like(a, dtype, shape))


@covers(np.full_like)
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
    shape: Any = None, *, device: Any = None,
) -> Any:  # fmt: skip
    shape, dtype = _like(a, dtype, shape)
    return full(shape, fill_value, dtype)


@_makes(np.eye)
def eye(
    N: Any, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C", *,
    device: Any = None, like: Any = None,
) -> Any:  # fmt: skip
    _here(device)
    shape = (index(N), index(N if M is None else M))
    rows, columns = (made(iota, shape=shape, axis=i, dtype=np.dtype(np.intp)) for i in (0, 1))
    return as_dtype(e.equal(e.add(rows, k), columns), dtype)


@_makes(np.identity)
def identity(n: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return eye(n, dtype=dtype or float)


# -- sequences -------------------------------------------------------------------------------


@_makes(np.arange)
def arange(
    start: Any = None, stop: Any = None, step: Any = 1, dtype: Any = None, *, device: Any = None,
    like: Any = None,
) -> Any:  # fmt: skip
    _here(device)
    if start is None and stop is None:
        raise TypeError("arange: where the numbers end is missing")
    start, stop = (0, start) if stop is None else (0 if start is None else start, stop)
    step = 1 if step is None else step
    kinds = dtype_of(start, stop, step)
    count = max(0, ceil(_known((stop - start) / step)))
    numbers = made(iota, shape=(count,), axis=0, dtype=np.dtype(np.intp))
    # NumPy adds multiples of this difference, rounding included
    values = e.add(e.multiply(numbers, e.subtract(e.add(start, step), start)), start)
    return as_dtype(values, kinds if dtype is None else dtype)


def _known(count: Any) -> float:
    return float(count.decide(float)) if is_traced(count) else float(count)


@covers(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    num = index(num)
    if num < 0:
        raise ValueError(f"linspace: the number of samples must not be negative, not {num}")
    kind = dtype_of(
        *[v if isinstance(v, (int, float, complex)) else array_of(v) for v in (start, stop)]
    )
    kind = kind if kind.kind in "fc" else np.dtype(np.float64)
    first, last = (as_dtype(array_of(v), kind) for v in (start, stop))
    gaps = num - 1 if endpoint else num
    shape = np.broadcast_shapes(tuple(first.shape), tuple(last.shape))
    counts = made(iota, shape=(num, *(1,) * len(shape)), axis=0, dtype=kind)
    step = e.divide(e.subtract(last, first), gaps) if gaps > 0 else kind.type(np.nan)
    out = e.add(e.multiply(counts, step if gaps > 0 else 0), first)
    if endpoint and num > 1:
        out = put(out, spread_to(last, shape), items=(-1,))
    kind = np.dtype(kind if dtype is None else dtype)
    out = as_dtype(e.floor(out) if kind.kind in "iu" else out, kind)
    out = moveaxis(out, 0, axis) if axis_of(axis, len(out.shape)) else out
    return (out, step) if retstep else out


@covers(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    return as_dtype(e.power(base, linspace(start, stop, num, endpoint, axis=axis)), dtype)


@covers(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """start (stop/start)^t, t evenly spaced; both ends exactly as given."""
    first, last = array_of(start), array_of(stop)
    for end in (first, last):
        if np.any(known(e.equal(end, 0))):
            raise ValueError("geomspace: a geometric sequence does not contain zero")
    kind = np.promote_types(dtype_of(first, last), np.float64)
    first, last = (as_dtype(x, kind) for x in (first, last))
    shape = np.broadcast_shapes(tuple(first.shape), tuple(last.shape))
    if kind.kind == "f" and np.any(known(e.less(last / first, 0))):
        raise ValueError("geomspace: real ends must have the same sign; complex ones may differ")
    way = reshape(linspace(0.0, 1.0, num, endpoint), shape=(index(num), *(1,) * len(shape)))
    out = first * e.power(last / first, as_dtype(way, np.finfo(kind).dtype))
    if endpoint and num > 1:
        out = put(out, spread_to(last, shape), items=(-1,))
    out = as_dtype(out, dtype)
    return moveaxis(out, 0, axis) if axis_of(axis, len(out.shape)) else out


@covers(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing must be 'xy' or 'ij', not {indexing!r}")
    xs = [array_of(x) for x in xi]
    rank = len(xs)
    order = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    sizes = [int(np.prod(x.shape)) for x in xs]
    lined = [
        reshape(x, shape=tuple(sizes[k] if place == order[k] else 1 for place in range(rank)))
        for k, x in enumerate(xs)
    ]
    shape = tuple(sizes[order[place]] for place in range(rank))
    return tuple(lined if sparse else [spread_to(x, shape) for x in lined])


# -- from other data -------------------------------------------------------------------------


@_makes(np.array)
def array(
    object: Any, dtype: Any = None, *, copy: Any = True, order: str = "K", subok: bool = False,
    ndmin: int = 0, like: Any = None,
) -> Any:  # fmt: skip
    """``np.array``, which also takes nested lists with traced values among their elements."""
    if is_traced(object):
        out = same(object)
    elif holds_traced(object):
        out = array_of(object)
    else:
        options: Any = {"copy": copy, "order": order, "subok": subok, "ndmin": ndmin}
        return _handle(np.array(object, dtype, **options))
    out = as_dtype(out, dtype)
    missing = ndmin - len(out.shape)
    return reshape(out, shape=(*(1,) * missing, *out.shape)) if missing > 0 else out


@_makes(np.asarray)
def asarray(
    a: Any, dtype: Any = None, order: Any = None, *, device: Any = None, copy: Any = None,
    like: Any = None,
) -> Any:  # fmt: skip
    _here(device)
    if is_traced(a) and (dtype is None or a.dtype == dtype):
        return same(a) if copy else a
    return array(a, dtype)


def _handle(x: Any) -> Any:
    """A plain array as a traced one, while a trace is running that takes in values."""
    trace = running.get()
    if trace is None or not hasattr(trace, "lift") or x.dtype.kind not in "biufc":
        return x
    return Tracer(trace, trace.lift(x))


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> Any:
    x = asarray(a, dtype)
    if not np.all(known(e.isfinite(x))):
        raise ValueError("asarray_chkfinite: the array must not contain infinities or NaN")
    return x


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    if is_traced(a):
        return asarray(a, dtype)
    return _handle(np.require(a, dtype, requirements))


def _making(function: Any) -> Any:
    """A function of NumPy's that makes arrays, as one that makes handles while a trace runs."""

    @wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        if isinstance(found, tuple):
            return tuple(_handle(x) for x in found)
        return _handle(found) if isinstance(found, np.ndarray) else found

    return make


bartlett, blackman, hamming, hanning = map(
    _making, (np.bartlett, np.blackman, np.hamming, np.hanning)
)
tri, indices, fromfunction = map(_making, (np.tri, np.indices, np.fromfunction))
from_dlpack, frombuffer, fromiter = map(_making, (np.from_dlpack, np.frombuffer, np.fromiter))


@covers(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return same(a)


@covers(getattr(np, "astype", None))
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return same(as_dtype(x, dtype))
