"""Products of matrices: small ones as loops over vectors, large ones by BLAS.

Every contraction is C[m, n] = sum over k of A[m, k] B[k, n] inside loops over the remaining axes,
with strides for all of them, so that transposed operands are read where they lie.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from funcgrad.backends.llvm import blas
from funcgrad.backends.llvm.elements import register_type
from funcgrad.backends.llvm.handler import Handler
from funcgrad.backends.llvm.ir import Function, Local, Value, vector
from funcgrad.backends.llvm.lanes import load_lanes, store_lanes
from funcgrad.backends.llvm.reduce import folded
from funcgrad.compiler.views import View, contiguous
from funcgrad.ir.jaxpr import Var

__all__ = ["HANDLERS"]

_ROWS = 4  # rows of the result that are computed side by side
_BLAS = 40**3  # multiplications from which BLAS is faster


class Axis(NamedTuple):
    """An extent and how far apart its elements lie in A, B and C."""

    n: int
    a: int
    b: int
    c: int


class Plan(NamedTuple):
    """The loops around, then rows, columns and the summed axis."""

    around: list[Axis]
    m: Axis
    n: Axis
    k: Axis


# -- axes --------------------------------------------------------------------------------------


def _groups(eqn: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The axes of both operands in the order batch, free, summed."""
    x, y = eqn.invars
    (xs, ys), (xb, yb) = eqn.params["dims"] if eqn.params else (((0,), (0,)), ((), ()))
    x_free = tuple(i for i in range(x.aval.ndim) if i not in xs and i not in xb)
    y_free = tuple(i for i in range(y.aval.ndim) if i not in ys and i not in yb)
    return [tuple(xb), x_free, tuple(xs)], [tuple(yb), y_free, tuple(ys)]


def _picked(view: View, axes: tuple[int, ...]) -> tuple[list[int], list[int]]:
    return [view.shape[i] for i in axes], [view.strides[i] for i in axes]


def _joined(shape: list[int], *walks: list[int]) -> list[tuple[int, ...]]:
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


def _plan(eqn: Any, x: View, y: View) -> Plan | None:
    """The loops of a contraction, or None where the summed axes are no single walk."""
    (xb, xf, xs), (yb, yf, ys) = _groups(eqn)
    out = contiguous(eqn.outvars[0].aval.shape)
    nb, nf = len(xb), len(xf)
    shape, a = _picked(x, xb)
    batch = _joined(shape, a, _picked(y, yb)[1], list(out[:nb]))
    shape, a = _picked(x, xf)
    rows = [(n, s, 0, c) for n, s, c in _joined(shape, a, list(out[nb : nb + nf]))]
    shape, b = _picked(y, yf)
    columns = [(n, 0, s, c) for n, s, c in _joined(shape, b, list(out[nb + nf :]))]
    shape, a = _picked(x, xs)
    summed = _joined(shape, a, _picked(y, ys)[1])
    if len(summed) > 1:
        return None
    one = (1, 0, 0, 0)
    m = rows.pop() if rows else one
    n = columns.pop() if columns else one
    k = Axis(*summed[0], 0) if summed else Axis(*one)
    around = [Axis(*axis) for axis in (*batch, *rows, *columns)]
    return Plan(around, Axis(*m), Axis(*n), k)


# -- writing -----------------------------------------------------------------------------------


def _refuses(eqn: Any) -> str | None:
    dtypes = {v.aval.dtype for v in (*eqn.invars, *eqn.outvars)}
    if len(dtypes) > 1 or next(iter(dtypes)).char not in "fd":
        return "products of matrices are lowered for float32 and float64, of one dtype"
    return None


def _write(s: Any, eqn: Any) -> None:
    (out,) = eqn.outvars
    x, y = eqn.invars
    views, pointers = [], []
    for v in (x, y):
        pointer, view = s.address(v)
        views.append(view)
        pointers.append(pointer)
    plan = _plan(eqn, *views)
    if plan is None:  # lay both out as batch, free, summed
        for i, (v, axes) in enumerate(zip((x, y), _groups(eqn), strict=True)):
            pointers[i], views[i] = _arranged(s, views[i], sum(axes, ()), v.aval)
        plan = _plan(eqn, *views)
    assert plan is not None
    c = s.allocate(out) if not s.small(out) else s.f.alloca(register_type(out.aval.dtype), 16)
    _Product(s, plan, out.aval.dtype, pointers, views).call(c)
    if s.small(out):
        s.bind(out, load_lanes(s.f, c, 1, out.aval.size, out.aval.dtype))


def _arranged(s: Any, view: View, axes: tuple[int, ...], aval: Any) -> tuple[Value, View]:
    """A copy with its axes in this order, seen with the axes in their old places."""
    moved = View(view.root, view.offset, tuple(view.strides[a] for a in axes),
                 tuple(view.shape[a] for a in axes))  # fmt: skip
    target = s.temporary(aval)
    s.copy(moved, target)
    steps = contiguous(moved.shape)
    strides = [0] * len(axes)
    for a, step in zip(axes, steps, strict=True):
        strides[a] = step
    return target, View(Var(aval), 0, tuple(strides), view.shape)


class _Product:
    """The function of one contraction."""

    def __init__(self, s: Any, plan: Plan, dtype: Any, pointers: list[Value], views: list[View]):
        self.s, self.dtype = s, dtype
        self.type = register_type(dtype) or ""
        self.wide = s.program.vector_bits // (8 * dtype.itemsize)
        self.a, self.b = (
            s.f.at(p, v.offset, self.type) for p, v in zip(pointers, views, strict=True)
        )
        self.plan = self._turned(plan)
        work = self.plan.m.n * self.plan.n.n * self.plan.k.n
        self.blas = min(plan.m.n, plan.n.n) > 1 and work > _BLAS and plan.n.c <= 1
        self._lay_out()

    def _turned(self, plan: Plan) -> Plan:
        """A product with one row is one with one column, its operands exchanged."""
        if plan.m.n > 1 or plan.n.n == 1:
            return plan
        self.a, self.b = self.b, self.a
        turn = lambda x: Axis(x.n, x.b, x.a, x.c)  # noqa: E731
        return Plan([turn(x) for x in plan.around], turn(plan.n), turn(plan.m), turn(plan.k))

    def _lay_out(self) -> None:
        """Copy an operand whose strides the loops cannot use; its loops around are few then."""
        p = self.plan
        if p.n.n == 1:
            if p.k.b not in (0, 1) and p.k.n > 1:
                self.b = self._copied(self.b, "b", [p.k])
                p = self.plan
            if p.k.a != 1 and p.m.a != 1 and p.k.n > 1:
                self.a = self._copied(self.a, "a", [p.m, p.k])
        elif p.n.b != 1 or (self.blas and p.k.b < p.n.n and p.k.n > 1):
            if not (self.blas and p.k.b == 1 and p.n.b >= p.k.n):
                self.b = self._copied(self.b, "b", [p.k, p.n])
        p = self.plan
        if self.blas and not (
            (p.k.a == 1 and p.m.a >= p.k.n) or (p.m.a == 1 and p.k.a >= p.m.n)
        ):
            self.a = self._copied(self.a, "a", [p.m, p.k])

    def _copied(self, pointer: Value, which: str, inner: list[Axis]) -> Value:
        """The operand laid out as (around, inner), with the plan's strides changed to match."""
        s, f = self.s, self.s.f
        axes = [x for x in self.plan.around if getattr(x, which)] + inner
        shape = tuple(x.n for x in axes)
        steps = [step if n > 1 else 1 for n, step in zip(shape, contiguous(shape), strict=True)]
        total = prod(shape)
        offset = s.program.plan.take(total * self.dtype.itemsize)
        s._temporaries.append(offset)
        target = f.at(s.program.arena, offset)
        type = self.type

        def write(k: int, source: Value, to: Value) -> None:
            if k == len(axes):
                f.store(f.load(type, source, self.dtype.itemsize), to, self.dtype.itemsize)
                return
            with f.loop(0, axes[k].n) as i:
                write(k + 1, f.at(source, i * getattr(axes[k], which), type),
                      f.at(to, i * steps[k], type))  # fmt: skip

        write(0, pointer, target)
        new = {id(x): step for x, step in zip(axes, steps, strict=True)}
        change = lambda x: x._replace(**{which: new[id(x)]}) if id(x) in new else x  # noqa: E731
        p = self.plan
        self.plan = Plan([change(x) for x in p.around], change(p.m), change(p.n), change(p.k))
        return target

    def call(self, c: Value) -> None:
        s = self.s
        name = s.program.name("dot")
        self.f = f = s.module.function(
            name, "void", ["ptr", "ptr", "ptr noalias"], attributes="noinline nounwind"
        )
        self._around(0, *f.args)
        f.ret()
        s.f.call(name, "void", self.a, self.b, c)

    def _around(self, level: int, a: Value, b: Value, c: Value) -> None:
        if level == len(self.plan.around):
            self._product(a, b, c)
            return
        axis = self.plan.around[level]
        with self.f.loop(0, axis.n) as i:
            moved = [self.f.at(p, i * step, self.type)
                     for p, step in zip((a, b, c), axis[1:], strict=True)]  # fmt: skip
            self._around(level + 1, *moved)

    def _product(self, a: Value, b: Value, c: Value) -> None:
        p = self.plan
        if self.blas and p.n.n > 1:
            blas.gemm(self.s.module, self.f, self.type, p, a, b, c)
        elif p.n.n > 1:
            self._matrix(a, b, c)
        elif p.k.a == 1 or p.k.n == 1:
            self._rows_dot(a, b, c)
        else:
            self._columns(a, b, c)

    # -- C = A B, vectors along the columns of C -----------------------------------------------

    def _matrix(self, a: Value, b: Value, c: Value) -> None:
        n, wide = self.plan.n.n, 2 * self.wide
        whole_end = n - n % wide
        if whole_end:
            with self.f.loop(0, whole_end, wide) as j:
                self._panel(a, self._at(b, j, self.plan.n.b), self._at(c, j, self.plan.n.c), wide)
        if n % wide:
            j = self.f.const("i64", whole_end)
            self._panel(
                a, self._at(b, j, self.plan.n.b), self._at(c, j, self.plan.n.c), n % wide
            )

    def _panel(self, a: Value, b: Value, c: Value, wide: int) -> None:
        m = self.plan.m
        whole_end = m.n - m.n % _ROWS
        if whole_end:
            with self.f.loop(0, whole_end, _ROWS) as i:
                self._tile(self._at(a, i, m.a), b, self._at(c, i, m.c), _ROWS, wide)
        if m.n % _ROWS:
            i = self.f.const("i64", whole_end)
            self._tile(self._at(a, i, m.a), b, self._at(c, i, m.c), m.n % _ROWS, wide)

    def _tile(self, a: Value, b: Value, c: Value, rows: int, wide: int) -> None:
        f, p, type = self.f, self.plan, vector(self.type, wide)
        sums = [Local(f, type, 0.0) for _ in range(rows)]
        with f.loop(0, p.k.n) as k:
            y = load_lanes(f, self._at(b, k, p.k.b), 1, wide, self.dtype)
            for r, total in enumerate(sums):
                x = f.load(self.type, self._at(self._at(a, k, p.k.a), r, p.m.a))
                total.set(f.fma(x.splat(wide), y, total.get()))
        for r, total in enumerate(sums):
            store_lanes(f, total.get(), self._at(c, r, p.m.c), p.n.c or 1, self.dtype)

    # -- c = A b, vectors along the summed axis, several rows at once ----------------------------

    def _rows_dot(self, a: Value, b: Value, c: Value) -> None:
        m = self.plan.m
        whole_end = m.n - m.n % _ROWS
        if whole_end:
            with self.f.loop(0, whole_end, _ROWS) as i:
                self._dots(self._at(a, i, m.a), b, self._at(c, i, m.c), _ROWS)
        if m.n % _ROWS:
            i = self.f.const("i64", whole_end)
            self._dots(self._at(a, i, m.a), b, self._at(c, i, m.c), m.n % _ROWS)

    def _dots(self, a: Value, b: Value, c: Value, rows: int) -> None:
        f, p = self.f, self.plan
        k, wide = p.k.n, 2 * self.wide if rows > 1 else 4 * self.wide
        whole_end = k - k % wide
        totals: list[Any] = [None] * rows
        if whole_end:
            sums = [Local(f, vector(self.type, wide), 0.0) for _ in range(rows)]
            with f.loop(0, whole_end, wide) as i:
                self._terms(a, b, i, wide, sums)
            totals = [folded(f, x.get(), "reduce_sum", self.dtype) for x in sums]
        if k % wide:
            left = [Local(f, vector(self.type, k % wide), 0.0) for _ in range(rows)]
            self._terms(a, b, f.const("i64", whole_end), k % wide, left)
            parts = [folded(f, x.get(), "reduce_sum", self.dtype) for x in left]
            totals = [y if x is None else x + y for x, y in zip(totals, parts, strict=True)]
        for r, total in enumerate(totals):
            store_lanes(f, total, self._at(c, r, p.m.c), 1, self.dtype)

    def _terms(self, a: Value, b: Value, i: Value, wide: int, sums: list[Local]) -> None:
        f, p = self.f, self.plan
        y = load_lanes(f, self._at(b, i, p.k.b), p.k.b, wide, self.dtype)  # 0 where it is repeated
        for r, total in enumerate(sums):
            x = load_lanes(f, self._at(self._at(a, i, p.k.a), r, p.m.a), 1, wide, self.dtype)
            total.set(f.fma(x, y, total.get()))

    # -- c = A b, A by columns: vectors along c --------------------------------------------------

    def _columns(self, a: Value, b: Value, c: Value) -> None:
        m, wide = self.plan.m, 4 * self.wide
        whole_end = m.n - m.n % wide
        if whole_end:
            with self.f.loop(0, whole_end, wide) as i:
                self._column_sum(self._at(a, i, 1), b, self._at(c, i, m.c), wide)
        if m.n % wide:
            i = self.f.const("i64", whole_end)
            self._column_sum(self._at(a, i, 1), b, self._at(c, i, m.c), m.n % wide)

    def _column_sum(self, a: Value, b: Value, c: Value, wide: int) -> None:
        f, p = self.f, self.plan
        total = Local(f, vector(self.type, wide), 0.0)
        with f.loop(0, p.k.n) as k:
            x = load_lanes(f, self._at(a, k, p.k.a), 1, wide, self.dtype)
            y = f.load(self.type, self._at(b, k, p.k.b))
            total.set(f.fma(x, y.splat(wide), total.get()))
        store_lanes(f, total.get(), c, p.m.c or 1, self.dtype)

    def _at(self, pointer: Value, i: Any, step: int) -> Value:
        f: Function = self.f
        place = i * step if isinstance(i, Value) else f.const("i64", i * step)
        return f.at(pointer, place, self.type)


HANDLERS = {
    "dot_general": Handler(_write, _refuses, registers=True),
    "inner": Handler(_write, _refuses, registers=True),
}
