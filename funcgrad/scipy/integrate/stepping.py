"""The loop over steps: how long each one is, and what is asked for between their ends.

Steps are chosen as in SciPy, by values: step sizes are constants to every derivative, which is
then exactly that of the discrete solution. Times are held constant too; where one is
differentiated, a step of length 0 with respect to it stands at that end (`nudged`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.scipy.integrate.bdf import Bdf, follow
from funcgrad.scipy.integrate.dop853 import Dop853
from funcgrad.scipy.integrate.runge_kutta import RK23, RK45, Radau, Slope, rms, shortest, step
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["METHODS", "Solved", "Solver", "integrate"]

METHODS: dict[str, Any] = {
    "RK23": RK23, "RK45": RK45, "DOP853": Dop853(), "Radau": Radau(), "BDF": Bdf(),
}  # fmt: skip


class Solved(NamedTuple):
    """y at the times asked for, (n, …); NaN past the last step that succeeded."""

    y: Any
    success: Any
    nfev: Any
    steps: Any


def nudged(f: Slope, t: Any, y: Any, h: Any) -> Any:
    """y(t + h) for h = 0: one step, whose derivatives by t and h are right up to order 5."""
    return step(f, RK45, t, y, f(t, y), h)[0]


def first_step(
    f: Slope, m: Any, t: Any, y: Any, k: Any, span: Any, tol: Any, most: Any, rms: Any
) -> Any:
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


class Solver(NamedTuple):
    """A method and the limits on its steps; their sizes are plain numbers."""

    method: str
    max_step: float = np.inf
    first: float | None = None
    most: int | None = None

    def solve(self, f: Any, ys: list[Any], ts: Any, rtol: Any, atol: Any) -> list[Any]:
        """What a flow asks for: states are lists of leaves, of which the first is the user's."""
        if len(ys) == 1:
            return [steps(lambda t, y: f(t, [y])[0], ys[0], ts, ts[0], ts[-1], self, (rtol, atol),
                          rms).y]  # fmt: skip
        shapes = [y.shape for y in ys]
        ends = np.cumsum([int(np.prod(s)) for s in shapes])

        def row(leaves: Any) -> Any:
            return np.concatenate([leaf.reshape(-1) for leaf in leaves])

        def parts(x: Any) -> list[Any]:
            return np.split(x, ends[:-1], axis=-1)

        def slope(t: Any, x: Any) -> Any:
            now = [p.reshape(s) for p, s in zip(parts(x), shapes, strict=True)]
            return row(f(t, now))

        def norm(x: Any) -> Any:
            """Of the part that is the largest: none hides behind another."""
            return reduce(np.maximum, [rms(p) for p in parts(x) if p.size])

        slope.__wrapped__ = f  # type: ignore[attr-defined]
        tol = tuple(row([_tolerance(x, s, shapes[0]) for s in shapes]) if x.ndim else x
                    for x in (rtol, atol))  # fmt: skip
        found = steps(slope, row(ys), ts, ts[0], ts[-1], self, tol, norm).y
        return [p.reshape((-1, *s)) for p, s in zip(parts(found), shapes, strict=True)]

    def agree(self, ys: list[Any], zs: list[Any], rtol: Any, atol: Any) -> Any:
        """Whether states that were found along two ways share half of the digits asked for."""
        shape = ys[0].shape
        worst = [rms((y - z) / (np.sqrt(_tolerance(atol, y.shape, shape))
                                + np.sqrt(_tolerance(rtol, y.shape, shape)) * abs(z)))
                 for y, z in zip(ys, zs, strict=True) if 0 not in y.shape]  # fmt: skip
        return reduce(np.maximum, worst) < 1


def _tolerance(x: Any, shape: Any, first: Any) -> Any:
    """One per entry for what has the state's shape; else the smallest."""
    return np.broadcast_to(x if shape == first or not x.ndim else np.min(x), shape)


def integrate(
    f: Slope, y0: Any, ts: Any, t0: Any, t1: Any, solver: Solver, tol: tuple[Any, Any]
) -> Solved:
    """Solve y' = f(t, y) from t0 to t1 and give y at ``ts`` (n,), differentiable by its steps."""
    begin, held = stop_gradient(t0), stop_gradient(ts)
    if is_traced(t0):
        y0 = nudged(f, t0, y0, begin - t0)
    solved = steps(f, y0, held, begin, stop_gradient(t1), solver, tol, rms)
    if not is_traced(ts):
        return solved
    rows = range(ts.shape[0])
    return solved._replace(
        y=np.stack([nudged(f, held[i], solved.y[i], ts[i] - held[i]) for i in rows])
    )


def steps(
    f: Slope, y0: Any, ts: Any, begin: Any, bound: Any, solver: Solver, tol: tuple[Any, Any],
    norm: Callable[[Any], Any],
) -> Solved:  # fmt: skip
    """The solution from begin to bound at ``ts`` (n,), which lie between these; times are held."""
    m, dtype, n = METHODS[solver.method], y0.dtype, ts.shape[0]
    (rtol, atol), max_step, most = tol, solver.max_step, solver.most
    way, k0 = np.sign(bound - begin), f(begin, y0)
    h0: Any = solver.first
    if h0 is None:
        y, k = stop_gradient((y0, k0))
        h0 = stop_gradient(first_step(f, m, begin, y, k, bound - begin, tol, max_step, norm))
    tall = (n,) + (1,) * y0.ndim
    ys0 = np.where((ts == begin).reshape(tall), y0, np.asarray(np.nan, dtype))
    h0 = h0 * np.ones((), dtype)
    if isinstance(m, Bdf):
        ys, t, count = follow(f, y0, k0, h0, ts, ys0, begin, bound, solver, tol, norm)
        return Solved(ys, way * (t - bound) >= 0, 2 + m.cost * count, count)

    def going(state: Any) -> Any:
        t, _, _, _, _, _, failed, count = state
        return (way * (t - bound) < 0) & ~failed & (True if most is None else count < most)

    def advance(state: Any) -> Any:
        t, y, k, size, rejected, ys, _, count = state
        least = shortest(t, way)
        size = np.maximum(np.minimum(size, max_step), least)
        far = way * (t + way * size - bound) > 0
        end = np.where(far, bound, t + way * size)
        h = end - t
        made = m.attempt(f, t, y, k, h, tol)
        scale = atol + rtol * np.maximum(abs(stop_gradient(y)), abs(stop_gradient(made.new)))
        error = np.where(made.found, made.error(scale, norm), np.inf)
        good = error < 1
        here = good & (way * (ts - t) > 0) & (way * (ts - end) <= 0)
        wanted = abs(h) * _factor(error, m.order, rejected)
        return (
            np.where(good, end, t), np.where(good, made.new, y), np.where(good, made.slope, k),
            wanted, ~good, np.where(here.reshape(tall), made.dense((ts - t) / h), ys),
            ~good & (wanted < least), count + 1,
        )  # fmt: skip

    advance.__wrapped__ = f  # type: ignore[attr-defined]  # the tree grows with f's code
    lost = ~np.isfinite(h0)  # a start that is not a number: no step would ever fail
    state = (begin, y0, k0, h0, np.bool_(False), ys0, lost, np.int64(0))
    t, _, _, _, _, ys, _, count = while_loop(going, advance, state)
    return Solved(ys, way * (t - bound) >= 0, 2 + m.cost * count, count)
