"""Continuous distributions by their quantile functions, differentiable in their parameters."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from funcgrad.ops.elementwise import logit, ndtr
from funcgrad.ops.special import ndtri, variate
from funcgrad.random.common import (
    FLOAT,
    draw,
    float_dtype,
    full_parameter,
    gaussian,
    open_unit,
    parameter,
    positive,
    random_sign,
    require,
    scaled,
    shape_of,
    signed_unit,
    standard_exponential,
    standard_gumbel,
    unit,
)
from funcgrad.random.keys import parts
from funcgrad.transforms.stop_gradient import stop_gradient

_ZERO, _ONE = 0.0, 1.0


@draw
def uniform(
    key: Any, shape: Any = (), dtype: Any = FLOAT, minval: Any = _ZERO, maxval: Any = _ONE
) -> Any:
    """Uniform in [minval, maxval); the bounds broadcast to the shape.

    >>> from funcgrad import random
    >>> x = random.uniform(random.key(0), (1000,), minval=-1.0)
    >>> bool((x >= -1).all() and (x < 1).all())
    True
    """
    dtype, shape = float_dtype("uniform", dtype), shape_of("uniform", shape, minval, maxval)
    low, high = parameter(minval, dtype), parameter(maxval, dtype)
    u = unit(key, shape, dtype)
    return u if minval is _ZERO and maxval is _ONE else scaled(u, low, high - low)


@draw
def normal(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Standard normal: √2 erf⁻¹(u) with u uniform in (-1, 1).

    >>> from funcgrad import random
    >>> random.normal(random.key(0), (2,), "float32").dtype
    dtype('float32')
    """
    return gaussian(key, shape_of("normal", shape), float_dtype("normal", dtype))


@draw
def lognormal(key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """exp(sigma z) with z standard normal.

    >>> from funcgrad import random
    >>> bool(random.lognormal(random.key(0), 0.5) > 0)
    True
    """
    dtype, shape = float_dtype("lognormal", dtype), shape_of("lognormal", shape, sigma)
    return np.exp(gaussian(key, shape, dtype) * parameter(sigma, dtype))


@draw
def truncated_normal(
    key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = FLOAT
) -> Any:
    """Standard normal between two bounds: Φ⁻¹(Φ(lower) + u (Φ(upper) - Φ(lower))).

    Above 0 it is drawn as the mirror image, so that far tails keep their digits. Raises
    ValueError where both bounds lie further out than 37 standard deviations: no probability is
    left there.

    >>> from funcgrad import random
    >>> x = random.truncated_normal(random.key(0), 3.0, 4.0, (100,))
    >>> bool((x >= 3).all() and (x <= 4).all())
    True
    """
    who = "truncated_normal"
    dtype, shape = float_dtype(who, dtype), shape_of(who, shape, lower, upper)
    lower, upper = (full_parameter(x, shape, dtype) for x in (lower, upper))
    end = 37 if dtype == FLOAT else 13
    require(who, "lower", lower, lambda v: v < end, f"below {end}")
    require(who, "upper", upper, lambda v: v > -end, f"above {-end}")
    require(who, "upper - lower", upper - lower, lambda v: v > 0, "positive")
    flip = lower > 0
    below, above = ndtr(np.where(flip, -upper, lower)), ndtr(np.where(flip, -lower, upper))
    x = ndtri(below + unit(key, shape, dtype) * (above - below))
    return np.minimum(np.maximum(np.where(flip, -x, x), lower), upper)


@draw
def exponential(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Exponential of rate 1: -log(1 - u).

    >>> from funcgrad import random
    >>> bool(random.exponential(random.key(0)) >= 0)
    True
    """
    return standard_exponential(
        key, shape_of("exponential", shape), float_dtype("exponential", dtype)
    )


@draw
def gumbel(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Standard Gumbel: -log(-log u).

    >>> from funcgrad import random
    >>> random.gumbel(random.key(0), (3,)).shape
    (3,)
    """
    return standard_gumbel(key, shape_of("gumbel", shape), float_dtype("gumbel", dtype))


@draw
def laplace(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Standard Laplace, of density e^-|x| / 2.

    >>> from funcgrad import random
    >>> random.laplace(random.key(0), (3,)).shape
    (3,)
    """
    u = signed_unit(key, shape_of("laplace", shape), float_dtype("laplace", dtype))
    return np.sign(u) * np.log1p(-np.abs(u))


@draw
def logistic(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Standard logistic: log u - log(1 - u).

    >>> from funcgrad import random
    >>> random.logistic(random.key(0), (3,)).shape
    (3,)
    """
    return logit(open_unit(key, shape_of("logistic", shape), float_dtype("logistic", dtype)))


@draw
def cauchy(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Standard Cauchy: tan π(u - 1/2).

    >>> from funcgrad import random
    >>> random.cauchy(random.key(0), (3,)).shape
    (3,)
    """
    u = open_unit(key, shape_of("cauchy", shape), float_dtype("cauchy", dtype))
    return np.tan((u - 0.5) * pi)


@draw
def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Pareto of scale 1 and shape b > 0: density b x^-(b+1) for x > 1.

    >>> from funcgrad import random
    >>> bool(random.pareto(random.key(0), 3.0) >= 1)
    True
    """
    dtype, shape = float_dtype("pareto", dtype), shape_of("pareto", shape, b)
    positive("pareto", b=b)
    return np.exp(standard_exponential(key, shape, dtype) / parameter(b, dtype))


@draw
def weibull_min(
    key: Any, scale: Any, concentration: Any, shape: Any = None, dtype: Any = FLOAT
) -> Any:
    """Weibull: scale (-log(1 - u))^(1/concentration), both positive.

    >>> from funcgrad import random
    >>> bool(random.weibull_min(random.key(0), 1.0, 2.0) >= 0)
    True
    """
    who = "weibull_min"
    dtype, shape = float_dtype(who, dtype), shape_of(who, shape, scale, concentration)
    positive(who, scale=scale, concentration=concentration)
    x = np.log(-np.log(open_unit(key, shape, dtype))) / parameter(concentration, dtype)
    return np.exp(x) * parameter(scale, dtype)


@draw
def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Rayleigh: scale √(-2 log u).

    >>> from funcgrad import random
    >>> bool(random.rayleigh(random.key(0), 1.0) >= 0)
    True
    """
    dtype, shape = float_dtype("rayleigh", dtype), shape_of("rayleigh", shape, scale)
    positive("rayleigh", scale=scale)
    return np.sqrt(-2 * np.log(open_unit(key, shape, dtype))) * parameter(scale, dtype)


@draw
def triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = FLOAT
) -> Any:
    """Triangular on [left, right] with its peak at mode.

    >>> from funcgrad import random
    >>> bool(0 <= random.triangular(random.key(0), 0.0, 0.2, 1.0) <= 1)
    True
    """
    who = "triangular"
    dtype, shape = float_dtype(who, dtype), shape_of(who, shape, left, mode, right)
    left, mode, right = (full_parameter(x, shape, dtype) for x in (left, mode, right))
    require(who, "mode - left", mode - left, lambda v: v >= 0, "at least 0")
    require(who, "right - mode", right - mode, lambda v: v >= 0, "at least 0")
    require(who, "right - left", right - left, lambda v: v > 0, "positive")
    u, width = open_unit(key, shape, dtype), right - left
    rising = left + np.sqrt(u * width * (mode - left))
    return np.where(
        u * width < mode - left, rising, right - np.sqrt((1 - u) * width * (right - mode))
    )


@draw
def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = FLOAT) -> Any:
    """Wald (inverse Gaussian) of scale 1: density exp(-(x-m)²/(2m²x)) / √(2πx³) for x > 0.

    After Michael, Schucany and Haas (1976); differentiated at a fixed probability.

    >>> from funcgrad import random
    >>> bool(random.wald(random.key(0), 2.0) > 0)
    True
    """
    dtype, shape = float_dtype("wald", dtype), shape_of("wald", shape, mean)
    positive("wald", mean=mean)
    mean = full_parameter(mean, shape, dtype)
    first, second = parts(key, 2)
    m, y = stop_gradient(mean), np.square(gaussian(first, shape, dtype))
    # the smaller root of (x - m)² = m² x y, of which the larger is m²/x
    half = m * y * 0.5
    x = m / (1 + half + np.sqrt(half * (half + 2)))
    return variate(
        mean, np.where(unit(second, shape, dtype) * (m + x) <= m, x, m * m / x), law="wald"
    )


@draw
def maxwell(key: Any, shape: Any = (), dtype: Any = FLOAT) -> Any:
    """Maxwell: the length of a standard normal vector in three dimensions.

    >>> from funcgrad import random
    >>> bool(random.maxwell(random.key(0)) > 0)
    True
    """
    shape, dtype = shape_of("maxwell", shape), float_dtype("maxwell", dtype)
    return _length(key, shape, dtype)


def _length(key: Any, shape: Any, dtype: Any) -> Any:
    return np.sqrt(np.sum(np.square(gaussian(key, (*shape, 3), dtype)), axis=-1))


@draw
def double_sided_maxwell(
    key: Any, loc: Any, scale: Any, shape: Any = None, dtype: Any = FLOAT
) -> Any:
    """loc + scale x, with x Maxwell of a random sign.

    >>> from funcgrad import random
    >>> random.double_sided_maxwell(random.key(0), 0.0, 1.0, (3,)).shape
    (3,)
    """
    who = "double_sided_maxwell"
    dtype, shape = float_dtype(who, dtype), shape_of(who, shape, loc, scale)
    positive(who, scale=scale)
    first, second = parts(key, 2)
    sign = random_sign(second, shape, dtype)
    return sign * _length(first, shape, dtype) * parameter(scale, dtype) + parameter(loc, dtype)
