"""power: 2^(y log2 x), the logarithm and the product in two floats each."""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    LOG2_E,
    at_least,
    at_most,
    fabs,
    integers,
    kind,
    poly,
    power_of_two,
    quick_two_sum,
    scaled,
    split,
    two_product,
)
from funcgrad.backends.llvm.maths.logarithm import series, split_exponent

__all__ = ["power", "power_of_singles"]

TWICE_LOG2_E = (
    "2.88539008177792681471984936200378427485329190830597186707089881386221838442236015977104"
)


def long_log2(f: Function, x: Value) -> tuple[Value, Value]:
    """log2 x to some 2^-63 in two floats: n + 2/log 2 artanh s, s and s²/3 in two floats too."""
    k = kind(x)
    n, m = split_exponent(f, x)
    up = m - 1.0
    under, under_low = quick_two_sum(f.lift(2.0, x.type), up)
    inverse = 1.0 / under
    s = up * inverse
    s_low = (f.fma(-s, under, up) - s * under_low) * inverse
    z, z_low = two_product(f, s, s)
    z_low = f.fma(s + s, s_low, z_low)
    third, third_low = split("0." + "3" * 60, k)
    h, h_low = two_product(f, z, third)
    h_low = h_low + f.fma(z, third_low, z_low * third)
    h_low = f.fma(z * z, poly(f, "log_long", z), h_low)
    h, lost = quick_two_sum(f.lift(1.0, x.type), h)
    h_low = lost + h_low
    u, u_low = two_product(f, s, h)
    u_low = u_low + f.fma(s, h_low, s_low * h)
    scale, scale_low = split(TWICE_LOG2_E, k)
    v, v_low = two_product(f, u, scale)
    v_low = v_low + f.fma(u, scale_low, u_low * scale)
    total, lost = quick_two_sum(n, v)
    return quick_two_sum(total, lost + v_low)


def power(f: Function, x: Value, y: Value) -> Value:
    size = fabs(x)
    w, w_low = long_log2(f, size)
    e = exponent(f, size, y, w)
    e_low = f.fma(y, w, -e) + y * w_low
    usable = fabs(e).lt(1100.0) & fabs(e).gt(0.0)  # else it may be infinity times 0
    e_low = usable.select(e_low, 0.0)
    return with_specials(f, x, y, exp2_of(f, e, e_low))


def power_of_singles(f: Function, x: Value, y: Value) -> Value:
    """For doubles that are to be rounded to floats: plain logarithms and short polynomials do."""
    size, k = fabs(x), kind(x)
    n, m = split_exponent(f, size)
    half, rest = series(f, m - 1.0)
    w = f.fma((m - 1.0) - (half - rest), split(LOG2_E, k)[0], n)
    e = at_least(at_most(exponent(f, size, y, w), 1000.0), -1000.0)
    n = (e + k.magic) - k.magic
    out = f.fma(poly(f, "exp2_single", e - n), e - n, 1.0)
    return with_specials(f, x, y, out * power_of_two(n + (k.magic + k.bias), k))


def exponent(f: Function, size: Value, y: Value, w: Value) -> Value:
    """y log2|x|; the logarithms of 0, infinity and 1 (also for an infinite y) are put in here."""
    w = size.eq(0.0).select(-math.inf, size.eq(math.inf).select(math.inf, w))
    return size.eq(1.0).select(0.0, y * w)


def exp2_of(f: Function, e: Value, low: Value) -> Value:
    k = kind(e)
    e = at_least(at_most(e, 1025.0), -1080.0)
    n = (e + k.magic) - k.magic
    r = (e - n) + low
    return scaled(f, f.fma(poly(f, "exp2", r), r, 1.0), n)


def with_specials(f: Function, x: Value, y: Value, out: Value) -> Value:
    """Signs and exceptions of C's pow (C99, F.9.4.4)."""
    whole = f.intrinsic("floor", y).eq(y)
    half = y * 0.5
    odd = whole & f.intrinsic("floor", half).ne(half)
    top = 1 << (8 * 8 - 1)
    sign = odd.select(integers(x) & top, f.const(integers(x).type, 0))
    out = (integers(out) | sign).bitcast(x.type)
    bad = x.lt(0.0) & x.gt(-math.inf) & whole.eq(False)
    out = bad.select(math.nan, out)
    out = (x.is_nan() | y.is_nan()).select(x + y, out)
    return (y.eq(0.0) | x.eq(1.0)).select(1.0, out)
