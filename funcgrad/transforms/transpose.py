"""Transposition: a linear program run backwards, cotangents in place of tangents.

    <ct, J t> = <J^T ct, t>

Each linear equation is visited once, last first; a variable's cotangent is the sum of what its
uses send back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funcgrad.errors import DifferentiationError
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ops.elementwise import select
from funcgrad.ops.families import Linear, ct_like, ops
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder

__all__ = ["pull_back", "transpose_jaxpr"]

Mask = tuple[Any, bool]  # a variable of truth values, and which of them lets cotangents through

_PRODUCTS = {"multiply", "divide", "negative", "convert", "real"}
_SHAPING = {
    "add", "add_at", "broadcast_to", "concatenate", "cumsum", "embed", "flip", "gather", "index",
    "pad", "put", "put_along", "reduce_sum", "reshape", "select", "subtract", "take_along",
    "transpose",
}  # fmt: skip


class Cotangents:
    """Sums of cotangents by variable, and the masks that ``where`` put on them.

    A masked cotangent is zero where its branch was not taken. Multiplied by an infinite slope
    there, it would become NaN; so the mask is applied again behind each product.
    """

    def __init__(self, builder: Builder):
        self.builder = builder
        self.sums: dict[Var, Any] = {}
        self.masks: dict[Var, Mask | None] = {}

    def add(self, v: Any, ct: Any, mask: Mask | None = None) -> None:
        if v.__class__ is not Var or ct is None:
            return
        if v.aval.weak is False and ct.__class__ in (int, float, complex):
            ct = ops.full(ct, shape=v.aval.shape, dtype=v.aval.dtype)
        old = self.sums.get(v)
        if old is not None:
            ct = ops.add(old, ct)
            mask = self._either(mask, self.masks.get(v))
        self.sums[v] = ct
        self.masks[v] = mask

    def _either(self, one: Mask | None, two: Mask | None) -> Mask | None:
        """The mask of a sum: zero where both terms are."""
        if one is None or two is None or one == two:
            return None if one is None or two is None else one
        return self.builder.atom(ops.logical_or(self._passes(one), self._passes(two))), True

    def _passes(self, mask: Mask) -> Any:
        where = self.builder.read(mask[0])
        return where if mask[1] else ops.logical_not(where)

    def behind(
        self, eqn: Eqn, linear: set[Var], ct: Any, found: Sequence[Any], mask: Mask | None
    ) -> Sequence[Mask | None]:
        """The masks of what an equation sends back to its operands."""
        if eqn.prim is select and eqn.invars[0].__class__ is Var:
            alike = all(v.aval.shape == ct.shape for v in eqn.invars if v.__class__ is Var)
            if alike and mask is None:
                return None, (eqn.invars[0], True), (eqn.invars[0], False)
        elif mask is None:
            return (None,) * len(found)
        if eqn.prim.name in _PRODUCTS:
            return [self._within(mask, ct, f) for f in found]
        if all(f is None or f is ct for f in found):
            return (mask,) * len(found)
        return (
            self._moved(eqn, linear, ct, mask) if eqn.prim.name in _SHAPING else [None] * len(found)
        )

    def _within(self, mask: Mask | None, ct: Any, found: Any) -> Mask | None:
        """The mask behind a product, whose cotangent is summed where it was broadcast."""
        if mask is None or found is None or found.shape == ct.shape:
            return mask
        lanes = ct_like(ops.convert(self._passes(mask), dtype=ct.dtype), found.aval)
        return self.builder.atom(ops.not_equal(lanes, 0)), True

    def _moved(self, eqn: Eqn, linear: set[Var], ct: Any, mask: Mask | None) -> list[Mask | None]:
        """The way of the cotangents, walked by ones: where none arrives, no cotangent does."""
        ones = ops.full(1, shape=ct.shape, dtype=ct.dtype)
        if mask is not None:
            ones = ops.convert(self._passes(mask), dtype=ct.dtype)
        counts = _transposed(self.builder, eqn, linear, [ones])
        atoms = [None if n is None else self.builder.atom(ops.not_equal(n, 0)) for n in counts]
        return [(atom, True) if atom.__class__ is Var else None for atom in atoms]

    def again(self, mask: Mask | None, ct: Any) -> Any:
        if mask is None or ct is None or ct.shape != mask[0].aval.shape:
            return ct
        where = self.builder.read(mask[0])
        zero = ct.dtype.type(0)
        return select(where, ct, zero) if mask[1] else select(where, zero, ct)


def pull_back(
    builder: Builder,
    eqns: Sequence[Eqn],
    linear: set[Var],
    seeds: Sequence[tuple[Any, Any]],
    wanted: Sequence[Var],
) -> list[Any]:
    """Cotangents of ``wanted`` (None is zero), given those of outputs as (variable, ct)."""
    cts = Cotangents(builder)
    for v, ct in seeds:
        cts.add(v, ct)
    for eqn in reversed(eqns):
        given = [cts.sums.pop(v, None) for v in eqn.outvars]
        if all(ct is None for ct in given):
            continue
        mask = cts.masks.pop(eqn.outvars[0], None)
        builder.source = eqn.source
        found = _transposed(builder, eqn, linear, given)
        masks = (
            cts.behind(eqn, linear, given[0], found, mask)
            if mask is not None or eqn.prim is select
            else (None,) * len(found)
        )
        if mask is not None and _may_be_infinite(eqn, linear):
            found = [cts.again(kept, ct) for kept, ct in zip(masks, found, strict=True)]
        for v, ct, kept in zip(eqn.invars, found, masks, strict=True):
            if v in linear:
                cts.add(v, ct, kept)
    return [cts.sums.get(v) for v in wanted]


def _may_be_infinite(eqn: Eqn, linear: set[Var]) -> bool:
    """Whether the cotangent is multiplied by, or divided by, a number known only when it runs."""
    factors = [v for v in eqn.invars if v.__class__ is Var and v not in linear]
    return eqn.prim.name in ("multiply", "divide") and bool(factors)


def _transposed(builder: Builder, eqn: Eqn, linear: set[Var], cts: list[Any]) -> Any:
    rule = eqn.prim.transpose
    if rule is None:
        raise DifferentiationError(
            f"{eqn.prim} has no transpose rule (at {eqn.source}); forward mode (jvp) may work"
        )
    operands = [Linear(v.aval) if v in linear else builder.read(v) for v in eqn.invars]
    if len(cts) > 1:
        return rule(cts, operands, **eqn.params)
    return rule(cts, operands, **eqn.params)


def depends(eqns: Sequence[Eqn], seeds: Sequence[Any]) -> tuple[list[Eqn], list[Eqn], set[Var]]:
    """Cut a program by dataflow: what is free of the seeds, what is not, and its variables."""
    found: set[Var] = set(seeds)
    rest: list[Eqn] = []
    linear: list[Eqn] = []
    for eqn in eqns:
        if any(v in found for v in eqn.invars):
            linear.append(eqn)
            found.update(eqn.outvars)
        else:
            rest.append(eqn)
    return rest, linear, found


def transpose_jaxpr(jaxpr: Jaxpr, wanted: tuple[bool, ...]) -> Jaxpr:
    """From a program linear in the ``wanted`` inputs: (other inputs, cts) -> their cotangents."""
    seeds = [v for v, on in zip(jaxpr.invars, wanted, strict=True) if on]
    others = [v for v, on in zip(jaxpr.invars, wanted, strict=True) if not on]
    rest, eqns, linear = depends(jaxpr.eqns, seeds)
    with Builder() as b:
        b.eqns.extend(rest)
        cts = b.inputs([v.aval for v in jaxpr.outvars])
        found = pull_back(b, eqns, linear, list(zip(jaxpr.outvars, cts, strict=True)), seeds)
        outs = [b.atom(instantiate(ct, v.aval)) for ct, v in zip(found, seeds, strict=True)]
    return Jaxpr((*others, *(c._var for c in cts)), b.eqns, outs)
