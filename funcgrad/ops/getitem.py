"""``x[...]`` and ``x[...] = v`` on traced arrays: the whole of NumPy's indexing.

Basic items (integers, slices, None, ...) make a view that writes through; integer arrays,
masks and traced integers make a gather.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import indexing
from funcgrad.ops.elementwise import add, convert, maximum, minimum, multiply, select
from funcgrad.ops.indexing import ARRAY, gather, index, put, scatter
from funcgrad.ops.operators import operand
from funcgrad.ops.shaping import reshape
from funcgrad.ops.views import part_view
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Outcome, Tracer, View, assign, is_traced

_current = running.get


def getitem(x: Any, item: Any) -> Any:
    cls = item.__class__
    if cls is slice:
        items: Any = ((item.start, item.stop, item.step),)
    elif cls is int:
        items = (item,)
    else:
        return _getitem(x, item)
    trace = x._trace
    if trace is _current():
        try:
            node = trace.node.edges.get((index, (("items", items),), x._var))
        except TypeError:  # a traced bound of a slice
            node = None
        if node is not None:
            trace.node = node
            var = node.out
            return View(trace, var, x, items) if var.aval.shape else Tracer(trace, var)
    return _getitem(x, item)


def _view(x: Any, var: Any, items: Any) -> Any:
    return View(x._trace, var, x, items) if var.aval.shape else Tracer(x._trace, var)


def _getitem(x: Any, item: Any) -> Any:
    truth = _lone_truth(item)
    if truth is not None:  # a new axis with one element, or with none
        return index(index(x, items=(None,)), items=((0, int(bool(truth)), None),))
    items, arrays = normalise(x.shape, item)
    if arrays:
        if all(not a.shape for a in arrays):  # integers that are arrays or traced: still a view
            return part_view(x, Picked(items, arrays))
        return gather(x, *arrays, items=items)
    out = index(x, items=items)
    return _view(x, out._var, items) if out._trace is x._trace else out


class Picked:
    """The part of an array at integers that are traced."""

    __slots__ = ("arrays", "items")

    def __init__(self, items: Any, arrays: Any):
        self.items, self.arrays = items, arrays

    def read(self, base: Any) -> Any:
        return gather(base, *self.arrays, items=self.items)

    def write(self, base: Any, value: Any) -> Any:
        return scatter(base, value, *self.arrays, items=self.items, mode="set")

    def memory(self, base: Any) -> Any:
        return base[indexing.plain(self.items, [0] * len(self.arrays))]


def _lone_truth(item: Any) -> Any:
    """A truth value without axes that is the whole index, or None."""
    i = item[0] if item.__class__ is tuple and len(item) == 1 else item
    if i.__class__ is bool or (getattr(i, "shape", None) == () and i.dtype == bool):
        return i
    return None


def setitem(x: Any, item: Any, value: Any) -> None:
    """``x[item] = value``: the handle stands for the updated array from here on."""
    assign(x, scattered(x, item, value))


_CHANGES = {"add": add, "multiply": multiply, "minimum": minimum, "maximum": maximum}


def scattered(x: Any, item: Any, value: Any, mode: str = "set") -> Any:
    """A new array: x with the part at ``item`` set, or changed, by ``value``."""
    value = as_value(value, x.dtype)
    truth = _lone_truth(item)
    if truth is not None:
        if len(getattr(value, "shape", ())) > len(x.shape):  # as x[truth] has: one row, or none
            if not truth:
                return Tracer(x._trace, x._var)
            value = _fitted(value, x.shape)
        return select(truth, value if mode == "set" else _CHANGES[mode](x, value), x)
    mask = _whole_mask(x, item)
    if mask is not None and not getattr(value, "shape", ()):
        return select(mask, value if mode == "set" else _CHANGES[mode](x, value), x)
    items, arrays = normalise(x.shape, item)
    if arrays:
        part = indexing.Layout(x.shape, items, tuple(tuple(a.shape) for a in arrays)).shape
        return scatter(x, _fitted(value, part), *arrays, items=items, mode=mode)
    value = _fitted(value, indexing.index_shape(x.shape, items))
    if mode != "set":
        value = _CHANGES[mode](index(x, items=items), value)
    return put(x, value, items=items)


def _fitted(value: Any, part: tuple[int, ...]) -> Any:
    """NumPy lets a value have more axes than its place, if they come first and are of size 1."""
    shape = tuple(getattr(value, "shape", ()))
    extra = len(shape) - len(part)
    if extra > 0 and shape[:extra] == (1,) * extra:
        return reshape(value, shape=shape[extra:])
    return value


def _whole_mask(x: Any, item: Any) -> Any:
    """A traced boolean mask over all of x, which needs no concrete value to assign by."""
    if is_traced(item) and item.dtype == bool and item.shape == x.shape:
        return item
    return None


def as_value(value: Any, dtype: Any) -> Any:
    """A value about to be stored in an array of this dtype."""
    value = operand(value)
    if is_traced(value):
        return value if value.dtype == dtype else convert(value, dtype=dtype)
    cls = value.__class__
    if cls is complex and dtype.kind != "c":
        raise TypeError(f"a complex number cannot be stored in an array of {dtype}")
    if cls is int or (cls in (float, complex) and dtype.kind in "fc"):
        return value
    if hasattr(value, "get"):  # CuPy's
        return value
    return np.asarray(value).astype(dtype)


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
            f"too many indices: the array has {len(shape)} axes (shape {shape}), "
            f"{axis} were indexed"
        )
    return tuple(items), arrays


def _axes_used(i: Any) -> int:
    if i is None or i is Ellipsis:
        return 0
    dtype = getattr(i, "dtype", None)
    if dtype is not None and dtype.kind == "b":
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
        _append_array(
            np.asarray(i) if isinstance(i, (list, tuple, bool, range)) else i,
            items,
            arrays,
            shape,
            axis,
        )


def _bound(b: Any) -> int:
    return b.__index__() if is_traced(b) else int(b)


def _append_traced(i: Any, items: Any, arrays: Any, shape: Any, axis: int) -> None:
    if i.dtype == bool:
        mask = i.decide(Outcome).array
        _append_array(mask, items, arrays, shape, axis)
    elif i.dtype.kind in "iu":
        items.append(ARRAY)
        arrays.append(i)
    else:
        raise IndexError(f"arrays used as indices must be of integer or boolean type, not {i.aval}")


def _append_array(i: Any, items: Any, arrays: Any, shape: Any, axis: int) -> None:
    if not hasattr(i, "dtype"):
        raise IndexError(f"{i!r:.40} of type {type(i).__name__} cannot index an array")
    if i.dtype == bool:
        if tuple(i.shape) != tuple(shape[axis : axis + i.ndim]):
            raise IndexError(
                f"a mask of shape {i.shape} does not fit the axes "
                f"{shape[axis : axis + i.ndim]} it indexes"
            )
        if i.ndim == 0:
            raise IndexError("a 0-d mask beside other indices cannot index a traced array")
        for place in i.nonzero():
            items.append(ARRAY)
            arrays.append(place)
        return
    if i.dtype.kind not in "iu":
        if i.size:
            raise IndexError(
                f"arrays used as indices must be of integer or boolean type, not {i.dtype}"
            )
        i = i.astype(np.intp)
    if axis < len(shape) and i.size:
        _check_bounds(i, axis, shape[axis])
    items.append(ARRAY)
    arrays.append(i)


def _check_bounds(i: Any, axis: int, n: int) -> None:
    """A known index is wrong at the line that uses it, not when the program runs."""
    for found in (int(i.max()), int(i.min())):
        if not -n <= found < n:
            raise IndexError(f"index {found} is out of bounds for axis {axis} with size {n}")


Tracer.__getitem__ = getitem  # type: ignore[attr-defined, misc]
Tracer.__setitem__ = setitem  # type: ignore[attr-defined, index]
