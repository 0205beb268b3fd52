"""The compiled form of a jitted function: programs between decisions.

A call follows the tree: run a segment, read the value that Python decided on, take the branch
of its outcome; at a leaf, the last program gives the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from funcgrad import config
from funcgrad.backends.program import run
from funcgrad.errors import ConcretizationError
from funcgrad.ir.jaxpr import Jaxpr, Var
from funcgrad.trace.core import Decision, Raised, Trace
from funcgrad.trace.guards import Guard
from funcgrad.trace.tree import Root
from funcgrad.tree import unflatten

__all__ = ["UNKNOWN", "Decide", "Entry", "Leaf", "Run", "follow", "grow"]


class Run:
    """One segment of the compiled tree: values that the next decision needs, or a failure."""

    __slots__ = ("failed", "jaxpr", "kind", "next")

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.next: Any = None
        self.failed: Any = None  # where the user's except clause went, after an error of this kind
        self.kind: Any = None


class Decide:
    """Python decided here: which value it read, how, and where each outcome leads."""

    __slots__ = ("branches", "read", "var")

    def __init__(self, var: Var, read: Any):
        self.var, self.read = var, read
        self.branches: dict[Any, Any] = {}


class Leaf:
    """The end of a path: the last program and the structure of the result.

    ``native`` is the program's compiled form, None while there is none: ``native.entry(fallback,
    single=…, fixed=…, guards=…)`` gives a built-in function, or None. ``direct`` is one such, for
    the leaves of the arguments, made of ``installed``.
    """

    __slots__ = ("direct", "fixed", "installed", "jaxpr", "treedef")

    def __init__(self, jaxpr: Jaxpr, treedef: Any):
        self.jaxpr, self.treedef = jaxpr, treedef
        self.fixed: list[Any] = []
        self.installed: Any = None
        self.direct: Any = None

    @property
    def native(self) -> Any:
        return self.jaxpr.derived.get("native")

    @native.setter
    def native(self, made: Any) -> None:
        self.jaxpr.derived["native"] = made


class Entry:
    """All that is compiled for one signature: its tree, its constants, its guards."""

    def __init__(self, root: Root):
        self.root = root
        self.start: Any = None
        self.consts: dict[Var, Any] = {}
        self.guards: list[Guard] = []
        self.leaves: list[Leaf] = []
        self.whole: Any = None  # the native form of a tree with decisions
        self.limits = False  # whether derivatives at multiple eigenvalues need Python's run


UNKNOWN = object()


def grow(entry: Entry, t: Trace, leaf: Leaf) -> None:
    """Add a run's path to the compiled tree: its demands and decisions, then its leaf."""
    path = []
    node: Any = t.node
    while node is not None:
        if node.eqn is None and node.segment is not None:
            path.append(node.segment)
        node = node.parent
    hang: Callable[[Any], None] = partial(setattr, entry, "start")
    place = entry.start
    for segment in reversed(path):
        if segment.__class__ is Decision:
            if place is None:
                place = Decide(segment.var, segment.read)
                hang(place)
            place, hang = _branch(place, segment.outcome)
        else:
            if place is None:
                place = Run(segment[0])
                hang(place)
            way = "next"
            if segment.__class__ is Raised:
                place.kind, way = segment.kind, "failed"
            hang = partial(setattr, place, way)
            place = getattr(place, way)
    hang(leaf)


def _branch(place: Decide, outcome: Any) -> tuple[Any, Callable[[Any], None]]:
    key = (outcome.__class__, outcome)
    if key not in place.branches and len(place.branches) >= config.max_decisions:
        raise ConcretizationError(
            f"jit: a decision on {place.var.name or 'a value'} ({place.var.aval}) has more than "
            f"{config.max_decisions} outcomes, each a program of its own; keep the value traced "
            "(np.where, funcgrad.while_loop), or call the function un-jitted"
        )
    return place.branches.get(key), partial(place.branches.__setitem__, key)


def follow(entry: Entry, leaves: Sequence[Any]) -> Any:
    """The result along known branches, or UNKNOWN where Python has to be asked."""
    place = entry.start
    if place.__class__ is Leaf:
        direct = place.direct
        if direct is None:
            return unflatten(place.treedef, list(run(place.jaxpr, (*leaves, *place.fixed))))
        return unflatten(place.treedef, list(direct(*leaves)))
    env = dict(zip(entry.root.invars, leaves, strict=True))
    env.update(entry.consts)
    while place.__class__ is not Leaf:
        if place.__class__ is Run:
            jaxpr = place.jaxpr
            try:
                outs = run(jaxpr, [env[v] for v in jaxpr.invars])
            except Exception as error:
                if error.__class__ is not place.kind:  # Python's own except has to see it
                    return UNKNOWN
                place = place.failed
                continue
            env.update(zip(jaxpr.outvars, outs, strict=True))
            place = place.next
        elif place.__class__ is Decide:
            outcome = place.read(env[place.var])
            place = place.branches.get((outcome.__class__, outcome))
        else:
            return UNKNOWN
    jaxpr = place.jaxpr
    return unflatten(place.treedef, list(run(jaxpr, [env[v] for v in jaxpr.invars])))
