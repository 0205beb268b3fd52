"""Where the elements lie that a loop nest is at: sums over the indices of its loops.

What follows from the outer indices alone is written where a round of their loop begins, once for
all that is read and written there: less code, and less for LLVM to find out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcgrad.backends.llvm.elements import memory_type
from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.compiler.views import View
from funcgrad.compiler.walk import strides_of

__all__ = ["Early", "address", "known"]


class Early:
    """The place where a round of a loop begins, and what has been written there."""

    def __init__(self, f: Function):
        self.place = f.place()
        self.made: dict[Any, Value] = {}


def known(nest: Any, level: int, what: str, write: Callable[..., Value], *operands: Any) -> Value:
    """A value that follows from the indices of the loops down to ``level`` (-1: of none), written
    once, where the last of these begins its round."""
    key = (what, *[x.name if x.__class__ is Value else x for x in operands])
    early: Early = nest.early[level + 1]
    if key not in early.made:
        with nest.f.earlier(early.place):
            early.made[key] = write(*operands)
    return early.made[key]


def address(nest: Any, view: View) -> Value:
    """Where the first of the current elements of a view lies. All but the last index is counted in
    where that index is known; the last one once for each start of a row."""
    type, place = memory_type(view.root.aval.dtype), nest.place[view.root]
    *outer, last = nest._along(strides_of(view))
    for level, step in enumerate(outer):
        if step and nest.index[level] is not None:
            place = known(nest, level, "row", _moved, place, nest.index[level], step, type)
    i = nest.index[-1]
    if last and i is not None:
        key = (place.name, i.name, last)
        if key not in nest.here:
            nest.here[key] = _moved(place, i, last, type)
        place = nest.here[key]
    return place.f.at(place, view.offset, type)


def _moved(place: Value, i: Value, step: int, type: str) -> Value:
    return place.f.at(place, i * step, type)
