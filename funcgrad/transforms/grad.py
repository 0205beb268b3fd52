"""Gradients of scalar functions: reverse mode.

grad(f)(x) = f'(x)^T 1
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from funcgrad.errors import DifferentiationError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Jaxpr, Literal, dead_code
from funcgrad.trace.tracer import Tracer
from funcgrad.trace.tree import roots_of
from funcgrad.transforms.linearize import vjp_jaxpr
from funcgrad.transforms.tracing import (
    Arguments,
    AuxOutputs,
    Traced,
    argument_names,
    differentiable,
    flatten_all,
    name_of,
    trace,
    transformed,
    unflatten_all,
)
from funcgrad.tree import LEAF, paths

__all__ = ["grad", "value_and_grad"]


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The gradient of a scalar function, as a function of the same arguments.

    ``argnums`` (positions, negative too) and ``argnames`` (keywords) choose what to
    differentiate; each may be any pytree, and the gradient has its structure, shapes and
    dtypes. With ``has_aux`` the function returns ``(value, aux)`` and the gradient comes with
    aux. For a real function of complex z = x + iy the gradient is df/dx - i df/dy (JAX's
    convention); ``holomorphic=True`` gives df/dz of a complex function.

    Raises DifferentiationError for an output that is not a scalar, and for integer arrays.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    array([2., 4.])
    """
    options = Options("grad", False, has_aux, holomorphic, allow_int)
    return _gradient(f, Arguments(f, "grad", argnums, argnames), options)


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = 0,
    argnames: str | Sequence[str] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
) -> Callable[..., Any]:
    """The value and the gradient of a scalar function, from one sweep; see ``grad``.

    >>> import numpy as np
    >>> from funcgrad import value_and_grad
    >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    options = Options("value_and_grad", True, has_aux, holomorphic, allow_int)
    return _gradient(f, Arguments(f, "value_and_grad", argnums, argnames), options)


class Options(NamedTuple):
    who: str
    value: bool
    has_aux: bool
    holomorphic: bool
    allow_int: bool


def _gradient(f: Any, arguments: Arguments, options: Options) -> Callable[..., Any]:
    store = roots_of(f)
    has_aux = options.has_aux

    def gradient(*args: Any, **kwargs: Any) -> Any:
        chosen, call = arguments.split(args, kwargs)
        leaves, defs = flatten_all(chosen)
        leaves = _checked(leaves, chosen, options)
        if len(defs) > 1 or defs[0][0] is not LEAF:
            split_call = call

            def call(xs: Any) -> Any:
                return split_call(unflatten_all(defs, xs))

        names = lambda: argument_names(f, chosen)
        traced = trace(store, leaves, call, has_aux, names, options.who)
        return _finish(f, traced, arguments, options, defs)

    return transformed(gradient, f, options.who)  # type: ignore[no-any-return]


def _checked(leaves: list[Any], chosen: Any, options: Options) -> list[Any]:
    """Leaves that can be differentiated; plain float64 passes at once."""
    for i, x in enumerate(leaves):
        cls = x.__class__
        if cls is float or (cls is np.ndarray and x.dtype.char == "d"):
            continue
        if cls is Tracer and x._var.aval.dtype.char == "d":
            continue
        path = [p for value in chosen for p in paths(value)][i]
        leaves[i] = differentiable(options.who, x, path, options.allow_int)
    return leaves


def _finish(f: Any, traced: Traced, arguments: Arguments, options: Options, defs: Any) -> Any:
    aux = AuxOutputs(traced) if options.has_aux else None
    outs = traced.outs if aux is None else traced.outs + aux.outs
    found = traced.derived(options, outs)
    if found is None:
        check_scalar(f, traced, options.who, options.holomorphic)
        roots = len(traced.trace.root.invars)
        found = traced.derive(options, lambda jaxpr: _derive(jaxpr, roots, options), outs)
    results = traced.apply(found)
    values = results[: len(outs)] if options.value else results[: len(outs) - 1]
    grads = results[len(values) :]
    if len(defs) == 1 and defs[0][0] is LEAF:
        out = grads[0] if arguments.single else (grads[0],)
    else:
        out = arguments.join(unflatten_all(defs, grads))
    if aux is None:
        return (values[0], out) if options.value else out
    if options.value:
        return (values[0], aux.fill(values[1:])), out
    return out, aux.fill(values)


def _derive(jaxpr: Jaxpr, roots: int, options: Options) -> Jaxpr:
    """(inputs) -> (value, aux …, gradients), without the value where it is not asked for."""
    avals = jaxpr.in_avals
    active = tuple(i < roots and a.dtype.kind in "fc" for i, a in enumerate(avals))
    seeded = (True,) + (False,) * (len(jaxpr.outvars) - 1)
    made = vjp_jaxpr(jaxpr, active, seeded, unit=True)
    outs = list(made.outvars[0 if options.value else 1 : len(seeded)])
    grads = iter(made.outvars[len(seeded) :])
    for aval, on in zip(avals[:roots], active, strict=False):
        outs.append(next(grads) if on else _zero(aval))
    return Jaxpr(made.invars, dead_code(made.eqns, outs), outs)


def _zero(aval: Aval) -> Literal:
    """The gradient of an integer argument that allow_int admitted."""
    return Literal(np.zeros(aval.shape), array_aval(aval.shape, np.float64))


def check_scalar(f: Any, traced: Traced, who: str, holomorphic: bool) -> None:
    """The output must be one real scalar (one complex scalar where holomorphic)."""
    name = name_of(f)
    if len(traced.outs) != 1:
        raise DifferentiationError(
            f"{who}: {name} returned {len(traced.outs)} values; return one scalar "
            "(has_aux=True passes further values along), or use jacrev"
        )
    aval = traced.outs[0].aval
    if aval.shape:
        raise DifferentiationError(
            f"{who}: the output must be a scalar, {name} returned {aval} of shape {aval.shape}; "
            "sum it, or use jacrev, jacfwd or vjp"
        )
    kind = aval.dtype.kind
    if kind in "iub":
        raise DifferentiationError(
            f"{who}: {name} returned {aval}, which has no derivative: an integer or truth value; "
            "convert it to float before it loses its slope"
        )
    if (kind == "c") is not holomorphic:
        raise DifferentiationError(
            f"{who}: {name} returned {aval}; "
            + ("holomorphic=True needs a complex output" if kind == "f" else
               "take a real part (np.real, np.abs), or pass holomorphic=True for df/dz")
        )  # fmt: skip
