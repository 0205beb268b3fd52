"""The running trace and the handle it gives to the user's code.

``Trace.record`` is the hot path of un-jitted use: one look-up per operation once the tree
knows the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import numpy as np

from funcgrad import config
from funcgrad.errors import LeakedTracerError
from funcgrad.ir.avals import Aval, aval_of, interned
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.primitive import Primitive
from funcgrad.trace.capture import freeze, release
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.source import Source, result_name, user_frame
from funcgrad.trace.tree import Node, Root

__all__ = ["Trace", "bind", "evaluate", "running"]

running: ContextVar[Any] = ContextVar("funcgrad_trace", default=None)
"""The innermost running trace of this thread, or None."""

_NUMBERS = {float, int, complex}
_DEMAND, _DECIDE, _RAISED, _LIFT = "demand", "decide", "raised", "lift"
tracer_types: set[Any] = set()  # filled by trace.tracer, which stands on this module


def bind(prim: Primitive, operands: tuple[Any, ...], params: tuple[Any, ...] = ()) -> Any:
    """Record the operation on the innermost running trace, or run it where none is needed."""
    trace = running.get()
    if trace is not None:
        return trace.record(prim, operands, params)
    for x in operands:
        if x.__class__ in tracer_types:
            raise leaked(x)
    return evaluate(prim, operands, params)


def evaluate(prim: Primitive, operands: tuple[Any, ...], params: tuple[Any, ...]) -> Any:
    """The operation on plain arrays, at once."""
    for x in operands:  # CuPy arrays bring their own namespace
        cls = x.__class__
        if cls is not np.ndarray and cls.__module__.startswith("cupy"):
            return prim.value(namespace(x), *operands, **dict(params))
    return prim.value(np, *operands, **dict(params))


def namespace(array: Any) -> Any:
    """The module whose functions take this array."""
    if array.__class__.__module__.startswith("cupy"):
        import cupy

        return cupy
    return np


def leaked(x: Any) -> LeakedTracerError:
    made = x._var.name or "a value"
    return LeakedTracerError(
        f"{made} ({x._var.aval}) outlived the call that traced it; return it from the traced "
        "function (has_aux=True helps) instead of storing it elsewhere"
    )


class Decision(NamedTuple):
    """What Python was told of a variable, and how it asked."""

    var: Var
    outcome: Any
    read: Any


class Raised(NamedTuple):
    """A segment that failed, and how."""

    jaxpr: Jaxpr
    kind: type


def replay(jaxpr: Jaxpr, values: Sequence[Any]) -> list[Any]:
    """Record a program's equations one by one on the running trace."""
    env = dict(zip(jaxpr.invars, values, strict=True))
    for eqn in jaxpr.eqns:
        operands = tuple([v.value if v.__class__ is Literal else env[v] for v in eqn.invars])
        outs = bind(eqn.prim, operands, tuple(eqn.params.items()))
        env.update(zip(eqn.outvars, outs if eqn.prim.multiple else (outs,), strict=True))
    return [env[v] for v in jaxpr.outvars]


class Trace:
    """One run of a user's function: the place reached in the tree, and this run's inputs."""

    __slots__ = (
        "alive", "captures", "held", "inputs", "known", "node", "originals", "parent", "root",
    )  # fmt: skip

    abstract = False
    differentiates = True  # its inputs carry derivatives: they may not leave silently
    notes = False  # only jit's own trace notes decisions
    copies = True  # small captured arrays are copied; jit keeps the originals

    def __init__(self, root: Root, inputs: list[Any]):
        self.root = root
        self.node: Node = root
        self.inputs = inputs
        self.parent = running.get()
        self.captures: dict[Any, Var] = {}
        self.known: dict[Var, Any] = {}
        self.held: list[Any] = []
        self.originals: list[Any] | None = None  # jit asks for them: (position, array)
        self.alive = True

    # -- recording ---------------------------------------------------------------------------

    def record(
        self, prim: Primitive, operands: tuple[Any, ...], params: Any = (), force: bool = False
    ) -> Any:
        """The traced result of ``prim(*operands, **params)``; plain where nothing is traced."""
        key: list[Any] = [prim, params]
        fresh: list[Any] = []
        arrays = False
        for x in operands:
            cls = x.__class__
            if cls in tracer_types:
                force = True
                key.append(x._var if x._trace is self else self._capture_tracer(x, fresh))
            elif cls in _NUMBERS:
                key.append(cls)
                fresh.append(x)
            else:
                arrays = True
                break
        if arrays:
            if not force and not any(x.__class__ in tracer_types for x in operands):
                return evaluate(prim, operands, params)
            fresh = []
            key[2:] = [self._label(x, fresh) for x in operands]
        elif not force:
            return evaluate(prim, operands, params)
        edge = tuple(key)
        node = self.node.edges.get(edge)
        if node is None:
            node = self._grow(edge)
        self.node = node
        if fresh:
            self.inputs += fresh
            if node.shared:
                self._remember(node, fresh)
        if prim.eager:
            self._run_now(node)
        if node.out is not None:
            return self.handle(node.out)
        return tuple([self.handle(v) for v in node.outs])

    def _label(self, x: Any, fresh: list[Any]) -> Any:
        """What an operand is called in the key of an edge; new inputs join ``fresh``."""
        cls = x.__class__
        if cls is np.ndarray and x.nbytes <= config.copy_limit and self.copies:
            fresh.append(x.copy())
            return interned[x.shape, x.dtype]
        if cls in tracer_types:
            return x._var if x._trace is self else self._capture_tracer(x, fresh)
        if cls in _NUMBERS:
            fresh.append(x)
            return cls
        return self._capture_array(x, fresh)

    def handle(self, var: Var) -> Any:
        return hooks.handle(self, var)

    def _grow(self, edge: tuple[Any, ...]) -> Node:
        prim, params = edge[0], dict(edge[1])
        captured: list[Var] = []
        invars = []
        for label in edge[2:]:
            if label.__class__ is not Var:
                label = Var(label if label.__class__ is Aval else aval_of(label(0)))
                captured.append(label)
            invars.append(label)
        frame = user_frame()
        name = None if frame is None else result_name(frame)
        avals = prim.out_avals(tuple(v.aval for v in invars), params)
        outs = tuple(Var(a, name if len(avals) == 1 else None) for a in avals)
        source = None if frame is None else Source(frame.f_code.co_filename, frame.f_lineno or 0)
        node = Node(self.node, Eqn(prim, tuple(invars), params, outs, source), tuple(captured))
        node.shared = any(not v.aval.weak for v in captured)
        return self._add(edge, node)

    def _add(self, edge: Any, node: Node) -> Node:
        """Hang a new node below the current one; where two threads race, the first wins."""
        kept = self.node.edges.setdefault(edge, node)
        if kept is node:
            base = len(self.inputs)
            self.root.positions.update((v, base + i) for i, v in enumerate(node.captured))
            self.root.grown(node)
        return kept

    def maker(self, var: Var) -> Eqn | None:
        """The equation of this run that made a variable; None for what came from outside."""
        node: Node | None = self.node
        while node is not None:
            if node.eqn is not None and var in node.eqn.outvars:
                return node.eqn
            node = node.parent
        return None

    # -- captures ----------------------------------------------------------------------------

    def _capture_tracer(self, x: Any, fresh: list[Any]) -> Any:
        if not x._trace.alive:
            raise leaked(x)
        outer = self.parent
        while outer is not None and outer is not x._trace:
            outer = outer.parent
        if outer is None:
            raise LeakedTracerError(
                f"{x._var.name or 'a value'} ({x._var.aval}) belongs to a trace that does not "
                "enclose this one (another thread, or a generator left running)"
            )
        var = x._var
        seen = self.captures.get(var)
        if seen is not None:
            return seen
        fresh.append(hooks.handle(x._trace, var))  # a handle of our own: x may be assigned to
        return var.aval

    def _capture_array(self, x: Any, fresh: list[Any]) -> Any:
        seen = self.captures.get(id(x))
        if seen is not None:
            return seen
        if not hasattr(x, "dtype"):
            x = np.asarray(x)
        if x.dtype.kind not in "biufc":
            raise TypeError(f"an array of dtype {x.dtype} cannot take part in a traced computation")
        if x.__class__ is np.ndarray:
            kept = freeze(x, self.held)
            aval = interned[x.shape, x.dtype]
        elif isinstance(x, np.generic):
            kept, aval = x, aval_of(x)
        else:
            kept = freeze(x, self.held)
            aval = aval_of(kept)
        if self.originals is not None and kept is not x:
            self.originals.append((len(self.inputs) + len(fresh), x))
        fresh.append(kept)
        return aval

    def _remember(self, node: Node, fresh: list[Any]) -> None:
        """Values that cannot change keep one variable however often they are used."""
        for var, x in zip(node.captured, fresh, strict=True):
            cls = x.__class__
            if cls in tracer_types:
                self.captures[x._var] = var
            elif cls is np.ndarray and x.nbytes > config.copy_limit:
                self.captures[id(x)] = var

    def lift(self, value: Any) -> Var:
        """The variable of any value: a tracer's own, or a new input."""
        fresh: list[Any] = []
        if value.__class__ in tracer_types:
            if value._trace is self:
                return value._var
            label = self._capture_tracer(value, fresh)
        elif value.__class__ in _NUMBERS:
            label = aval_of(value)
            fresh.append(value)
        else:
            value = value if hasattr(value, "dtype") else np.asarray(value)
            label = self._capture_array(value, fresh)
        if label.__class__ is Var:
            return label
        edge = (_LIFT, label)
        node = self.node.edges.get(edge)
        if node is None:
            node = self._add(edge, Node(self.node, None, (Var(label),)))
        self.node = node
        self.inputs += fresh
        self._remember(node, fresh)
        return node.captured[0]

    # -- values on demand --------------------------------------------------------------------

    def demand(self, var: Var) -> Any:
        """The value of a variable in terms of the enclosing trace: computed once, kept."""
        position = self.root.positions.get(var)
        if position is not None:
            return self.inputs[position]
        if var in self.known:
            return self.known[var]
        edge = (_DEMAND, var)
        node = self.node.edges.get(edge)
        if node is None:
            node = Node(self.node)
            node.segment = self._segment(var)
            node = self._add(edge, node)
        jaxpr, sources = node.segment
        known, inputs = self.known, self.inputs
        values = [inputs[s] if s.__class__ is int else known[s] for s in sources]
        try:
            outs = self.run_segment(jaxpr, values)
        except Exception as error:
            self._raised(jaxpr, error.__class__)
            raise
        known.update(zip(jaxpr.outvars, outs, strict=True))
        self.node = node
        return known[var]

    def _raised(self, jaxpr: Jaxpr, kind: type) -> None:
        """A failure is a decision too: the user's ``except`` clause goes another way."""
        edge = (_RAISED, jaxpr, kind)
        node = self.node.edges.get(edge)
        if node is None:
            node = Node(self.node)
            node.segment = Raised(jaxpr, kind)
            node = self._add(edge, node)
        self.node = node

    def run_segment(self, jaxpr: Jaxpr, values: list[Any]) -> Any:
        """Run part of the path outside this trace: at once, or on the enclosing trace."""
        token = running.set(self.parent)
        try:
            if self.parent is not None and any(x.__class__ in tracer_types for x in values):
                return replay(jaxpr, values)
            return hooks.apply(jaxpr, values)
        finally:
            running.reset(token)

    def _segment(self, var: Var) -> tuple[Jaxpr, list[Any]]:
        """The equations that ``var`` still needs, and where their inputs come from."""
        needed, eqns, inputs = {var}, [], dict[Var, Any]()
        node: Node | None = self.node
        while needed and node is not None:
            eqn = node.eqn
            if eqn is not None and any(v in needed for v in eqn.outvars):
                needed.difference_update(eqn.outvars)
                eqns.append(eqn)
                for v in eqn.invars:
                    if v.__class__ is Literal or v in inputs:
                        continue
                    if v in self.known:
                        inputs[v] = v
                    elif v in self.root.positions:
                        inputs[v] = self.root.positions[v]
                    else:
                        needed.add(v)
            node = node.parent
        eqns.reverse()
        outs = [v for eqn in eqns for v in eqn.outvars]
        return Jaxpr(inputs, eqns, outs), list(inputs.values())

    def carries_derivative(self, var: Var) -> bool:
        """Whether a derivative flows from this trace's inputs into ``var``."""
        path = []
        node: Node | None = self.node
        while node is not None:
            path.append(node)
            node = node.parent
        active = {
            v for v, i in self.root.positions.items()
            if i < len(self.inputs) and v.aval.dtype.kind in "fc" and self._active_input(v, i)
        }  # fmt: skip
        for step in reversed(path):
            eqn = step.eqn
            if eqn is None or (
                eqn.prim.jvp is None and eqn.prim.linearize is None and eqn.prim.name != "call"
            ):
                continue
            if any(v in active for v in eqn.invars):
                active.update(v for v in eqn.outvars if v.aval.dtype.kind in "fc")
        return var in active

    def _active_input(self, v: Var, position: int) -> bool:
        if position < len(self.root.invars) and self.differentiates:
            return True
        x = self.inputs[position]
        return x.__class__ in tracer_types and x._trace.carries_derivative(x._var)

    def decide(self, var: Var, outcome: Any, read: Any) -> None:
        """Label the path with what Python was told, where jit is to follow it without Python.

        Elsewhere Python runs every time, and what it does next is label enough.
        """
        if not self.notes:
            return
        edge = (_DECIDE, var, outcome.__class__, outcome)
        node = self.node.edges.get(edge)
        if node is None:
            node = Node(self.node)
            node.segment = Decision(var, outcome, read)
            node = self._add(edge, node)
        self.node = node

    def _run_now(self, node: Node) -> None:
        """An operation that may fail does so here, where the user's ``except`` can see it."""
        for var in node.outs:
            x = self.demand(var)
            while x.__class__ in tracer_types and not x._trace.abstract:
                x = x._trace.demand(x._var)

    # -- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """The user's function is done with its tracers."""
        self.alive = False

    def release(self) -> None:
        """The run is over: captured arrays are writeable again."""
        if self.held:
            release(self.held)
