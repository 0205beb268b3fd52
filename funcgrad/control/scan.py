"""scan: a loop that carries values from step to step and stacks what each step yields.

    (c_1, y_0) = f(c_0, x_0), (c_2, y_1) = f(c_1, x_1), …

Its derivative is again a scan: linearization cuts the body in two, the primal loop stacks the
residuals of every step, and the transpose runs the linear loop from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import Aval, array_aval, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import splice
from funcgrad.ops.families import define, is_linear, known_aval, like, ops, result_dtype
from funcgrad.ops.shaping import move_axis
from funcgrad.trace.build import Builder
from funcgrad.trace.core import bind
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer, is_traced
from funcgrad.transforms.abstract import abstract, captures, with_outputs
from funcgrad.transforms.batch import batch_jaxpr, spread
from funcgrad.transforms.jvp import jvp_jaxpr, tangent_aval
from funcgrad.transforms.linearize import linearized
from funcgrad.transforms.tracing import name_of
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import flatten, unflatten

__all__ = ["map", "scan"]


def _parts(
    xs: Sequence[Any], n_consts: int, n_carry: int
) -> tuple[list[Any], list[Any], list[Any]]:
    middle = n_consts + n_carry
    return list(xs[:n_consts]), list(xs[n_consts:middle]), list(xs[middle:])


def _stacked(aval: Aval, length: int | None) -> Aval:
    return array_aval((-1 if length is None else length, *aval.shape), aval.dtype)


def _type(
    *avals: Aval, body: Jaxpr, n_consts: int, n_carry: int, length: Any, reverse: bool
) -> Any:
    outs = body.out_avals
    return (*outs[:n_carry], *(_stacked(a, length) for a in outs[n_carry:]))


def _value(
    xp: Any, *operands: Any, body: Jaxpr, n_consts: int, n_carry: int, length: Any, reverse: bool
) -> Any:
    consts, carry, xs = _parts(operands, n_consts, n_carry)
    steps = range(len(xs[0]) if length is None else length)
    ys: list[list[Any]] = [[] for _ in body.outvars[n_carry:]]
    for i in reversed(steps) if reverse else steps:
        outs = hooks.run(body, (*consts, *carry, *(x[i] for x in xs)))
        carry = list(outs[:n_carry])
        for y, out in zip(ys, outs[n_carry:], strict=True):
            y.append(out)
    if not steps:  # results are the program's own, to write into: never an operand itself
        carry = [xp.array(c) for c in carry]
    avals = [v.aval for v in body.outvars[n_carry:]]
    return (*carry, *(stack(xp, y, a, reverse) for y, a in zip(ys, avals, strict=True)))


def stack(xp: Any, values: list[Any], aval: Aval, reverse: bool = False) -> Any:
    """What the steps of a loop yielded, as one array in the order of the index."""
    if not values:
        return xp.zeros((0, *(max(n, 0) for n in aval.shape)), aval.dtype)
    arrays = [xp.asarray(v, dtype=aval.dtype) for v in (values[::-1] if reverse else values)]
    return xp.stack(padded(xp, arrays) if -1 in aval.shape else arrays)


def padded(xp: Any, arrays: list[Any]) -> list[Any]:
    """Histories of inner loops of different lengths, filled up with zeros.

    A zero in the history of "still running" says that the step did not happen.
    """
    shape = tuple(max(sizes) for sizes in zip(*[a.shape for a in arrays], strict=True))
    out = []
    for a in arrays:
        whole = xp.zeros(shape, a.dtype)
        whole[tuple(slice(n) for n in a.shape)] = a
        out.append(whole)
    return out


# -- derivatives ---------------------------------------------------------------------------------


def carry_flags(
    body: Jaxpr, active: tuple[bool, ...], n_consts: int, n_carry: int
) -> tuple[bool, ...]:
    """The active inputs of a body once tangents have gone round the loop."""
    while True:
        _, outs = jvp_jaxpr(body, active)
        flags = list(active)
        for i in range(n_carry):
            flags[n_consts + i] = active[n_consts + i] or outs[i]
        if tuple(flags) == active:
            return active
        active = tuple(flags)


def tangent_atoms(
    builder: Builder, eqn_invars: Sequence[Any], given: Sequence[Any], active: Any
) -> list[Any]:
    """One atom for each active input: its tangent, or zeros where it has none yet."""
    out = []
    for v, t, on in zip(eqn_invars, given, active, strict=True):
        if on:
            aval = tangent_aval(v.aval)
            out.append(
                builder.atom(ops.full(0, shape=aval.shape, dtype=aval.dtype) if t is None else t)
            )
    return out


def grouped(items: Sequence[Any], active: Sequence[bool], n_consts: int, n_carry: int) -> Any:
    """Items that belong to active inputs, as those of constants, carry and xs."""
    rest = iter(items)
    flags = _parts(active, n_consts, n_carry)
    return [[next(rest) for on in group if on] for group in flags]


def _linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    p = eqn.params
    body, nc, nk = p["body"], p["n_consts"], p["n_carry"]
    active = carry_flags(body, tuple(t is not None for t in given), nc, nk)
    tangents = grouped(tangent_atoms(builder, eqn.invars, given, active), active, nc, nk)
    rule = _split if split else _fused
    carry_t, ys_t, on = rule(builder, eqn, active, tangents)
    rest = iter((*carry_t, *ys_t))
    return [Tracer(builder, next(rest)) if flag else None for flag in on]


def _fused(builder: Builder, eqn: Eqn, active: Any, tangents: Any) -> Any:
    """Forward mode: one loop over (primal, tangent)."""
    p = eqn.params
    body, nc, nk = p["body"], p["n_consts"], p["n_carry"]
    new_body, on = fused_body(body, active, nc, nk)
    consts, carry, xs = _parts(eqn.invars, nc, nk)
    carry_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[:nk], on, strict=False) if f]
    ys_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[nk:], on[nk:], strict=True) if f]
    params = p | {
        "body": new_body,
        "n_consts": nc + len(tangents[0]),
        "n_carry": nk + len(tangents[1]),
    }
    invars = (*consts, *tangents[0], *carry, *tangents[1], *xs, *tangents[2])
    outs = (*eqn.outvars[:nk], *carry_t, *eqn.outvars[nk:], *ys_t)
    builder.eqns.append(Eqn(eqn.prim, invars, params, outs, eqn.source))
    return carry_t, ys_t, on


def fused_body(body: Jaxpr, active: Any, nc: int, nk: int) -> tuple[Jaxpr, tuple[bool, ...]]:
    """The body over primals and tangents, each kind by itself, and the flags of its outputs."""
    made, flags = jvp_jaxpr(body, active)
    n_in, n_out = len(body.invars), len(body.outvars)
    on = (*active[nc : nc + nk], *flags[nk:])
    consts, carry, xs = _parts(made.invars[:n_in], nc, nk)
    tc, tk, tx = grouped(made.invars[n_in:], active, nc, nk)
    rest = iter(made.outvars[n_out:])
    own = [next(rest) if f else None for f in flags]
    with Builder() as b:
        b.eqns.extend(made.eqns)
        ts = [
            zero_or(b, t, v) if f else None for t, v, f in zip(own, body.outvars, on, strict=True)
        ]
    outs = (*made.outvars[:nk], *(t for t in ts[:nk] if t is not None),
            *made.outvars[nk:n_out], *(t for t in ts[nk:] if t is not None))  # fmt: skip
    return Jaxpr((*consts, *tc, *carry, *tk, *xs, *tx), b.eqns, outs), on


def zero_or(b: Builder, atom: Any, v: Any) -> Any:
    aval = tangent_aval(v.aval)
    return b.atom(ops.full(0, shape=aval.shape, dtype=aval.dtype)) if atom is None else atom


def _split(builder: Builder, eqn: Eqn, active: Any, tangents: Any) -> Any:
    """Reverse mode: a primal loop that stacks residuals, and a linear loop that reads them."""
    p = eqn.params
    body, nc, length = p["body"], p["n_consts"], p["length"]
    cut = linearized(body, active)
    fixed, saved = divided(cut, body.invars[:nc])
    primal = Jaxpr(body.invars, cut.primal, (*cut.jaxpr.outvars, *saved))
    stacks = [Var(_stacked(v.aval, length)) for v in saved]
    outs = (*eqn.outvars, *stacks)
    builder.eqns.append(Eqn(eqn.prim, eqn.invars, p | {"body": primal}, outs, eqn.source))
    const_of = dict(zip(body.invars, eqn.invars, strict=True))
    return linear_loop(builder, eqn, cut, active, tangents, [const_of[v] for v in fixed], fixed,
                       stacks, saved, None, length, p["reverse"])  # fmt: skip


def divided(cut: Any, consts: Sequence[Var]) -> tuple[list[Var], list[Var]]:
    """Residuals that are the same in every step, and those that are saved step by step."""
    constant = set(consts)
    residuals = cut.residuals()
    return [v for v in residuals if v in constant], [v for v in residuals if v not in constant]


def linear_loop(
    builder: Builder, eqn: Eqn, cut: Any, active: Any, tangents: Any, fixed_atoms: Any, fixed: Any,
    stacks: Any, saved: Any, alive: Any, length: Any, reverse: bool,
) -> Any:  # fmt: skip
    """The loop over tangents alone: (carry tangents) -> (carry tangents, stacked tangents)."""
    nk = eqn.params["n_carry"]
    nc = eqn.params.get("n_consts", eqn.params.get("n_body", 0))
    on = (*active[nc : nc + nk], *(o is not None for o in cut.outs[nk:]))
    tc, tk, tx = grouped(cut.tangents_in, active, nc, nk)
    with Builder() as b:
        b.eqns.extend(cut.linear)
        outs = [zero_or(b, o, v) if f else None
                for o, v, f in zip(cut.outs, cut.jaxpr.outvars, on, strict=True)]  # fmt: skip
        carry = [o for o in outs[:nk] if o is not None]
        if alive is not None:  # a finished example of a batch keeps its tangent
            carry = [b.atom(ops.select(b.read(alive), b.read(o), b.read(t)))
                     for o, t in zip(carry, tk, strict=True)]  # fmt: skip
    ys = [o for o in outs[nk:] if o is not None]
    flag = [] if alive is None else [alive]
    body = Jaxpr((*fixed, *tc, *tk, *flag, *saved, *tx), b.eqns, (*carry, *ys))
    carry_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[:nk], on, strict=False) if f]
    ys_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[nk:], on[nk:], strict=False) if f]
    params = {"body": body, "n_consts": len(fixed) + len(tc), "n_carry": len(tk),
              "length": length, "reverse": reverse}  # fmt: skip
    invars = (*fixed_atoms, *tangents[0], *tangents[1], *stacks, *tangents[2])
    builder.eqns.append(Eqn(scan_, invars, params, (*carry_t, *ys_t), eqn.source))
    return carry_t, ys_t, on


def _transpose(
    cts: list[Any], operands: list[Any], body: Jaxpr, n_consts: int, n_carry: int, length: Any,
    reverse: bool,
) -> list[Any]:  # fmt: skip
    """The linear loop from the end: cotangents are carried back, those of constants summed."""
    consts, carry, xs = _parts(operands, n_consts, n_carry)
    if not all(is_inexact(v.aval) for v in body.invars[n_consts : n_consts + n_carry]):
        raise DifferentiationError("scan: a loop that carries integers is not linear in its carry")
    const_on, x_on = [is_linear(x) for x in consts], [is_linear(x) for x in xs]
    ys_on = tuple(ct is not None for ct in cts[n_carry:])
    wanted = (*const_on, *(True,) * n_carry, *x_on)
    back = body.derive(
        ("scan transposed", wanted, ys_on),
        lambda: _back_body(body, wanted, ys_on, n_consts, n_carry),
    )
    sums = [_zeros(v.aval) for v, on in zip(body.invars, const_on, strict=False) if on]
    ct_carry = [_zeros(v.aval) if ct is None else ct
                for ct, v in zip(cts[:n_carry], body.outvars, strict=False)]  # fmt: skip
    fixed = [x for x, on in zip(consts, const_on, strict=True) if not on]
    saved = [x for x, on in zip(xs, x_on, strict=True) if not on]
    given = [ct for ct in cts[n_carry:] if ct is not None]
    found = iter(scan_(
        *fixed, *sums, *ct_carry, *saved, *given, body=back, n_consts=len(fixed),
        n_carry=len(sums) + n_carry, length=length, reverse=not reverse,
    ))  # fmt: skip
    const_cts = [next(found) if on else None for on in const_on]
    carry_cts = [next(found) for _ in carry]
    x_cts = [next(found) if on else None for on in x_on]
    return [*const_cts, *carry_cts, *x_cts]


def _zeros(aval: Aval) -> Any:
    return ops.full(0, shape=aval.shape, dtype=aval.dtype)


def _back_body(body: Jaxpr, wanted: Any, ys_on: Any, nc: int, nk: int) -> Jaxpr:
    """(fixed, sums, carry cts, saved, y cts) -> (sums, carry cts, x cts)."""
    back = transpose_jaxpr(body, wanted)
    n_others = sum(not on for on in wanted)
    n_fixed = sum(not on for on in wanted[:nc])
    others, cts = back.invars[:n_others], back.invars[n_others:]
    with Builder() as b:
        sums = b.inputs(
            [tangent_aval(v.aval) for v, on in zip(body.invars, wanted[:nc], strict=False) if on]
        )
        ys = [ct if on else b.atom(_zeros(ct.aval)) for ct, on in zip(cts[nk:], ys_on, strict=True)]
        outs = splice(b.eqns, back, (*others, *cts[:nk], *ys))
        added = [b.atom(ops.add(s, b.read(o))) for s, o in zip(sums, outs, strict=False)]
    rest = outs[len(sums) :]
    kept = [ct for ct, on in zip(cts[nk:], ys_on, strict=True) if on]
    invars = (*others[:n_fixed], *(s._var for s in sums), *cts[:nk], *others[n_fixed:], *kept)
    return Jaxpr(invars, b.eqns, (*added, *rest))


# -- batching ------------------------------------------------------------------------------------


def loop_flags(
    body: Jaxpr, size: int, flags: tuple[bool, ...], nc: int, nk: int
) -> tuple[bool, ...]:
    """The batched inputs of a body once batches have gone round the loop."""
    while True:
        _, outs = batch_jaxpr(body, size, flags)
        new = list(flags)
        for i in range(nk):
            new[nc + i] = flags[nc + i] or outs[i]
        if tuple(new) == flags:
            return flags
        flags = tuple(new)


def _batch(
    size: int, operands: list[Any], batched: list[bool], body: Jaxpr, n_consts: int, n_carry: int,
    length: Any, reverse: bool,
) -> Any:  # fmt: skip
    nc, nk = n_consts, n_carry
    flags = loop_flags(body, size, tuple(batched), nc, nk)
    carry_on = flags[nc : nc + nk]
    _, ys_on = batch_jaxpr(body, size, flags)
    made, _ = batch_jaxpr(body, size, flags, (*carry_on, *ys_on[nk:]))
    consts, carry, xs = _parts(operands, nc, nk)
    carry = [spread(x, size) if on and not was else x
             for x, on, was in zip(carry, carry_on, batched[nc:], strict=False)]  # fmt: skip
    xs = [move_axis(x, 0, 1) if on else x for x, on in zip(xs, batched[nc + nk :], strict=True)]
    outs = scan_(
        *consts, *carry, *xs, body=made, n_consts=nc, n_carry=nk, length=length, reverse=reverse
    )
    ys = [move_axis(y, 1, 0) if on else y for y, on in zip(outs[nk:], ys_on[nk:], strict=True)]
    return (*outs[:nk], *ys), (*carry_on, *ys_on[nk:])


scan_ = define(
    "scan", type=_type, value=_value, linearize=_linearize, transpose=_transpose, batch=_batch,
    multiple=True,
)  # fmt: skip


# -- tracing a body ------------------------------------------------------------------------------


class Body:
    """A loop's body as a program (captures, carry, xs) -> (carry, ys), and what it captured."""

    def __init__(self, who: str, f: Any, call: Any, carry: list[Any], x_avals: Sequence[Aval]):
        self.who, self.f = who, f
        avals = [known_aval(x).strong() for x in carry]
        for _ in range(len(carry) + 3):  # each round promotes some dtype of the carry
            traced = abstract(f, (*avals, *x_avals), call, f"{who}: {name_of(f)}")
            new = [self._promoted(a, v.aval) for a, v in zip(avals, traced.outs, strict=False)]
            if new == avals:
                break
            avals = new
        self.avals, self.traced = avals, traced
        self.consts = captures(traced)
        outs = (*avals, *(v.aval.strong() for v in traced.outs[len(avals) :]))
        self.jaxpr = consts_first(with_outputs(traced.jaxpr(), outs), len(avals) + len(x_avals))
        self.init = [like_carry(x, a) for x, a in zip(carry, avals, strict=True)]

    def _promoted(self, before: Aval, after: Aval) -> Aval:
        if before.shape != after.shape:
            raise StructureError(
                f"{self.who}: {name_of(self.f)} changes the carry from {before} to {after}; "
                "every step must keep its shape"
            )
        return array_aval(before.shape, result_dtype(before, after))


def like_carry(x: Any, aval: Aval) -> Any:
    if known_aval(x).weak or not hasattr(x, "shape"):
        return ops.convert(x, dtype=aval.dtype) if is_traced(x) else aval.dtype.type(x)
    return like(x, aval)


def consts_first(jaxpr: Jaxpr, n: int) -> Jaxpr:
    """Captured inputs in front of the ``n`` arguments."""

    def make() -> Jaxpr:
        return Jaxpr((*jaxpr.invars[n:], *jaxpr.invars[:n]), jaxpr.eqns, jaxpr.outvars)

    return jaxpr.derive(("consts first", n), make) if len(jaxpr.invars) > n else jaxpr


def check_carry(who: str, f: Any, before: Any, after: Any) -> None:
    if before != after:
        raise StructureError(
            f"{who}: {name_of(f)} takes a carry of structure {before} and returns {after}"
        )


# -- public --------------------------------------------------------------------------------------


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """``(carry, ys)`` after ``carry, y = f(carry, x)`` for every x along the first axis of xs.

    ``xs`` is a pytree of arrays of equal length, or None with ``length`` given; ``ys`` stacks
    what the steps yield. ``reverse`` starts at the end. The body is traced once, so Python may
    not decide on its values. Differentiable in both modes to any order, and batchable.

    Raises StructureError where lengths differ or a step changes the carry's structure or shape.

    >>> import numpy as np
    >>> from funcgrad import scan
    >>> scan(lambda c, x: (c + x, c * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    """
    carry, carry_def = flatten(init)
    leaves, x_def = flatten(xs)
    leaves = [x if hasattr(x, "shape") else np.asarray(x) for x in leaves]
    n = _length(f, leaves, length)
    x_avals = [array_aval(known_aval(x).shape[1:], known_aval(x).dtype) for x in leaves]
    y_def: Any = None

    def call(args: list[Any]) -> Any:
        nonlocal y_def
        k = len(carry)
        out = f(unflatten(carry_def, args[:k]), unflatten(x_def, args[k:]) if leaves else None)
        if not (isinstance(out, tuple) and len(out) == 2):
            raise StructureError(f"scan: {name_of(f)} must return a pair (carry, y)")
        new, new_def = flatten(out[0])
        check_carry("scan", f, carry_def, new_def)
        ys, y_def = flatten(out[1])
        return [*new, *ys]

    body = Body("scan", f, call, carry, x_avals)
    params = {"body": body.jaxpr, "n_consts": len(body.consts), "n_carry": len(carry),
              "length": n, "reverse": reverse}  # fmt: skip
    outs = bind(scan_, (*body.consts, *body.init, *leaves), tuple(params.items()))
    return unflatten(carry_def, list(outs[: len(carry)])), unflatten(
        y_def, list(outs[len(carry) :])
    )


def _length(f: Any, leaves: list[Any], length: int | None) -> int:
    sizes = {len(x) if known_aval(x).ndim else -1 for x in leaves}
    if -1 in sizes:
        raise StructureError("scan: every x needs a first axis to run along; a scalar was given")
    if length is not None:
        sizes.add(length)
    if len(sizes) != 1:
        raise StructureError(
            f"scan of {name_of(f)}: lengths differ: {sorted(sizes)}" if sizes
            else f"scan of {name_of(f)}: without xs, pass length"
        )  # fmt: skip
    return int(sizes.pop())


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """``f(x)`` for every x along the first axis of xs, one after another, stacked.

    Where memory allows, ``vmap(f)(xs)`` computes the same at once.

    >>> import numpy as np
    >>> import funcgrad
    >>> funcgrad.map(lambda x: x**2, np.array([1.0, 2.0]))
    array([1., 4.])
    """

    def step(_: Any, x: Any) -> Any:
        return (), f(x)

    step.__wrapped__ = f  # type: ignore[attr-defined]  # the tree grows with f's code
    return scan(step, (), xs)[1]
