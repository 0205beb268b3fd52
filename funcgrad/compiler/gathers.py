"""How a gather walks through the array that it reads: what moves along each axis."""

from __future__ import annotations

from typing import Any

from funcgrad.compiler.views import View
from funcgrad.ops.indexing import ARRAY, Layout

__all__ = ["Axis", "layout", "spread"]


class Axis:
    """What one axis of an indexed array is walked along by: an operand, or axes of the result."""

    __slots__ = ("array", "extent", "fixed", "out", "start", "step")

    def __init__(self, extent: int, fixed: int = 0):
        self.extent, self.fixed = extent, fixed
        self.array: int | None = None  # which index operand
        self.out: int | None = None  # which axis of the result
        self.start, self.step = 0, 1


def layout(shape: tuple[int, ...], items: Any, arrays: tuple[tuple[int, ...], ...]) -> Any:
    """For each axis of the indexed array, what moves along it; and where the index block stands."""
    found = Layout(shape, items, arrays)
    rank = len(found.advanced)
    axes: list[Axis] = []
    place, number = 0, 0  # axes of the result that are not the block's, counted
    full = [*items, *[(None, None, None)] * (len(shape) - sum(i is not None for i in items))]

    def out_axis() -> int:
        return place if place < found.start else place + rank

    for item in full:
        if item is None:
            place += 1
            continue
        axis = Axis(shape[len(axes)])
        if item == ARRAY:
            axis.array = number
            number += 1
        elif item.__class__ is tuple:
            axis.start, _, axis.step = slice(*item).indices(axis.extent)
            axis.out = out_axis()
            place += 1
        else:
            axis.fixed = item % axis.extent if axis.extent else 0
        axes.append(axis)
    return axes, found


def spread(view: View, found: Layout, shape: tuple[int, ...]) -> View:
    """An index operand, of the block's shape, as a view of the result's shape."""
    strides = [0] * len(shape)
    strides[found.start : found.start + len(found.advanced)] = view.strides
    return View(view.root, view.offset, tuple(strides), shape)
