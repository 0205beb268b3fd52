"""Strided views: how a shaped value lies in the memory of the value that it looks at.

Shaping (reshape, transpose, broadcast, slices, flips) moves nothing: it is another offset and
other strides over the same row-major memory, counted in elements. What has no such form has to be
copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from funcgrad.ir.jaxpr import Eqn

__all__ = ["View", "axes_of", "broadcast", "composed", "contiguous", "joined", "looked_at", "whole"]


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides; axes of length one have stride 0, so that equal layouts are equal."""
    out, step = [], 1
    for n in reversed(shape):
        out.append(step if n != 1 else 0)
        step *= n
    return tuple(reversed(out))


class View(NamedTuple):
    """Element (i, j, …) is at ``offset + i strides[0] + j strides[1] + …`` of ``root``'s memory."""

    root: Any
    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    axes: Any = None  # as ``axes_of`` has them, where the view looks beyond the root's ends

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the root's memory in order."""
        return self.offset == 0 and self.strides == contiguous(self.shape) and (
            prod(self.shape) == self.root.aval.size
        )  # fmt: skip

    @property
    def is_contiguous(self) -> bool:
        return self.strides == contiguous(self.shape)


def whole(root: Any) -> View:
    """A value as a view of itself."""
    shape = root.aval.shape
    return View(root, 0, contiguous(shape), shape)


def broadcast(view: View, shape: tuple[int, ...]) -> View:
    """The view repeated along new axes in front and along axes of length one."""
    missing = len(shape) - len(view.shape)
    strides = [0] * missing + [
        0 if n == 1 else s for n, s in zip(view.shape, view.strides, strict=True)
    ]
    return View(view.root, view.offset, tuple(strides), shape)


def transposed(view: View, perm: tuple[int, ...]) -> View:
    return View(
        view.root, view.offset, tuple(view.strides[p] for p in perm),
        tuple(view.shape[p] for p in perm),
    )  # fmt: skip


def indexed(view: View, items: tuple[Any, ...]) -> View:
    """Basic indexing: integers, slices as (start, stop, step), new axes as None."""
    offset, axis = view.offset, 0
    shape: list[int] = []
    strides: list[int] = []
    for item in items:
        if item is None:
            shape.append(1)
            strides.append(0)
            continue
        n, s = view.shape[axis], view.strides[axis]
        axis += 1
        if item.__class__ is tuple:
            start, stop, step = slice(*item).indices(n)
            length = len(range(start, stop, step))
            offset += start * s if length else 0
            shape.append(length)
            strides.append(step * s if length != 1 else 0)
        else:
            offset += (item % n) * s
    shape += view.shape[axis:]
    strides += view.strides[axis:]
    return View(view.root, offset, tuple(strides), tuple(shape))


def flipped(view: View, axes: tuple[int, ...]) -> View:
    offset, strides = view.offset, list(view.strides)
    for a in axes:
        offset += max(0, view.shape[a] - 1) * strides[a]
        strides[a] = -strides[a]
    return View(view.root, offset, tuple(strides), view.shape)


def reshaped(view: View, shape: tuple[int, ...]) -> View | None:
    """The same elements in another shape, or None where no strides say that.

    Runs of axes that follow one another in memory are joined, then cut anew; a new axis must lie
    within one run.
    """
    if prod(shape) == 0:
        return View(view.root, view.offset, contiguous(shape), shape)
    runs = joined(view.shape, view.strides)
    strides = [0] * len(shape)
    k = len(runs) - 1
    left, step = runs[k] if runs else (1, 0)
    for axis in range(len(shape) - 1, -1, -1):
        n = shape[axis]
        if n == 1:
            continue
        while left == 1 and k > 0:
            k -= 1
            left, step = runs[k]
        if left % n:
            return None
        strides[axis] = step
        left, step = left // n, step * n
    return View(view.root, view.offset, tuple(strides), shape)


def joined(shape: Sequence[int], *walks: Sequence[int]) -> list[tuple[int, ...]]:
    """Axes that follow one another in every walk, as one: (extent, stride, stride, …)."""
    out: list[tuple[int, ...]] = []
    for n, *steps in zip(shape, *walks, strict=True):
        if n == 1:
            continue
        if out and all(last == n * step for last, step in zip(out[-1][1:], steps, strict=True)):
            out[-1] = (out[-1][0] * n, *steps)
        else:
            out.append((n, *steps))
    return out


def looked_at(eqn: Eqn, view: View) -> View | None:
    """The result of a shaping equation as a view, given the view that is its operand."""
    name, params = eqn.prim.name, eqn.params
    if name == "reshape":
        return reshaped(view, params["shape"])
    if name == "transpose":
        return transposed(view, params["perm"])
    if name == "broadcast_to":
        return broadcast(view, params["shape"])
    if name == "index":
        return indexed(view, params["items"])
    if name == "flip":
        return flipped(view, params["axes"])
    return None


_Axes = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def axes_of(view: View) -> _Axes | None:
    """For each axis of the root: where it starts, and (axis of the view, step) that move it.

    None where the view does not walk along the root's axes.
    """
    if view.axes is not None:
        return view.axes  # type: ignore[no-any-return]
    return _axes(view.root.aval.shape, view.offset, view.shape, view.strides)


@lru_cache(maxsize=4096)  # schedules ask again and again
def _axes(
    shape: tuple[int, ...], offset: int, seen: tuple[int, ...], strides: tuple[int, ...]
) -> _Axes | None:
    own = contiguous(shape)
    rest = offset
    starts: list[int] = []
    moves: list[list[tuple[int, int]]] = [[] for _ in shape]
    for n, s in zip(shape, own, strict=True):
        start, rest = divmod(rest, s) if n != 1 else (0, rest)
        starts.append(start)
    if rest:
        return None
    for axis, (n, s) in enumerate(zip(seen, strides, strict=True)):
        if s == 0 or n == 1:
            continue
        k = next((k for k, t in enumerate(own) if t and abs(s) >= t), None)
        if k is None or s % own[k]:
            return None
        moves[k].append((axis, s // own[k]))
    for start, steps, n in zip(starts, moves, shape, strict=True):
        low = start + sum(min(0, m * (seen[a] - 1)) for a, m in steps)
        high = start + sum(max(0, m * (seen[a] - 1)) for a, m in steps)
        if low < 0 or high >= max(1, n):
            return None
    return tuple((start, tuple(steps)) for start, steps in zip(starts, moves, strict=True))


def composed(inner: View, outer: View) -> View:
    """``inner``, of the shape of ``outer``'s root, seen through ``outer``."""
    axes = axes_of(outer)
    assert axes is not None
    offset, strides = inner.offset, [0] * len(outer.shape)
    for (start, moves), s in zip(axes, inner.strides, strict=True):
        offset += start * s
        for axis, step in moves:
            strides[axis] += step * s
    known = None if outer.axes is None else axes_of(inner)
    through = None if known is None else tuple(_through(k, axes) for k in known)
    return View(inner.root, offset, tuple(strides), outer.shape, through)


def _through(axis: Any, outer: Any) -> tuple[int, tuple[tuple[int, int], ...]]:
    """An axis of the inner root, by the indices of the outer view."""
    start, moves = axis
    found: list[tuple[int, int]] = []
    for k, step in moves:
        start += step * outer[k][0]
        found += [(a, step * m) for a, m in outer[k][1]]
    return start, tuple(found)
