"""Noncentral chi-squared, F and t distributions, and their inverses.

They are mixtures of central ones by Poisson's weights, e^(-nc/2) (nc/2)^j / j!. Slopes by the
noncentrality follow from that; those by degrees of freedom are numerical.
"""

from __future__ import annotations

from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import difference, inverse, special

# -- chi-squared ---------------------------------------------------------------------------------


def _chi_density(z: Any, x: Any, df: Any, nc: Any) -> Any:
    """exp(-(sqrt(x) - sqrt(nc))^2 / 2) (x/nc)^((df-2)/4) Ie(df/2 - 1, sqrt(nc x)) / 2."""
    central = e.equal(nc, 0)
    safe = e.select(central, 1.0, nc)
    gap = e.sqrt(x) - e.sqrt(safe)
    size = e.exp(-0.5 * gap * gap + 0.25 * (df - 2) * e.log_(x / safe))
    alone = e.exp(e.xlogy(0.5 * df - 1, 0.5 * x) - 0.5 * x - e.gammaln(0.5 * df))
    return 0.5 * e.select(central, alone, size * ops.ive(0.5 * df - 1, e.sqrt(safe * x)))


def _chi_df(z: Any, x: Any, df: Any, nc: Any) -> Any:
    """By difference: it moves as (x/2)^(df/2) / gamma(df/2 + 1)."""
    rate = 0.5 * (1 + e.absolute(e.log_(0.5 * x)) + e.log1p(df)) + 0.1 / df
    return difference(lambda u: ops.chndtr(x, u, nc), df, z, rate)


special("chndtr", _chi_density, _chi_df, lambda z, x, df, nc: 0.5 * (ops.chndtr(x, df + 2, nc) - z))
special("chndtrix", *inverse("chndtr", 0, (1, 2)))
special("chndtridf", *inverse("chndtr", 1, (0, 2)))
special("chndtrinc", *inverse("chndtr", 2, (0, 1)))

# -- F: of x the share y = n x / (d + n x), a beta variate with a = n/2, b = d/2 ------------------


def _beta_density(a: Any, b: Any, x: Any, y: Any, nc: Any) -> Any:
    """e^(-nc/2) y^(a-1) (1-y)^(b-1) / B(a, b) with y = a x / (b + a x)."""
    size = e.xlogy(a - 1, y) - (b - 1) * e.log1p(a * x / b) - ops.betaln(a, b) - 0.5 * nc
    return e.exp(size)


def _f_density(z: Any, n: Any, d: Any, nc: Any, x: Any) -> Any:
    """e^(-nc/2) y^(a-1) (1-y)^(b+1) a / (b B(a, b)) 1F1(a+b; a; nc y/2)."""
    a, b, y = 0.5 * n, 0.5 * d, n * x / (d + n * x)
    size = _beta_density(a, b, x, y, nc) * n * d / e.square(d + n * x)
    return size * ops.hyp1f1(a + b, a, 0.5 * nc * y)


def _f_nc(z: Any, n: Any, d: Any, nc: Any, x: Any) -> Any:
    """-e^(-nc/2) y^a (1-y)^b / (2 a B(a, b)) 1F1(a+b; a+1; nc y/2)."""
    a, b, y = 0.5 * n, 0.5 * d, n * x / (d + n * x)
    size = _beta_density(a, b, x, y, nc) * y * d / (d + n * x)
    return -0.5 * size / a * ops.hyp1f1(a + b, a + 1, 0.5 * nc * y)


def _f_n(z: Any, n: Any, d: Any, nc: Any, x: Any) -> Any:
    """By difference: it moves as y^(n/2)."""
    share = n * x / (d + n * x)
    rate = 0.5 - 0.5 * e.log_(share) + x / (d + n * x) + 0.1 / n
    return difference(lambda u: ops.ncfdtr(u, d, nc, x), n, z, rate)


def _f_d(z: Any, n: Any, d: Any, nc: Any, x: Any) -> Any:
    """By difference: it moves as (1-y)^(d/2)."""
    rate = 0.5 + 0.5 * e.log1p(n * x / d) + 1 / (d + n * x) + 0.1 / d
    return difference(lambda u: ops.ncfdtr(n, u, nc, x), d, z, rate)


special("ncfdtr", _f_n, _f_d, _f_nc, _f_density)
special("ncfdtri", *inverse("ncfdtr", 3, (0, 1, 2)))
special("ncfdtridfn", *inverse("ncfdtr", 0, (1, 2, 3)))
special("ncfdtridfd", *inverse("ncfdtr", 1, (0, 2, 3)))
special("ncfdtrinc", *inverse("ncfdtr", 2, (0, 1, 3)))

# -- Student's t: by differences of the lower tail, F(t; nc) = 1 - F(-t; -nc) ---------------------


def _t_rate(df: Any, nc: Any, t: Any) -> Any:
    return 0.5 + 0.5 * e.absolute(t - nc) + 1 / df


def _t_df(z: Any, df: Any, nc: Any, t: Any) -> Any:
    """By difference of eighth order."""
    sign = e.select(e.less(t, 0), 1.0, -1.0)
    found = difference(lambda u: ops.nctdtr(u, sign * nc, sign * t), df, z, 0.5 + 1 / df)
    return sign * found


def _t_nc(z: Any, df: Any, nc: Any, t: Any) -> Any:
    """By difference of eighth order."""
    sign = e.select(e.less(t, 0), 1.0, -1.0)
    rate = _t_rate(df, nc, t)
    return difference(lambda u: ops.nctdtr(df, sign * u, sign * t), nc, z, rate) * sign


def _t_density(z: Any, df: Any, nc: Any, t: Any) -> Any:
    """By difference of eighth order."""
    sign = e.select(e.less(t, 0), 1.0, -1.0)
    rate = _t_rate(df, nc, t)
    return difference(lambda u: ops.nctdtr(df, sign * nc, sign * u), t, z, rate) * sign


special("nctdtr", _t_df, _t_nc, _t_density)
special("nctdtrit", *inverse("nctdtr", 2, (0, 1)))
special("nctdtridf", *inverse("nctdtr", 0, (1, 2)))
special("nctdtrinc", *inverse("nctdtr", 1, (0, 2)))
