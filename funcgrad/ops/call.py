"""``call``: one equation that stands for a whole jaxpr. Transforms inline it."""

from __future__ import annotations

from typing import Any

from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ops.families import define
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import any_traced

__all__ = ["apply", "call", "inlined"]

call = define(
    "call", type=lambda *avals, jaxpr: jaxpr.out_avals, multiple=True,
    value=lambda xp, *xs, jaxpr: hooks.run(jaxpr, xs), family="call",
)  # fmt: skip


def apply(jaxpr: Jaxpr, values: Any) -> tuple[Any, ...]:
    """The outputs of a jaxpr: recorded as one equation where a value is traced, else run."""
    trace = running.get()
    if trace is not None and any_traced(values):
        return trace.record(call, values, (("jaxpr", jaxpr),))  # type: ignore[no-any-return]
    return hooks.run(jaxpr, values)  # type: ignore[no-any-return]


hooks.apply = apply


def inlined(jaxpr: Jaxpr, custom: bool = False) -> Jaxpr:
    """The same program without call equations; its own equations keep their variables.

    With ``custom``, functions with derivative rules of their own are inlined too: right for
    running a program, wrong for differentiating it.
    """
    families = {"call", "custom"} if custom else {"call"}
    if not any(eqn.prim.family in families for eqn in jaxpr.eqns):
        return jaxpr
    return jaxpr.derive(("inlined", custom), lambda: _inline(jaxpr, custom, families))  # type: ignore


def body_of(eqn: Eqn) -> Jaxpr:
    """The jaxpr that a call equation stands for."""
    lazy = eqn.params.get("lazy")
    if lazy is not None:
        return lazy.program  # type: ignore[no-any-return]
    return eqn.params["jaxpr"]  # type: ignore[no-any-return]


def _inline(jaxpr: Jaxpr, custom: bool, families: set[str]) -> Jaxpr:
    names: dict[Var, Any] = {}
    eqns: list[Eqn] = []

    def read(v: Any) -> Any:
        return names.get(v, v) if v.__class__ is Var else v

    for eqn in jaxpr.eqns:
        invars = tuple([read(v) for v in eqn.invars])
        if eqn.prim.family not in families:
            eqns.append(eqn if invars == eqn.invars else eqn.replace(invars, eqn.outvars))
            continue
        body = inlined(body_of(eqn), custom)
        outs = splice(eqns, body, invars[: len(body.invars)])
        names.update(zip(eqn.outvars, outs, strict=True))
    return Jaxpr(jaxpr.invars, eqns, [read(v) for v in jaxpr.outvars])


def with_numbers(jaxpr: Jaxpr, numbers: dict[Any, Any]) -> Jaxpr:
    """The program with numbers written in where these inputs were."""
    if not numbers:
        return jaxpr
    literals = {v: Literal(x) for v, x in numbers.items()}

    def read(v: Any) -> Any:
        return literals.get(v, v) if v.__class__ is Var else v

    eqns = []
    for eqn in inlined(jaxpr).eqns:  # other equations stay the objects they are
        if any(v in literals for v in eqn.invars if v.__class__ is Var):
            eqn = eqn.replace(tuple([read(v) for v in eqn.invars]), eqn.outvars)
        eqns.append(eqn)
    outs = [read(v) for v in inlined(jaxpr).outvars]
    return Jaxpr([v for v in jaxpr.invars if v not in numbers], eqns, outs)


def splice(eqns: list[Eqn], jaxpr: Jaxpr, args: Any) -> list[Any]:
    """Append a copy of a jaxpr's equations over ``args``; returns its outputs."""
    names: dict[Any, Any] = dict(zip(jaxpr.invars, args, strict=True))
    for eqn in jaxpr.eqns:
        outs = tuple([Var(v.aval, v.name) for v in eqn.outvars])
        invars = tuple([v if v.__class__ is Literal else names[v] for v in eqn.invars])
        names.update(zip(eqn.outvars, outs, strict=True))
        eqns.append(eqn.replace(invars, outs))
    return [v if v.__class__ is Literal else names[v] for v in jaxpr.outvars]
