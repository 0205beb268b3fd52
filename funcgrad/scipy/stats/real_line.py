"""Distributions on the whole line, or on an interval of it."""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np

import funcgrad.scipy as scipys
from funcgrad.ops import elementwise as e
from funcgrad.ops.special import ndtri
from funcgrad.ops.special.laws import inverse_cdf, vonmises_cdf
from funcgrad.scipy.stats.distribution import Continuous

_HALF_LOG_2PI = 0.5 * log(2 * pi)


def _norm_logpdf(x: Any) -> Any:
    return -0.5 * x * x - _HALF_LOG_2PI


norm = Continuous(
    "norm", "The normal distribution: exp(-x^2 / 2) / sqrt(2 pi).", symmetric=True,
    logpdf=_norm_logpdf, cdf=e.ndtr, logcdf=lambda x: scipys.special.log_ndtr(x), ppf=ndtri,
)  # fmt: skip

uniform = Continuous(
    "uniform", "The uniform distribution on [loc, loc + scale].", support=(0.0, 1.0),
    logpdf=lambda x: 0.0 * x, cdf=lambda x: x, sf=lambda x: 1 - x, ppf=lambda q: q,
)  # fmt: skip

cauchy = Continuous(
    "cauchy", "Cauchy's distribution: 1 / (pi (1 + x^2)).", symmetric=True,
    logpdf=lambda x: -log(pi) - np.log1p(x * x), cdf=lambda x: np.arctan2(1.0, -x) / pi,
    ppf=lambda q: -1 / np.tan(pi * q),
)  # fmt: skip

laplace = Continuous(
    "laplace", "Laplace's distribution: exp(-|x|) / 2.", symmetric=True,
    logpdf=lambda x: -log(2) - abs(x),
    cdf=lambda x: np.where(x < 0, 0.5 * np.exp(x), 1 - 0.5 * np.exp(-x)),
    logcdf=lambda x: np.where(x < 0, x - log(2), np.log1p(-0.5 * np.exp(-x))),
    ppf=lambda q: np.where(q < 0.5, np.log(2 * q), -np.log(2 * (1 - q))),
)  # fmt: skip


def _softplus(x: Any) -> Any:
    return np.logaddexp(x, 0.0 * x)


logistic = Continuous(
    "logistic", "The logistic distribution: exp(-x) / (1 + exp(-x))^2.", symmetric=True,
    logpdf=lambda x: x - 2 * _softplus(x), cdf=e.expit, logcdf=lambda x: -_softplus(-x),
    ppf=e.logit,
)  # fmt: skip


def _log_small(x: Any) -> Any:
    """log(1 - exp(-exp(x))), which is x where exp(x) is nothing beside 1."""
    return np.where(x < -37, x, np.log(-np.expm1(-np.exp(np.maximum(x, -40.0)))))


gumbel_r = Continuous(
    "gumbel_r", "Gumbel's distribution of largest values: exp(-x - exp(-x)).",
    logpdf=lambda x: -x - np.exp(-x), cdf=lambda x: np.exp(-np.exp(-x)),
    logcdf=lambda x: -np.exp(-x), sf=lambda x: -np.expm1(-np.exp(-x)),
    logsf=lambda x: _log_small(-x), ppf=lambda q: -np.log(-np.log(q)),
    isf=lambda q: -np.log(-np.log1p(-q)),
)  # fmt: skip

gumbel_l = Continuous(
    "gumbel_l", "Gumbel's distribution of smallest values: exp(x - exp(x)).",
    logpdf=lambda x: x - np.exp(x), cdf=lambda x: -np.expm1(-np.exp(x)),
    logcdf=_log_small, logsf=lambda x: -np.exp(x), sf=lambda x: np.exp(-np.exp(x)),
    ppf=lambda q: np.log(-np.log1p(-q)), isf=lambda q: np.log(-np.log(q)),
)  # fmt: skip


def _t_logpdf(x: Any, df: Any) -> Any:
    infinite = df == np.inf
    n = np.where(infinite, 1.0, df)
    finite = (
        -0.5 * (n + 1) * np.log1p(x * x / n) - 0.5 * np.log(n) - scipys.special.betaln(0.5 * n, 0.5)
    )
    return np.where(infinite, _norm_logpdf(x), finite)


t = Continuous(
    "t", "Student's t with df degrees of freedom: ~ (1 + x^2 / df)^(-(df + 1) / 2).", "df",
    symmetric=True, logpdf=_t_logpdf, cdf=lambda x, df: scipys.special.stdtr(df, x),
    ppf=lambda q, df: scipys.special.stdtrit(df, q),
)  # fmt: skip

skewnorm = Continuous(
    "skewnorm", "The skew normal distribution: 2 phi(x) Phi(a x).", "a",
    allowed=lambda a: abs(a) < np.inf,
    logpdf=lambda x, a: log(2) + _norm_logpdf(x) + scipys.special.log_ndtr(a * x),
    cdf=lambda x, a: e.ndtr(x) - 2 * scipys.special.owens_t(x, a),
    sf=lambda x, a: e.ndtr(-x) + 2 * scipys.special.owens_t(x, a),
    ppf=lambda q, a: inverse_cdf(q, a, law="skewnorm", method="ppf"),
    isf=lambda q, a: inverse_cdf(q, a, law="skewnorm", method="isf"),
)  # fmt: skip


def _gennorm_cdf(x: Any, beta: Any) -> Any:
    half = 0.5 * scipys.special.gammaincc(1 / beta, abs(x) ** beta)
    middle = 0.5 + 0.5 * beta * np.exp(-e.gammaln(1 / beta)) * x  # its powers have no slope at 0
    return np.where(x == 0, middle, np.where(x > 0, 1 - half, half))


def _gennorm_ppf(q: Any, beta: Any) -> Any:
    upper = q > 0.5
    size = scipys.special.gammainccinv(1 / beta, 2 * np.where(upper, 1 - q, q)) ** (1 / beta)
    return np.where(upper, size, -size)


gennorm = Continuous(
    "gennorm", "The generalised normal distribution: beta exp(-|x|^beta) / (2 Gamma(1 / beta)).",
    "beta", symmetric=True,
    logpdf=lambda x, beta: np.log(0.5 * beta) - e.gammaln(1 / beta) - abs(x) ** beta,
    cdf=_gennorm_cdf, ppf=_gennorm_ppf,
)  # fmt: skip

vonmises = Continuous(
    "vonmises", "Von Mises' distribution of angles: exp(kappa cos x) / (2 pi I_0(kappa)).", "kappa",
    symmetric=True, allowed=lambda kappa: kappa >= 0,
    logpdf=lambda x, kappa: -2 * kappa * np.sin(0.5 * x) ** 2
    - np.log(2 * pi * scipys.special.i0e(kappa)),
    cdf=lambda x, kappa: vonmises_cdf(x, kappa, law="vonmises", method="cdf"),
    ppf=lambda q, kappa: inverse_cdf(q, kappa, law="vonmises", method="ppf"),
)  # fmt: skip

# -- intervals -----------------------------------------------------------------------------------


def _half(c: Any) -> Any:
    return (1 + c) / (1 - c)


def _wrapcauchy_cdf(x: Any, c: Any) -> Any:
    late = x > pi
    part = np.arctan(_half(c) * np.tan(0.5 * np.where(late, 2 * pi - x, x))) / pi
    return np.where(late, 1 - part, part)


def _wrapcauchy_ppf(q: Any, c: Any) -> Any:
    late = q > 0.5
    part = 2 * np.arctan(np.tan(pi * np.where(late, 1 - q, q)) / _half(c))
    return np.where(late, 2 * pi - part, part)


wrapcauchy = Continuous(
    "wrapcauchy",
    "Cauchy's distribution round a circle: (1 - c^2) / (2 pi (1 + c^2 - 2 c cos x)).", "c",
    support=(0.0, 2 * pi), allowed=lambda c: (c > 0) & (c < 1),
    pdf=lambda x, c: (1 - c * c) / (2 * pi * (1 + c * c - 2 * c * np.cos(x))),
    cdf=_wrapcauchy_cdf, ppf=_wrapcauchy_ppf,
)  # fmt: skip


def _triang_pdf(x: Any, c: Any) -> Any:
    falling = 2 * (1 - x) / (1 - c)
    return np.where((x < c) | (c == 1), 2 * x / c, np.where(c == 0, 2 * (1 - x), falling))


triang = Continuous(
    "triang", "The triangle over [0, 1] whose tip is at c.", "c", support=(0.0, 1.0),
    allowed=lambda c: (c >= 0) & (c <= 1), pdf=_triang_pdf,
    cdf=lambda x, c: np.where(x < c, x * x / c, 1 - (1 - x) ** 2 / (1 - c)),
    sf=lambda x, c: np.where(x < c, 1 - x * x / c, (1 - x) ** 2 / (1 - c)),
    ppf=lambda q, c: np.where(q < c, np.sqrt(c * q), 1 - np.sqrt((1 - c) * (1 - q))),
)  # fmt: skip

beta = Continuous(
    "beta", "The beta distribution: x^(a-1) (1-x)^(b-1) / B(a, b).", "a b", support=(0.0, 1.0),
    logpdf=lambda x, a, b: e.xlogy(a - 1, x) + scipys.special.xlog1py(b - 1, -x)
    - scipys.special.betaln(a, b),
    cdf=lambda x, a, b: scipys.special.betainc(a, b, x),
    sf=lambda x, a, b: scipys.special.betaincc(a, b, x),
    ppf=lambda q, a, b: scipys.special.betaincinv(a, b, q),
    isf=lambda q, a, b: scipys.special.betainccinv(a, b, q),
)  # fmt: skip


def _log_mass(low: Any, high: Any) -> Any:
    """log(Phi(high) - Phi(low)), in the left tail: both are mirrored where low > 0."""
    mirrored = low > 0
    low, high = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    top = scipys.special.log_ndtr(high)
    return top + np.log1p(
        -np.where(low == -np.inf, 0.0, np.exp(scipys.special.log_ndtr(low) - top))
    )


def _truncnorm_ppf(q: Any, a: Any, b: Any) -> Any:
    """In the tail that is nearer: Phi^-1 of exp(log(Phi(a) + q mass))."""
    from_left, mass = a < 0, _log_mass(a, b)
    end = scipys.special.log_ndtr(np.where(from_left, a, -b))
    part = np.where(from_left, np.log(q), np.log1p(-q)) + mass
    y = scipys.special.ndtri_exp(np.where(end == -np.inf, part, np.logaddexp(end, part)))
    return np.where(from_left, y, -y)


truncnorm = Continuous(
    "truncnorm", "The normal distribution within [a, b], in units of scale from loc.", "a b",
    support=lambda a, b: (a, b), allowed=lambda a, b: a < b,
    logpdf=lambda x, a, b: _norm_logpdf(x) - _log_mass(a, b),
    logcdf=lambda x, a, b: _log_mass(a, x) - _log_mass(a, b),
    logsf=lambda x, a, b: _log_mass(x, b) - _log_mass(a, b),
    cdf=lambda x, a, b: np.exp(_log_mass(a, x) - _log_mass(a, b)),
    sf=lambda x, a, b: np.exp(_log_mass(x, b) - _log_mass(a, b)),
    ppf=_truncnorm_ppf,
)  # fmt: skip
