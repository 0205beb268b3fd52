"""checkpoint: keep a function's inputs instead of its residuals, and run it again backwards.

Memory for time: the backward pass of ``checkpoint(f)`` first repeats f. The equation stays
closed through all transforms, so that nothing inside is shared with the first run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var, silent
from funcgrad.ops.call import inlined
from funcgrad.ops.families import define, is_linear, known_aval
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.abstract import abstract, captures
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import jvp_jaxpr, tangent_aval
from funcgrad.transforms.tracing import flatten_all, name_of, transformed, unflatten_all
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import unflatten

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose intermediate values are computed again when gradients need them.

    >>> import numpy as np
    >>> from funcgrad import checkpoint, grad
    >>> grad(lambda x: checkpoint(lambda y: np.sin(np.sin(y)))(x))(0.0)
    np.float64(1.0)
    """

    def closed(*args: Any, **kwargs: Any) -> Any:
        trace = running.get()
        if trace is None:
            return f(*args, **kwargs)
        leaves, defs = flatten_all(args)
        avals = tuple(known_aval(x) for x in leaves)
        traced = abstract(
            f, avals, lambda xs: f(*unflatten_all(defs, xs), **kwargs),
            f"checkpoint: {name_of(f)}", values=leaves,
        )  # fmt: skip
        params = (("jaxpr", traced.jaxpr()),)
        outs = trace.record(checkpoint_, (*leaves, *captures(traced)), params, force=True)
        return unflatten(traced.treedef, list(outs))

    return transformed(closed, f, "checkpoint")  # type: ignore[no-any-return]


def _linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    """Primal outputs from the equation as it is; tangents from a second one that repeats it."""
    builder.eqns.append(eqn)
    jaxpr = eqn.params["jaxpr"]
    active = tuple(t is not None for t in given)
    made, flags = jvp_jaxpr(jaxpr, active, split)
    n = len(jaxpr.outvars)
    tangents = silent(Jaxpr(made.invars, made.eqns, made.outvars[n:]))
    outs = tuple(Var(tangent_aval(v.aval)) for v, on in zip(eqn.outvars, flags, strict=True) if on)
    given_atoms = tuple(builder.atom(t) for t in given if t is not None)
    builder.eqns.append(
        Eqn(checkpoint_, (*eqn.invars, *given_atoms), {"jaxpr": tangents}, outs, eqn.source)
    )
    found = iter(outs)
    return [Tracer(builder, next(found)) if on else None for on in flags]


def _transpose(cts: list[Any], operands: list[Any], jaxpr: Jaxpr) -> list[Any]:
    wanted = tuple(is_linear(x) for x in operands)
    inner = inlined(jaxpr)
    back = inner.derive(("transposed", wanted), lambda: transpose_jaxpr(inner, wanted))
    full = [instantiate(ct, v.aval) for ct, v in zip(cts, jaxpr.outvars, strict=True)]
    kept = [x for x in operands if not is_linear(x)]
    found = iter(checkpoint_(*kept, *full, jaxpr=back))
    return [next(found) if on else None for on in wanted]


def _batch(size: int, xs: list[Any], batched: list[bool], jaxpr: Jaxpr) -> Any:
    made, flags = batch_jaxpr(jaxpr, size, tuple(batched))
    return checkpoint_(*xs, jaxpr=made), flags


checkpoint_ = define(
    "checkpoint", type=lambda *avals, jaxpr: jaxpr.out_avals, multiple=True,
    value=lambda xp, *xs, jaxpr: hooks.run(jaxpr, xs),
    linearize=_linearize, transpose=_transpose, batch=_batch,
)  # fmt: skip
