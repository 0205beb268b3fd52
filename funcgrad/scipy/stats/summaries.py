"""Means, moments and ranks of samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.scipy.plain import alike, scipys
from funcgrad.scipy.stats.real_line import beta
from funcgrad.transforms.vmap import vmap

__all__ = ["gmean", "hmean", "kurtosis", "moment", "pearsonr", "rankdata", "sem", "skew", "zscore"]

_scipys = scipys("scipy.stats")
_average: Any = np.average


def _samples(who: str, a: Any, axis: Any, nan_policy: str) -> tuple[Any, Any]:
    if nan_policy != "propagate":
        raise NotTraceableError(
            f"{who}: nan_policy={nan_policy!r} is not covered on traced values; select what counts "
            "with np.where, or use numpy's nanmean and nanstd"
        )
    (a,) = alike(a)
    return (a.reshape(-1), 0) if axis is None else (a, axis)


def _central(a: Any, order: int, axis: Any, keepdims: bool = False) -> Any:
    off = a - np.mean(a, axis=axis, keepdims=True)
    return np.mean(off**order, axis=axis, keepdims=keepdims)


@_scipys
def sem(a: Any, axis: Any = 0, ddof: int = 1, nan_policy: str = "propagate", *,
        keepdims: bool = False) -> Any:  # fmt: skip
    """The standard error of the mean: std(a, ddof) / sqrt(n).

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.stats import sem
    >>> grad(sem)(np.array([-1.0, 1.0]))
    array([-0.5,  0.5])
    """
    a, axis = _samples("sem", a, axis, nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / a.shape[axis] ** 0.5


@_scipys
def zscore(a: Any, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    """(a - mean) / std along an axis; NaN where all are equal."""
    shape = np.shape(a)
    a, axis = _samples("zscore", a, axis, nan_policy)
    z = (a - np.mean(a, axis=axis, keepdims=True)) / np.std(a, axis=axis, ddof=ddof, keepdims=True)
    return z.reshape(shape)


@_scipys
def moment(a: Any, order: Any = 1, axis: Any = 0, nan_policy: str = "propagate", *,
           center: Any = None, keepdims: bool = False) -> Any:  # fmt: skip
    """mean((a - center)^order), about the mean unless ``center`` is given; order is an integer."""
    a, axis = _samples("moment", a, axis, nan_policy)
    if center is None:
        return _central(a, int(order), axis, keepdims)
    return np.mean((a - center) ** int(order), axis=axis, keepdims=keepdims)


@_scipys
def skew(a: Any, axis: Any = 0, bias: bool = True, nan_policy: str = "propagate", *,
         keepdims: bool = False) -> Any:  # fmt: skip
    """m_3 / m_2^(3/2), m_k central moments; times sqrt(n (n-1)) / (n-2) without ``bias``."""
    a, axis = _samples("skew", a, axis, nan_policy)
    found = _central(a, 3, axis, keepdims) / _central(a, 2, axis, keepdims) ** 1.5
    n = a.shape[axis]
    return found if bias or n < 3 else found * ((n * (n - 1)) ** 0.5 / (n - 2))


@_scipys
def kurtosis(a: Any, axis: Any = 0, fisher: bool = True, bias: bool = True,
             nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:  # fmt: skip
    """m_4 / m_2^2 - 3, or without the 3 (``fisher=False``)."""
    a, axis = _samples("kurtosis", a, axis, nan_policy)
    found, n = _central(a, 4, axis, keepdims) / _central(a, 2, axis, keepdims) ** 2, a.shape[axis]
    if not bias and n > 3:
        found = ((n * n - 1.0) * found - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return found - 3 if fisher else found


@_scipys
def gmean(a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None,
          nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:  # fmt: skip
    """The geometric mean: exp(mean(log a))."""
    a, axis = _samples("gmean", a if dtype is None else a.astype(dtype), axis, nan_policy)
    return np.exp(_average(np.log(a), axis=axis, weights=weights, keepdims=keepdims))


@_scipys
def hmean(a: Any, axis: Any = 0, dtype: Any = None, *, weights: Any = None,
          nan_policy: str = "propagate", keepdims: bool = False) -> Any:  # fmt: skip
    """The harmonic mean of positive numbers: 1 / mean(1 / a)."""
    a, axis = _samples("hmean", a if dtype is None else a.astype(dtype), axis, nan_policy)
    return 1 / _average(1 / a, axis=axis, weights=weights, keepdims=keepdims)


class Correlation:
    """What ``pearsonr`` finds: ``statistic``, and ``pvalue``, computed when it is asked for."""

    def __init__(self, statistic: Any, n: int):
        self.statistic, self.n = statistic, n

    @property
    def pvalue(self) -> Any:
        """The probability of so large a coefficient if x and y were independent and normal."""
        half = 0.5 * self.n - 1
        return 2 * beta.sf(abs(self.statistic), half, half, -1, 2)

    def __iter__(self) -> Any:
        return iter((self.statistic, self.pvalue))

    def __getitem__(self, place: int) -> Any:
        return self.pvalue if place % 2 else self.statistic


@_scipys
def pearsonr(x: Any, y: Any, **options: Any) -> Any:
    """Pearson's coefficient of two rows of n numbers: cov(x, y) / (std(x) std(y))."""
    if options:
        raise NotTraceableError(f"pearsonr: {sorted(options)} are not covered on traced values")
    x, y = alike(x, y)
    if x.ndim != 1 or x.shape != y.shape or x.shape[0] < 2:
        raise ValueError(
            f"pearsonr: two rows of one length of at least 2, not {x.shape}, {y.shape}"
        )
    x, y = x - np.mean(x), y - np.mean(y)
    return Correlation(np.sum(x * y) / np.sqrt(np.sum(x * x) * np.sum(y * y)), x.shape[0])


def _ranks(a: Any, method: str) -> Any:
    order = np.sort(a)
    first, last = np.searchsorted(order, a, "left"), np.searchsorted(order, a, "right")
    if method == "ordinal":
        return np.argsort(np.argsort(a, kind="stable")) + 1
    if method == "dense":
        new = np.concatenate((np.array([True]), order[1:] != order[:-1]))
        return np.cumsum(new)[first]
    return {"min": first + 1, "max": last, "average": 0.5 * (first + last + 1)}[method]


@_scipys
def rankdata(a: Any, method: str = "average", *, axis: Any = None,
             nan_policy: str = "propagate") -> Any:  # fmt: skip
    """Ranks from 1 up, ties by ``method``; steps, so that all derivatives are 0."""
    if method not in ("average", "min", "max", "dense", "ordinal"):
        raise ValueError(f"rankdata: method={method!r}; average, min, max, dense or ordinal")
    a, axis = _samples("rankdata", a, axis, nan_policy)
    rows = np.moveaxis(a, axis, -1)
    found = vmap(lambda row: _ranks(row, method))(rows.reshape((-1, rows.shape[-1])))
    return np.moveaxis(found.reshape(rows.shape), -1, axis)
