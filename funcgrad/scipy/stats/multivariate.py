"""Distributions of vectors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from math import log, pi
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops import elementwise as e
from funcgrad.scipy.linalg.factors import triangular
from funcgrad.scipy.plain import alike, any_ours
from funcgrad.scipy.stats.distribution import Frozen

__all__ = ["dirichlet", "multinomial", "multivariate_normal", "multivariate_t"]


class Multivariate:
    """A law by its logarithm: on plain arrays it is SciPy's, with all that SciPy's can do.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.stats import multivariate_normal
    >>> grad(lambda m: multivariate_normal.logpdf(np.ones(2), m, 2.0))(np.zeros(2))
    array([0.5, 0.5])
    """

    def __init__(self, name: str, log: str, formula: Callable[..., Any], doc: str):
        self.name, self.log, self.formula, self.__doc__ = name, log, formula, doc

    def __repr__(self) -> str:
        return f"funcgrad.scipy.stats.{self.name}"

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        """The distribution with these parameters: ``multivariate_normal(mean, cov).pdf(x)``."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, what: str) -> Any:
        if what.startswith("__"):
            raise AttributeError(what)
        scipys = getattr(getattr(importlib.import_module("scipy.stats"), self.name), what)

        def method(*args: Any, **kwargs: Any) -> Any:
            if not any_ours(args, kwargs):
                return scipys(*args, **kwargs)
            if what == self.log:
                return self.formula(*args, **kwargs)
            if what == self.log.removeprefix("log"):
                return np.exp(self.formula(*args, **kwargs))
            raise NotTraceableError(
                f"scipy.stats.{self.name}.{what} is not covered on traced values; {self.log} and "
                f"{self.log.removeprefix('log')} are"
            )

        return method


def _matrix(cov: Any, d: int) -> Any:
    """A covariance given as a number, as a diagonal, or whole."""
    if cov.ndim == 2:
        if cov.shape != (d, d):
            raise ValueError(f"a covariance of shape {cov.shape} beside vectors of length {d}")
        return cov
    return np.eye(d, dtype=cov.dtype) * cov


def _distances(x: Any, mean: Any, cov: Any) -> tuple[Any, Any, int]:
    """(x - mean)^T cov^-1 (x - mean), log det cov and the dimension; by Cholesky's factor."""
    d = mean.shape[-1] if mean is not None and mean.ndim else max(cov.shape[-1:] or (1,))
    if mean is None and not cov.ndim and x.ndim:
        d = x.shape[-1]
    factor = np.linalg.cholesky(_matrix(cov, d))
    if d == 1 and (x.ndim == 0 or x.shape[-1] != 1):
        x = x.reshape((*x.shape, 1))
    if x.shape[-1] != d:
        raise ValueError(f"vectors of length {d} are asked for, x has shape {x.shape}")
    off = x if mean is None else x - mean.reshape((d,))
    rows = off.reshape((-1, d))
    squares = np.sum(triangular(factor, rows.T, 0, True) ** 2, axis=0)
    return squares.reshape(off.shape[:-1]), 2 * np.sum(np.log(np.diagonal(factor))), d


def _normal_logpdf(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    if allow_singular:
        raise NotTraceableError(
            "scipy.stats.multivariate_normal: allow_singular=True is not covered on traced values; "
            "add a small multiple of the unit matrix to cov"
        )
    x, cov, *rest = alike(x, cov, *(() if mean is None else (mean,)))
    squares, logdet, d = _distances(x, rest[0] if rest else None, cov)
    return -0.5 * (d * log(2 * pi) + logdet + squares)


def _t_logpdf(x: Any, loc: Any = None, shape: Any = 1, df: Any = 1) -> Any:
    x, shape, df, *rest = alike(x, shape, df, *(() if loc is None else (loc,)))
    squares, logdet, d = _distances(x, rest[0] if rest else None, shape)
    top = 0.5 * (df + d)
    front = e.gammaln(top) - e.gammaln(0.5 * df) - 0.5 * d * np.log(df * pi) - 0.5 * logdet
    return front - top * np.log1p(squares / df)


def _dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    x, alpha = alike(x, alpha)
    k = alpha.shape[0]
    if x.shape[0] == k - 1:
        x = np.concatenate((x, 1 - np.sum(x, axis=0, keepdims=True)))
    if x.shape[0] != k:
        raise ValueError(
            f"dirichlet: x has {x.shape[0]} components in its first axis, alpha {k}; x has as many "
            "or one less"
        )
    column = alpha.reshape((k, *(1,) * (x.ndim - 1)))
    return (
        np.sum(e.xlogy(column - 1, x), axis=0) + e.gammaln(np.sum(alpha))
        - np.sum(e.gammaln(alpha))
    )  # fmt: skip


def _multinomial_logpmf(x: Any, n: Any, p: Any) -> Any:
    x, n, p = alike(x, n, p)
    p = np.concatenate((p[..., :-1], 1 - np.sum(p[..., :-1], axis=-1, keepdims=True)), axis=-1)
    logs = e.gammaln(n + 1) + np.sum(e.xlogy(x, p) - e.gammaln(x + 1), axis=-1)
    fits = (np.sum(x, axis=-1) == n) & np.all((x >= 0) & (x == np.floor(x)), axis=-1)
    return np.where(np.all(p >= 0, axis=-1), np.where(fits, logs, -np.inf), np.nan)


multivariate_normal = Multivariate(
    "multivariate_normal", "logpdf", _normal_logpdf,
    """The normal distribution: exp(-(x-m)^T C^-1 (x-m) / 2) / sqrt(det(2 pi C)).

    ``logpdf(x, mean=None, cov=1)`` for x of shape (…, d), mean (d,), cov (d, d), (d,) or ().
    Raises LinAlgError where cov is not positive definite.""",
)  # fmt: skip

multivariate_t = Multivariate(
    "multivariate_t", "logpdf", _t_logpdf,
    """Student's t: ~ (1 + (x-m)^T S^-1 (x-m) / df)^(-(df+d)/2); ``logpdf(x, loc, shape, df)``.""",
)  # fmt: skip

dirichlet = Multivariate(
    "dirichlet", "logpdf", _dirichlet_logpdf,
    """Dirichlet's distribution: prod_i x_i^(a_i - 1) Gamma(sum a) / prod Gamma(a_i).

    ``logpdf(x, alpha)``: components along the first axis of x, the last of them may be left out.
    Traced, x is not checked to add up to 1.""",
)  # fmt: skip

multinomial = Multivariate(
    "multinomial", "logpmf", _multinomial_logpmf,
    """Counts of n draws: n! prod p_i^x_i / x_i!; ``logpmf(x, n, p)``.

    As in SciPy, the last probability is what the others leave of 1.""",
)  # fmt: skip
