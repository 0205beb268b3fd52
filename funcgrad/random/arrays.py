"""Orders, choices, and vectors that are drawn as a whole."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of
from funcgrad.ops.functions.selecting import take, take_along_axis
from funcgrad.ops.functions.sorting import searchsorted
from funcgrad.ops.random import drawn_bits
from funcgrad.random.common import (
    FLOAT,
    draw,
    float_dtype,
    gaussian,
    parameter,
    positive,
    require,
    shape_of,
    standard_exponential,
    standard_gumbel,
    unit,
)
from funcgrad.random.gammas import symmetric_power
from funcgrad.random.keys import parts


def _order(key: Any, shape: tuple[int, ...], axis: int = 0) -> Any:
    """Random orders along an axis: of 64 bits each, so that ties hardly happen."""
    return np.argsort(drawn_bits(key, shape, 64), axis=axis)


def _things(who: str, x: Any, axis: Any) -> tuple[Any, int]:
    """An array and one of its axes; an integer stands for the numbers below it."""
    if not np.ndim(x):
        x = np.arange(index(x))
    x = array_of(x)
    return x, axis_of(axis, len(x.shape))


@draw
def permutation(key: Any, x: Any, axis: int = 0, independent: bool = False) -> Any:
    """x (or the integers below x) in random order along an axis.

    With ``independent`` every line along the axis gets an order of its own.

    >>> from funcgrad import random
    >>> sorted(random.permutation(random.key(0), 4).tolist())
    [0, 1, 2, 3]
    """
    return permuted(key, *_things("permutation", x, axis), independent)


def permuted(key: Any, x: Any, axis: int, independent: bool) -> Any:
    if independent:
        return take_along_axis(x, _order(key, x.shape, axis), axis)
    return take(x, _order(key, (x.shape[axis],)), axis)


@draw
def shuffle(key: Any, x: Any, axis: int = 0) -> Any:
    """A shuffled copy of an array, along one axis: ``permutation`` by NumPy's other name.

    >>> from funcgrad import random
    >>> sorted(random.shuffle(random.key(0), [3, 1, 2]).tolist())
    [1, 2, 3]
    """
    return permuted(key, *_things("shuffle", x, axis), False)


@draw
def choice(
    key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None, axis: int = 0
) -> Any:
    """Entries of a along an axis (or integers below a), as likely as the probabilities p.

    Raises ValueError where more are asked for without replacement than there are, or p does not
    fit.

    >>> from funcgrad import random
    >>> random.choice(random.key(0), 5, (3,), replace=False).shape
    (3,)
    """
    a, axis = _things("choice", a, axis)
    shape, n = shape_of("choice", shape), a.shape[axis]
    count = int(np.prod(shape, dtype=np.int64))
    if (count > n and not replace) or (count and not n):
        raise ValueError(
            f"choice: {count} of {n} entries cannot be drawn {'with' if replace else 'without'} "
            "replacement"
        )
    places = _places(key, n, count, replace, _weights(p, n, count, replace))
    return take(a, places.reshape(shape), axis)


def _weights(p: Any, n: int, count: int, replace: bool) -> Any:
    if p is None:
        return None
    p = as_dtype(array_of(p), FLOAT)
    if tuple(p.shape) != (n,):
        raise ShapeError(f"choice: p has shape {tuple(p.shape)}, there are {n} entries")
    require("choice", "p", p, lambda v: (v >= 0) & np.isfinite(v), "not negative, and finite")
    enough = 1 if replace else count
    require("choice", "p", p, lambda v: np.sum(v > 0) >= enough, f"positive in {enough} places")
    return p


def _places(key: Any, n: int, count: int, replace: bool, p: Any) -> Any:
    if p is None and not replace:
        return _order(key, (n,))[:count]
    if not replace:
        return np.argsort(-np.log(p) - standard_gumbel(key, (n,), FLOAT))[:count]
    if p is None:
        p = np.ones(n)
    totals = np.cumsum(p)
    # from the right: 1 - u is never 0, so that what has no probability is never drawn
    return searchsorted(totals, totals[-1] * (1 - unit(key, (count,), FLOAT)))


@draw
def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = FLOAT,
    method: str = "cholesky",
) -> Any:  # fmt: skip
    """Normal vectors of mean (..., n) and covariance (..., n, n): mean + L z, with L Lᵀ = cov.

    ``shape`` is that of the draws, without the axis of their entries. ``method`` is "cholesky", or
    "eigh" for singular covariances. Differentiable in mean and cov.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> random.multivariate_normal(random.key(0), np.zeros(2), np.eye(2), (5,)).shape
    (5, 2)
    """
    who = "multivariate_normal"
    dtype = float_dtype(who, dtype)
    mean, cov = (parameter(array_of(x), dtype) for x in (mean, cov))
    if not mean.shape or tuple(cov.shape[-2:]) != (mean.shape[-1],) * 2:
        raise ShapeError(
            f"{who}: a mean (..., n) needs a covariance (..., n, n); theirs are "
            f"{tuple(mean.shape)} and {tuple(cov.shape)}"
        )
    shape = shape_of(who, shape, np.empty(mean.shape[:-1]), np.empty(cov.shape[:-2]))
    z = gaussian(key, (*shape, mean.shape[-1]), dtype)
    return mean + np.matmul(_root(cov, method), z[..., None])[..., 0]


def _root(cov: Any, method: str) -> Any:
    if method == "cholesky":
        return np.linalg.cholesky(cov)
    if method == "eigh":
        w, v = np.linalg.eigh(cov)
        return v * np.sqrt(np.maximum(w, 0))[..., None, :]
    raise ValueError(
        f"multivariate_normal: the method must be 'cholesky' or 'eigh', not {method!r}"
    )


@draw
def ball(key: Any, d: int, p: float = 2, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Points in the unit ball of the p-norm in d dimensions, of uniform density: (*shape, d).

    After Barthe, Guédon, Mendelson and Naor (2005).

    >>> import numpy as np
    >>> from funcgrad import random
    >>> bool(np.linalg.norm(random.ball(random.key(0), 3)) <= 1)
    True
    """
    dtype, shape = float_dtype("ball", dtype), shape_of("ball", shape)
    positive("ball", d=d, p=p)
    first, second = parts(key, 2)
    full = np.full((*shape, index(d)), p, dtype)
    g = symmetric_power(first, full.shape, dtype, full)
    e = standard_exponential(second, shape, dtype)
    return g / ((np.sum(np.abs(g) ** p, axis=-1) + e) ** (1 / p))[..., None]


@draw
def orthogonal(key: Any, n: int, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Orthogonal matrices (*shape, n, n), uniform over their group (Mezzadri, 2007).

    Q of a normal matrix, its columns turned so that R has a positive diagonal.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> q = random.orthogonal(random.key(0), 3)
    >>> bool(np.allclose(q.T @ q, np.eye(3)))
    True
    """
    dtype, shape = float_dtype("orthogonal", dtype), shape_of("orthogonal", shape)
    q, r = np.linalg.qr(gaussian(key, (*shape, index(n), index(n)), dtype))
    signs = np.sign(np.diagonal(r, axis1=-2, axis2=-1))
    return q * signs[..., None, :]
