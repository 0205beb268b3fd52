"""What a schedule is made of: nests, placements, and how one value is met inside a nest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from funcgrad.compiler.views import View, contiguous
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var

__all__ = [
    "REDUCTIONS", "Home", "Init", "Nest", "Place", "Rules", "identity", "met_as", "reduced_axes",
    "reduced_level", "row_axes", "squeezed",
]  # fmt: skip

REDUCTIONS = {
    "reduce_sum": "add", "reduce_prod": "multiply", "reduce_max": "maximum",
    "reduce_min": "minimum", "reduce_and": "logical_and", "reduce_or": "logical_or",
}  # fmt: skip
"""Reductions, and the operation that combines two partial results."""


def identity(name: str, dtype: Any) -> Any:
    """The number that changes nothing in a reduction."""
    if name in ("reduce_sum", "reduce_or"):
        return 0  # -0.0 + -0.0 is 0.0 in NumPy's sums, which begin with 0
    if name in ("reduce_prod", "reduce_and"):
        return 1
    least = name == "reduce_max"
    if dtype.kind == "b":
        return not least
    if dtype.kind == "f":
        return -math.inf if least else math.inf
    return np.iinfo(dtype).min if least else np.iinfo(dtype).max


class Init:
    """Memory for a value that is then written piece by piece.

    ``start`` is None (every element will be written), or what it holds at first: a number, or the
    view of another value.
    """

    __slots__ = ("source", "start", "target")

    def __init__(self, target: Var, start: Any, source: Any = None):
        self.target, self.start, self.source = target, start, source


class Place:
    """Writes a value into part of another's memory: ``target[view] = value`` or ``+= value``."""

    __slots__ = ("adds", "source", "value", "view")

    def __init__(self, value: Any, view: View, adds: bool = False, source: Any = None):
        self.value, self.view, self.adds, self.source = value, view, adds, source


class Nest:
    """A loop nest: its space (no axes of length one), how many of the axes are rows, its stages."""

    __slots__ = ("outer", "space", "stages", "stored")

    def __init__(self, space: tuple[int, ...], outer: int):
        self.space, self.outer = space, outer
        self.stages: list[list[Any]] = [[]]
        self.stored: list[Var] = []  # written whole, for readers elsewhere

    def add(self, stage: int, item: Any) -> None:
        while len(self.stages) <= stage:
            self.stages.append([])
        self.stages[stage].append(item)

    @property
    def items(self) -> list[Any]:
        return [item for stage in self.stages for item in stage]


class Home:
    """Where a value is computed: slot, nest key, stage, and whether once per row."""

    __slots__ = ("key", "level", "slot", "stage")

    def __init__(self, slot: int, key: Any = None, stage: int = 0, level: str = "element"):
        self.slot, self.key, self.stage, self.level = slot, key, stage, level


class Rules:
    """What a backend can do inside a nest, and which values are too small for nests.

    With ``strides`` a nest reads memory in any strides, and shaping is never an equation.
    Without, only values of the nest itself are met through shaping; for readers of memory it
    stays an equation, written where something first asks for it.
    """

    def __init__(
        self,
        fusible: Callable[[Eqn], bool],
        weight: Callable[[Eqn], int],
        small: int,
        strides: bool = True,
    ):
        self.fusible, self.weight, self.small, self.strides = fusible, weight, small, strides


def squeezed(shape: Iterable[int]) -> tuple[int, ...]:
    """A shape without its axes of length one."""
    return tuple(n for n in shape if n != 1)


# -- levels ----------------------------------------------------------------------------------


def met_as(view: View, home: Home, key: Any, row: bool) -> str | None:
    """How a value of the same nest is met: as the same element, as its row's number, or not."""
    if home.key != key:
        return None
    space, outer = key
    strides = tuple(s for n, s in zip(view.shape, view.strides, strict=True) if n != 1)
    if view.offset:
        return None
    if home.level == "element":
        return "element" if not row and strides == contiguous(space) else None
    if home.level != "row":
        return None
    rows = contiguous(space[:outer])
    if row:
        return "row" if strides == rows else None
    return "row" if strides == rows + (0,) * (len(space) - outer) else None


def reduced_axes(eqn: Eqn) -> tuple[int, ...]:
    """The axes of a reduction, counted without those of length one."""
    shape = eqn.invars[0].aval.shape
    kept = [i for i, n in enumerate(shape) if n != 1]
    return tuple(k for k, i in enumerate(kept) if i in eqn.params["axes"])


def reduced_level(eqn: Eqn, key: Any) -> str:
    """'row': one number per row; 'full': one number; 'column': an array summed over rows."""
    space, outer = key
    axes = reduced_axes(eqn)
    if len(axes) == len(space):
        return "full"
    return "row" if outer and axes == tuple(range(outer, len(space))) else "column"


def row_axes(jaxpr: Jaxpr, small: int) -> dict[tuple[int, ...], int]:
    """For every space whose last axes are reduced: how many axes come before them."""
    found: dict[tuple[int, ...], dict[int, int]] = {}
    for eqn in jaxpr.eqns:
        if eqn.prim.name in REDUCTIONS and eqn.invars[0].aval.size > small:
            space, axes = squeezed(eqn.invars[0].aval.shape), reduced_axes(eqn)
            first = len(space) - len(axes)
            if axes and first > 0 and axes == tuple(range(first, len(space))):
                counts = found.setdefault(space, {})
                counts[first] = counts.get(first, 0) + 1
    return {space: max(counts, key=lambda k: (counts[k], -k)) for space, counts in found.items()}
