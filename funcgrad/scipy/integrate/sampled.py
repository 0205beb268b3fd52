"""Integrals of sampled functions: linear in the samples, smooth in the abscissae."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.scipy.plain import alike, scipys

__all__ = ["cumulative_simpson", "cumulative_trapezoid", "romb", "simpson", "trapezoid"]

_scipys = scipys("scipy.integrate")


def _samples(who: str, y: Any, x: Any, dx: Any, axis: int) -> tuple[Any, Any]:
    """y with its axis at the end, and the n - 1 widths of the intervals, or rows of them."""
    y, dx, *rest = alike(y, dx, *(() if x is None else (x,)))
    y = np.moveaxis(y, axis, -1)
    n = y.shape[-1]
    if not rest:
        return y, dx * np.ones(max(n - 1, 0), dtype=y.dtype)
    x = rest[0] if rest[0].ndim == 1 else np.moveaxis(rest[0], axis, -1)
    if x.shape[-1] != n:
        raise ValueError(f"{who}: x has {x.shape[-1]} points along axis {axis}, y has {n}")
    return y, x[..., 1:] - x[..., :-1]


@_scipys
def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """sum_i (x_(i+1) - x_i) (y_i + y_(i+1)) / 2 along an axis.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.integrate import trapezoid
    >>> grad(trapezoid)(np.ones(3))
    array([0.5, 1. , 0.5])
    """
    y, h = _samples("trapezoid", y, x, dx, axis)
    return np.sum(0.5 * h * (y[..., 1:] + y[..., :-1]), axis=-1)


def _started(sums: Any, initial: Any, axis: int) -> Any:
    if initial is not None:
        first = np.full((*sums.shape[:-1], 1), initial, dtype=sums.dtype)
        sums = np.concatenate((first, sums), axis=-1)
    return np.moveaxis(sums, -1, axis)


@_scipys
def cumulative_trapezoid(
    y: Any, x: Any = None, dx: float = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """The trapezoidal rule up to each point but the first; with ``initial=0`` that one too."""
    if initial not in (None, 0):
        raise ValueError(f"cumulative_trapezoid: initial={initial!r}; it is 0 or None")
    y, h = _samples("cumulative_trapezoid", y, x, dx, axis)
    return _started(np.cumsum(0.5 * h * (y[..., 1:] + y[..., :-1]), axis=-1), initial, axis)


def _parabolas(y: Any, h: Any) -> Any:
    """Over pairs of intervals: (h+k) / 6 (y_0 (2 - k/h) + y_1 (h+k)^2 / (h k) + y_2 (2 - h/k))."""
    first, second = h[..., 0::2], h[..., 1::2]
    both, ratio = first + second, second / first
    left, middle, right = y[..., 0:-2:2], y[..., 1:-1:2], y[..., 2::2]
    weighed = left * (2 - ratio) + middle * both**2 / (first * second) + right * (2 - 1 / ratio)
    return np.sum(both / 6 * weighed, axis=-1)


@_scipys
def simpson(y: Any, x: Any = None, *, dx: float = 1.0, axis: int = -1) -> Any:
    """Simpson's rule over unequal intervals; of an odd number of them, the last is that of the
    parabola through the last three points (Cartwright, 2017)."""
    y, h = _samples("simpson", y, x, dx, axis)
    n = y.shape[-1]
    if n == 2:
        return 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    if n % 2:
        return _parabolas(y, h)
    k, m = h[..., -2], h[..., -1]
    last = (
        (2 * m * m + 3 * k * m) / (6 * (m + k)) * y[..., -1]
        + (m * m + 3 * m * k) / (6 * k) * y[..., -2]
        - m**3 / (6 * k * (k + m)) * y[..., -3]
    )
    return _parabolas(y[..., :-1], h[..., :-1]) + last


def _first_of_pairs(y: Any, h: Any) -> Any:
    """The integral over the first of two intervals, of the parabola through three points."""
    k, m = h[..., :-1], h[..., 1:]
    a, b, c = y[..., :-2], y[..., 1:-1], y[..., 2:]
    return k / 6 * (
        (3 - k / (k + m)) * a + (3 + k * k / (m * (k + m)) + k / (k + m)) * b
        - k * k / (m * (k + m)) * c
    )  # fmt: skip


@_scipys
def cumulative_simpson(
    y: Any, *, x: Any = None, dx: float = 1.0, axis: int = -1, initial: Any = None
) -> Any:
    """Simpson's rule up to each point but the first: each interval by the parabola that goes
    through it and its neighbour. Needs three points."""
    y, h = _samples("cumulative_simpson", y, x, dx, axis)
    n = y.shape[-1]
    if n < 3:
        raise ValueError(f"cumulative_simpson: {n} points along axis {axis}; it needs three")
    ahead = _first_of_pairs(y, h)
    back = _first_of_pairs(y[..., ::-1], h[..., ::-1])[..., ::-1]
    odd = np.arange(1, n - 2) % 2 == 1
    inner = np.where(odd, back[..., :-1], ahead[..., 1:])
    parts = np.concatenate((ahead[..., :1], inner, back[..., -1:]), axis=-1)
    return _started(np.cumsum(parts, axis=-1), initial, axis)


@_scipys
def romb(y: Any, dx: float = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Romberg's rule for 2^k + 1 samples: trapezoidal rules of halved widths, extrapolated."""
    y, h = _samples("romb", y, None, dx, axis)
    n = y.shape[-1] - 1
    k = n.bit_length() - 1
    if n < 1 or n != 1 << k:
        raise ValueError(f"romb: {n + 1} samples along axis {axis}; it takes 2^k + 1")
    rows: list[Any] = []
    for level in range(k + 1):
        step = n >> level
        part, width = y[..., ::step], h[0] * step
        row = [np.sum(0.5 * width * (part[..., 1:] + part[..., :-1]), axis=-1)]
        for j in range(level):
            row.append(row[j] + (row[j] - rows[j]) / (4.0 ** (j + 1) - 1))
        rows = row
    return rows[-1]
