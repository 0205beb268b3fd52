"""Distributions of positive numbers (and, mirrored, of negative ones)."""

from __future__ import annotations

from math import log, pi, sqrt
from typing import Any

import numpy as np

import funcgrad.scipy as scipys
from funcgrad.ops import elementwise as e
from funcgrad.ops.special import erfinv, ndtri
from funcgrad.scipy.stats.distribution import Continuous

_POSITIVE = (0.0, np.inf)


def _above_zero(x: Any, logs: Any) -> Any:
    """Densities that vanish at 0 where their terms there are infinite, with both signs."""
    return np.where(x > 0, logs, -np.inf)


expon = Continuous(
    "expon", "The exponential distribution: exp(-x).", support=_POSITIVE,
    logpdf=lambda x: -x, cdf=lambda x: -np.expm1(-x), sf=lambda x: np.exp(-x), logsf=lambda x: -x,
    ppf=lambda q: -np.log1p(-q), isf=lambda q: -np.log(q),
)  # fmt: skip

gamma = Continuous(
    "gamma", "The gamma distribution: x^(a-1) exp(-x) / Gamma(a).", "a", support=_POSITIVE,
    logpdf=lambda x, a: e.xlogy(a - 1, x) - x - e.gammaln(a),
    cdf=lambda x, a: scipys.special.gammainc(a, x),
    sf=lambda x, a: scipys.special.gammaincc(a, x),
    ppf=lambda q, a: scipys.special.gammaincinv(a, q),
    isf=lambda q, a: scipys.special.gammainccinv(a, q),
)  # fmt: skip

chi2 = Continuous(
    "chi2", "Chi-squared with df degrees of freedom: the gamma distribution of df / 2, times 2.",
    "df", support=_POSITIVE,
    logpdf=lambda x, df: e.xlogy(0.5 * df - 1, x) - 0.5 * x - e.gammaln(0.5 * df)
    - 0.5 * log(2) * df,
    cdf=lambda x, df: scipys.special.gammainc(0.5 * df, 0.5 * x),
    sf=lambda x, df: scipys.special.gammaincc(0.5 * df, 0.5 * x),
    ppf=lambda q, df: 2 * scipys.special.gammaincinv(0.5 * df, q),
    isf=lambda q, df: 2 * scipys.special.gammainccinv(0.5 * df, q),
)  # fmt: skip

invgamma = Continuous(
    "invgamma", "1 / x of the gamma distribution: x^(-a-1) exp(-1/x) / Gamma(a).", "a",
    support=_POSITIVE,
    logpdf=lambda x, a: _above_zero(x, -(a + 1) * np.log(x) - e.gammaln(a) - 1 / x),
    cdf=lambda x, a: scipys.special.gammaincc(a, 1 / x),
    sf=lambda x, a: scipys.special.gammainc(a, 1 / x),
    ppf=lambda q, a: 1 / scipys.special.gammainccinv(a, q),
    isf=lambda q, a: 1 / scipys.special.gammaincinv(a, q),
)  # fmt: skip

lognorm = Continuous(
    "lognorm", "exp(s z) of normal z: exp(-log(x)^2 / (2 s^2)) / (s x sqrt(2 pi)).", "s",
    support=_POSITIVE,
    logpdf=lambda x, s: _above_zero(
        x, -0.5 * (np.log(x) / s) ** 2 - np.log(s * x) - 0.5 * log(2 * pi)
    ),
    cdf=lambda x, s: e.ndtr(np.log(x) / s), sf=lambda x, s: e.ndtr(-np.log(x) / s),
    logcdf=lambda x, s: scipys.special.log_ndtr(np.log(x) / s),
    logsf=lambda x, s: scipys.special.log_ndtr(-np.log(x) / s),
    ppf=lambda q, s: np.exp(s * ndtri(q)), isf=lambda q, s: np.exp(-s * ndtri(q)),
)  # fmt: skip


def _f_logpdf(x: Any, n: Any, m: Any) -> Any:
    return (
        0.5 * (m * np.log(m) + n * np.log(n)) + e.xlogy(0.5 * n - 1, x)
        - 0.5 * (n + m) * np.log(m + n * x) - scipys.special.betaln(0.5 * n, 0.5 * m)
    )  # fmt: skip


def _f_ppf(q: Any, n: Any, m: Any) -> Any:
    y = scipys.special.betaincinv(0.5 * n, 0.5 * m, q)
    return m * y / (n * (1 - y))


def _f_isf(q: Any, n: Any, m: Any) -> Any:
    y = scipys.special.betaincinv(0.5 * m, 0.5 * n, q)
    return m * (1 - y) / (n * y)


f = Continuous(
    "f", "The ratio of two chi-squared numbers, each by its degrees of freedom.", "dfn dfd",
    support=_POSITIVE, logpdf=_f_logpdf,
    cdf=lambda x, n, m: scipys.special.betainc(0.5 * n, 0.5 * m, n * x / (m + n * x)),
    sf=lambda x, n, m: scipys.special.betainc(0.5 * m, 0.5 * n, m / (m + n * x)),
    ppf=_f_ppf, isf=_f_isf,
)  # fmt: skip

pareto = Continuous(
    "pareto", "Pareto's distribution: b x^(-b-1) for x >= 1.", "b", support=(1.0, np.inf),
    logpdf=lambda x, b: np.log(b) - (b + 1) * np.log(x),
    cdf=lambda x, b: -np.expm1(-b * np.log(x)), sf=lambda x, b: np.exp(-b * np.log(x)),
    logsf=lambda x, b: -b * np.log(x), ppf=lambda q, b: np.exp(-np.log1p(-q) / b),
    isf=lambda q, b: np.exp(-np.log(q) / b),
)  # fmt: skip


def _weibull_logpdf(x: Any, c: Any) -> Any:
    return np.log(c) + e.xlogy(c - 1, x) - x**c


weibull_min = Continuous(
    "weibull_min", "Weibull's distribution: c x^(c-1) exp(-x^c).", "c", support=_POSITIVE,
    logpdf=_weibull_logpdf, cdf=lambda x, c: -np.expm1(-(x**c)), sf=lambda x, c: np.exp(-(x**c)),
    logsf=lambda x, c: -(x**c), ppf=lambda q, c: (-np.log1p(-q)) ** (1 / c),
    isf=lambda q, c: (-np.log(q)) ** (1 / c),
)  # fmt: skip

weibull_max = Continuous(
    "weibull_max", "Weibull's distribution of -x, for x <= 0.", "c", support=(-np.inf, 0.0),
    logpdf=lambda x, c: _weibull_logpdf(-x, c), cdf=lambda x, c: np.exp(-((-x) ** c)),
    sf=lambda x, c: -np.expm1(-((-x) ** c)), logcdf=lambda x, c: -((-x) ** c),
    ppf=lambda q, c: -((-np.log(q)) ** (1 / c)), isf=lambda q, c: -((-np.log1p(-q)) ** (1 / c)),
)  # fmt: skip

halfnorm = Continuous(
    "halfnorm", "|z| of normal z: sqrt(2 / pi) exp(-x^2 / 2).", support=_POSITIVE,
    logpdf=lambda x: 0.5 * log(2 / pi) - 0.5 * x * x, cdf=lambda x: e.erf(x * sqrt(0.5)),
    sf=lambda x: e.erfc(x * sqrt(0.5)), logsf=lambda x: log(2) + scipys.special.log_ndtr(-x),
    ppf=lambda q: sqrt(2) * erfinv(q), isf=lambda q: -ndtri(0.5 * q),
)  # fmt: skip

halfcauchy = Continuous(
    "halfcauchy", "|x| of Cauchy's distribution: 2 / (pi (1 + x^2)).", support=_POSITIVE,
    logpdf=lambda x: log(2 / pi) - np.log1p(x * x), cdf=lambda x: 2 / pi * np.arctan(x),
    sf=lambda x: 2 / pi * np.arctan2(1.0, x), ppf=lambda q: np.tan(0.5 * pi * q),
    isf=lambda q: 1 / np.tan(0.5 * pi * q),
)  # fmt: skip

rayleigh = Continuous(
    "rayleigh", "Rayleigh's distribution: x exp(-x^2 / 2).", support=_POSITIVE,
    logpdf=lambda x: np.log(x) - 0.5 * x * x, cdf=lambda x: -np.expm1(-0.5 * x * x),
    sf=lambda x: np.exp(-0.5 * x * x), logsf=lambda x: -0.5 * x * x,
    ppf=lambda q: np.sqrt(-2 * np.log1p(-q)), isf=lambda q: np.sqrt(-2 * np.log(q)),
)  # fmt: skip

maxwell = Continuous(
    "maxwell", "Maxwell's distribution of speeds: sqrt(2 / pi) x^2 exp(-x^2 / 2).",
    support=_POSITIVE,
    logpdf=lambda x: 0.5 * log(2 / pi) + 2 * np.log(x) - 0.5 * x * x,
    cdf=lambda x: scipys.special.gammainc(1.5, 0.5 * x * x),
    sf=lambda x: scipys.special.gammaincc(1.5, 0.5 * x * x),
    ppf=lambda q: np.sqrt(2 * scipys.special.gammaincinv(1.5, q)),
    isf=lambda q: np.sqrt(2 * scipys.special.gammainccinv(1.5, q)),
)  # fmt: skip
