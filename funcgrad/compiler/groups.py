"""Groups of elementwise equations over one large shape, to be run block by block.

A block of a few thousand elements stays in the processor's cache from the first operation of a
group to its last; only what is needed outside the group is written to whole arrays.

A group takes every large elementwise equation that needs no more than what ran before it; all
that is not large and elementwise runs between the groups, as early as it can.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from funcgrad import config
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var

__all__ = ["Group", "steps"]

_REDUCTIONS = {"reduce_sum", "reduce_max", "reduce_min"}
_INNER = 4  # rows longer than this many blocks are not worth a loop over rows


class Group:
    """Equations over one shape, with reductions of their results to a number.

    ``invars`` are read from outside, ``outvars`` are needed outside; the rest never exists as
    a whole array.
    """

    __slots__ = ("eqns", "invars", "outvars", "reductions", "rows", "shape", "source")

    def __init__(self, eqns: Sequence[Eqn], reductions: Sequence[Eqn], needed: set[Var]):
        self.eqns, self.reductions = tuple(eqns), tuple(reductions)
        self.shape = eqns[0].outvars[0].aval.shape
        self.source = eqns[0].source
        self.rows = rows_per_block(self.shape)
        own = {eqn.outvars[0] for eqn in eqns}
        read = dict.fromkeys(v for eqn in eqns for v in eqn.invars if v.__class__ is Var)
        self.invars = tuple(v for v in read if v not in own)
        full = tuple(eqn.outvars[0] for eqn in eqns if eqn.outvars[0] in needed)
        self.outvars = full + tuple(eqn.outvars[0] for eqn in reductions)


def rows_per_block(shape: tuple[int, ...]) -> int:
    return max(1, config.block_elements // prod(shape[1:]))


def is_large(eqn: Eqn) -> bool:
    """Whether the equation may be computed a few rows at a time."""
    aval = eqn.outvars[0].aval
    if eqn.prim.family != "elementwise" or aval.size < config.block_minimum:
        return False
    inner = prod(aval.shape[1:])
    return inner <= _INNER * config.block_elements and -1 not in aval.shape


def steps(jaxpr: Jaxpr) -> Sequence[Eqn | Group]:
    """The equations in an order that keeps groups together."""
    eqns = jaxpr.eqns
    if sum(map(is_large, eqns)) < 2:
        return eqns
    return _Staging(jaxpr).steps()


class _Staging:
    """Slots in time: what is not in a group runs in even slots, groups in odd ones."""

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.slot: dict[Any, int] = {}
        self.home: dict[Any, Any] = {}  # variable of a group -> (slot, shape)
        self.groups: dict[tuple[int, Any], list[Eqn]] = {}
        self.folded: dict[tuple[int, Any], list[Eqn]] = {}
        self.others: dict[int, list[Eqn]] = {}
        for eqn in jaxpr.eqns:
            if eqn.outvars and is_large(eqn):
                self._join(eqn)
            elif not self._fold(eqn):
                self._apart(eqn)

    def _join(self, eqn: Eqn) -> None:
        """Into the earliest group of its shape that has all the operands."""
        shape, slot = eqn.outvars[0].aval.shape, 1
        for v in eqn.invars:
            if v.__class__ is Var and (own := self.slot.get(v)) is not None:
                home = self.home.get(v)
                slot = max(slot, own if home == (own, shape) else own + 1 + own % 2)
        self.groups.setdefault((slot, shape), []).append(eqn)
        self.slot[eqn.outvars[0]] = slot
        self.home[eqn.outvars[0]] = (slot, shape)

    def _fold(self, eqn: Eqn) -> bool:
        """Reductions of a group's result to a number belong to the group."""
        if eqn.prim.name not in _REDUCTIONS or eqn.outvars[0].aval.shape:
            return False
        home = self.home.get(eqn.invars[0])
        if home is None:
            return False
        self.folded.setdefault(home, []).append(eqn)
        self.slot[eqn.outvars[0]] = home[0]
        return True

    def _apart(self, eqn: Eqn) -> None:
        slot = max((self.slot.get(v, 0) for v in eqn.invars), default=0)
        slot += slot % 2
        self.others.setdefault(slot, []).append(eqn)
        self.slot.update((v, slot) for v in eqn.outvars)

    def steps(self) -> list[Eqn | Group]:
        out: list[Eqn | Group] = []
        needed = self._needed()
        places: dict[int, list[Any]] = {}
        for slot, shape in self.groups:
            places.setdefault(slot, []).append(shape)
        for slot in sorted({*places, *self.others}):
            out += self.others.get(slot, ())
            for shape in places.get(slot, ()):
                eqns = self.groups[slot, shape]
                reductions = self.folded.get((slot, shape), [])
                if len(eqns) + len(reductions) > 1:
                    out.append(Group(eqns, reductions, needed))
                else:
                    out += eqns
        return out

    def _needed(self) -> set[Var]:
        """Variables of groups that something outside their group reads."""
        found: set[Any] = {v for v in self.jaxpr.outvars if v.__class__ is Var}
        folded = {id(eqn) for eqns in self.folded.values() for eqn in eqns}
        for eqn in self.jaxpr.eqns:
            if id(eqn) in folded:
                continue
            own = self.home.get(eqn.outvars[0]) if eqn.outvars else None
            found.update(
                v
                for v in eqn.invars
                if v.__class__ is Var and (own is None or self.home.get(v) != own)
            )
        return found
