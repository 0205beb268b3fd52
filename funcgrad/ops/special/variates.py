"""Inverse error functions, and variates that are differentiated at a fixed probability."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import broadcast_avals, elementwise
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.scipys import scipy_rules
from funcgrad.ops.shaping import iota, reshape

erfinv = elementwise("erfinv", lambda z, x: e.exp(z * z) * (sqrt(pi) / 2), **scipy_rules("erfinv"))
ndtri = elementwise("ndtri", lambda z, x: e.exp(z * z * 0.5) * sqrt(2 * pi), **scipy_rules("ndtri"))

# -- gamma variates --------------------------------------------------------------------------------

_NODES = 56  # Fejér's rule of so many is exact to rounding, for shape parameters from 1 on
_END = 40.0  # e^-40 is nothing beside 1


def fejer(dtype: Any) -> tuple[Any, Any]:
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
    nodes, weights = fejer(dtype)
    s = span * nodes
    integrand = e.exp(a * s - x * e.expm1(s)) * (g + s) * weights
    return reduce_sum(x * span * integrand, axes=(len(shape),))


# -- Wald variates ---------------------------------------------------------------------------------

_LEVELS = 40  # of the continued fraction, enough from b = 4 on
_NEAR = 4.0


def _mills(b: Any) -> Any:
    """Φ(-b)/φ(b) for b > 0: by the normal distribution, or 1/(b + 1/(b + 2/(b + 3/(b + …))))."""
    near = e.less(b, _NEAR)
    small, large = e.select(near, b, 1.0), e.select(near, _NEAR, b)
    found = large
    for k in range(_LEVELS, 0, -1):
        found = large + k / found
    direct = e.ndtr(e.negative(small)) * e.exp(small * small * 0.5) * sqrt(2 * pi)
    return e.select(near, direct, 1 / found)


def wald_slope(m: Any, x: Any) -> Any:
    """dx/dm at a fixed probability, for scale 1: 2 x^(3/2) Φ(-b) / (m² φ(b)), b = √x/m + 1/√x.

    The probability is Φ(√x/m - 1/√x) + e^(2/m) Φ(-b), of which all but one term of ∂/∂m cancels.
    """
    root = e.sqrt(x)
    return 2 * x * root / (m * m) * _mills(root / m + 1 / root)


# -- variates of either kind -----------------------------------------------------------------------

_SLOPES = {"gamma": gamma_slope, "wald": wald_slope}


def _variate_type(a: Aval, x: Aval, law: str) -> Aval:
    return array_aval(broadcast_avals("variate", (a, x)), x.dtype)


def _variate_value(xp: Any, a: Any, x: Any, law: str) -> Any:
    return xp.array(xp.broadcast_to(x, np.broadcast_shapes(np.shape(a), np.shape(x))))[()]


variate = elementwise(
    "variate", lambda z, a, x, law: _SLOPES[law](a, z), lambda z, a, x, law: 1.0,
    type=_variate_type, value=_variate_value,
)  # fmt: skip
"""x as a draw from a law of parameter a: what a draw by rejection became is differentiated by a
at a fixed probability (implicit reparameterisation, Figurnov, Mohamed and Mnih, 2018)."""
