"""How wide the vectors of a loop nest are."""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.elements import BOOL, weight
from funcgrad.backends.llvm.lanes import powers
from funcgrad.compiler import walk
from funcgrad.compiler.kernels import Nest, Place, Schedule

__all__ = ["Walk"]

_LIGHT = 6  # operations per element below which several vectors go side by side


class Walk(walk.Walk):
    """The loops of a nest, the last of them over vectors."""

    def __init__(self, schedule: Schedule, nest: Nest, vector_bits: int):
        super().__init__(schedule, nest)
        self.vector_bits = vector_bits
        self.works = [sum(map(_work, stage)) for stage in self.nest.stages]  # cheap operations
        self.work = sum(self.works)
        self.widths = [self._width(*each) for each in zip(nest.stages, self.works, strict=True)]
        self.width = self.widths[0]

    def longest(self) -> int:
        """The stage that takes an element longest; the last of equals."""
        stages = range(0, len(self.works), 2)
        return max(stages, key=lambda k: (self.works[k], k))

    def _width(self, stage: list[Any], work: int) -> int:
        """Numbers in a vector: as many of the widest as a register holds; more for light work, so
        that sums do not wait for each other."""
        n = max(1, self.vector_bits // max(map(_bits, stage), default=8))
        if work <= _LIGHT:
            made = [v for item in stage if item.__class__ is not Place for v in item.outvars]
            n *= 4 if any(self.kinds[v] in ("full", "row") for v in made) else 2
        return min(n, powers(self.extents[-1])[0])


def _work(item: Any) -> int:
    if item.__class__ is Place:
        return 0
    return weight(item) if item.prim.family == "elementwise" else 1


def _bits(item: Any) -> int:
    aval = item.value.aval if item.__class__ is Place else item.outvars[0].aval
    return 8 * aval.dtype.itemsize if aval.dtype != BOOL else 8
