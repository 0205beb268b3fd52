"""Interpolation between neighbours: on a line, and on regular grids."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of, axis_of
from funcgrad.scipy.interpolate.piecewise import absent, pieces, placed, rising, tall
from funcgrad.scipy.interpolate.splines import make_interp_spline
from funcgrad.scipy.plain import alike
from funcgrad.trace.tracer import is_traced

__all__ = ["RegularGridInterpolator", "interp1d", "interpn"]

_DEGREES = {"slinear": 1, "quadratic": 2, "cubic": 3}
_STEPS = ("nearest", "nearest-up", "zero", "previous", "next")


def _checked(who: str, outside: Any, bounds_error: Any) -> None:
    """Points out of range raise where they are known; where they are traced they are filled."""
    if bounds_error and not is_traced(outside) and np.any(outside):
        raise ValueError(f"{who}: points lie out of range; pass bounds_error=False and fill_value")


class interp1d:  # noqa: N801  # SciPy's name
    """A function through samples: "linear", "nearest", "previous", "next", "cubic", ….

    ``x`` (n,) is sorted first unless ``assume_sorted``. Out of range: ``fill_value``, one or
    (below, above), or "extrapolate"; without it plain points raise ValueError, and traced ones,
    which may not be looked at, give NaN.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.interpolate import interp1d
    >>> grad(lambda y: interp1d(np.arange(3.0), y)(1.25))(np.zeros(3))
    array([0.  , 0.75, 0.25])
    """

    def __init__(
        self, x: Any, y: Any, kind: Any = "linear", axis: int = -1, copy: Any = True,
        bounds_error: Any = None, fill_value: Any = np.nan, assume_sorted: bool = False,
    ):  # fmt: skip
        kind = {v: k for k, v in _DEGREES.items()}.get(kind, kind)
        if kind not in ("linear", *_STEPS, *_DEGREES):
            raise NotTraceableError(
                f"interp1d: kind={kind!r}; linear, {', '.join((*_STEPS, *_DEGREES))}"
            )
        x, y = alike(x, y)
        self.axis = axis_of(axis, y.ndim)
        y = np.moveaxis(y, self.axis, 0)
        if x.ndim != 1 or y.shape[0] != x.shape[0]:
            raise ValueError(f"interp1d: x {x.shape} and {y.shape[0]} samples along axis {axis}")
        if not assume_sorted:
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[order]
        self.x, self._y, self.kind = x, y, kind
        if isinstance(fill_value, str) and fill_value == "extrapolate":
            # there is nothing before the first sample, nor after the last
            lone = {"previous": (np.nan, y[-1]), "next": (y[0], np.nan)}
            fill_value = lone.get(kind, fill_value)
        self.extrapolate = isinstance(fill_value, str)
        self.fill_value = fill_value
        given = self.extrapolate or not (isinstance(fill_value, float) and np.isnan(fill_value))
        self.bounds_error = not given if bounds_error is None else bounds_error
        if kind in _DEGREES:
            self._spline = make_interp_spline(x, y, _DEGREES[kind])

    def __call__(self, x: Any) -> Any:
        points = array_of(x)
        points = points if points.dtype.kind == "f" else points.astype(self.x.dtype)
        values = self._at(points)
        if not self.extrapolate:
            below, above = points < self.x[0], points > self.x[-1]
            _checked("interp1d", below | above, self.bounds_error)
            pair = self.fill_value if isinstance(self.fill_value, tuple) else (self.fill_value,) * 2
            values = np.where(tall(below, values), pair[0], values)
            values = np.where(tall(above, values), pair[1], values)
        return placed(values, points.ndim, self.axis)

    def _at(self, points: Any) -> Any:
        x, y = self.x, self._y
        if self.kind in _DEGREES:
            return self._spline(points)
        if self.kind == "linear":
            i = pieces(x, points)
            share = tall((points - x[i]) / (x[i + 1] - x[i]), y[i])
            return y[i] + share * (y[i + 1] - y[i])
        n = x.shape[0]
        if self.kind in ("zero", "previous"):
            i = np.searchsorted(x, points, "right") - 1
        elif self.kind == "next":
            i = np.searchsorted(x, points, "left")
        else:
            side: Any = "left" if self.kind == "nearest" else "right"
            i = np.searchsorted(0.5 * (x[1:] + x[:-1]), points, side)
        return y[np.clip(i, 0, n - 1)]

    def __getattr__(self, name: str) -> Any:
        absent("interp1d", name)


class RegularGridInterpolator:
    """Values on a grid of rows ``points``, one for each axis: "linear" or "nearest" between.

    ``values`` has shape (n_1, …, n_d, …); called with (…, d) it gives (…, *the rest). Out of range:
    as in ``interp1d``; ``fill_value=None`` goes on with the outermost cells.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.interpolate import RegularGridInterpolator
    >>> x, y = np.arange(3.0), np.arange(2.0)
    >>> grid = RegularGridInterpolator((x, y), np.arange(6.0).reshape(3, 2))
    >>> grad(lambda p: grid(p)[0])(np.array([0.5, 0.5]))
    array([2., 1.])
    """

    def __init__(
        self, points: Any, values: Any, method: str = "linear", bounds_error: bool = True,
        fill_value: Any = np.nan,
    ):  # fmt: skip
        _method(method)
        *grid, values = alike(*points, values)
        for axis, row in enumerate(grid):
            rising("RegularGridInterpolator", row)
            if values.ndim < len(grid) or values.shape[axis] != row.shape[0]:
                raise ValueError(
                    f"RegularGridInterpolator: {row.shape[0]} points for axis {axis} of values "
                    f"{values.shape}"
                )
        self.grid, self.values, self.method = tuple(grid), values, method
        self.bounds_error, self.fill_value = bounds_error, fill_value

    def __call__(self, xi: Any, method: Any = None) -> Any:
        (xi,) = alike(xi if hasattr(xi, "dtype") else np.stack(np.broadcast_arrays(*xi), -1)
                      if isinstance(xi, tuple) else xi)  # fmt: skip
        d = len(self.grid)
        if xi.ndim == 0 or xi.shape[-1] != d:
            raise ValueError(f"RegularGridInterpolator: points of {d} numbers, not {xi.shape}")
        lone = xi.ndim == 1
        rows = xi.reshape((1, d)) if lone else xi
        found = [_share(row, rows[..., i]) for i, row in enumerate(self.grid)]
        values = self._between(found, _method(method or self.method))
        low, high = (np.stack([row[end] for row in self.grid]) for end in (0, -1))
        outside = np.any((rows < low) | (rows > high), axis=-1)
        if self.fill_value is not None:
            _checked("RegularGridInterpolator", outside, self.bounds_error)
            values = np.where(tall(outside, values), self.fill_value, values)
        return values

    def _between(self, found: Any, method: str) -> Any:
        if method == "nearest":
            corner = tuple(i + (share > 0.5) for i, share in found)
            return self.values[corner] + 0.0
        total: Any = 0.0
        for corner in product((0, 1), repeat=len(found)):
            value = self.values[tuple(i + c for (i, _), c in zip(found, corner, strict=True))]
            weight: Any = 1.0
            for (_, share), c in zip(found, corner, strict=True):
                weight = weight * (share if c else 1 - share)
            total = total + tall(weight, value) * value
        return total

    def __getattr__(self, name: str) -> Any:
        absent("RegularGridInterpolator", name)


def _method(method: str) -> str:
    if method not in ("linear", "nearest"):
        raise NotTraceableError(
            f"RegularGridInterpolator: method={method!r} is not covered; linear and nearest are"
        )
    return method


def _share(row: Any, x: Any) -> tuple[Any, Any]:
    """The cell of each number, and how far into it the number lies, 0 to 1."""
    i = pieces(row, x)
    return i, (x - row[i]) / (row[i + 1] - row[i])


def interpn(
    points: Any, values: Any, xi: Any, method: str = "linear", bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:  # fmt: skip
    """``RegularGridInterpolator(points, values, …)(xi)``."""
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)
