"""while_loop and fori_loop: as many steps as a condition asks for.

Reverse mode keeps the residuals of every step in a growing list, whose length is known once
the loop has run; the linear part is then a ``scan`` over that list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.control.loops import (
    Body,
    carry_flags,
    check_carry,
    consts_first,
    divided,
    fused_body,
    grouped,
    linear_loop,
    loop_flags,
    stack,
    tangent_atoms,
)
from funcgrad.control.scan import scan
from funcgrad.errors import StructureError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import splice
from funcgrad.ops.families import define, ops
from funcgrad.ops.shaping import move_axis
from funcgrad.trace.build import Builder
from funcgrad.trace.core import bind
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer, is_traced
from funcgrad.transforms.abstract import abstract, captures
from funcgrad.transforms.batch import batch_jaxpr, spread
from funcgrad.transforms.jvp import tangent_aval
from funcgrad.transforms.linearize import linearized
from funcgrad.transforms.tracing import name_of
from funcgrad.tree import flatten, unflatten

__all__ = ["fori_loop", "while_loop"]

_BOOL = np.dtype(bool)


def _parts(xs: Sequence[Any], n_cond: int, n_body: int) -> tuple[list[Any], list[Any], list[Any]]:
    """What only the condition reads, what the body reads besides the carry, the carry."""
    middle = n_cond + n_body
    return list(xs[:n_cond]), list(xs[n_cond:middle]), list(xs[middle:])


def _type(*avals: Aval, cond: Jaxpr, body: Jaxpr, n_cond: int, n_body: int, n_carry: int) -> Any:
    outs = body.out_avals
    return (*outs[:n_carry], *(array_aval((-1, *a.shape), a.dtype) for a in outs[n_carry:]))


def _value(
    xp: Any, *operands: Any, cond: Jaxpr, body: Jaxpr, n_cond: int, n_body: int, n_carry: int
) -> Any:
    asks, consts, init = _parts(operands, n_cond, n_body)
    carry = init
    ys: list[list[Any]] = [[] for _ in body.outvars[n_carry:]]
    while hooks.run(cond, (*asks, *carry))[0]:
        outs = hooks.run(body, (*consts, *carry))
        carry = list(outs[:n_carry])
        for y, out in zip(ys, outs[n_carry:], strict=True):
            y.append(out)
    if carry is init:  # results are the program's own, to write into: never an operand itself
        carry = [xp.array(c) for c in init]
    avals = [v.aval for v in body.outvars[n_carry:]]
    return (*carry, *(stack(xp, y, a) for y, a in zip(ys, avals, strict=True)))


# -- derivatives ---------------------------------------------------------------------------------


def _linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    p = eqn.params
    n_cond, nb, nk = p["n_cond"], p["n_body"], p["n_carry"]
    inner, invars = given[n_cond:], eqn.invars[n_cond:]
    active = carry_flags(p["body"], tuple(t is not None for t in inner), nb, nk)
    tangents = grouped(tangent_atoms(builder, invars, inner, active), active, nb, nk)
    carry_t, ys_t, on = (_split if split else _fused)(builder, eqn, active, tangents)
    rest = iter((*carry_t, *ys_t))
    return [Tracer(builder, next(rest)) if flag else None for flag in on]


def _fused(builder: Builder, eqn: Eqn, active: Any, tangents: Any) -> Any:
    p = eqn.params
    nb, nk = p["n_body"], p["n_carry"]
    body, on = fused_body(p["body"], active, nb, nk)
    asks, consts, carry = _parts(eqn.invars, p["n_cond"], nb)
    carry_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[:nk], on, strict=False) if f]
    ys_t = [Var(tangent_aval(v.aval)) for v, f in zip(eqn.outvars[nk:], on[nk:], strict=True) if f]
    cond = p["cond"]
    wide = Jaxpr((*cond.invars, *(Var(v.aval) for v in carry_t)), cond.eqns, cond.outvars)
    params = p | {"cond": wide, "body": body, "n_body": nb + len(tangents[0]),
                  "n_carry": nk + len(tangents[1])}  # fmt: skip
    invars = (*asks, *consts, *tangents[0], *carry, *tangents[1])
    outs = (*eqn.outvars[:nk], *carry_t, *eqn.outvars[nk:], *ys_t)
    builder.eqns.append(Eqn(while_, invars, params, outs, eqn.source))
    return carry_t, ys_t, on


def _split(builder: Builder, eqn: Eqn, active: Any, tangents: Any) -> Any:
    """The primal loop saves residuals, and whether each example of a batch is still running."""
    p = eqn.params
    body, cond, n_cond, nb = p["body"], p["cond"], p["n_cond"], p["n_body"]
    cut = linearized(body, active)
    fixed, saved = divided(cut, body.invars[:nb])
    asks, consts, carry = _parts(eqn.invars, n_cond, nb)
    with Builder() as b:
        ask_vars = tuple(Var(v.aval) for v in cond.invars[:n_cond])
        (alive,) = splice(b.eqns, cond, (*ask_vars, *body.invars[nb:]))
        if alive.__class__ is not Var:
            alive = b.atom(ops.full(alive.value, shape=(), dtype=_BOOL))
    primal = Jaxpr(
        (*ask_vars, *body.invars), (*b.eqns, *cut.primal), (*cut.jaxpr.outvars, alive, *saved)
    )
    stacks = [Var(array_aval((-1, *v.aval.shape), v.aval.dtype)) for v in (alive, *saved)]
    builder.eqns.append(Eqn(
        while_, (*asks, *asks, *consts, *carry), p | {"body": primal, "n_body": n_cond + nb},
        (*eqn.outvars, *stacks), eqn.source,
    ))  # fmt: skip
    const_of = dict(zip(body.invars, (*consts, *carry), strict=True))
    return linear_loop(builder, eqn, cut, active, tangents, [const_of[v] for v in fixed], fixed,
                       stacks, saved, alive, None, False)  # fmt: skip


# -- batching ------------------------------------------------------------------------------------


def _batch(
    size: int, operands: list[Any], batched: list[bool], cond: Jaxpr, body: Jaxpr, n_cond: int,
    n_body: int, n_carry: int,
) -> Any:  # fmt: skip
    asks, consts, carry = _parts(operands, n_cond, n_body)
    ask_on, body_on = tuple(batched[:n_cond]), tuple(batched[n_cond:])
    flags = loop_flags(body, size, body_on, n_body, n_carry)
    _, (pred_on,) = batch_jaxpr(cond, size, (*ask_on, *flags[n_body:]))
    if pred_on:
        flags = (*flags[:n_body], *(True,) * n_carry)
    carry_on = flags[n_body:]
    _, outs_on = batch_jaxpr(body, size, flags)
    ys_on = (True,) * (len(outs_on) - n_carry) if pred_on else outs_on[n_carry:]
    new_body, _ = batch_jaxpr(body, size, flags, (*carry_on, *ys_on))
    new_cond, _ = batch_jaxpr(cond, size, (*ask_on, *carry_on))
    if pred_on:
        new_cond, new_body = _together(size, new_cond, new_body, n_cond, n_body, n_carry)
        consts = [*asks, *consts]
    carry = [spread(x, size) if on and not was else x
             for x, on, was in zip(carry, carry_on, body_on[n_body:], strict=True)]  # fmt: skip
    outs = while_(*asks, *consts, *carry, cond=new_cond, body=new_body, n_cond=n_cond,
                  n_body=len(consts), n_carry=n_carry)  # fmt: skip
    ys = [move_axis(y, 1, 0) if on else y for y, on in zip(outs[n_carry:], ys_on, strict=True)]
    return (*outs[:n_carry], *ys), (*carry_on, *ys_on)


def _together(
    size: int, cond: Jaxpr, body: Jaxpr, n_cond: int, n_body: int, n_carry: int
) -> tuple[Jaxpr, Jaxpr]:
    """Go on while any example does; finished ones keep their carry."""
    with Builder() as b:
        b.eqns.extend(cond.eqns)
        some = b.atom(ops.reduce_or(b.read(cond.outvars[0]), axes=(0,)))
    any_cond = Jaxpr(cond.invars, b.eqns, (some,))
    with Builder() as b:
        ask_vars = tuple(Var(v.aval) for v in cond.invars[:n_cond])
        carry = body.invars[n_body:]
        (on,) = splice(b.eqns, cond, (*ask_vars, *carry))
        b.eqns.extend(body.eqns)
        outs = [_kept(b, on, new, old, size) for new, old in zip(body.outvars, carry, strict=False)]
    masked = Jaxpr((*ask_vars, *body.invars), b.eqns, (*outs, *body.outvars[n_carry:]))
    return any_cond, masked


def _kept(b: Builder, on: Any, new: Any, old: Any, size: int) -> Any:
    shape = new.aval.shape
    mask = ops.reshape(b.read(on), shape=(size,) + (1,) * (len(shape) - 1))
    return b.atom(ops.select(ops.broadcast_to(mask, shape=shape), b.read(new), b.read(old)))


while_ = define(
    "while_loop", type=_type, value=_value, linearize=_linearize, batch=_batch, multiple=True
)


# -- public --------------------------------------------------------------------------------------


def while_loop(cond_fun: Callable[[Any], Any], body_fun: Callable[[Any], Any], init: Any) -> Any:
    """The carry after ``while cond_fun(carry): carry = body_fun(carry)``.

    Differentiable in both modes to any order: reverse mode saves what each step needs, so its
    memory grows with the number of steps. Batched, it runs until every example is done, and
    finished examples keep their carry.

    Raises StructureError where a step changes the carry's structure or shape.

    >>> from funcgrad import grad, while_loop
    >>> f = lambda x: while_loop(lambda c: c < 100, lambda c: c * c, x)
    >>> f(2.0), grad(f)(2.0)
    (np.float64(256.0), np.float64(1024.0))
    """
    carry, carry_def = flatten(init)

    def step(args: list[Any]) -> Any:
        new, new_def = flatten(body_fun(unflatten(carry_def, args)))
        check_carry("while_loop", body_fun, carry_def, new_def)
        return new

    body = Body("while_loop", body_fun, step, carry, ())
    asked = abstract(
        cond_fun, tuple(body.avals), lambda xs: cond_fun(unflatten(carry_def, xs)),
        f"while_loop: {name_of(cond_fun)}",
    )  # fmt: skip
    cond = _predicate(cond_fun, asked, len(carry))
    asks = captures(asked)
    params = {"cond": cond, "body": body.jaxpr, "n_cond": len(asks), "n_body": len(body.consts),
              "n_carry": len(carry)}  # fmt: skip
    outs = bind(while_, (*asks, *body.consts, *body.init), tuple(params.items()))
    return unflatten(carry_def, list(outs))


def _predicate(cond_fun: Any, asked: Any, n: int) -> Jaxpr:
    if len(asked.outs) != 1 or asked.outs[0].aval.shape:
        found = [v.aval for v in asked.outs]
        raise StructureError(f"while_loop: {name_of(cond_fun)} must return one scalar, not {found}")
    jaxpr = consts_first(asked.jaxpr(), n)
    if jaxpr.outvars[0].aval.dtype == _BOOL:
        return jaxpr
    return jaxpr.derive("truth", lambda: _truth(jaxpr))  # type: ignore[no-any-return]


def _truth(jaxpr: Jaxpr) -> Jaxpr:
    with Builder() as b:
        b.eqns.extend(jaxpr.eqns)
        out = b.atom(ops.not_equal(b.read(jaxpr.outvars[0]), 0))
    return Jaxpr(jaxpr.invars, b.eqns, (out,))


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init: Any) -> Any:
    """The carry after ``for i in range(lower, upper): carry = body_fun(i, carry)``.

    With plain bounds it is a ``scan``, with traced ones a ``while_loop``; both differentiate in
    both modes.

    >>> from funcgrad import fori_loop, grad
    >>> grad(lambda x: fori_loop(0, 3, lambda i, c: c * x, 1.0))(2.0)
    np.float64(12.0)
    """
    if not is_traced(lower) and not is_traced(upper):
        steps = np.arange(int(lower), int(upper))

        def step(carry: Any, i: Any) -> Any:
            return body_fun(i, carry), None

        step.__wrapped__ = body_fun  # type: ignore[attr-defined]  # the tree grows with its code
        return scan(step, init, steps)[0]

    def going(carry: Any) -> Any:
        return carry[0] < carry[1]

    def advance(carry: Any) -> Any:
        i, end, value = carry
        return i + 1, end, body_fun(i, value)

    advance.__wrapped__ = body_fun  # type: ignore[attr-defined]
    return while_loop(going, advance, (lower, upper, init))[2]
