"""``scipy.stats`` for differentiable code: distributions, and statistics of samples.

Distributions are objects with SciPy's methods: ``pdf`` or ``pmf``, ``cdf``, ``sf``, their
logarithms, ``ppf`` and ``isf``. Plain arrays are SciPy's business; traced values have derivatives
by x, loc, scale and the continuous shape parameters. Traced float32 stays float32, where SciPy
computes in float64.

>>> from funcgrad import grad
>>> from funcgrad.scipy import stats
>>> grad(lambda scale: stats.norm.logpdf(3.0, 1.0, scale))(2.0)
np.float64(0.0)
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.plain import missing
from funcgrad.scipy.stats.discrete import (
    bernoulli,
    betabinom,
    binom,
    geom,
    hypergeom,
    nbinom,
    poisson,
)
from funcgrad.scipy.stats.half_line import (
    chi2,
    expon,
    f,
    gamma,
    halfcauchy,
    halfnorm,
    invgamma,
    lognorm,
    maxwell,
    pareto,
    rayleigh,
    weibull_max,
    weibull_min,
)
from funcgrad.scipy.stats.kde import gaussian_kde
from funcgrad.scipy.stats.multivariate import (
    dirichlet,
    multinomial,
    multivariate_normal,
    multivariate_t,
)
from funcgrad.scipy.stats.real_line import (
    beta,
    cauchy,
    gennorm,
    gumbel_l,
    gumbel_r,
    laplace,
    logistic,
    norm,
    skewnorm,
    t,
    triang,
    truncnorm,
    uniform,
    vonmises,
    wrapcauchy,
)
from funcgrad.scipy.stats.summaries import (
    gmean,
    hmean,
    kurtosis,
    moment,
    pearsonr,
    rankdata,
    sem,
    skew,
    zscore,
)

_WHY = {"mode": "the most frequent value has no derivative; use numpy.unique"}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.stats", name, why=_WHY.get(name, ""))
