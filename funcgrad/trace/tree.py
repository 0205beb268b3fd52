"""The trace tree: every path from a root is one behaviour of a function.

A node holds the equation recorded on the way to it. Recording an operation again is one
look-up of (primitive, params, operands) among the edges of the current node: no type rule, no
equation built. Nodes also keep what was derived from the path that ends there.
"""

from __future__ import annotations

import weakref
from types import MappingProxyType
from typing import Any

from funcgrad import config
from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Atom, Eqn, Jaxpr, Var

__all__ = ["Node", "Root", "path_captures", "path_jaxpr", "roots_of"]


_NOTHING: Any = MappingProxyType({})  # most nodes are no leaf, and derive nothing


class Node:
    """One step of a path: an equation, the values it captured, or a demand for a value."""

    __slots__ = (
        "captured", "derived", "edges", "eqn", "out", "outs", "parent", "segment", "shared",
    )  # fmt: skip

    def __init__(self, parent: Node | None, eqn: Eqn | None = None, captured: Any = ()):
        self.parent = parent
        self.eqn = eqn
        self.captured: tuple[Var, ...] = captured
        self.edges: dict[Any, Node] = {}
        self.derived: Any = _NOTHING
        self.segment: Any = None
        self.shared = False  # captures something that later operations may share
        self.outs = eqn.outvars if eqn is not None else ()
        self.out = self.outs[0] if eqn is not None and not eqn.prim.multiple else None

    def keep(self, key: Any, value: Any) -> Any:
        """Remember what was derived from the path that ends here; the first to come stays."""
        if self.derived is _NOTHING:
            self.derived = {}
        return self.derived.setdefault(key, value)


class Root(Node):
    """Where the traces of one function, called with the same avals, begin."""

    __slots__ = ("count", "invars", "positions")

    def __init__(self, avals: tuple[Aval, ...], names: tuple[str | None, ...] = ()):
        super().__init__(None)
        names = names or (None,) * len(avals)
        self.invars = tuple(Var(a, n) for a, n in zip(avals, names, strict=True))
        self.positions = {v: i for i, v in enumerate(self.invars)}
        self.count = 0

    def grown(self, child: Node) -> Node:
        """Count a new node; a tree past its bound is cut at the root (running traces go on)."""
        self.count += 1
        if self.count > config.tree_nodes:
            self.edges, self.count = {}, 0
            self.positions = {v: i for i, v in enumerate(self.invars)} | {
                v: p for v, p in self.positions.items() if v in path_captures(child)
            }
        return child


def path_captures(node: Node | None) -> set[Var]:
    """Captured variables between the root and a node."""
    found: set[Var] = set()
    while node is not None:
        found.update(node.captured)
        node = node.parent
    return found


def path_jaxpr(node: Node, root: Root, outvars: tuple[Atom, ...]) -> Jaxpr:
    """The program of the path from the root to ``node``; captures follow the arguments."""
    eqns: list[Eqn] = []
    captured: list[tuple[Var, ...]] = []
    step: Node | None = node
    while step is not None:
        if step.eqn is not None:
            eqns.append(step.eqn)
        if step.captured:
            captured.append(step.captured)
        step = step.parent
    eqns.reverse()
    invars = root.invars + tuple(v for group in reversed(captured) for v in group)
    return Jaxpr(invars, eqns, outvars)


_stores: dict[int, tuple[Any, dict[Any, Root]]] = {}


def roots_of(function: Any) -> dict[Any, Root]:
    """The roots of a function, shared by all closures over one code object, freed with it."""
    owner = _owner(function)
    key = id(owner)
    found = _stores.get(key)
    if found is not None and found[0]() is owner:
        return found[1]
    store: dict[Any, Root] = {}
    try:
        alive = weakref.ref(owner, lambda _: _stores.pop(key, None))
    except TypeError:  # a builtin: it lives as long as the interpreter, or its wrapper does
        return store
    _stores[key] = (alive, store)
    return store


def unwrapped(function: Any) -> Any:
    """The user's own function below transforms, methods and partial applications."""
    while True:
        if hasattr(function, "__wrapped__"):  # grad(f) grows its tree with f's code
            function = function.__wrapped__
        elif hasattr(function, "__func__"):
            function = function.__func__
        elif hasattr(function, "func") and not hasattr(function, "__code__"):
            function = function.func
        else:
            return function


def _owner(function: Any) -> Any:
    """The object whose lifetime the tree follows: the code object where there is one."""
    function = unwrapped(function)
    return getattr(function, "__code__", function)


def clear_caches() -> None:
    """Forget every trace tree, and with them every compiled program.

    >>> import funcgrad
    >>> funcgrad.clear_caches()
    """
    for _, store in list(_stores.values()):
        store.clear()
