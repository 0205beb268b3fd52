"""Operations known by programs that are made when they are first asked for.

A ``Ruled`` operation knows its value and its derivative, a ``LinearMap`` itself and its
transpose; neither is derived from the other program's equations, which may be an adaptive solver's.
A derivative may hold operations of the same kind: written out beforehand there would be no end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.call import call, splice
from funcgrad.ops.families import define, is_linear, ops
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.batch import batch_jaxpr, batched_aval
from funcgrad.transforms.jvp import pushed, tangent_aval

__all__ = ["LinearMap", "Ruled", "linear_call", "ruled_call", "summed"]


class _Lazy:
    """What the equation of either kind holds as its parameter ``lazy``."""

    out_avals: tuple[Aval, ...]

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    @property
    def program(self) -> Jaxpr:
        """operands -> outputs: what runs."""
        return self.kept("program", self.make)  # type: ignore[no-any-return]

    def make(self) -> Jaxpr:
        raise NotImplementedError

    def kept(self, key: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` returns, computed once per key."""
        found = self._kept.get(key)
        return self._kept.setdefault(key, make()) if found is None else found

    def __repr__(self) -> str:
        return type(self).__name__.strip("_")


# -- linear maps ---------------------------------------------------------------------------------


class LinearMap(_Lazy):
    """(fixed, x) -> A x, and (fixed, ct) -> A^T ct; the first ``n_fixed`` operands are fixed."""

    n_fixed: int

    @property
    def transposed(self) -> Jaxpr:
        """(fixed, cotangents of the outputs) -> cotangents of the other operands."""
        return self.kept("transposed", self.make_transposed)  # type: ignore[no-any-return]

    def make_transposed(self) -> Jaxpr:
        raise NotImplementedError

    def batched(self, size: int, flags: tuple[bool, ...]) -> LinearMap:
        """The map over a batch, of which all outputs are batched."""
        made = self.kept((size, flags), lambda: _BatchedMap(self, size, flags))
        return made  # type: ignore[no-any-return]


class _BatchedMap(LinearMap):
    def __init__(self, one: LinearMap, size: int, flags: tuple[bool, ...]):
        super().__init__()
        self.one, self.size, self.flags, self.n_fixed = one, size, flags, one.n_fixed
        self.out_avals = tuple(batched_aval(a, size) for a in one.out_avals)

    def make(self) -> Jaxpr:
        return batch_jaxpr(self.one.program, self.size, self.flags, True)[0]

    def make_transposed(self) -> Jaxpr:
        fixed, moving = self.flags[: self.n_fixed], self.flags[self.n_fixed :]
        on = (*fixed, *(True,) * len(self.out_avals))
        return summed(batch_jaxpr(self.one.transposed, self.size, on, True)[0], moving)


def summed(back: Jaxpr, batched: Sequence[bool]) -> Jaxpr:
    """Cotangents of operands that all examples share are summed over the batch."""
    with Builder() as b:
        b.eqns.extend(back.eqns)
        outs = [v if on else b.atom(ops.reduce_sum(b.read(v), axes=(0,)))
                for v, on in zip(back.outvars, batched, strict=True)]  # fmt: skip
    return Jaxpr(back.invars, b.eqns, outs)


def _map_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    """A(r) x moves by A(r) dx, and by what the program says of dr."""
    builder.eqns.append(eqn)
    lazy, invars = eqn.params["lazy"], eqn.invars
    n = lazy.n_fixed
    found: list[Any] = [None] * len(lazy.out_avals)
    if any(t is not None for t in given[:n]):
        found = pushed(builder, lazy.program, invars, [*given[:n], *[None] * len(given[n:])], split)
    if all(t is None for t in given[n:]):
        return found
    moving = [builder.atom(instantiate(t, tangent_aval(v.aval)))
              for t, v in zip(given[n:], invars[n:], strict=True)]  # fmt: skip
    outs = tuple(Var(a) for a in lazy.out_avals)
    builder.eqns.append(eqn.replace((*invars[:n], *moving), outs))
    terms = [Tracer(builder, v) for v in outs]
    return [t if m is None else ops.add(t, m) for t, m in zip(terms, found, strict=True)]


def _map_transpose(cts: list[Any], operands: list[Any], lazy: LinearMap) -> list[Any]:
    n = lazy.n_fixed
    full = [instantiate(ct, a) for ct, a in zip(cts, lazy.out_avals, strict=True)]
    found = call(*operands[:n], *full, jaxpr=lazy.transposed)
    wanted = [ct if is_linear(x) else None for ct, x in zip(found, operands[n:], strict=True)]
    return [*[None] * n, *wanted]


def _map_batch(size: int, xs: Any, batched: Any, lazy: LinearMap) -> Any:
    outs = linear_call(*xs, lazy=lazy.batched(size, tuple(batched)))
    return outs, (True,) * len(outs)


def _type(*avals: Aval, lazy: _Lazy) -> tuple[Aval, ...]:
    return lazy.out_avals


def _value(xp: Any, *xs: Any, lazy: _Lazy) -> Any:
    return hooks.run(lazy.program, xs)


linear_call = define(
    "linear_call", type=_type, value=_value, linearize=_map_linearize, transpose=_map_transpose,
    batch=_map_batch, multiple=True, family="custom",
)  # fmt: skip


# -- operations with a derivative ----------------------------------------------------------------


class Ruled(_Lazy):
    """An operation and its derivative."""

    def rule(self, active: tuple[bool, ...]) -> Jaxpr:
        """(operands, outputs, tangents of the active operands) -> tangents of the outputs."""
        made = self.kept(active, lambda: self.make_rule(active))
        return made  # type: ignore[no-any-return]

    def make_rule(self, active: tuple[bool, ...]) -> Jaxpr:
        raise NotImplementedError

    def batched(self, size: int, flags: tuple[bool, ...]) -> Ruled:
        """The operation over a batch, of which all outputs are batched."""
        made = self.kept((size, flags), lambda: _BatchedRuled(self, size, flags))
        return made  # type: ignore[no-any-return]


class _BatchedRuled(Ruled):
    def __init__(self, one: Ruled, size: int, flags: tuple[bool, ...]):
        super().__init__()
        self.one, self.size, self.flags = one, size, flags
        self.out_avals = tuple(batched_aval(a, size) for a in one.out_avals)

    def make(self) -> Jaxpr:
        return batch_jaxpr(self.one.program, self.size, self.flags, True)[0]

    def make_rule(self, active: tuple[bool, ...]) -> Jaxpr:
        tangents = [on for on, moves in zip(self.flags, active, strict=True) if moves]
        flags = (*self.flags, *(True,) * len(self.out_avals), *tangents)
        return batch_jaxpr(self.one.rule(active), self.size, flags, True)[0]


def _ruled_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    builder.eqns.append(eqn)
    rule = eqn.params["lazy"].rule(tuple(t is not None for t in given))
    tangents = [builder.atom(t) for t in given if t is not None]
    outs = splice(builder.eqns, rule, (*eqn.invars, *eqn.outvars, *tangents))
    return [builder.read(v) for v in outs]


def _ruled_batch(size: int, xs: Any, batched: Any, lazy: Ruled) -> Any:
    outs = ruled_call(*xs, lazy=lazy.batched(size, tuple(batched)))
    return outs, (True,) * len(outs)


ruled_call = define(
    "ruled_call", type=_type, value=_value, linearize=_ruled_linearize, batch=_ruled_batch,
    multiple=True, family="custom",
)  # fmt: skip
