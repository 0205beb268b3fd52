"""Logarithms: x = 2^n m with m in [1/√2, √2), and log m from s = (m-1)/(m+1).

log m = 2 artanh s = f - (f²/2 - s (f²/2 + R(s²))) with f = m - 1, as fdlibm arranges it, so that
the rounding of s hardly matters. A low part c of the argument is added to f.
"""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    LN2,
    LOG2_E,
    LOG10_2,
    LOG10_E,
    integers,
    kind,
    poly,
    quick_two_sum,
    split,
    two_product,
    two_sum,
)

__all__ = ["log", "log1p", "log2", "log10", "log_of", "split_exponent"]


def split_exponent(f: Function, u: Value) -> tuple[Value, Value]:
    """n (as a float) and m in [1/√2, √2) with u = 2^n m, for positive finite u."""
    k = kind(u)
    up = k.mantissa + 2
    tiny = u.lt(k.min_normal)
    least = k.bits(math.sqrt(0.5))
    place = integers(tiny.select(u * 2.0**up, u)) + (k.bits(1.0) - least)
    m = ((place & ((1 << k.mantissa) - 1)) + least).bitcast(u.type)
    unit = 2.0**k.mantissa  # its last bits count ones: an exponent there is converted for free
    n = (place.shr(k.mantissa) | k.bits(unit)).bitcast(u.type)
    return n - tiny.select(unit + k.bias + up, f.lift(unit + k.bias, u.type)), m


def reduced(f: Function, u: Value, c: Value | None) -> tuple[Value, Value]:
    """n and m - 1 with u + c = 2^n m."""
    k = kind(u)
    n, m = split_exponent(f, u)
    if c is None:
        return n, m - 1.0
    magic = k.magic + k.bias
    inverse = (integers(magic - n) << k.mantissa).bitcast(u.type)
    # far from 1 c is nothing beside the logarithm, and 1/2^n may be no number
    end = 2.0 ** (k.mantissa + 8)
    off = u.gt(end) | u.lt(1 / end)
    return n, f.fma(off.select(0.0, inverse), off.select(0.0, c), m - 1.0)


def series(f: Function, x: Value) -> tuple[Value, Value]:
    """x²/2 and s (x²/2 + R): log(1 + x) is x - the first + the second."""
    s = x / (x + 2.0)
    z = s * s
    half = x * x * 0.5
    return half, s * f.fma(z, poly(f, "log", z), half)


def log_of(f: Function, u: Value, c: Value | None = None) -> Value:
    """log(u + c) for positive finite u and a c below its last place."""
    n, x = reduced(f, u, c)
    half, rest = series(f, x)
    hi, lo = split(LN2, kind(u))
    return f.fma(n, hi, x - (half - f.fma(n, lo, rest)))


def log_in_base(f: Function, u: Value, base: int, c: Value | None = None) -> Value:
    """The logarithm for base 2 or 10: log m in two floats, times 1/log base in two floats."""
    k = kind(u)
    n, x = reduced(f, u, c)
    half, rest = series(f, x)
    high = x - half
    low = (((x - high) - half) - f.fma(x * 0.5, x, -half)) + rest
    unit, unit_low = split(LOG2_E if base == 2 else LOG10_E, k)
    y, slip = two_product(f, high, unit)
    slip = slip + f.fma(high, unit_low, low * unit)
    if base == 10:
        step, step_low = split(LOG10_2, k, 2, 11 if k.mantissa == 52 else 8)
        slip, n = f.fma(n, step_low, slip), n * step
    total, lost = quick_two_sum(n, y)
    return total + (lost + slip)


def on_domain(f: Function, x: Value, y: Value, end: float) -> Value:
    """y, or what a logarithm that begins at ``end`` gives there, below, at infinity and for NaN."""
    inside = x.gt(end) & x.lt(math.inf)
    other = x.eq(end).select(-math.inf, x.lt(end).select(math.nan, x))
    return inside.select(y, other)


def log(f: Function, x: Value) -> Value:
    return on_domain(f, x, log_of(f, x), 0.0)


def log2(f: Function, x: Value) -> Value:
    return on_domain(f, x, log_in_base(f, x, 2), 0.0)


def log10(f: Function, x: Value) -> Value:
    return on_domain(f, x, log_in_base(f, x, 10), 0.0)


def log1p(f: Function, x: Value) -> Value:
    u, c = two_sum(f.lift(1.0, x.type), x)
    return x.eq(0.0).select(x, on_domain(f, x, log_of(f, u, c), -1.0))
