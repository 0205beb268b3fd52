"""sinh, cosh, tanh and their inverses."""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    LN2,
    fabs,
    kind,
    poly,
    quick_two_sum,
    split,
    two_sum,
    with_sign,
)
from funcgrad.backends.llvm.maths.exponential import exp, exp_over
from funcgrad.backends.llvm.maths.logarithm import log_of, on_domain

__all__ = ["arccosh", "arcsinh", "arctanh", "cosh", "sinh", "tanh"]


def sinh(f: Function, x: Value) -> Value:
    """An odd polynomial up to 1, then e^x/2 - e^-x/2."""
    z = x * x
    half = exp_over(f, fabs(x), 1)
    far = with_sign(half - 0.25 / half, x)
    return fabs(x).lt(1.0).select(f.fma(x * z, poly(f, "sinh", z), x), far)


def cosh(f: Function, x: Value) -> Value:
    half = exp_over(f, fabs(x), 1)
    return half + 0.25 / half


def tanh(f: Function, x: Value) -> Value:
    """An odd polynomial up to 0.55, then 1 - 2/(e^2x + 1)."""
    size, z = fabs(x), x * x
    far = 1.0 - 2.0 / (exp(f, size + size) + 1.0)
    near = f.fma(x * z, poly(f, "tanh", z), x)  # of -0.0, this is 0.0
    return with_sign(size.lt(0.55).select(near, far), x)


def arcsinh(f: Function, x: Value) -> Value:
    """log(1 + v) with v = |x| + x²/(1 + √(1+x²)): the sum with what its rounding loses.

    Beyond 2^30 (2^14) it is log 2|x|.
    """
    size = fabs(x)
    huge = size.gt(2.0**30 if kind(x) is DOUBLE else 2.0**14)
    y = huge.select(1.0, size)
    square = y * y
    more = square / (f.intrinsic("sqrt", square + 1.0) + 1.0)
    v, lost = quick_two_sum(y, more)
    out = shifted_log(f, size, huge, v, lost)
    return with_sign(size.gt(0.0).select(out, size), x)


def shifted_log(f: Function, x: Value, huge: Value, v: Value, lost: Value) -> Value:
    """log(1 + v + lost), or log 2x where x is huge; x as it is where it is infinite or NaN."""
    u, c = two_sum(f.lift(1.0, x.type), v)
    u = huge.select(x, u)
    out = log_of(f, u, huge.select(0.0, c + lost)) + huge.select(split(LN2, kind(x))[0],
                                                                 f.lift(0.0, x.type))  # fmt: skip
    return x.lt(math.inf).select(out, x)


def arccosh(f: Function, x: Value) -> Value:
    """log(1 + v) with v = t + √(2t+t²), t = x - 1."""
    huge = x.gt(2.0**30 if kind(x) is DOUBLE else 2.0**14)
    t = huge.select(1.0, x) - 1.0
    square = f.fma(t, t, t + t)
    root = f.intrinsic("sqrt", square)
    slip = f.fma(-root, root, square) / (root + root)
    v, lost = two_sum(t, root)
    lost = square.eq(0.0).select(0.0, lost + slip)
    return x.lt(1.0).select(math.nan, shifted_log(f, x, huge, v, lost))


def arctanh(f: Function, x: Value) -> Value:
    """log(1 + 2|x|/(1-|x|)) / 2, the quotient in two parts."""
    size = fabs(x)
    under = 1.0 - size
    under_low = (1.0 - under) - size
    inverse = 1.0 / under
    top = size + size
    q = top * inverse
    left = f.fma(-q, under, top) - q * under_low
    u, c = two_sum(f.lift(1.0, x.type), q)
    half = log_of(f, u, f.fma(left, inverse, c)) * 0.5
    out = on_domain(f, -size, half, -1.0)
    out = size.eq(1.0).select(math.inf, out)
    return with_sign(size.lt(kind(x).epsilon / 4).select(size, out), x)
