"""Inverse error functions, and the derivative of a gamma variate by its shape parameter."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.elementwise import scipy_rules
from funcgrad.ops.families import broadcast_avals, elementwise
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import iota, reshape

erfinv = elementwise("erfinv", lambda z, x: e.exp(z * z) * (sqrt(pi) / 2), **scipy_rules("erfinv"))
ndtri = elementwise("ndtri", lambda z, x: e.exp(z * z * 0.5) * sqrt(2 * pi), **scipy_rules("ndtri"))

# -- gamma variates --------------------------------------------------------------------------------

_NODES = 56  # Fejér's rule of so many is exact to rounding, for shape parameters from 1 on
_END = 40.0  # e^-40 is nothing beside 1


def _fejer(dtype: Any) -> tuple[Any, Any]:
    """Nodes and weights on [0, 1]: x = sin²(θ/2), w = (1 - 2 Σ cos(2jθ) / (4j²-1)) / n."""
    n = _NODES
    theta = (iota(shape=(n,), axis=0, dtype=dtype) + 0.5) * (pi / n)
    j = iota(shape=(n, n // 2), axis=1, dtype=dtype) + 1
    terms = e.cos(2 * j * reshape(theta, shape=(n, 1))) / (4 * j * j - 1)
    return e.square(e.sin(0.5 * theta)), (1 - 2 * reduce_sum(terms, axes=(1,))) * (1 / n)


def _reach(a: Any, x: Any, below: Any) -> Any:
    """Where the exponent below has fallen to -40, or lower; without a derivative, being rounded."""
    gap = e.absolute(x - a)
    b = _END - 2 * gap
    root = e.sqrt(b * b + 8 * _END * a)
    down = e.select(e.greater(b, 0), (b + root) / (2 * a), 4 * _END / (root - b))
    up = e.minimum(2 * _END / (gap + e.sqrt(gap * gap + 2 * _END * x)), e.log1p(2 * _END / x) + 1)
    return e.exp2(e.ceil(e.log2(e.select(below, down, up)) * 8) * 0.125)


def gamma_slope(a: Any, x: Any) -> Any:
    """dx/da at a fixed probability P(a, x), for a >= 1: -∂P/∂a / p(x), p the density.

    With t = x e^s in P(a, x) = ∫ p(t) dt from 0 to x it is
    -x ∫ exp(a s - x (e^s - 1)) (log x - ψ(a) + s) ds over s < 0; or, since the integral over all
    s is 0, plus that over s > 0. The side where the last factor keeps its sign loses no digits.
    """
    dtype, shape = x.dtype, x.shape
    g = e.log_(x) - e.digamma(a)
    below = e.less(g, 0)
    length = _reach(a, x, below)
    a, x, g, span = (
        reshape(v, shape=(*shape, 1))
        for v in (a, x, g, e.select(below, e.negative(length), length))
    )
    nodes, weights = _fejer(dtype)
    s = span * nodes
    integrand = e.exp(a * s - x * e.expm1(s)) * (g + s) * weights
    return reduce_sum(x * span * integrand, axes=(len(shape),))


def _draw_type(a: Aval, x: Aval) -> Aval:
    return array_aval(broadcast_avals("gamma_draw", (a, x)), x.dtype)


def _draw_value(xp: Any, a: Any, x: Any) -> Any:
    return xp.array(xp.broadcast_to(x, np.broadcast_shapes(np.shape(a), np.shape(x))))[()]


gamma_draw = elementwise(
    "gamma_draw", lambda z, a, x: gamma_slope(a, z), lambda z, a, x: 1.0,
    type=_draw_type, value=_draw_value,
)  # fmt: skip
"""x as a gamma variate of shape parameter a: its derivative is that at a fixed probability."""
