"""cond and switch: a traced value chooses which of several programs runs.

    cond(p, f, g, x) = f(x) if p else g(x)

Differentiation treats the branches side by side; only the chosen one runs. The primal branches
hand over residuals, one shared list of slots for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from funcgrad.errors import StructureError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.families import define, known_aval, ops, result_dtype
from funcgrad.ops.shaping import instantiate, zeros
from funcgrad.trace.build import Builder
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer, is_traced
from funcgrad.transforms.abstract import abstract, captures, same_structure, widened, with_outputs
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import atom_or_zeros, jvp_jaxpr, tangent_aval
from funcgrad.transforms.linearize import linearized
from funcgrad.transforms.tracing import Traced, flatten_all, name_of, unflatten_all
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import unflatten

__all__ = ["cond", "switch"]


def _value(xp: Any, index: Any, *operands: Any, branches: tuple[Jaxpr, ...]) -> Any:
    return hooks.run(branches[int(index)], operands)


# -- derivatives --------------------------------------------------------------------------------


def _linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    active = tuple(t is not None for t in given[1:])
    tangents = [builder.atom(t) for t in given[1:] if t is not None]
    if split:
        return _split(builder, eqn, active, tangents)
    made = [jvp_jaxpr(branch, active) for branch in eqn.params["branches"]]
    flags = tuple(any(on) for on in zip(*[f for _, f in made], strict=True))
    branches = tuple(_all_tangents(jaxpr, own, flags) for jaxpr, own in made)
    outs = _new_vars(branches[0].outvars[len(eqn.outvars) :])
    builder.eqns.append(
        Eqn(
            cond_,
            (*eqn.invars, *tangents),
            {"branches": branches},
            (*eqn.outvars, *outs),
            eqn.source,
        )
    )
    return _placed(builder, flags, outs)


def _new_vars(like: Sequence[Any]) -> tuple[Var, ...]:
    return tuple(Var(v.aval) for v in like)


def _placed(builder: Builder, flags: Sequence[bool], outs: Sequence[Var]) -> list[Any]:
    rest = iter(outs)
    return [Tracer(builder, next(rest)) if on else None for on in flags]


def _all_tangents(jaxpr: Jaxpr, own: tuple[bool, ...], flags: tuple[bool, ...]) -> Jaxpr:
    """A jvp program with a tangent for each flagged output, zeros where it has none."""
    n = len(own)
    rest = iter(jaxpr.outvars[n:])
    with Builder() as b:
        b.eqns.extend(jaxpr.eqns)
        wanted = [t for t in zip(own, flags, jaxpr.outvars, strict=False) if t[0] or t[1]]
        outs = [atom_or_zeros(b, next(rest) if has else None, v) for has, _, v in wanted]
    return Jaxpr(jaxpr.invars, b.eqns, (*jaxpr.outvars[:n], *outs))


def _split(builder: Builder, eqn: Eqn, active: tuple[bool, ...], tangents: list[Any]) -> list[Any]:
    """One cond for the primal part and the residuals, one for the linear part."""
    cuts = [linearized(branch, active) for branch in eqn.params["branches"]]
    flags = tuple(
        any(o is not None for o in outs) for outs in zip(*[c.outs for c in cuts], strict=True)
    )
    slots, places = _slots([c.residuals() for c in cuts])
    primal = tuple(_primal_branch(c, slots, p) for c, p in zip(cuts, places, strict=True))
    linear = tuple(_linear_branch(c, slots, p, flags) for c, p in zip(cuts, places, strict=True))
    residuals = tuple(Var(a) for a in slots)
    builder.eqns.append(
        Eqn(cond_, eqn.invars, {"branches": primal}, (*eqn.outvars, *residuals), eqn.source)
    )
    outs = tuple(Var(tangent_aval(v.aval)) for v, on in zip(eqn.outvars, flags, strict=True) if on)
    builder.eqns.append(
        Eqn(cond_, (eqn.invars[0], *residuals, *tangents), {"branches": linear}, outs, eqn.source)
    )
    return _placed(builder, flags, outs)


def _slots(lists: list[list[Var]]) -> tuple[list[Aval], list[list[int]]]:
    """Residual slots shared by the branches: one per aval that some branch needs."""
    slots: list[Aval] = []
    places = []
    for residuals in lists:
        taken: list[int] = []
        for v in residuals:
            aval = v.aval.strong()
            free = [k for k, a in enumerate(slots) if a is aval and k not in taken]
            if not free:
                slots.append(aval)
                free = [len(slots) - 1]
            taken.append(free[0])
        places.append(taken)
    return slots, places


def _primal_branch(cut: Any, slots: list[Aval], places: list[int]) -> Jaxpr:
    values = dict(zip(places, cut.residuals(), strict=True))
    with Builder() as b:
        b.eqns.extend(cut.primal)
        outs = []
        for k, aval in enumerate(slots):
            v = values.get(k)
            if v is None:
                v = b.atom(zeros(aval))
            elif v.aval is not aval:
                v = b.atom(ops.convert(b.read(v), dtype=aval.dtype))
            outs.append(v)
    return Jaxpr(cut.jaxpr.invars, b.eqns, (*cut.jaxpr.outvars, *outs))


def _linear_branch(cut: Any, slots: list[Aval], places: list[int], flags: Sequence[bool]) -> Jaxpr:
    own = dict(zip(places, cut.residuals(), strict=True))
    invars = [own.get(k) or Var(aval) for k, aval in enumerate(slots)]
    with Builder() as b:
        b.eqns.extend(cut.linear)
        pairs = zip(cut.outs, cut.jaxpr.outvars, flags, strict=True)
        outs = [atom_or_zeros(b, o, v) for o, v, on in pairs if on]
    return Jaxpr((*invars, *cut.tangents_in), b.eqns, outs)


def _transpose(cts: list[Any], operands: list[Any], branches: tuple[Jaxpr, ...]) -> list[Any]:
    index, *rest = operands
    wanted = tuple(not is_traced(x) and hasattr(x, "aval") for x in rest)
    made = tuple(
        b.derive(("transposed", wanted), partial(transpose_jaxpr, b, wanted)) for b in branches
    )
    full = [instantiate(ct, v.aval) for ct, v in zip(cts, branches[0].outvars, strict=True)]
    found = iter(cond_(index, *[x for x, on in zip(rest, wanted, strict=True) if not on], *full,
                       branches=made))  # fmt: skip
    return [None, *[next(found) if on else None for on in wanted]]


# -- batching -----------------------------------------------------------------------------------


def _batch(size: int, xs: list[Any], batched: list[bool], branches: tuple[Jaxpr, ...]) -> Any:
    index, *operands = xs
    flags = tuple(batched[1:])
    found = [batch_jaxpr(b, size, flags) for b in branches]
    if batched[0]:
        return _all_branches(size, index, operands, flags, branches)
    out_flags = tuple(any(on) for on in zip(*[f for _, f in found], strict=True))
    made = tuple(batch_jaxpr(b, size, flags, out_flags)[0] for b in branches)
    return cond_(index, *operands, branches=made), out_flags


def _all_branches(size: int, index: Any, operands: Any, flags: Any, branches: Any) -> Any:
    """Examples choose differently: every branch runs, each example keeps its own result."""
    results = []
    for branch in branches:
        made, _ = batch_jaxpr(branch, size, flags, True)
        results.append(ops.call(*operands, jaxpr=made))
    outs = list(results[0])
    for k, result in enumerate(results[1:], 1):
        chosen = ops.equal(index, k) if index.dtype != bool else index
        for i, (old, new) in enumerate(zip(outs, result, strict=True)):
            mask = ops.reshape(chosen, shape=(size,) + (1,) * (new.ndim - 1))
            outs[i] = ops.select(ops.broadcast_to(mask, shape=new.shape), new, old)
    return outs, (True,) * len(outs)


cond_ = define(
    "cond", type=lambda index, *avals, branches: branches[0].out_avals, value=_value,
    linearize=_linearize, transpose=_transpose, batch=_batch, multiple=True,
)  # fmt: skip


# -- public --------------------------------------------------------------------------------------


def cond(
    pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any
) -> Any:
    """``true_fun(*operands)`` where ``pred`` holds, else ``false_fun(*operands)``.

    Both must return the same structure and shapes; dtypes are promoted to a common one. Only
    the chosen function runs (under vmap with a batched ``pred`` both do, and each example keeps
    its own result). Functions may close over traced values.

    Raises StructureError where the outputs differ in structure or shape.

    >>> from funcgrad import cond, grad
    >>> grad(lambda x: cond(x > 1, lambda x: x**2, lambda x: 3 * x, x))(2.0)
    np.float64(4.0)
    """
    if not is_traced(pred):
        return true_fun(*operands) if np.asarray(pred).item() else false_fun(*operands)
    if pred.shape:
        raise StructureError(f"cond: the predicate must be a scalar, not {pred.aval}")
    index = pred if pred.dtype == bool else ops.not_equal(pred, 0)
    return _choose("cond", index, (false_fun, true_fun), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """``branches[index](*operands)``; an index beyond the ends takes the nearest branch.

    >>> from funcgrad import grad, switch
    >>> grad(lambda x: switch(1, [lambda x: x, lambda x: x**2], x))(3.0)
    np.float64(6.0)
    """
    if not branches:
        raise StructureError("switch: there are no branches")
    last = len(branches) - 1
    if not is_traced(index):
        return branches[min(max(int(index), 0), last)](*operands)
    if index.dtype.kind not in "iu" or index.shape:
        raise StructureError(f"switch: the index must be an integer scalar, not {index.aval}")
    index = ops.minimum(ops.maximum(index, 0), last)
    return _choose("switch", index, tuple(branches), operands)


def _choose(who: str, index: Any, functions: tuple[Any, ...], operands: tuple[Any, ...]) -> Any:
    leaves, defs = flatten_all(operands)
    avals = tuple(known_aval(x) for x in leaves)
    runs = [
        abstract(f, avals, lambda xs, f=f: f(*unflatten_all(defs, xs)), f"{who}: {name_of(f)}")
        for f in functions
    ]
    for f, run in zip(functions[1:], runs[1:], strict=True):
        same_structure(who, runs[0], run, (name_of(functions[0]), name_of(f)))
    outs = tuple(_common(vs) for vs in zip(*[r.outs for r in runs], strict=True))
    taken = [captures(r) for r in runs]
    branches = tuple(_branch(r, i, taken, len(avals), outs) for i, r in enumerate(runs))
    flat = [x for group in taken for x in group]
    params = (("branches", branches),)
    found = running.get().record(cond_, (index, *leaves, *flat), params)
    return unflatten(runs[0].treedef, list(found))


def _common(vs: Sequence[Var]) -> Aval:
    first = vs[0].aval
    if all(v.aval is first for v in vs):
        return first.strong()
    return array_aval(first.shape, result_dtype(*[v.aval for v in vs]))


def _branch(run: Traced, k: int, taken: list[list[Any]], n: int, outs: tuple[Aval, ...]) -> Jaxpr:
    """The branch as a program of the operands and everybody's captures."""
    before = [known_aval(x) for group in taken[:k] for x in group]
    after = [known_aval(x) for group in taken[k + 1 :] for x in group]
    return with_outputs(widened(run.jaxpr(), before, after, n), outs)
