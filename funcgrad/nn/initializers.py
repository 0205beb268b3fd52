"""The names of ``jax.nn.initializers``: functions ``init(key, shape, dtype)`` of random arrays.

The same key gives JAX's numbers. Factories take the dtype too, as the default of ``init``.

>>> from funcgrad import random
>>> from funcgrad.nn import initializers
>>> init = initializers.glorot_uniform()
>>> init(random.key(0), (2, 3), "float32").shape
(2, 3)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod, sqrt
from typing import Any

import numpy as np

from funcgrad import random
from funcgrad.errors import ShapeError

__all__ = [
    "constant", "delta_orthogonal", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
    "kaiming_normal", "kaiming_uniform", "lecun_normal", "lecun_uniform", "normal", "ones",
    "orthogonal", "truncated_normal", "uniform", "variance_scaling", "xavier_normal",
    "xavier_uniform", "zeros",
]  # fmt: skip

Initializer = Callable[..., Any]
_FLOAT = np.float64
_CUT = 0.87962566103423978  # standard deviation of the normal distribution within (-2, 2)


def zeros(key: Any, shape: Sequence[int], dtype: Any = _FLOAT) -> Any:
    """An array of zeros; the key is not used."""
    return np.zeros(shape, dtype)


def ones(key: Any, shape: Sequence[int], dtype: Any = _FLOAT) -> Any:
    """An array of ones; the key is not used."""
    return np.ones(shape, dtype)


def constant(value: Any, dtype: Any = _FLOAT) -> Initializer:
    """All elements are ``value`` (which broadcasts to the shape)."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        return np.full(shape, value, dtype)

    return init


def uniform(scale: Any = 1e-2, dtype: Any = _FLOAT) -> Initializer:
    """Uniform in [0, scale)."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        return random.uniform(key, shape, dtype) * np.asarray(scale, dtype)

    return init


def normal(stddev: Any = 1e-2, dtype: Any = _FLOAT) -> Initializer:
    """Normal with mean 0."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        return random.normal(key, shape, dtype) * np.asarray(stddev, dtype)

    return init


def truncated_normal(
    stddev: Any = 1e-2, dtype: Any = _FLOAT, lower: Any = -2.0, upper: Any = 2.0
) -> Initializer:
    """Normal, cut at ``lower`` and ``upper`` standard deviations of the distribution before."""

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        draws = random.truncated_normal(key, lower, upper, shape, dtype)
        return draws * np.asarray(stddev, dtype)

    return init


# -- by the number of connections ----------------------------------------------------------------

Axes = int | Sequence[int]


def _size(shape: Sequence[int], axes: Axes) -> int:
    return prod(shape[axis] for axis in ((axes,) if isinstance(axes, int) else axes))


def _fans(shape: Sequence[int], in_axis: Axes, out_axis: Axes, batch_axis: Axes) -> Any:
    """How many inputs and outputs an element is connected with; other axes are receptive fields."""
    if len(shape) < 2 and isinstance(in_axis, int) and isinstance(out_axis, int):
        raise ShapeError(
            f"variance_scaling: shape {tuple(shape)} has no axes of inputs and outputs; it needs "
            "two axes or more"
        )
    n_in, n_out, batch = (_size(shape, axes) for axes in (in_axis, out_axis, batch_axis))
    field = prod(shape) / (n_in * n_out * batch) if prod(shape) else 0.0
    return n_in * field, n_out * field


_MEANS: dict[str, Callable[[float, float], float]] = {
    "fan_in": lambda fan_in, fan_out: fan_in,
    "fan_out": lambda fan_in, fan_out: fan_out,
    "fan_avg": lambda fan_in, fan_out: (fan_in + fan_out) / 2,
    "fan_geo_avg": lambda fan_in, fan_out: sqrt(fan_in * fan_out),
}


def variance_scaling(
    scale: Any, mode: str, distribution: str, in_axis: Axes = -2, out_axis: Axes = -1,
    batch_axis: Axes = (), dtype: Any = _FLOAT,
) -> Initializer:  # fmt: skip
    """Variance ``scale / n``, n the inputs, outputs or their mean that ``mode`` names.

    ``mode`` is "fan_in", "fan_out", "fan_avg" or "fan_geo_avg"; ``distribution`` is "uniform",
    "normal" or "truncated_normal". Raises ValueError for others.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> from funcgrad.nn import initializers
    >>> init = initializers.variance_scaling(1.0, "fan_in", "uniform")
    >>> bool(np.max(np.abs(init(random.key(0), (300, 4)))) <= 0.1)
    True
    """
    if mode not in _MEANS:
        raise ValueError(f"variance_scaling: mode is one of {sorted(_MEANS)}, not {mode!r}")
    if distribution not in ("uniform", "normal", "truncated_normal"):
        raise ValueError(
            "variance_scaling: distribution is 'uniform', 'normal' or 'truncated_normal', "
            f"not {distribution!r}"
        )

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        n = _MEANS[mode](*_fans(shape, in_axis, out_axis, batch_axis))
        if not prod(shape):
            return np.zeros(shape, dtype)
        variance = np.asarray(scale / n, dtype)
        if distribution == "normal":
            return random.normal(key, shape, dtype) * np.sqrt(variance)
        if distribution == "uniform":
            return random.uniform(key, shape, dtype, minval=-1.0) * np.sqrt(3 * variance)
        draws = random.truncated_normal(key, -2.0, 2.0, shape, dtype)
        return draws * (np.sqrt(variance) / np.asarray(_CUT, dtype))

    return init


def _scaled(name: str, doc: str, scale: float, mode: str, distribution: str) -> Any:
    def factory(
        in_axis: Axes = -2, out_axis: Axes = -1, batch_axis: Axes = (), dtype: Any = _FLOAT
    ) -> Initializer:
        return variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis, dtype)

    factory.__name__ = factory.__qualname__ = name
    factory.__doc__ = f"{doc}: variance {scale:g} / {mode}, {distribution}."
    return factory


_glorot = partial(_scaled, scale=1.0, mode="fan_avg")
_lecun = partial(_scaled, scale=1.0, mode="fan_in")
_he = partial(_scaled, scale=2.0, mode="fan_in")

glorot_uniform = _glorot("glorot_uniform", "Glorot and Bengio 2010", distribution="uniform")
glorot_normal = _glorot("glorot_normal", "Glorot and Bengio 2010", distribution="truncated_normal")
lecun_uniform = _lecun("lecun_uniform", "LeCun et al. 1998", distribution="uniform")
lecun_normal = _lecun("lecun_normal", "LeCun et al. 1998", distribution="truncated_normal")
he_uniform = _he("he_uniform", "He et al. 2015", distribution="uniform")
he_normal = _he("he_normal", "He et al. 2015", distribution="truncated_normal")
xavier_uniform, xavier_normal = glorot_uniform, glorot_normal
kaiming_uniform, kaiming_normal = he_uniform, he_normal


# -- orthogonal ----------------------------------------------------------------------------------


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = _FLOAT) -> Initializer:
    """Orthonormal columns (or rows, where there are fewer), uniformly distributed, times scale.

    ``column_axis`` counts the columns, all others together the rows. Raises ShapeError for
    fewer than two axes.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> from funcgrad.nn import initializers
    >>> q = initializers.orthogonal()(random.key(0), (4, 3))
    >>> bool(np.allclose(q.T @ q, np.eye(3)))
    True
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        if len(shape) < 2:
            raise ShapeError(f"orthogonal: shape {tuple(shape)} has fewer than two axes")
        columns = shape[column_axis]
        rows = prod(shape) // columns
        draws = random.normal(key, (max(rows, columns), min(rows, columns)), dtype)
        q, r = np.linalg.qr(draws)
        q = q * np.sign(np.diag(r))  # else the decomposition's convention would show
        q = q if rows >= columns else q.T
        rest = list(shape)
        del rest[column_axis]
        return np.asarray(scale, dtype) * np.moveaxis(q.reshape(*rest, columns), -1, column_axis)

    return init


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = _FLOAT) -> Initializer:
    """Kernels of convolutions: an orthogonal matrix at the middle, zeros around it.

    The shape has three to five axes, inputs and outputs last (Xiao et al. 2018). Raises
    ShapeError for others, and where there are more inputs than outputs.
    """

    def init(key: Any, shape: Sequence[int], dtype: Any = dtype) -> Any:
        if not 3 <= len(shape) <= 5 or shape[-2] > shape[-1]:
            raise ShapeError(
                f"delta_orthogonal: shape {tuple(shape)}; it takes three to five axes, the last "
                "two of inputs and outputs, with no more inputs than outputs"
            )
        square = orthogonal(scale, column_axis, dtype)(key, (shape[-1], shape[-1]), dtype)
        out = np.zeros_like(square, shape=tuple(shape))
        out[tuple([(n - 1) // 2 for n in shape[:-2]])] = square[: shape[-2]]
        return out

    return init
