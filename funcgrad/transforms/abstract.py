"""Tracing without values: bodies of loops, branches, rules; and what they captured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.errors import ConcretizationError, StructureError
from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Jaxpr, Var
from funcgrad.ops.call import splice, with_numbers
from funcgrad.ops.elementwise import convert
from funcgrad.ops.families import like, ops
from funcgrad.trace.build import Builder
from funcgrad.trace.core import Trace, running
from funcgrad.trace.source import here
from funcgrad.trace.tree import Root, roots_of
from funcgrad.transforms.tracing import Traced, run_trace

__all__ = ["AbstractTrace", "abstract", "captures", "closed", "with_outputs"]


class AbstractTrace(Trace):
    """A trace whose arguments have no values: Python may not decide on them.

    Arguments that do have one (``values``) and captured values can be asked as always.
    """

    __slots__ = ("where",)

    abstract = True
    differentiates = False

    def __init__(self, root: Root, inputs: list[Any], where: str):
        super().__init__(root, inputs)
        self.where = where

    def demand(self, var: Var) -> Any:
        value = super().demand(var)
        if value is None:
            raise self.unknown(var)
        return value

    def run_segment(self, jaxpr: Jaxpr, values: list[Any]) -> Any:
        if any(x is None for x in values):
            raise self.unknown(jaxpr.outvars[-1])
        return super().run_segment(jaxpr, values)

    def unknown(self, var: Any) -> ConcretizationError:
        name = f"'{var.name}' " if var.name else ""
        return ConcretizationError(
            f"{self.where}: the value of {name}({var.aval}) is not known while tracing "
            f"(at {here()}); use np.where, funcgrad.cond or funcgrad.while_loop for what needs it"
        )

    def _run_now(self, node: Any) -> None:
        """Nothing can be run here; it fails, if it does, when the program runs."""


def abstract(
    f: Any, avals: tuple[Aval, ...], call: Any, where: str, names: Any = (), values: Any = None
) -> Traced:
    """Trace ``call`` over avals. The tree of f remembers the path, as for any other trace."""
    store = roots_of(f)
    key = ("abstract", avals)
    root = store.get(key)
    if root is None:
        root = store.setdefault(key, Root(avals, names() if callable(names) else names))
    inputs = list(values) if values is not None else [None] * len(avals)
    traced = run_trace(AbstractTrace(root, inputs, where), call)
    traced.trace.release()
    return traced


def captures(traced: Traced) -> list[Any]:
    """The values that a traced function took from outside, in the order of its inputs."""
    return list(traced.trace.inputs[len(traced.trace.root.invars) :])


def closed(avals: Sequence[Aval], call: Callable[[list[Any]], Any], where: str) -> Jaxpr:
    """The program of ``call``, traced for once; constants that it captures are written in."""
    token = running.set(None)
    try:
        root = Root(tuple(avals))
        traced = run_trace(AbstractTrace(root, [None] * len(root.invars), where), call)
    finally:
        running.reset(token)
    traced.trace.release()
    jaxpr = traced.jaxpr()
    constants = dict(zip(jaxpr.invars[len(root.invars) :], captures(traced), strict=True))
    arrays = {v: x for v, x in constants.items() if v.aval.shape}
    rest = {v: x[()] if isinstance(x, np.ndarray) else x for v, x in constants.items()
            if v not in arrays}  # fmt: skip
    jaxpr = with_numbers(jaxpr, rest)
    if not arrays:
        return jaxpr
    with Builder() as b:
        made = [b.atom(_written(x)) for x in arrays.values()]
        outs = splice(b.eqns, jaxpr, (*root.invars, *made))
    return Jaxpr(root.invars, b.eqns, outs)


def _written(x: Any) -> Any:
    """A constant array, run by run: of one number, or of integers in equal steps."""
    runs = _runs(x)
    if len(runs) > _LARGE:
        raise StructureError(
            f"an array constant of shape {x.shape} in a program that is made without operands for "
            "it; pass it as one"
        )
    if len(runs) < 2 and (not runs or not runs[0][1]):
        return ops.full(x.dtype.type(runs[0][0] if runs else 0), shape=x.shape, dtype=x.dtype)
    parts = [_run(x.dtype, *run) for run in runs]
    return ops.reshape(ops.concatenate(*parts, axis=0) if parts[1:] else parts[0], shape=x.shape)


def _run(dtype: Any, start: Any, step: Any, n: int) -> Any:
    whole = ops.full(dtype.type(start), shape=(n,), dtype=dtype)
    if not step:
        return whole
    return ops.add(whole, ops.multiply(ops.iota(shape=(n,), axis=0, dtype=dtype), dtype.type(step)))


def _runs(x: Any) -> list[tuple[Any, Any, int]]:
    """(first, step, length) of each run of an array in order; 0.0 and -0.0 are two numbers."""
    numbers, stepping = x.ravel().tolist(), x.dtype.kind == "i"
    marks: list[Any] = numbers if stepping else [repr(n) for n in numbers]
    runs, i = [], 0
    while i < len(marks):
        j = i + 1
        step = marks[j] - marks[i] if stepping and j < len(marks) else 0
        while j < len(marks) and marks[j] == (marks[j - 1] + step if stepping else marks[i]):
            j += 1
        runs.append((numbers[i], step if j > i + 1 else 0, j - i))
        i = j
    return runs


_LARGE = 4096  # runs: each is an equation of the program


def with_outputs(jaxpr: Jaxpr, avals: Sequence[Aval]) -> Jaxpr:
    """The same program with its outputs converted to these avals (same shapes)."""
    wanted = tuple(avals)
    if all(v.aval is a for v, a in zip(jaxpr.outvars, wanted, strict=True)):
        return jaxpr
    return jaxpr.derive(("outputs", wanted), lambda: _converted(jaxpr, wanted))  # type: ignore


def _converted(jaxpr: Jaxpr, avals: tuple[Aval, ...]) -> Jaxpr:
    with Builder() as b:
        b.eqns.extend(jaxpr.eqns)
        outs = []
        for v, aval in zip(jaxpr.outvars, avals, strict=True):
            x = b.read(v)
            outs.append(v if v.aval is aval else b.atom(strong(like(x, aval), aval)))
    return Jaxpr(jaxpr.invars, b.eqns, outs)


def strong(x: Any, aval: Aval) -> Any:
    """A weak value of the right dtype becomes an array of that dtype."""
    from_weak = getattr(x, "aval", None)
    if from_weak is not None and from_weak.weak and not aval.weak:
        return convert(x, dtype=aval.dtype)
    return aval.dtype.type(x) if from_weak is None else x


def widened(jaxpr: Jaxpr, before: Sequence[Aval], after: Sequence[Aval], at: int) -> Jaxpr:
    """The same program with further inputs that it does not read, around its own from ``at`` on."""
    lead, trail = tuple(before), tuple(after)
    if not lead and not trail:
        return jaxpr

    def make() -> Jaxpr:
        own = jaxpr.invars
        return Jaxpr(
            (*own[:at], *map(Var, lead), *own[at:], *map(Var, trail)), jaxpr.eqns, jaxpr.outvars
        )

    return jaxpr.derive(("widened", lead, trail, at), make)  # type: ignore[no-any-return]


def same_structure(who: str, first: Traced, other: Traced, names: tuple[str, str]) -> None:
    if first.treedef != other.treedef:
        raise StructureError(
            f"{who}: {names[0]} returns {first.treedef}, {names[1]} returns {other.treedef}"
        )
    for i, (v, w) in enumerate(zip(first.outs, other.outs, strict=True)):
        if v.aval.shape != w.aval.shape:
            raise StructureError(
                f"{who}: output {i} of {names[0]} is {v.aval}, of {names[1]} {w.aval}"
            )
