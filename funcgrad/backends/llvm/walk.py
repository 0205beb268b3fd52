"""How wide the vectors of a loop nest are."""

from __future__ import annotations

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
        self.width = self._width()

    def _width(self) -> int:
        """Numbers in a vector: as many of the widest as a register holds; more for light work."""
        widest, self.work = 8, 0  # cheap operations on each element
        for item in self.nest.items:
            if item.__class__ is not Place:
                dtype = item.outvars[0].aval.dtype
                widest = max(widest, 8 * dtype.itemsize if dtype != BOOL else 8)
                self.work += weight(item) if item.prim.family == "elementwise" else 1
            else:
                widest = max(widest, 8 * item.value.aval.dtype.itemsize)
        n = max(1, self.vector_bits // widest)
        sums = any(self.kinds.get(v) in ("full", "row") for v in self.own)
        if self.work <= _LIGHT:
            n *= 4 if sums else 2
        return min(n, powers(self.extents[-1])[0])
