"""The error function and its relatives."""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.coefficients import POLYNOMIALS
from funcgrad.backends.llvm.maths.common import (
    DOUBLE,
    at_most,
    fabs,
    kind,
    poly,
    quick_two_sum,
    scaled,
    split,
    two_product,
    with_sign,
)
from funcgrad.backends.llvm.maths.exponential import exp, long_exp_parts

__all__ = ["erf", "erfc", "ndtr"]


def small_erf(f: Function, x: Value) -> Value:
    """Up to |x| = 1."""
    return f.fma(x, poly(f, "erf", x * x), x)


def erf(f: Function, x: Value) -> Value:
    """x + x P(x²) up to 1; then 1 - e^G with a polynomial G for log erfc."""
    size = fabs(x)
    end = 6.0 if kind(x) is DOUBLE else 4.0
    far = 1.0 - exp(f, poly(f, "erf_tail", at_most(size, end) - 1.0))
    return size.le(1.0).select(small_erf(f, x), with_sign(far, x))


def tail(
    f: Function, a: Value, a_low: Value | None, square: Value, low: Value
) -> tuple[Value, ...]:
    """erfc(a + a_low) = 2^n (1 + p + q) (g + h) for a >= 0: returns n, p, q, g, h.

    e^-a² times H(t)/(1 + 2a) with t = (a-4)/(a+4), after Shepherd and Laframboise (1981); both
    quotients come from one division.
    """
    n, p, q = long_exp_parts(f, -square, -low)
    up, down = f.fma(a, 2.0, 1.0), a + 4.0
    inverse = 1.0 / (up * down)
    over = inverse * down
    t = (a - 4.0) * (inverse * up)
    first = POLYNOMIALS["erfcx", "double"][0]
    more = poly(f, "erfcx", t, 1)
    top = f.fma(t, more, first)
    top_low = f.fma(t, more, first - top)
    g = top * over
    slip = f.fma(a, 2.0, 1.0 - up)
    slip = slip if a_low is None else f.fma(a_low, 2.0, slip)
    h = (f.fma(-g, up, top) + f.fma(-g, slip, top_low)) * over
    return n, p, q, g, h


def assembled(f: Function, n: Value, p: Value, q: Value, g: Value, h: Value) -> Value:
    """2^n (1 + p + q) (g + h)."""
    e, e_low = quick_two_sum(1.0, p)
    return scaled(f, f.fma(g, e, f.fma(g, e_low + q, h * e)), n)


def small_erfc(f: Function, x: Value) -> Value:
    """Up to |x| = 3/4; beyond 1/2 as (1 - x) - x P, of which the first is exact."""
    more = poly(f, "erf", x * x)
    near = x.lt(0.5)
    return near.select(1.0, 1.0 - x) - near.select(f.fma(x, more, x), x * more)


def erfc(f: Function, x: Value) -> Value:
    size = at_most(fabs(x), 28.0)
    square, low = two_product(f, size, size)
    far = assembled(f, *tail(f, size, None, square, low))
    out = x.lt(0.0).select(2.0 - far, far)
    return fabs(x).lt(0.75).select(small_erfc(f, x), out)


def ndtr(f: Function, x: Value) -> Value:
    """erfc(-x/√2) / 2; the exponent x²/2 is taken from x itself.

    The low part of x/√2 counts where erfc is small already; 0.75 is about its slope there.
    """
    size = at_most(fabs(x), 40.0)
    root, root_low = split("0.70710678118654752440084436210484903928483593768847", DOUBLE)
    a = size * root
    a_low = f.fma(size, root, -a) + size * root_low
    square, low = two_product(f, size * 0.5, size)
    n, *parts = tail(f, a, a_low, square, low)
    far = assembled(f, n - 1.0, *parts)
    out = x.gt(0.0).select(1.0 - far, far)
    near = f.fma(x.lt(0.0).select(-a_low, a_low), 0.75, small_erfc(f, with_sign(a, -x))) * 0.5
    return a.lt(0.75).select(near, out)
