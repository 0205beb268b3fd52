"""Cubic interpolation: by slopes at the samples, which each method chooses in its way."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import axis_of
from funcgrad.scipy.interpolate.piecewise import PPoly, rising, tall
from funcgrad.scipy.linalg.solving import solve_banded
from funcgrad.scipy.plain import alike

__all__ = ["Akima1DInterpolator", "CubicHermiteSpline", "CubicSpline", "PchipInterpolator"]


class _Cubic(PPoly):
    """Samples with their axis in front, their differences, and the polynomials of given slopes."""

    def _sampled(self, x: Any, y: Any, axis: int) -> tuple[Any, Any, Any, Any]:
        who = type(self).__name__
        x, y = alike(x, y)
        rising(who, x)
        axis = axis_of(axis, y.ndim)
        if y.shape[axis] != x.shape[0]:
            raise ValueError(f"{who}: {x.shape[0]} points, but y {y.shape} along axis {axis}")
        self.axis = axis
        y = np.moveaxis(y, axis, 0)
        h = tall(x[1:] - x[:-1], y)
        return x, y, h, (y[1:] - y[:-1]) / h

    def _through(self, x: Any, y: Any, h: Any, slopes: Any, d: Any, extrapolate: Any) -> None:
        curve = (d[:-1] + d[1:] - 2 * slopes) / h
        c = np.stack([curve / h, (slopes - d[:-1]) / h - curve, d[:-1], y[:-1]])
        super().__init__(c, x, extrapolate, self.axis)


class CubicHermiteSpline(_Cubic):
    """The cubics that have given values and slopes at the samples."""

    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None):
        x, y, dydx = alike(x, y, dydx)
        x, y, h, slopes = self._sampled(x, y, axis)
        d = np.moveaxis(dydx, self.axis, 0)
        self._through(x, y, h, slopes, d, True if extrapolate is None else extrapolate)


_NAMES = {"clamped": (1, 0.0), "natural": (2, 0.0), "not-a-knot": None}


class CubicSpline(_Cubic):
    """The cubic spline, with two continuous derivatives.

    ``bc_type``: "not-a-knot", "natural" (y'' = 0), "clamped" (y' = 0), "periodic", or a pair of
    such names or of (1 or 2, value of that derivative), one for each end. Differentiable in x, y
    and the points; the slopes solve a banded system (a full one if periodic).

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.interpolate import CubicSpline
    >>> x = np.arange(4.0)
    >>> grad(CubicSpline(x, x**3))(1.5).round(12)
    np.float64(6.75)
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot",
                 extrapolate: Any = None):  # fmt: skip
        x, y, h, slopes = self._sampled(x, y, axis)
        periodic = isinstance(bc_type, str) and bc_type == "periodic"
        if extrapolate is None:
            extrapolate = "periodic" if periodic else True
        if periodic:
            d = _periodic_slopes(y, h, slopes)
        else:
            d = _spline_slopes(y, h, slopes, *_conditions(bc_type))
        self._through(x, y, h, slopes, d, extrapolate)


def _conditions(bc_type: Any) -> tuple[Any, Any]:
    both = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
    found = [_NAMES.get(end, end) if isinstance(end, str) else end for end in both]
    for end in found:
        if isinstance(end, str) or (end is not None and end[0] not in (1, 2)):
            raise ValueError(
                f"CubicSpline: bc_type={bc_type!r}; it is one of {', '.join(_NAMES)}, periodic, or "
                "a pair of names or of (1 or 2, value)"
            )
    return found[0], found[1]


def _spline_slopes(y: Any, h: Any, slopes: Any, left: Any, right: Any) -> Any:
    """Interior: h_i d_(i-1) + 2 (h_(i-1) + h_i) d_i + h_(i-1) d_(i+1) = 3 (h_i s_(i-1) + …)."""
    n = y.shape[0]
    if n == 2:
        left, right = ((1, slopes[0]) if e is None else e for e in (left, right))
    if n == 3 and left is None and right is None:
        return _parabola(h, slopes)
    width = h.reshape((n - 1,))
    first = _end(left, y[1] - y[0], width, h, slopes)
    last = _end(right, y[-1] - y[-2], width[::-1], h[::-1], slopes[::-1], -1.0)
    rows = 3 * (h[1:] * slopes[:-1] + h[:-1] * slopes[1:])
    right_side = np.concatenate((first[2][None], rows, last[2][None]))
    zero = 0 * width[:1]
    bands = np.stack([
        np.concatenate((zero, first[1], width[:-1])),
        np.concatenate((first[0], 2 * (width[1:] + width[:-1]), last[0])),
        np.concatenate((width[1:], last[1], zero)),
    ])  # fmt: skip
    flat = solve_banded((1, 1), bands, right_side.reshape((n, -1)))
    return flat.reshape(y.shape)


def _end(kind: Any, rise: Any, width: Any, h: Any, slopes: Any, sign: float = 1.0) -> Any:
    """The diagonal, its neighbour and the right side of the row of an end."""
    if kind is None:
        both = width[0] + width[1]
        b = ((h[0] + 2 * (h[0] + h[1])) * h[1] * slopes[0] + h[0] ** 2 * slopes[1]) / (h[0] + h[1])
        return width[1:2], both.reshape((1,)), b
    order, value = kind
    if order == 1:
        return 0 * width[:1] + 1, 0 * width[:1], value + 0 * rise
    return 2 * width[:1], width[:1], 3 * rise - sign * 0.5 * value * h[0] ** 2


def _parabola(h: Any, slopes: Any) -> Any:
    curve = (slopes[1] - slopes[0]) / (h[0] + h[1])
    return np.stack([slopes[0] - curve * h[0], slopes[0] + curve * h[0], slopes[1] + curve * h[1]])


def _periodic_slopes(y: Any, h: Any, slopes: Any) -> Any:
    n = y.shape[0] - 1
    if n == 1:
        return 0 * y
    width = h.reshape((n,))
    before = np.concatenate((width[-1:], width[:-1]))
    unit = np.eye(n, dtype=y.dtype)
    matrix = (
        unit * (2 * (before + width)) + np.roll(unit, 1, axis=1) * before[:, None]
        + np.roll(unit, -1, axis=1) * width[:, None]
    )  # fmt: skip
    ahead, past = np.concatenate((slopes[-1:], slopes[:-1])), tall(before, y)
    right_side = 3 * (h * ahead + past * slopes)
    d = np.linalg.solve(matrix, right_side.reshape((n, -1))).reshape(right_side.shape)
    return np.concatenate((d, d[:1]))


class PchipInterpolator(_Cubic):
    """Cubics that rise and fall only where the samples do (Fritsch and Butland, 1984).

    Slopes are 0 at local extremes, else weighed harmonic means of those of both sides.
    """

    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None):
        x, y, h, slopes = self._sampled(x, y, axis)
        if y.shape[0] == 2:
            d = np.concatenate((slopes, slopes))
        else:
            a, b = slopes[:-1], slopes[1:]
            flat = (np.sign(a) * np.sign(b)) <= 0
            w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
            inner = (w1 + w2) / (w1 / np.where(flat, 1.0, a) + w2 / np.where(flat, 1.0, b))
            d = np.concatenate((
                _edge(h[0], h[1], slopes[0], slopes[1])[None], np.where(flat, 0.0, inner),
                _edge(h[-1], h[-2], slopes[-1], slopes[-2])[None],
            ))  # fmt: skip
        self._through(x, y, h, slopes, d, True if extrapolate is None else extrapolate)


def _edge(h0: Any, h1: Any, a: Any, b: Any) -> Any:
    """The slope at the end of the parabola through three samples, kept from overshooting."""
    d = ((2 * h0 + h1) * a - h0 * b) / (h0 + h1)
    steep = (np.sign(a) != np.sign(b)) & (abs(d) > 3 * abs(a))
    return np.where(np.sign(d) != np.sign(a), 0.0, np.where(steep, 3 * a, d))


class Akima1DInterpolator(_Cubic):
    """Akima's cubics (1970), whose slopes look two samples to both sides; or "makima"."""

    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima",
                 extrapolate: Any = None):  # fmt: skip
        if method not in ("akima", "makima"):
            raise NotTraceableError(f'Akima1DInterpolator: method={method!r}; "akima" or "makima"')
        x, y, h, slopes = self._sampled(x, y, axis)
        if y.shape[0] == 2:
            d = np.concatenate((slopes, slopes))
        else:
            d = _akima_slopes(slopes, method)
        self._through(x, y, h, slopes, d, bool(extrapolate) if extrapolate != "periodic"
                      else extrapolate)  # fmt: skip


def _akima_slopes(slopes: Any, method: str) -> Any:
    first = 2 * slopes[:1] - slopes[1:2]
    last = 2 * slopes[-1:] - slopes[-2:-1]
    m = np.concatenate((2 * first - slopes[:1], first, slopes, last, 2 * last - slopes[-1:]))
    change = abs(m[1:] - m[:-1])
    if method == "makima":
        change = change + 0.5 * abs(m[1:] + m[:-1])
    ahead, behind = change[2:], change[:-2]
    both = ahead + behind
    uneven = both > 1e-9 * np.max(both)
    d = (ahead * m[1:-2] + behind * m[2:-1]) / np.where(uneven, both, 1.0)
    middle = 0.5 * (m[3:] + m[:-3])
    return np.where(uneven, d, middle if method == "akima" else 0.0)
