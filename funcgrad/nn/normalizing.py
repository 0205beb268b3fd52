"""Functions that put a whole axis in proportion: logsumexp, softmax, standardize, one_hot.

``where`` leaves elements out, and out of the derivative too.
"""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.functions.common import array_of
from funcgrad.transforms.stop_gradient import stop_gradient


def _included(x: Any, where: Any) -> Any:
    """x, with -inf for what is left out."""
    return x if where is None else np.where(where, x, x.dtype.type(-np.inf))


def _peak(x: Any, axis: Any) -> Any:
    """The largest element, taken off before exp: it has no derivative. 0 where it is infinite."""
    peak = stop_gradient(np.max(x, axis=axis, keepdims=True, initial=-np.inf))
    return np.where(np.isfinite(peak), peak, x.dtype.type(0))


def _powers(x: Any, axis: Any, where: Any) -> tuple[Any, Any, Any]:
    """The included elements less the peak, exp of that, and the peak."""
    x = _included(array_of(x) * 1.0, where)
    peak = _peak(x, axis)
    return x - peak, np.exp(x - peak), peak


def _weighted(a: Any, b: Any, axis: Any, where: Any) -> Any:
    """Leaves out what has no weight and would overflow beside the rest."""
    weighty = (b != 0) if where is None else (b != 0) & where
    peak = _peak(_included(a, weighty), axis)
    seen = weighty | (a <= peak + log(float(np.finfo(a.dtype).max)) / 2)
    return seen if where is None else seen & where


def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False,
    where: Any = None,
) -> Any:  # fmt: skip
    """log Σ b e^a along an axis (or all); with ``return_sign`` of |Σ b e^a|, and its sign.

    A sum that is negative has no logarithm: NaN, without ``return_sign``.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> nn.logsumexp(np.array([1000.0, 1000.0]))
    np.float64(1000.6931471805599)
    """
    a = array_of(a)
    if b is not None:
        b = array_of(b)
        a = np.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape))
        where = _weighted(a * 1.0, b, axis, where)
    with np.errstate(all="ignore"):
        _, powers, peak = _powers(a, axis, where)
        powers = powers if b is None else b * powers
        total = np.sum(powers, axis=axis, keepdims=True)
        sign = np.sign(total)
        out = np.log(np.abs(total) if return_sign else total) + peak
    if not keepdims:
        out, sign = np.squeeze(out, axis)[()], np.squeeze(sign, axis)[()]
    return (out, sign) if return_sign else out


def logmeanexp(x: Any, axis: Any = None, where: Any = None, keepdims: bool = False) -> Any:
    """log of the mean of e^x along an axis.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> nn.logmeanexp(np.array([1000.0, 1000.0]))
    np.float64(1000.0)
    """
    x = array_of(x)
    ones = np.ones(x.shape, bool) if where is None else np.broadcast_to(where, x.shape)
    out = logsumexp(x, axis, keepdims=keepdims, where=where)
    return out - np.log(np.sum(ones, axis=axis, keepdims=keepdims).astype(out.dtype))


def softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """e^x / Σ e^x along an axis; 0 for what is left out.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> nn.softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    with np.errstate(all="ignore"):
        _, powers, _ = _powers(x, axis, where)
        total = np.sum(powers, axis=axis, keepdims=True)
        if where is None:
            return powers / total
        empty = np.sum(array_of(where) & np.ones(powers.shape, bool), axis=axis, keepdims=True) == 0
        return powers / np.where(empty, powers.dtype.type(1), total)


def log_softmax(x: Any, axis: Any = -1, where: Any = None) -> Any:
    """x - log Σ e^x along an axis; -inf for what is left out.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> nn.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    with np.errstate(all="ignore"):
        shifted, powers, _ = _powers(x, axis, where)
        out = shifted - np.log(np.sum(powers, axis=axis, keepdims=True))
        return _included(out, where)


def standardize(
    x: Any, axis: Any = -1, mean: Any = None, variance: Any = None, epsilon: Any = 1e-5,
    where: Any = None, *, algorithm: str = "fast",
) -> Any:  # fmt: skip
    """(x - mean) / √(variance + epsilon) along an axis.

    What is not given is computed. With a ``mean`` of the caller's, "fast" takes the mean of x²
    less mean² for the variance (at least 0), "stable" the mean of (x - mean)²; without, they are
    the same number, and the stable way computes it.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> nn.standardize(np.array([1.0, 3.0]), epsilon=0.0)
    array([-1.,  1.])
    """
    if algorithm not in ("fast", "stable"):
        raise ValueError(f"standardize: algorithm is 'fast' or 'stable', not {algorithm!r}")
    x = array_of(x) * 1.0
    given = mean is not None
    kept: dict[str, Any] = {"axis": axis, "keepdims": True}
    if where is not None:
        kept["where"] = where
    if not given:
        mean = np.mean(x, **kept)
    if variance is None and given and algorithm == "fast":
        variance = np.maximum(np.mean(x * x, **kept) - np.square(mean), 0)
    elif variance is None:
        variance = np.mean(np.square(x - mean), **kept)
    return (x - mean) / np.sqrt(variance + epsilon)


def one_hot(x: Any, num_classes: int, *, dtype: Any = None, axis: int = -1) -> Any:
    """A new axis of ``num_classes`` with 1 at the place x says; all 0 where x is no place.

    >>> from funcgrad import nn
    >>> nn.one_hot([0, 2, 5], 3)
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 0., 0.]])
    """
    x = array_of(x)
    rank = x.ndim + 1
    if not -rank <= axis < rank:
        raise ShapeError(f"one_hot: axis {axis} is out of bounds for the result's {rank} axes")
    axis %= rank
    places = np.arange(num_classes).reshape([-1 if i == axis else 1 for i in range(rank)])
    return (np.expand_dims(x, axis) == places).astype(np.float64 if dtype is None else dtype)
