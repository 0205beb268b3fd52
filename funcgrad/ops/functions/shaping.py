"""Shapes: reshape, transpose, broadcast, flip, roll, repeat, tile."""

from __future__ import annotations

from math import prod
from operator import index as as_index
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import broadcast_shapes
from funcgrad.ops.functions.common import (
    array_of,
    axes_of,
    axis_of,
    covers,
    flat,
    shape_from,
    spread_to,
)
from funcgrad.ops.functions.cumulating import part
from funcgrad.ops.indexing import ARRAY, gather
from funcgrad.ops.shaping import ALL, concatenate
from funcgrad.ops.shaping import broadcast_to as broadcast_op
from funcgrad.ops.shaping import reshape as reshape_op
from funcgrad.ops.views import item_view, reshape_view, transpose_view


def filled_shape(shape: Any, size: int) -> tuple[int, ...]:
    """A shape with its -1, if it has one, worked out."""
    shape = shape_from(shape)
    if -1 in shape:
        known = prod(n for n in shape if n != -1)
        if shape.count(-1) > 1 or (size % known if known else size):
            raise ShapeError(f"reshape: {size} elements do not fill {shape}")
        missing = size // known if known else 0
        shape = tuple(missing if n == -1 else n for n in shape)
    return shape


@covers(np.reshape)
def reshape(a: Any, /, shape: Any = None, order: str = "C", *, copy: Any = None) -> Any:
    x = array_of(a)
    new = filled_shape(shape, prod(x.shape))
    if order == "F":
        return reverse(reshape_op(reverse(x), shape=new[::-1]))
    return reshape_op(x, shape=new) if copy else reshape_view(x, new)


def reverse(x: Any) -> Any:
    """All axes in the opposite order."""
    rank = len(x.shape)
    return transpose_view(x, tuple(range(rank))[::-1]) if rank > 1 else x


@covers(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    x = array_of(a)
    x = reverse(x) if order == "F" else x
    return reshape_view(x, (prod(x.shape),), packed=True)


@covers(np.transpose, getattr(np, "permute_dims", None))
def transpose(a: Any, axes: Any = None) -> Any:
    x = array_of(a)
    rank = len(x.shape)
    perm = tuple(range(rank))[::-1] if axes is None else tuple(axis_of(i, rank) for i in axes)
    if sorted(perm) != list(range(rank)):
        raise ValueError(f"axes {axes} are no order of the {rank} axes of shape {tuple(x.shape)}")
    return transpose_view(x, perm)


@covers(getattr(np, "matrix_transpose", None), getattr(np.linalg, "matrix_transpose", None))
def matrix_transpose(x: Any, /) -> Any:
    x = array_of(x)
    if len(x.shape) < 2:
        raise ValueError(f"a matrix has two axes or more, not shape {tuple(x.shape)}")
    return swapaxes(x, -1, -2)


@covers(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    x = array_of(a)
    i, j = axis_of(axis1, len(x.shape)), axis_of(axis2, len(x.shape))
    perm = list(range(len(x.shape)))
    perm[i], perm[j] = perm[j], perm[i]
    return transpose_view(x, tuple(perm))


@covers(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    x = array_of(a)
    rank = len(x.shape)
    start, end = (
        [axis_of(i, rank) for i in (v if isinstance(v, (tuple, list)) else (v,))]
        for v in (source, destination)
    )
    if len(start) != len(end) or len(set(start)) < len(start) or len(set(end)) < len(end):
        raise ValueError(f"moveaxis: {source} and {destination} do not match one to one")
    perm = [i for i in range(rank) if i not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        perm.insert(place, axis)
    return transpose_view(x, tuple(perm))


@covers(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    x = array_of(a)
    rank = len(x.shape)
    axis = axis_of(axis, rank)
    start = start + rank if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


@covers(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    x = array_of(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(x.shape) + len(axes)
    places = axes_of(tuple(axes), rank)
    return item_view(x, tuple(None if i in places else ALL for i in range(rank)))


@covers(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    x = array_of(a)
    gone = axes_of(axis, len(x.shape))
    if axis is None:
        gone = tuple(i for i in gone if x.shape[i] == 1)
    elif any(x.shape[i] != 1 for i in gone):
        raise ValueError(
            f"squeeze: an axis among {axis} of shape {tuple(x.shape)} is not of size 1"
        )
    return item_view(x, tuple(0 if i in gone else ALL for i in range(len(x.shape))))


# -- broadcasting ----------------------------------------------------------------------------


@covers(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    return broadcast_op(array_of(array), shape=shape_from(shape))


@covers(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    xs = [array_of(x) for x in args]
    shape = broadcast_shapes(*[tuple(x.shape) for x in xs])
    if shape is None:
        raise ShapeError(f"shapes {[tuple(x.shape) for x in xs]} do not broadcast together")
    return tuple(spread_to(x, shape) for x in xs)


def _at_least(rank: int, arrays: Any, lined: Any) -> Any:
    xs = [array_of(x) for x in arrays]
    found = [x if len(x.shape) >= rank else item_view(x, lined(len(x.shape))) for x in xs]
    return found[0] if len(found) == 1 else tuple(found)


@covers(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _at_least(1, arys, lambda rank: (None,))


@covers(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _at_least(2, arys, lambda rank: (None,) * (2 - rank))


@covers(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    items = {0: (None, None, None), 1: (None, ALL, None), 2: (ALL, ALL, None)}
    return _at_least(3, arys, items.get)


# -- order along axes ------------------------------------------------------------------------


@covers(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    x = array_of(m)
    axes = axes_of(axis, len(x.shape))
    if not axes:
        return x
    return item_view(x, tuple((None, None, -1) if i in axes else ALL for i in range(len(x.shape))))


@covers(np.fliplr)
def fliplr(m: Any) -> Any:
    return flip(m, 1)


@covers(np.flipud)
def flipud(m: Any) -> Any:
    return flip(m, 0)


@covers(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    x = array_of(m)
    first, second = axes
    k %= 4
    if k == 0:
        return item_view(x, (ALL,))
    if k == 2:
        return flip(x, (first, second))
    if k == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)


@covers(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """The elements over and over, as many as the shape holds."""
    x, shape = flat(array_of(a)), shape_from(new_shape)
    if min(shape, default=0) < 0:
        raise ValueError(f"resize: the lengths of a shape must not be negative: {shape}")
    if not x.shape[0]:
        return reshape_op(np.zeros(prod(shape), x.dtype), shape=shape)
    places = np.arange(prod(shape)) % x.shape[0]
    return reshape_op(gather(x, places, items=(ARRAY,)), shape=shape)


@covers(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    x = array_of(a)
    if axis is None:
        return reshape_op(_rolled(flat(x), shift, 0), shape=tuple(x.shape))
    shifts, axes = np.broadcast_arrays(shift, axis)
    for s, i in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        x = _rolled(x, s, axis_of(i, len(x.shape)))
    return x


def _rolled(x: Any, shift: Any, axis: int) -> Any:
    length = x.shape[axis]
    cut = -as_index(shift) % length if length else 0
    return concatenate(part(x, axis, cut), part(x, axis, None, cut), axis=axis)


@covers(np.repeat)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    x = array_of(a)
    x = flat(x) if axis is None else x
    axis = axis_of(axis or 0, len(x.shape))
    places = np.repeat(np.arange(x.shape[axis]), np.asarray(repeats))
    return gather(x, places, items=(*(ALL,) * axis, ARRAY))


@covers(np.tile)
def tile(A: Any, reps: Any) -> Any:
    x = array_of(A)
    reps = shape_from(reps)
    rank = max(len(reps), len(x.shape))
    reps = (1,) * (rank - len(reps)) + reps
    shape = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    pairs = tuple(n for r, m in zip(reps, shape, strict=True) for n in (r, m))
    ones = tuple(n for m in shape for n in (1, m))
    spread = broadcast_op(reshape_op(x, shape=ones), shape=pairs)
    return reshape_op(spread, shape=tuple(r * m for r, m in zip(reps, shape, strict=True)))
