"""Sums of matrix products, each added to the last while it is computed.

    z = a b + c d                     becomes   s = a b;  z = dot_onto(s, c, d)
    z = transpose(a b) + transpose(c d)         s = a b;  z = transpose(dot_onto(s, c, d))
    z = x + embed(transpose(a b))               z = dot_into(x, a, b)
    transpose(f(transpose(s)))                  f(s), for such a sum s and elementwise f

A convolution written as a sum over its window then needs no array for every term, and neither has
its derivative by the image. Only a backend whose products can add to memory asks for this.
"""

from __future__ import annotations

from math import prod
from typing import Any

from funcgrad.compiler.rewrites import is_number
from funcgrad.ir.avals import array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var, dead_code
from funcgrad.ops.dot import dot_general
from funcgrad.ops.elementwise import add
from funcgrad.ops.families import define
from funcgrad.ops.indexing import add_at, embed, index_shape
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import transpose

__all__ = ["HELD", "accumulated", "dot_into", "dot_onto"]

HELD = 131_072  # bytes of a second operand that stay in the cache while rows pass by
_SMALL = 16  # elements that are better kept in registers


def _value(xp: Any, x: Any, a: Any, b: Any, dims: Any) -> Any:
    return x + dot_general.value(xp, a, b, dims=dims)


dot_onto = define(
    "dot_onto", type=lambda x, a, b, dims: dot_general.type(a, b, dims=dims), value=_value
)
"""x, a number or an array of the product's shape, to which the product of a and b is added."""


def _into_value(
    xp: Any, x: Any, a: Any, b: Any, dims: Any, perm: Any, items: Any, shape: Any
) -> Any:
    term = xp.transpose(dot_general.value(xp, a, b, dims=dims), perm)
    return x + embed.value(xp, term, items=items, shape=shape)


dot_into = define(
    "dot_into", type=lambda x, a, b, dims, perm, items, shape: array_aval(shape, a.dtype),
    value=_into_value,
)  # fmt: skip
"""x, 0 or an array, to whose part ``items`` the product of a and b, its axes in the order ``perm``,
is added."""


def accumulated(jaxpr: Jaxpr) -> Jaxpr:
    """The program with sums of products written as such."""
    if sum(eqn.prim is dot_general for eqn in jaxpr.eqns) == 0:
        return jaxpr
    return jaxpr.derive("accumulated", lambda: _Accumulation(jaxpr).run())  # type: ignore[no-any-return]


class _Accumulation:
    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.maker = {v: eqn for eqn in jaxpr.eqns for v in eqn.outvars}
        self.uses: dict[Any, int] = {}
        for v in [v for eqn in jaxpr.eqns for v in eqn.invars] + list(jaxpr.outvars):
            if v.__class__ is Var:
                self.uses[v] = self.uses.get(v, 0) + 1
        self.readers: dict[Any, list[Eqn]] = {}
        for eqn in jaxpr.eqns:
            for v in dict.fromkeys(v for v in eqn.invars if v.__class__ is Var):
                self.readers.setdefault(v, []).append(eqn)
        self.sums: dict[Any, tuple[Var, Any]] = {}  # sum -> what it is a transpose of, and how
        self.beneath: dict[Any, tuple[Var, Any]] = {}  # the same of what is computed from sums
        self.turning: dict[Any, Any] = {}
        for eqn in reversed(jaxpr.eqns):
            self.turning.update((v, self.turned_by(v)) for v in eqn.outvars)
        self.eqns: list[Eqn] = []

    def run(self) -> Jaxpr:
        for eqn in self.jaxpr.eqns:
            if not self.rewritten(eqn):
                self.eqns.append(eqn)
        outs = self.jaxpr.outvars
        return Jaxpr(self.jaxpr.invars, dead_code(self.eqns, outs), outs)

    def rewritten(self, eqn: Eqn) -> bool:
        if eqn.prim is add:
            first, second = eqn.invars
            return self.onto(eqn, first, second) or self.onto(eqn, second, first) or (
                self.turned(eqn))  # fmt: skip
        if eqn.prim is add_at:
            return self.into(eqn, *eqn.invars)
        if eqn.prim is embed:
            return self.into(eqn, Literal(eqn.outvars[0].aval.dtype.type(0)), *eqn.invars)
        return self.turned(eqn)

    def into(self, eqn: Eqn, x: Any, term: Any) -> bool:
        """Write x + embed(term) as a product into x, where the term is one."""
        (out,), items, found = eqn.outvars, eqn.params["items"], self.product(term)
        shape, dtype = out.aval.shape, out.aval.dtype
        if found is None or out.aval.size <= _SMALL or dtype.char not in "fd":
            return False
        made, perm = found
        a, b = made.invars
        whole = index_shape(shape, items) == term.aval.shape
        if not whole or not a.aval.dtype == b.aval.dtype == dtype or _large(made):
            return False
        params = {
            "dims": made.params["dims"], "perm": perm or tuple(range(term.aval.ndim)),
            "items": items, "shape": shape,
        }  # fmt: skip
        self.eqns.append(Eqn(dot_into, (x, a, b), params, (out,), eqn.source))
        return True

    def product(self, term: Any) -> tuple[Eqn, Any] | None:
        """The product that a term is, or is a transpose of, if nothing else reads it."""
        made, perm = self.maker.get(term), None
        if made is not None and made.prim is transpose and self.uses[term] == 1:
            perm, term = made.params["perm"], made.invars[0]
            made = self.maker.get(term)
        if made is None or made.prim is not dot_general or self.uses[term] != 1:
            return None
        return made, perm

    def onto(self, eqn: Eqn, x: Any, term: Any) -> bool:
        """Write the sum as a product onto x, where x is 0 or such a sum itself."""
        (out,), found = eqn.outvars, self.product(term)
        if found is None or out.aval.size <= _SMALL or out.aval.dtype.char not in "fd":
            return False
        made, perm = found
        a, b = made.invars
        if out.aval.size != term.aval.size or not a.aval.dtype == b.aval.dtype == out.aval.dtype:
            return False
        if is_number(x, 0):
            x = Literal(out.aval.dtype.type(0))
        else:
            other = self.sums.get(x) or self.first(x)
            if other is None or other[1] != perm or self.uses.get(x) != 1:
                return False
            x = other[0]
        total = out if perm is None else Var(made.outvars[0].aval)
        params = {"dims": made.params["dims"]}
        self.eqns.append(Eqn(dot_onto, (x, a, b), params, (total,), eqn.source))
        if perm is not None:
            self.eqns.append(Eqn(transpose, (total,), {"perm": perm}, (out,), eqn.source))
        self.sums[out] = total, perm
        return True

    def first(self, x: Any) -> tuple[Var, Any] | None:
        found = self.product(x)
        return None if found is None else (found[0].outvars[0], found[1])

    def turned(self, eqn: Eqn) -> bool:
        """Write elementwise work on a transposed sum, or its sum over all axes, as work on what
        was transposed, where all that reads the result undoes the transposition."""
        made = _alone(eqn)
        found = None if made is None else self.sums.get(made) or self.beneath.get(made)
        if found is None or found[1] is None:
            return False
        inner, perm = found
        operands = tuple(inner if v is made else v for v in eqn.invars)
        (out,) = eqn.outvars
        if _sums_all(eqn):
            self.eqns.append(eqn.replace(operands, (out,)))
            return True
        if self.turning[out] not in (True, tuple(perm.index(k) for k in range(len(perm)))):
            return False
        result = Var(out.aval.with_shape(inner.aval.shape))
        self.eqns.append(eqn.replace(operands, (result,)))
        self.eqns.append(Eqn(transpose, (result,), {"perm": perm}, (out,), eqn.source))
        self.beneath[out] = result, perm
        return True

    def turned_by(self, v: Var) -> Any:
        """The transposition that all readers of a value make in the end; True if it does not
        matter to them, False where they differ or see it as it is. Readers come first."""
        readers = self.readers.get(v, [])
        if self.uses.get(v, 0) != sum(eqn.invars.count(v) for eqn in readers):
            return False  # an output
        found = {True}
        for eqn in readers:
            if eqn.prim is transpose:
                found.add(eqn.params["perm"])
            elif not _sums_all(eqn):
                found.add(self.turning[eqn.outvars[0]] if _alone(eqn) is v else False)
        found -= {True} if len(found) > 1 else set()
        return found.pop() if len(found) == 1 else False


def _alone(eqn: Eqn) -> Any:
    """The one array that an elementwise equation, or a sum over all axes, reads beside numbers;
    None where there are several, or its shape is not the result's."""
    if _sums_all(eqn):
        return eqn.invars[0]
    arrays = {v for v in eqn.invars if v.aval.shape}
    if eqn.prim.family != "elementwise" or len(arrays) != 1 or len(eqn.outvars) != 1:
        return None
    (array,) = arrays
    return array if array.aval.shape == eqn.outvars[0].aval.shape else None


def _sums_all(eqn: Eqn) -> bool:
    return eqn.prim is reduce_sum and len(eqn.params["axes"]) == eqn.invars[0].aval.ndim


def _large(made: Eqn) -> bool:
    """Whether a product's second operand leaves the cache: such ones are better done alone."""
    b = made.invars[1].aval
    (_, (_, batch)) = made.params["dims"]
    return prod(n for i, n in enumerate(b.shape) if i not in batch) * b.dtype.itemsize > HELD
