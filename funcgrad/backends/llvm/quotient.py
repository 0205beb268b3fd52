"""Many numbers divided by one, as a division rounds, at a fraction of its time.

With i = 1/y rounded, Newton's step q + i (x - q y) takes q = x i to within a unit of its last
place, and a second step to the number nearest to x/y (Markstein, 1990): five multiplications
where a division of vectors holds the processor up for sixteen cycles.
"""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Local, Value, bits, lanes
from funcgrad.backends.llvm.maths.common import fabs, integers, kind

__all__ = ["by_one"]


def by_one(f: Function, x: Value, y: Value) -> Value:
    """x / y for one number y in all lanes. Where i or a remainder would leave the range, because y
    is very large or small, it is a division. (Where x is so small that its remainders are rounded,
    or x/y at the edge of infinity, the result may be off by one unit.)"""
    one = y.lane(0)
    edge = 2.0 ** (kind(one).bias // 2)
    size = fabs(one)
    safe = size.gt(1.0 / edge) & size.lt(edge)
    out = Local(f, x.type)
    with f.when(safe, likely=True):
        out.set(_by_steps(f, _turned(x, one), size))
    with f.when(safe ^ True, likely=False):
        out.set(x / y)
    return out.get()


def _turned(x: Value, one: Value) -> Value:
    """x with its sign changed where the divisor is negative: x / y = this / |y|."""
    sign = integers(one) & -(1 << bits(one.type) - 1)
    return (integers(x) ^ sign.splat(lanes(x.type))).bitcast(x.type)


def _by_steps(f: Function, x: Value, one: Value) -> Value:
    """x by a positive number."""
    y, inverse = (each.splat(lanes(x.type)) for each in (one, 1.0 / one))
    first = q = x * inverse
    for _ in range(2):  # q y - x, not x - q y: it is +0 where x is -0, and q keeps its sign
        q = f.fma(-f.fma(q, y, -x), inverse, q)
    return q.is_nan().select(first, q)  # of x infinite or NaN
