"""gaussian_kde: a density from samples, differentiable in points, samples and weights."""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Any

import numpy as np

from funcgrad.scipy.linalg.factors import triangular
from funcgrad.scipy.plain import alike

__all__ = ["gaussian_kde"]


class gaussian_kde:  # noqa: N801  # SciPy's name
    """A sum of normal densities round samples: sum_j w_j N(x; x_j, h^2 C), C their covariance.

    ``dataset``: (d, n) or (n,); ``bw_method``: "scott" (n^(-1/(d+4)), the default), "silverman"
    ((n (d+2) / 4)^(-1/(d+4))), the number h, or a function of this object. ``pdf(points)`` and
    ``logpdf(points)`` take points of shape (d, m) or (m,), and give (m,).

    Raises ValueError where shapes do not fit, LinAlgError where C is singular.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.stats import gaussian_kde
    >>> kde = gaussian_kde(np.array([-1.0, 0.0, 1.0]))
    >>> grad(lambda x: np.sum(kde.logpdf(x)))(np.zeros(1)) + 0.0
    array([0.])
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None):
        dataset, *rest = alike(dataset, *(() if weights is None else (weights,)))
        self.dataset = dataset if dataset.ndim == 2 else dataset.reshape((1, -1))
        self.d, self.n = self.dataset.shape
        if self.n < 2:
            raise ValueError(f"gaussian_kde: two samples at least, dataset has {dataset.shape}")
        if rest and rest[0].shape != (self.n,):
            raise ValueError(f"gaussian_kde: weights {rest[0].shape} for {self.n} samples")
        w = rest[0] if rest else np.ones(self.n, dtype=dataset.dtype)
        self.weights = w / np.sum(w)
        self.neff = 1 / np.sum(self.weights**2)
        self.set_bandwidth(bw_method)

    def scotts_factor(self) -> Any:
        """n^(-1/(d+4))."""
        return self.neff ** (-1.0 / (self.d + 4))

    def silverman_factor(self) -> Any:
        """(n (d+2) / 4)^(-1/(d+4))."""
        return (self.neff * (self.d + 2.0) / 4.0) ** (-1.0 / (self.d + 4))

    def set_bandwidth(self, bw_method: Any = None) -> None:
        """Choose the width of the kernels, in units of the samples' covariance."""
        rules: dict[Any, Callable[[], Any]] = {
            None: self.scotts_factor, "scott": self.scotts_factor,
            "silverman": self.silverman_factor,
        }  # fmt: skip
        if bw_method is None or isinstance(bw_method, str):
            if bw_method not in rules:
                raise ValueError(
                    f"gaussian_kde: bw_method={bw_method!r}; scott, silverman, a number"
                )
            self.factor = rules[bw_method]()
        else:
            self.factor = bw_method(self) if callable(bw_method) else bw_method
        off = self.dataset - np.sum(self.weights * self.dataset, axis=1, keepdims=True)
        spread = (self.weights * off) @ off.T / (1 - np.sum(self.weights**2))
        self.covariance = spread * self.factor**2
        self._root = np.linalg.cholesky(self.covariance)

    def logpdf(self, x: Any) -> Any:
        """The logarithm of the density at points (d, m)."""
        (points,) = alike(x)
        if points.ndim < 2:
            points = points.reshape((1, -1) if self.d == 1 else (-1, 1))
        if points.shape[0] != self.d:
            raise ValueError(f"gaussian_kde: points {points.shape} have not dimension {self.d}")
        own, given = (triangular(self._root, v, 0, True) for v in (self.dataset, points))
        squares = np.sum((given[:, :, None] - own[:, None, :]) ** 2, axis=0)
        logs = np.log(self.weights) - 0.5 * squares
        top = np.max(logs, axis=1, keepdims=True)
        total = np.log(np.sum(np.exp(logs - top), axis=1)) + top[:, 0]
        scale = np.sum(np.log(np.diagonal(self._root)))
        return total - 0.5 * self.d * log(2 * pi) - scale

    def pdf(self, x: Any) -> Any:
        """The density at points (d, m)."""
        return np.exp(self.logpdf(x))

    __call__ = evaluate = pdf

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"funcgrad's gaussian_kde has no {name!r}; scipy.stats.gaussian_kde takes plain arrays"
        )
