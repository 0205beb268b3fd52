"""Reductions: how two partial results combine, and the lanes of a vector into one number."""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.elements import RULES
from funcgrad.backends.llvm.ir import Function, Value, lanes
from funcgrad.backends.llvm.lanes import shuffled
from funcgrad.compiler.nests import REDUCTIONS

__all__ = ["combine", "folded"]


def combine(name: str, x: Value, y: Value, dtype: Any) -> Value:
    return RULES[REDUCTIONS[name]]([x, y], dtype, {})


def folded(f: Function, x: Value, name: str, dtype: Any) -> Value:
    """All lanes combined, halves with halves: the order is the same everywhere."""
    n = lanes(x.type)
    while n > 1:
        half = 1 << ((n - 1).bit_length() - 1)  # the largest power of two below n
        low = shuffled(x, list(range(half)))
        high = shuffled(x, [half + k if half + k < n else k for k in range(half)])
        both = combine(name, low, high, dtype)
        if n - half < half:  # lanes without a partner stay as they are
            both = shuffled(both, list(range(n - half)) + [half + k for k in range(n - half, half)],
                            low) if half > 1 else both  # fmt: skip
        x, n = both, half
    return x
