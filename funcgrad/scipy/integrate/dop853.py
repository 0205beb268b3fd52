"""DOP853: the explicit Runge-Kutta method of order 8 with errors of orders 5 and 3.

Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, sections II.5 and II.6. The
coefficients are read from SciPy, which has them to all digits.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from funcgrad.scipy.integrate.runge_kutta import Attempt, Slope, weighed
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["Dop853"]


class Coefficients(NamedTuple):
    """c and a: of 12 stages, of the end, and of three stages more for the dense output d."""

    c: list[float]
    a: list[list[float]]
    e5: list[float]
    e3: list[float]
    d: list[list[float]]


@cache
def _coefficients() -> Coefficients:
    from scipy.integrate._ivp import dop853_coefficients as known

    return Coefficients(*(x.tolist() for x in (known.C, known.A, known.E5, known.E3, known.D)))


class Dop853(NamedTuple):
    """The method as `stepping` asks for it."""

    order: int = 7
    cost: int = 15

    def attempt(self, f: Slope, t: Any, y: Any, k: Any, h: Any, tol: Any) -> Attempt:
        """A step of length h from y, where the slope is k."""
        m, ks = _coefficients(), [k]
        for i in range(1, 13):  # the last stage is the end: its coefficients are b
            at = y + h * weighed(m.a[i], ks)
            ks.append(f(t + m.c[i] * h, at))
        e5, e3 = stop_gradient((h * weighed(m.e5, ks), h * weighed(m.e3, ks)))

        def error(scale: Any, norm: Any) -> Any:
            """|e5|^2 / sqrt(|e5|^2 + 0.01 |e3|^2)"""
            five, three = norm(e5 / scale), norm(e3 / scale)
            both = np.sqrt(five**2 + 0.01 * three**2)
            return np.where(both > 0, five**2 / np.where(both > 0, both, 1.0), both)

        return Attempt(at, ks[-1], error, lambda s: _dense(f, t, y, at, ks, h, s), True)


def _dense(f: Slope, t: Any, y: Any, new: Any, ks: list[Any], h: Any, s: Any) -> Any:
    """y at the shares s (n,): y + s (F0 + (1 - s) (F1 + s (F2 + …)))."""
    m, ks = _coefficients(), list(ks)
    for i in range(13, 16):
        ks.append(f(t + m.c[i] * h, y + h * weighed(m.a[i], ks)))
    step = new - y
    parts = [step, h * ks[0] - step, 2 * step - h * (ks[0] + ks[12])]
    parts += [h * weighed(row, ks) for row in m.d]
    s = s.reshape(s.shape + (1,) * y.ndim)
    total = s * parts[-1]
    for i in range(len(parts) - 2, -1, -1):
        total = (s if i % 2 == 0 else 1 - s) * (parts[i] + total)
    return y + total
