"""A compiled tree with decisions as one native program: when it is made, and of what.

The whole tree of a signature is compiled once it has been followed twice without growing, and
anew when the number of its paths has doubled, or after many calls that the native form could not
answer. In between, the native form stays in front and what it does not know goes to Python: all of
this follows from the calls, never from a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.backends.forks import Choice, End, Segment, Tree
from funcgrad.backends.llvm.entry import Guards
from funcgrad.backends.program import plain_copies
from funcgrad.backends.tiers import Tier, is_light, patience, promoted_tree
from funcgrad.compiler.cost import equations, nanoseconds
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr, Var, dead_code, effects
from funcgrad.ops.call import with_numbers
from funcgrad.trace.tracer import item
from funcgrad.transforms.compiled import UNKNOWN, Decide, Entry, Leaf, Run, follow
from funcgrad.tree import unflatten

__all__ = ["Refusal", "Whole", "described", "patient", "places"]

_SOON = 2  # calls that a tree has stood still before it is compiled
_LATER = 64  # and, when less than twice as many paths are known, before it is compiled again
_NUMBERS = (float, int, complex)
_READS = {bool: "bool", int: "int", float: "float", item: "item"}


class Refusal(Exception):
    """Why a tree is not compiled as a whole."""


class Whole:
    """The native form of a tree, and how long it has stood still since it grew.

    It has what ``Chain`` wants of a leaf: the program, what is fixed, the structure of results.
    """

    __slots__ = (
        "direct",
        "fixed",
        "native",
        "paths",
        "quiet",
        "refused",
        "soon",
        "tier",
        "treedef",
    )

    def __init__(self, soon: int = _SOON):
        self.native: Any = None
        self.direct: Any = None  # called with the leaves; None where it does not know
        self.fixed: list[Any] = []
        self.treedef: Any = None
        self.soon = soon
        self.paths = self.quiet = 0  # paths when it was compiled; calls since the tree grew
        self.refused = False
        self.tier = Tier(0)

    def answer(self, entry: Entry, leaves: Sequence[Any], in_front: bool) -> Any:
        """The result by the native form, else by following the tree; UNKNOWN for a new path.

        ``in_front``: it has been asked already, and can only have missed the layout of an array.
        """
        direct = self.direct
        if direct is not None:
            plain = plain_copies(leaves)
            if plain is not None or not in_front:
                found = direct(*(leaves if plain is None else plain))
                if found is not None:
                    return unflatten(self.treedef, list(found))
        found = follow(entry, leaves)
        self.quiet += found is not UNKNOWN
        return found

    def left(self, paths: int) -> int | None:
        """How many more calls like the last ones go by before it is compiled; None for never."""
        if self.refused or paths == self.paths:
            return None
        return max(0, (self.soon if paths >= 2 * self.paths else _LATER) - self.quiet)

    def compile(self, entry: Entry) -> bool:
        """Make the native form of all paths that are known now; says whether there is a new one."""
        self.paths = len(entry.leaves)
        try:
            tree, fixed = described(entry)
        except Refusal as error:
            self.tier.why = f"NumPy: {error}"
            made = None
        else:
            made = promoted_tree(tree, self.tier)
        if made is None:
            self.refused = True
            _alone(_programs(entry))
            return False
        self.native, self.fixed, self.treedef = made, fixed, usual(entry).treedef
        _alone([leaf.jaxpr for leaf in entry.leaves if not _is_like(leaf, usual(entry))])
        self.direct = made.entry(_nothing, single=False, fixed=fixed, guards=Guards())
        return True


def _nothing(*leaves: Any) -> None:
    """The answer of a native form that does not know."""


def _alone(programs: Sequence[Jaxpr]) -> None:
    """What is no part of a native tree is compiled for itself, as functions without decisions."""
    for jaxpr in programs:
        tier = jaxpr.derived.get("tier")
        if tier is not None and tier.native is None:
            tier.left = min(tier.left, patience(jaxpr, True))


def patient(entry: Entry, leaf: Leaf, backend: str | None) -> None:
    """A tree with decisions waits to be compiled as a whole, unless a path of it is heavy."""
    if (config.backend if backend is None else backend) == "numpy":
        for jaxpr in _programs(entry):
            jaxpr.derived["tier"] = Tier(patience(jaxpr, False, "numpy"))
        return
    if entry.whole is None:
        hasty = backend == "llvm" or config.backend == "llvm" or not is_light(leaf.jaxpr)
        entry.whole = Whole(1 if hasty else _SOON)
    if is_light(leaf.jaxpr):
        leaf.jaxpr.derived.setdefault("tier", Tier(patience(leaf.jaxpr, False, "auto")))
    entry.whole.quiet = 0


# -- the tree as the backend sees it ---------------------------------------------------------


def places(entry: Entry) -> Iterator[Any]:
    """Every Run, Decide and Leaf of a tree, those above first."""
    todo = [entry.start]
    while todo:
        place = todo.pop()
        if place is None:
            continue
        yield place
        if place.__class__ is Decide:
            todo += reversed(place.branches.values())
        elif place.__class__ is Run:
            todo += (place.failed, place.next)


def _programs(entry: Entry) -> list[Jaxpr]:
    return [place.jaxpr for place in places(entry) if place.__class__ is not Decide]


def usual(entry: Entry) -> Leaf:
    """The first of the leaves whose structure and types of results most of them have.

    A native program has results of one kind; paths with others are not known to it.
    """
    leaves = entry.leaves
    return max(leaves, key=lambda leaf: sum(_is_like(other, leaf) for other in leaves))


def _is_like(leaf: Leaf, other: Leaf) -> bool:
    return bool(leaf.treedef == other.treedef) and leaf.jaxpr.out_avals == other.jaxpr.out_avals


def described(entry: Entry) -> tuple[Tree, list[Any]]:
    """The tree for the backend, and the captured arrays that it takes behind the arguments."""
    first = usual(entry)
    if sum(map(equations, _programs(entry))) > config.native_equations:
        raise Refusal("its paths together are too long to compile")
    if any(map(effects, _programs(entry))):
        raise Refusal("a callback in it has an effect, which may happen only once")
    builder = _Builder(entry.consts, first)
    for place in reversed(list(places(entry))):  # what follows a part comes before it
        builder.visit(place)
    start, cost = builder.found[id(entry.start)]
    if start is None:
        raise Refusal("no path of it has a result")
    captured = [v for v in entry.consts if v in start.needs]
    if start.needs.difference(entry.root.invars, captured):
        raise Refusal("it reads a value that was computed elsewhere")
    fixed = [entry.consts[v] for v in captured]
    if not all(isinstance(x, (np.ndarray, np.generic, *_NUMBERS)) for x in fixed):
        raise Refusal("it captures arrays that are not NumPy's")
    tree = Tree((*entry.root.invars, *captured), first.jaxpr.out_avals, start, cost)
    return tree, fixed


class _Builder:
    """Parts of the tree, made from their ends: the part, and the cost of the way from there."""

    def __init__(self, consts: dict[Var, Any], usual: Leaf):
        self.consts, self.usual = consts, usual
        self.found: dict[int, tuple[Any, int]] = {id(None): (None, 0)}

    def visit(self, place: Any) -> None:
        if place.__class__ is Leaf:
            made = self.end(place)
        elif place.__class__ is Run:
            made = self.segment(place)
        else:
            made = self.choice(place)
        self.found[id(place)] = made

    def end(self, leaf: Leaf) -> tuple[Any, int]:
        if not _is_like(leaf, self.usual):
            return None, 0
        jaxpr = simplify(self.with_consts(leaf.jaxpr))
        jaxpr = Jaxpr(_read(jaxpr), jaxpr.eqns, jaxpr.outvars)
        return End(jaxpr, frozenset(jaxpr.invars)), nanoseconds(jaxpr)

    def segment(self, run: Run) -> tuple[Any, int]:
        """The values that somebody reads, and those whose making may fail."""
        then, cost = self.found[id(run.next)]
        if then is None:
            return None, 0
        made = tuple(
            v for eqn in run.jaxpr.eqns for v in eqn.outvars if eqn.prim.eager or v in then.needs
        )
        eqns = dead_code(run.jaxpr.eqns, made)
        if then.__class__ is End and all(
            not then.needs.isdisjoint(eqn.outvars) for eqn in eqns if eqn.prim.eager
        ):
            return self.joined(run.jaxpr.invars, eqns, then.jaxpr)
        jaxpr = simplify(self.with_consts(Jaxpr(run.jaxpr.invars, eqns, made)))
        jaxpr = Jaxpr(_read(jaxpr), jaxpr.eqns, jaxpr.outvars)
        needs = then.needs.difference(made).union(jaxpr.invars)
        return Segment(jaxpr, made, then, needs), cost + nanoseconds(jaxpr)

    def joined(self, invars: Any, eqns: Any, end: Jaxpr) -> tuple[Any, int]:
        """A segment that leads to an end is part of it: simplified and fused as one."""
        made = {v for eqn in eqns for v in eqn.outvars}
        inputs = dict.fromkeys((*invars, *[v for v in end.invars if v not in made]))
        jaxpr = simplify(self.with_consts(Jaxpr(inputs, (*eqns, *end.eqns), end.outvars)))
        jaxpr = Jaxpr(_read(jaxpr), jaxpr.eqns, jaxpr.outvars)
        return End(jaxpr, frozenset(jaxpr.invars)), nanoseconds(jaxpr)

    def choice(self, place: Decide) -> tuple[Any, int]:
        how = _READS.get(place.read)
        if how is None:
            raise Refusal(f"Python was told all of {place.var.name or 'an array'}")
        branches = [(x, *self.found[id(then)]) for (_, x), then in place.branches.items()]
        known = [(x, then) for x, then, _ in branches if then is not None]
        if not known:
            return None, 0
        needs = frozenset((place.var,)).union(*[then.needs for _, then in known])
        return Choice(place.var, how, tuple(known), needs), max(cost for _, _, cost in branches)

    def with_consts(self, jaxpr: Jaxpr) -> Jaxpr:
        """Captured numbers are written into the program."""
        numbers = {v: x for v in jaxpr.invars if (x := self.consts.get(v)).__class__ in _NUMBERS}
        return with_numbers(jaxpr, numbers)


def _read(jaxpr: Jaxpr) -> list[Var]:
    """The inputs that a program reads."""
    read = {v for eqn in jaxpr.eqns for v in eqn.invars if v.__class__ is Var}
    read.update(v for v in jaxpr.outvars if v.__class__ is Var)
    return [v for v in jaxpr.invars if v in read]
