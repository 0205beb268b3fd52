"""arcsin, arccos, arctan and arctan2."""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    HALF_PI,
    PI,
    fabs,
    integers,
    kind,
    poly,
    split,
    with_sign,
)

__all__ = ["arccos", "arcsin", "arctan", "arctan2"]


def outer(f: Function, x: Value) -> tuple[Value, Value, Value, Value]:
    """Whether |x| >= 1/2, and s and z = s² in [0, 1/4] with: s = |x|, or arccos|x| = 2 arcsin s;
    last arcsin s - s."""
    size = fabs(x)
    far = size.ge(0.5)
    z = far.select(f.fma(size, -0.5, 0.5), x * x)
    s = far.select(f.intrinsic("sqrt", z), size)
    return far, s, z, s * (z * poly(f, "asin", z))


def arcsin(f: Function, x: Value) -> Value:
    """π/2 - 2 arcsin √((1-|x|)/2) where |x| is large."""
    far, s, _, rest = outer(f, x)
    hi, lo = split(HALF_PI, kind(x))
    beyond = hi - ((s + s) - f.fma(rest, -2.0, lo))
    return with_sign(far.select(beyond, s + rest), x)


def arccos(f: Function, x: Value) -> Value:
    far, s, _, rest = outer(f, x)
    k = kind(x)
    hi, lo = split(HALF_PI, k)
    near = hi - (x - (lo - with_sign(rest, x)))
    twice = (s + rest) * 2.0
    hi, lo = split(PI, k)
    left = hi - ((s + s) - f.fma(rest, -2.0, lo))
    return far.select(x.lt(0.0).select(left, twice), near)


def arctan(f: Function, x: Value) -> Value:
    """π/2 - arctan 1/|x| where |x| > 1."""
    size = fabs(x)
    far = size.gt(1.0)
    t = far.select(1.0 / size, size)
    z = t * t
    rest = t * (z * poly(f, "atan", z))
    hi, lo = split(HALF_PI, kind(x))
    return with_sign(far.select(hi - (t - (lo - rest)), t + rest), x)


def arctan2(f: Function, y: Value, x: Value) -> Value:
    """The angle below the diagonal from min/max, then three reflections."""
    k = kind(x)
    ax, ay = fabs(x), fabs(y)
    steep = ay.gt(ax)
    low, high = steep.select(ax, ay), steep.select(ay, ax)
    t = low / high
    t = high.eq(0.0).select(high, ax.eq(ay).select(x.eq(0.0).select(0.0, f.lift(1.0, x.type)), t))
    t = (x.is_nan() | y.is_nan()).select(x + y, t)
    z = t * t
    rest = t * (z * poly(f, "atan", z))
    # angle = whole ± (t + rest): whole is 0, π/2 or π
    back = integers(x).lt(0)
    (half, half_low), (full, full_low) = split(HALF_PI, k), split(PI, k)
    whole = steep.select(half, back.select(full, f.lift(0.0, x.type)))
    whole_low = steep.select(half_low, back.select(full_low, f.lift(0.0, x.type)))
    minus = steep.compare("ne", back)
    t, rest = minus.select(-t, t), minus.select(-rest, rest)
    angle = whole + (t + (rest + whole_low))
    return with_sign(angle, y)
