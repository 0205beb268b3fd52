"""The function of one product of matrices: its loops, and the tiles of registers inside them."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import prod
from typing import Any

from funcgrad.backends.llvm import blas
from funcgrad.backends.llvm.contraction import Axis, Plan
from funcgrad.backends.llvm.elements import register_type
from funcgrad.backends.llvm.ir import Function, Local, Value, lanes, vector
from funcgrad.backends.llvm.lanes import load_lanes, powers, shuffled, store_lanes, strips
from funcgrad.backends.llvm.places import copy_strided
from funcgrad.backends.llvm.reduce import folded
from funcgrad.compiler.accumulate import HELD
from funcgrad.compiler.views import View, contiguous
from funcgrad.ir.avals import array_aval

__all__ = ["Product", "for_blas"]

_NEAR = 32_768  # bytes of the second operand that stay in the nearest cache
_UNROLLED = 4  # steps of a sum that are written side by side


def for_blas(plan: Plan, dtype: Any) -> bool:
    """Large products whose second operand leaves the cache between two uses."""
    k = prod(axis.n for axis in plan.k)
    held = k * plan.n.n * dtype.itemsize
    return bool(min(plan.m.n, plan.n.n) > 8 and k > 8 and held > HELD and plan.n.c <= 1)


class Product:
    """One contraction and its function. ``places`` are where the operands and the result begin,
    the latter ``offset`` elements behind the beginning of its memory; ``touches`` are the names of
    the memory that each of them lies in, and its bytes. Where ``adds``, the result is added to
    what is there; sums that are split are added to zeros.
    """

    def __init__(
        self, s: Any, plan: Plan, dtype: Any, places: list[Value], touches: list[tuple[str, int]],
        offset: int, adds: bool,
    ):  # fmt: skip
        self.offset = offset
        self.s, self.dtype = s, dtype
        self.type = register_type(dtype) or ""
        self.wide = s.program.vector_bits // (8 * dtype.itemsize)
        self.rows = 8 if s.program.vector_bits == 512 else 4
        (self.a, self.b, self.c), self.touches = places, touches
        self.plan = self._turned(plan)
        self.blas = len(plan.k) == 1 and for_blas(self.plan, dtype)
        self._lay_out()
        self.far = self._split()
        self.adds = adds or bool(self.far)

    def _split(self) -> list[Axis]:
        """The outer summed axes, where the part of the second operand that all of them run over
        leaves the cache: they become the outermost loops, which add to the result."""
        p, near = self.plan, list(self.plan.k)
        if self.blas or p.n.n == 1 or p.n.c > 1 or not p.around:
            return []
        far: list[Axis] = []
        while len(near) > 1 and prod(x.n for x in near) * p.n.n * self.dtype.itemsize > _NEAR:
            far.append(near.pop(0))
        self.plan = p._replace(k=near)
        return far

    def _turned(self, plan: Plan) -> Plan:
        """A product with one row is one with one column, its operands exchanged."""
        if plan.m.n > 1 or plan.n.n == 1:
            return plan
        self.a, self.b = self.b, self.a
        self.touches[:2] = self.touches[1::-1]
        turn = lambda x: Axis(x.n, x.b, x.a, x.c)
        return Plan(
            [turn(x) for x in plan.around], turn(plan.n), turn(plan.m), [turn(x) for x in plan.k]
        )

    def _lay_out(self) -> None:
        """Copy an operand whose strides the loops cannot use; its loops around are few then."""
        p = self.plan
        inner = p.k[-1]
        if p.n.n == 1:
            if inner.b not in (0, 1) and inner.n > 1:
                self.b = self._copied(self.b, "b", p.k)
            p = self.plan
            if p.k[-1].a != 1 and p.m.a != 1 and p.k[-1].n > 1:
                self.a = self._copied(self.a, "a", [p.m, *p.k])
            return
        if p.n.b != 1 or (self.blas and inner.b < p.n.n and inner.n > 1):
            if not (self.blas and inner.b == 1 and p.n.b >= inner.n):
                self.b = self._copied(self.b, "b", [*p.k, p.n])
        p = self.plan
        if self.blas and not (
            (p.k[0].a == 1 and p.m.a >= p.k[0].n) or (p.m.a == 1 and p.k[0].a >= p.m.n)
        ):
            self.a = self._copied(self.a, "a", [p.m, *p.k])

    def _copied(self, pointer: Value, which: str, inner: list[Axis]) -> Value:
        """The operand laid out as (around, inner), with the plan's strides changed to match."""
        s, f = self.s, self.s.f
        axes = [x for x in self.plan.around if getattr(x, which)] + inner
        shape = tuple(x.n for x in axes)
        steps = [step if n > 1 else 1 for n, step in zip(shape, contiguous(shape), strict=True)]
        target = s.temporary(array_aval(shape, self.dtype))
        source = View(None, 0, tuple(getattr(x, which) for x in axes), shape)
        copy_strided(f, pointer, source, target, self.dtype)
        new = {id(x): step for x, step in zip(axes, steps, strict=True)}
        change = lambda x: x._replace(**{which: new[id(x)]}) if id(x) in new else x
        p = self.plan
        self.plan = Plan(
            [change(x) for x in p.around], change(p.m), change(p.n), [change(x) for x in p.k], p.run
        )
        return target

    @property
    def loops(self) -> list[Axis]:
        """The loops around tiles, outermost first."""
        return [*self.far, *self.plan.around]

    @property
    def target(self) -> tuple[Any, ...]:
        """Where the result's elements lie in its memory, in the order of the loops."""
        axes = (*self.loops, self.plan.m, self.plan.n)
        return self.offset, self.plan.run, [(axis.n, axis.c) for axis in axes if axis.c]

    def block(self, i: Value, rounds: int) -> Product:
        """So many rounds of the outermost loop, from i on, as a product of their own."""
        axis, part = self.loops[0], copy(self)
        left = [axis._replace(n=rounds)] if rounds > 1 else []
        if self.far:
            part.far = [*left, *self.far[1:]]
        else:
            part.plan = self.plan._replace(around=[*left, *self.plan.around[1:]])
        f = self.s.f
        part.a, part.b, part.c = (
            f.at(p, i * step, self.type)
            for p, step in zip((self.a, self.b, self.c), axis[1:], strict=True)
        )
        part.touches = self.touched_by(rounds)
        return part

    def touched_by(self, rounds: int) -> list[tuple[str, int]]:
        """``touches`` of so many rounds of the outermost loop."""
        axis = self.loops[0]
        return [
            (name, count * rounds // axis.n if step else count)
            for (name, count), step in zip(self.touches, axis[1:], strict=True)
        ]

    def call(self) -> None:
        """Call the function of this product; products alike in all but place share one."""
        s = self.s
        key = (self.plan, self.far, self.type, self.adds, self.blas)
        name = s.module.named("dot", key, self._write)
        s.f.call(name, "void", self.a, self.b, self.c)

    def _write(self, name: str) -> None:
        self.f = f = self.s.module.function(
            name, "void", ["ptr", "ptr", "ptr noalias"], attributes="noinline nounwind"
        )
        self._around(self.loops, *f.args)
        f.ret()

    def _around(self, axes: list[Axis], a: Value, b: Value, c: Value) -> None:
        """The outer loops, then the product."""
        if not axes:
            self._product(a, b, c)
            return
        axis, *rest = axes
        with self.f.loop(0, axis.n) as i:
            moved = [self.f.at(p, i * step, self.type)
                     for p, step in zip((a, b, c), axis[1:], strict=True)]  # fmt: skip
            self._around(rest, *moved)

    def _product(self, a: Value, b: Value, c: Value) -> None:
        p = self.plan
        if self.blas and p.n.n > 1:
            blas.gemm(self.s.module, self.f, self.type, p, a, b, c, self.adds)
        elif p.n.n > 1:
            self._matrix(a, b, c)
        elif p.k[-1].a == 1 or p.k[-1].n == 1:
            self._rows(self.rows // 2, lambda i, n: self._dots(
                self._at(a, i, p.m.a), b, self._at(c, i, p.m.c), n))  # fmt: skip
        else:
            strips(self.f, p.m.n, 4 * self.wide, lambda i, n: self._column_sum(
                self._at(a, i, 1), b, self._at(c, i, p.m.c), n))  # fmt: skip

    def _rows(self, step: int, body: Callable[[Value, int], None]) -> None:
        """The rows of the result, so many side by side; what is left is side by side too."""
        strips(self.f, self.plan.m.n, step, body, lambda n: [n] if n else [])

    def _summed(self, a: Value, b: Value, body: Callable[[Value, Value], None]) -> None:
        """Loops over all summed axes."""

        def level(k: int, a: Value, b: Value) -> None:
            if k == len(self.plan.k):
                body(a, b)
                return
            axis = self.plan.k[k]
            if axis.n == 1:
                level(k + 1, a, b)
                return
            with self.f.loop(0, axis.n, unroll=_UNROLLED) as i:
                level(k + 1, self._at(a, i, axis.a), self._at(b, i, axis.b))

        level(0, a, b)

    # -- C = A B, vectors along the columns of C -----------------------------------------------

    def _matrix(self, a: Value, b: Value, c: Value) -> None:
        n, vectors = self.plan.n.n, self._vectors()
        end = n - n % (vectors * self.wide)
        if vectors == 3 and end and n - end == self.wide:
            end -= 3 * self.wide  # four vectors are two and two: sums of one wait for each other
        self._columns(a, b, c, range(0, end, vectors * self.wide))
        self._columns(a, b, c, range(end, n, min(vectors, 2) * self.wide))

    def _vectors(self) -> int:
        """Vectors of columns side by side: what the registers hold beside the operands."""
        if self.plan.m.n <= self.rows // 2:
            return 4
        return 2 if self.s.program.vector_bits == 512 else 3

    def _columns(self, a: Value, b: Value, c: Value, columns: range) -> None:
        """The tiles of some columns, as many side by side as the range has steps."""
        m, start = self.plan.m, columns.start
        strips(self.f, columns.stop - start, columns.step, lambda j, wide: self._rows(
            self.rows, lambda i, rows: self._tile(
                self._at(a, i, m.a), b, self._at(c, i, m.c), j + start, rows, wide)))  # fmt: skip

    def _column(self, c: Value, j: Any) -> Value:
        """Where column j of C begins."""
        step, run = self.plan.n.c, self.plan.run
        if not run:
            return self._at(c, j, step)
        return self._at(self._at(c, j >> (run.bit_length() - 1), run * step), j & (run - 1), 1)

    def _tile(self, a: Value, b: Value, c: Value, j: Value, rows: int, wide: int) -> None:
        """So many rows from here on, and columns from j on."""
        f, p = self.f, self.plan
        n = min(wide, self.wide)
        columns = range(0, wide, n)
        places = [[self._column(self._at(c, r, p.m.c), j + k) for k in columns]
                  for r in range(rows)]  # fmt: skip
        sums = [[Local(f, vector(self.type, n), self._read(at, n) if self.adds else 0.0)
                 for at in row] for row in places]  # fmt: skip

        def term(a: Value, b: Value) -> None:
            ys = [load_lanes(f, self._at(b, k, p.n.b), 1, n, self.dtype) for k in columns]
            for r, row in enumerate(sums):
                x = f.load(self.type, self._at(a, r, p.m.a)).splat(n)
                for total, y in zip(row, ys, strict=True):
                    total.set(f.fma(x, y, total.get()))

        self._summed(a, self._at(b, j, p.n.b), term)
        for row, totals in zip(places, sums, strict=True):
            for at, total in zip(row, totals, strict=True):
                self._written(total.get(), at, n)

    def _read(self, at: Value, wide: int) -> Value:
        """Columns of a row of C."""
        f, run, step = self.f, self.plan.run, self.plan.n.c or 1
        if not run or wide <= run:
            return load_lanes(f, at, 1 if run else step, wide, self.dtype)
        parts = [load_lanes(f, self._at(at, k, step), 1, run, self.dtype)
                 for k in range(0, wide, run)]  # fmt: skip
        while len(parts) > 1:
            n = 2 * lanes(parts[0].type)
            parts = [shuffled(x, list(range(n)), y)
                     for x, y in zip(parts[::2], parts[1::2], strict=True)]  # fmt: skip
        return parts[0]

    def _written(self, x: Value, at: Value, wide: int) -> None:
        f, run, step = self.f, self.plan.run, self.plan.n.c or 1
        if not run or wide <= run:
            store_lanes(f, x, at, 1 if run else step, self.dtype)
            return
        for k in range(0, wide, run):
            part = shuffled(x, list(range(k, k + run)))
            store_lanes(f, part, self._at(at, k, step), 1, self.dtype)

    # -- c = A b, vectors along the last summed axis, several rows at once -----------------------

    def _dots(self, a: Value, b: Value, c: Value, rows: int) -> None:
        f, p, last = self.f, self.plan, self.plan.k[-1]
        wide = min((2 if rows > 1 else 4) * self.wide, powers(last.n)[0])
        end = last.n - last.n % wide
        parts = [(wide, self._zeros(rows, wide))]
        parts += [(n, self._zeros(rows, n)) for n in powers(last.n % wide)]
        head = self.plan
        self.plan = head._replace(k=head.k[:-1])

        def line(a: Value, b: Value) -> None:
            with f.loop(0, end, wide) as i:
                self._terms(self._at(a, i, last.a), self._at(b, i, last.b), last, parts[0])
            place = end
            for part in parts[1:]:
                at = f.const("i64", place)
                self._terms(self._at(a, at, last.a), self._at(b, at, last.b), last, part)
                place += part[0]

        self._summed(a, b, line)
        self.plan = head
        for r in range(rows):
            at = self._at(c, r, p.m.c)
            totals = [folded(f, sums[r].get(), "reduce_sum", self.dtype) for _, sums in parts]
            total = totals[0]
            for more in totals[1:]:
                total = total + more
            if self.adds:
                total = load_lanes(f, at, 1, 1, self.dtype) + total
            store_lanes(f, total, at, 1, self.dtype)

    def _zeros(self, rows: int, wide: int) -> list[Local]:
        return [Local(self.f, vector(self.type, wide), 0.0) for _ in range(rows)]

    def _terms(self, a: Value, b: Value, axis: Axis, part: tuple[int, list[Local]]) -> None:
        f, (wide, sums) = self.f, part
        y = load_lanes(f, b, axis.b, wide, self.dtype)  # step 0 where one number is repeated
        for r, total in enumerate(sums):
            x = load_lanes(f, self._at(a, r, self.plan.m.a), 1, wide, self.dtype)
            total.set(f.fma(x, y, total.get()))

    # -- c = A b, A by columns: vectors along c --------------------------------------------------

    def _column_sum(self, a: Value, b: Value, c: Value, wide: int) -> None:
        f, step = self.f, self.plan.m.c or 1
        start = load_lanes(f, c, step, wide, self.dtype) if self.adds else 0.0
        total = Local(f, vector(self.type, wide), start)

        def term(a: Value, b: Value) -> None:
            x = load_lanes(f, a, 1, wide, self.dtype)
            total.set(f.fma(x, f.load(self.type, b).splat(wide), total.get()))

        self._summed(a, b, term)
        store_lanes(f, total.get(), c, step, self.dtype)

    def _at(self, pointer: Value, i: Any, step: int) -> Value:
        f: Function = self.f
        place = i * step if isinstance(i, Value) else f.const("i64", i * step)
        return f.at(pointer, place, self.type)
