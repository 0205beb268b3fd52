"""Which memory a variable lives in, and for how long.

A view lives in the memory of the array that it looks at. Memory that the program made itself
may be written to again once nobody will read it; that of inputs never.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from funcgrad.ir.jaxpr import Jaxpr, Var

__all__ = ["Memory", "looks_at"]

_SHARED = {"iota"}  # their values repeat elements in memory: read them, do not write


def looks_at(eqn: Any, scalars: bool) -> Any:
    """The operand whose memory the result may share, or None; scalars share none."""
    prim = eqn.prim
    if scalars and eqn.outvars and not eqn.outvars[0].aval.shape:
        return None
    if prim.views and eqn.invars:
        return eqn.invars[0]
    if prim.name == "gather" and any(not v.aval.shape for v in eqn.invars[1:]):
        return eqn.invars[0]  # an integer among the indices may make it a basic index
    return None


class Memory:
    """Uses still to come, by memory, and what the program owns."""

    def __init__(self, jaxpr: Jaxpr, steps: Sequence[Any], scalars: bool = True):
        self.scalars = scalars
        self.inputs: set[Any] = set(jaxpr.invars)
        self.root: dict[Any, Var] = {}
        self.uses: dict[Any, int] = {}
        self.owned: set[Any] = set()
        for step in steps:
            source = looks_at(step, scalars) if hasattr(step, "prim") else None
            if source is not None:  # the view of a literal is its own root, and not ours
                root = self.root.get(source, source) if source.__class__ is Var else None
                self.root.update((v, root or v) for v in step.outvars)
        for step in steps:
            self._add(step.invars)
        self._add(jaxpr.outvars)

    def _add(self, atoms: Iterable[Any]) -> None:
        uses, root = self.uses, self.root
        for v in atoms:
            if v.__class__ is Var:
                v = root.get(v, v)
                uses[v] = uses.get(v, 0) + 1

    def of(self, v: Any) -> Any:
        return self.root.get(v, v)

    def made(self, step: Any) -> None:
        """The step has run: its results are ours, if they are new arrays."""
        if step.prim.name not in _SHARED:
            self.owned.update([v for v in step.outvars if v not in self.root])

    def done(self, step: Any) -> list[Var]:
        """Count the step's reads; returns the memory that nobody reads from here on."""
        uses, root, dead = self.uses, self.root, []
        for v in step.invars:
            if v.__class__ is Var:
                v = root.get(v, v)
                uses[v] -= 1
                if not uses[v]:
                    dead.append(v)
        return dead

    def reusable(self, v: Any, reads: int, aval: Any) -> bool:
        """Whether ``v``, read this often by the running step and never again, can hold ``aval``."""
        return (
            v.__class__ is Var
            and v in self.owned
            and v.aval.shape == aval.shape != ()
            and v.aval.dtype == aval.dtype
            and v not in self.root
            and self.uses[v] == reads
        )
