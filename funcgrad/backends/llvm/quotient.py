"""Many numbers divided by one, as a division rounds, at a fraction of its time.

With i = 1/y rounded, Newton's step q + i (x - q y) takes q = x i to within a unit of its last
place, and a second step to the number nearest to x/y (Markstein, 1990): five multiplications
where a division of vectors holds the processor up for sixteen cycles.
"""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Local, Value, lanes
from funcgrad.backends.llvm.maths.common import fabs, kind, with_sign

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
        out.set(_by_steps(f, x, y, (1.0 / one).splat(lanes(x.type))))
    with f.when(safe ^ True, likely=False):
        out.set(x / y)
    return out.get()


def _by_steps(f: Function, x: Value, y: Value, inverse: Value) -> Value:
    first = x * inverse
    q = first
    for _ in range(2):
        q = f.fma(f.fma(-q, y, x), inverse, q)
    q = q.is_nan().select(first, q)  # of x infinite or NaN
    return with_sign(q, first)  # of -0
