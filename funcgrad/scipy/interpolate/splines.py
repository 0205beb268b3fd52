"""B-splines: values by de Boor's recurrence, and the spline through samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of, axis_of
from funcgrad.scipy.interpolate.piecewise import absent, placed, rising, tall
from funcgrad.scipy.plain import alike

__all__ = ["BSpline", "make_interp_spline"]


class BSpline:
    """sum_j c_j B_j(x): knots t (n + k + 1,), coefficients c (n, …), degree k.

    Differentiable in t, c and the points. Outside of [t_k, t_n] the end pieces go on, repeat
    (``extrapolate="periodic"``) or give NaN (False).

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.interpolate import BSpline
    >>> grad(lambda c: BSpline(np.arange(6.0), c, 2)(2.5))(np.ones(3))
    array([0.125, 0.75 , 0.125])
    """

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0):
        self.t, self.c = alike(t, c)
        self.k, self.extrapolate = int(k), extrapolate
        self.axis = axis_of(axis, self.c.ndim)
        self.n = self.t.shape[0] - self.k - 1
        if self.n < self.k + 1 or self.c.shape[self.axis] < self.n:
            raise ValueError(
                f"BSpline: degree {k} and {self.t.shape[0]} knots want {self.n} coefficients, at "
                f"least {k + 1}; c has shape {self.c.shape}"
            )

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        t, k = self.t, self.k
        points = array_of(x)
        points = points if points.dtype.kind == "f" else points.astype(t.dtype)
        first, last = t[k], t[self.n]
        outside = (points < first) | (points > last)
        if extrapolate == "periodic":
            points = first + (points - first) % (last - first)
        i = np.clip(np.searchsorted(t, points, "right") - 1, k, self.n - 1)
        values = _de_boor(t, np.moveaxis(self.c, self.axis, 0), k, i, points, int(nu))
        if not extrapolate:
            values = np.where(tall(outside, values), np.nan, values)
        return placed(values, points.ndim, self.axis)

    def derivative(self, nu: int = 1) -> BSpline:
        """The spline of degree k - nu: c_j' = k (c_(j+1) - c_j) / (t_(j+k+1) - t_(j+1))."""
        t, c, k = self.t, np.moveaxis(self.c, self.axis, 0)[: self.n], self.k
        for _ in range(int(nu)):
            gap = t[k + 1 : -1] - t[1 : -k - 1]
            width = tall(np.where(gap > 0, gap, 1.0), c)
            c = np.where(tall(gap > 0, c), k * (c[1:] - c[:-1]) / width, 0.0)
            t, k = t[1:-1], k - 1
        return BSpline(t, np.moveaxis(c, 0, self.axis), k, self.extrapolate, self.axis)

    def __getattr__(self, name: str) -> Any:
        absent("BSpline", name)


def _de_boor(t: Any, c: Any, k: int, i: Any, points: Any, nu: int) -> Any:
    """d_j = (1 - a_j) d_(j-1) + a_j d_j; the last nu rounds take differences instead."""
    if nu > k:
        return 0 * c[i] * tall(points, c[i])
    d = [c[i - k + j] for j in range(k + 1)]
    for r in range(1, k + 1):
        for j in range(k, r - 1, -1):
            low, high = t[i - k + j], t[i + 1 + j - r]
            if r <= nu:
                d[j] = (k - r + 1) * (d[j] - d[j - 1]) / tall(high - low, d[j])
            else:
                a = tall((points - low) / (high - low), d[j])
                d[j] = (1 - a) * d[j - 1] + a * d[j]
    return d[k]


def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0,
    check_finite: bool = True,
) -> BSpline:  # fmt: skip
    """The ``BSpline`` of degree k through the samples; without knots t, "not-a-knot".

    Its coefficients solve a full system of as many equations as there are samples.
    """
    if bc_type not in (None, "not-a-knot"):
        raise NotTraceableError(
            f"make_interp_spline: bc_type={bc_type!r} is not covered; CubicSpline has such ends"
        )
    x, y, *rest = alike(x, y, *(() if t is None else (t,)))
    rising("make_interp_spline", x, k + 1)
    axis = axis_of(axis, y.ndim)
    rows = np.moveaxis(y, axis, 0)
    n = x.shape[0]
    if rows.shape[0] != n:
        raise ValueError(f"make_interp_spline: {n} points, but y {y.shape} along axis {axis}")
    knots = rest[0] if rest else _knots(x, k)
    basis = BSpline(knots, np.eye(n, dtype=x.dtype), k)(x)
    c = np.linalg.solve(basis, rows.reshape((n, -1))).reshape(rows.shape)
    return BSpline(knots, np.moveaxis(c, 0, axis), k, axis=axis)


def _knots(x: Any, k: int) -> Any:
    inner = x if k % 2 else 0.5 * (x[1:] + x[:-1])
    cut = (k + 1) // 2
    inner = inner[cut : inner.shape[0] - cut]
    ends = np.ones(k + 1, dtype=x.dtype)
    return np.concatenate((x[0] * ends, inner, x[-1] * ends))
