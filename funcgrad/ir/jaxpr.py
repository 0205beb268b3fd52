"""Jaxprs: straight-line programs of equations over variables.

A jaxpr is immutable once built and compared by identity, so that whatever is derived from it
(its gradient, its compiled program) can be kept on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from funcgrad.ir.avals import Aval, aval_of
from funcgrad.ir.primitive import Primitive

__all__ = ["Atom", "Eqn", "Jaxpr", "Literal", "Var"]


class Var:
    """A variable: it has an aval, perhaps the name the user gave it, and an identity."""

    __slots__ = ("aval", "name")

    def __init__(self, aval: Aval, name: str | None = None):
        self.aval = aval
        self.name = name

    def __repr__(self) -> str:
        return f"{self.name or 'v'}:{self.aval}"


class Literal:
    """A number written into an equation."""

    __slots__ = ("aval", "value")

    def __init__(self, value: Any, aval: Aval | None = None):
        self.value = value
        self.aval = aval_of(value) if aval is None else aval

    def __repr__(self) -> str:
        return repr(self.value)

    def __eq__(self, other: object) -> bool:
        """Equal where the same bits are: 0.0 is not -0.0, 1 is not 1.0, nan is nan."""
        return isinstance(other, Literal) and self._bits() == other._bits()

    def __hash__(self) -> int:
        return hash(self._bits())

    def _bits(self) -> tuple[Any, ...]:
        return (self.value.__class__, repr(self.value))


Atom = Any  # a Var or a Literal


class Eqn:
    """``outvars = prim[params] invars``, and where in the user's code it comes from."""

    __slots__ = ("invars", "outvars", "params", "prim", "source")

    def __init__(
        self,
        prim: Primitive,
        invars: tuple[Atom, ...],
        params: dict[str, Any],
        outvars: tuple[Var, ...],
        source: Any = None,
    ):
        self.prim, self.invars, self.params, self.outvars = prim, invars, params, outvars
        self.source = source

    def replace(self, invars: tuple[Atom, ...], outvars: tuple[Var, ...]) -> Eqn:
        return Eqn(self.prim, invars, self.params, outvars, self.source)

    def __repr__(self) -> str:
        return f"{', '.join(map(repr, self.outvars))} = {self.prim} {self.invars}"


class Jaxpr:
    """Inputs, equations, outputs. ``derived`` keeps what transforms and backends made of it."""

    __slots__ = ("derived", "eqns", "invars", "outvars")

    def __init__(self, invars: Iterable[Var], eqns: Iterable[Eqn], outvars: Iterable[Atom]):
        self.invars = tuple(invars)
        self.eqns = tuple(eqns)
        self.outvars = tuple(outvars)
        self.derived: dict[Any, Any] = {}

    @property
    def in_avals(self) -> tuple[Aval, ...]:
        return tuple(v.aval for v in self.invars)

    @property
    def out_avals(self) -> tuple[Aval, ...]:
        return tuple(v.aval for v in self.outvars)

    def derive(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, computed once per key and kept with the jaxpr."""
        found = self.derived.get(key)
        if found is None:
            found = self.derived.setdefault(key, make())
        return found


def jaxprs_in(params: dict[str, Any]) -> Iterator[Jaxpr]:
    for value in params.values():
        if isinstance(value, Jaxpr):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Jaxpr))


def has_effect(eqn: Eqn) -> bool:
    """Whether running the equation does something beyond its results: then it always runs."""
    prim = eqn.prim
    if prim.effect or not prim.multiple:
        return prim.effect
    return any(effects(body) for body in jaxprs_in(eqn.params))


def effects(jaxpr: Jaxpr) -> bool:
    """Whether some equation of a program has an effect; remembered with the program."""
    return bool(jaxpr.derive("effects", lambda: any(map(has_effect, jaxpr.eqns))))


def silent(jaxpr: Jaxpr) -> Jaxpr:
    """The program without effects that have no result, for parts that run a second time."""
    if not effects(jaxpr):
        return jaxpr
    return jaxpr.derive("silent", lambda: _silent(jaxpr))  # type: ignore[no-any-return]


def _silent(jaxpr: Jaxpr) -> Jaxpr:
    eqns = [silent_eqn(e) for e in jaxpr.eqns if e.outvars or not e.prim.effect]
    return Jaxpr(jaxpr.invars, eqns, jaxpr.outvars)


def silent_eqn(eqn: Eqn) -> Eqn:
    """The equation with silent programs among its parameters."""

    def of(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(of, value))
        return silent(value) if isinstance(value, Jaxpr) else value

    if not has_effect(eqn):
        return eqn
    params = {k: of(v) for k, v in eqn.params.items()}
    return Eqn(eqn.prim, eqn.invars, params, eqn.outvars, eqn.source)


def dead_code(eqns: Sequence[Eqn], outs: Iterable[Atom]) -> list[Eqn]:
    """The equations that the outputs need, in order."""
    needed = {v for v in outs if v.__class__ is Var}
    kept: list[Eqn] = []
    for eqn in reversed(eqns):
        if has_effect(eqn) or not needed.isdisjoint(eqn.outvars):
            kept.append(eqn)
            needed.update([v for v in eqn.invars if v.__class__ is Var])
    kept.reverse()
    return kept
