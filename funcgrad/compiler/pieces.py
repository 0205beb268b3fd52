"""Values that are one thing inside a box and another outside: padded, embedded, added to in part.

    embed(v)[i] = v[i - lo] inside, 0 outside
    add_at(x, v)[i] = x[i] + v[i - lo] inside, x[i] outside

A reader of such a value can compute its elements where it needs them, so that a stencil's gradient,
a sum of embeddings, is one pass over memory. What is inside depends on the reader's own index:
``Piece`` says where.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from funcgrad.compiler.views import View, axes_of, broadcast
from funcgrad.ir.jaxpr import Eqn

__all__ = ["PIECEWISE", "Piece", "box_of", "pieces"]

PIECEWISE = {"embed", "put", "add_at", "pad"}


class Piece(NamedTuple):
    """What a reader finds: ``inside`` where every ``(axis, first, last)`` of ``box`` holds
    first <= index < last (axes of the reader's view), else ``outside``; None is zero there, and
    inside nothing."""

    inside: View | None
    outside: View | None
    box: tuple[tuple[int, int, int], ...]
    adds: bool


def box_of(eqn: Eqn) -> tuple[tuple[int, int], ...] | None:
    """For each axis of the result, where the inner value begins and ends; None for steps and
    single places."""
    shape = eqn.outvars[0].aval.shape
    if eqn.prim.name == "pad":
        widths = eqn.params["widths"]
        return tuple((lo, n - hi) for (lo, hi), n in zip(widths, shape, strict=True))
    items = eqn.params["items"]
    if any(i.__class__ is not tuple for i in items):
        return None
    full = (*items, *[(None, None, None)] * (len(shape) - len(items)))
    ends = [slice(*item).indices(n) for item, n in zip(full, shape, strict=True)]
    if any(step != 1 for _, _, step in ends):
        return None
    return tuple((start, stop) for start, stop, _ in ends)


def walks(view: View) -> bool:
    """Whether each axis of the root is walked along by at most one index, in single steps."""
    axes = axes_of(view)
    return axes is not None and all(
        len(moves) <= 1 and all(abs(step) == 1 for _, step in moves) for _, moves in axes
    )


def pieces(schedule: Any, eqn: Eqn, view: View) -> Piece:
    """What a view of the equation's result shows."""
    box, axes = box_of(eqn), axes_of(view)
    assert box is not None and axes is not None
    *base, value = _operands(eqn)
    outside = None
    if base:
        shape = eqn.outvars[0].aval.shape
        outside = schedule.seen(broadcast(schedule.view(base[0]), shape), view)
    limits, moved, never = [], [], False
    for (lo, hi), (start, moves) in zip(box, axes, strict=True):
        moved.append((start - lo, moves))
        if not moves:
            never = never or not lo <= start < hi
            continue
        axis, step = moves[0]
        first, last = (lo - start, hi - start) if step > 0 else (start - hi + 1, start - lo + 1)
        if first > 0 or last < view.shape[axis]:
            limits.append((axis, max(0, first), min(last, view.shape[axis])))
        never = never or first >= view.shape[axis] or last <= 0
    if never:
        return Piece(None, outside, (), False)
    part = tuple(hi - lo for lo, hi in box)
    shifted = View(eqn, 0, (0,) * len(view.shape), view.shape, tuple(moved))
    inner = schedule.seen(broadcast(schedule.view(value), part), shifted)
    return Piece(inner, outside, tuple(limits), eqn.prim.name == "add_at")


def _operands(eqn: Eqn) -> tuple[Any, ...]:
    """What is outside, where an operand says that, then what is inside."""
    if eqn.prim.name == "pad":
        x, fill = eqn.invars
        return fill, x
    return eqn.invars
