"""exp, exp2, expm1 and what is a quotient of them.

x = n ln 2 + r with |r| <= ln 2 / 2 (Cody and Waite); e^r is a polynomial; 2^n goes into the
exponent in two steps, so that results round correctly where they are subnormal.
"""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    LN2,
    LOG2_E,
    at_least,
    at_most,
    fabs,
    kind,
    poly,
    power_of_two,
    quick_two_sum,
    scaled,
    scales_at_once,
    split,
    two_powers,
)

__all__ = ["exp", "exp2", "expit", "expm1", "long_exp_parts"]


def limits(x: Value) -> tuple[float, float]:
    """Beyond these arguments e^x is 0 and infinite, also when it is halved first."""
    return (-746.0, 711.0) if kind(x) is DOUBLE else (-104.0, 90.0)


def exp_parts(f: Function, x: Value) -> tuple[Value, Value]:
    """n and p with e^x = 2^n (1 + p); for arguments within the limits."""
    n, r = exp_rest(f, x)
    return n, f.fma(r * r, poly(f, "exp", r), r)


def exp_rest(f: Function, x: Value) -> tuple[Value, Value]:
    """n and r = x - n ln 2."""
    n, exact, step = exp_reduced(f, x)
    return n, f.fma(n, step, exact)


def exp_reduced(f: Function, x: Value) -> tuple[Value, Value, float]:
    """n, x - n ln 2 as far as it is exact (both are multiples of a small unit, and what is left
    is short), and what is to be added to it n times. n is rounded by the shift that
    ``two_powers`` uses: one constant for both."""
    k = kind(x)
    n = f.fma(x, split(LOG2_E, k)[0], k.shift) - k.shift
    hi, lo = split(LN2, k)
    return n, f.fma(n, -hi, x), -lo


def long_exp_parts(f: Function, x: Value, low: Value | float) -> tuple[Value, Value, Value]:
    """n, p and q with e^(x + low) = 2^n (1 + p + q): q is what rounding r and p loses."""
    n, exact, step = exp_reduced(f, x)
    low = f.fma(n, step, low)
    r, lost = quick_two_sum(exact, low)
    p, more = quick_two_sum(r, r * r * poly(f, "exp", r))
    return n, p, lost + more


def exp(f: Function, x: Value) -> Value:
    return exp_over(f, x, 0)


def exp_over(f: Function, x: Value, halvings: int) -> Value:
    """e^x / 2^halvings."""
    low, high = limits(x)
    n, r = exp_rest(f, at_least(at_most(x, high), low))
    n = n - float(halvings) if halvings else n
    slope = f.fma(poly(f, "exp", r), r, 1.0)  # e^r = 1 + r slope
    if scales_at_once(f, x):
        return scaled(f, f.fma(slope, r, 1.0), n)
    half, rest = two_powers(f, n)
    return f.fma(slope, r * half, half) * rest  # r half is exact: the same bits


def exp2(f: Function, x: Value) -> Value:
    k = kind(x)
    low, high = (-1080.0, 1025.0) if k is DOUBLE else (-152.0, 129.0)
    x = at_least(at_most(x, high), low)
    n = (x + k.magic) - k.magic
    r = x - n
    return scaled(f, f.fma(poly(f, "exp2", r), r, 1.0), n)


def expm1(f: Function, x: Value) -> Value:
    """2 (2^(n-1) p + (2^(n-1) - 1/2)): halved, so that 2^n does not overflow before the result.

    What r loses when it is rounded matters here where p is near -1/4; it is added to p.
    """
    k = kind(x)
    low, high = (-40.0, 710.0) if k is DOUBLE else (-20.0, 89.0)
    y = at_least(at_most(x, high), low)
    n, exact, step = exp_reduced(f, y)
    r = f.fma(n, step, exact)
    lost = f.fma(n, step, exact - r)
    p = r + f.fma(r * r, poly(f, "exp", r), lost)
    magic = k.magic + (k.bias - 1)
    power = power_of_two(n + magic, k)
    out = f.fma(power, p, power - 0.5) * 2.0
    return fabs(x).lt(k.epsilon / 4).select(x, out)


def expit(f: Function, x: Value) -> Value:
    """1 / (1 + e^-x), from e^-|x|, which cannot overflow; the quotient's error is made good."""
    e = exp(f, -fabs(x))
    under, lost = quick_two_sum(f.lift(1.0, x.type), e)
    inverse = 1.0 / under
    top = x.lt(0.0).select(e, 1.0)
    q = top * inverse
    left = f.fma(-q, lost, f.fma(-q, under, top))
    return f.fma(left, inverse, q)
