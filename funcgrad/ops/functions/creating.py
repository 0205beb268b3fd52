"""Arrays out of nothing or out of another's shape: while a trace runs they are traced handles.

So a loop that fills ``np.zeros_like(x)`` or ``funcgrad.numpy.zeros(n)`` differentiates.
"""

from __future__ import annotations

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
from funcgrad.ops.getitem import setitem
from funcgrad.ops.indexing import ARRAY, gather, put, scatter
from funcgrad.ops.shaping import full as full_op
from funcgrad.ops.shaping import iota, reshape
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Tracer, is_traced

# -- filled with one value -----------------------------------------------------------------------


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **other: Any) -> Any:
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


def zeros(shape: Any, dtype: Any = None, order: str = "C", **other: Any) -> Any:
    return made(full_op, 0, shape=shape_from(shape), dtype=np.dtype(dtype or float))


def ones(shape: Any, dtype: Any = None, order: str = "C", **other: Any) -> Any:
    return made(full_op, 1, shape=shape_from(shape), dtype=np.dtype(dtype or float))


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


def eye(
    N: Any, M: Any = None, k: int = 0, dtype: Any = float, order: str = "C", **other: Any
) -> Any:
    shape = (index(N), index(N if M is None else M))
    rows, columns = (made(iota, shape=shape, axis=i, dtype=np.dtype(np.intp)) for i in (0, 1))
    return as_dtype(e.equal(e.add(rows, k), columns), dtype)


def identity(n: Any, dtype: Any = None, **other: Any) -> Any:
    return eye(n, dtype=dtype or float)


# -- sequences -------------------------------------------------------------------------------


def arange(
    *args: Any, dtype: Any = None, device: Any = None, like: Any = None, **named: Any
) -> Any:
    start, stop, step = _range(args, named)
    kinds = dtype_of(start, stop, step)
    count = max(0, ceil(_known((stop - start) / step)))
    numbers = made(iota, shape=(count,), axis=0, dtype=np.dtype(np.intp))
    # NumPy adds multiples of this difference, rounding included
    values = e.add(e.multiply(numbers, e.subtract(e.add(start, step), start)), start)
    return as_dtype(values, kinds if dtype is None else dtype)


def _range(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, Any, Any]:
    words = ("start", "stop", "step") if len(args) != 1 else ("stop", "start", "step")
    given = {**dict(zip(words, args, strict=False)), **named}
    if "stop" not in given:  # arange(start=n) counts to n, as in NumPy
        given["stop"] = given.pop("start")
    return given.get("start", 0), given["stop"], given.get("step", 1)


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
        out = _handle(np.array(object, dtype))
    out = as_dtype(out, dtype)
    missing = ndmin - len(out.shape)
    return reshape(out, shape=(*(1,) * missing, *out.shape)) if missing > 0 else out


def asarray(a: Any, dtype: Any = None, order: Any = None, **other: Any) -> Any:
    if is_traced(a) and (dtype is None or a.dtype == dtype):
        return a
    return array(a, dtype)


def _handle(x: Any) -> Any:
    """A plain array as a traced one, while a trace is running that takes in values."""
    trace = running.get()
    if trace is None or not hasattr(trace, "lift") or x.dtype.kind not in "biufc":
        return x
    return Tracer(trace, trace.lift(x))


@covers(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    return same(a)


@covers(getattr(np, "astype", None))
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    return same(as_dtype(x, dtype))


# -- triangles and diagonals -------------------------------------------------------------------


def _lower(x: Any, k: int) -> Any:
    """Where the matrix is on or below its k-th diagonal."""
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, k, dtype=bool)


@covers(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    x = array_of(m)
    return e.select(_lower(x, k), x, x.dtype.type(0))


@covers(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    x = array_of(m)
    return e.select(_lower(x, k - 1), x.dtype.type(0), x)


def _diagonal(rows: int, columns: int, k: int) -> tuple[Any, Any]:
    """The places of a diagonal."""
    i = np.arange(max(0, min(rows + min(k, 0), columns - max(k, 0))))
    return i + max(-k, 0), i + max(k, 0)


@covers(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    x = array_of(v)
    if len(x.shape) == 2:
        return gather(x, *_diagonal(x.shape[0], x.shape[1], k), items=(ARRAY, ARRAY))
    if len(x.shape) != 1:
        raise ValueError(f"diag takes one axis or two, not shape {tuple(x.shape)}")
    n = x.shape[0] + abs(k)
    empty = full_op(x.dtype.type(0), shape=(n, n), dtype=x.dtype)
    return scatter(empty, x, *_diagonal(n, n, k), items=(ARRAY, ARRAY), mode="add")


@covers(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    x = array_of(v)
    return diag(reshape(x, shape=(int(np.prod(x.shape)),)), k)


@covers(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"fill_diagonal: an array of two axes or a cube is needed, not {a.shape}")
    i = np.arange(min(a.shape))
    val = array_of(val)
    if val.shape:  # as many as are needed, from the beginning again if they do not suffice
        val = gather(reshape(val, shape=(val.size,)), i % val.size, items=(ARRAY,))
    setitem(a, (i,) * a.ndim, val)


@covers(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@covers(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


@covers(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    return np.diag_indices(arr.shape[0], arr.ndim)


@covers(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = array_of(x)
    x = as_dtype(x, np.promote_types(x.dtype, int))
    n = x.shape[0] if N is None else index(N)
    column = reshape(x, shape=(*x.shape, 1))
    powers = [e.raise_to(column, exponent=k) for k in range(n)]
    powers = powers if increasing else powers[::-1]
    return np.concatenate(powers, axis=1) if powers else zeros((x.shape[0], 0), x.dtype)
