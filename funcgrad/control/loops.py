"""What scan and while_loop share: bodies as programs, and how they split and batch.

A loop's body is a jaxpr over (constants, carry, xs). Tangents and batches enter by the carry
and go round until nothing changes; linearization cuts the body in two, and the linear part is
always a ``scan``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.errors import StructureError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.families import known_aval, like, ops, result_dtype
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.abstract import abstract, captures, with_outputs
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import atom_or_zeros, jvp_jaxpr, tangent_aval
from funcgrad.transforms.tracing import name_of


def parts(xs: Sequence[Any], n_consts: int, n_carry: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Constants, carry, and what the loop runs along."""
    middle = n_consts + n_carry
    return list(xs[:n_consts]), list(xs[n_consts:middle]), list(xs[middle:])


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


# -- derivatives -------------------------------------------------------------------------------


def round_the_loop(
    flags: tuple[bool, ...], nc: int, nk: int, outputs: Callable[[Any], Sequence[bool]]
) -> tuple[bool, ...]:
    """The flags of a body's inputs once what its carry returns has come in again."""
    while True:
        outs = outputs(flags)
        carry = tuple(a or b for a, b in zip(flags[nc : nc + nk], outs, strict=False))
        new = (*flags[:nc], *carry, *flags[nc + nk :])
        if new == flags:
            return flags
        flags = new


def carry_flags(body: Jaxpr, active: tuple[bool, ...], nc: int, nk: int) -> tuple[bool, ...]:
    """The active inputs of a body once tangents have gone round the loop."""
    return round_the_loop(active, nc, nk, lambda flags: jvp_jaxpr(body, flags)[1])


def tangent_atoms(
    builder: Builder, eqn_invars: Sequence[Any], given: Sequence[Any], active: Any
) -> list[Any]:
    """One atom for each active input: its tangent, or zeros where it has none yet."""
    rows = zip(eqn_invars, given, active, strict=True)
    return [builder.atom(instantiate(t, tangent_aval(v.aval))) for v, t, on in rows if on]


def grouped(items: Sequence[Any], active: Sequence[bool], n_consts: int, n_carry: int) -> Any:
    """Items that belong to active inputs, as those of constants, carry and xs."""
    rest = iter(items)
    flags = parts(active, n_consts, n_carry)
    return [[next(rest) for on in group if on] for group in flags]


def fused_body(body: Jaxpr, active: Any, nc: int, nk: int) -> tuple[Jaxpr, tuple[bool, ...]]:
    """The body over primals and tangents, each kind by itself, and the flags of its outputs."""
    made, flags = jvp_jaxpr(body, active)
    n_in, n_out = len(body.invars), len(body.outvars)
    on = (*active[nc : nc + nk], *flags[nk:])
    consts, carry, xs = parts(made.invars[:n_in], nc, nk)
    tc, tk, tx = grouped(made.invars[n_in:], active, nc, nk)
    rest = iter(made.outvars[n_out:])
    own = [next(rest) if f else None for f in flags]
    with Builder() as b:
        b.eqns.extend(made.eqns)
        ts = [
            atom_or_zeros(b, t, v) if f else None
            for t, v, f in zip(own, body.outvars, on, strict=True)
        ]
    outs = (*made.outvars[:nk], *(t for t in ts[:nk] if t is not None),
            *made.outvars[nk:n_out], *(t for t in ts[nk:] if t is not None))  # fmt: skip
    return Jaxpr((*consts, *tc, *carry, *tk, *xs, *tx), b.eqns, outs), on


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
        outs = [atom_or_zeros(b, o, v) if f else None
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
    builder.eqns.append(Eqn(ops.scan, invars, params, (*carry_t, *ys_t), eqn.source))
    return carry_t, ys_t, on


# -- batching ----------------------------------------------------------------------------------


def loop_flags(
    body: Jaxpr, size: int, flags: tuple[bool, ...], nc: int, nk: int
) -> tuple[bool, ...]:
    """The batched inputs of a body once batches have gone round the loop."""
    return round_the_loop(flags, nc, nk, lambda on: batch_jaxpr(body, size, on)[1])


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
