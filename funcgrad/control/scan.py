"""scan: a loop that carries values from step to step and stacks what each step yields.

    (c_1, y_0) = f(c_0, x_0), (c_2, y_1) = f(c_1, x_1), …

Its derivative is again a scan: linearization cuts the body in two, the primal loop stacks the
residuals of every step, and the transpose runs the linear loop from the end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.control.loops import (
    Body,
    carry_flags,
    check_carry,
    divided,
    fused_body,
    grouped,
    linear_loop,
    loop_flags,
    parts,
    stack,
    tangent_atoms,
)
from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import Aval, array_aval, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import splice
from funcgrad.ops.families import define, is_linear, known_aval, ops
from funcgrad.ops.shaping import instantiate, move_axis, zeros
from funcgrad.trace.build import Builder
from funcgrad.trace.core import bind
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.batch import batch_jaxpr, spread
from funcgrad.transforms.jvp import tangent_aval
from funcgrad.transforms.linearize import linearized
from funcgrad.transforms.tracing import name_of
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import flatten, unflatten

__all__ = ["map", "scan"]


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
    consts, carry, xs = parts(operands, n_consts, n_carry)
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


# -- derivatives ---------------------------------------------------------------------------------


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
    consts, carry, xs = parts(eqn.invars, nc, nk)
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


def _transpose(
    cts: list[Any], operands: list[Any], body: Jaxpr, n_consts: int, n_carry: int, length: Any,
    reverse: bool,
) -> list[Any]:  # fmt: skip
    """The linear loop from the end: cotangents are carried back, those of constants summed."""
    consts, carry, xs = parts(operands, n_consts, n_carry)
    if not all(is_inexact(v.aval) for v in body.invars[n_consts : n_consts + n_carry]):
        raise DifferentiationError("scan: a loop that carries integers is not linear in its carry")
    const_on, x_on = [is_linear(x) for x in consts], [is_linear(x) for x in xs]
    ys_on = tuple(ct is not None for ct in cts[n_carry:])
    wanted = (*const_on, *(True,) * n_carry, *x_on)
    back = body.derive(
        ("scan transposed", wanted, ys_on),
        lambda: _back_body(body, wanted, ys_on, n_consts, n_carry),
    )
    sums = [zeros(v.aval) for v, on in zip(body.invars, const_on, strict=False) if on]
    ct_carry = [instantiate(ct, v.aval)
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
        ys = [ct if on else b.atom(zeros(ct.aval)) for ct, on in zip(cts[nk:], ys_on, strict=True)]
        outs = splice(b.eqns, back, (*others, *cts[:nk], *ys))
        added = [b.atom(ops.add(s, b.read(o))) for s, o in zip(sums, outs, strict=False)]
    rest = outs[len(sums) :]
    kept = [ct for ct, on in zip(cts[nk:], ys_on, strict=True) if on]
    invars = (*others[:n_fixed], *(s._var for s in sums), *cts[:nk], *others[n_fixed:], *kept)
    return Jaxpr(invars, b.eqns, (*added, *rest))


# -- batching ------------------------------------------------------------------------------------


def _batch(
    size: int, operands: list[Any], batched: list[bool], body: Jaxpr, n_consts: int, n_carry: int,
    length: Any, reverse: bool,
) -> Any:  # fmt: skip
    nc, nk = n_consts, n_carry
    flags = loop_flags(body, size, tuple(batched), nc, nk)
    carry_on = flags[nc : nc + nk]
    _, ys_on = batch_jaxpr(body, size, flags)
    made, _ = batch_jaxpr(body, size, flags, (*carry_on, *ys_on[nk:]))
    consts, carry, xs = parts(operands, nc, nk)
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
