"""vjp and linearize as functions: the value now, the linear map for later.

    linearize(f, x) = f(x), t -> f'(x) t        vjp(f, x) = f(x), ct -> f'(x)^T ct

The forward program returns the residuals; the linear program takes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.errors import StructureError
from funcgrad.ir.avals import is_inexact
from funcgrad.ir.jaxpr import Jaxpr, Var
from funcgrad.ops.call import apply, inlined
from funcgrad.ops.families import known_aval, ops
from funcgrad.trace.build import Builder
from funcgrad.trace.tree import roots_of
from funcgrad.transforms.jvp import cast, instantiated, matched
from funcgrad.transforms.limits import needs_limits
from funcgrad.transforms.linearize import linearized, vjp_jaxpr
from funcgrad.transforms.tracing import (
    AuxOutputs,
    Traced,
    applied,
    argument_names,
    differentiable,
    flatten_all,
    name_of,
    trace,
    unflatten_all,
)
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import flatten, paths, unflatten

__all__ = ["linear_transpose", "linearize", "vjp"]

_FLOAT = np.dtype(np.float64)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """``f(*primals)`` and the linear function from tangents of the primals to tangents of f.

    The linear function runs only linear work, as often as it is called.

    >>> from funcgrad import linearize
    >>> y, f_jvp = linearize(lambda x: x**2, 3.0)
    >>> y, f_jvp(1.0), f_jvp(2.0)
    (9.0, np.float64(6.0), np.float64(12.0))
    """
    run = _Split(f, "linearize", primals, False)

    def f_jvp(*tangents: Any) -> Any:
        moving = matched("linearize", list(run.leaves), primals, tangents)
        outs = run.apply(run.linear, [t for t in moving if t is not None], _pushed)
        return unflatten(run.treedef, list(outs))

    return run.value, f_jvp


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """``f(*primals)`` and the function from a cotangent of the output to those of the primals.

    The pullback returns a tuple with one cotangent per primal. With ``has_aux`` the function
    returns ``(output, aux)``, and vjp a triple ending in aux.

    >>> import numpy as np
    >>> from funcgrad import vjp
    >>> y, pullback = vjp(lambda x, y: x * y, np.array([1.0, 2.0]), 3.0)
    >>> pullback(np.ones(2))
    (array([3., 3.]), np.float64(3.0))
    """
    run = _Split(f, "vjp", primals, has_aux)

    def pullback(ct: Any) -> tuple[Any, ...]:
        cts = _cotangents(f, run, ct)
        found = iter(run.apply(run.transposed, cts, _pulled))
        grads = [next(found) if on else ops.full(0.0, shape=known_aval(x).shape, dtype=_FLOAT)
                 for x, on in zip(run.leaves, run.active, strict=True)]  # fmt: skip
        return tuple(unflatten_all(run.defs, grads))

    return (run.value, pullback, run.aux) if has_aux else (run.value, pullback)


class _Split:
    """One run of f, cut into a value with residuals and a linear program."""

    def __init__(self, f: Any, who: str, primals: tuple[Any, ...], has_aux: bool):
        leaves, self.defs = flatten_all(primals)
        names = [p for value in primals for p in paths(value)]
        self.leaves = [differentiable(who, x, p, True) for x, p in zip(leaves, names, strict=True)]
        defs = self.defs
        traced = trace(
            roots_of(f), self.leaves, lambda xs: f(*unflatten_all(defs, xs)), has_aux,
            lambda: argument_names(f, primals), who,
        )  # fmt: skip
        aux = AuxOutputs(traced) if has_aux else None
        outs = traced.outs if aux is None else traced.outs + aux.outs
        self.treedef, n = traced.treedef, len(traced.outs)
        self.active = tuple(is_inexact(known_aval(x)) for x in self.leaves)
        self.out_avals = [v.aval for v in traced.outs]
        forward, self.linear, self.transposed = self._programs(traced, outs, n)
        results = traced.apply(forward)
        self.value = unflatten(self.treedef, list(results[:n]))
        self.aux = None if aux is None else aux.fill(results[n : len(outs)])
        self.residuals = results[len(outs) :]
        self.traced = traced

    def apply(self, jaxpr: Jaxpr, given: list[Any], whole: Any) -> Sequence[Any]:
        """The linear program, or its transpose, on tangents or cotangents. Where it needs limits,
        these are of ``whole``: the same from the arguments of f."""
        values = [*self.residuals, *given]
        if not needs_limits(jaxpr):
            return apply(jaxpr, values)
        program = self.traced.jaxpr(self.traced.outs)
        active = self.active + (False,) * (len(program.invars) - len(self.active))
        full = program.derive((whole.__name__, active), lambda: whole(program, active))
        return applied(jaxpr, values, full, [*self.traced.trace.inputs, *given])

    def _programs(self, traced: Traced, outs: Any, n: int) -> Any:
        jaxpr = traced.jaxpr(outs)
        active = self.active + (False,) * (len(jaxpr.invars) - len(self.active))
        linear, residuals = jaxpr.derive(("linear", active, n), lambda: _linear(jaxpr, active, n))
        forward = traced.derive("forward", lambda j: _forward(j, active, residuals), outs)
        wanted = tuple(i >= len(residuals) for i in range(len(linear.invars)))
        back = linear.derive("transposed", lambda: transpose_jaxpr(linear, wanted))
        return forward, linear, back


def _linear(jaxpr: Jaxpr, active: Any, n: int) -> tuple[Jaxpr, list[Var]]:
    """(residuals, tangents) -> tangents of the first ``n`` outputs, zeros written out."""
    cut = linearized(jaxpr, active)
    residuals = cut.residuals()
    with Builder() as b:
        b.eqns.extend(cut.linear)
        outs = [instantiated(b, t, v.aval)
                for t, v in zip(cut.outs[:n], jaxpr.outvars, strict=False)]  # fmt: skip
    return Jaxpr((*residuals, *cut.tangents_in), b.eqns, outs), residuals


def _pushed(jaxpr: Jaxpr, active: Any) -> Jaxpr:
    """(inputs, tangents) -> output tangents."""
    linear, residuals = _linear(jaxpr, active, len(jaxpr.outvars))
    forward = _forward(jaxpr, active, residuals)
    tangents = linear.invars[len(residuals) :]
    return Jaxpr((*forward.invars, *tangents), (*forward.eqns, *linear.eqns), linear.outvars)


def _pulled(jaxpr: Jaxpr, active: Any) -> Jaxpr:
    """(inputs, cts) -> cotangents of the active inputs."""
    n = len(jaxpr.outvars)
    made = vjp_jaxpr(jaxpr, active, (True,) * n)
    return Jaxpr(made.invars, made.eqns, made.outvars[n:])


def _forward(jaxpr: Jaxpr, active: Any, residuals: list[Var]) -> Jaxpr:
    cut = linearized(jaxpr, active)
    return Jaxpr(cut.jaxpr.invars, cut.primal, (*cut.jaxpr.outvars, *residuals))


def _cotangents(f: Any, run: _Split, ct: Any) -> list[Any]:
    leaves, treedef = flatten(ct)
    if treedef != run.treedef:
        raise StructureError(
            f"vjp: the cotangent has structure {treedef}, the output of {name_of(f)} {run.treedef}"
        )
    out = []
    for x, aval in zip(leaves, run.out_avals, strict=True):
        own = known_aval(x)
        if own.shape != aval.shape:
            raise StructureError(
                f"vjp: a cotangent of shape {own.shape} for an output of shape {aval.shape}"
            )
        out.append(cast(x, aval if is_inexact(aval) else aval.with_dtype(_FLOAT)))
    return out


def linear_transpose(f: Callable[..., Any], *primals: Any) -> Callable[..., Any]:
    """The transpose of a linear function: from a cotangent of its output to those of its inputs.

    ``primals`` give the shapes and dtypes of the inputs; their values do not matter.

    >>> import numpy as np
    >>> from funcgrad import linear_transpose
    >>> A = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> linear_transpose(lambda x: 2.0 * x[::-1], np.zeros(2))(np.array([1.0, 0.0]))
    (array([0., 2.]),)
    """
    leaves, defs = flatten_all(primals)
    traced = trace(roots_of(f), leaves, lambda xs: f(*unflatten_all(defs, xs)))
    traced.trace.release()
    jaxpr, n = traced.jaxpr(), len(leaves)
    wanted = tuple(i < n for i in range(len(jaxpr.invars)))
    captured = traced.trace.inputs[n:]
    inner = inlined(jaxpr)
    back = inner.derive("transposed", lambda: transpose_jaxpr(inner, wanted))

    def transposed(ct: Any) -> tuple[Any, ...]:
        found, treedef = flatten(ct)
        if treedef != traced.treedef:
            raise StructureError(f"linear_transpose: the cotangent has structure {treedef}, "
                                 f"the output {traced.treedef}")  # fmt: skip
        cts = [cast(c, v.aval) for c, v in zip(found, traced.outs, strict=True)]
        return tuple(unflatten_all(defs, list(apply(back, [*captured, *cts]))))

    return transposed
