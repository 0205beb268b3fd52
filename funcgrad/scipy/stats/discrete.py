"""Distributions of whole numbers, differentiated by their parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

import funcgrad.scipy as scipys
from funcgrad.ops import elementwise as e
from funcgrad.scipy.stats.distribution import Discrete

_COUNTS = (0.0, np.inf)


def _probability(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


def _whole(n: Any) -> Any:
    return (n >= 0) & (n == np.floor(n))


def _log_choose(n: Any, k: Any) -> Any:
    return e.gammaln(n + 1) - e.gammaln(k + 1) - e.gammaln(n - k + 1)


def _weigh(hits: Any, misses: Any, p: Any) -> Any:
    """log(p^hits (1-p)^misses), 0^0 = 1."""
    return e.xlogy(hits, p) + e.xlogy(misses, 1 - p)


bernoulli = Discrete(
    "bernoulli", "1 with probability p, else 0.", "p", support=(0.0, 1.0), allowed=_probability,
    logpmf=lambda k, p: _weigh(k, 1 - k, p), cdf=lambda k, p: 1 - p, sf=lambda k, p: p,
)  # fmt: skip

binom = Discrete(
    "binom", "Hits among n trials: (n choose k) p^k (1-p)^(n-k).", "n p",
    support=lambda n, p: (0.0, n), allowed=lambda n, p: _whole(n) & _probability(p),
    logpmf=lambda k, n, p: _log_choose(n, k) + _weigh(k, n - k, p),
    cdf=lambda k, n, p: scipys.special.betainc(n - k, k + 1, 1 - p),
    sf=lambda k, n, p: scipys.special.betainc(k + 1, n - k, p),
)  # fmt: skip

nbinom = Discrete(
    "nbinom", "Failures before the n-th hit: (k+n-1 choose n-1) p^n (1-p)^k.", "n p",
    support=_COUNTS, allowed=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: e.gammaln(n + k) - e.gammaln(k + 1) - e.gammaln(n) + _weigh(n, k, p),
    cdf=lambda k, n, p: scipys.special.betainc(n, k + 1, p),
    sf=lambda k, n, p: scipys.special.betainc(k + 1, n, 1 - p),
)  # fmt: skip

geom = Discrete(
    "geom", "Trials up to the first hit: (1-p)^(k-1) p, k = 1, 2, ….", "p", support=(1.0, np.inf),
    allowed=lambda p: (p > 0) & (p <= 1), logpmf=lambda k, p: _weigh(1 + 0 * k, k - 1, p),
    cdf=lambda k, p: -np.expm1(k * np.log1p(-p)), sf=lambda k, p: np.exp(k * np.log1p(-p)),
    logsf=lambda k, p: k * np.log1p(-p),
)  # fmt: skip

poisson = Discrete(
    "poisson", "Poisson's distribution: exp(-mu) mu^k / k!.", "mu", support=_COUNTS,
    allowed=lambda mu: mu >= 0, logpmf=lambda k, mu: e.xlogy(k, mu) - e.gammaln(k + 1) - mu,
    cdf=lambda k, mu: scipys.special.gammaincc(k + 1, mu),
    sf=lambda k, mu: scipys.special.gammainc(k + 1, mu),
)  # fmt: skip

betabinom = Discrete(
    "betabinom", "Hits among n trials whose probability has a beta distribution.", "n a b",
    support=lambda n, a, b: (0.0, n), allowed=lambda n, a, b: _whole(n) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: _log_choose(n, k) + scipys.special.betaln(k + a, n - k + b)
    - scipys.special.betaln(a, b),
)  # fmt: skip

hypergeom = Discrete(
    "hypergeom", "Hits among N drawn of M, n of which are hits.", "M n N",
    support=lambda M, n, N: (np.maximum(0.0, N - (M - n)), np.minimum(n, N)),
    allowed=lambda M, n, N: _whole(M) & _whole(n) & _whole(N) & (n <= M) & (N <= M),
    logpmf=lambda k, M, n, N: _log_choose(n, k) + _log_choose(M - n, N - k) - _log_choose(M, N),
)  # fmt: skip
