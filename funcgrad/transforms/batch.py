"""Batching: one program for a whole batch, equation by equation.

    vmap(f)(xs)[i] = f(xs[i])

Inside, a batch axis is always axis 0. Equations that depend on no batched value stay as they
are and run once.
"""

from __future__ import annotations

from typing import Any

from funcgrad.errors import NotTraceableError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ops.call import inlined
from funcgrad.ops.collectives import batch_collective, is_collective_over
from funcgrad.ops.families import known_aval, ops
from funcgrad.trace.build import Builder
from funcgrad.trace.tracer import Tracer

__all__ = ["batch_jaxpr", "batched_aval"]


def batched_aval(aval: Aval, size: int) -> Aval:
    return array_aval((size, *aval.shape), aval.dtype)


def batch_jaxpr(
    jaxpr: Jaxpr,
    size: int,
    batched: tuple[bool, ...],
    force: tuple[bool, ...] | bool = False,
    axis_name: Any = None,
) -> tuple[Jaxpr, tuple[bool, ...]]:
    """The program over a batch, and which outputs are batched (all where ``force`` says so)."""
    key = ("batch", size, batched, force, axis_name)
    return jaxpr.derive(  # type: ignore[no-any-return]
        key, lambda: _batch(inlined(jaxpr), size, batched, force, axis_name)
    )


def _batch(jaxpr: Jaxpr, size: int, batched: Any, force: Any, axis_name: Any) -> Any:
    with Builder() as b:
        env: dict[Any, Any] = {}
        invars = []
        for v, on in zip(jaxpr.invars, batched, strict=True):
            new = Var(batched_aval(v.aval, size), v.name) if on else v
            invars.append(new)
            env[v] = (Tracer(b, new), on)
        for eqn in jaxpr.eqns:
            b.source = eqn.source
            _equation(b, eqn, size, env, axis_name)
        outs, flags = [], []
        forced = force if isinstance(force, tuple) else (force,) * len(jaxpr.outvars)
        for v, must in zip(jaxpr.outvars, forced, strict=True):
            x, on = (v.value, False) if v.__class__ is Literal else env[v]
            if must and not on:
                x, on = spread(x, size), True
            outs.append(b.atom(x))
            flags.append(on)
    return Jaxpr(invars, b.eqns, outs), tuple(flags)


def spread(x: Any, size: int) -> Any:
    """An unbatched value repeated along a new axis 0."""
    aval = known_aval(x)
    return ops.broadcast_to(x, shape=(size, *aval.shape))


def _equation(b: Builder, eqn: Eqn, size: int, env: dict[Any, Any], axis_name: Any) -> None:
    pairs = [(v.value, False) if v.__class__ is Literal else env[v] for v in eqn.invars]
    xs, flags = [x for x, _ in pairs], [on for _, on in pairs]
    if axis_name is not None and is_collective_over(eqn, axis_name):
        found = batch_collective(eqn, size, xs, flags)
    elif not any(flags):  # its operands may be new: a collective's result is not batched
        invars = tuple([v if v.__class__ is Literal else b.atom(x) for v, x in zip(eqn.invars, xs)])
        b.eqns.append(eqn if invars == eqn.invars else eqn.replace(invars, eqn.outvars))
        env.update((v, (Tracer(b, v), False)) for v in eqn.outvars)
        return
    elif eqn.prim.batch is None:
        raise NotTraceableError(f"vmap: {eqn.prim} has no batching rule (at {eqn.source})")
    else:
        found = eqn.prim.batch(size, xs, flags, **eqn.params)
    outs, on = found if eqn.prim.multiple else ((found[0],), (found[1],))
    on = on if isinstance(on, (tuple, list)) else (on,) * len(outs)
    env.update((v, (x, o)) for v, x, o in zip(eqn.outvars, outs, on, strict=True))
