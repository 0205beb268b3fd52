"""Kernels: loop nests made of fusible equations.

A *nest* runs over an index space; every element of it computes the elements of many equations at
once, and writes only what something outside the nest reads. Shaping costs nothing: operands are
views, strides over memory. Where rows are reduced along the last axes and the result is used
again in the same rows (softmax, layernorm, norms), the nest has *stages*: element work in even
stages, one number per row between them in odd ones.

What has no loop nest (products of matrices, loops, sorting) runs between the nests. Nests take
odd slots in time, everything else even ones; a value may be read by what runs in later slots, and
inside its own nest where the same element is meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from funcgrad.compiler.again import Again
from funcgrad.compiler.nests import (
    REDUCTIONS,
    Home,
    Init,
    Nest,
    Place,
    Rules,
    met_as,
    reduced_level,
    row_axes,
    squeezed,
)
from funcgrad.compiler.pieces import PIECEWISE, pieces, walks
from funcgrad.compiler.placing import PLACERS
from funcgrad.compiler.views import View, axes_of, broadcast, composed, looked_at, whole
from funcgrad.ir.avals import broadcast_shapes
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var

__all__ = ["REDUCTIONS", "Init", "Nest", "Place", "Rules", "Schedule"]

_SHAPING = {"reshape", "transpose", "broadcast_to", "index", "flip"}
_MADE = {"iota", "full", "eye"}


class Schedule:
    """The steps of a program in order: nests, placements' beginnings, other equations."""

    def __init__(self, jaxpr: Jaxpr, rules: Rules):
        self.jaxpr, self.rules = jaxpr, rules
        self.views: dict[Any, View] = {}
        self.homes: dict[Var, Home] = {}  # of computed roots
        self.inline: dict[Var, Eqn] = {}  # computed anew wherever they are read
        self.copies: dict[Var, Var] = {}  # inline value -> the same, kept in memory
        self.postponed: dict[Any, Eqn] = {}  # shaping that no memory has been asked for
        self.begun: dict[Var, int] = {}  # slot in which a placed value's memory begins
        self.nests: dict[tuple[int, Any], Nest] = {}
        self.others: dict[int, list[Any]] = {}
        self.taken: set[Any] = set()  # roots that are an output's own memory
        self.again = Again(self, jaxpr)
        self.rows = row_axes(jaxpr, rules.small)
        for eqn in jaxpr.eqns:
            self._visit(eqn)
        self.outs = [self._out(v) for v in jaxpr.outvars]
        self.steps: list[Any] = self._ordered()

    # -- reading ---------------------------------------------------------------------------------

    def view(self, v: Any) -> View:
        """An atom as a view of the root that holds it."""
        found = self.views.get(v) if v.__class__ is Var else None
        return whole(v) if found is None else found

    def small(self, v: Any) -> bool:
        return bool(0 < v.aval.size <= self.rules.small) or not v.aval.shape

    def _ready(self, root: Any) -> int:
        """The first even slot in which a root may be read."""
        home = self.homes.get(root) if root.__class__ is Var else None
        return 0 if home is None else home.slot + home.slot % 2

    def stored(self, v: Any) -> View:
        """The view of an atom whose root is in memory (or a register) as a whole."""
        if not self.rules.strides:
            return self._shaped_now(v)
        return self.in_memory(self.view(v))

    def _shaped_now(self, v: Any) -> View:
        """The atom as a root of its own: what shaped it, so far only noted, is an equation."""
        chain, at = [], v
        while (eqn := self.postponed.pop(at, None)) is not None:
            chain.append(eqn)
            (at,) = eqn.invars
        for eqn in reversed(chain):
            self._apart(eqn)
        return whole(v)

    def in_memory(self, view: View) -> View:
        """The view itself, or, of an inline value, that of a copy which is kept."""
        root = view.root
        if root not in self.inline:
            return view
        if root not in self.copies:
            copy = self.copies[root] = Var(root.aval, root.name)
            self._join(self.inline[root].replace(self.inline[root].invars, (copy,)))
        return View(self.copies[root], view.offset, view.strides, view.shape)

    def element(self, view: View) -> View:
        """A view for reading element by element: an inline value may have to be in memory."""
        eqn = self.inline.get(view.root)
        if eqn is None:
            return view
        fine = walks(view) if eqn.prim.name in PIECEWISE else axes_of(view) is not None
        return view if fine else self.in_memory(view)

    def seen(self, inner: View, outer: View) -> View:
        """An operand of an inline value, through the view that its reader has of the value."""
        return self.element(composed(self.element(inner), outer))

    # -- visiting --------------------------------------------------------------------------------

    def _visit(self, eqn: Eqn) -> None:
        name = eqn.prim.name
        out: Any = eqn.outvars[0] if eqn.outvars else None
        if name in _SHAPING and (self._shaped if self.rules.strides else self._postpone)(eqn):
            return
        if name in _MADE and self.rules.fusible(eqn) and not self.small(out):
            self._made(eqn)
        elif name in PLACERS and not self.small(out) and self.rules.fusible(eqn):
            if self.again.in_pieces(eqn):
                self.inline[out] = eqn
            else:
                PLACERS[name](self, eqn)
        elif name in REDUCTIONS and not self.small(eqn.invars[0]) and self.rules.fusible(eqn):
            self._join(eqn)
        elif name == "gather" and not self.small(out) and self.rules.fusible(eqn):
            self._join(eqn)
        elif eqn.prim.family == "elementwise" and self.rules.fusible(eqn) and out.aval.size:
            if self._as_row(eqn):
                return
            if self.small(out):
                self._apart(eqn)
            elif self.again.is_cheap(eqn):
                self.inline[out] = eqn
            else:
                self._join(eqn)
        else:
            self._apart(eqn)

    def _postpone(self, eqn: Eqn) -> bool:
        """Shaping that is written down when memory is asked for; a nest's own values need none."""
        (x,), out = eqn.invars, eqn.outvars[0]
        self.postponed[out] = eqn
        made = looked_at(eqn, self.view(x))
        if made is not None:
            self.views[out] = made
        return True

    def _shaped(self, eqn: Eqn) -> bool:
        """Views of memory; a reshape that no strides express is a copy."""
        (x,), out = eqn.invars, eqn.outvars[0]
        if self.small(out):
            if not self.small(x) and x.__class__ is Var:
                self.stored(x)
            return False
        if self.small(x) and x.__class__ is Literal:
            self.views[out] = broadcast(whole(x), out.aval.shape)
            return True
        view = self.view(x)
        made = looked_at(eqn, view)
        if made is not None and made.root in self.inline and axes_of(made) is None:
            made = looked_at(eqn, self.stored(x))
        if made is None:
            copied = self._copied(self.stored(x), x.aval, eqn.source)
            made = looked_at(eqn, whole(copied))
        if made is None:
            return False
        self.views[out] = made
        return True

    def _made(self, eqn: Eqn) -> None:
        out = eqn.outvars[0]
        if eqn.prim.name == "full":
            x = eqn.invars[0]
            if x.__class__ is Literal:
                x = Literal(np.asarray(x.value).astype(out.aval.dtype)[()])
            if x.aval.dtype == out.aval.dtype:
                self.views[out] = broadcast(self.view(x), out.aval.shape)
                return
        self.inline[out] = eqn
        self.again.costs[out] = (1, 0)

    def _apart(self, eqn: Eqn) -> None:
        """An equation of its own, as soon as its operands are there."""
        slot = max([self._ready(self.stored(v).root) for v in eqn.invars], default=0)
        self.others.setdefault(slot, []).append(eqn)
        self.homes.update((v, Home(slot)) for v in eqn.outvars)

    # -- nests -----------------------------------------------------------------------------------

    def _key(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
        space = squeezed(shape)
        return space, self.rows.get(space, 0)

    def _reads(self, item: Any) -> list[tuple[View, bool]]:
        """The views that an item reads element by element, and whether whole memory is needed."""
        return [(view, k in memory) for memory in [self._memory(item)]
                for k, view in enumerate(self.operands(item))]  # fmt: skip

    def _memory(self, item: Any) -> tuple[int, ...]:
        return (0,) if isinstance(item, Eqn) and item.prim.name == "gather" else ()

    def operands(self, item: Any) -> list[View]:
        """The operands of an item of a nest, each as a view of the shape that it is read in."""
        if item.__class__ is Place:
            return [self.element(self.view(item.value))]
        name, shape = item.prim.name, item.outvars[0].aval.shape
        if name in REDUCTIONS:
            return [self.element(self.view(item.invars[0]))]
        if name in PIECEWISE:
            return self.inner_reads(item, whole(item.outvars[0]))
        if name == "gather":
            table, *arrays = item.invars
            lined = [self.element(broadcast(self.view(a), _advanced(item))) for a in arrays]
            return [self.stored(table), *lined]
        return [self.element(broadcast(self.view(v), shape)) for v in item.invars]

    def _constraints(self, item: Any, key: Any, row: bool = False) -> tuple[int, list[Any]]:
        """The earliest slot, and the homes inside the same nest with the stage they allow."""
        if not self.rules.strides:
            return self._plain_constraints(item, key, row)
        slot, inside = 1, []
        todo = self._reads(item)
        while todo:
            view, memory = todo.pop()
            root = view.root
            if root in self.inline:
                todo += [(v, False) for v in self.inner_reads(self.inline[root], view)]
                continue
            home = self.homes.get(root) if root.__class__ is Var else None
            if home is None:
                continue
            level = None if memory else met_as(view, home, key, row)
            if home.key == key and level is not None and home.slot % 2:
                inside.append((home, level))
                slot = max(slot, home.slot)
            else:
                slot = max(slot, home.slot + 1 + home.slot % 2)
        return slot, inside

    def _plain_constraints(self, eqn: Eqn, key: Any, row: bool) -> tuple[int, list[Any]]:
        """The same where everything outside the nest is read as it is shaped."""
        slot, inside = 1, []
        for v, view in zip(eqn.invars, self.operands(eqn), strict=True):
            home = self.homes.get(view.root) if view.root.__class__ is Var else None
            level = None if home is None else met_as(view, home, key, row)
            if home is None or level is None:
                slot = max(slot, self._ready(self.stored(v).root) + 1)
            else:
                slot = max(slot, home.slot)
                inside.append((v, home, level))
        for v, home, _ in inside:
            if home.slot < slot:  # not the same nest in the end
                self.stored(v)
        return slot, [(home, level) for _, home, level in inside]

    def inner_reads(self, eqn: Eqn, view: View) -> list[View]:
        """What the equation of an inline value reads, for the elements that ``view`` looks at."""
        if eqn.prim.name in PIECEWISE:
            piece = pieces(self, eqn, view)
            return [v for v in (piece.inside, piece.outside) if v is not None]
        shape = eqn.outvars[0].aval.shape
        return [self.seen(broadcast(self.view(v), shape), view) for v in eqn.invars]

    def _join(self, item: Any) -> None:
        """Into the earliest nest of its space that has what it needs."""
        place = item.__class__ is Place
        shape = (
            item.value.aval.shape if place
            else item.invars[0].aval.shape if item.prim.name in REDUCTIONS
            else item.outvars[0].aval.shape
        )  # fmt: skip
        key = self._key(shape)
        slot, inside = self._constraints(item, key)
        if place:
            slot = max(slot, self.begun[item.view.root] + 1)
        stage = 0
        for home, level in inside:
            if home.slot == slot:
                stage = max(stage, home.stage if level == "element" else home.stage + 1)
        nest = self.nests.setdefault((slot, key), Nest(*key))
        nest.add(stage, item)
        if place:
            target = item.view.root
            self.homes[target] = Home(max(slot, self.homes[target].slot))
            return
        level, out = "element", item.outvars[0]
        if item.prim.name in REDUCTIONS:
            level = reduced_level(item, key)
            stage += level == "row"
        self.homes[out] = Home(slot, key, stage, level)

    def _as_row(self, eqn: Eqn) -> bool:
        """Work on one number per row, in the nest whose rows they are."""
        out = eqn.outvars[0]
        for v in eqn.invars:
            home = self.homes.get(self.view(v).root)
            if home is not None and home.level == "row":
                if out.aval.size == prod(home.key[0][: home.key[1]]) and self._row(eqn, home):
                    return True
        return False

    def _row(self, eqn: Eqn, home: Home) -> bool:
        slot, inside = self._constraints(eqn, home.key, row=True)
        if slot != home.slot:
            return False
        stage = max(h.stage for h, _ in inside if h.slot == slot)
        self.nests[slot, home.key].add(stage, eqn)
        self.homes[eqn.outvars[0]] = Home(slot, home.key, stage, "row")
        return True

    # -- placing ---------------------------------------------------------------------------------

    def begin(self, target: Var, start: Any, source: Any) -> None:
        slot = 0
        if isinstance(start, View):
            slot = self._ready(start.root)
        elif start.__class__ is Var:
            slot = self._ready(self.stored(start).root)
        self.others.setdefault(slot, []).append(Init(target, start, source))
        self.homes[target] = Home(slot)
        self.begun[target] = slot

    def place(self, value: Any, view: View, adds: bool, source: Any) -> None:
        """A piece of a target: in a nest, or, where the value is in a register, by itself."""
        if not prod(view.shape):
            return
        item = Place(value, view, adds, source)
        if not self.small(value):
            self._join(item)
            return
        slot = max(self._ready(self.stored(value).root), self._ready(view.root))
        self.others.setdefault(slot, []).append(item)
        self.homes[view.root] = Home(slot)

    def _copied(self, view: View, aval: Any, source: Any) -> Var:
        """A new root that holds what the view looks at, in order."""
        target, seen = Var(aval.strong()), Var(aval.strong())
        self.views[seen] = view
        self.begin(target, None, source)
        self.place(seen, whole(target), False, source)
        return target

    def _out(self, v: Any) -> Any:
        """The root that holds an output: one of its own, in memory of its own."""
        if v.__class__ is Literal or self.small(v) or not self.rules.strides:
            if v.__class__ is Var:
                self.stored(v)
            return v
        view = self.element(self.view(v))
        root = view.root
        if root in self.homes and view.is_whole and root not in self.taken and not self.small(root):
            self.taken.add(root)
            return root
        made = self._copied(view, v.aval, None)
        self.taken.add(made)
        return made

    # -- the whole -------------------------------------------------------------------------------

    def _ordered(self) -> list[Any]:
        steps: list[Any] = []
        places: dict[int, list[Nest]] = {}
        for (slot, _), nest in self.nests.items():
            places.setdefault(slot, []).append(nest)
        for slot in sorted({*places, *self.others}):
            steps += self.others.get(slot, ())
            steps += places.get(slot, ())
        self._mark_stored(steps)
        return steps

    def _mark_stored(self, steps: list[Any]) -> None:
        """Which values of nests something outside their own nest reads."""
        wanted: set[Any] = {v for v in self.outs if v.__class__ is Var}
        for step in steps:
            if step.__class__ is not Nest:
                wanted.update(view.root for view in self._step_reads(step))
                continue
            own = {v for item in step.items if isinstance(item, Eqn) for v in item.outvars}
            for item in step.items:
                for view, memory in self._leaves(item):
                    if memory or view.root not in own or not self.inside(view, step):
                        wanted.add(view.root)
        for step in steps:
            if step.__class__ is Nest:
                step.stored = [
                    v for item in step.items if isinstance(item, Eqn) for v in item.outvars
                    if v in wanted
                ]  # fmt: skip

    def inside(self, view: View, nest: Nest) -> bool:
        home = self.homes[view.root]
        return met_as(view, home, (nest.space, nest.outer), False) is not None or (
            met_as(view, home, (nest.space, nest.outer), True) is not None
        )

    def _leaves(self, item: Any) -> Iterable[tuple[View, bool]]:
        todo = list(self._reads(item))
        while todo:
            view, memory = todo.pop()
            if view.root in self.inline:
                todo += [(v, False) for v in self.inner_reads(self.inline[view.root], view)]
            else:
                yield view, memory

    def _step_reads(self, step: Any) -> list[View]:
        if step.__class__ is Init:
            if isinstance(step.start, View):
                return [step.start]
            return [self.stored(step.start)] if step.start.__class__ is Var else []
        if step.__class__ is Place:
            return [self.stored(step.value)]
        return [self.stored(v) for v in step.invars if v.__class__ is Var]

    def reads(self, step: Any) -> set[Any]:
        """The roots that a step reads or writes into."""
        if step.__class__ is not Nest:
            found = {view.root for view in self._step_reads(step)}
            return found | ({step.view.root} if step.__class__ is Place else set())
        found = {view.root for item in step.items for view, _ in self._leaves(item)}
        found |= {item.view.root for item in step.items if item.__class__ is Place}
        return found


def _advanced(eqn: Eqn) -> tuple[int, ...]:
    return broadcast_shapes(*[v.aval.shape for v in eqn.invars[1:]])  # type: ignore[return-value]
