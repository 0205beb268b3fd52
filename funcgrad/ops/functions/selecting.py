"""Choosing elements: where, select, clip, take, put."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ConcretizationError, NotTraceableError
from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import (
    array_of,
    as_dtype,
    axis_of,
    covers,
    dtype_of,
    flat,
    into,
    spread_to,
)
from funcgrad.ops.functions.shaping import broadcast_arrays
from funcgrad.ops.functions.sorting import known_mask, nonzero
from funcgrad.ops.getitem import setitem
from funcgrad.ops.indexing import ARRAY, gather
from funcgrad.ops.operators import operand
from funcgrad.ops.reductions import take_along
from funcgrad.ops.shaping import ALL
from funcgrad.trace.tracer import is_traced

_none = np._NoValue


@covers(np.where)
def where(condition: Any, x: Any = _none, y: Any = _none, /) -> Any:
    if x is _none and y is _none:
        return nonzero(condition)
    return e.select(truth(condition), operand(x), operand(y))


def truth(mask: Any) -> Any:
    """A condition as truth values: NumPy takes numbers too."""
    mask = array_of(mask)
    return mask if mask.dtype == bool else e.not_equal(mask, 0)


@covers(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    dtype = dtype_of(*[array_of(c) for c in choicelist], default)
    out = operand(default)
    for mask, choice in zip(condlist[::-1], choicelist[::-1], strict=True):
        out = e.select(truth(mask), operand(choice), out)
    return as_dtype(out, dtype)


@covers(np.piecewise)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Every piece is computed everywhere and chosen from: no decision is needed."""
    x = array_of(x)
    masks = list(condlist) if isinstance(condlist, (list, tuple)) else [condlist]
    masks = [truth(m) for m in masks]
    if len(masks) == 1 and len(masks[0].shape) == len(x.shape) + 1:
        masks = [masks[0][i] for i in range(masks[0].shape[0])]
    pieces = [f(x, *args, **kw) if callable(f) else f for f in funclist]
    if len(pieces) not in (len(masks), len(masks) + 1):
        raise ValueError(f"piecewise: {len(masks)} conditions for {len(pieces)} functions")
    out = pieces[len(masks)] if len(pieces) > len(masks) else 0
    for mask, piece in zip(masks, pieces, strict=False):  # the last that holds wins
        out = e.select(mask, piece, out)
    return as_dtype(out, x.dtype)


@covers(np.clip)
def clip(
    a: Any, a_min: Any = _none, a_max: Any = _none, out: Any = None, *, min: Any = _none,
    max: Any = _none, dtype: Any = None,
) -> Any:  # fmt: skip
    low, high = (v if v is not _none else w for v, w in ((a_min, min), (a_max, max)))
    x = as_dtype(operand(a), dtype)
    if low is not None and low is not _none:
        x = e.maximum(x, operand(low))
    if high is not None and high is not _none:
        x = e.minimum(x, operand(high))
    return into(out, x)


# -- taking ------------------------------------------------------------------------------------


@covers(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x, places = array_of(a), array_of(indices)
    x = flat(x) if axis is None else x
    axis = axis_of(axis or 0, len(x.shape))
    if places.dtype.kind not in "iu":
        raise TypeError(f"take: indices must be integers, not {places.dtype}")
    if mode == "wrap":
        places = places % x.shape[axis]
    elif mode == "clip":
        places = clip(places, 0, x.shape[axis] - 1)
    return into(out, gather(x, places, items=(*(ALL,) * axis, ARRAY)))


def _along(x: Any, indices: Any, axis: int) -> tuple[Any, Any]:
    """Both with the same lengths away from the axis."""
    pairs = list(zip(x.shape, indices.shape, strict=True))
    lengths = [max(n, m) if m and n else 0 for n, m in pairs]
    return (
        spread_to(x, tuple(n if i == axis else lengths[i] for i, (n, _) in enumerate(pairs))),
        spread_to(indices, tuple(m if i == axis else lengths[i] for i, (_, m) in enumerate(pairs))),
    )


@covers(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, places = array_of(arr), array_of(indices)
    if axis is None:
        x, axis = flat(x), 0
    if len(x.shape) != len(places.shape):
        raise ValueError("take_along_axis: the indices and the array need the same number of axes")
    axis = axis_of(axis, len(x.shape))
    x, places = _along(x, places, axis)
    return take_along(x, places, axis=axis)


def _must_be_handle(who: str, x: Any) -> None:
    if not is_traced(x):
        raise ConcretizationError(
            f"{who} writes into a plain array, which cannot hold a traced value; make the array "
            "with np.zeros_like(x) or funcgrad.numpy.zeros inside the traced function"
        )


@covers(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    _must_be_handle("put_along_axis", arr)
    places = array_of(indices)
    if axis is None:
        raise NotTraceableError(
            "put_along_axis: axis=None is not covered; use x.reshape(-1)[i] = v"
        )
    axis = axis_of(axis, arr.ndim)
    grid: list[Any] = [
        np.arange(n if m == 1 else m).reshape([-1 if j == i else 1 for j in range(arr.ndim)])
        for i, (n, m) in enumerate(zip(arr.shape, places.shape, strict=True))
    ]
    grid[axis] = places
    setitem(arr, tuple(grid), values)


@covers(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    _must_be_handle("copyto", dst)
    src = src if where is True else e.select(truth(where), operand(src), dst)
    setitem(dst, Ellipsis, src)


@covers(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    _must_be_handle("putmask", a)
    values = array_of(values)
    if len(values.shape) and values.shape != a.shape:
        raise NotTraceableError("putmask: values of another shape are not covered; use x[mask] = v")
    copyto(a, values, where=mask)


@covers(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    _must_be_handle("place", arr)
    mask = known_mask(mask)
    numbers = np.arange(int(mask.sum())) % array_of(vals).shape[0]
    setitem(arr, mask, gather(array_of(vals), numbers, items=(ARRAY,)))


@covers(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    _must_be_handle("put", a)
    if mode != "raise":
        raise NotTraceableError(f"put: mode={mode!r} is not covered; use x.reshape(-1)[i] = v")
    setitem(a.reshape(-1), array_of(ind), v)


@covers(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    places = known_mask(array_of(condition)).ravel().nonzero()[0]
    return gather(flat(array_of(arr)), places, items=(ARRAY,))


@covers(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    return into(out, take(a, known_mask(array_of(condition)).nonzero()[0], axis))


@covers(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    if mode != "raise":
        raise NotTraceableError(f"choose: mode={mode!r} is not covered; clip or wrap the indices")
    which, *options = broadcast_arrays(a, *choices)
    result = options[0]
    for k, option in enumerate(options[1:], 1):
        result = e.select(e.equal(which, k), option, result)
    return into(out, result)
