"""The gamma distribution and what is made of it.

Marsaglia and Tsang, "A simple method for generating gamma variables" (2000): candidates d v with
v = (1 + c z)³, z normal. Shape parameters below 1 are raised by one, and the variate multiplied
by u^(1/a). The derivative by the shape parameter is that at fixed probabilities of both factors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.elementwise import expit
from funcgrad.ops.special import variate
from funcgrad.random.common import (
    FLOAT,
    accepted,
    draw,
    float_dtype,
    full_parameter,
    gaussian,
    open_unit,
    parameter,
    positive,
    random_sign,
    shape_of,
)
from funcgrad.random.keys import parts
from funcgrad.transforms.stop_gradient import stop_gradient


def _from_one(key: Any, a: Any) -> Any:
    """Variates of shape parameters a >= 1."""
    fixed = stop_gradient(a)
    d = fixed - 1 / 3
    c = 1 / np.sqrt(9 * d)

    def propose(key: Any) -> Any:
        first, second = parts(key, 2)
        z, u = gaussian(first, a.shape, a.dtype), open_unit(second, a.shape, a.dtype)
        root = 1 + c * z
        v = np.where(root > 0, root * root * root, 1)
        good = np.log(u) < 0.5 * z * z + d * (1 - v + np.log(v))
        return d * v, np.logical_and(root > 0, good)

    x = accepted(key, propose, np.ones(a.shape, bool), np.zeros(a.shape, a.dtype))
    return variate(a, x, law="gamma")


def _factors(key: Any, a: Any) -> tuple[Any, Any]:
    """A variate of a (below 1: of a + 1), and the logarithm of what it is multiplied by."""
    first, second = parts(key, 2)
    small = a < 1
    x = _from_one(first, np.where(small, a + 1, a))
    scaled = np.log(open_unit(second, a.shape, a.dtype)) / np.where(small, a, 1)
    return x, np.where(small, scaled, 0)


def log_variate(key: Any, a: Any) -> Any:
    x, scale = _factors(key, a)
    return np.log(x) + scale


def variate_of(key: Any, a: Any) -> Any:
    x, scale = _factors(key, a)
    return x * np.exp(scale)


def _prepared(who: str, shape: Any, dtype: Any, **params: Any) -> list[Any]:
    """The shape, the dtype, and the parameters (which are positive) as arrays of that shape."""
    dtype, shape = float_dtype(who, dtype), shape_of(who, shape, *params.values())
    positive(who, **params)
    return [shape, dtype, *[full_parameter(p, shape, dtype) for p in params.values()]]


@draw
def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Gamma of shape parameter a > 0 and scale 1: density x^(a-1) e^-x / Γ(a).

    Differentiable by a, to any order, at a fixed probability. Raises ValueError unless a > 0.

    >>> from funcgrad import grad, random
    >>> x = random.gamma(random.key(0), 2.5, (3,))
    >>> slope = grad(lambda a: random.gamma(random.key(0), a))(2.5)
    >>> bool(slope > 0)
    True
    """
    _, _, a = _prepared("gamma", shape, dtype, a=a)
    return variate_of(key, a)


@draw
def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """The logarithm of a gamma variate, also where a is so small that the variate is 0.

    >>> from funcgrad import random
    >>> bool(random.loggamma(random.key(0), 1e-4) < 0)
    True
    """
    _, _, a = _prepared("loggamma", shape, dtype, a=a)
    return log_variate(key, a)


@draw
def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Beta: x / (x + y) with x, y gamma variates of shape parameters a and b.

    >>> from funcgrad import random
    >>> bool(0 < random.beta(random.key(0), 2.0, 3.0) < 1)
    True
    """
    _, _, a, b = _prepared("beta", shape, dtype, a=a, b=b)
    first, second = parts(key, 2)
    return expit(log_variate(first, a) - log_variate(second, b))


@draw
def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Dirichlet: gamma variates of shape parameters alpha, divided by their sum (last axis).

    ``shape`` is that of the draws, without the axis of their entries.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> x = random.dirichlet(random.key(0), np.array([1.0, 2.0, 3.0]), (5,))
    >>> x.shape, bool(np.allclose(np.sum(x, axis=-1), 1))
    ((5, 3), True)
    """
    dtype = float_dtype("dirichlet", dtype)
    if not np.ndim(alpha):
        raise ShapeError("dirichlet: alpha must be an array with the entries in its last axis")
    positive("dirichlet", alpha=alpha)
    alpha = parameter(alpha, dtype)
    shape = shape_of("dirichlet", shape, np.empty(alpha.shape[:-1]))
    logs = log_variate(key, full_parameter(alpha, (*shape, alpha.shape[-1]), dtype))
    x = np.exp(logs - stop_gradient(np.max(logs, axis=-1, keepdims=True)))
    return x / np.sum(x, axis=-1, keepdims=True)


@draw
def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """χ² of df > 0 degrees of freedom: twice a gamma variate of df/2.

    >>> from funcgrad import random
    >>> bool(random.chisquare(random.key(0), 3.0) > 0)
    True
    """
    _, _, df = _prepared("chisquare", shape, dtype, df=df)
    return 2 * variate_of(key, df / 2)


@draw
def t(key: Any, df: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Student's t: z √(df / χ²) with z standard normal.

    >>> from funcgrad import random
    >>> random.t(random.key(0), 3.0, (2,)).shape
    (2,)
    """
    shape, dtype, df = _prepared("t", shape, dtype, df=df)
    first, second = parts(key, 2)
    scale = 0.5 * (np.log(df / 2) - log_variate(second, df / 2))
    return gaussian(first, shape, dtype) * np.exp(scale)


@draw
def f(key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """F: the quotient of two χ² variates, each divided by its degrees of freedom.

    >>> from funcgrad import random
    >>> bool(random.f(random.key(0), 3.0, 5.0) > 0)
    True
    """
    _, _, dfnum, dfden = _prepared("f", shape, dtype, dfnum=dfnum, dfden=dfden)
    first, second = parts(key, 2)
    over, under = log_variate(first, dfnum / 2), log_variate(second, dfden / 2)
    return np.exp(over - under + np.log(dfden / dfnum))


@draw
def generalized_normal(key: Any, p: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Of density proportional to exp(-|x|^p): ± g^(1/p) with g a gamma variate of 1/p.

    >>> from funcgrad import random
    >>> random.generalized_normal(random.key(0), 2.0, (2,)).shape
    (2,)
    """
    return symmetric_power(key, *_prepared("generalized_normal", shape, dtype, p=p))


def symmetric_power(key: Any, shape: Any, dtype: Any, p: Any) -> Any:
    first, second = parts(key, 2)
    return random_sign(second, shape, dtype) * np.exp(log_variate(first, 1 / p) / p)
