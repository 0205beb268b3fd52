"""How a loop nest walks through memory: its loops, what it reads and what it writes."""

from __future__ import annotations

from math import prod
from typing import Any

from funcgrad.compiler.kernels import REDUCTIONS, Nest, Place, Schedule
from funcgrad.compiler.nests import reduced_axes
from funcgrad.compiler.pieces import PIECEWISE, pieces
from funcgrad.compiler.views import View, axes_of, contiguous, whole
from funcgrad.ir.jaxpr import Eqn, Var

__all__ = ["Walk", "strides_of"]


class Walk:
    """The loops of a nest. ``arguments`` are the roots in memory, or in a register, that it uses;
    ``kinds`` says of its own values whether they are per element, per row, or sums."""

    scratch_bytes = 65_536
    """What the buffers of one row may take; longer rows wait in memory as a whole."""

    def __init__(self, schedule: Schedule, nest: Nest):
        self.schedule, self.nest = schedule, nest
        made = [item for item in nest.items if isinstance(item, Eqn)]
        self.own = dict.fromkeys(v for eqn in made for v in eqn.outvars)
        self.kinds = {v: schedule.homes[v].level for v in self.own}
        self.stages = {v: schedule.homes[v].stage for v in self.own}
        self.arguments: list[Any] = []
        self.rowwise = any(level == "row" for level in self.kinds.values())
        self.crossing = self._crossing()
        self.stored = set(nest.stored)
        self._collect()
        self._loops()

    # -- what is read and written --------------------------------------------------------------

    def _crossing(self) -> set[Any]:
        """Elements that a later stage reads: they wait in a buffer for the row."""
        found = set()
        for k, stage in enumerate(self.nest.stages):
            for item in stage:
                for view, _ in self.schedule._leaves(item):
                    root = view.root
                    if self.kinds.get(root) == "element" and self.stages[root] != k:
                        found.add(root)
        found -= set(self.nest.stored)
        row = prod(self.nest.space[self.nest.outer :])
        if row * sum(v.aval.dtype.itemsize for v in found) > self.scratch_bytes:
            self.nest.stored += sorted(found, key=lambda v: self.stages[v])  # too long a row
            return set()
        return found

    def _collect(self) -> None:
        """Roots in memory, and how the loops walk along each access."""
        roots: dict[Any, None] = {}
        self.accesses: list[tuple[int, ...]] = []
        self.indexed: set[int] = set()  # axes whose index itself is a value
        self.cuts: set[int] = set()  # where along the last axis a piece begins or ends
        for k, stage in enumerate(self.nest.stages):
            for item in stage:
                self._collect_item(item, row=bool(k % 2))
                for view, _ in self.schedule._leaves(item):
                    if view.root.__class__ is Var and (
                        view.root not in self.own or self._is_memory(view.root)
                    ):
                        roots[view.root] = None
                if item.__class__ is Place:
                    roots[item.view.root] = None
        for v in self.own:
            if v in self.stored or self.kinds[v] in ("full", "column"):
                roots[v] = None
        self.arguments = list(roots)

    def _is_memory(self, root: Any) -> bool:
        return root in self.stored and self.kinds[root] == "element"

    def _collect_item(self, item: Any, row: bool) -> None:
        n = self.nest.outer if row else len(self.nest.space)
        todo = list(self.schedule.operands(item))
        if item.__class__ is Place:
            self.accesses.append(strides_of(item.view))
        elif item.prim.name == "gather":
            self.indexed.update(range(n))  # index operands lie along their own axes
            todo = []
        elif item.prim.name in REDUCTIONS and self.kinds[item.outvars[0]] == "column":
            self.accesses.append(self._column(item))
        elif item.prim.name in PIECEWISE:
            self._collect_piece(item, whole(item.outvars[0]), row)
        elif not item.invars:
            self._collect_made(item, whole(item.outvars[0]))
        while todo:
            view = todo.pop()
            eqn = self.schedule.inline.get(view.root)
            if eqn is not None and eqn.prim.name in PIECEWISE:
                self._collect_piece(eqn, view, row)
            if eqn is None:
                self.accesses.append(strides_of(view))
            elif eqn.invars:
                todo += self.schedule.inner_reads(eqn, view)
            else:
                self._collect_made(eqn, view)

    def _collect_piece(self, eqn: Eqn, view: View, row: bool) -> None:
        """Axes along which a piece begins or ends; the last one is cut there."""
        kept = [a for a, n in enumerate(view.shape) if n != 1]
        for a, first, last in pieces(self.schedule, eqn, view).box:
            if a in kept:
                self.indexed.add(kept.index(a))
                if kept.index(a) == len(self.nest.space) - 1 and not row:
                    self.cuts |= {first, last}

    def _collect_made(self, eqn: Eqn, view: View) -> None:
        """Counting along an axis needs that axis's own index."""
        kept = [a for a, n in enumerate(view.shape) if n != 1]
        for _, moves in axes_of(view) or ():
            self.indexed.update(kept.index(a) for a, _ in moves)

    def _column(self, item: Eqn) -> tuple[int, ...]:
        """Strides of a reduction's result over the nest's axes."""
        axes = reduced_axes(item)
        kept = [n for k, n in enumerate(self.nest.space) if k not in axes]
        steps = iter(contiguous(tuple(kept)))
        return tuple(0 if k in axes else next(steps) for k in range(len(self.nest.space)))

    # -- loops -----------------------------------------------------------------------------------

    def _loops(self) -> None:
        """Neighbouring axes that every access walks along as one become one loop."""
        space = self.nest.space
        self.outer = self.nest.outer if self.rowwise else 0
        groups: list[list[int]] = []
        for axis, n in enumerate(space):
            joins = groups and axis != self.outer and axis not in self.indexed and (
                axis - 1 not in self.indexed
            ) and all(
                s[axis - 1] == s[axis] * n if len(s) > axis else True for s in self.accesses
            )  # fmt: skip
            if joins:
                groups[-1].append(axis)
            else:
                groups.append([axis])
        self.loop_of = {a: k for k, group in enumerate(groups) for a in group}
        self.last_of = [group[-1] for group in groups]
        self.extents = [prod(space[a] for a in group) for group in groups]
        self.n_outer = sum(1 for g in groups if g[0] < self.outer) if self.rowwise else None

    def _along(self, strides: tuple[int, ...]) -> list[int]:
        """The strides of an access over the loops."""
        return [strides[a] if a < len(strides) else 0 for a in self.last_of]


def strides_of(view: View) -> tuple[int, ...]:
    """Strides over the axes that are longer than one."""
    return tuple(s for n, s in zip(view.shape, view.strides, strict=True) if n != 1)
