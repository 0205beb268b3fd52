"""Array operations that run element after element: scatter, running sums, extremes, searching."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad.backends.llvm import sorting
from funcgrad.backends.llvm.elements import BOOL, RULES, convert, memory_type, register_type
from funcgrad.backends.llvm.gather import checked
from funcgrad.backends.llvm.handler import Handler
from funcgrad.backends.llvm.ir import Local, Value
from funcgrad.backends.llvm.lanes import load_lanes, store_lanes, strips
from funcgrad.backends.llvm.places import fill
from funcgrad.compiler.gathers import layout
from funcgrad.compiler.views import View, broadcast, contiguous, whole

__all__ = ["HANDLERS"]

_INT = np.dtype(np.int64)


def over(f: Any, shape: Sequence[int], body: Callable[[list[Value]], None]) -> None:
    """Nested loops; the body gets one index per axis."""

    def level(index: list[Value]) -> None:
        if len(index) == len(shape):
            body(index)
            return
        with f.loop(0, shape[len(index)]) as i:
            level([*index, i])

    level([])


def along(f: Any, offset: int, strides: Sequence[int], index: Sequence[Value]) -> Value:
    """The place of an element, from its indices."""
    place = f.const("i64", offset)
    for i, s in zip(index, strides, strict=True):
        if s:
            place = place + i * s
    return place  # type: ignore[no-any-return]


def load(f: Any, pointer: Value, place: Any, dtype: Any, n: int = 1, stride: int = 0) -> Value:
    return load_lanes(f, f.at(pointer, place, memory_type(dtype)), stride, n, dtype)


def store(f: Any, x: Value, pointer: Value, place: Any, dtype: Any, stride: int = 1) -> None:
    store_lanes(f, x, f.at(pointer, place, memory_type(dtype)), stride, dtype)


def result(s: Any, v: Any) -> Value:
    """Memory for a result; a small one lies on the stack until ``settled``."""
    if s.small(v):
        return s.f.alloca(memory_type(v.aval.dtype), max(2, v.aval.size))  # type: ignore[no-any-return]
    return s.allocate(v)  # type: ignore[no-any-return]


def settled(s: Any, v: Any, pointer: Value) -> None:
    if s.small(v):
        s.bind(v, load_lanes(s.f, pointer, 1, v.aval.size, v.aval.dtype))


# -- scatter -----------------------------------------------------------------------------------


class _Scatter:
    """``out[items] mode= v`` for every place of the indices, in order."""

    def __init__(self, s: Any, eqn: Any):
        self.s, self.f = s, s.f
        x, self.v, *self.arrays = eqn.invars
        (self.out,) = eqn.outvars
        self.mode, self.dtype = eqn.params["mode"], self.out.aval.dtype
        self.axes, self.found = layout(
            x.aval.shape, eqn.params["items"], tuple(a.aval.shape for a in self.arrays)
        )
        self.pointer = self._begin(x)
        self.steps = contiguous(self.out.aval.shape)
        self.indices = [(*s.address(a), a.aval.dtype) for a in self.arrays]
        self.source, view = s.address(self.v)
        self.view = broadcast(view, self.found.shape)
        self.last = self.found.start + len(self.found.advanced)  # axes behind the index block

    def _begin(self, x: Any) -> Value:
        s = self.s
        if s.small(self.out):
            pointer = result(s, self.out)
            store_lanes(s.f, s.register(x), pointer, 1, self.dtype)
            return pointer
        return s.begun_as(s.schedule.stored(x), self.out)  # type: ignore[no-any-return]

    def write(self) -> None:
        over(self.f, self.found.shape[: self.last], self._block)
        settled(self.s, self.out, self.pointer)

    def _block(self, index: list[Value]) -> None:
        """All indices of the block are known: the rest of the axes are slices."""
        f, start = self.f, self.found.start
        places = []
        for pointer, view, dtype in self.indices:
            spread = broadcast(view, self.found.advanced)
            block = index[start : self.last]
            at = along(f, spread.offset, spread.strides, block)
            places.append(convert(load(f, pointer, at, dtype), dtype, _INT))
        base = f.const("i64", 0)
        rest = [0] * (len(self.found.shape) - self.last)
        for axis, step in zip(self.axes, self.steps, strict=True):
            if axis.array is not None:
                base = (
                    base + checked(f, places[axis.array], axis.extent, self.s.program.status) * step
                )
            elif axis.out is None:
                base = base + axis.fixed * step
            elif axis.out < self.last:
                base = base + (index[axis.out] * axis.step + axis.start) * step
            else:
                rest[axis.out - self.last] = axis.step * step
                base = base + axis.start * step
        value = along(f, self.view.offset, self.view.strides[: self.last], index)
        self._slices(base, value, rest, 0)

    def _slices(self, base: Value, value: Value, rest: list[int], level: int) -> None:
        f, k = self.f, self.last + level
        if level == len(rest):
            self._update(base, value, 1, 0, 0)
            return
        n, v_step = self.found.shape[k], self.view.strides[k]
        if level < len(rest) - 1 or rest[level] != 1:
            with f.loop(0, n) as i:
                self._slices(base + i * rest[level], value + i * v_step, rest, level + 1)
            return
        wide = self.s.program.vector_bits // (8 * self.dtype.itemsize)
        strips(f, n, wide, lambda i, length: self._update(
            base + i, value + i * v_step, length, 1, v_step))  # fmt: skip

    def _update(self, base: Value, value: Value, n: int, step: int, v_step: int) -> None:
        f, own = self.f, self.v.aval.dtype
        new = convert(load(f, self.source, value, own, n, v_step), own, self.dtype)
        if self.mode != "set":
            old = load(f, self.pointer, base, self.dtype, n, step)
            new = RULES[self.mode]([old, new], self.dtype, {})
        store(f, new, self.pointer, base, self.dtype)


def _scatter(s: Any, eqn: Any) -> None:
    _Scatter(s, eqn).write()


# -- along one axis ------------------------------------------------------------------------------


def _without(view: View, axis: int) -> tuple[list[int], list[int]]:
    keep = [i for i in range(len(view.shape)) if i != axis]
    return [view.shape[i] for i in keep], [view.strides[i] for i in keep]


_RUNNING = {"cumsum": "add", "cumprod": "multiply", "cummax": "maximum", "cummin": "minimum"}


def _cumulative(s: Any, eqn: Any) -> None:
    (x,), (out,), axis = eqn.invars, eqn.outvars, eqn.params["axis"]
    f, dtype, rule = s.f, out.aval.dtype, RULES[_RUNNING[eqn.prim.name]]
    source, view = s.address(x)
    target, seen = result(s, out), whole(out)
    shape, steps = _without(view, axis)
    _, to_steps = _without(seen, axis)

    def line(index: list[Value]) -> None:
        start, to = along(f, view.offset, steps, index), along(f, 0, to_steps, index)
        total = Local(f, register_type(dtype) or "")
        total.set(convert(load(f, source, start, x.aval.dtype), x.aval.dtype, dtype))
        store(f, total.get(), target, to, dtype)
        with f.loop(1, x.aval.shape[axis]) as i:
            new = load(f, source, start + i * view.strides[axis], x.aval.dtype)
            total.set(rule([total.get(), convert(new, x.aval.dtype, dtype)], dtype, {}))
            store(f, total.get(), target, to + i * seen.strides[axis], dtype)

    over(f, shape, line)
    settled(s, out, target)


def _extreme_place(s: Any, eqn: Any) -> None:
    """argmax and argmin: the first of the best; a NaN is better than any number."""
    (x,), (out,), axis = eqn.invars, eqn.outvars, eqn.params["axis"]
    f, dtype = s.f, x.aval.dtype
    how = "gt" if eqn.prim.name == "argmax" else "lt"
    source, view = s.address(x)
    target, seen = result(s, out), whole(out)
    shape, steps = _without(view, axis)

    def line(index: list[Value]) -> None:
        start = along(f, view.offset, steps, index)
        first = load(f, source, start, dtype)
        best, place = Local(f, first.type, first), Local(f, "i64", 0)
        with f.loop(1, x.aval.shape[axis]) as i:
            new, old = load(f, source, start + i * view.strides[axis], dtype), best.get()
            better = new.compare(how, old, signed=dtype.kind == "i")
            if dtype.kind == "f":
                better = better | (new.is_nan() & (old.is_nan() ^ True))
            best.set(better.select(new, old))
            place.set(better.select(i, place.get()))
        store(f, place.get(), target, along(f, 0, seen.strides, index), _INT)

    over(f, shape, line)
    settled(s, out, target)


def _moved(s: Any, lies: Any, index: list[Value], axis: int, extent: int) -> list[Value]:
    """The index, its place along one axis replaced by what stands there among the indices that
    lie at this address, in this view."""
    f, (places, view) = s.f, lies
    dtype = view.root.aval.dtype
    given = load(f, places, along(f, view.offset, view.strides, index), dtype)
    at = checked(f, convert(given, dtype, _INT), extent, s.program.status)
    return [at if k == axis else i for k, i in enumerate(index)]


def _take_along(s: Any, eqn: Any) -> None:
    (x, indices), (out,), axis = eqn.invars, eqn.outvars, eqn.params["axis"]
    f, target = s.f, result(s, out)
    source, view = s.address(x)
    if x.aval.shape[:axis] != indices.aval.shape[:axis]:
        view = _stretched(view, indices.aval.shape, axis)
    places = s.address(indices)

    def one(index: list[Value]) -> None:
        moved = _moved(s, places, index, axis, x.aval.shape[axis])
        found = load(f, source, along(f, view.offset, view.strides, moved), x.aval.dtype)
        store(f, found, target, along(f, 0, contiguous(out.aval.shape), index), out.aval.dtype)

    over(f, indices.aval.shape, one)
    settled(s, out, target)


def _stretched(view: View, shape: tuple[int, ...], axis: int) -> View:
    """Axes of length one beside longer index arrays broadcast."""
    full = tuple(m if k == axis else n for k, (n, m) in enumerate(zip(shape, view.shape)))
    return broadcast(view, full)


def _put_along(s: Any, eqn: Any) -> None:
    (v, indices), (out,), axis = eqn.invars, eqn.outvars, eqn.params["axis"]
    f, dtype, target = s.f, out.aval.dtype, result(s, out)
    fill(f, target, out.aval, 0, dtype)
    source, view = s.address(v)
    places = s.address(indices)

    def one(index: list[Value]) -> None:
        moved = _moved(s, places, index, axis, out.aval.shape[axis])
        to = along(f, 0, contiguous(out.aval.shape), moved)
        new = load(f, source, along(f, view.offset, view.strides, index), v.aval.dtype)
        store(f, load(f, target, to, dtype) + new, target, to, dtype)

    over(f, indices.aval.shape, one)
    settled(s, out, target)


# -- searching ---------------------------------------------------------------------------------


def _searchsorted(s: Any, eqn: Any) -> None:
    (x, v), (out,) = eqn.invars, eqn.outvars
    f, dtype, target = s.f, x.aval.dtype, result(s, out)
    table, view = s.address(x)
    wanted, seen = s.address(v)

    def one(index: list[Value]) -> None:
        key = load(f, wanted, along(f, seen.offset, seen.strides, index), v.aval.dtype)
        low, size = Local(f, "i64", 0), Local(f, "i64", x.aval.size)
        with f.during(lambda: size.get().gt(0)):
            half = size.get().shr(1)
            middle = low.get() + half
            here = load(f, table, view.offset + middle * view.strides[0], dtype)
            if eqn.params["side"] == "left":
                right = sorting.before(here, key, dtype)
            else:
                right = sorting.before(key, here, dtype) ^ True
            low.set(right.select(middle + 1, low.get()))
            size.set(right.select(size.get() - half - 1, half))
        store(f, low.get(), target, along(f, 0, contiguous(out.aval.shape), index), _INT)

    over(f, v.aval.shape, one)
    settled(s, out, target)


def _same_dtypes(eqn: Any) -> str | None:
    kinds = {v.aval.dtype for v in eqn.invars}
    return None if len(kinds) == 1 and BOOL not in kinds else "searchsorted of mixed dtypes"


def _sorts(s: Any, eqn: Any) -> None:
    """sort and argsort: line by line, through a buffer of the line."""
    (x,), (out,), axis = eqn.invars, eqn.outvars, eqn.params["axis"]
    f, dtype, n = s.f, x.aval.dtype, x.aval.shape[axis]
    places = eqn.prim.name == "argsort"
    source, view = s.address(x)
    target, seen = result(s, out), whole(out)
    shape, steps = _without(view, axis)
    _, to_steps = _without(seen, axis)
    keys, spare = (s.temporary(x.aval.with_shape((n,))) for _ in range(2))
    numbers = [s.temporary(out.aval.with_shape((n,)).with_dtype(_INT)) for _ in range(2)]
    name = sorting.sorter(s.module, dtype)

    def line(index: list[Value]) -> None:
        start, to = along(f, view.offset, steps, index), along(f, 0, to_steps, index)
        with f.loop(0, n) as i:
            store(f, load(f, source, start + i * view.strides[axis], dtype), keys, i, dtype)
            store(f, i, numbers[0], i, _INT)
        f.call(name, "void", keys, numbers[0], spare, numbers[1], f.const("i64", n))
        with f.loop(0, n) as i:
            found = load(f, numbers[0], i, _INT) if places else load(f, keys, i, dtype)
            store(f, found, target, to + i * seen.strides[axis], out.aval.dtype)

    over(f, shape, line)
    settled(s, out, target)


def _numbers_only(eqn: Any) -> str | None:
    return "sorting truth values" if eqn.invars[0].aval.dtype == BOOL else None


HANDLERS = {
    "scatter": Handler(_scatter),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin"), Handler(_cumulative)),
    **dict.fromkeys(("argmax", "argmin"), Handler(_extreme_place)),
    "take_along": Handler(_take_along), "put_along": Handler(_put_along),
    "searchsorted": Handler(_searchsorted, _same_dtypes),
    **dict.fromkeys(("sort", "argsort"), Handler(_sorts, _numbers_only)),
}  # fmt: skip
