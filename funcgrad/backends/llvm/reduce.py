"""Reductions: under way in a vector of partial results, and their lanes as one number."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import zip_longest
from math import nan
from typing import Any

from funcgrad.backends.llvm.elements import RULES, register_type
from funcgrad.backends.llvm.ir import Function, Local, Value, lanes, vector
from funcgrad.backends.llvm.lanes import shuffled
from funcgrad.compiler.nests import REDUCTIONS, identity

__all__ = ["Running", "combine", "folded", "running"]


def combine(name: str, x: Value, y: Value, dtype: Any) -> Value:
    return RULES[REDUCTIONS[name]]([x, y], dtype, {})


def folded(
    f: Function, x: Value, name: str, dtype: Any, pair: Callable[..., Value] = combine
) -> Value:
    """All lanes combined by ``pair``, halves with halves: the order is the same everywhere."""
    n = lanes(x.type)
    while n > 1:
        half = 1 << ((n - 1).bit_length() - 1)  # the largest power of two below n
        low = shuffled(x, list(range(half)))
        high = shuffled(x, [half + k if half + k < n else k for k in range(half)])
        both = pair(name, low, high, dtype)
        if n - half < half:  # lanes without a partner stay as they are
            both = shuffled(both, list(range(n - half)) + [half + k for k in range(n - half, half)],
                            low) if half > 1 else both  # fmt: skip
        x, n = both, half
    return x


# -- under way -----------------------------------------------------------------------------------


def running(f: Function, name: str, dtype: Any, width: int, vector_bits: int) -> Running:
    """A reduction that begins; ``width`` numbers are reduced side by side."""
    kind = _Extreme if name in ("reduce_max", "reduce_min") and dtype.kind == "f" else Running
    return kind(f, name, dtype, width, vector_bits)


class Running:
    """A reduction under way."""

    def __init__(self, f: Function, name: str, dtype: Any, width: int, vector_bits: int):
        self.f, self.name, self.dtype = f, name, dtype
        self.slot = Local(f, vector(register_type(dtype) or "", width), identity(name, dtype))

    def add(self, x: Value) -> None:
        self.slot.set(combine(self.name, self.slot.get(), x, self.dtype))

    def total(self) -> Value:
        return folded(self.f, self.slot.get(), self.name, self.dtype)


class _Extreme(Running):
    """The greatest or least of floats. A processor's instruction for it forgets NaN: whether there
    was one is noted beside it, by one comparison of two registers."""

    def __init__(self, f: Function, name: str, dtype: Any, width: int, vector_bits: int):
        super().__init__(f, name, dtype, width, vector_bits)
        self.register = min(width, vector_bits // (8 * dtype.itemsize))
        self.truth = "i1" if vector_bits == 512 else f"i{8 * dtype.itemsize}"
        self.spoiled = Local(f, vector(self.truth, self.register), 0)

    def add(self, x: Value) -> None:
        self.slot.set(_better(self.name, self.slot.get(), x))
        n = self.register
        parts = [shuffled(x, list(range(k, k + n))) for k in range(0, lanes(x.type), n)]
        pairs = zip_longest(parts[::2], parts[1::2], fillvalue=parts[0])
        found = reduce(Value.__or__, [a.unordered(b) for a, b in pairs])
        found = found if self.truth == "i1" else found.cast("sext", vector(self.truth, n))
        self.spoiled.set(self.spoiled.get() | found)

    def total(self) -> Value:
        found = self.spoiled.get()
        found = found if self.truth == "i1" else found.ne(0)
        bits = f"i{self.register}"
        met = self.f.op(f"bitcast {found.type} {found.name} to {bits}", bits).ne(0)
        best = folded(self.f, self.slot.get(), self.name, self.dtype, _better)
        return met.select(nan, best)


def _better(name: str, best: Value, x: Value, dtype: Any = None) -> Value:
    """The greater or lesser where neither is NaN: one instruction, where ``combine`` takes four."""
    return (x.gt(best) if name == "reduce_max" else x.lt(best)).select(x, best)
