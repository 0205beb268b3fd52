"""Functions that are integrals of simpler ones: exponential, sine, dilogarithm, of Bessel's."""

from __future__ import annotations

from math import factorial
from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import No, difference, polynomial, several, special
from funcgrad.ops.special.elementary import log_ratio

exp1 = special("exp1", lambda z, x: e.negative(e.exp(e.negative(x))) / x)
expi = special("expi", lambda z, x: e.exp(x) / x)


def _expn_x(z: Any, n: Any, x: Any) -> Any:
    """-E(n-1, x), and E(-1, x) = (1+x) e^-x / x^2."""
    lowest = e.equal(n, 0)
    below = ops.expn(e.select(lowest, n, n - 1), x)
    return e.select(lowest, (1 + x) * e.exp(e.negative(x)) / (x * x), below) * -1.0


expn = special("expn", No("it is an integer"), _expn_x, degrees=True)
sici = several("sici", [lambda z, x: ops.spherical_jn(0, x)], [lambda z, x: e.cos(x) / x])
shichi = several("shichi", [lambda z, x: ops.spherical_in(0, x)], [lambda z, x: e.cosh(x) / x])
spence = special("spence", lambda z, x: e.negative(log_ratio(x - 1)))

# -- integrals of Bessel, Struve and Airy functions ----------------------------------------------


def _first_over_x(f: Any, sign: int) -> Any:
    """(f(x) - 1) / x for f = J0 or I0 (sign -1, 1), near 0 by its series."""
    terms = [sign**k / 4**k / factorial(k) ** 2 for k in range(1, 11)]

    def partial(z: Any, x: Any) -> Any:
        near = e.less(e.absolute(x), 1)
        small, large = e.select(near, x, 0.0), e.select(near, 1.0, x)
        series = small * polynomial(terms, small * small)
        return e.select(near, series, (f(large) - 1) / large) * float(sign)

    return partial


itj0y0 = several("itj0y0", [lambda z, x: ops.j0(x)], [lambda z, x: ops.y0(x)])
iti0k0 = several("iti0k0", [lambda z, x: ops.i0(x)], [lambda z, x: ops.k0(x)])
it2j0y0 = several(
    "it2j0y0", [_first_over_x(lambda x: ops.j0(x), -1)], [lambda z, x: e.negative(ops.y0(x)) / x]
)
it2i0k0 = several(
    "it2i0k0", [_first_over_x(lambda x: ops.i0(x), 1)], [lambda z, x: e.negative(ops.k0(x)) / x]
)
itstruve0 = special("itstruve0", lambda z, x: ops.struve(0.0, x))
itmodstruve0 = special("itmodstruve0", lambda z, x: ops.modstruve(0.0, x))
it2struve0 = special("it2struve0", lambda z, x: e.negative(ops.struve(0.0, x)) / x)
itairy = several(
    "itairy", [lambda z, x: ops.airy(x, part=0)], [lambda z, x: ops.airy(x, part=2)],
    [lambda z, x: ops.airy(e.negative(x), part=0)], [lambda z, x: ops.airy(e.negative(x), part=2)],
)  # fmt: skip


def _power_rate(order: Any) -> Any:
    """It falls as 1 / (2 lam + nu + 1), and with the gamma function of nu."""
    return 1 + 0.5 * e.log1p(e.absolute(order))


besselpoly = special(
    "besselpoly", lambda z, a, lam, nu: (ops.jv(nu, 2 * a) - (lam + 1) * z) / a,
    lambda z, a, lam, nu: difference(
        lambda u: ops.besselpoly(a, u, nu), lam, z, _power_rate(lam) + 1 / (1 + lam + nu)
    ),
    lambda z, a, lam, nu: difference(
        lambda u: ops.besselpoly(a, lam, u), nu, z,
        _power_rate(nu) + e.absolute(e.log_(a)) + 1 / (1 + lam + nu),
    ),
)  # fmt: skip
