"""Correlations of images with small weights, one axis after another or all at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.lax.convolution import conv_general_dilated
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of, dtype_of
from funcgrad.scipy.ndimage.borders import extended, known_mode
from funcgrad.scipy.plain import scipys

__all__ = [
    "convolve", "convolve1d", "correlate", "correlate1d", "gaussian_filter", "gaussian_filter1d",
    "uniform_filter", "uniform_filter1d",
]  # fmt: skip

_scipys = scipys("scipy.ndimage")


def _operands(who: str, input: Any, weights: Any, output: Any) -> tuple[Any, Any]:
    if output is not None:
        raise NotTraceableError(f"{who}: output= is not covered on traced values; use the result")
    x, w = array_of(input), array_of(weights)
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(float)
    if w.dtype.kind == "c" and dtype.kind != "c":
        dtype = dtype_of(np.empty(0, dtype), w)
    return as_dtype(x, dtype), as_dtype(w, dtype)


def _reach(who: str, size: int, origin: int) -> tuple[int, int]:
    """How far the weights reach to both sides of an element."""
    before = size // 2 + origin
    if not 0 <= before < size:
        raise ValueError(f"{who}: origin={origin} moves {size} weights off their element")
    return before, size - 1 - before


@_scipys
def correlate1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """z_i = sum_j w_j x_(i + j - n // 2 - origin) along an axis.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.ndimage import correlate1d
    >>> grad(lambda w: correlate1d(np.arange(4.0), w)[2])(np.ones(3))
    array([1., 2., 3.])
    """
    x, w = _operands("correlate1d", input, weights, output)
    if w.ndim != 1 or not w.shape[0]:
        raise ValueError(f"correlate1d: weights are a row, not of shape {w.shape}")
    axis, size = axis_of(axis, x.ndim), w.shape[0]
    before, after = _reach("correlate1d", size, origin)
    longer = extended(x, axis, before, after, known_mode("correlate1d", mode), cval)
    rows = np.moveaxis(longer, axis, -1)
    n = x.shape[axis]
    total: Any = 0
    for j in range(size):
        total = total + w[j] * rows[..., j : j + n]
    return np.moveaxis(total, -1, axis)


@_scipys
def convolve1d(
    input: Any, weights: Any, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """``correlate1d`` with the weights turned round."""
    w = array_of(weights)
    even = 1 - w.shape[0] % 2
    return correlate1d(array_of(input), w[::-1], axis, output, mode, cval, -origin - even)


def _per_axis(who: str, value: Any, axes: Any) -> list[Any]:
    given = [value] * len(axes) if np.ndim(value) == 0 else list(value)
    if len(given) != len(axes):
        raise ValueError(f"{who}: {value!r} has {len(given)} entries for {len(axes)} axes")
    return given


@_scipys
def correlate(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """``correlate1d`` with weights of as many axes as the image has."""
    x, w = _operands("correlate", input, weights, output)
    if axes is not None or w.ndim != x.ndim or not w.size:
        raise ValueError(
            f"correlate: weights {w.shape} and image {x.shape} have as many axes; axes= is not "
            "covered on traced values"
        )
    mode = known_mode("correlate", mode)
    for axis, moved in enumerate(_per_axis("correlate", origin, range(x.ndim))):
        x = extended(x, axis, *_reach("correlate", w.shape[axis], moved), mode, cval)
    if w.dtype.kind == "c" or not x.ndim:
        raise NotTraceableError("correlate: complex weights are not covered on traced values")
    return conv_general_dilated(x[None, None], w[None, None], (1,) * x.ndim, "VALID")[0, 0]


@_scipys
def convolve(
    input: Any, weights: Any, output: Any = None, mode: str = "reflect", cval: float = 0.0,
    origin: Any = 0, *, axes: Any = None,
) -> Any:  # fmt: skip
    """``correlate`` with the weights turned round."""
    w = array_of(weights)
    moved = _per_axis("convolve", origin, w.shape)
    moved = [-o - (1 - n % 2) for o, n in zip(moved, w.shape, strict=True)]
    turned = w[(slice(None, None, -1),) * w.ndim]
    return correlate(array_of(input), turned, output, mode, cval, moved, axes=axes)


def _bell(sigma: Any, order: int, radius: int) -> Any:
    """The weights of exp(-x^2 / 2 sigma^2), sum 1, or of its derivatives q(x) g(x):
    q' - x q / sigma^2 is the next q."""
    x = np.arange(-radius, radius + 1)
    g = np.exp(-0.5 * x**2 / sigma**2)
    g = g / np.sum(g)
    q: list[Any] = [1.0]  # coefficients of x^0, x^1, …
    for _ in range(order):
        slope = [*(k * c for k, c in enumerate(q))][1:]
        lower = [0.0, *(-c / sigma**2 for c in q)]
        slope += [0.0] * (len(lower) - len(slope))
        q = [a + b for a, b in zip(slope, lower, strict=True)]
    return sum(c * x**k for k, c in enumerate(q)) * g


def _radius(sigma: Any, truncate: float, radius: Any) -> int:
    return int(float(truncate) * float(sigma) + 0.5) if radius is None else int(radius)


@_scipys
def gaussian_filter1d(
    input: Any, sigma: Any, axis: int = -1, order: int = 0, output: Any = None,
    mode: str = "reflect", cval: float = 0.0, truncate: float = 4.0, *, radius: Any = None,
) -> Any:  # fmt: skip
    """``correlate1d`` with a bell of width sigma, cut at ``truncate`` sigma, or a derivative of it.

    A traced sigma needs ``radius``: how many weights there are cannot depend on it.
    """
    if radius is None and hasattr(sigma, "aval"):
        raise NotTraceableError("gaussian_filter1d: with a traced sigma, pass radius=")
    if int(order) != order or order < 0:
        raise ValueError(f"gaussian_filter1d: order={order!r}; it is 0, 1, 2, …")
    weights = array_of(_bell(sigma, int(order), _radius(sigma, truncate, radius)))
    return correlate1d(array_of(input), weights[::-1], axis, output, mode, cval, 0)


@_scipys
def gaussian_filter(
    input: Any, sigma: Any, order: Any = 0, output: Any = None, mode: Any = "reflect",
    cval: float = 0.0, truncate: float = 4.0, *, radius: Any = None, axes: Any = None,
) -> Any:  # fmt: skip
    """``gaussian_filter1d`` along every axis, or along ``axes``."""
    x = array_of(input)
    chosen = list(range(x.ndim)) if axes is None else [axis_of(a, x.ndim) for a in np.ravel(axes)]
    who = "gaussian_filter"
    modes = [mode] * len(chosen) if isinstance(mode, str) else list(mode)
    rows = zip(chosen, *(_per_axis(who, v, chosen) for v in (sigma, order, radius)), modes,
               strict=True)  # fmt: skip
    for axis, s, k, r, m in rows:
        if hasattr(s, "aval") or s > 1e-15:
            x = gaussian_filter1d(x, s, axis, k, output, m, cval, truncate, radius=r)
    return x


@_scipys
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, output: Any = None, mode: str = "reflect",
    cval: float = 0.0, origin: int = 0,
) -> Any:  # fmt: skip
    """The mean of ``size`` neighbours along an axis."""
    weights = np.full(int(size), 1.0 / int(size))
    return correlate1d(array_of(input), weights, axis, output, mode, cval, origin)


@_scipys
def uniform_filter(
    input: Any, size: Any = 3, output: Any = None, mode: str = "reflect", cval: float = 0.0,
    origin: Any = 0,
) -> Any:  # fmt: skip
    """``uniform_filter1d`` along every axis."""
    x = array_of(input)
    axes = range(x.ndim)
    sizes, moved = (_per_axis("uniform_filter", v, axes) for v in (size, origin))
    for axis in axes:
        x = uniform_filter1d(x, sizes[axis], axis, output, mode, cval, moved[axis])
    return x
