"""sqrt, cbrt and hypot."""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    fabs,
    integers,
    kind,
    poly,
    scaled,
    two_product,
    with_sign,
)

__all__ = ["cbrt", "hypot", "hypot_of_singles", "sqrt"]


def sqrt(f: Function, x: Value) -> Value:
    return f.intrinsic("sqrt", x)


def cbrt(f: Function, x: Value) -> Value:
    """|x| = 2^(3q+j) m: a polynomial for 1/∛m, one step of third order, and Newton's step for
    y = r² m with the exact remainder m - y³."""
    k = kind(x)
    size = fabs(x)
    up = 3 * 18 if k is DOUBLE else 3 * 8
    tiny = size.lt(k.min_normal)
    place = integers(tiny.select(size * 2.0**up, size))
    m = ((place & ((1 << k.mantissa) - 1)) | k.bits(1.0)).bitcast(x.type)
    unit = 2.0**k.mantissa
    n = (place.shr(k.mantissa) | k.bits(unit)).bitcast(x.type) - (unit + k.bias)
    q = (f.fma(n - 1.0, 1.0 / 3, k.magic)) - k.magic  # n = 3q + j with j = 0, 1 or 2
    j = f.fma(q, -3.0, n)
    r = poly(f, "cbrt", m)
    scale = j.eq(0.0).select(1.0, j.eq(1.0).select(0.5 ** (1 / 3), f.lift(0.25 ** (1 / 3), x.type)))
    m = j.eq(0.0).select(m, j.eq(1.0).select(m * 2.0, m * 4.0))
    r = r * scale
    e = f.fma(-(m * r), r * r, 1.0)
    r = f.fma(r * e, f.fma(e, 2.0 / 9, 1.0 / 3), r)
    y = m * (r * r)
    square, low = two_product(f, y, y)
    left = f.fma(-square, y, m) - low * y
    y = f.fma(left * (1.0 / 3), r * r, y)
    out = scaled(f, y, q - tiny.select(float(up // 3), f.lift(0.0, x.type)))
    usual = size.gt(0.0) & size.lt(math.inf)
    return usual.select(with_sign(out, x), x)


def hypot(f: Function, x: Value, y: Value) -> Value:
    """√(x²+y²) of doubles brought into the middle of the range, x² in two parts."""
    ax, ay = fabs(x), fabs(y)
    a = ay.gt(ax).select(ay, ax)
    b = ay.gt(ax).select(ax, ay)
    big, small = a.gt(2.0**500), a.lt(2.0**-400)
    one = f.lift(1.0, x.type)
    scale = big.select(2.0**-600, small.select(2.0**600, one))
    back = big.select(2.0**600, small.select(2.0**-600, one))
    a, b = a * scale, b * scale
    square, low = two_product(f, a, a)
    low = f.fma(b, b, low)
    total = square + low
    root = f.intrinsic("sqrt", total)
    # one Newton step with the exact remainder
    left = (square - total) + low + f.fma(-root, root, total)
    out = total.gt(0.0).select(root + left / (root + root), root) * back
    return with_infinities(x, y, out)


def hypot_of_singles(f: Function, x: Value, y: Value) -> Value:
    """Of doubles that hold floats, and whose result is rounded to one: no square overflows."""
    return with_infinities(x, y, f.intrinsic("sqrt", f.fma(x, x, y * y)))


def with_infinities(x: Value, y: Value, out: Value) -> Value:
    """Infinite where one operand is, even beside a NaN."""
    infinite = fabs(x).eq(math.inf) | fabs(y).eq(math.inf)
    return infinite.select(math.inf, (x.is_nan() | y.is_nan()).select(x + y, out))
