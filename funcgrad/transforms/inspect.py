"""Looking at programs: make_jaxpr, eval_shape, and the closed jaxpr they return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.ir.avals import array_aval, aval_of
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.text import print_jaxpr
from funcgrad.ops.call import apply, inlined
from funcgrad.trace.core import Trace
from funcgrad.trace.tracer import is_traced
from funcgrad.trace.tree import Root
from funcgrad.transforms.abstract import abstract
from funcgrad.transforms.tracing import (
    Traced,
    argument_names,
    flatten_all,
    run_trace,
    unflatten_all,
)
from funcgrad.tree import unflatten

__all__ = ["ClosedJaxpr", "ShapeDtype", "eval_shape", "make_jaxpr"]


class ShapeDtype:
    """The shape and dtype of an array that need not exist.

    >>> import numpy as np
    >>> from funcgrad import ShapeDtype
    >>> ShapeDtype((2, 3), np.float64)
    ShapeDtype(shape=(2, 3), dtype=float64)
    """

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: Sequence[int], dtype: Any):
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ShapeDtype)
            and self.shape == other.shape
            and bool(self.dtype == other.dtype)
        )

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"ShapeDtype(shape={self.shape}, dtype={self.dtype})"


class ClosedJaxpr:
    """A jaxpr with the values it captured: it can be printed, walked and called."""

    def __init__(self, jaxpr: Jaxpr, consts: list[Any], in_defs: Any, out_def: Any):
        self.jaxpr = jaxpr
        self.consts = consts
        self._in_defs, self._out_def = in_defs, out_def

    @property
    def eqns(self) -> tuple[Eqn, ...]:
        return self.jaxpr.eqns

    @property
    def in_avals(self) -> tuple[Any, ...]:
        n = len(self.jaxpr.invars) - len(self.consts)
        return self.jaxpr.in_avals[:n]

    @property
    def out_avals(self) -> tuple[Any, ...]:
        return self.jaxpr.out_avals

    def __call__(self, *args: Any) -> Any:
        leaves, _ = flatten_all(args)
        return unflatten(self._out_def, list(apply(self.jaxpr, [*leaves, *self.consts])))

    def __repr__(self) -> str:
        return print_jaxpr(self.jaxpr)

    __str__ = __repr__


def make_jaxpr(f: Callable[..., Any]) -> Callable[..., ClosedJaxpr]:
    """The program of f as a jaxpr: printed, it shows every equation with f's own names.

    Arrays and numbers, or ``ShapeDtype``, may be given as arguments. Numbers that f uses are
    printed as literals; arrays that it captures become inputs behind the arguments.

    >>> import numpy as np
    >>> from funcgrad import make_jaxpr
    >>> def f(x):
    ...     y = np.sin(x)
    ...     return 2.0 * y
    >>> make_jaxpr(f)(1.0)
    { lambda x:f64[]* .
        y:f64[] = sin x
        a:f64[] = multiply 2.0 y
      in (a,) }
    """

    def traced_jaxpr(*args: Any, **kwargs: Any) -> ClosedJaxpr:
        leaves, defs = flatten_all(args)
        avals = tuple(abstract_aval(x) for x in leaves)
        values = [None if isinstance(x, ShapeDtype) else x for x in leaves]
        traced = _traced(f, avals, values, lambda xs: f(*unflatten_all(defs, xs), **kwargs),
                         argument_names(f, args))  # fmt: skip
        traced.trace.release()
        jaxpr, consts = closed(traced)
        return ClosedJaxpr(jaxpr, consts, defs, traced.treedef)

    return traced_jaxpr


def _traced(f: Any, avals: Any, values: list[Any], call: Any, names: Any) -> Traced:
    """With values where there are some, so that the function may decide on them."""
    if any(v is None for v in values):
        return abstract(f, avals, call, "make_jaxpr", names)
    return run_trace(Trace(Root(avals, names), values), call)


def abstract_aval(x: Any) -> Any:
    if is_traced(x):
        return x.aval
    if isinstance(x, ShapeDtype):
        return array_aval(tuple(x.shape), x.dtype)
    return aval_of(x)


def closed(traced: Traced) -> tuple[Jaxpr, list[Any]]:
    """The program with captured Python numbers written into it, and the other captures."""
    jaxpr = inlined(traced.jaxpr())
    n = len(traced.trace.root.invars)
    literals: dict[Any, Literal] = {}
    kept, consts = [], []
    for v, x in zip(jaxpr.invars[n:], traced.trace.inputs[n:], strict=True):
        if v.aval.weak:
            literals[v] = Literal(x)
        else:
            kept.append(v)
            consts.append(x)

    def read(v: Any) -> Any:
        return literals.get(v, v) if v.__class__ is Var else v

    eqns = [eqn.replace(tuple(read(v) for v in eqn.invars), eqn.outvars) for eqn in jaxpr.eqns]
    outs = [read(v) for v in jaxpr.outvars]
    return Jaxpr((*jaxpr.invars[:n], *kept), eqns, outs), consts


def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes that ``f(*args)`` would return; nothing is computed.

    >>> import numpy as np
    >>> from funcgrad import ShapeDtype, eval_shape
    >>> eval_shape(lambda x: np.sum(x, axis=0), ShapeDtype((4, 3), np.float64))
    ShapeDtype(shape=(3,), dtype=float64)
    """
    leaves, defs = flatten_all(args)
    avals = tuple(abstract_aval(x) for x in leaves)
    traced = abstract(f, avals, lambda xs: f(*unflatten_all(defs, xs), **kwargs), "eval_shape")
    outs = [ShapeDtype(v.aval.shape, v.aval.dtype) for v in traced.outs]
    return unflatten(traced.treedef, outs)
