"""What the modules of ``funcgrad.scipy.linalg`` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of
from funcgrad.ops.matrices import keep, triangle_mask
from funcgrad.ops.shaping import reshape
from funcgrad.scipy.plain import scipys

__all__ = ["as_columns", "floats", "refused", "scipys_linalg", "triangle"]

scipys_linalg = scipys("scipy.linalg")


def floats(x: Any) -> Any:
    """An operand with inexact numbers: LAPACK takes no integers."""
    x = array_of(x)
    return x if x.dtype.kind in "fc" else x.astype(np.float64)


def as_columns(solve: Callable[[Any], Any], b: Any) -> Any:
    """``solve(b)`` for right-hand sides in columns, or for one vector."""
    b = floats(b)
    if len(b.shape) > 1:
        return solve(b)
    found = solve(reshape(b, shape=(*b.shape, 1)))
    return reshape(found, shape=found.shape[:-1])


def triangle(a: Any, lower: bool, strict: bool = False) -> Any:
    """One triangle of square matrices, zeros elsewhere."""
    return keep(triangle_mask(a.shape[-1], lower, strict), a)


def refused(who: str, what: str, instead: str) -> NoReturn:
    raise NotTraceableError(f"{who}: {what} is not covered on traced values; {instead}")
