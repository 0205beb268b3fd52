"""A plain trace for transforms: it appends equations and looks nothing up.

Rules are written as mathematics over tracers (``t * cos(x)``); while a transform runs, those
tracers belong to a ``Builder``, which may also take over equations of the program it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from funcgrad.errors import FuncgradError
from funcgrad.ir.jaxpr import Atom, Eqn, Jaxpr, Literal, Var
from funcgrad.ir.primitive import Primitive
from funcgrad.trace.core import running, tracer_types
from funcgrad.trace.tracer import Tracer
from funcgrad.trace.tree import Node

__all__ = ["Builder"]


class Builder:
    """Collects equations; use as a context manager, so that rules record into it."""

    __slots__ = ("_token", "alive", "eqns", "parent", "source")

    abstract = True
    copies = False
    node = Node(None)  # without edges: the short paths of the operators find nothing here

    def __init__(self) -> None:
        self.eqns: list[Eqn] = []
        self.alive = True
        self.source: Any = None  # of the equation whose rule is running
        self.parent: Any = None

    def __enter__(self) -> Builder:
        self.parent = running.get()
        self._token = running.set(self)
        return self

    def __exit__(self, *exc: Any) -> None:
        running.reset(self._token)

    def record(
        self, prim: Primitive, operands: Sequence[Any], params: Any = (), force: bool = False
    ) -> Any:
        invars = tuple([self.atom(x) for x in operands])
        outs = self.emit(prim, invars, dict(params))
        return tuple(Tracer(self, v) for v in outs) if prim.multiple else Tracer(self, outs[0])

    def emit(self, prim: Primitive, invars: tuple[Atom, ...], params: Any) -> tuple[Var, ...]:
        avals = prim.out_avals(tuple([v.aval for v in invars]), params)
        outs = tuple([Var(a) for a in avals])
        self.eqns.append(Eqn(prim, invars, params, outs, self.source))
        return outs

    def atom(self, x: Any) -> Atom:
        """The variable or literal that stands for a rule's operand."""
        if x.__class__ in tracer_types:
            if x._trace is not self:
                raise FuncgradError("a rule used a traced value of another program")
            return x._var  # type: ignore[no-any-return]
        if isinstance(x, np.ndarray) and x.ndim:
            raise FuncgradError("a rule used an array constant; build it from iota or full")
        return Literal(x)

    def read(self, atom: Atom) -> Any:
        """What a rule sees for an operand: a tracer, or the literal's number."""
        return atom.value if atom.__class__ is Literal else Tracer(self, atom)  # type: ignore

    def decision(self, var: Var) -> Any:
        raise FuncgradError("a rule asked for a value; rules see programs, not numbers")

    demand = decision

    def inputs(self, avals: Sequence[Any]) -> list[Tracer]:
        return [Tracer(self, Var(a)) for a in avals]

    def jaxpr(self, ins: Sequence[Any], outs: Sequence[Any]) -> Jaxpr:
        return Jaxpr([x._var for x in ins], self.eqns, [self.atom(x) for x in outs])
