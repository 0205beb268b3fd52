"""A loop nest as a native function: vectors along the last axis, rows and stages around them.

The function gets the addresses of what it reads and writes and runs the rows ``begin`` to ``end``
of its first loop. Elements of one vector are computed side by side; where the last axis is no
multiple of a vector, its end is computed once more with the last full vector, or, where that
would count something twice, with a shorter one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import frexp, prod
from typing import Any

import numpy as np

from funcgrad.backends.llvm.addresses import Early, address, known
from funcgrad.backends.llvm.elements import (
    BOOL,
    convert,
    element,
    memory_type,
    register_type,
)
from funcgrad.backends.llvm.far import fetch, rows_to_fetch, streams
from funcgrad.backends.llvm.gather import gathered
from funcgrad.backends.llvm.ir import Function, Module, Value, lanes, vector
from funcgrad.backends.llvm.lanes import (
    counting,
    load_lanes,
    mask,
    powers,
    store_lanes,
    widened,
)
from funcgrad.backends.llvm.pieced import pieced
from funcgrad.backends.llvm.quotient import by_one
from funcgrad.backends.llvm.reduce import Running, combine, folded, running
from funcgrad.backends.llvm.walk import Walk
from funcgrad.compiler.kernels import REDUCTIONS, Nest, Place, Schedule
from funcgrad.compiler.nests import identity
from funcgrad.compiler.pieces import PIECEWISE
from funcgrad.compiler.views import View, axes_of, contiguous, whole
from funcgrad.compiler.walk import strides_of
from funcgrad.ir.jaxpr import Eqn, Literal, Var

__all__ = ["NestWriter"]

_VECTORS = 4  # that a reciprocal pays for


class NestWriter(Walk):
    """Writes one nest. ``arguments`` are the roots whose address (or number) the caller passes."""

    def __init__(self, module: Module, schedule: Schedule, nest: Nest, in_register: Callable,
                 vector_bits: int):  # fmt: skip
        super().__init__(schedule, nest, vector_bits)
        self.module = module
        self.in_register = in_register  # a root that is one number in a register
        self.memo: dict[Any, Any] = {}
        self.streamed: set[Any] = set()  # results that go past the caches
        self.in_step = False  # whether vectors begin at multiples of their length
        self.fetched: list[View] = []  # what of rows to come is fetched meanwhile

    # -- the function ------------------------------------------------------------------------------

    def write(self, name: str) -> Function:
        params = [self._param(root) for root in self.arguments]
        self.f = f = self.module.function(
            name, "void", [*params, "ptr noalias", "i64", "i64"], attributes="noinline nounwind"
        )
        *given, self.status, self.begin, self.end = f.args
        self.place = dict(zip(self.arguments, given, strict=True))
        self.row_memo: dict[Any, Value] = {}
        self.scratch = {v: self._buffer(v) for v in self.crossing}
        self.sums: dict[Any, Running] = {}
        for k in range(len(self.nest.stages)):
            self.sums |= self._accumulators(k, "full")
        self.index: list[Any] = [None] * len(self.extents)
        self.here: dict[Any, Value] = {}  # addresses of the current body
        self.early: list[Early] = [Early(f)]
        if self.rowwise:
            self._nested(0, self.n_outer or 0, self._row)
        else:
            self._elements(0, 0)
        for v, slot in self.sums.items():
            self._store(slot.total(), self.place[v], v.aval.dtype)
        if self.streamed:
            f.do("fence seq_cst")  # other threads, told that this is done, have to see it all
        f.ret()
        return f

    def _param(self, root: Any) -> str:
        if self.in_register(root) and root not in self.own:
            return register_type(root.aval.dtype) or "ptr"
        return "ptr noalias" if root in self.own else "ptr"

    def _op(self, v: Var) -> str:
        return next(i.prim.name for i in self.nest.items if isinstance(i, Eqn) and v in i.outvars)

    def _buffer(self, v: Var) -> Value:
        n = prod(self.extents[self.n_outer or 0 :])
        return self.f.alloca(memory_type(v.aval.dtype), n)

    def _accumulators(self, stage: int, kind: str) -> dict[Any, Running]:
        """What the reductions of one stage are gathered in."""
        made = {}
        for item in self.nest.stages[stage]:
            if isinstance(item, Eqn) and self.kinds[v := item.outvars[0]] == kind:
                made[v] = running(
                    self.f, item.prim.name, v.aval.dtype, self.widths[stage], self.vector_bits
                )
        return made

    # -- rows --------------------------------------------------------------------------------------

    def _range(self, level: int) -> tuple[Any, Any]:
        return (self.begin, self.end) if level == 0 else (0, self.extents[level])

    def _nested(self, level: int, stop: int, body: Callable[[], None]) -> None:
        if level == stop:
            body()
            return
        with self.f.loop(*self._range(level)) as i:
            self.index[level] = i
            self.early[level + 1 :] = [Early(self.f)]
            self._nested(level + 1, stop, body)

    def _row(self) -> None:
        self.row_memo = {}
        self.row_sums = {}
        longest = self.longest()
        for k, stage in enumerate(self.nest.stages):
            if k % 2:
                self._row_stage(stage)
                continue
            self.fetched = rows_to_fetch(self) if k == longest else []
            self.row_sums = self._accumulators(k, "row")
            self._elements(k, self.n_outer or 0)
            for v, slot in self.row_sums.items():
                found = self.row_memo[v] = slot.total()
                if v in self.stored:
                    self._store(found, address(self, whole(v)), v.aval.dtype)

    def _row_stage(self, stage: list[Any]) -> None:
        self.lanes, self.memo = 1, self.row_memo
        self.is_row = True
        for item in stage:
            (out,) = item.outvars
            found = self._computed(item, whole(out))
            self.row_memo[out] = found
            if out in self.stored:
                self._store(found, address(self, whole(out)), out.aval.dtype)
        self.is_row = False

    # -- elements ----------------------------------------------------------------------------------

    def _elements(self, stage: int, level: int) -> None:
        """The loops of one stage over the elements."""
        items = self.nest.stages[stage]
        self.width = self.widths[stage]
        if items:
            self._nested(level, len(self.extents) - 1, lambda: self._vectors(items))

    def _vectors(self, items: list[Any]) -> None:
        """The last loop: full vectors, then what is left."""
        last = len(self.extents) - 1
        if last == 0 and not self.rowwise and not self.cuts:
            self._flat(items)
            return
        ends = sorted({0, self.extents[last], *self.cuts})
        for low, high in pairwise(ends):
            self.segment = (low, high)
            self._segment(items, low, high)

    def _segment(self, items: list[Any], low: int, high: int) -> None:
        """Full vectors between two ends, and what is left."""
        w, n = self.width, high - low
        full = n - n % w
        self.in_step = low % w == 0
        if full == w:
            self._body(items, self.f.const("i64", low), w)
        elif full and (low % w or n % w) and not self.streamed and all(map(_repeats, items)):
            self._overlapping(items, low, high)
            return
        elif full:
            with self.f.loop(low, low + full, w) as i:
                self._body(items, i, w)
        self.in_step = False
        if n % w:
            self._rest(items, low + full, n % w, once=full > 0)

    def _overlapping(self, items: list[Any], low: int, high: int) -> None:
        """Vectors at multiples of their length, of which the first and the last are moved inside:
        one body for all, half the code."""
        w, bound = self.width, self.f.const
        self.in_step = False
        with self.f.loop(low - low % w, high, w) as i:
            i = i if low % w == 0 else self.f.intrinsic("smax", i, bound("i64", low))
            i = i if high % w == 0 else self.f.intrinsic("smin", i, bound("i64", high - w))
            self._body(items, i, w)

    def _flat(self, items: list[Any]) -> None:
        """One loop over everything, from ``begin`` to ``end``; chunks begin at whole vectors."""
        f, n, w = self.f, self.extents[0], self.width
        self.segment = (0, n)
        full = n - n % w
        stop = self.end.lt(full).select(self.end, full)
        self.in_step = True  # chunks are multiples of vectors
        with f.loop(self.begin, stop, w) as i:
            self._body(items, i, w)
        self.in_step = False
        if n % w:
            with f.when(self.end.gt(full)):
                self._rest(items, full, n % w, once=True)

    def _rest(self, items: list[Any], start: int, n: int, once: bool) -> None:
        """The elements behind the last full vector: that vector moved back, where it may be
        computed twice, or shorter ones."""
        f = self.f
        if once and all(
            not item.adds if item.__class__ is Place
            else self.kinds[item.outvars[0]] != "column" for item in items
        ):  # fmt: skip
            back = self.width - n
            self._body(items, f.const("i64", start - back), self.width, skip=back)
            return
        for piece in powers(n):
            self._body(items, f.const("i64", start), piece)
            start += piece

    def _body(self, items: list[Any], i: Value, n: int, skip: int = 0) -> None:
        self.index[-1] = i
        self.lanes, self.skip = n, skip
        self.memo = {}
        self.here.clear()
        self.is_row = False
        for view in self.fetched:
            fetch(self, view)
        for item in items:
            if item.__class__ is Place:
                self._placed(item)
            elif item.prim.name in REDUCTIONS:
                self._reduced(item)
            else:
                out = item.outvars[0]
                found = self.memo[out] = self._computed(item, whole(out))
                if out in self.stored:
                    on = streams(self, whole(out))
                    self._store(found, address(self, whole(out)), out.aval.dtype, streams=on)
                elif out in self.crossing:
                    self._store(found, self._in_row(out), out.aval.dtype)

    def _placed(self, item: Place) -> None:
        dtype = item.view.root.aval.dtype
        source = self.schedule.operands(item)[0]
        found = convert(self.read(source), source.root.aval.dtype, dtype)
        stride = self._along(strides_of(item.view))[-1]
        if item.adds:
            old = self._load(item.view, dtype)
            found = old | found if dtype == BOOL else old + found
        on = not item.adds and streams(self, item.view)
        self._store(found, address(self, item.view), dtype, stride, on)

    def _reduced(self, item: Eqn) -> None:
        (out,), (source,) = item.outvars, self.schedule.operands(item)
        name, dtype = item.prim.name, out.aval.dtype
        found = convert(self.read(source), source.root.aval.dtype, dtype)
        if self.kinds[out] == "column":
            self._accumulated(item, found)
            return
        slot = self.sums.get(out) or self.row_sums[out]
        nothing = identity(name, dtype)
        if self.skip:
            keep = [k >= self.skip for k in range(self.lanes)]
            found = mask(self.f, keep).select(found, self.f.lift(nothing, found.type))
        if self.lanes != self.width:
            found = widened(found, self.width, nothing)
        slot.add(found)

    def _accumulated(self, item: Eqn, found: Value) -> None:
        """Into the array of results, element by element; along the last axis as one number."""
        (out,) = item.outvars
        strides, dtype = self._column(item), out.aval.dtype
        view = View(out, 0, strides, self.nest.space)
        if self._along(strides)[-1] == 0:
            found = folded(self.f, found, item.prim.name, dtype)
            lanes_now, self.lanes = self.lanes, 1
            old = self._load(view, dtype)
            self._store(combine(item.prim.name, old, found, dtype), address(self, view), dtype)
            self.lanes = lanes_now
            return
        old = self._load(view, dtype)
        new = combine(item.prim.name, old, found, dtype)
        self._store(new, address(self, view), dtype, self._along(strides)[-1])

    # -- values ------------------------------------------------------------------------------------

    def read(self, view: View) -> Value:
        """The elements that a view shows at the current indices, as many as there are lanes."""
        root = view.root
        if root.__class__ is Literal:
            return self._number(root)
        if root in self.own:
            return self._splat(self._own(view))
        key = (root, view.offset, strides_of(view))
        found = self.memo.get(key)
        if found is None:
            eqn = self.schedule.inline.get(root)
            made = self._load(view, root.aval.dtype) if eqn is None else self._computed(eqn, view)
            found = self.memo[key] = made
        return found

    def _own(self, view: View) -> Value:
        """A value of this nest: of this element, of this row, or of an earlier stage."""
        root = view.root
        if self.kinds[root] == "row":
            return self.row_memo[root]
        found = self.memo.get(root)
        if found is None:
            if root in self.stored:
                found = self._load(whole(root), root.aval.dtype)
            else:
                found = self._loaded(self._in_row(root), 1, root.aval.dtype)
            self.memo[root] = found
        return found

    def _splat(self, x: Value) -> Value:
        return x.splat(self.lanes) if lanes(x.type) == 1 else x

    def _number(self, literal: Literal) -> Value:
        type = vector(register_type(literal.aval.dtype) or "", self.lanes)
        return self.f.const(type, literal.value)

    def _computed(self, eqn: Eqn, view: View) -> Value:
        """An equation's elements where ``view`` looks at its result."""
        name = eqn.prim.name
        if name in ("iota", "eye"):
            return self._counted(eqn, view)
        if name == "gather":
            return gathered(self, eqn)
        if name in PIECEWISE:
            return pieced(self, eqn, view)
        operands = self.schedule.inner_reads(eqn, view)
        xs = [self.read(v) for v in operands]
        if name == "full":
            out = eqn.outvars[0].aval.dtype
            return convert(xs[0], eqn.invars[0].aval.dtype, out)
        if name == "divide" and self._by_one(eqn, operands[1]):
            return by_one(self.f, *xs)
        return element(self.f, eqn, xs)

    def _by_one(self, eqn: Eqn, divisor: View) -> bool:
        """Whether all lanes of several vectors are divided by the same number of their kind."""
        dtypes = {v.aval.dtype for v in (*eqn.invars, *eqn.outvars)}
        if self.lanes == 1 or self.is_row or len(dtypes) > 1 or dtypes.pop().kind != "f":
            return False
        if self.extents[-1] < _VECTORS * self.width:
            return False
        root = divisor.root
        if root in self.own:
            return self.kinds[root] == "row"
        if root.__class__ is Literal or root in self.schedule.inline:
            return root.__class__ is Literal and not _is_power_of_two(root.value)
        return self.place[root].type != "ptr" or self._along(strides_of(divisor))[-1] == 0

    def _counted(self, eqn: Eqn, view: View) -> Value:
        axes = axes_of(view)
        assert axes is not None
        dtype = eqn.outvars[0].aval.dtype
        int64 = np.dtype(np.int64)
        if eqn.prim.name == "iota":
            return convert(self._axis(axes[eqn.params["axis"]], view), int64, dtype)
        row, column = (self._axis(axis, view) for axis in axes)
        return convert(row.eq(column), BOOL, dtype)

    def _axis(self, axis: tuple[int, Sequence[tuple[int, int]]], view: View) -> Value:
        """The index along one axis of a root, from the indices of the loops."""
        start, moves = axis
        kept = [a for a, n in enumerate(view.shape) if n != 1]
        total = self.f.lift(start, vector("i64", self.lanes))
        for a, step in moves:
            loop = self.loop_of[kept.index(a)]
            i = self._splat(self.index[loop])
            if loop == len(self.extents) - 1 and not self.is_row:
                i = i + counting(self.f, self.lanes)
            total = total + i * step
        return total

    # -- memory ------------------------------------------------------------------------------

    def _in_row(self, v: Var) -> Value:
        """The place of the current elements in the buffer of a row."""
        f, first = self.f, self.n_outer or 0
        place: Any = f.const("i64", 0)
        for i, s in zip(self.index[first:], contiguous(tuple(self.extents[first:])), strict=True):
            place = place + i * s
        return f.at(self.scratch[v], place, memory_type(v.aval.dtype))

    def _load(self, view: View, dtype: Any) -> Value:
        if view.root not in self.place:
            raise AssertionError(f"{view.root} is not an argument of the nest")
        base = self.place[view.root]
        if base.type != "ptr":
            return known(self, -1, "splat", Value.splat, base, self.lanes)
        stride = 0 if self.is_row else self._along(strides_of(view))[-1]
        return self._loaded(address(self, view), stride, dtype)

    def _loaded(self, pointer: Value, stride: int, dtype: Any) -> Value:
        return load_lanes(self.f, pointer, stride, self.lanes, dtype)

    def _store(
        self, x: Value, pointer: Value, dtype: Any, stride: int = 1, streams: bool = False
    ) -> None:
        store_lanes(self.f, x, pointer, stride, dtype, streams)


def _repeats(item: Any) -> bool:
    """Whether an element may be computed twice: it is written, not added."""
    return not item.adds if item.__class__ is Place else item.prim.name not in REDUCTIONS


def _is_power_of_two(x: Any) -> bool:
    """Then LLVM multiplies: the reciprocal is exact."""
    return abs(frexp(float(x))[0]) == 0.5
