"""log Γ and its derivative.

From 8 on by Stirling's series, whose tail is a polynomial in 1/x²; below, the argument is moved by
the recurrence to where a polynomial keeps the relative error near the zeros; below 0 by reflection.
"""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Local, Value
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    PI,
    any_lane,
    fabs,
    poly,
    split,
    two_product,
)
from funcgrad.backends.llvm.maths.logarithm import log, log_of
from funcgrad.backends.llvm.maths.trigonometric import kernel_cos, kernel_sin

__all__ = ["digamma", "gammaln"]

PSI_ROOT = "1.46163214496836234126265954232572132846819620400644629512959840859878644035380"
LOG_2PI_HALF = 0.9189385332046727


def turn(f: Function, x: Value) -> Value:
    """x reduced to [-1/2, 1/2] by integers, exactly."""
    return x - f.intrinsic("roundeven", x)


# -- log Γ -----------------------------------------------------------------------------------


def gammaln(f: Function, x: Value) -> Value:
    """Negative numbers, where there are some: log(π / |x sin πx|) - log Γ(|x|)."""
    size = fabs(x)
    out = Local(f, x.type, positive_gammaln(f, size))
    negative = x.lt(0.0) & x.gt(-math.inf)
    with f.when(any_lane(negative), likely=False):
        r = turn(f, x)
        s = sine_of_turns(f, fabs(r))
        mirrored = log(f, math.pi / (size * s)) - out.get()
        mirrored = r.eq(0.0).select(math.inf, mirrored)
        # close to 0 it is log 1/|x|, and x² would underflow
        mirrored = size.lt(1e-20).select(out.get(), mirrored)
        out.set(negative.select(mirrored, out.get()))
    return out.get()


def sine_of_turns(f: Function, r: Value) -> Value:
    """sin πr for r in [0, 1/2]."""
    far = r.gt(0.25)
    p, p_low = split(PI, DOUBLE)
    a = far.select(0.5 - r, r)
    y, y_low = two_product(f, a, p)
    y_low = f.fma(a, p_low, y_low)
    top, rest = kernel_cos(f, y, y_low)
    return far.select(top + rest, y + kernel_sin(f, y, y_low))


def positive_gammaln(f: Function, x: Value) -> Value:
    """Below 8, log Γ(y) ± log p with y in [1.25, 2.5] and p a product of the steps between.

    log Γ(2 + w) is w (w + 1) times a polynomial: both its zeros are kept.
    """
    large = x.ge(8.0)
    w, p, sign = moved(f, x)
    logarithm = log_of(f, large.select(x, p))
    near = f.fma(w * (w + 1.0), poly(f, "lgamma", w), logarithm * sign)
    t = 1.0 / large.select(x, 8.0)
    # (x - 1/2) log x - x, where log x - 1 saves the largest cancellation
    rest = f.fma(t, poly(f, "stirling", t * t), LOG_2PI_HALF - 0.5)
    far = f.fma(x - 0.5, logarithm - 1.0, rest)
    out = large.select(far, near)
    out = x.eq(0.0).select(math.inf, out)
    return x.lt(math.inf).select(out, x)


def moved(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """w = y - 2 in [-0.75, 0.5] with x - y whole, the product p of the steps, the sign of log p.

    Where x grows to y, w comes from x itself: x + 1 would lose a bit next to the zero at 1.
    """
    one = f.lift(1.0, x.type)
    low, lower = x.lt(1.25), x.lt(0.5)
    up = x * lower.select(x + 1.0, one)
    y, down = x, one
    for _ in range(6):
        step = y.gt(2.5)
        y = step.select(y - 1.0, y)
        down = step.select(down * y, down)
    w = lower.select(x, low.select(x - 1.0, y - 2.0))
    return w, low.select(up, down), low.select(-one, one)


# -- ψ ---------------------------------------------------------------------------------------


def digamma(f: Function, x: Value) -> Value:
    """Negative numbers, where there are some: ψ(1 - x) - π / tan πx = ψ(-x) - 1/x - π / tan πx."""
    size = fabs(x)
    out = Local(f, x.type, positive_digamma(f, size))
    negative = x.lt(0.0)
    with f.when(any_lane(negative), likely=False):
        r = turn(f, x)
        mirrored = (out.get() - 1.0 / x) - cotangent(f, r)
        near = x.gt(-1e-9).select(-1.0 / x - 0.5772156649015329, mirrored)
        near = (r.eq(0.0) | x.le(-(2.0**52))).select(math.nan, near)
        out.set(negative.select(near, out.get()))
    return x.eq(0.0).select(
        -math.inf / x.f.intrinsic("copysign", f.lift(1.0, x.type), x), out.get()
    )


def cotangent(f: Function, r: Value) -> Value:
    """π / tan πr for r in [-1/2, 1/2]."""
    size = fabs(r)
    quotient = math.pi * sine_of_turns(f, 0.5 - size) / sine_of_turns(f, size)
    return f.intrinsic("copysign", quotient, r)


def positive_digamma(f: Function, x: Value) -> Value:
    """(y - root) P(y) with y in [1, 2), plus the fractions between y and x as one fraction."""
    large = x.ge(8.0)
    y, top, under = psi_moved(f, x)
    root, root_low = split(PSI_ROOT, DOUBLE)
    near = ((y - root) - root_low) * poly(f, "psi", y - 1.5)
    t = 1.0 / large.select(x, under)
    z = t * t
    far = log_of(f, x) - f.fma(z, poly(f, "psi_tail", z), t * 0.5)
    out = large.select(far, f.fma(top, t, near))
    return x.lt(math.inf).select(out, x)


def psi_moved(f: Function, x: Value) -> tuple[Value, Value, Value]:
    """y in [1, 2) and the numerator and denominator of ψ(x) - ψ(y)."""
    one, none = f.lift(1.0, x.type), f.lift(0.0, x.type)
    low = x.lt(1.0)
    y = low.select(x + 1.0, x)
    top, under = low.select(-one, none), low.select(x, one)
    for _ in range(6):
        step = y.ge(2.0)
        y = step.select(y - 1.0, y)
        top = step.select(f.fma(top, y, under), top)
        under = step.select(under * y, under)
    return y, top, under
