"""Adaptive Runge-Kutta methods with dense output, as one while_loop.

    k_i = f(t + c_i h, y + h sum_j a_ij k_j)      y_new = y + h sum_i b_i k_i
    y(t + s h) = y + h sum_i k_i (p_i1 s + p_i2 s^2 + …)

Steps are chosen as in SciPy, by values: step sizes are constants to every derivative, which is
then exactly that of the discrete solution. Times are held constant too; where one is
differentiated, a step of length 0 with respect to it stands at that end (`nudged`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["METHODS", "Solved", "integrate", "nudged"]

Slope = Callable[[Any, Any], Any]


class Tableau(NamedTuple):
    """Coefficients; e: the error's, p: those of the dense output; order: of the error."""

    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    e: tuple[float, ...]
    p: Any
    order: int


# Bogacki and Shampine, 1989.
RK23 = Tableau(
    (0, 1 / 2, 3 / 4), ((), (1 / 2,), (0, 3 / 4)), (2 / 9, 1 / 3, 4 / 9),
    (5 / 72, -1 / 12, -1 / 9, 1 / 8),
    np.array([[1, -4 / 3, 5 / 9], [0, 1, -2 / 3], [0, 4 / 3, -8 / 9], [0, -1, 1]]), 2,
)  # fmt: skip

# Dormand and Prince, 1980; dense output of order 4 by Shampine, 1986.
RK45 = Tableau(
    (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1),
    (
        (), (1 / 5,), (3 / 40, 9 / 40), (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    (-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40),
    np.array([
        [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
        [0, 0, 0, 0],
        [0, 131558114200 / 32700410799, -68118460800 / 10900136933,
         87487479700 / 32700410799],
        [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
        [0, 127303824393 / 49829197408, -318862633887 / 49829197408,
         701980252875 / 199316789632],
        [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
        [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
    ]), 4,
)  # fmt: skip

METHODS = {"RK23": RK23, "RK45": RK45}


class Solved(NamedTuple):
    """y at the times asked for, (n, …); NaN past the last step that succeeded."""

    y: Any
    success: Any
    nfev: Any
    steps: Any


def _weighed(weights: Any, ks: Any) -> Any:
    terms = [w * k for w, k in zip(weights, ks, strict=False) if w]
    return sum(terms[1:], terms[0])


def _step(f: Slope, m: Tableau, t: Any, y: Any, k: Any, h: Any) -> tuple[Any, list[Any]]:
    """The new y, and the slopes of all stages, that at the new y last."""
    ks = [k]
    for c, a in zip(m.c[1:], m.a[1:], strict=True):
        ks.append(f(t + c * h, y + h * _weighed(a, ks)))
    new = y + h * _weighed(m.b, ks)
    return new, [*ks, f(t + h, new)]


def nudged(f: Slope, t: Any, y: Any, h: Any) -> Any:
    """y(t + h) for h = 0: one step, whose derivatives by t and h are right up to order 5."""
    return _step(f, RK45, t, y, f(t, y), h)[0]


def _dense(m: Tableau, y: Any, ks: list[Any], h: Any, s: Any) -> Any:
    """y at the shares s (n,) of a step: (n, …)."""
    powers = np.arange(1, m.p.shape[1] + 1).astype(y.dtype)
    weights = s[:, None] ** powers @ m.p.T.astype(y.dtype)
    tall = s.shape + (1,) * y.ndim
    return y + h * sum(weights[:, i].reshape(tall) * k for i, k in enumerate(ks) if m.p[i].any())


def _rms(x: Any) -> Any:
    return np.sqrt(np.mean(abs(x) ** 2))


def first_step(f: Slope, m: Tableau, t: Any, y: Any, k: Any, span: Any, tol: Any, most: Any) -> Any:
    """Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, section II.4."""
    rtol, atol = tol
    scale = atol + abs(y) * rtol
    d0, d1 = _rms(y / scale), _rms(k / scale)
    small = (d0 < 1e-5) | (d1 < 1e-5)
    h0 = np.minimum(np.where(small, 1e-6, 0.01 * d0 / np.where(small, 1.0, d1)), abs(span))
    forward = h0 * np.sign(span)
    d2 = _rms((f(t + forward, y + forward * k) - k) / scale) / h0
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
        new, ks = _step(f, m, t, y, k, h)
        scale = atol + rtol * np.maximum(abs(stop_gradient(y)), abs(stop_gradient(new)))
        norm = _rms(stop_gradient(h * _weighed(m.e, ks)) / scale)
        good = norm < 1
        here = good & (way * (ts - t) > 0) & (way * (ts - end) <= 0)
        wanted = abs(h) * _factor(norm, m.order, rejected)
        return (
            np.where(good, end, t), np.where(good, new, y), np.where(good, ks[-1], k),
            wanted, ~good, np.where(here.reshape(tall), _dense(m, y, ks, h, (ts - t) / h), ys),
            ~good & (wanted < least), count + 1,
        )  # fmt: skip

    advance.__wrapped__ = f  # type: ignore[attr-defined]  # the tree grows with f's code
    no = np.bool_(False)
    state = (begin, y0, k0, h0, no, ys0, no, np.int64(0))
    t, _, _, _, _, ys, _, count = while_loop(going, advance, state)
    if is_traced(asked):
        shift = asked - ts
        ys = np.stack([nudged(f, ts[i], ys[i], shift[i]) for i in range(n)])
    return Solved(ys, way * (t - bound) >= 0, 2 + len(m.b) * count, count)
