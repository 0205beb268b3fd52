"""Solutions of equations: differentiated by what they solve, not by how they were found.

    A x = b         dx = A^-1 (db - dA x)
    f(x, p) = 0     dx = -(∂f/∂x)^-1 ∂f/∂p dp

(the implicit function theorem). The solvers are programs of the user's; no derivative goes
through them. Both rules are written with ``linear_solve`` again, so all orders and modes follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.control.loops import consts_first
from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import apply, call
from funcgrad.ops.families import define, is_linear, known_aval, ops
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder
from funcgrad.trace.core import bind
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.abstract import abstract, captures, with_outputs
from funcgrad.transforms.batch import batch_jaxpr, spread
from funcgrad.transforms.jvp import jvp_jaxpr, pushed, tangent_aval
from funcgrad.transforms.tracing import name_of
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import flatten, unflatten

__all__ = ["custom_linear_solve", "custom_root"]

# Operands of linear_solve: constants of A, of the solver, of the transposed solver; b.
# Operands of root: constants of f, of the solver, of the tangent solvers; the first guess.


def _split(xs: Sequence[Any], counts: Sequence[int]) -> list[list[Any]]:
    """Groups of these lengths, and what is left."""
    out, at = [], 0
    for n in counts:
        out.append(list(xs[at : at + n]))
        at += n
    return [*out, list(xs[at:])]


# -- A x = b ---------------------------------------------------------------------------------------


def _linear_value(xp: Any, *operands: Any, counts: Any, solve: Jaxpr, **params: Any) -> Any:
    _, own, _, b = _split(operands, counts)
    return hooks.run(solve, (*own, *b))


def _linear_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    builder.eqns.append(eqn)
    p = eqn.params
    (mats, own, back, _), (mats_t, _, _, b_t) = (
        _split(v, p["counts"]) for v in (eqn.invars, given)
    )
    n = len(b_t)
    xs, aux = eqn.outvars[:n], eqn.outvars[n:]
    moved = pushed(builder, p["matvec"], [*mats, *xs], [*mats_t, *[None] * n], split)
    sides = [_difference(t, m) for t, m in zip(b_t, moved, strict=True)]
    if all(s is None for s in sides):
        return [None] * len(eqn.outvars)
    sides = [instantiate(s, tangent_aval(v.aval)) for s, v in zip(sides, xs, strict=True)]
    invars = (*mats, *own, *back, *[builder.atom(s) for s in sides])
    outs = tuple(Var(tangent_aval(v.aval)) for v in xs)
    rest = tuple(Var(v.aval) for v in aux)  # of the solver, which reports again
    builder.eqns.append(eqn.replace(invars, (*outs, *rest)))
    return [*[Tracer(builder, v) for v in outs], *[None] * len(aux)]


def _difference(x: Any, y: Any) -> Any:
    if y is None:
        return x
    return ops.negative(y) if x is None else ops.subtract(x, y)


def _linear_transpose(cts: Any, operands: Any, **p: Any) -> Any:
    """From x = A^-1 b: the cotangent of b is A^-T ct."""
    mats, own, back, b = _split(operands, p["counts"])
    if p["backward"] is None:
        raise DifferentiationError(
            "custom_linear_solve: reverse mode needs the transposed system solved; give "
            "transpose_solve=, or symmetric=True"
        )
    full = [instantiate(ct, x.aval) for ct, x in zip(cts[: len(b)], b, strict=True)]
    nm, ns, nt = p["counts"]
    turned = {
        "matvec": p["transposed"], "transposed": p["matvec"], "solve": p["backward"],
        "backward": p["solve"], "counts": (nm, nt, ns), "n_aux": 0,
    }  # fmt: skip
    found = linear_solve(*mats, *back, *own, *full, **turned)
    return [
        *[None] * (len(operands) - len(b)),
        *[ct if is_linear(x) else None for ct, x in zip(found, b, strict=False)],
    ]


def _linear_batch(size: int, xs: Any, batched: Any, **p: Any) -> Any:
    mats, own, back, b = _split(batched, p["counts"])
    all_b = [True] * len(b)
    *consts, sides = _split(xs, p["counts"])
    sides = [x if on else spread(x, size) for x, on in zip(sides, b, strict=True)]
    made = p | {
        name: None if p[name] is None else batch_jaxpr(p[name], size, (*on, *all_b), True)[0]
        for name, on in (("matvec", mats), ("transposed", mats), ("solve", own), ("backward", back))
    }
    outs = linear_solve(*[x for group in consts for x in group], *sides, **made)
    return outs, (True,) * len(outs)


def _linear_type(*avals: Aval, solve: Jaxpr, **params: Any) -> Any:
    return solve.out_avals


linear_solve = define(
    "linear_solve", type=_linear_type, value=_linear_value, linearize=_linear_linearize,
    transpose=_linear_transpose, batch=_linear_batch, multiple=True,
)  # fmt: skip


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The x with ``matvec(x) = b``, found by ``solve(matvec, b)``; only A and b are differentiated.

    ``matvec`` must be linear and may close over differentiated values: dx = A⁻¹(db - dA x).
    b and x are pytrees of the same structure and shapes. Reverse mode solves the transposed
    system, by ``transpose_solve(vecmat, ct)``, or by ``solve`` itself where A is ``symmetric``.
    With ``has_aux`` the solver returns ``(x, aux)``, and so does this function.

    Raises StructureError where the solver's x is not like b.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.lax import custom_linear_solve
    >>> def f(a):
    ...     by_division = lambda matvec, b: b / a
    ...     return custom_linear_solve(lambda x: a * x, 6.0, by_division, symmetric=True)
    >>> grad(f)(2.0)
    np.float64(-1.5)
    """
    leaves, treedef = flatten(b)
    avals = tuple(known_aval(x).strong() for x in leaves)
    asked = program_of("custom_linear_solve", matvec, avals, treedef, lambda x: matvec(x))
    mat, mats = asked.jaxpr, asked.consts
    _same("custom_linear_solve: matvec(x)", asked, treedef, avals)
    back_jaxpr, turned = None, None
    found = program_of(
        "custom_linear_solve", solve, avals, treedef, lambda y: solve(matvec, y), has_aux
    )
    _same("custom_linear_solve: the solver's x", found, treedef, avals)
    backs: list[Any] = []
    if symmetric:
        turned, back_jaxpr, backs = mat, found.jaxpr, found.consts
    elif transpose_solve is not None:
        turned = transpose_jaxpr(mat, (False,) * len(mats) + (True,) * len(avals))
        made = program_of(
            "custom_linear_solve", transpose_solve, avals, treedef,
            lambda y: transpose_solve(_function(turned, mats, treedef), y), has_aux,
        )  # fmt: skip
        back_jaxpr, backs = made.jaxpr, made.consts
    params = {
        "matvec": mat, "transposed": turned, "solve": found.jaxpr, "backward": back_jaxpr,
        "counts": (len(mats), len(found.consts), len(backs)), "n_aux": found.n_aux,
    }  # fmt: skip
    outs = list(bind(linear_solve, (*mats, *found.consts, *backs, *strong_leaves(leaves, avals)),
                     tuple(params.items())))  # fmt: skip
    x = unflatten(treedef, outs[: len(avals)])
    return (x, unflatten(found.aux_def, outs[len(avals) :])) if has_aux else x


def strong_leaves(leaves: Sequence[Any], avals: Sequence[Aval]) -> list[Any]:
    return [
        x if known_aval(x) is a else ops.convert(x, dtype=a.dtype)
        for x, a in zip(leaves, avals, strict=True)
    ]


def _function(jaxpr: Jaxpr, consts: Sequence[Any], treedef: Any) -> Callable[[Any], Any]:
    """A program over (constants, leaves) as a function of a tree."""
    return lambda x: unflatten(treedef, list(apply(jaxpr, (*consts, *flatten(x)[0]))))


class program_of:  # noqa: N801  # used as a function that returns its parts
    """``call`` traced over leaves: the program of (constants, leaves), and its constants."""

    def __init__(
        self, who: str, f: Any, avals: Any, treedef: Any, call: Any, has_aux: bool = False
    ):
        self.aux_def: Any = None
        self.treedef: Any = None
        self.n_aux = 0

        def body(xs: list[Any]) -> Any:
            out = call(unflatten(treedef, list(xs)))
            if has_aux:
                out, aux = out
                aux_leaves, self.aux_def = flatten(aux)
            else:
                aux_leaves = []
            found, self.treedef = flatten(out)
            self.n_aux = len(aux_leaves)
            return [*found, *aux_leaves]

        traced = abstract(f, avals, body, f"{who}: {name_of(f)}")
        self.consts = captures(traced)
        self.outs = traced.outs
        jaxpr, n = traced.jaxpr(), len(avals)
        wanted = [v.aval.strong() for v in jaxpr.outvars]
        self.jaxpr: Jaxpr = consts_first(with_outputs(jaxpr, wanted), n)


def _same(what: str, found: program_of, treedef: Any, avals: Sequence[Aval]) -> None:
    outs = found.outs[: len(found.outs) - found.n_aux]
    shapes = [v.aval.shape for v in outs]
    if found.treedef != treedef or shapes != [a.shape for a in avals]:
        raise StructureError(
            f"{what} has structure {found.treedef} and shapes {shapes}; it must be like the "
            f"right-hand side, {treedef} with {[a.shape for a in avals]}"
        )


# -- f(x) = 0 --------------------------------------------------------------------------------------


def _root_value(xp: Any, *operands: Any, counts: Any, solve: Jaxpr, **params: Any) -> Any:
    _, own, _, _, guess = _split(operands, counts)
    return hooks.run(solve, (*own, *guess))


def _root_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    builder.eqns.append(eqn)
    p = eqn.params
    consts, _, own, back, _ = _split(eqn.invars, p["counts"])
    xs = list(eqn.outvars[: p["n"]])
    tangents = [*given[: len(consts)], *[None] * len(xs)]
    moved = pushed(builder, p["f"], [*consts, *xs], tangents, split)
    if all(t is None for t in moved):
        return [None] * len(eqn.outvars)
    sides = [
        ops.negative(instantiate(t, tangent_aval(v.aval))) for t, v in zip(moved, xs, strict=True)
    ]
    params = {
        "matvec": p["slope"], "transposed": p["turned"], "solve": p["forward"],
        "backward": p["backward"], "n_aux": 0,
        "counts": (len(consts) + len(xs), len(own) + len(xs), len(back) + len(xs)),
    }  # fmt: skip
    invars = (*consts, *xs, *own, *xs, *back, *xs, *[builder.atom(s) for s in sides])
    outs = tuple(Var(tangent_aval(v.aval)) for v in xs)
    builder.eqns.append(Eqn(linear_solve, invars, params, outs, eqn.source))
    return [*[Tracer(builder, v) for v in outs], *[None] * (len(eqn.outvars) - len(xs))]


def _root_batch(size: int, xs: Any, batched: Any, **p: Any) -> Any:
    consts, own, ahead, back, guess = _split(batched, p["counts"])
    on = [True] * len(guess)
    *groups, start = _split(xs, p["counts"])
    start = [x if flag else spread(x, size) for x, flag in zip(start, guess, strict=True)]
    flags = {
        "f": (*consts, *on), "slope": (*consts, *on, *on), "turned": (*consts, *on, *on),
        "solve": (*own, *on), "forward": (*ahead, *on, *on), "backward": (*back, *on, *on),
    }  # fmt: skip
    made = p | {name: batch_jaxpr(p[name], size, on, True)[0] for name, on in flags.items()}
    outs = root(*[x for group in groups for x in group], *start, **made)
    return outs, (True,) * len(outs)


root = define(
    "root", type=_linear_type, value=_root_value, linearize=_root_linearize, batch=_root_batch,
    multiple=True,
)  # fmt: skip


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """The x with ``f(x) = 0``, found by ``solve(f, initial_guess)``, with the derivative of a root.

    ``f`` may close over values that are differentiated; x and f(x) are pytrees of one structure.
    ``tangent_solve(g, y)`` returns the v with ``g(v) = y`` for a linear g: the derivative of f at
    the root, in reverse mode its transpose (the implicit function theorem,
    dx = -(∂f/∂x)⁻¹ ∂f/∂p dp).
    With ``has_aux`` the solver returns ``(x, aux)``, and so does this function.

    Raises StructureError where x or f(x) is not like the first guess.

    >>> import numpy as np
    >>> from funcgrad import grad, fori_loop
    >>> from funcgrad.lax import custom_root
    >>> def square_root(a):
    ...     newton = lambda f, x: fori_loop(0, 8, lambda i, x: x - f(x) / (2 * x), x)
    ...     return custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))
    >>> square_root(4.0), grad(square_root)(4.0), grad(grad(square_root))(4.0)
    (np.float64(2.0), np.float64(0.25), np.float64(-0.03125))
    """
    leaves, treedef = flatten(initial_guess)
    avals = tuple(known_aval(x).strong() for x in leaves)
    n = len(avals)
    residual = program_of("custom_root", f, avals, treedef, lambda x: f(x))
    _same("custom_root: f(x)", residual, treedef, avals)
    found = program_of("custom_root", solve, avals, treedef, lambda x: solve(f, x), has_aux)
    _same("custom_root: the solver's x", found, treedef, avals)
    consts = residual.consts
    slope = _slope(residual.jaxpr, len(consts), n)
    cut = _slope(residual.jaxpr, len(consts), n, split=True)  # its loops can be transposed
    turned = transpose_jaxpr(cut, (False,) * (len(consts) + n) + (True,) * n)
    forward, backward = (
        _tangent_program(tangent_solve, jaxpr, consts, avals, treedef) for jaxpr in (slope, turned)
    )
    params = {
        "f": residual.jaxpr, "slope": slope, "turned": turned, "solve": found.jaxpr,
        "forward": forward.jaxpr, "backward": backward.jaxpr, "n": n,
        "counts": tuple(len(p.consts) for p in (residual, found, forward, backward)),
    }  # fmt: skip
    operands = (
        *consts,
        *found.consts,
        *forward.consts,
        *backward.consts,
        *strong_leaves(leaves, avals),
    )
    outs = list(bind(root, operands, tuple(params.items())))
    x = unflatten(treedef, outs[:n])
    return (x, unflatten(found.aux_def, outs[n:])) if has_aux else x


def _slope(f: Jaxpr, n_consts: int, n: int, split: bool = False) -> Jaxpr:
    """(constants, x, v) -> the derivative of f at x along v."""
    made, flags = jvp_jaxpr(f, (False,) * n_consts + (True,) * n, split)
    rest = iter(made.outvars[len(f.outvars) :])
    with Builder() as b:
        b.eqns.extend(made.eqns)
        outs = [
            next(rest) if on else b.atom(ops.full(0, shape=v.aval.shape, dtype=v.aval.dtype))
            for v, on in zip(f.outvars, flags, strict=True)
        ]
    return Jaxpr(made.invars, b.eqns, outs)


def _tangent_program(
    tangent_solve: Any, slope: Jaxpr, consts: Sequence[Any], avals: Any, treedef: Any
) -> program_of:
    """(constants, x, y) -> the v with slope(v) = y, by the user's solver."""
    n = len(avals)

    def solved(both: tuple[list[Any], list[Any]]) -> Any:
        x, y = both

        def at(v: Any) -> Any:
            return unflatten(treedef, list(call(*consts, *x, *flatten(v)[0], jaxpr=slope)))

        return tangent_solve(at, unflatten(treedef, y))

    _, pair = flatten(([0.0] * n, [0.0] * n))
    made = program_of("custom_root", tangent_solve, (*avals, *avals), pair, solved)
    _same("custom_root: tangent_solve(g, y)", made, treedef, avals)
    return made
