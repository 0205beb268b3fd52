"""Transposition: a linear program run backwards, cotangents in place of tangents.

    <ct, J t> = <J^T ct, t>

Each linear equation is visited once, last first; a variable's cotangent is the sum of what its
uses send back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from funcgrad.errors import DifferentiationError
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ops.elementwise import select
from funcgrad.ops.families import Linear, ops
from funcgrad.trace.build import Builder

__all__ = ["pull_back", "transpose_jaxpr"]

_CARRIES_MASK = {"multiply", "divide", "negative", "convert", "real"}


class Cotangents:
    """Sums of cotangents by variable, and the masks that ``where`` put on them.

    A masked cotangent is zero where its branch was not taken. Multiplied by an infinite slope
    there, it would become NaN; so the mask is applied again behind each product.
    """

    def __init__(self, builder: Builder):
        self.builder = builder
        self.sums: dict[Var, Any] = {}
        self.masks: dict[Var, tuple[Any, bool]] = {}

    def add(self, v: Any, ct: Any) -> None:
        if v.__class__ is not Var or ct is None:
            return
        if v.aval.weak is False and ct.__class__ in (int, float, complex):
            ct = ops.full(ct, shape=v.aval.shape, dtype=v.aval.dtype)
        old = self.sums.get(v)
        mask = self._mask(ct)
        if old is not None:
            ct = ops.add(old, ct)
            if mask is not None and mask != self.masks.get(v):
                mask = None
        self.sums[v] = ct
        if mask is None:
            self.masks.pop(v, None)
        else:
            self.masks[v] = mask

    def _mask(self, ct: Any) -> tuple[Any, bool] | None:
        """The mask of a cotangent that a select with a literal zero has just produced."""
        eqns = self.builder.eqns
        var = getattr(ct, "_var", None)
        if not eqns or eqns[-1].prim is not select or eqns[-1].outvars[0] is not var:
            return None
        mask, yes, no = eqns[-1].invars
        if mask.__class__ is Literal or mask.aval.shape != var.aval.shape:
            return None
        for side, atom in ((True, no), (False, yes)):
            if atom.__class__ is Literal and atom.value == 0:
                return (mask, side)
        return None

    def again(self, mask: tuple[Any, bool] | None, ct: Any) -> Any:
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
        if mask is not None and eqn.prim.name in _CARRIES_MASK:
            found = [cts.again(mask, ct) for ct in found]
        for v, ct in zip(eqn.invars, found, strict=True):
            if v in linear:
                cts.add(v, ct)
    return [cts.sums.get(v) for v in wanted]


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
    """Cut a program by dataflow: what does not depend on the seeds, what does, and its variables."""
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
        outs = [instantiate(b, ct, v) for ct, v in zip(found, seeds, strict=True)]
    return Jaxpr((*others, *(c._var for c in cts)), b.eqns, outs)


def instantiate(builder: Builder, ct: Any, v: Any) -> Any:
    """The variable of a cotangent; zeros where it is a symbolic zero."""
    if ct is None:
        ct = ops.full(0, shape=v.aval.shape, dtype=v.aval.dtype)
    return builder.atom(ct)
