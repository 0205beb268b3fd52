"""Simplification: inlining, common subexpressions, constant folding, algebra, dead code.

One forward walk rewrites equations over what is already known of their operands, one backward
walk drops what nobody needs. IEEE meaning is kept: nothing here changes a NaN or an
infinity; sums of products and small powers may differ in the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.compiler.rewrites import ALGEBRA, folded, sum_of_products
from funcgrad.ir.avals import broadcast_shapes, python_kind
from funcgrad.ir.jaxpr import Atom, Eqn, Jaxpr, Literal, Var, dead_code, has_effect
from funcgrad.ops.call import inlined
from funcgrad.ops.elementwise import add
from funcgrad.ops.indexing import add_at, embed, index_shape
from funcgrad.ops.linalg import cholesky, solve, triangular_solve
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import broadcast_to, full, reshape, transpose

__all__ = ["simplify"]


def simplify(jaxpr: Jaxpr) -> Jaxpr:
    """An equivalent program with fewer equations."""
    return jaxpr.derive("simplified", lambda: _Simplifier(inlined(jaxpr, custom=True)).run())  # type: ignore


class _Simplifier:
    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.env: dict[Var, Atom] = {}  # variable -> what it is equal to
        self.small: dict[Var, Atom] = {}  # broadcast variable -> what it is a broadcast of
        self.maker: dict[Var, Eqn] = {}
        self.seen: dict[Any, tuple[Var, ...]] = {}
        self.eqns: list[Eqn] = []

    def run(self) -> Jaxpr:
        for eqn in dead_code(self.jaxpr.eqns, self.jaxpr.outvars):
            self.visit(eqn)
        outs = [self.read(v) for v in self.jaxpr.outvars]
        return Jaxpr(self.jaxpr.invars, dead_code(self.eqns, outs), outs)

    def read(self, v: Any) -> Any:
        return self.env.get(v, v) if v.__class__ is Var else v

    def visit(self, eqn: Eqn) -> None:
        invars = tuple([self.read(v) for v in eqn.invars])
        if eqn.prim.family == "elementwise":
            self.elementwise(eqn, invars)
            return
        rule = _RULES.get(eqn.prim)
        found = rule(self, eqn, invars) if rule is not None else None
        if found.__class__ is Eqn:
            self.emit(found, found.invars, found.outvars)
        elif found is not None:
            self.env[eqn.outvars[0]] = found
        else:
            self.emit(eqn, invars, eqn.outvars)

    def emit(self, eqn: Eqn, invars: tuple[Atom, ...], outvars: tuple[Var, ...]) -> None:
        """Append the equation, unless the same one stands already."""
        key: Any = None
        if not has_effect(eqn):
            key = (eqn.prim, invars, tuple(eqn.params.items()))
            old = self.seen.get(key)
            if old is not None and old[0].aval is outvars[0].aval:
                self.env.update(zip(outvars, old, strict=True))
                return
            self.seen[key] = outvars
        new = (
            eqn if invars == eqn.invars and outvars is eqn.outvars else eqn.replace(invars, outvars)
        )
        self.eqns.append(new)
        for v in outvars:
            self.maker[v] = new

    # -- elementwise ---------------------------------------------------------------------------

    def elementwise(self, eqn: Eqn, invars: tuple[Atom, ...]) -> None:
        out = eqn.outvars[0]
        sunk = tuple([self.small.get(v, v) if v.__class__ is Var else v for v in invars])
        shape = broadcast_shapes(*[v.aval.shape for v in sunk])
        known = self.algebra(eqn, sunk)
        if known is not None and known.aval == out.aval:
            self.env[out] = known
        elif eqn.prim is add and self.sum_of_parts(eqn, invars):
            pass
        elif shape == out.aval.shape:
            self.emit(eqn, sunk, eqn.outvars)
        else:  # all operands are broadcasts: compute the small result, then broadcast that
            small = known
            if small is None or small.aval.dtype != out.aval.dtype:
                small = Var(out.aval.with_shape(shape or ()))
                self.emit(eqn, sunk, (small,))
                small = self.read(small)
            self.broadcast(out, small, eqn)

    def sum_of_parts(self, eqn: Eqn, xs: tuple[Atom, ...]) -> bool:
        """``x + embed(v)`` adds v in place: no array of zeros, no whole sum."""
        for x, part in (xs, xs[::-1]):
            made = self.maker.get(part)  # type: ignore[arg-type]
            if made is None or made.prim is not embed or x.aval != part.aval:
                continue
            if made.invars[0].aval.shape != index_shape(part.aval.shape, made.params["items"]):
                continue
            new = Eqn(
                add_at,
                (x, made.invars[0]),
                {"items": made.params["items"]},
                eqn.outvars,
                eqn.source,
            )
            self.emit(new, new.invars, new.outvars)
            return True
        return False

    def broadcast(self, out: Var, small: Atom, eqn: Eqn) -> None:
        self.small[out] = small
        params = {"shape": out.aval.shape}
        self.emit(Eqn(broadcast_to, (small,), params, (out,), eqn.source), (small,), (out,))

    def algebra(self, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
        """A simpler atom that equals ``prim(*xs)``, or None."""
        if all(x.__class__ is Literal and not x.aval.shape for x in xs):
            aval, value = eqn.outvars[0].aval, folded(eqn, xs)
            return (
                None if value is None else Literal(python_kind(aval)(value) if aval.weak else value)
            )
        rule = ALGEBRA.get(eqn.prim)
        return None if rule is None else rule(self, eqn, xs)

    def new(self, eqn: Eqn, prim: Any, *xs: Atom) -> Any:
        """The result of another operation, in the place of ``eqn``."""
        (aval,) = prim.out_avals(tuple([x.aval for x in xs]), {})
        out = Var(aval, eqn.outvars[0].name)
        self.emit(Eqn(prim, xs, {}, (out,), eqn.source), xs, (out,))
        return self.read(out)


# -- shaping --------------------------------------------------------------------------------


def _reshape(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Atom | None:
    (x,), shape = invars, eqn.params["shape"]
    if x.aval.shape == shape and not x.aval.weak:
        return x
    inner = s.maker.get(x)  # type: ignore[arg-type]
    if inner is not None and inner.prim is reshape:
        x = inner.invars[0]
        if x.aval.shape == shape:
            return x
        s.emit(eqn, (x,), eqn.outvars)
        return s.env.get(eqn.outvars[0], eqn.outvars[0])
    small = s.small.get(x)  # type: ignore[arg-type]
    if small is not None and not small.aval.shape:
        s.broadcast(eqn.outvars[0], small, eqn)
        return s.read(eqn.outvars[0])
    if not x.aval.shape and all(n == 1 for n in shape):
        s.small[eqn.outvars[0]] = x
    return None


def _transpose(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Atom | None:
    (x,), perm = invars, eqn.params["perm"]
    if perm == tuple(range(len(perm))):
        return x
    inner = s.maker.get(x)  # type: ignore[arg-type]
    if inner is not None and inner.prim is transpose:
        first = inner.params["perm"]
        both = tuple(first[p] for p in perm)
        x = inner.invars[0]
        if both == tuple(range(len(both))):
            return x
        new = Eqn(transpose, (x,), {"perm": both}, eqn.outvars, eqn.source)
        s.emit(new, (x,), eqn.outvars)
        return s.env.get(eqn.outvars[0], eqn.outvars[0])
    return None


def _broadcast(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Atom | None:
    out = eqn.outvars[0]
    x: Any = s.small.get(invars[0], invars[0])  # type: ignore[arg-type]
    if x.aval.shape == out.aval.shape and not x.aval.weak:
        return x
    if x.aval.dtype == out.aval.dtype:
        s.small[out] = x
    s.emit(eqn, (x,), eqn.outvars)
    return s.env.get(out, out)


def _full(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Atom | None:
    (x,), out = invars, eqn.outvars[0]
    if x.__class__ is Literal:
        number = Literal(np.asarray(x.value).astype(out.aval.dtype)[()])  # type: ignore
        if not out.aval.shape:
            return number
        s.small[out] = number
    return None


def _embed(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Atom | None:
    """Values that fill all of the array only have another shape."""
    (v,), out = invars, eqn.outvars[0]
    if v.aval.shape != index_shape(out.aval.shape, eqn.params["items"]):
        return None
    if v.aval.size != out.aval.size or any(
        i.__class__ is tuple and i[2] not in (None, 1) for i in eqn.params["items"]
    ):
        return None
    new = Eqn(reshape, (v,), {"shape": out.aval.shape}, eqn.outvars, eqn.source)
    found = _reshape(s, new, (v,))
    if found is None:
        s.emit(new, (v,), new.outvars)
        found = s.env.get(out, out)
    return found


def _solve(s: _Simplifier, eqn: Eqn, invars: tuple[Atom, ...]) -> Eqn | None:
    """What Cholesky has made is triangular, and is solved by substitution."""
    a, b = invars
    made, turned = s.maker.get(a), False  # type: ignore[arg-type]
    if made is not None and made.prim is transpose:
        rank = len(made.params["perm"])
        turned = made.params["perm"] == (*range(rank - 2), rank - 1, rank - 2)
        a = made.invars[0] if turned else a
        made = s.maker.get(a)  # type: ignore[arg-type]
    if made is None or made.prim is not cholesky or a.aval.dtype.kind != "f":
        return None
    params = {"lower": True, "trans": turned, "unit": False}
    return Eqn(triangular_solve, (a, b), params, eqn.outvars, eqn.source)


_RULES: dict[Any, Any] = {
    reduce_sum: sum_of_products, reshape: _reshape, transpose: _transpose,
    broadcast_to: _broadcast, full: _full, embed: _embed, solve: _solve,
}  # fmt: skip
