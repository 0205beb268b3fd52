"""Logarithms of sums of exponentials, and what is composed of logarithms."""

from __future__ import annotations

import math

from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.maths.common import fabs, two_sum
from funcgrad.backends.llvm.maths.exponential import exp, exp2
from funcgrad.backends.llvm.maths.logarithm import log, log_in_base, log_of, on_domain

__all__ = ["logaddexp", "logaddexp2", "logit", "softplus", "xlogy"]


def softplus(f: Function, x: Value) -> Value:
    """max(x, 0) + log(1 + e^-|x|)."""
    return x.lt(0.0).select(0.0, x) + log_of_one_and(f, exp(f, -fabs(x)))


def log_of_one_and(f: Function, e: Value) -> Value:
    """log(1 + e) for e in [0, 1] or NaN."""
    u, c = two_sum(f.lift(1.0, e.type), e)
    return e.is_nan().select(e, log_of(f, u, c))


def larger_and_gap(f: Function, x: Value, y: Value) -> tuple[Value, Value]:
    """max(x, y) and -|x - y|, which is 0 for equal infinities; both NaN where one operand is."""
    larger = x.gt(y).select(x, y)
    gap = x.eq(y).select(0.0, -fabs(x - y))
    return larger, gap


def logaddexp(f: Function, x: Value, y: Value) -> Value:
    larger, gap = larger_and_gap(f, x, y)
    return larger + log_of_one_and(f, exp(f, gap))


def logaddexp2(f: Function, x: Value, y: Value) -> Value:
    larger, gap = larger_and_gap(f, x, y)
    u, c = two_sum(f.lift(1.0, x.type), exp2(f, gap))
    return larger + gap.is_nan().select(gap, log_in_base(f, u, 2, c))


def logit(f: Function, x: Value) -> Value:
    """log x/(1-x), the quotient in two parts."""
    under = 1.0 - x
    under_low = (1.0 - under) - x
    inverse = 1.0 / under
    u = x * inverse
    c = (f.fma(-u, under, x) - u * under_low) * inverse
    out = on_domain(f, x, log_of(f, u, c), 0.0)
    return x.eq(1.0).select(math.inf, x.gt(1.0).select(math.nan, out))


def xlogy(f: Function, x: Value, y: Value) -> Value:
    return (x.eq(0.0) & y.eq(y)).select(0.0, x * log(f, y))
