"""odeint and solve_ivp: initial value problems, differentiated through their steps or as equations.

By default derivatives are those of the discrete solution, step sizes held constant: both modes,
any order, in y0, args, what the slope closes over, and times; reverse mode keeps what each step
needs. With ``adjoint=True`` they are those of the equation, in the same values and orders:

    w' = ∂f/∂y w + ∂f/∂p dp                            forward mode, beside y
    λ' = -(∂f/∂y)^T λ      dL/dp = ∫ λ^T ∂f/∂p dt      reverse mode, backwards from the end

(Pontryagin; Chen et al., 2018), and both of each other. The memory of reverse mode grows with the
number of times asked for, not with that of steps. Step sizes follow from the tolerances, which the
largest part of (y, w) or (y, λ, dL/dp) has to meet, w and λ in units of the largest tangent or
cotangent given. These are errors per step: derivatives, like y, end within a few tolerances over
short spans and many over long ones (measured, relative: of logistic growth, up to third order, at
most 2.2 times 1e-4, 1e-7 and 1e-10; of a slope with 64 oscillations, 180 times 1e-4). Where y,
followed backwards, does not come back to what it was to half of the digits, as for stiff equations,
the gradient is NaN: leave ``adjoint`` out, or ask for y at more times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.flow import flow
from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of, as_dtype, known
from funcgrad.scipy.integrate.stepping import METHODS, Solved, Solver, integrate
from funcgrad.scipy.plain import alike, any_ours
from funcgrad.trace.core import running
from funcgrad.trace.tracer import is_traced
from funcgrad.tree import flatten

__all__ = ["odeint", "solve_ivp"]


class OdeResult(NamedTuple):
    """What a traced ``solve_ivp`` returns: y has shape (number of equations, number of times)."""

    t: Any
    y: Any
    success: Any
    nfev: Any
    sol: Any = None


def _slope(who: str, func: Callable[..., Any], y: Any) -> Any:
    """func(t, y, *args) as an array like y; whatever else it returns is named."""

    @wraps(func)
    def slope(t: Any, y_now: Any, *args: Any) -> Any:
        found = array_of(func(t, y_now, *args))
        if tuple(found.shape) != tuple(y.shape):
            raise ValueError(
                f"{who}: y has shape {y.shape}, but the function returns {found.shape}; it returns "
                "dy/dt, of the shape of y"
            )
        return as_dtype(found, y.dtype)

    return slope


def _ordered(who: str, ts: Any) -> None:
    """Times that are known have to go one way."""
    if is_traced(ts):
        return
    steps = np.diff(ts)
    if not (np.all(steps > 0) or np.all(steps < 0) or len(ts) < 2):
        raise ValueError(f"{who}: times have to rise, or to fall, from one to the next")


def _solved(
    f: Any, y0: Any, ts: Any, ends: tuple[Any, Any], args: Any, adjoint: bool, solver: Solver,
    tolerances: tuple[Any, Any],
) -> Solved:  # fmt: skip
    def slope(t: Any, y: Any) -> Any:
        return f(t, y, *args)

    slope.__wrapped__ = f  # type: ignore[attr-defined]  # trees grow with f's code
    if not adjoint:
        return integrate(slope, y0, ts, *ends, solver, tolerances)
    whole = np.concatenate((array_of(ends[0]).reshape(1), ts))
    ys = flow(slope, y0, whole, solver, tolerances)[1:]
    return Solved(ys, np.all(np.isfinite(ys)), np.int64(-1), np.int64(-1))


def _plain(x: Any, dtype: Any) -> Any:
    """A setting of the steps: a number that is no derivative's business."""
    return known(array_of(x)).astype(dtype)


def _tolerances(rtol: Any, atol: Any, dtype: Any) -> tuple[Any, Any]:
    return _plain(rtol, dtype), _plain(atol, dtype)


def odeint(
    func: Callable[..., Any], y0: Any, t: Any, *args: Any, rtol: Any = 1.49e-8,
    atol: Any = 1.49e-8, mxstep: Any = None, tfirst: bool = False, adjoint: bool = False,
    **options: Any,
) -> Any:  # fmt: skip
    """y at the times t (n,), of shape (n, *y0.shape), for y' = func(y, t, *args), y(t[0]) = y0.

    ``args`` follow one by one, as in JAX, or as a tuple, as in SciPy. Where nothing is traced it is
    SciPy's LSODA; traced, Dormand and Prince's method of order 5. With ``adjoint`` derivatives are
    those of the equation, solved for in turn at these tolerances, and not those of the steps:
    reverse mode then needs no memory per step. Past ``mxstep`` steps in all, or where the
    tolerance cannot be met, y is NaN.

    Raises ValueError where times are out of order or func does not return the shape of y.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.integrate import odeint
    >>> end = lambda rate: odeint(lambda y, t, k: -k * y, 1.0, np.array([0.0, 1.0]), rate)[-1, 0]
    >>> grad(end)(2.0).round(7)
    np.float64(-0.1353353)
    """
    given = options.pop("args", args)
    args = given[0] if len(given) == 1 and isinstance(given[0], tuple) else tuple(given)
    leaves = flatten(args)[0]
    if running.get() is None and not any_ours((y0, t, *leaves)):
        from scipy.integrate import odeint as scipys_odeint

        return scipys_odeint(func, y0, t, args, rtol=rtol, atol=atol, mxstep=mxstep or 0,
                             tfirst=tfirst, **options)  # fmt: skip
    if options:
        raise NotTraceableError(f"odeint: {sorted(options)} are not covered on traced values")
    y0, ts = alike(y0, t)
    y0 = y0 if y0.ndim else y0.reshape(1)
    if ts.ndim != 1 or ts.shape[0] < 1:
        raise ValueError(f"odeint: t is a row of times, not of shape {ts.shape}")
    _ordered("odeint", ts)

    def by_time(t: Any, y: Any, *args: Any) -> Any:
        return func(t, y, *args) if tfirst else func(y, t, *args)

    by_time.__wrapped__ = func  # type: ignore[attr-defined]
    f = _slope("odeint", by_time, y0)
    solver, tolerances = Solver("RK45", most=mxstep or None), _tolerances(rtol, atol, y0.dtype)
    return _solved(f, y0, ts, (ts[0], ts[-1]), args, adjoint, solver, tolerances).y


def solve_ivp(
    fun: Callable[..., Any], t_span: Any, y0: Any, method: Any = "RK45", t_eval: Any = None,
    dense_output: bool = False, events: Any = None, vectorized: bool = False, args: Any = None,
    *, rtol: Any = 1e-3, atol: Any = 1e-6, max_step: Any = np.inf, first_step: Any = None,
    adjoint: bool = False, **options: Any,
) -> Any:  # fmt: skip
    """``.t`` and ``.y`` (number of equations, n) for y' = fun(t, y, *args), y(t_span[0]) = y0.

    Where nothing is traced it is SciPy's. Traced, it takes the same steps by "RK45", "RK23" or
    "DOP853", and steps of its own by two methods for stiff equations that solve full systems in
    each: "BDF", of as many equations, and "Radau", of three times as many (derivatives through
    their steps are right up to order 3). It needs ``t_eval`` (n,): how
    many steps there are is not known beforehand. With ``dense_output`` that may be left out, for
    both ends; ``.sol(t)`` is y at times (), (m,) within t_span in any order, differentiable in t
    too, of the numbers that ``t_eval`` would give; each call solves again. ``.success`` says
    whether the end was reached; y is NaN beyond the last step.

    With ``adjoint`` derivatives are those of the equation, solved for in turn at these tolerances,
    and not those of the steps: reverse mode then needs no memory per step (for stiff equations,
    where it cannot go back, it is NaN). ``.nfev`` is then unknown, -1.

    Raises NotTraceableError for other methods and events.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.integrate import solve_ivp
    >>> fall = lambda g: solve_ivp(
    ...     lambda t, y: [y[1], -g], (0.0, 2.0), [10.0, 0.0], t_eval=[2.0]).y[0, 0]
    >>> grad(fall)(9.81).round(9)
    np.float64(-2.0)
    """
    args = () if args is None else tuple(args)
    span = tuple(t_span)
    leaves = flatten(args)[0]
    if running.get() is None and not any_ours((*span, y0, t_eval, *leaves)):
        from scipy.integrate import solve_ivp as scipys_ivp

        return scipys_ivp(fun, span, y0, method, t_eval, dense_output, events, vectorized,
                          args or None, rtol=rtol, atol=atol, max_step=max_step,
                          first_step=first_step, **options)  # fmt: skip
    refused = [*(["events"] if events is not None else []), *options]
    if refused or method not in METHODS:
        what = ", ".join(refused) or f"method={method!r}"
        raise NotTraceableError(
            f"solve_ivp: {what} not covered on traced values; methods are {', '.join(METHODS)}"
        )
    if t_eval is None and not dense_output:
        raise NotTraceableError(
            "solve_ivp: pass t_eval, or dense_output=True; the number of steps is not known ahead"
        )
    y0, t0, t1, ts = alike(y0, *span, list(span) if t_eval is None else t_eval)
    if y0.ndim != 1:
        raise ValueError(f"solve_ivp: y0 has one axis, not shape {y0.shape}")
    _ordered("solve_ivp: t_eval", ts)
    _within("t_eval", ts, t0, t1)
    first = None if first_step is None else float(known(first_step))
    solver = Solver(method, float(known(max_step)), first)
    tolerances = _tolerances(rtol, atol, y0.dtype)
    f = _slope("solve_ivp", fun, y0)
    solution = _Solution(f, y0, (t0, t1), args, adjoint, solver, tolerances)
    solved = solution.at(ts)
    return OdeResult(ts, np.moveaxis(solved.y, 0, -1), solved.success, solved.nfev,
                     solution if dense_output else None)  # fmt: skip


@dataclass(frozen=True)
class _Solution:
    """A problem, solved whenever it is asked for some times; the steps do not depend on them."""

    f: Any
    y0: Any
    span: tuple[Any, Any]
    args: Any
    adjoint: bool
    solver: Solver
    tolerances: tuple[Any, Any]

    def at(self, ts: Any) -> Solved:
        """What there is at times in order."""
        return _solved(self.f, self.y0, ts, self.span, self.args, self.adjoint, self.solver,
                       self.tolerances)  # fmt: skip

    def __call__(self, t: Any) -> Any:
        """y at a time, (number of equations,), or at times (m,), one column each."""
        t0, t1, t = alike(*self.span, t)
        ts = t.reshape(-1)
        if t.ndim > 1:
            raise ValueError(f"solve_ivp: sol takes a time or a row of them, not shape {t.shape}")
        _within("sol(t)", ts, t0, t1)
        order = np.argsort(ts * np.sign(t1 - t0))
        rows = self.at(ts[order]).y[np.argsort(order)]
        return rows[0] if not t.ndim else np.moveaxis(rows, 0, -1)


def _within(what: str, ts: Any, t0: Any, t1: Any) -> None:
    """Times that are known have to lie in the span."""
    known = not any(map(is_traced, (ts, t0, t1)))
    if known and ts.size and (ts.min() < min(t0, t1) or ts.max() > max(t0, t1)):
        raise ValueError(f"solve_ivp: {what} lies outside of t_span, {t0} to {t1}")
