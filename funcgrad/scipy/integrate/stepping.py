"""The loop over steps: how long each one is, and what is asked for between their ends.

Steps are chosen as in SciPy, by values: step sizes are constants to every derivative, which is
then exactly that of the discrete solution. Times are held constant too; where one is
differentiated, a step of length 0 with respect to it stands at that end (`nudged`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.scipy.integrate.runge_kutta import METHODS, RK45, Slope, rms, step
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["Solved", "integrate"]


class Solved(NamedTuple):
    """y at the times asked for, (n, …); NaN past the last step that succeeded."""

    y: Any
    success: Any
    nfev: Any
    steps: Any


def nudged(f: Slope, t: Any, y: Any, h: Any) -> Any:
    """y(t + h) for h = 0: one step, whose derivatives by t and h are right up to order 5."""
    return step(f, RK45, t, y, f(t, y), h)[0]


def first_step(f: Slope, m: Any, t: Any, y: Any, k: Any, span: Any, tol: Any, most: Any) -> Any:
    """Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, section II.4."""
    rtol, atol = tol
    scale = atol + abs(y) * rtol
    d0, d1 = rms(y / scale), rms(k / scale)
    small = (d0 < 1e-5) | (d1 < 1e-5)
    h0 = np.minimum(np.where(small, 1e-6, 0.01 * d0 / np.where(small, 1.0, d1)), abs(span))
    forward = h0 * np.sign(span)
    d2 = rms((f(t + forward, y + forward * k) - k) / scale) / h0
    flat = (d1 <= 1e-15) & (d2 <= 1e-15)
    rate = np.where(flat, 1.0, np.maximum(d1, d2))
    h1 = np.where(flat, np.maximum(1e-6, h0 * 1e-3), (0.01 / rate) ** (1 / (m.order + 1)))
    return np.minimum(np.minimum(100 * h0, h1), np.minimum(abs(span), most))


def _factor(norm: Any, order: int, rejected: Any) -> Any:
    """What the step size is multiplied by, within [0.2, 10]; a step that failed counts as large."""
    safe = np.where(norm > 0, norm, 1.0)
    ideal = np.where(norm > 0, 0.9 * safe ** (-1 / (order + 1)), 10.0)
    ideal = np.where(np.isfinite(norm), ideal, 0.2)
    grown = np.minimum(np.where(rejected, np.minimum(1.0, ideal), ideal), 10.0)
    return np.where(norm < 1, grown, np.maximum(0.2, ideal))


def integrate(
    f: Slope, y0: Any, ts: Any, t0: Any, t1: Any, method: str, rtol: Any, atol: Any,
    max_step: Any = np.inf, first: Any = None, most: Any = None,
) -> Solved:  # fmt: skip
    """Solve y' = f(t, y) from t0 to t1 and give y at ``ts`` (n,), which lie between these."""
    m, dtype, n = METHODS[method], y0.dtype, ts.shape[0]
    asked, begin, bound = ts, stop_gradient(t0), stop_gradient(t1)
    if is_traced(t0):
        y0 = nudged(f, t0, y0, begin - t0)
    ts = stop_gradient(ts)
    way, k0 = np.sign(bound - begin), f(begin, y0)
    h0 = first
    if h0 is None:
        y, k = stop_gradient((y0, k0))
        h0 = stop_gradient(first_step(f, m, begin, y, k, bound - begin, (rtol, atol), max_step))
    tall = (n,) + (1,) * y0.ndim
    ys0 = np.where((ts == begin).reshape(tall), y0, np.asarray(np.nan, dtype))
    h0 = h0 * np.ones((), dtype)

    def going(state: Any) -> Any:
        t, _, _, _, _, _, failed, count = state
        return (way * (t - bound) < 0) & ~failed & (True if most is None else count < most)

    def advance(state: Any) -> Any:
        t, y, k, size, rejected, ys, _, count = state
        least = 10 * abs(np.nextafter(t, way * np.asarray(np.inf, dtype)) - t)
        size = np.maximum(np.minimum(size, max_step), least)
        far = way * (t + way * size - bound) > 0
        end = np.where(far, bound, t + way * size)
        h = end - t
        made = m.attempt(f, t, y, k, h, (rtol, atol))
        scale = atol + rtol * np.maximum(abs(stop_gradient(y)), abs(stop_gradient(made.new)))
        norm = np.where(made.found, rms(stop_gradient(made.error) / scale), np.inf)
        good = norm < 1
        here = good & (way * (ts - t) > 0) & (way * (ts - end) <= 0)
        wanted = abs(h) * _factor(norm, m.order, rejected)
        return (
            np.where(good, end, t), np.where(good, made.new, y), np.where(good, made.slope, k),
            wanted, ~good, np.where(here.reshape(tall), made.dense((ts - t) / h), ys),
            ~good & (wanted < least), count + 1,
        )  # fmt: skip

    advance.__wrapped__ = f  # type: ignore[attr-defined]  # the tree grows with f's code
    no = np.bool_(False)
    state = (begin, y0, k0, h0, no, ys0, no, np.int64(0))
    t, _, _, _, _, ys, _, count = while_loop(going, advance, state)
    if is_traced(asked):
        shift = asked - ts
        ys = np.stack([nudged(f, ts[i], ys[i], shift[i]) for i in range(n)])
    return Solved(ys, way * (t - bound) >= 0, 2 + m.cost * count, count)
