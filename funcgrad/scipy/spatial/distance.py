"""``scipy.spatial.distance`` for differentiable code: distances between all rows.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy.spatial import distance
>>> grad(lambda x: np.sum(distance.cdist(x, np.zeros((1, 2)))))(np.array([[3.0, 4.0]]))
array([[0.6, 0.8]])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.scipy.plain import alike, missing, scipys

__all__ = ["cdist", "pdist"]

_scipys = scipys("scipy.spatial.distance")


def _root(squares: Any) -> Any:
    """The root, with slope 0 at 0."""
    apart = squares > 0
    return np.where(apart, np.sqrt(np.where(apart, squares, 1.0)), 0.0)


def _minkowski(x: Any, y: Any, p: Any = 2, w: Any = None) -> Any:
    far = abs(x - y)
    if p == np.inf:
        return np.max(far if w is None else np.where(w > 0, far, 0.0), axis=-1)
    moved = far > 0
    powers = np.where(moved, np.where(moved, far, 1.0) ** p, 0.0)
    total = np.sum(powers if w is None else w * powers, axis=-1)
    apart = total > 0
    return np.where(apart, np.where(apart, total, 1.0) ** (1 / p), 0.0)


def _weighed(value: Any, w: Any) -> Any:
    return value if w is None else w * value


def _cosine(x: Any, y: Any, w: Any = None) -> Any:
    def dot(a: Any, b: Any) -> Any:
        return np.sum(_weighed(a * b, w), axis=-1)

    return 1 - dot(x, y) / np.sqrt(dot(x, x) * dot(y, y))


def _correlation(x: Any, y: Any, w: Any = None) -> Any:
    share = np.ones(x.shape[-1]) / x.shape[-1] if w is None else w / np.sum(w)
    x, y = (v - np.sum(v * share.astype(v.dtype), axis=-1, keepdims=True) for v in (x, y))
    return _cosine(x, y, w)


_METRICS: dict[str, Callable[..., Any]] = {
    "euclidean": lambda x, y, w=None: _root(np.sum(_weighed((x - y) ** 2, w), axis=-1)),
    "sqeuclidean": lambda x, y, w=None: np.sum(_weighed((x - y) ** 2, w), axis=-1),
    "cityblock": lambda x, y, w=None: np.sum(_weighed(abs(x - y), w), axis=-1),
    "chebyshev": lambda x, y, w=None: _minkowski(x, y, np.inf, w),
    "minkowski": _minkowski, "cosine": _cosine, "correlation": _correlation,
}  # fmt: skip


def _metric(who: str, name: Any) -> Callable[..., Any]:
    if name not in _METRICS:
        raise NotTraceableError(
            f"{who}: metric={name!r} is not covered on traced values; {', '.join(_METRICS)} are, "
            "and funcgrad.vmap makes a table of any function of two rows"
        )
    return _METRICS[name]


def _rows(who: str, *xs: Any) -> list[Any]:
    xs = tuple(alike(*xs))
    if any(x.ndim != 2 for x in xs) or len({x.shape[1] for x in xs}) != 1:
        raise ValueError(
            f"{who}: {' and '.join(str(x.shape) for x in xs)} are not rows of one length"
        )
    return list(xs)


@_scipys
def cdist(XA: Any, XB: Any, metric: Any = "euclidean", **options: Any) -> Any:
    """(m, n) distances between m and n rows; where two rows coincide the slope is 0.

    Metrics: euclidean, sqeuclidean, cityblock, chebyshev, minkowski (p), cosine, correlation; all
    take weights ``w``.
    """
    measure = _metric("cdist", metric)
    x, y = _rows("cdist", XA, XB)
    return measure(x[:, None, :], y[None, :, :], **options)


@_scipys
def pdist(X: Any, metric: Any = "euclidean", **options: Any) -> Any:
    """The m (m - 1) / 2 distances between different rows, in the order of ``triu_indices``."""
    measure = _metric("pdist", metric)
    (x,) = _rows("pdist", X)
    first, second = np.triu_indices(x.shape[0], 1)
    return measure(x[first], x[second], **options)


_PLAIN = {"squareform", "num_obs_dm", "num_obs_y"}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.spatial.distance", name, _PLAIN)
