"""Elements of values that are made of pieces: one thing inside a box, another outside.

Along the last axis the nest's loop is cut at the ends of the boxes, so there it is known which
holds. Along the other axes the index is compared; where it lies outside, the inside is computed at
the nearest place of the box, and not taken.
"""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.addresses import known
from funcgrad.backends.llvm.elements import RULES, convert, register_type
from funcgrad.backends.llvm.ir import Value, vector
from funcgrad.compiler.pieces import Piece, pieces
from funcgrad.compiler.views import View
from funcgrad.ir.jaxpr import Eqn

__all__ = ["pieced"]


def pieced(nest: Any, eqn: Eqn, view: View) -> Value:
    """The elements that a view of the equation's result shows at the nest's current place."""
    piece = pieces(nest.schedule, eqn, view)
    dtype = eqn.outvars[0].aval.dtype
    limits = _limits(nest, piece, view)
    if limits is None:
        return _outside(nest, piece, dtype)
    inside = _inside(nest, piece, limits, dtype)
    if piece.adds:
        inside = RULES["add"]([_outside(nest, piece, dtype), inside], dtype, {})
    if not limits:
        return inside
    return _all_hold(nest, limits).select(inside, _outside(nest, piece, dtype))


def _limits(nest: Any, piece: Piece, view: View) -> list[tuple[int, int, int]] | None:
    """The conditions on loops' indices that are still open; None where nothing is inside."""
    if piece.inside is None:
        return None
    kept = [a for a, n in enumerate(view.shape) if n != 1]
    found = []
    for axis, first, last in piece.box:
        if axis not in kept:  # the only index is 0
            if not first <= 0 < last:
                return None
            continue
        loop = nest.loop_of[kept.index(axis)]
        if loop == len(nest.extents) - 1 and not nest.is_row:
            low, high = nest.segment
            if high <= first or low >= last:
                return None
        else:
            found.append((loop, first, last))
    return found


def _outside(nest: Any, piece: Piece, dtype: Any) -> Value:
    x = piece.outside
    if x is None:
        return nest.f.const(vector(register_type(dtype) or "", nest.lanes), 0)  # type: ignore[no-any-return]
    return convert(nest.read(x), x.root.aval.dtype, dtype)


def _inside(nest: Any, piece: Piece, limits: list[Any], dtype: Any) -> Value:
    """The inner value, at indices that are moved into the box where they lie outside."""
    index, memo = list(nest.index), nest.memo
    assert piece.inside is not None
    for loop, first, last in limits:
        nest.index[loop] = known(nest, loop, "clamped", _clamped, index[loop], first, last)
    if limits:
        key = ("moved", *limits)
        nest.memo = memo.setdefault(key, {})
    found = convert(nest.read(piece.inside), piece.inside.root.aval.dtype, dtype)
    nest.index, nest.memo = index, memo
    return found


def _clamped(i: Value, first: int, last: int) -> Value:
    f = i.f
    i = f.intrinsic("smax", i, f.const("i64", first)) if first > 0 else i
    return f.intrinsic("smin", i, f.const("i64", last - 1))


def _all_hold(nest: Any, limits: list[tuple[int, int, int]]) -> Value:
    """Whether the indices lie in the box, in every lane."""
    found: Any = None
    for loop, first, last in sorted(limits):
        here = known(nest, loop, "within", _within, nest.index[loop], first, last)
        found = here if found is None else known(nest, loop, "and", Value.__and__, found, here)
    return known(nest, loop, "splat", Value.splat, found, nest.lanes)  # type: ignore[no-any-return]


def _within(i: Value, first: int, last: int) -> Value:
    return (i - first).compare("lt", last - first, signed=False)
