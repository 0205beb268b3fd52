"""Reductions: how two partial results combine, and the lanes of a vector into one number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import BOOL, RULES
from funcgrad.backends.llvm.ir import Function, Value, lanes
from funcgrad.backends.llvm.lanes import shuffled

__all__ = ["combine", "folded", "identity"]

_RULES = {
    "reduce_sum": "add", "reduce_prod": "multiply", "reduce_max": "maximum",
    "reduce_min": "minimum", "reduce_and": "logical_and", "reduce_or": "logical_or",
}  # fmt: skip


def identity(name: str, dtype: Any) -> Any:
    """The number that changes nothing."""
    if name in ("reduce_sum", "reduce_or"):
        return 0  # -0.0 + -0.0 is 0.0 in NumPy's sums, which begin with 0
    if name in ("reduce_prod", "reduce_and"):
        return 1
    least = name == "reduce_max"
    if dtype == BOOL:
        return not least
    if dtype.kind == "f":
        return -math.inf if least else math.inf
    return np.iinfo(dtype).min if least else np.iinfo(dtype).max


def combine(name: str, x: Value, y: Value, dtype: Any) -> Value:
    return RULES[_RULES[name]]([x, y], dtype, {})


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
