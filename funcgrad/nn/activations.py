"""Activations: functions of one number, elementwise on arrays of any shape."""

from __future__ import annotations

from math import log, pi, sqrt
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of


def tanh(x: Any) -> Any:
    """(e^x - e^-x) / (e^x + e^-x).

    >>> from funcgrad import nn
    >>> nn.tanh(0.0)
    np.float64(0.0)
    """
    return np.tanh(x)


def identity(x: Any) -> Any:
    """x itself.

    >>> from funcgrad import nn
    >>> nn.identity(2.0)
    2.0
    """
    return x


# -- piecewise linear ----------------------------------------------------------------------------


def relu(x: Any) -> Any:
    """max(x, 0), with derivative 0 at 0.

    >>> from funcgrad import grad, nn
    >>> grad(nn.relu)(0.0), grad(nn.relu)(2.0)
    (np.float64(0.0), np.float64(1.0))
    """
    x = array_of(x)
    return np.where(x <= 0, x.dtype.type(0), x)[()]  # by <=, so that NaN stays NaN


def relu6(x: Any) -> Any:
    """min(max(x, 0), 6), with derivative 0 at 0 and 6.

    >>> from funcgrad import nn
    >>> nn.relu6([-1.0, 7.0])
    array([0., 6.])
    """
    x = array_of(x)
    return np.where(x <= 0, x.dtype.type(0), np.where(x >= 6, x.dtype.type(6), x))[()]


def leaky_relu(x: Any, negative_slope: Any = 0.01) -> Any:
    """x above 0, ``negative_slope * x`` below.

    >>> from funcgrad import nn
    >>> nn.leaky_relu(-1.0)
    np.float64(-0.01)
    """
    x = array_of(x)
    return np.where(x >= 0, x, negative_slope * x)[()]


def hard_tanh(x: Any) -> Any:
    """x between -1 and 1, else the nearer of the two.

    >>> from funcgrad import nn
    >>> nn.hard_tanh([-2.0, 0.5])
    array([-1. ,  0.5])
    """
    x = array_of(x)
    return np.where(x > 1, x.dtype.type(1), np.where(x < -1, x.dtype.type(-1), x))[()]


def hard_sigmoid(x: Any) -> Any:
    """relu6(x + 3) / 6.

    >>> from funcgrad import nn
    >>> nn.hard_sigmoid(0.0)
    np.float64(0.5)
    """
    return relu6(array_of(x) + 3.0) / 6.0


def hard_silu(x: Any) -> Any:
    """x relu6(x + 3) / 6; ``hard_swish`` is another name of it.

    >>> from funcgrad import nn
    >>> nn.hard_silu(3.0)
    np.float64(3.0)
    """
    x = array_of(x)
    return x * hard_sigmoid(x)


hard_swish = hard_silu


def sparse_sigmoid(x: Any) -> Any:
    """(x + 1) / 2 between -1 and 1, else 0 or 1: the derivative of ``sparse_plus``.

    >>> from funcgrad import nn
    >>> nn.sparse_sigmoid([-2.0, 0.0, 2.0])
    array([0. , 0.5, 1. ])
    """
    return 0.5 * np.minimum(np.maximum(array_of(x) + 1.0, 0), 2)


# -- smooth --------------------------------------------------------------------------------------


def sparse_plus(x: Any) -> Any:
    """(x + 1)² / 4 between -1 and 1, 0 below and x above.

    >>> from funcgrad import nn
    >>> nn.sparse_plus([-2.0, 0.0, 2.0])
    array([0.  , 0.25, 2.  ])
    """
    x = array_of(x) * 1.0
    inner = (x + 1.0) ** 2 / 4
    return np.where(x <= -1, x.dtype.type(0), np.where(x >= 1, x, inner))[()]


def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x).

    >>> from funcgrad import nn
    >>> nn.sigmoid(0.0)
    np.float64(0.5)
    """
    return e.expit(array_of(x))


def softplus(x: Any) -> Any:
    """log(1 + e^x).

    >>> from funcgrad import nn
    >>> nn.softplus(1000.0)
    np.float64(1000.0)
    """
    with np.errstate(invalid="ignore"):  # NumPy warns of a NaN that came in
        return np.logaddexp(array_of(x), 0.0)


def log_sigmoid(x: Any) -> Any:
    """log(sigmoid(x)) = -softplus(-x).

    >>> from funcgrad import nn
    >>> nn.log_sigmoid(-1000.0)
    np.float64(-1000.0)
    """
    return -softplus(-array_of(x))


def silu(x: Any) -> Any:
    """x sigmoid(x); ``swish`` is another name of it.

    >>> from funcgrad import nn
    >>> nn.silu(0.0)
    np.float64(0.0)
    """
    x = array_of(x)
    return x * sigmoid(x)


swish = silu


def soft_sign(x: Any) -> Any:
    """x / (1 + |x|).

    >>> from funcgrad import nn
    >>> nn.soft_sign(-1.0)
    np.float64(-0.5)
    """
    x = array_of(x)
    return x / (np.abs(x) + 1.0)


def mish(x: Any) -> Any:
    """x tanh(softplus(x)).

    >>> from funcgrad import nn
    >>> nn.mish(0.0)
    np.float64(0.0)
    """
    x = array_of(x)
    return x * np.tanh(softplus(x))


def squareplus(x: Any, b: Any = 4) -> Any:
    """(x + √(x² + b)) / 2, computed without cancellation below 0.

    >>> from funcgrad import nn
    >>> nn.squareplus(-1e9)
    np.float64(1e-09)
    """
    x = array_of(x) * 1.0
    root = np.sqrt(x * x + b)
    below = root - np.where(x < 0, x, x.dtype.type(-1))
    return np.where(x < 0, b / below, root + x)[()] / 2


def elu(x: Any, alpha: Any = 1.0) -> Any:
    """x above 0, α (e^x - 1) below.

    >>> from funcgrad import nn
    >>> nn.elu(2.0)
    np.float64(2.0)
    """
    x = array_of(x) * 1.0
    below = np.where(x > 0, x.dtype.type(0), x)
    return np.where(x > 0, x, alpha * np.expm1(below))[()]


def celu(x: Any, alpha: Any = 1.0) -> Any:
    """max(x, 0) + α (exp(min(x, 0) / α) - 1): smooth for every α.

    >>> from funcgrad import nn
    >>> nn.celu(2.0)
    np.float64(2.0)
    """
    x = array_of(x) * 1.0
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0) / alpha)


# Klambauer et al., "Self-normalizing neural networks", 2017: mean 0 and variance 1 stay fixed.
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(x: Any) -> Any:
    """λ elu(x, α) with λ = 1.0507…, α = 1.6732…: keeps mean 0 and variance 1.

    >>> from funcgrad import nn
    >>> nn.selu(1.0)
    np.float64(1.0507009873554805)
    """
    return _SELU_SCALE * elu(x, _SELU_ALPHA)


def gelu(x: Any, approximate: bool = True) -> Any:
    """x Φ(x), Φ the normal distribution's; approximately, Φ by tanh (√(2/π) (x + 0.044715 x³)).

    (1 + tanh u) / 2 is computed as sigmoid(2u), which keeps its digits far below 0.

    >>> from funcgrad import nn
    >>> nn.gelu(1.0, approximate=False)
    np.float64(0.8413447460685429)
    """
    x = array_of(x) * 1.0
    if approximate:
        return x * sigmoid(2 * sqrt(2 / pi) * (x + 0.044715 * x**3))
    return 0.5 * x * e.erfc(-x * sqrt(0.5))


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along an axis times the sigmoid of the second half.

    Raises ShapeError where the axis has odd length.

    >>> from funcgrad import nn
    >>> nn.glu([3.0, 0.0])
    array([1.5])
    """
    x = array_of(x)
    if x.shape[axis] % 2:
        raise ShapeError(f"glu: axis {axis} of shape {x.shape} has odd length; it is cut in halves")
    first, second = np.split(x, 2, axis)
    return first * sigmoid(second)


def log1mexp(x: Any) -> Any:
    """log(1 - e^-x) for x > 0, by expm1 or log1p, whichever keeps the digits.

    >>> from funcgrad import nn
    >>> nn.log1mexp(1e-20)
    np.float64(-46.051701859880914)
    """
    x = array_of(x) * 1.0
    near = x < log(2)
    with np.errstate(all="ignore"):
        close = np.log(-np.expm1(-np.where(near, x, x.dtype.type(1))))
        far = np.log1p(-np.exp(-np.where(near, x.dtype.type(1), x)))
        return np.where(near, close, far)[()]
