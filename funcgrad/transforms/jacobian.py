"""Jacobians, Hessians and Hessian-vector products, each as one program.

jacfwd: the columns f'(x) e_j by batched jvp      jacrev: the rows e_i^T f'(x) by batched vjp
hvp(f)(x, v) = d/dt grad f(x + t v) at t = 0      (forward over reverse)

Columns that share no row are computed together where that saves sweeps (see ``coloring``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import aval_of, is_inexact
from funcgrad.ir.jaxpr import Jaxpr, Var, silent
from funcgrad.ops.call import splice
from funcgrad.ops.families import ops
from funcgrad.ops.indexing import ARRAY, gather, scatter
from funcgrad.ops.shaping import eye, iota, move_axis
from funcgrad.trace.build import Builder
from funcgrad.trace.tree import roots_of
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.coloring import beside, coloring
from funcgrad.transforms.grad import check_scalar
from funcgrad.transforms.jvp import atom_or_zeros, jvp_jaxpr, matched
from funcgrad.transforms.linearize import vjp_jaxpr
from funcgrad.transforms.tracing import (
    Arguments,
    AuxOutputs,
    argument_names,
    differentiable,
    flatten_all,
    name_of,
    trace,
    transformed,
    unflatten_all,
)
from funcgrad.tree import paths, unflatten

__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev"]


def jacfwd(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of f by forward mode: best where there are few inputs.

    For an output of shape ``m`` and an input of shape ``n`` the block has shape ``m + n``;
    pytrees of outputs hold pytrees of inputs.

    Where the program shows that columns share no row (of 32 columns and more, at most a quarter
    of the sweeps must remain), they are computed together, and written into zeros. Entries
    outside the structure are exact zeros, also where a value is infinite or NaN.

    >>> import numpy as np
    >>> from funcgrad import jacfwd
    >>> jacfwd(lambda x: x[:2] * x[2])(np.array([1.0, 2.0, 3.0]))
    array([[3., 0., 1.],
           [0., 3., 2.]])
    """
    return _jacobian(f, "jacfwd", _forward_blocks, argnums, argnames, has_aux, holomorphic)


def jacrev(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of f by reverse mode: best where there are few outputs; see ``jacfwd``.

    >>> import numpy as np
    >>> from funcgrad import jacrev
    >>> jacrev(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    return _jacobian(f, "jacrev", _reverse_blocks, argnums, argnames, has_aux, holomorphic)


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The Jacobian of f in the mode that needs fewer sweeps: columns or rows, by counting.

    Columns that share no row count as one (see ``jacfwd``).

    >>> import numpy as np
    >>> from funcgrad import jacobian
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _jacobian(f, "jacobian", _fewer_sweeps, argnums, argnames, has_aux, holomorphic)


def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """The matrix of second derivatives of f: forward over reverse.

    A sparse one, of a sum of terms in few variables each, takes as many sweeps as its densest
    row has entries, or a few more (see ``jacfwd``); the result is a plain array all the same.

    >>> import numpy as np
    >>> from funcgrad import hessian
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    inner = jacrev(f, argnums, argnames, has_aux, holomorphic)
    outer = jacfwd(inner, argnums, argnames, has_aux, holomorphic)
    return transformed(outer, f, "hessian")  # type: ignore[no-any-return]


def hvp(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
) -> Callable[..., Any]:
    """The Hessian-vector product of a scalar function: ``hvp(f)(*args, v)``.

    The vector comes last and has the structure of the differentiated argument (a tuple of
    such for several). It costs about two gradients; the Hessian is never formed.

    >>> import numpy as np
    >>> from funcgrad import hvp
    >>> hvp(lambda x: np.sum(x**3))(np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    arguments = Arguments(f, "hvp", argnums, argnames)
    store = roots_of(f)

    def product(*args: Any, **kwargs: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: pass the arguments and then the vector: hvp(f)(*args, v)")
        *args_, vector = args
        chosen, call = arguments.split(tuple(args_), kwargs)
        vectors = (vector,) if arguments.single else tuple(vector)
        leaves, defs = flatten_all(chosen)
        names = [p for value in chosen for p in paths(value)]
        leaves = [differentiable("hvp", x, p) for x, p in zip(leaves, names, strict=True)]
        moving = matched("hvp", leaves, chosen, vectors)
        traced = trace(
            store, leaves, lambda xs: call(unflatten_all(defs, xs)),
            names=lambda: argument_names(f, chosen), who="hvp",
        )  # fmt: skip
        found = traced.derived("hvp", traced.outs)
        if found is None:
            check_scalar(f, traced, "hvp", False)
            found = traced.derive("hvp", lambda j: hvp_jaxpr(j, len(leaves)))
        return arguments.join(unflatten_all(defs, traced.apply(found, moving)))

    return transformed(product, f, "hvp")  # type: ignore[no-any-return]


def hvp_jaxpr(jaxpr: Jaxpr, roots: int) -> Jaxpr:
    """(inputs, tangents of the first ``roots``) -> tangents of the gradient."""
    active = tuple(i < roots for i in range(len(jaxpr.invars)))
    gradient = vjp_jaxpr(jaxpr, active, (True,), unit=True)
    lean = Jaxpr(gradient.invars, gradient.eqns, gradient.outvars[1:])
    made, flags = jvp_jaxpr(lean, active)
    found = iter(made.outvars[roots:])
    with Builder() as b:
        b.eqns.extend(made.eqns)
        pairs = zip(flags, lean.outvars, strict=True)
        outs = [atom_or_zeros(b, next(found) if on else None, v) for on, v in pairs]
    return Jaxpr(made.invars, b.eqns, outs)


# -- one road for all Jacobians ------------------------------------------------------------------


def _jacobian(
    f: Any, who: str, blocks: Any, argnums: Any, argnames: Any, has_aux: bool, holomorphic: bool
) -> Callable[..., Any]:
    arguments = Arguments(f, who, argnums, argnames)
    store = roots_of(f)

    def jac(*args: Any, **kwargs: Any) -> Any:
        chosen, call = arguments.split(args, kwargs)
        leaves, defs = flatten_all(chosen)
        names = [p for value in chosen for p in paths(value)]
        leaves = [differentiable(who, x, p) for x, p in zip(leaves, names, strict=True)]
        traced = trace(
            store, leaves, lambda xs: call(unflatten_all(defs, xs)), has_aux,
            lambda: argument_names(f, chosen), who,
        )  # fmt: skip
        aux = AuxOutputs(traced) if has_aux else None
        outs = traced.outs if aux is None else traced.outs + aux.outs
        n, roots = len(traced.outs), len(leaves)
        found = traced.derived((who, holomorphic), outs)
        if found is None:
            _check_kinds(f, who, traced.outs, holomorphic)
            found = traced.derive((who, holomorphic), lambda j: blocks(j, roots, n), outs)
        places = traced.jaxpr(outs).derived.get(blocks, ())
        results = traced.apply(found, beside(places, leaves))
        rows = [
            arguments.join(unflatten_all(defs, results[i * roots : (i + 1) * roots]))
            for i in range(n)
        ]
        out = unflatten(traced.treedef, rows)
        return out if aux is None else (out, aux.fill(results[n * roots :]))

    return transformed(jac, f, who)  # type: ignore[no-any-return]


def _check_kinds(f: Any, who: str, outs: Sequence[Var], holomorphic: bool) -> None:
    for v in outs:
        kind = v.aval.dtype.kind
        if kind in "iub":
            raise DifferentiationError(
                f"{who}: {name_of(f)} returned {v.aval}, integers or truth values, which "
                "have no derivative"
            )
        if kind == "c" and not holomorphic:
            raise DifferentiationError(
                f"{who}: {name_of(f)} returned {v.aval}; take a real part, or pass holomorphic=True"
            )
    if not outs:
        raise StructureError(f"{who}: {name_of(f)} returned nothing")


def _fewer_sweeps(jaxpr: Jaxpr, roots: int, n: int) -> Jaxpr:
    columns = sum(v.aval.size for v in jaxpr.invars[:roots])
    rows = sum(v.aval.size for v in jaxpr.outvars[:n])
    colorings = [coloring(jaxpr, i, n) for i in range(roots)]
    sweeps = sum(
        v.aval.size if c is None else c.colors
        for v, c in zip(jaxpr.invars, colorings, strict=False)
    )
    if min(columns, sweeps) > rows:
        return _reverse_blocks(jaxpr, roots, n)
    made = _forward_blocks(jaxpr, roots, n)
    jaxpr.derived[_fewer_sweeps] = jaxpr.derived[_forward_blocks]
    return made


def _forward_blocks(jaxpr: Jaxpr, roots: int, n: int) -> Jaxpr:
    """The places of the entries of structured blocks come as further inputs."""
    with Builder() as b:
        columns, places = [], list[Any]()
        for i in range(roots):
            active = tuple(k == i for k in range(len(jaxpr.invars)))
            made, flags = jvp_jaxpr(jaxpr, active)
            x, colored = jaxpr.invars[i].aval, coloring(jaxpr, i, n)
            given = b.inputs([aval_of(p) for p in colored.places]) if colored else []
            seeds = _seeds(given[0], colored.colors, x) if colored else None
            found = iter(_swept(b, made, jaxpr.invars, x, len(jaxpr.outvars), seeds))
            tangents = [next(found) if on else None for on in flags]
            columns.append([
                _columns(t, v, x, given[1 + 2 * o : 3 + 2 * o])
                for o, (t, v) in enumerate(zip(tangents[:n], jaxpr.outvars, strict=False))
            ])  # fmt: skip
            places += zip(given, colored.places if colored else (), strict=True)
        blocks = [b.atom(columns[i][o]) for o in range(n) for i in range(roots)]
        aux = _spliced(b, jaxpr)[n:]
    jaxpr.derived[_forward_blocks] = tuple(p for _, p in places)
    return Jaxpr((*jaxpr.invars, *(v._var for v, _ in places)), b.eqns, (*blocks, *aux))


def _seeds(colors: Any, count: int, x: Any) -> Any:
    """For each color the sum of the unit vectors that have it."""
    own = ops.reshape(iota(shape=(count,), axis=0, dtype=colors.dtype), shape=(count, 1))
    seeds = ops.convert(ops.equal(colors, own), dtype=x.dtype)
    return ops.reshape(seeds, shape=(count, *x.shape))


def _columns(t: Any, v: Any, x: Any, places: Any) -> Any:
    """A block from its columns side by side, or from compressed ones by their entries' places."""
    shape = v.aval.shape + x.shape
    if t is None or (places and not places[0].aval.size):
        return _no_block(v, x)
    if not places:
        return _block(move_axis(t, 0, -1) if x.shape else t, shape)
    taken, put = places
    found = gather(ops.reshape(t, shape=(prod(t.shape),)), taken, items=(ARRAY,))
    none = ops.full(0, shape=(prod(shape),), dtype=t.dtype)
    return _block(scatter(none, found, put, items=(ARRAY,), mode="add"), shape)


def _reverse_blocks(jaxpr: Jaxpr, roots: int, n: int) -> Jaxpr:
    active = tuple(i < roots for i in range(len(jaxpr.invars)))
    with Builder() as b:
        blocks = []
        for o in range(n):
            seeded = tuple(k == o for k in range(len(jaxpr.outvars)))
            made = vjp_jaxpr(jaxpr, active, seeded)
            y = jaxpr.outvars[o].aval
            rows = _swept(b, made, jaxpr.invars, y, len(jaxpr.outvars))
            blocks += [_block(r, y.shape + v.aval.shape)
                       for r, v in zip(rows, jaxpr.invars, strict=False)]  # fmt: skip
        found = [b.atom(x) for x in blocks]
        aux = _spliced(b, jaxpr)[n:]
    return Jaxpr(jaxpr.invars, b.eqns, (*found, *aux))


def _swept(
    b: Builder, made: Jaxpr, args: Sequence[Any], aval: Any, skip: int, seeds: Any = None
) -> list[Any]:
    """Run a linear sweep over seeds of one (co)tangent, all unit vectors, batched along axis 0.

    It repeats the function, whose effects are left to the copy for the outputs.
    """
    made = silent(made)
    if not aval.shape:
        outs = splice(b.eqns, made, (*args, b.atom(aval.dtype.type(1))))
        return [b.read(v) for v in outs[skip:]]
    flags = (False,) * len(args) + (True,)
    if seeds is None:
        seeds = ops.reshape(eye(n=aval.size, dtype=aval.dtype), shape=(aval.size, *aval.shape))
    batched, _ = batch_jaxpr(
        made, seeds.shape[0], flags, (False,) * skip + (True,) * (len(made.outvars) - skip)
    )
    outs = splice(b.eqns, batched, (*args, b.atom(seeds)))
    return [b.read(v) for v in outs[skip:]]


def _spliced(b: Builder, jaxpr: Jaxpr) -> list[Any]:
    return splice(b.eqns, jaxpr, jaxpr.invars)


def _block(x: Any, shape: tuple[int, ...]) -> Any:
    return ops.reshape(x, shape=shape)


def _no_block(v: Any, x: Any) -> Any:
    dtype = v.aval.dtype if is_inexact(v.aval) else x.dtype
    return ops.full(0, shape=v.aval.shape + x.shape, dtype=dtype)
