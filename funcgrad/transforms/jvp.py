"""Forward mode: walk the equations with (primal, tangent) pairs.

    jvp(f)(x, t) = f(x), f'(x) t

A tangent of None is a symbolic zero: nothing is written for it. Equations of the primal
program are taken over as they are, so a variable means the same before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.errors import StructureError
from funcgrad.ir.avals import Aval, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import inlined, splice
from funcgrad.ops.families import known_aval, ops
from funcgrad.ops.shaping import zeros
from funcgrad.trace.build import Builder
from funcgrad.trace.tracer import Tracer
from funcgrad.trace.tree import roots_of
from funcgrad.transforms.tracing import (
    AuxOutputs,
    argument_names,
    flatten_all,
    trace,
    unflatten_all,
)
from funcgrad.tree import paths, unflatten

__all__ = ["jvp", "jvp_jaxpr", "push_forward", "pushed", "tangent_aval"]


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


def jvp_jaxpr(
    jaxpr: Jaxpr, active: tuple[bool, ...], split: bool = False
) -> tuple[Jaxpr, tuple[bool, ...]]:
    """The program of (inputs, tangents of the active inputs) -> (outputs, their tangents).

    Returns it with the flags of the outputs that have a tangent at all.
    """
    return jaxpr.derive(  # type: ignore[no-any-return]
        ("jvp", active, split), lambda: _jvp(inlined(jaxpr), active, split)
    )


def _jvp(jaxpr: Jaxpr, active: tuple[bool, ...], split: bool) -> tuple[Jaxpr, tuple[bool, ...]]:
    with Builder() as b:
        seeds = {
            v: Tracer(b, Var(tangent_aval(v.aval), v.name and v.name + "_t"))
            for v, on in zip(jaxpr.invars, active, strict=True)
            if on
        }
        invars = (*jaxpr.invars, *(t._var for t in seeds.values()))
        tangents: dict[Any, Any] = dict(seeds)
        push_forward(b, jaxpr, tangents, split)
        outs = [tangents.get(v) if v.__class__ is Var else None for v in jaxpr.outvars]
        flags = tuple(t is not None for t in outs)
        found = [b.atom(t) for t in outs if t is not None]
    return Jaxpr(invars, b.eqns, (*jaxpr.outvars, *found)), flags


def pushed(
    builder: Builder, jaxpr: Jaxpr, atoms: Sequence[Any], tangents: Sequence[Any], split: bool
) -> list[Any]:
    """The output tangents of a program over these atoms, written out."""
    active = tuple(t is not None for t in tangents)
    if not any(active):
        return [None] * len(jaxpr.outvars)
    made, flags = jvp_jaxpr(jaxpr, active, split)
    moving = [builder.atom(t) for t in tangents if t is not None]
    found = splice(builder.eqns, made, (*atoms, *moving))
    rest = iter(found[len(jaxpr.outvars) :])
    return [builder.read(next(rest)) if on else None for on in flags]


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> Any:
    """``(f(*primals), directional derivative of f along tangents)``; with aux as a third.

    The tangents have the structure and shapes of the primals; integer leaves take any tangent
    and do not move. The formula is jvp(f)(x, t) = (f(x), f'(x) t).

    Raises StructureError where tangents do not fit the primals.

    >>> import numpy as np
    >>> from funcgrad import jvp
    >>> jvp(np.sin, (0.0,), (1.0,))
    (np.float64(0.0), np.float64(1.0))
    """
    leaves, defs = flatten_all(primals)
    moving = matched("jvp", leaves, primals, tangents)
    traced = trace(
        roots_of(f), leaves, lambda xs: f(*unflatten_all(defs, xs)), has_aux,
        lambda: argument_names(f, primals), "jvp",
    )  # fmt: skip
    aux = AuxOutputs(traced) if has_aux else None
    outs = traced.outs if aux is None else traced.outs + aux.outs
    n = len(traced.outs)
    found = traced.derived("jvp", outs)
    if found is None:
        roots = len(leaves)
        found = traced.derive("jvp", lambda jaxpr: _public(jaxpr, roots, n), outs)
    results = traced.apply(found, [t for t in moving if t is not None])
    value = unflatten(traced.treedef, list(results[:n]))
    tangent = unflatten(traced.treedef, list(results[len(outs) :]))
    return (value, tangent) if aux is None else (value, tangent, aux.fill(results[n : len(outs)]))


def _public(jaxpr: Jaxpr, roots: int, n: int) -> Jaxpr:
    """The jvp program with the first ``n`` output tangents, zeros written out."""
    active = tuple(i < roots and is_inexact(v.aval) for i, v in enumerate(jaxpr.invars))
    made, flags = jvp_jaxpr(jaxpr, active)
    found = iter(made.outvars[len(jaxpr.outvars) :])
    tangents = [next(found) if on else None for on in flags]
    with Builder() as b:
        b.eqns.extend(made.eqns)
        outs = [
            instantiated(b, t, v.aval) for t, v in zip(tangents[:n], jaxpr.outvars, strict=False)
        ]
    return Jaxpr(made.invars, b.eqns, (*made.outvars[: len(jaxpr.outvars)], *outs))


def atom_or_zeros(builder: Builder, atom: Any, v: Any) -> Any:
    """The atom of a variable's tangent; zeros written out where it has none."""
    return builder.atom(zeros(tangent_aval(v.aval))) if atom is None else atom


def instantiated(builder: Builder, t: Any, aval: Aval) -> Any:
    """An atom for a tangent: zeros where it is a symbolic zero."""
    if t is None:
        dtype = aval.dtype if is_inexact(aval) else np.float64
        return builder.atom(ops.full(0, shape=aval.shape, dtype=np.dtype(dtype)))
    return t


def matched(who: str, leaves: list[Any], primals: Any, tangents: Any) -> list[Any]:
    """Tangent leaves beside their primals (None for integers), checked one by one."""
    if len(primals) != len(tangents):
        raise StructureError(f"{who}: {len(primals)} primals, but {len(tangents)} tangents")
    found, defs = flatten_all(tangents)
    if defs != flatten_all(primals)[1]:
        raise StructureError(
            f"{who}: tangents have another structure than primals: {[d for d, _ in defs]} and "
            f"{[d for d, _ in flatten_all(primals)[1]]}"
        )
    out = []
    for i, (x, t) in enumerate(zip(leaves, found, strict=True)):
        if x.__class__ is int:
            leaves[i] = x = float(x)
        aval = known_aval(x)
        if tuple(np.shape(t) if not hasattr(t, "shape") else t.shape) != aval.shape:
            path = [p for value in primals for p in paths(value)][i]
            raise StructureError(
                f"{who}: the tangent of argument{path} has shape {np.shape(t)}, "
                f"its primal {aval.shape}"
            )
        out.append(cast(t, aval) if is_inexact(aval) else None)
    return out


def cast(t: Any, aval: Aval) -> Any:
    """A tangent or cotangent in the dtype of its primal."""
    if t.__class__ is float and aval.weak:
        return t
    if known_aval(t).dtype != aval.dtype:
        return ops.convert(t, dtype=aval.dtype)
    return t if not known_aval(t).weak else aval.dtype.type(t)
