"""Poisson and binomial counts.

Where few are expected, by search: the first count whose distribution function exceeds u. Else by
Hörmann's transformed rejection ("The transformed rejection method for generating Poisson random
variables", 1993; "The generation of binomial random variates", 1993), with probabilities written
so that they keep their digits for large counts (after Loader, 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.ops.elementwise import gammaln
from funcgrad.ops.functions.common import as_dtype
from funcgrad.random.common import (
    FLOAT,
    INT,
    accepted,
    draw,
    full_parameter,
    integer_dtype,
    open_unit,
    probability,
    require,
    shape_of,
    unit,
)
from funcgrad.random.keys import parts
from funcgrad.transforms.stop_gradient import stop_gradient

_FEW = 10.0
_MOST = 2.0**52


def _searched(u: Any, first: Any, pending: Any, ratio: Callable[[Any], Any]) -> Any:
    """The count whose cumulative probability passes u; ratio(k) is P(k) / P(k - 1)."""

    def once(carry: Any) -> Any:
        k, p, total, pending = carry
        p = p * ratio(k + 1)
        going = np.logical_and(pending, np.logical_and(total + p <= u, p > 1e-20))
        return np.where(pending, k + 1, k), p, total + p, going

    start = (np.zeros(np.shape(u)), first, first, np.logical_and(pending, first <= u))
    return while_loop(lambda carry: np.any(carry[3]), once, start)[0]


def _excess(k: Any) -> Any:
    """log k! - k log k + k, by Stirling's series from 16 on."""
    small = np.minimum(k, 16.0)
    near = gammaln(small + 1) - small * np.log(np.maximum(small, 1.0)) + small
    v = 1 / np.maximum(k, 16.0)
    w = v * v
    series = v * (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188)))))
    return np.where(k < 16, near, 0.5 * np.log(2 * pi / v) + series)


def _times_log(k: Any, mean: Any) -> Any:
    """k log(mean / k), 0 where k is 0."""
    safe = np.maximum(k, 1.0)
    return np.where(k > 0, k * np.log1p((mean - safe) / safe), 0.0)


def _hat(key: Any, b: Any, a: Any, centre: Any) -> Any:
    """A candidate of Hörmann's: the count, |…|, and the logarithm of the second uniform over
    the hat."""
    first, second = parts(key, 2)
    u = unit(first, np.shape(b), FLOAT) - 0.5
    v = open_unit(second, np.shape(b), FLOAT)
    side = np.maximum(0.5 - np.abs(u), 1e-300)
    k = np.floor((2 * a / side + b) * u + centre)
    return k, np.log(v) - np.log(a / (side * side) + b)


def _rejected(key: Any, pending: Any, b: Any, a: Any, centre: Any, scale: Any, end: Any,
              log_p: Callable[[Any], Any]) -> Any:  # fmt: skip
    """Counts of which log_p is the logarithm of the probability."""

    def propose(key: Any) -> Any:
        k, level = _hat(key, b, a, centre)
        inside = np.logical_and(k >= 0, k <= end)
        safe = np.where(inside, k, 0.0)
        return safe, np.logical_and(inside, level + scale <= log_p(safe))

    return accepted(key, propose, pending, np.zeros(np.shape(b)))


@draw
def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = INT) -> Any:
    """Poisson counts of mean lam, from 0 to 2^52.

    >>> from funcgrad import random
    >>> int(random.poisson(random.key(0), 0.0))
    0
    """
    dtype, shape = integer_dtype("poisson", dtype), shape_of("poisson", shape, lam)
    most = min(_MOST, float(np.iinfo(dtype).max) / 2)
    require("poisson", "lam", lam, lambda v: (v >= 0) & (v <= most), f"from 0 to {most:.3g}")
    lam = stop_gradient(full_parameter(lam, shape, FLOAT))
    first, second = parts(key, 2)
    few = lam < _FEW
    mean = np.where(few, lam, 1.0)
    small = _searched(unit(first, shape, FLOAT), np.exp(-mean), few, lambda k: mean / k)
    mean_ = np.where(few, _FEW, lam)
    b = 0.931 + 2.53 * np.sqrt(mean_)
    a = -0.059 + 0.02483 * b
    large = _rejected(
        second, np.logical_not(few), b, a, mean_ + 0.43, np.log(1.1239 + 1.1328 / (b - 3.4)),
        np.inf, lambda k: _times_log(k, mean_) + (k - mean_) - _excess(k),
    )  # fmt: skip
    return as_dtype(np.where(few, small, large), dtype)


@draw
def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = INT) -> Any:
    """How many of n trials succeed, each with probability p; n from 0 to 2^52.

    >>> from funcgrad import random
    >>> int(random.binomial(random.key(0), 10, 1.0))
    10
    """
    dtype, shape = integer_dtype("binomial", dtype), shape_of("binomial", shape, n, p)
    probability("binomial", p)
    most = min(_MOST, float(np.iinfo(dtype).max))
    good = lambda v: (v >= 0) & (v <= most) & (v == np.floor(v))
    require("binomial", "n", n, good, f"an integer from 0 to {most:.3g}")
    n, p = (stop_gradient(full_parameter(x, shape, FLOAT)) for x in (n, p))
    first, second = parts(key, 2)
    mirrored = p > 0.5
    p = np.where(mirrored, 1 - p, p)
    few = n * p < _FEW
    u, small_p = unit(first, shape, FLOAT), np.where(few, p, 0.0)
    odds = small_p / (1 - small_p)
    small = _searched(
        u, np.exp(n * np.log1p(-small_p)), few, lambda k: np.maximum(n - k + 1, 0) / k * odds
    )
    large = _many(second, np.where(few, 40.0, n), np.where(few, 0.25, p), np.logical_not(few))
    found = np.where(few, np.minimum(small, n), large)
    return as_dtype(np.where(mirrored, n - found, found), dtype)


def _many(key: Any, n: Any, p: Any, pending: Any) -> Any:
    """Binomial counts with n p >= 10 and p <= 1/2."""
    spread = np.sqrt(n * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    mode = np.floor((n + 1) * p)

    def log_p(k: Any) -> Any:
        rest = n - k
        logs = _times_log(k, n * p) + _times_log(rest, n * (1 - p))
        return logs - _excess(k) - _excess(rest)

    scale = np.log((2.83 + 5.1 / b) * spread) + log_p(mode)
    return _rejected(key, pending, b, a, n * p + 0.5, scale, n, log_p)
