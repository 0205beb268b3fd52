"""``x[...]`` and ``x[...] = v`` on traced arrays: the whole of NumPy's indexing.

Basic items (integers, slices, None, ...) make a view that writes through; integer arrays,
masks and traced integers make a gather.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import indexing
from funcgrad.ops.elementwise import convert, select
from funcgrad.ops.indexing import ARRAY, gather, index, put, scatter
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer, View, assign, is_traced

_current = running.get


def getitem(x: Any, item: Any) -> Any:
    cls = item.__class__
    if cls is slice:
        items: Any = ((item.start, item.stop, item.step),)
    elif cls is int:
        items = (item,)
    else:
        return _getitem(x, item)
    trace = x.trace
    if trace is _current():
        try:
            node = trace.node.edges.get((index, (("items", items),), x.var))
        except TypeError:  # a traced bound of a slice
            node = None
        if node is not None:
            trace.node = node
            var = node.out
            return View(trace, var, x, items) if var.aval.shape else Tracer(trace, var)
    return _getitem(x, item)


def _view(x: Any, var: Any, items: Any) -> Any:
    return View(x.trace, var, x, items) if var.aval.shape else Tracer(x.trace, var)


def read_part(base: Any, part: Any) -> Any:
    """A view's value, from the present value of its base."""
    return index(base, items=part) if part.__class__ is tuple else part.read(base)


def write_part(base: Any, value: Any, part: Any) -> Any:
    """A base's new value, when a view of it was assigned to."""
    return put(base, value, items=part) if part.__class__ is tuple else part.write(base, value)


def _getitem(x: Any, item: Any) -> Any:
    items, arrays = normalise(x.shape, item)
    if arrays:
        return gather(x, *arrays, items=items)
    out = index(x, items=items)
    return _view(x, out.var, items) if out.trace is x.trace else out


def setitem(x: Any, item: Any, value: Any) -> None:
    """``x[item] = value``: the handle stands for the updated array from here on."""
    value = as_value(value, x.dtype)
    mask = _whole_mask(x, item)
    if mask is not None and np.ndim(value) == 0:
        assign(x, select(mask, value, x))
        return
    items, arrays = normalise(x.shape, item)
    if arrays:
        assign(x, scatter(x, value, *arrays, items=items, mode="set"))
    else:
        assign(x, put(x, value, items=items))


def _whole_mask(x: Any, item: Any) -> Any:
    """A traced boolean mask over all of x, which needs no concrete value to assign by."""
    if is_traced(item) and item.dtype == bool and item.shape == x.shape:
        return item
    return None


def as_value(value: Any, dtype: Any) -> Any:
    """A value about to be stored in an array of this dtype."""
    if not is_traced(value):
        if value.__class__ in (int, float, complex):
            return value if dtype.kind in "fc" or value.__class__ is int else np.asarray(value).astype(dtype)
        return np.asarray(value, dtype=dtype) if not hasattr(value, "get") else value
    if value.dtype != dtype:
        return convert(value, dtype=dtype)
    return value


def normalise(shape: tuple[int, ...], item: Any) -> tuple[Any, list[Any]]:
    """Hashable items and the index arrays among them; masks become integers, ... slices."""
    raw = item if item.__class__ is tuple else (item,)
    items: list[Any] = []
    arrays: list[Any] = []
    used = sum(_axes_used(i) for i in raw)
    if sum(i is Ellipsis for i in raw) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    axis = 0
    for i in raw:
        if i is Ellipsis:
            count = len(shape) - used
            items += [indexing.ALL] * count
            axis += count
            continue
        _append(i, items, arrays, shape, axis)
        axis += _axes_used(i)
    if axis > len(shape):
        raise IndexError(
            f"too many indices: the array has {len(shape)} axes (shape {shape}), {axis} were indexed"
        )
    return tuple(items), arrays


def _axes_used(i: Any) -> int:
    if i is None or i is Ellipsis:
        return 0
    dtype = getattr(i, "dtype", None)
    if dtype is not None and dtype == bool:
        return int(i.ndim)
    if i.__class__ is list and i and isinstance(np.asarray(i).flat[0], np.bool_):
        return np.ndim(i)
    return 1


def _append(i: Any, items: list[Any], arrays: list[Any], shape: Any, axis: int) -> None:
    if i is None or i.__class__ is int:
        items.append(i)
    elif i.__class__ is slice:
        items.append(tuple(None if b is None else _bound(b) for b in (i.start, i.stop, i.step)))
    elif is_traced(i):
        _append_traced(i, items, arrays, shape, axis)
    elif isinstance(i, (np.integer,)):
        items.append(int(i))
    else:
        _append_array(np.asarray(i) if isinstance(i, (list, tuple, bool, range)) else i, items, arrays, shape, axis)


def _bound(b: Any) -> int:
    return b.__index__() if is_traced(b) else int(b)


def _append_traced(i: Any, items: Any, arrays: Any, shape: Any, axis: int) -> None:
    if i.dtype == bool:
        mask = i.decide(Mask).array
        _append_array(mask, items, arrays, shape, axis)
    elif i.dtype.kind in "iu":
        items.append(ARRAY)
        arrays.append(i)
    else:
        raise IndexError(f"arrays used as indices must be of integer or boolean type, not {i.aval}")


class Mask:
    """A mask that Python was told: the label of its branch is all of its content."""

    def __init__(self, array: Any):
        self.array = np.asarray(array.get() if hasattr(array, "get") else array)
        self.key = (self.array.shape, self.array.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mask) and self.key == other.key


def _append_array(i: Any, items: Any, arrays: Any, shape: Any, axis: int) -> None:
    if not hasattr(i, "dtype"):
        raise IndexError(f"{i!r:.40} of type {type(i).__name__} cannot index an array")
    if i.dtype == bool:
        if tuple(i.shape) != tuple(shape[axis : axis + i.ndim]):
            raise IndexError(
                f"a mask of shape {i.shape} does not fit the axes {shape[axis:axis + i.ndim]} it indexes"
            )
        if i.ndim == 0:
            raise IndexError("a 0-d mask cannot index a traced array; use np.where")
        for place in i.nonzero():
            items.append(ARRAY)
            arrays.append(place)
        return
    if i.dtype.kind not in "iu":
        if i.size:
            raise IndexError(f"arrays used as indices must be of integer or boolean type, not {i.dtype}")
        i = i.astype(np.intp)
    items.append(ARRAY)
    arrays.append(i)


Tracer.__getitem__ = getitem  # type: ignore[attr-defined]
Tracer.__setitem__ = setitem  # type: ignore[attr-defined]
hooks.read_part, hooks.write_part = read_part, write_part
