"""A stable merge sort of numbers, with the places they came from: NaN behind all numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import memory_type
from funcgrad.backends.llvm.ir import Function, Local, Module, Value

__all__ = ["before", "sorter"]

_RUN = 16  # pieces of this length are sorted by insertion


def before(x: Value, y: Value, dtype: Any) -> Value:
    """Whether x stands before y in NumPy's order."""
    less = x.compare("lt", y, signed=dtype.kind == "i")
    return less | (y.is_nan() & (x.is_nan() ^ True)) if dtype.kind == "f" else less


def sorter(module: Module, dtype: Any) -> str:
    """The name of ``void (keys, places, spare keys, spare places, n)``, which sorts in place."""
    name = f"fg_sort_{np.dtype(dtype).name}"
    params = ["ptr", "ptr", "ptr", "ptr", "i64"]
    return module.once(
        name, "void", params, lambda f: _Sort(f, dtype).write(), attributes="noinline nounwind"
    )


class _Sort:
    """Runs sorted by insertion, then merged, pass by pass, from one buffer into the other."""

    def __init__(self, f: Function, dtype: Any):
        self.f, self.dtype, self.type = f, dtype, memory_type(dtype)
        self.keys, self.places, self.spare_keys, self.spare_places, self.n = f.args

    def key(self, base: Value, i: Any) -> Value:
        return self.f.load(self.type, self.f.at(base, i, self.type))

    def move(self, sources: Any, i: Value, targets: Any, j: Value) -> None:
        f = self.f
        f.store(self.key(sources[0], i), f.at(targets[0], j, self.type))
        f.store(f.load("i64", f.at(sources[1], i, "i64")), f.at(targets[1], j, "i64"))

    def write(self) -> None:
        f = self.f
        with f.loop(0, self.n, _RUN) as start:
            self._insert(start, self._least(start + _RUN, self.n))
        source = [Local(f, "ptr", p) for p in (self.keys, self.places)]
        target = [Local(f, "ptr", p) for p in (self.spare_keys, self.spare_places)]
        width = Local(f, "i64", _RUN)
        with f.during(lambda: width.get().lt(self.n)):
            w = width.get()
            froms, tos = [p.get() for p in source], [p.get() for p in target]
            with f.loop(0, self.n, w + w) as low:
                self._merge(froms, tos, low, self._least(low + w, self.n),
                            self._least(low + w + w, self.n))  # fmt: skip
            for p, q, x, y in zip(source, target, froms, tos, strict=True):
                p.set(y)
                q.set(x)
            width.set(w + w)
        last = [p.get() for p in source]
        with f.when(last[0].compare("ne", self.keys)), f.loop(0, self.n) as i:
            self.move(last, i, (self.keys, self.places), i)
        f.ret()

    def _least(self, x: Value, y: Value) -> Value:
        return x.lt(y).select(x, y)

    def _insert(self, start: Value, stop: Value) -> None:
        f = self.f
        with f.loop(start + 1, stop) as i:
            key, place = self.key(self.keys, i), f.load("i64", f.at(self.places, i, "i64"))
            j = Local(f, "i64", i)
            going = Local(f, "i1", True)
            with f.during(lambda: going.get() & j.get().gt(start)):
                at = j.get()
                moves = before(key, self.key(self.keys, at - 1), self.dtype)
                going.set(moves)
                with f.when(moves):
                    self.move((self.keys, self.places), at - 1, (self.keys, self.places), at)
                    j.set(at - 1)
            f.store(key, f.at(self.keys, j.get(), self.type))
            f.store(place, f.at(self.places, j.get(), "i64"))

    def _merge(self, froms: Any, tos: Any, low: Value, middle: Value, high: Value) -> None:
        f = self.f
        a, b, to = Local(f, "i64", low), Local(f, "i64", middle), Local(f, "i64", low)
        with f.during(lambda: to.get().lt(high)):
            i, j, k = a.get(), b.get(), to.get()
            left, right = i.lt(middle), j.lt(high)
            x = self.key(froms[0], left.select(i, low))
            y = self.key(froms[0], right.select(j, low))
            second = right & ((left ^ True) | before(y, x, self.dtype))
            self.move(froms, second.select(j, i), tos, k)
            a.set(second.select(i, i + 1))
            b.set(second.select(j + 1, j))
            to.set(k + 1)
