"""``jax.lax``'s names for shaping, slicing and padding, over the operations."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from funcgrad.ops.dynamic import dynamic_slice, dynamic_update_slice
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of, made
from funcgrad.ops.functions.creating import full as numpy_full
from funcgrad.ops.functions.creating import full_like
from funcgrad.ops.functions.shaping import broadcast_to
from funcgrad.ops.indexing import embed
from funcgrad.ops.shaping import ALL
from funcgrad.ops.shaping import iota as iota_op

__all__ = [
    "broadcast", "broadcast_in_dim", "broadcast_shapes", "broadcasted_iota", "collapse",
    "concatenate", "dynamic_index_in_dim", "dynamic_slice", "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim", "dynamic_update_slice", "dynamic_update_slice_in_dim",
    "expand_dims", "full", "full_like", "index_in_dim", "iota", "pad", "reshape", "rev", "slice",
    "slice_in_dim", "split", "squeeze", "transpose",
]  # fmt: skip

_slice = slice
broadcast_shapes = np.broadcast_shapes


def reshape(operand: Any, new_sizes: Sequence[int], dimensions: Any = None) -> Any:
    """The elements in another shape; ``dimensions`` transposes first."""
    x = array_of(operand)
    return np.reshape(x if dimensions is None else np.transpose(x, dimensions), tuple(new_sizes))


def transpose(operand: Any, permutation: Sequence[int]) -> Any:
    """The axes in another order."""
    return np.transpose(operand, tuple(permutation))


def broadcast(operand: Any, sizes: Sequence[int]) -> Any:
    """New axes of these sizes in front."""
    x = array_of(operand)
    return broadcast_to(x, (*sizes, *x.shape))


def broadcast_in_dim(
    operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]
) -> Any:
    """The operand's axes become these axes of ``shape``, along which it is repeated.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.broadcast_in_dim(np.array([1.0, 2.0]), (2, 3), (0,))
    array([[1., 1., 1.],
           [2., 2., 2.]])
    """
    x = array_of(operand)
    lined = [1] * len(shape)
    for axis, place in enumerate(broadcast_dimensions):
        lined[place] = x.shape[axis]
    return broadcast_to(np.reshape(x, tuple(lined)), tuple(shape))


def expand_dims(array: Any, dimensions: Sequence[int]) -> Any:
    """New axes of length one at these places of the result."""
    return np.expand_dims(array, tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> Any:
    """Without these axes, whose length must be one."""
    return np.squeeze(array, tuple(dimensions))


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Any:
    """The axes from start to stop as one."""
    x = array_of(operand)
    start, stop, _ = _slice(start_dimension, stop_dimension).indices(len(x.shape))
    return np.reshape(x, (*x.shape[:start], -1, *x.shape[stop:]))


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """End to end along one axis."""
    return np.concatenate(list(operands), axis=dimension)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Pieces of these sizes along one axis."""
    x = array_of(operand)
    if sum(sizes) != x.shape[axis]:
        raise ValueError(f"split: sizes {tuple(sizes)} do not add up to axis {axis} of {x.shape}")
    return list(np.split(x, np.cumsum(sizes)[:-1], axis=axis))


def rev(operand: Any, dimensions: Sequence[int]) -> Any:
    """The order of the elements reversed along these axes."""
    return np.flip(operand, tuple(dimensions))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array of one number."""
    return numpy_full(shape, fill_value, dtype)


def iota(dtype: Any, size: int) -> Any:
    """0, 1, 2, …"""
    return broadcasted_iota(dtype, (size,), 0)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """The index along one axis, at every element of a shape."""
    return made(
        iota_op, shape=tuple(shape), axis=axis_of(dimension, len(shape)), dtype=np.dtype(dtype)
    )


# -- parts -----------------------------------------------------------------------------------------


def slice(
    operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int],
    strides: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """``x[start:limit:stride]`` along every axis."""
    x = array_of(operand)
    steps = strides or [1] * len(x.shape)
    where = zip(start_indices, limit_indices, steps, strict=True)
    return x[tuple(_slice(*bounds) for bounds in where)]


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> Any:
    """``slice`` along one axis."""
    x = array_of(operand)
    return x[_along(x, axis, _slice(start_index, limit_index, stride))]


def _along(x: Any, axis: int, item: Any) -> tuple[Any, ...]:
    return (*[_slice(None)] * axis_of(axis, len(x.shape)), item)


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """One place of an axis, which stays with length one if ``keepdims``."""
    x = array_of(operand)
    n = x.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"index_in_dim: {index} is out of bounds for axis {axis} of {x.shape}")
    index %= n
    return x[_along(x, axis, _slice(index, index + 1) if keepdims else index)]


def dynamic_slice_in_dim(operand: Any, start_index: Any, slice_size: int, axis: int = 0) -> Any:
    """``dynamic_slice`` along one axis: the start may be traced. IndexError outside."""
    x = array_of(operand)
    axis = axis_of(axis, len(x.shape))
    starts, sizes = [0] * len(x.shape), list(x.shape)
    starts[axis], sizes[axis] = start_index, slice_size
    return dynamic_slice(x, starts, sizes)


def dynamic_index_in_dim(operand: Any, index: Any, axis: int = 0, keepdims: bool = True) -> Any:
    """One place of an axis; the index may be traced. IndexError outside."""
    found = dynamic_slice_in_dim(operand, index, 1, axis)
    return found if keepdims else np.squeeze(found, axis)


def dynamic_update_slice_in_dim(operand: Any, update: Any, start_index: Any, axis: int) -> Any:
    """``dynamic_update_slice`` along one axis."""
    x = array_of(operand)
    starts: list[Any] = [0] * len(x.shape)
    starts[axis_of(axis, len(x.shape))] = start_index
    return dynamic_update_slice(x, array_of(update), starts)


def dynamic_update_index_in_dim(operand: Any, update: Any, index: Any, axis: int) -> Any:
    """One place of an axis replaced."""
    x, new = array_of(operand), array_of(update)
    axis = axis_of(axis, len(x.shape))
    new = np.expand_dims(new, axis) if len(new.shape) < len(x.shape) else new
    return dynamic_update_slice_in_dim(x, new, index, axis)


# -- padding ---------------------------------------------------------------------------------------


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """Padding by (low, high, interior) along each axis; negative low and high cut off.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.pad(np.array([1.0, 2.0]), 0.0, [(1, -1, 2)])
    array([0., 1., 0., 0.])
    """
    x = array_of(operand)
    if len(padding_config) != len(x.shape):
        raise ValueError(
            f"pad: {len(padding_config)} axes of padding for an operand of shape {x.shape}"
        )
    value = as_dtype(array_of(padding_value), x.dtype)
    for axis, (low, high, interior) in enumerate(padding_config):
        x = _padded(x, value, axis, index(low), index(high), index(interior))
    return x


def _padded(x: Any, value: Any, axis: int, low: int, high: int, interior: int) -> Any:
    n = x.shape[axis]
    step = interior + 1
    length = (n - 1) * step + 1 if n else 0
    if interior and n:
        holes = embed(
            x, items=(*[ALL] * axis, (0, length, step)),
            shape=(*x.shape[:axis], length, *x.shape[axis + 1 :]),
        )  # fmt: skip
        kept = np.arange(length) % step == 0
        x = np.where(np.reshape(kept, (-1, *[1] * (len(x.shape) - axis - 1))), holes, value)
    x = x[_along(x, axis, _slice(max(0, -low), length - max(0, -high)))]
    widths = [(0, 0)] * len(x.shape)
    widths[axis] = (max(0, low), max(0, high))
    return np.pad(x, widths, constant_values=value)
