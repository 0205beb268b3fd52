"""Places in memory: what is there, filling and copying."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import convert, memory_type, register_type
from funcgrad.backends.llvm.ir import Function, Value, vector
from funcgrad.backends.llvm.lanes import store_lanes, strips
from funcgrad.compiler.views import View, contiguous, joined

__all__ = [
    "Memory", "bytes_of", "clear", "copy_bytes", "copy_strided", "copy_view", "fill", "is_zero",
    "places",
]  # fmt: skip


class Memory:
    """A place in memory; ``offset`` is where the arena has it, or None where it is not ours.
    ``streams``: it is a large result on whole cache lines, which nobody reads here."""

    __slots__ = ("offset", "pointer", "streams")

    def __init__(self, pointer: Value, offset: int | None = None, streams: bool = False):
        self.pointer, self.offset, self.streams = pointer, offset, streams


def bytes_of(aval: Any) -> int:
    return int(aval.size * aval.dtype.itemsize)


def places(view: View) -> Sequence[int]:
    """Where the elements of a (small) view lie, in order."""
    index = np.indices(view.shape).reshape(len(view.shape), prod(view.shape))
    steps = np.asarray(view.strides, dtype=np.int64)
    return [int(k) for k in view.offset + steps @ index]


def is_zero(x: Any) -> bool:
    """Whether all bits of a number are 0."""
    return not hasattr(x, "aval") and x is not None and x == 0 and not np.signbit(x)


def clear(f: Function, pointer: Value, size: Value) -> None:
    """So many bytes of zeros."""
    f.module.declare("@llvm.memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
    f.do(f"call void @llvm.memset.p0.i64({pointer!r}, i8 0, {size!r}, i1 false)")


def copy_bytes(f: Function, target: Value, source: Value, size: Value) -> None:
    f.module.declare("@llvm.memcpy", "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
    f.do(f"call void @llvm.memcpy.p0.p0.i64({target!r}, {source!r}, {size!r}, i1 false)")


def fill(f: Function, pointer: Value, aval: Any, x: Any, dtype: Any) -> None:
    """The same number everywhere."""
    out = aval.dtype
    if not isinstance(x, Value):
        if is_zero(x):
            clear(f, pointer, f.const("i64", bytes_of(aval)))
            return
        x = f.const(register_type(out) or "", x)
        dtype = out
    x = convert(x, dtype, out)
    type = memory_type(out)
    n = aval.size - aval.size % 8
    if n:
        wide = x.splat(8)
        with f.loop(0, n, 8) as i:
            store_lanes(f, wide, f.at(pointer, i, type), 1, out)
    for k in range(n, aval.size):
        store_lanes(f, x, f.at(pointer, k, type), 1, out)


def copy_view(f: Function, pointer: Value, view: View, target: Value) -> None:
    """Copy a view's elements, in order, to memory."""
    dtype = view.root.aval.dtype
    type, count = memory_type(dtype), prod(view.shape)
    source = f.at(pointer, view.offset, type)
    if view.is_contiguous:
        copy_bytes(f, target, source, f.const("i64", count * dtype.itemsize))
        return
    copy_strided(f, source, View(None, 0, view.strides, view.shape), target, dtype)


def copy_strided(f: Function, source: Value, view: View, target: Value, dtype: Any) -> None:
    """Elements at strides, in order, to memory: vectors along the last axis where that is dense."""
    type = memory_type(dtype)
    axes = joined(view.shape, view.strides, contiguous(view.shape))

    def write(level: int, source: Value, to: Value) -> None:
        if level == len(axes):
            f.store(f.load(type, source, dtype.itemsize), to, dtype.itemsize)
            return
        n, s, t = axes[level]
        if level == len(axes) - 2 and axes[-1][1] not in (0, 1) and s == 1:
            _copy_turned(f, source, to, axes[level], axes[-1], type, dtype.itemsize)
            return
        if level == len(axes) - 1 and s in (0, 1):
            _copy_line(f, source, s, to, n, type, dtype.itemsize)
            return
        with f.loop(0, n) as i:
            write(level + 1, f.at(source, i * s, type), f.at(to, i * t, type))

    write(0, source, target)


_LINE = 16  # elements that are copied at once


def _copy_line(
    f: Function, source: Value, step: int, to: Value, n: int, type: str, align: int
) -> None:
    def piece(i: Value, count: int) -> None:
        if step:
            x = f.load(vector(type, count), f.at(source, i, type), align)
        else:
            x = f.load(type, source, align).splat(count)
        f.store(x, f.at(to, i, type), align)

    strips(f, n, _LINE, piece)


def _copy_turned(
    f: Function, source: Value, to: Value, rows: tuple[int, ...],
    columns: tuple[int, ...], type: str, align: int,
) -> None:  # fmt: skip
    """A transposed matrix, tile by tile: both sides of a tile stay in the cache."""
    (n, s, t), (m, u, v) = rows, columns
    with f.loop(0, n, _LINE) as i, f.loop(0, m, _LINE) as j:
        i_end, j_end = (f.intrinsic("smin", x + _LINE, f.const("i64", most))
                        for x, most in ((i, n), (j, m)))  # fmt: skip
        with f.loop(i, i_end) as k, f.loop(j, j_end) as q:
            x = f.load(type, f.at(source, k * s + q * u, type), align)
            f.store(x, f.at(to, k * t + q * v, type), align)
