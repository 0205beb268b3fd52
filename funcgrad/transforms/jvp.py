"""Forward mode: walk the equations with (primal, tangent) pairs.

    jvp(f)(x, t) = f(x), f'(x) t

A tangent of None is a symbolic zero: nothing is written for it. Equations of the primal
program are taken over as they are, so a variable means the same before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funcgrad.ir.avals import Aval, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import inlined
from funcgrad.trace.build import Builder
from funcgrad.trace.tracer import Tracer

__all__ = ["jvp_jaxpr", "push_forward", "tangent_aval"]


def tangent_aval(aval: Aval) -> Aval:
    """The tangent space of a value: the same shape and dtype, never weak."""
    return aval.strong()


def push_forward(
    builder: Builder, jaxpr: Jaxpr, tangents: dict[Var, Any], split: bool = False
) -> None:
    """Write the primal equations and, for those that depend on a tangent, the linear ones.

    ``tangents`` maps variables to tracers; it is filled along the way. With ``split``, loops
    and branches separate their linear part (see ``transforms.linearize``).
    """
    for eqn in jaxpr.eqns:
        given = [tangents.get(v) if v.__class__ is Var else None for v in eqn.invars]
        if all(t is None for t in given):
            builder.eqns.append(eqn)
            continue
        builder.source = eqn.source
        found = _tangents_of(builder, eqn, given, split)
        for v, t in zip(eqn.outvars, found, strict=True):
            if t is not None and is_inexact(v.aval):
                tangents[v] = t


def _tangents_of(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    prim = eqn.prim
    if prim.linearize is not None:  # writes its primal part itself
        return prim.linearize(builder, eqn, given, split)  # type: ignore[no-any-return]
    builder.eqns.append(eqn)
    if prim.jvp is None:
        return (None,) * len(eqn.outvars)
    primals = [builder.read(v) for v in eqn.invars]
    outs = [Tracer(builder, v) for v in eqn.outvars]
    return prim.jvp(primals, given, outs, **eqn.params)  # type: ignore[no-any-return]


def jvp_jaxpr(jaxpr: Jaxpr, active: tuple[bool, ...]) -> tuple[Jaxpr, tuple[bool, ...]]:
    """The program of (inputs, tangents of the active inputs) -> (outputs, their tangents).

    Returns it with the flags of the outputs that have a tangent at all.
    """
    return jaxpr.derive(("jvp", active), lambda: _jvp(inlined(jaxpr), active))  # type: ignore


def _jvp(jaxpr: Jaxpr, active: tuple[bool, ...]) -> tuple[Jaxpr, tuple[bool, ...]]:
    with Builder() as b:
        seeds = {
            v: Tracer(b, Var(tangent_aval(v.aval), v.name and v.name + "_t"))
            for v, on in zip(jaxpr.invars, active, strict=True)
            if on
        }
        invars = (*jaxpr.invars, *(t.var for t in seeds.values()))
        tangents: dict[Any, Any] = dict(seeds)
        push_forward(b, jaxpr, tangents)
        outs = [tangents.get(v) if v.__class__ is Var else None for v in jaxpr.outvars]
        flags = tuple(t is not None for t in outs)
        found = [b.atom(t) for t in outs if t is not None]
    return Jaxpr(invars, b.eqns, (*jaxpr.outvars, *found)), flags
