"""The inverse error function and the normal distribution's quantiles.

Both are their operand times a function of w = -log(1 - y²), after Giles, "Approximating the
erfinv function" (2012): a polynomial in w near 0, further out √w times polynomials of a quotient
of √w.
"""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import fabs, poly
from funcgrad.backends.llvm.maths.logarithm import log_of

__all__ = ["erfinv", "ndtri"]


def _along(f: Function, name: str, root: Value, middle: float) -> Value:
    return root * poly(f, name, (root - middle) / (root + middle))


def erfinv(f: Function, y: Value) -> Value:
    size = fabs(y)
    # 1 - y² without the rounding of y²: 1 - |y| is exact where it is small
    w = -log_of(f, f.fma(-(1.0 - size), 1.0 - size, (1.0 - size) * 2.0))
    root = f.intrinsic("sqrt", w)
    near = poly(f, "erfinv_near", w - 3.125)
    factor = w.lt(6.25).select(near, _along(f, "erfinv_tail", root, 4.0))
    return _ended(y, y * factor, 1.0 - size)


def ndtri(f: Function, p: Value) -> Value:
    """√2 times the inverse error function of y = 2p - 1, for which 1 - y² = 4 p (1 - p)."""
    low = p.gt(0.5).select(1.0 - p, p)
    w = -log_of(f, f.fma(-low, low, low) * 4.0)
    root = f.intrinsic("sqrt", w)
    tail = root.lt(6.05).select(
        _along(f, "erfinv_tail", root, 4.0), _along(f, "erfinv_far", root, 12.0)
    )
    factor = w.lt(6.25).select(poly(f, "erfinv_near", w - 3.125), tail)
    y = p * 2.0 - 1.0
    return _ended(y, (y * factor) * math.sqrt(2.0), low)


def _ended(y: Value, found: Value, rest: Value) -> Value:
    """Infinity at the ends, NaN beyond them: ``rest`` is how far they are."""
    inside = rest.gt(0.0).select(found, y * math.inf)
    return rest.lt(0.0).select(math.nan, inside)
