"""The flow of a differential equation: differentiated by what it solves, not by how.

    y' = f(t, y, p),  y(t_0) = y_0                              the solution at t_0, …, t_n
    w' = f_y w + f_p dp,  w(t_0) = dy_0 - f dt_0                its tangent: dy(t_i) = w + f dt_i
    λ' = -f_y^T λ,  λ jumps by ct_i at t_i                      its cotangent (Pontryagin):
    g' = -f_p^T λ                                               λ and g at t_0 are those of w_0, p

(y, w) and, backwards from each time to the one before, (y, λ, g) are flows again, solved by the
solver that is given: all orders and modes follow, and no derivative goes through the solver's
steps. Tangents and cotangents are solved for in units of the largest of them. Where y, followed
backwards, misses the solution it came from, as it does for stiff equations, cotangents are NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.control.implicit import program_of, strong_leaves
from funcgrad.control.scan import scan
from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import Aval, array_aval, is_inexact
from funcgrad.ir.jaxpr import Jaxpr, Var
from funcgrad.ops.call import call, splice
from funcgrad.ops.families import known_aval, ops
from funcgrad.trace.build import Builder
from funcgrad.transforms.abstract import closed
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import instantiated, jvp_jaxpr, tangent_aval
from funcgrad.transforms.linearize import vjp_jaxpr
from funcgrad.transforms.ruled import LinearMap, Ruled, linear_call, ruled_call
from funcgrad.transforms.stop_gradient import stop_gradient
from funcgrad.transforms.tracing import name_of
from funcgrad.tree import flatten, unflatten

__all__ = ["flow"]

# Operands of a flow: settings of the solver, constants of f, the times, y_0.
# f is a program over (constants, t, y); its states y are leaves, as many as y_0.


class _Flow(Ruled):
    """One equation f, its solver, the avals of the solver's settings and of the times."""

    def __init__(self, f: Jaxpr, n: int, solver: Any, settings: tuple[Aval, ...], times: Aval):
        super().__init__()
        self.f, self.n, self.solver = f, n, solver
        self.settings, self.times = settings, times
        avals = [v.aval for v in f.invars]
        self.consts, self.states = avals[: len(avals) - n - 1], avals[len(avals) - n :]
        count = times.shape[0]
        self.out_avals = tuple(array_aval((count, *a.shape), a.dtype) for a in self.states)

    def __call__(self, settings: Any, consts: Any, ts: Any, ys: Any) -> tuple[Any, ...]:
        return ruled_call(*settings, *consts, ts, *ys, lazy=self)  # type: ignore[no-any-return]

    @property
    def avals(self) -> tuple[Aval, ...]:
        return (*self.settings, *self.consts, self.times, *self.states)

    def parts(self, xs: Sequence[Any]) -> tuple[Any, Any, Any, Any, list[Any]]:
        """Settings, constants, times, states, and what is left."""
        at, to = len(self.settings), len(self.settings) + len(self.consts)
        end = to + 1 + self.n
        return list(xs[:at]), list(xs[at:to]), xs[to], list(xs[to + 1 : end]), list(xs[end:])

    def slope(self, consts: Any, t: Any, ys: Any) -> list[Any]:
        return list(call(*consts, t, *ys, jaxpr=self.f))

    def make(self) -> Jaxpr:
        def body(xs: list[Any]) -> Any:
            settings, consts, ts, ys, _ = self.parts(xs)

            def slope(t: Any, now: Any) -> list[Any]:
                return self.slope(consts, t, now)

            slope.__wrapped__ = self.f  # type: ignore[attr-defined]  # trees end with it
            return self.solver.solve(slope, ys, ts, *settings)

        return closed(self.avals, body, "the solver")

    def make_rule(self, active: tuple[bool, ...]) -> Jaxpr:
        _, moving, _, _, _ = self.parts(active)
        tangents = [tangent_aval(a) for a, on in zip(self.avals, active, strict=True) if on]

        def body(xs: list[Any]) -> Any:
            n = len(self.avals)
            operands, outs, rest = xs[:n], xs[n : n + self.n], iter(xs[n + self.n :])
            _, dcs, dts, dys, _ = self.parts([next(rest) if on else None for on in active])
            ys = self.parts(operands)[3]
            dys = [np.zeros_like(y) if d is None else d for d, y in zip(dys, ys, strict=True)]
            dcs = [d for d in dcs if d is not None]
            return self._tangents(operands, outs, dcs, dts, dys, tuple(moving))

        return closed((*self.avals, *self.out_avals, *tangents), body, "the tangent of a flow")

    def _tangents(
        self, operands: Any, outs: Any, dcs: Any, dts: Any, dys: Any, moving: tuple[bool, ...]
    ) -> list[Any]:
        _, consts, ts, ys, _ = self.parts(operands)
        if dts is not None:  # a later start is one where y is still behind
            dys = [d - r * dts[0] for d, r in zip(dys, self.slope(consts, ts[0], ys), strict=True)]
        lazy = self.kept(("map", moving), lambda: _Sensitivity(self, moving))
        ws = linear_call(*operands, *outs, *dcs, *dys, lazy=lazy)
        if dts is None:
            return list(ws)
        flags = (False,) * len(consts) + (True,) * (1 + self.n)
        every, _ = batch_jaxpr(self.f, ts.shape[0], flags, True)
        rates = call(*consts, ts, *outs, jaxpr=every)
        return [w + r * dts.reshape((-1,) + (1,) * (r.ndim - 1))
                for w, r in zip(ws, rates, strict=True)]  # fmt: skip

    def along(self, f: Jaxpr, n: int, times: Aval) -> _Flow:
        """The flow of an equation made of this one's, by the same solver."""
        return _flow_of(f, n, self.solver, self.settings, times)


def _flow_of(f: Jaxpr, n: int, solver: Any, settings: tuple[Aval, ...], times: Aval) -> _Flow:
    key = ("flow", n, solver, settings, times)
    return f.derive(key, lambda: _Flow(f, n, solver, settings, times))  # type: ignore[no-any-return]


class _Sensitivity(LinearMap):
    """(operands and outputs of a flow; dp, w_0) -> w at the times; ``moving`` tells which p."""

    def __init__(self, of: _Flow, moving: tuple[bool, ...]):
        super().__init__()
        self.of, self.moving = of, moving
        self.n_fixed = len(of.avals) + of.n
        self.out_avals = of.out_avals
        self.fixed = (*of.avals, *of.out_avals)
        self.params = [a for a, on in zip(of.consts, moving, strict=True) if on]
        if any(a.dtype.kind == "c" for a in self.params):
            raise DifferentiationError(
                "flow: the slope reads a complex value that is differentiated; pass its real and "
                "imaginary parts apart"
            )

    def make(self) -> Jaxpr:
        of, n_params = self.of, len(self.params)
        both = of.along(_with_tangents(of.f, of.n, self.moving), 2 * of.n, of.times)

        def body(xs: list[Any]) -> Any:
            settings, consts, ts, ys, rest = of.parts(xs)
            unit, given = _in_units(rest[of.n :])
            found = both(settings, [*consts, *given[:n_params]], ts, [*ys, *given[n_params:]])
            return [(w * unit).astype(w.dtype) for w in found[of.n :]]

        avals = (*self.fixed, *map(tangent_aval, (*self.params, *of.states)))
        return closed(avals, body, "the sensitivities of a flow")

    def make_transposed(self) -> Jaxpr:
        """(fixed, ct at the times) -> those of dp and w_0."""
        of = self.of
        back, dtype = _adjoint(of.f, of.n, self.moving), of.states[0].dtype

        def body(xs: list[Any]) -> Any:
            settings, consts, ts, _, rest = of.parts(xs)
            unit, cts = _in_units(rest[of.n :])
            sums = [np.zeros(a.shape, dtype) for a in self.params]
            pulled, sums = self._backwards(back, settings, consts, ts, rest[: of.n], cts, sums)
            found = zip((*sums, *pulled), (*self.params, *of.states), strict=True)
            return [(x * unit).astype(a.dtype) for x, a in found]

        return closed((*self.fixed, *of.out_avals), body, "the adjoint of a flow")

    def _backwards(
        self, f: Jaxpr, settings: Any, consts: Any, ts: Any, ys: Any, cts: Any, sums: Any
    ) -> tuple[list[Any], list[Any]]:
        n = self.of.n
        pair = array_aval((2,), self.of.times.dtype)
        both = self.of.along(f, 2 * n + len(sums), pair)

        def back(carry: Any, x: Any) -> Any:
            pulled, sums = carry
            start, end, before, ys, cts = x
            pulled = [p + ct for p, ct in zip(pulled, cts, strict=True)]
            found = both(settings, consts, np.stack([end, start]), [*ys, *pulled, *sums])
            ends = [leaf[-1] for leaf in found]
            fine = self.of.solver.agree(*stop_gradient((ends[:n], before)), *settings)
            ends = [np.where(fine, x, np.nan).astype(x.dtype) for x in ends]
            return (ends[n : 2 * n], ends[2 * n :]), None

        back.__wrapped__ = self.of.f  # type: ignore[attr-defined]  # trees end with it
        none = [np.zeros_like(ct[0]) for ct in cts]
        steps = (ts[:-1], ts[1:], [y[:-1] for y in ys], [y[1:] for y in ys], [ct[1:] for ct in cts])
        (pulled, sums), _ = scan(back, (none, sums), steps, reverse=True)
        return [p + ct[0] for p, ct in zip(pulled, cts, strict=True)], sums


def _in_units(xs: list[Any]) -> tuple[Any, list[Any]]:
    """The largest entry of all (1 where all are zero), and everything divided by it."""
    largest = [np.max(abs(stop_gradient(x))) for x in xs if 0 not in x.shape]
    unit = largest[0]
    for x in largest[1:]:
        unit = np.maximum(unit, x)
    unit = np.where(unit > 0, unit, 1.0)
    return unit, [(x / unit).astype(x.dtype) for x in xs]


def _with_tangents(f: Jaxpr, n: int, moving: tuple[bool, ...]) -> Jaxpr:
    """(constants, dp, t, y, w) -> the slopes of y and of w."""
    key = ("with tangents", n, moving)
    return f.derive(key, lambda: _tangent_slopes(f, n, moving))  # type: ignore[no-any-return]


def _tangent_slopes(f: Jaxpr, n: int, moving: tuple[bool, ...]) -> Jaxpr:
    at = len(f.invars) - n - 1
    made, flags = jvp_jaxpr(f, (*moving, False, *(True,) * n))
    given = made.invars[len(f.invars) :]
    params, ws = given[: len(given) - n], given[len(given) - n :]
    rest = iter(made.outvars[n:])
    with Builder() as b:
        b.eqns.extend(made.eqns)
        outs = [instantiated(b, next(rest) if on else None, v.aval)
                for on, v in zip(flags, f.outvars, strict=True)]  # fmt: skip
    own = made.invars[: len(f.invars)]
    return Jaxpr((*own[:at], *params, *own[at:], *ws), b.eqns, (*made.outvars[:n], *outs))


def _adjoint(f: Jaxpr, n: int, moving: tuple[bool, ...]) -> Jaxpr:
    """(constants, t, y, λ, g) -> the slopes of y, λ and g."""
    key = ("adjoint", n, moving)
    return f.derive(key, lambda: _adjoint_slopes(f, n, moving))  # type: ignore[no-any-return]


def _adjoint_slopes(f: Jaxpr, n: int, moving: tuple[bool, ...]) -> Jaxpr:
    made = vjp_jaxpr(f, (*moving, False, *(True,) * n), (True,) * n)
    dtype = f.invars[-1].aval.dtype
    params = [v.aval for v, on in zip(f.invars, moving, strict=False) if on]
    sums = tuple(Var(array_aval(a.shape, dtype)) for a in params)
    with Builder() as b:
        outs = splice(b.eqns, made, made.invars)
        found = [ops.negative(b.read(v)) for v in outs[n:]]
        gs = [b.atom(x if x.dtype == dtype else ops.convert(x, dtype=dtype))
              for x in found[: len(params)]]  # fmt: skip
        slopes = [b.atom(x) for x in found[len(params) :]]
    return Jaxpr((*made.invars, *sums), b.eqns, (*outs[:n], *slopes, *gs))


def flow(
    f: Callable[[Any, Any], Any], y0: Any, ts: Any, solver: Any, settings: Sequence[Any] = ()
) -> Any:
    """y at the times ts, along a new first axis, for y' = f(t, y) and y(ts[0]) = y0, a pytree.

    ``f`` may close over values that are differentiated. ``solver.solve(f, ys, ts, *settings)``,
    with lists of leaves, writes the program that finds a solution, of this equation and of those
    of its derivatives; ``solver.agree(ys, zs, *settings)`` tells whether two states are the same
    but for its errors. The solver is hashable, and its settings have no derivative.

    Raises StructureError where f does not return what is like y0.
    """
    leaves, treedef = flatten(y0)
    avals = tuple(known_aval(x).strong() for x in leaves)
    time = known_aval(ts).strong()
    if not all(map(is_inexact, avals)) or len({a.dtype for a in avals}) != 1:
        raise StructureError(f"flow: the state has leaves {avals}; they are floats of one dtype")
    _, pair = flatten((0.0, unflatten(treedef, [0.0] * len(avals))))
    t_aval = array_aval((), time.dtype)
    made = program_of("flow", f, (t_aval, *avals), pair, lambda both: f(*both))
    found = [v.aval.strong() for v in made.outs]
    if made.treedef != treedef or found != list(avals):
        raise StructureError(
            f"flow: {name_of(f)} returns {made.treedef} with leaves {found}; it must be like the "
            f"state, {treedef} with {list(avals)}"
        )
    known = tuple(known_aval(x).strong() for x in settings)
    lazy = _flow_of(made.jaxpr, len(avals), solver, known, time)
    operands = strong_leaves((*settings, ts, *leaves), (*known, time, *avals))
    k = len(known)
    outs = lazy(operands[:k], made.consts, operands[k], operands[k + 1 :])
    return unflatten(treedef, list(outs))
