"""BDF: backward differentiation of orders 1 to 5, with steps that change seldom.

Differences D[i] = ∇^i y, as if all steps so far had the present length. The next one solves

    sum_i γ_i D[i] + α_k d = h f(t + h, y_p + d)      y_p = sum_i D[i],  γ_i = 1 + … + 1/i

for d = D_new[k + 1], k the order, by Newton's method; α_k = (1 - κ_k) γ_k are those of the
numerical differentiation formulas (Shampine and Reichelt, The MATLAB ODE Suite, 1997).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.while_loop import fori_loop, while_loop
from funcgrad.scipy.integrate.runge_kutta import Slope, shortest
from funcgrad.transforms.jacobian import jacfwd
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["Bdf", "follow"]

_TOP = 5
_ROWS = np.arange(_TOP + 3)
_KAPPA = np.array([0, -0.1850, -1 / 9, -0.0823, -0.0415, 0, 0, 0])
_GAMMA = np.concatenate([[0.0], np.cumsum(1 / _ROWS[1:])])
_ALPHA = (1 - _KAPPA) * _GAMMA
_ERROR = _KAPPA * _GAMMA + 1 / (_ROWS + 1)
_NEWTON = 4


class Bdf(NamedTuple):
    """What choosing a first step and counting slopes need to know."""

    order: int = 1
    cost: int = _NEWTON + 2


class State(NamedTuple):
    """Where the solution is; ``size`` is the step's length that the differences belong to."""

    t: Any
    differences: Any
    order: Any
    size: Any
    equal: Any
    ys: Any
    failed: Any
    count: Any


class Step(NamedTuple):
    """An attempt: its differences (rows above the order included), and whether it was found."""

    d: Any
    new: Any
    found: Any


def _pick(table: Any, k: Any, dtype: Any) -> Any:
    """The entry (or row) k of a table, k a traced number."""
    rows = np.asarray(_ROWS).reshape((-1,) + (1,) * (np.ndim(table) - 1))
    return np.sum(np.where(rows == k, table, 0.0), axis=0).astype(dtype)


def _products(factor: Any, dtype: Any) -> Any:
    """R[i, j] = prod of (m - 1 - factor j) / m over m = 1 … i."""
    j, rows = _ROWS.astype(dtype), [np.ones(len(_ROWS), dtype) * np.ones_like(factor)]
    for m in range(1, len(_ROWS)):
        rows.append(rows[-1] * (m - 1 - factor * j) / m)
    return np.stack(rows)


def _rescaled(differences: Any, order: Any, factor: Any) -> Any:
    """The differences of the same polynomial for steps ``factor`` times as long."""
    dtype = differences.dtype
    inside = order >= _ROWS
    inside = inside[:, None] & inside[None, :]
    eye = np.eye(len(_ROWS), dtype=dtype)
    r, u = (np.where(inside, _products(x, dtype), eye) for x in (factor, np.ones((), dtype)))
    return (r @ u).T @ differences


def _step(f: Slope, s: State, end: Any, h: Any, norm: Any, tol: Any) -> Step:
    """The correction d of the prediction at the end."""
    dtype, rows = s.differences.dtype, _ROWS[:, None]
    alpha = _pick(_ALPHA, s.order, dtype)
    predicted = np.sum(np.where(rows <= s.order, s.differences, 0.0), axis=0)
    weights = np.where(s.order >= _ROWS, _GAMMA, 0.0).astype(dtype)
    behind = weights @ s.differences / alpha

    def residual(d: Any) -> Any:
        return d + behind - h / alpha * f(end, predicted + d)

    def newton(d: Any) -> Any:
        return d - np.linalg.solve(jacfwd(residual)(d), residual(d))

    before = fori_loop(0, _NEWTON, lambda i, d: stop_gradient(newton(d)), np.zeros_like(predicted))
    d = newton(newton(before))  # through which three derivatives are right, as in Radau
    rtol, atol = tol
    scale = atol + rtol * abs(stop_gradient(predicted))
    return Step(d, predicted + d, norm(stop_gradient(d - before) / scale) < 0.01)


def _advanced(s: State, d: Any) -> Any:
    """The differences at the end of a step: sums from below, d, and the one above it."""
    rows, k = _ROWS[:, None], s.order
    kept = np.where(rows <= k, s.differences, np.where(rows == k + 1, d, 0.0))
    sums = np.cumsum(kept[::-1], axis=0)[::-1]
    above = d - _pick(s.differences, k + 1, d.dtype)
    return np.where(rows <= k + 1, sums, np.where(rows == k + 2, above, s.differences))


def _dense(differences: Any, order: Any, end: Any, h: Any, ts: Any) -> Any:
    """The polynomial at times: Newton's form, backwards from the end."""
    total = np.broadcast_to(differences[0], (ts.shape[0], differences.shape[1]))
    product = np.ones_like(ts)
    for k in range(_TOP):
        product = product * (ts - end + h * k) / (h * (1 + k))
        total = total + np.where(k < order, product, 0.0)[:, None] * differences[k + 1]
    return total


def _grown(norm: Any, order: Any) -> Any:
    """How much longer a step could be, by its error at this order."""
    known = norm > 0
    return np.where(known, np.where(known, norm, 1.0) ** (-1.0 / (order + 1.0)), 20.0)


def _next(s: State, differences: Any, error: Any, size_of: Any, good: Any) -> tuple[Any, Any, Any]:
    """The next order, the factor of the step, and whether these were chosen anew."""
    k, dtype = s.order, differences.dtype
    choose = good & (s.equal >= k)
    below = size_of(k - 1, _pick(differences, k, dtype))
    above = size_of(k + 1, _pick(differences, k + 2, dtype))
    same = _grown(error, k)
    fall = np.where(k > 1, _grown(below, k - 1), 0.0)
    rise = np.where(k < _TOP, _grown(above, k + 1), 0.0)
    best = np.maximum(same, np.maximum(fall, rise))
    move = np.where(best == same, 0, np.where(best == fall, -1, 1))
    shorter = np.where(np.isfinite(error), np.maximum(0.2, 0.9 * same), 0.2)
    factor = np.where(choose, np.minimum(10.0, 0.9 * best), np.where(good, 1.0, shorter))
    return np.where(choose, k + move, k), factor.astype(dtype), choose


class _Course(NamedTuple):
    """What stays the same from step to step."""

    f: Slope
    ts: Any
    bound: Any
    way: Any
    solver: Any
    tol: tuple[Any, Any]
    norm: Callable[[Any], Any]

    def going(self, s: State) -> Any:
        most = True if self.solver.most is None else s.count < self.solver.most
        return (self.way * (s.t - self.bound) < 0) & ~s.failed & most

    def advance(self, s: State) -> State:
        way, ts, dtype = self.way, self.ts, s.differences.dtype
        least = shortest(s.t, way)
        size = np.maximum(np.minimum(s.size, self.solver.max_step), least)
        end = np.where(way * (s.t + way * size - self.bound) > 0, self.bound, s.t + way * size)
        h = end - s.t
        s = self.fitted(s, abs(h) / s.size)
        made = _step(self.f, s, end, h, self.norm, self.tol)
        d, new = stop_gradient((made.d, made.new))
        scale = self.tol[1] + self.tol[0] * abs(new)

        def size_of(k: Any, row: Any) -> Any:
            return self.norm(_pick(_ERROR, k, dtype) * stop_gradient(row) / scale)

        error = np.where(made.found, size_of(s.order, d), np.inf)
        good = error < 1
        moved = _advanced(s, made.d)
        order, factor, choose = _next(s, moved, error, size_of, good)
        here = good & (way * (ts - s.t) > 0) & (way * (ts - end) <= 0)
        ys = np.where(here[:, None], _dense(moved, s.order, end, h, ts), s.ys)
        after = _rescaled(np.where(good, moved, s.differences), order, factor)
        equal, size = np.where(choose | ~good, 0, s.equal + 1), abs(h) * factor
        failed = ~good & (size < least)
        return State(np.where(good, end, s.t), after, order, size, equal, ys, failed, s.count + 1)

    def fitted(self, s: State, ratio: Any) -> State:
        """The differences for the length that the step has, once limits have been heeded."""
        differences = _rescaled(s.differences, s.order, ratio)
        return s._replace(differences=differences, equal=np.where(ratio == 1, s.equal, 0))


def follow(
    f: Slope, y0: Any, k0: Any, h0: Any, ts: Any, ys0: Any, begin: Any, bound: Any, solver: Any,
    tol: tuple[Any, Any], norm: Callable[[Any], Any],
) -> tuple[Any, Any, Any]:  # fmt: skip
    """y at the times asked for, the last time reached, and the number of steps tried."""
    shape, way = y0.shape, np.sign(bound - begin)
    rtol, atol = (np.broadcast_to(x, shape).reshape(-1) if x.ndim else x for x in tol)

    def slope(t: Any, y: Any) -> Any:
        return f(t, y.reshape(shape)).reshape(-1)

    slope.__wrapped__ = f  # type: ignore[attr-defined]
    course = _Course(slope, ts, bound, way, solver, (rtol, atol), norm)

    def advance(s: State) -> State:
        return course.advance(s)

    advance.__wrapped__ = f  # type: ignore[attr-defined]  # the tree grows with f's code
    row = y0.reshape(-1)
    rest = [np.zeros_like(row)] * (len(_ROWS) - 2)
    state = State(
        begin, np.stack([row, h0 * way * k0.reshape(-1), *rest]), np.int64(1), h0, np.int64(0),
        ys0.reshape((ts.shape[0], -1)), ~np.isfinite(h0), np.int64(0),
    )  # fmt: skip
    found = while_loop(course.going, advance, state)
    return found.ys.reshape((ts.shape[0], *shape)), found.t, found.count
