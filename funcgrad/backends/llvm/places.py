"""Places in memory: what is there, filling and copying."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import convert, memory_type, register_type
from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.lanes import store_lanes
from funcgrad.compiler.views import View, contiguous

__all__ = ["Memory", "bytes_of", "copy_view", "fill", "places"]


class Memory:
    """A place in memory; ``offset`` is where the arena has it, or None where it is not ours."""

    __slots__ = ("offset", "pointer")

    def __init__(self, pointer: Value, offset: int | None = None):
        self.pointer, self.offset = pointer, offset


def bytes_of(aval: Any) -> int:
    return int(aval.size * aval.dtype.itemsize)


def places(view: View) -> Sequence[int]:
    """Where the elements of a (small) view lie, in order."""
    index = np.indices(view.shape).reshape(len(view.shape), prod(view.shape))
    steps = np.asarray(view.strides, dtype=np.int64)
    return [int(k) for k in view.offset + steps @ index]


def fill(f: Function, pointer: Value, aval: Any, x: Any, dtype: Any) -> None:
    """The same number everywhere."""
    out = aval.dtype
    if not isinstance(x, Value):
        if x == 0 and not np.signbit(x):
            size = f.const("i64", bytes_of(aval))
            f.module.declare("@llvm.memset", "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
            f.do(f"call void @llvm.memset.p0.i64(ptr {pointer.name}, i8 0, {size!r}, i1 false)")
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
        size = f.const("i64", count * dtype.itemsize)
        f.module.declare("@llvm.memcpy", "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        f.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {target.name}, ptr {source.name}, {size!r}, "
             "i1 false)")  # fmt: skip
        return
    steps = contiguous(view.shape)

    def write(axis: int, from_: Value, to: Value) -> None:
        if axis == len(view.shape):
            f.store(f.load(type, from_, dtype.itemsize), to, dtype.itemsize)
            return
        with f.loop(0, view.shape[axis]) as i:
            write(axis + 1, f.at(from_, i * view.strides[axis], type),
                  f.at(to, i * steps[axis], type))  # fmt: skip

    write(0, source, target)


