"""Kaiser's window, differentiable by its shape, and the Bessel function that it is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops.functions.common import array_of, covers
from funcgrad.trace.tracer import is_traced


@covers(np.i0)
def i0(x: Any) -> Any:
    from scipy import special

    x = array_of(x)
    return special.i0(x if x.dtype.kind == "f" else x + 0.0)


def kaiser(M: Any, beta: Any) -> Any:
    """i0(beta sqrt(1 - r^2)) / i0(beta), r from -1 to 1."""
    if not is_traced(beta):
        return np.kaiser(M, beta)
    if M < 2:
        return np.ones(max(0, M)) + 0.0 * beta
    half = (M - 1) / 2.0
    r = (np.arange(M) - half) / half
    return i0(beta * np.sqrt(1 - r * r)) / i0(beta)
