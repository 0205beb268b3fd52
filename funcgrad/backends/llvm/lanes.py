"""Lanes of vectors: loading, storing, reordering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import BOOL, memory_type
from funcgrad.backends.llvm.ir import Function, Value, element, lanes, vector

__all__ = [
    "LINE",
    "counting",
    "load_lanes",
    "mask",
    "powers",
    "shuffled",
    "store_lanes",
    "strips",
    "widened",
]

LINE = 64  # bytes of a cache line


def powers(n: int) -> list[int]:
    """n as a sum of powers of two, the largest first: vectors of other lengths are slow."""
    return [1 << k for k in range(n.bit_length() - 1, -1, -1) if n >> k & 1]


def strips(
    f: Function, n: int, wide: int, body: Callable[[Value, int], None],
    rest: Callable[[int], list[int]] = powers,
) -> None:  # fmt: skip
    """``body(i, length)`` over an axis of n: full strips of ``wide``, then what ``rest`` makes of
    the end: powers of two."""
    end = n - n % wide
    if end == wide:
        body(f.const("i64", 0), wide)
    elif end:
        with f.loop(0, end, wide) as i:
            body(i, wide)
    for length in rest(n % wide):
        body(f.const("i64", end), length)
        end += length


def load_lanes(f: Function, pointer: Value, stride: int, n: int, dtype: Any) -> Value:
    """n numbers, each ``stride`` items behind the one before."""
    type = memory_type(dtype)
    align = np.dtype(dtype).itemsize
    if stride == 0 or n == 1:
        x = f.load(type, pointer, align).splat(n)
    elif stride == 1:
        x = f.load(vector(type, n), pointer, align)
    elif stride == -1:
        x = f.load(vector(type, n), f.at(pointer, 1 - n, type), align)
        x = shuffled(x, list(range(n - 1, -1, -1)))
    else:
        x = f.const(vector(type, n), 0)
        for k in range(n):
            x = x.with_lane(k, f.load(type, f.at(pointer, k * stride, type), align))
    return x.ne(0) if dtype == BOOL else x


def store_lanes(
    f: Function, x: Value, pointer: Value, stride: int, dtype: Any, streams: bool = False
) -> None:
    """``streams``: past the caches, straight to memory; aligned (parts of) cache lines only."""
    type, n = memory_type(dtype), lanes(x.type)
    align = np.dtype(dtype).itemsize
    if streams:
        note = f.module.once_noted("!{i32 1}")
        f.store(x, pointer, min(LINE, n * align), f", !nontemporal !{note}")
        return
    if dtype == BOOL:
        x = x.cast("zext", "i8")
    if n == 1 or stride == 1:
        f.store(x, pointer, align)
        return
    if stride == -1:
        f.store(shuffled(x, list(range(n - 1, -1, -1))), f.at(pointer, 1 - n, type), align)
        return
    for k in range(n):
        f.store(x.lane(k), f.at(pointer, k * stride, type), align)


def shuffled(x: Value, order: list[int], other: Value | None = None) -> Value:
    """Lanes of x (and, counted behind them, of another vector) in a new order."""
    f, type = x.f, x.type
    if lanes(type) == 1:  # a number is no vector
        x = x.f.op(f"insertelement <1 x {type}> poison, {x!r}, i64 0", f"<1 x {type}>")
        type = x.type
    out = vector(element(type), len(order))
    if len(order) == 1:
        return f.op(f"extractelement {type} {x.name}, i64 {order[0]}", out)
    rest = "poison" if other is None else other.name
    chosen = ", ".join(f"i32 {k}" for k in order)
    return f.op(
        f"shufflevector {type} {x.name}, {type} {rest}, <{len(order)} x i32> <{chosen}>", out
    )


def counting(f: Function, n: int) -> Value:
    """0, 1, 2, … in the lanes."""
    if n == 1:
        return f.const("i64", 0)
    return Value(f, "<" + ", ".join(f"i64 {k}" for k in range(n)) + ">", f"<{n} x i64>")


def mask(f: Function, keep: list[bool]) -> Value:
    if len(keep) == 1:
        return f.const("i1", keep[0])
    text = "<" + ", ".join(f"i1 {str(k).lower()}" for k in keep) + ">"
    return Value(f, text, f"<{len(keep)} x i1>")


def widened(x: Value, n: int, fill: Any) -> Value:
    """A shorter vector with numbers that change nothing behind it."""
    have = lanes(x.type)
    if have == 1:
        out = x.f.lift(fill, vector(x.type, n))
        return out.with_lane(0, x) if n > 1 else x
    order = [k if k < have else have for k in range(n)]
    return shuffled(x, order, x.f.lift(fill, x.type))
