"""PPoly: polynomials between breakpoints, and what finds the piece that a point lies in.

    y(x) = sum_j c_j (x - x_i)^(k-1-j)      for x_i <= x < x_(i+1)

These objects are our own on plain arrays too, because points may be traced where samples are not.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.plain import alike
from funcgrad.trace.tracer import is_traced

__all__ = ["PPoly", "absent", "pieces", "placed", "rising", "tall"]


def absent(who: str, name: str) -> NoReturn:
    raise AttributeError(f"funcgrad's {who} has no {name!r}; scipy.interpolate.{who} takes arrays")


def tall(x: Any, like: Any) -> Any:
    """x with axes of length 1 behind, as many as ``like`` has more."""
    return x.reshape((*x.shape, *(1,) * (like.ndim - x.ndim)))


def placed(values: Any, rank: int, axis: int) -> Any:
    """The axes of the points, which stand in front, where the axis of the samples was."""
    if not axis or not rank:
        return values
    return np.moveaxis(values, tuple(range(rank)), tuple(range(axis, axis + rank)))


def rising(who: str, x: Any, least: int = 2) -> None:
    """Abscissae: one axis, enough of them, rising where they are known."""
    if x.ndim != 1 or x.shape[0] < least:
        raise ValueError(f"{who}: x has at least {least} points in one axis, not shape {x.shape}")
    if not is_traced(x) and not np.all(x[1:] > x[:-1]):
        raise ValueError(f"{who}: x has to rise from one point to the next")


def pieces(x: Any, points: Any) -> Any:
    """The index of the interval of each point; those outside belong to the first or last."""
    return np.clip(np.searchsorted(x, points, "right") - 1, 0, x.shape[0] - 2)


class PPoly:
    """Piecewise polynomials: c of shape (k, m, …), highest powers first, x of shape (m + 1,).

    ``p(points, nu=0)`` is the derivative of order nu. Outside of x the end pieces go on
    (``extrapolate=True``), repeat (``"periodic"``), or give NaN (False).

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.interpolate import PPoly
    >>> p = PPoly(np.array([[1.0], [0.0]]), np.array([2.0, 3.0]))
    >>> p(2.5), grad(p)(2.5)
    (np.float64(0.5), np.float64(1.0))
    """

    axis = 0

    def __init__(self, c: Any, x: Any, extrapolate: Any = True, axis: int = 0):
        self.c, self.x = alike(c, x)
        self.extrapolate, self.axis = extrapolate, axis
        if self.c.ndim < 2 or self.c.shape[1] != self.x.shape[0] - 1:
            raise ValueError(
                f"PPoly: coefficients {self.c.shape} do not fit {self.x.shape[0]} breakpoints; "
                "their second axis is one less"
            )

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if nu:
            return self.derivative(nu)(x, extrapolate=extrapolate)
        points, first, last = array_of(x), self.x[0], self.x[-1]
        points = points if points.dtype.kind == "f" else points.astype(self.x.dtype)
        if extrapolate == "periodic":
            points = first + (points - first) % (last - first)
        i = pieces(self.x, points)
        offset = points - self.x[i]
        values = self.c[0][i]
        offset = tall(offset, values)
        for c in self.c[1:]:
            values = values * offset + c[i]
        if not extrapolate:
            outside = (points < first) | (points > last)
            values = np.where(tall(outside, values), np.nan, values)
        return placed(values, points.ndim, self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        """The derivative of order nu, piece by piece."""
        c = self.c
        for _ in range(nu):
            k = c.shape[0] - 1
            powers = np.arange(k, 0, -1).astype(c.dtype).reshape((k,) + (1,) * (c.ndim - 1))
            c = c[:-1] * powers if k else 0 * c
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> PPoly:
        """The integral from the first breakpoint, taken nu times."""
        c = self.c
        for _ in range(nu):
            k = c.shape[0]
            powers = np.arange(k, 0, -1).astype(c.dtype).reshape((k,) + (1,) * (c.ndim - 1))
            c = c / powers
            h = tall(self.x[1:] - self.x[:-1], c[0])
            steps = sum(c[j] * h ** (k - j) for j in range(k))
            starts = np.concatenate((0 * steps[:1], np.cumsum(steps, axis=0)[:-1]))
            c = np.concatenate((c, starts[None]))
        return PPoly(c, self.x, self.extrapolate, self.axis)

    def integrate(self, a: Any, b: Any) -> Any:
        """The integral from a to b; outside of x the end pieces go on."""
        whole = self.antiderivative()
        return whole(b, extrapolate=True) - whole(a, extrapolate=True)

    def __getattr__(self, name: str) -> Any:
        absent(type(self).__name__, name)
