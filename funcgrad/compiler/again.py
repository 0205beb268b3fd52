"""What is better computed again by every reader than kept in memory."""

from __future__ import annotations

from typing import Any

from funcgrad.compiler.pieces import PIECEWISE, box_of
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var

__all__ = ["Again"]

_SHAPING = {"reshape", "transpose", "broadcast_to"}
_CHEAP = 3  # operations that are rather done again than kept in memory
_LOADS = 2
_FEWER = 16  # times fewer elements: an operand that stays in the cache
_FREE = 24  # operations on such operands alone, for one reader, rather than a large array
_PIECES = 40  # operations, or loads, of a sum of pieces with one reader


class Again:
    """The judgement, and what it costs to compute each value that was judged so."""

    def __init__(self, schedule: Any, jaxpr: Jaxpr):
        self.schedule = schedule
        self.costs: dict[Var, tuple[int, int]] = {}  # operations, loads
        self.uses = _uses(jaxpr)
        self.reader = {v: eqn for eqn in jaxpr.eqns for v in eqn.invars if v.__class__ is Var}
        self.maker = {v: eqn for eqn in jaxpr.eqns for v in eqn.outvars}

    def in_pieces(self, eqn: Eqn) -> bool:
        """Whether readers compute the elements of a value that is placed into another: where it
        fills most of it, and is read once or costs little."""
        s = self.schedule
        if eqn.prim.name not in PIECEWISE or box_of(eqn) is None:
            return False
        out = eqn.outvars[0]
        value = eqn.invars[0] if eqn.prim.name in ("pad", "embed") else eqn.invars[1]
        if 2 * value.aval.size < out.aval.size or s.small(value):
            return False
        cost, loads = 2, 0
        for v in eqn.invars:
            if v.__class__ is Var and not s.small(s.view(v).root):
                more, read = self.costs.get(s.view(v).root, (0, 1))
                cost, loads = cost + more, loads + read
        once = self.uses.get(out, 0) == 1
        if (cost > _PIECES or loads > _PIECES) if once else (cost > 2 * _CHEAP or loads > 2):
            return False
        self.costs[out] = (cost, loads)
        return True

    def is_cheap(self, eqn: Eqn) -> bool:
        """Whether every reader may rather compute it again: few operations on few loads."""
        s, out = self.schedule, eqn.outvars[0]
        cost, loads = s.rules.weight(eqn), 0
        for v in eqn.invars:
            view = s.view(v)
            if v.__class__ is Literal or s.small(view.root):
                continue
            if view.root in s.inline:
                more, read = self.costs[view.root]
                cost, loads = cost + more, loads + read
            elif _FEWER * view.root.aval.size <= out.aval.size:
                cost += 1  # it stays in the cache
            elif (home := s.homes.get(view.root)) is None or not home.slot % 2:
                loads += 1  # an input, or what some equation of its own has left in memory
            elif self.waits(eqn, view.root):
                loads += 1  # it will be in memory when the reader comes
            else:
                return False  # it has a nest: be in it
        most = _CHEAP if loads else _FREE if self.uses.get(out, 0) == 1 else 2 * _CHEAP
        if cost > most or loads > _LOADS:
            return False
        self.costs[out] = (cost, loads)
        return True

    def waits(self, eqn: Eqn, root: Var) -> bool:
        """Whether the one reader of an equation also reads what an equation without a nest makes
        of a root: later than in the root's nest, and the root is in memory then."""
        (out,) = eqn.outvars
        if self.uses.get(out, 0) != 1:
            return False
        for v in self.reader[out].invars:
            made = self._unshaped(v)
            if made is not None and not self.schedule.rules.fusible(made):
                if any(self.schedule.view(x).root is root for x in made.invars):
                    return True
        return False

    def _unshaped(self, v: Any) -> Eqn | None:
        """The equation behind a value, and behind its shaping."""
        made = self.maker.get(v) if v.__class__ is Var else None
        while made is not None and made.prim.name in _SHAPING:
            made = self.maker.get(made.invars[0])
        return made


def _uses(jaxpr: Jaxpr) -> dict[Var, int]:
    """How often each variable is read; outputs count twice, since they are kept."""
    found: dict[Var, int] = {}
    for eqn in jaxpr.eqns:
        for v in eqn.invars:
            if v.__class__ is Var:
                found[v] = found.get(v, 0) + 1
    for v in jaxpr.outvars:
        if v.__class__ is Var:
            found[v] = found.get(v, 0) + 2
    return found
