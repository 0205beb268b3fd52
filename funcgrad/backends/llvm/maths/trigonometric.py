"""sin, cos, tan: x = n π/2 + r, and polynomials on [-π/4, π/4].

π/2 is the sum of three floats (Cody and Waite). With a fused multiplication x - n P1 is exact;
the rest leaves a remainder in two floats. Larger arguments go lane by lane to ``huge``.
"""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Local, Value, lanes
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    HALF_PI,
    TWO_OVER_PI,
    any_lane,
    fabs,
    integers,
    kind,
    poly,
    quick_two_sum,
    split,
)
from funcgrad.backends.llvm.maths.huge import payne_hanek

__all__ = ["cos", "sin", "tan"]


def reduced(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """r, its low part and the integer n, of which the last two bits are right."""
    k = kind(x)
    first, second, third = split(HALF_PI, k, 3)
    shifted = f.fma(x, split(TWO_OVER_PI, k)[0], k.magic)
    n = shifted - k.magic
    exact = f.fma(n, -first, x)
    step = n * second
    r, lost = quick_two_sum(exact, -step)  # allowed: exact is a multiple of step's last place
    low = lost - f.fma(n, third, f.fma(n, second, -step))
    r, low = quick_two_sum(r, low)
    return far(f, x, r, low, integers(shifted))


def far(f: Function, x: Value, *near: Value) -> tuple[Value, Value, Value]:
    """The same, where some lane's argument is too large for it."""
    size = fabs(x)
    limit = 2.0**26 if kind(x) is DOUBLE else 2.0**15
    large = size.gt(limit) & size.lt(math.inf)
    slots = [Local(f, value.type, value) for value in near]
    with f.when(any_lane(large), likely=False):
        for slot, value, better in zip(slots, near, by_lanes(f, x, large)):
            slot.set(large.select(better, value))
    r, low, n = [slot.get() for slot in slots]
    return r, low, n


def by_lanes(f: Function, x: Value, large: Value) -> tuple[Value, Value, Value]:
    """Every lane's reduction; where the argument is not large, that of 2^30."""
    k, n = kind(x), lanes(x.type)
    f.module.once("fg_payne_hanek", "void", ["ptr", "ptr", "i64"], payne_hanek,
                  attributes="nounwind willreturn noinline cold optsize")  # fmt: skip
    wide = large.select(x, 2.0**30).cast("fpext", "double")
    source, out = f.alloca("double", max(n, 2)), f.alloca("double", 3 * n)
    f.store(wide, source, align=8)
    f.call("fg_payne_hanek", "void", source, out, f.const("i64", n))
    r, low, turns = [f.load(wide.type, f.at(out, j * n, "double"), align=8) for j in range(3)]
    count = integers(turns.cast("fptrunc", k.float) + k.magic)
    if k is DOUBLE:
        return r, low, count
    single = r.cast("fptrunc", "float")
    return single, (r - single.cast("fpext", "double")).cast("fptrunc", "float"), count


def kernel_sin(f: Function, r: Value, low: Value) -> Value:
    """What sin(r + low) is more than r."""
    z = r * r
    return f.fma(z * r, poly(f, "sin", z), low)


def kernel_cos(f: Function, r: Value, low: Value) -> tuple[Value, Value]:
    """cos(r + low) in two parts."""
    z = r * r
    half = z * 0.5
    top = 1.0 - half
    rest = f.fma(z * z, poly(f, "cos", z), -(r * low))
    return top, ((1.0 - top) - half) + rest


def turned(f: Function, x: Value, quarters: int) -> Value:
    """sin(x + quarters π/2)."""
    k = kind(x)
    r, low, n = reduced(f, x)
    n = n + quarters if quarters else n
    top, rest = kernel_cos(f, r, low)
    odd = (n & 1).ne(0)
    out = odd.select(top + rest, r + kernel_sin(f, r, low))
    flip = (n & 2) << (k.mantissa + (63 - 53 if k is DOUBLE else 31 - 24))
    return (integers(out) ^ flip).bitcast(x.type)


def sin(f: Function, x: Value) -> Value:
    return x.eq(0.0).select(x, turned(f, x, 0))


def cos(f: Function, x: Value) -> Value:
    return turned(f, x, 1)


def tan(f: Function, x: Value) -> Value:
    """sin/cos or -cos/sin, both in two parts; one division, its error made good."""
    r, low, n = reduced(f, x)
    s, s_low = quick_two_sum(r, kernel_sin(f, r, low))
    c, c_low = quick_two_sum(*kernel_cos(f, r, low))
    odd = (n & 1).ne(0)
    top, top_low = odd.select(-c, s), odd.select(-c_low, s_low)
    under, under_low = odd.select(s, c), odd.select(s_low, c_low)
    inverse = 1.0 / under
    q = top * inverse
    left = f.fma(-q, under, top) + f.fma(-q, under_low, top_low)
    out = f.fma(left, inverse, q)
    return fabs(x).lt(kind(x).epsilon / 4).select(x, out)
