"""Gamma, beta and zeta functions, and their incomplete forms."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import elementwise, known_aval, like, ops
from funcgrad.ops.scipys import scipy_function, scipy_rules
from funcgrad.ops.special.common import difference, inverse, special
from funcgrad.ops.special.variates import gamma_slope

# -- complete ------------------------------------------------------------------------------------

psi = e.digamma
gamma = special("gamma", lambda z, x: z * psi(x))
loggamma = special("loggamma", lambda z, x: psi(x))
gammasgn = special("gammasgn", lambda z, x: 0.0)


def _rgamma_x(z: Any, x: Any) -> Any:
    """-psi(x) / gamma(x); left of 1/2 by reflection, 1 / gamma(x) = gamma(1-x) sin(pi x) / pi."""
    left = e.less(e.real(x), 0.5)
    there, here = e.select(left, 1 - x, 1.0), e.select(left, 1.0, x)
    turned = there - 1
    wave = e.cos(pi * turned) + psi(there) * e.sin(pi * turned) / pi
    return e.select(left, ops.gamma(there) * wave, e.negative(psi(here)) * ops.rgamma(here))


rgamma = special("rgamma", _rgamma_x)


def _pole(x: Any) -> Any:
    return e.logical_and(e.less_equal(x, 0), e.equal(x, e.rint(x)))


def _poch_a(z: Any, a: Any, m: Any) -> Any:
    """z (psi(a+m) - psi(a)); where a is a pole of gamma, gamma(a+m) (1/gamma)'(a)."""
    pole = _pole(a)
    regular = z * (psi(a + m) - psi(e.select(pole, 1.0, a)))
    both = e.logical_and(pole, _pole(a + m))
    there = ops.gamma(e.select(both, np.nan, a + m)) * _rgamma_x(z, a)
    return e.select(pole, there, regular)


poch = special("poch", _poch_a, lambda z, a, m: z * psi(a + m))
beta = special(
    "beta", lambda z, a, b: z * (psi(a) - psi(a + b)), lambda z, a, b: z * (psi(b) - psi(a + b))
)
betaln = special("betaln", lambda z, a, b: psi(a) - psi(a + b), lambda z, a, b: psi(b) - psi(a + b))


def _binom_k(z: Any, n: Any, k: Any) -> Any:
    """z (psi(n-k+1) - psi(k+1)); at poles by gamma(n+1) / gamma(k+1) / gamma(n-k+1)."""
    first, second = k + 1, n - k + 1
    pole = e.logical_or(_pole(first), _pole(second))
    regular = z * (psi(e.select(pole, 1.0, second)) - psi(e.select(pole, 1.0, first)))
    product = _rgamma_x(z, first) * ops.rgamma(second) - ops.rgamma(first) * _rgamma_x(z, second)
    return e.select(pole, ops.gamma(e.select(pole, n + 1, 1.0)) * product, regular)


def _binom_n(z: Any, n: Any, k: Any) -> Any:
    """z (psi(n+1) - psi(n-k+1)); at a pole by gamma(n+1) / gamma(k+1) / gamma(n-k+1)."""
    second = n - k + 1
    pole = _pole(second)
    regular = z * (psi(n + 1) - psi(e.select(pole, 1.0, second)))
    product = ops.gamma(e.select(pole, n + 1, 1.0)) * ops.rgamma(k + 1) * _rgamma_x(z, second)
    return e.select(pole, product, regular)


binom = special("binom", _binom_n, _binom_k)


def _zeta_rate(s: Any, q: Any) -> Any:
    """zeta(s, q) has a pole at 1, and falls as q^-s."""
    return 1 + e.absolute(e.log_(q)) + 4 / e.absolute(s - 1)


zetac = special("zetac", lambda z, x: difference(ops.zetac, x, z, _zeta_rate(x, 1.0 + 0 * x)))

# -- incomplete gamma functions ------------------------------------------------------------------


def _density(a: Any, x: Any) -> Any:
    """x^(a-1) e^-x / gamma(a)."""
    return e.exp(e.xlogy(a - 1, x) - x - e.gammaln(a))


def _gammainc_a(z: Any, a: Any, x: Any) -> Any:
    """-p(x) dx/da at a fixed probability, p the density; below 1 by P(a) - P(a+1)."""
    a, x = (like(v, known_aval(z)) for v in (a, x))
    low = e.less(a, 1)
    up = e.select(low, a + 1, a)
    at_zero = e.logical_or(e.equal(x, 0), e.isinf(x))
    inner = e.select(at_zero, 1.0, x)
    found = e.negative(_density(up, inner) * gamma_slope(up, inner))
    step = _density(a + 1, inner) * (e.log_(inner) - psi(a + 1))
    return e.select(at_zero, 0.0, found + e.select(low, step, 0.0))


gammainc = special("gammainc", _gammainc_a, lambda z, a, x: _density(a, x))
gammaincc = special(
    "gammaincc", lambda z, a, x: e.negative(_gammainc_a(z, a, x)),
    lambda z, a, x: e.negative(_density(a, x)),
)  # fmt: skip
gammaincinv = special("gammaincinv", *inverse("gammainc", 1, (0,)))
gammainccinv = special("gammainccinv", *inverse("gammaincc", 1, (0,)))

# -- incomplete beta functions -------------------------------------------------------------------


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a-1) (1-x)^(b-1) / B(a, b)."""
    return e.exp(e.xlogy(a - 1, x) + ops.xlog1py(b - 1, e.negative(x)) - ops.betaln(a, b))


def _smaller(z: Any, f: Any, v: Any, rate: Any, *, upper: bool) -> Any:
    """The derivative of I, or of 1 - I with its sign turned, whichever is the smaller."""
    low = difference(lambda u: f("betainc", u), v, z, rate)
    high = difference(lambda u: f("betaincc", u), v, z, rate)
    small = e.greater(z, 0.5) if upper else e.less(z, 0.5)
    return e.select(small, low, e.negative(high))


def _shift(a: Any, b: Any, x: Any) -> Any:
    """x^a (1-x)^b / B(a, b): a times this is I(a, b) - I(a+1, b), b times this I(a, b+1) - I."""
    return e.exp(e.xlogy(a, x) + ops.xlog1py(b, e.negative(x)) - ops.betaln(a, b))


def _betainc_a(z: Any, a: Any, b: Any, x: Any, upper: bool = False) -> Any:
    """By differences at a + 1, and the exact step I(a) - I(a+1) = x^a (1-x)^b / (a B(a, b))."""
    edge = e.logical_or(e.equal(x, 0), e.equal(x, 1))
    x = e.select(edge, 0.5, x)
    slope = e.log_(x) + psi(a + b) - psi(a + 1)
    found = _smaller(
        z, lambda name, u: getattr(ops, name)(u, b, x), a + 1, 1 + e.absolute(slope), upper=upper
    )
    return e.select(edge, 0.0, found + _shift(a, b, x) / a * (slope))


def _betainc_b(z: Any, a: Any, b: Any, x: Any, upper: bool = False) -> Any:
    """By differences at b + 1, and the exact step I(b+1) - I(b) = x^a (1-x)^b / (b B(a, b))."""
    edge = e.logical_or(e.equal(x, 0), e.equal(x, 1))
    x = e.select(edge, 0.5, x)
    slope = e.log1p(e.negative(x)) + psi(a + b) - psi(b + 1)
    found = _smaller(
        z, lambda name, u: getattr(ops, name)(a, u, x), b + 1, 1 + e.absolute(slope), upper=upper
    )
    return e.select(edge, 0.0, found - _shift(a, b, x) / b * slope)


betainc = special("betainc", _betainc_a, _betainc_b, lambda z, a, b, x: _beta_density(a, b, x))
betaincc = special(
    "betaincc",
    lambda z, a, b, x: e.negative(_betainc_a(z, a, b, x, upper=True)),
    lambda z, a, b, x: e.negative(_betainc_b(z, a, b, x, upper=True)),
    lambda z, a, b, x: e.negative(_beta_density(a, b, x)),
)
betaincinv = special("betaincinv", *inverse("betainc", 2, (0, 1)))
betaincc_inv = special("betainccinv", *inverse("betaincc", 2, (0, 1)))
btdtria = special("btdtria", *inverse("betainc", 0, (1, 2)))
btdtrib = special("btdtrib", *inverse("betainc", 1, (0, 2)))

# -- Hurwitz' zeta -------------------------------------------------------------------------------


def _zeta_value(xp: Any, s: Any, q: Any) -> Any:
    return scipy_function(xp, "zeta")(s, q)


def _zeta_s(z: Any, s: Any, q: Any) -> Any:
    q = e.convert(q, dtype=z.dtype)
    return difference(lambda v: ops.zeta(v, q), s, z, _zeta_rate(s, q))


zeta = elementwise(
    "zeta", _zeta_s, lambda z, s, q: e.negative(s) * ops.zeta(s + 1, q),
    type=scipy_rules("beta")["type"], value=_zeta_value,
)  # fmt: skip
"""Of scipy.special a function of one or two operands; here always zeta(s, q)."""
