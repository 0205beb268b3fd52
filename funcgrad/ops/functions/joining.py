"""Joining and splitting arrays."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from funcgrad.ops.functions.common import (
    array_of,
    as_dtype,
    axis_of,
    covers,
    flat,
    into,
    spread_to,
    stacked,
)
from funcgrad.ops.functions.shaping import atleast_1d, atleast_2d, atleast_3d, moveaxis, reshape
from funcgrad.ops.indexing import ARRAY, gather
from funcgrad.ops.shaping import ALL
from funcgrad.ops.shaping import concatenate as concatenate_op
from funcgrad.ops.views import item_view


def _arrays(arrays: Any) -> list[Any]:
    """The operands of a join; a traced array counts as the sequence of its rows."""
    return [array_of(x) for x in arrays]


@covers(np.concatenate, getattr(np, "concat", None))
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    xs = _arrays(arrays)
    if not xs:
        raise ValueError("need at least one array to concatenate")
    if axis is None:
        xs, axis = [flat(x) for x in xs], 0
    if any(not x.shape for x in xs):
        raise ValueError("zero-dimensional arrays cannot be concatenated; np.stack joins scalars")
    joined = concatenate_op(*xs, axis=axis_of(axis, len(xs[0].shape)))
    return into(out, as_dtype(joined, dtype))


@covers(np.stack)
def stack(
    arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    xs = _arrays(arrays)
    if not xs:
        raise ValueError("need at least one array to stack")
    if len({tuple(x.shape) for x in xs}) > 1:
        raise ValueError(f"stack: shapes {[tuple(x.shape) for x in xs]} differ")
    rank = len(xs[0].shape) + 1
    axis = axis_of(axis, rank)
    if axis == 0:
        return into(out, as_dtype(stacked(xs), dtype))
    lined = [item_view(x, (*(ALL,) * axis, None)) for x in xs]
    return into(out, as_dtype(concatenate_op(*lined, axis=axis), dtype))


def _listed(found: Any) -> list[Any]:
    return list(found) if isinstance(found, tuple) else [found]


@covers(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return concatenate(_listed(atleast_2d(*tup)), 0, dtype=dtype)


@covers(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    xs = _listed(atleast_1d(*tup))
    return concatenate(xs, 0 if len(xs[0].shape) == 1 else 1, dtype=dtype)


@covers(np.dstack)
def dstack(tup: Any) -> Any:
    return concatenate(_listed(atleast_3d(*tup)), 2)


@covers(np.column_stack)
def column_stack(tup: Any) -> Any:
    xs = [array_of(x) for x in tup]
    lined = [x if len(x.shape) >= 2 else reshape(x, (-1, 1)) for x in xs]
    return concatenate(lined, 1)


@covers(np.block)
def block(arrays: Any) -> Any:
    depth = _depth(arrays)
    rank = max(depth, _rank(arrays))
    return _block(arrays, depth, rank)


def _depth(arrays: Any) -> int:
    return 1 + _depth(arrays[0]) if isinstance(arrays, list) else 0


def _rank(arrays: Any) -> int:
    return max(map(_rank, arrays)) if isinstance(arrays, list) else len(array_of(arrays).shape)


def _block(arrays: Any, depth: int, rank: int) -> Any:
    """Innermost lists join along the last axis, the next along the one before it."""
    if isinstance(arrays, list):
        return concatenate([_block(x, depth - 1, rank) for x in arrays], rank - depth)
    x = array_of(arrays)
    return item_view(x, (None,) * (rank - len(x.shape)) + (ALL,) * len(x.shape))


@covers(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate([array_of(arr), array_of(values)], axis)


@covers(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Places are worked out by NumPy on element numbers: new elements are numbered from n on."""
    x, v = array_of(arr), array_of(values)
    if axis is None:
        x, axis = flat(x), 0
    axis = axis_of(axis, len(x.shape))
    length = x.shape[axis]
    single = isinstance(obj, (int, np.integer)) or (
        not isinstance(obj, slice) and np.ndim(obj) == 0
    )
    count = len(np.insert(np.zeros(length), obj, 0)) - length
    if single:  # one place takes all the values, which come with their axis first
        v = item_view(v, (None,) * (len(x.shape) - len(v.shape)) + (ALL,) * len(v.shape))
        v = moveaxis(v, 0, axis)
        count = v.shape[axis]
        numbers = np.insert(np.arange(length), [obj] * count, length + np.arange(count))
    else:
        numbers = np.insert(np.arange(length), obj, length + np.arange(count))
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    both = concatenate_op(x, as_dtype(spread_to(v, shape), x.dtype), axis=axis)
    return gather(both, numbers, items=(*(ALL,) * axis, ARRAY))


@covers(np.delete)
def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x = array_of(arr)
    if axis is None:
        x, axis = flat(x), 0
    axis = axis_of(axis, len(x.shape))
    left = np.delete(np.arange(x.shape[axis]), obj)
    return gather(x, left, items=(*(ALL,) * axis, ARRAY))


# -- splitting: the parts are views -------------------------------------------------------------


@covers(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = array_of(ary)
    axis = axis_of(axis, len(x.shape))
    length = x.shape[axis]
    if np.ndim(indices_or_sections):
        cuts = [None, *(int(i) for i in indices_or_sections), None]
    else:
        count = int(indices_or_sections)
        if count <= 0:
            raise ValueError("the number of sections must be larger than 0")
        size, extra = divmod(length, count)
        ends = np.cumsum([0] + [size + 1] * extra + [size] * (count - extra))
        cuts = [int(i) for i in ends]
    lead = (ALL,) * axis
    return [item_view(x, (*lead, (i, j, None))) for i, j in pairwise(cuts)]


@covers(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = array_of(ary)
    if not np.ndim(indices_or_sections) and x.shape[axis] % int(indices_or_sections):
        raise ValueError(
            f"split: {x.shape[axis]} rows in {indices_or_sections} equal parts; "
            "np.array_split gives unequal ones"
        )
    return array_split(x, indices_or_sections, axis)


@covers(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 1 if len(ary.shape) > 1 else 0)


@covers(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 0)


@covers(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 2)


@covers(getattr(np, "unstack", None))
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    x = array_of(x)
    axis = axis_of(axis, len(x.shape))
    return tuple(item_view(x, (*(ALL,) * axis, i)) for i in range(x.shape[axis]))
