"""Several steps of a scan at once, over arrays that no near cache holds.

A step of a simulation on a grid reads and writes whole arrays, and the next one fetches them all
from far away again. But a row of the next step needs only the rows around it of this one. So
blocks of rows go through several steps while they are near, each *sweep* (a nest of one of these
steps, or what an array begins as) a few rows behind the one before it. (M. Wolfe, "Loop skewing:
the wavefront method revisited", 1986.)

For threads, the rows are cut into bands. Where sweep g of two conflicts with a later one in rows
at most ``reach`` away, the rows that follow from a band's own alone are, in sweep g, those
``reach`` g away from its ends: bands do these by themselves, and then, again by themselves, the
borders between them are filled (split tiling: T. Grosser et al., "Split tiling for GPUs", 2013).
Nothing changes but the order: of two sweeps that touch the same row, the earlier one has done so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import gcd, lcm
from typing import Any

from funcgrad.backends.llvm.bands import DECLARED
from funcgrad.backends.llvm.elements import memory_type
from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.places import Memory, bytes_of, clear, copy_bytes, is_zero
from funcgrad.compiler.kernels import Init, Nest, Place
from funcgrad.compiler.views import View, whole
from funcgrad.compiler.walk import strides_of
from funcgrad.ir.jaxpr import Var

__all__ = ["Waves", "planned"]

_WORTH = 1 << 21  # bytes that a step goes over; less stays near anyhow
_NEAR = 1 << 19  # bytes that all sweeps have under way
_BLOCK = 1 << 15  # bytes of the block of one sweep
_FEWEST, _MOST = 3, 12  # steps at once
_BANDS, _WIDE = 16, 4  # of them, and their rows beside those that they lose


class _Access:
    """What of an array one round of a nest's first loop touches: from the element ``first`` to
    ``last``; with every round all of it moves by ``stride`` elements."""

    def __init__(self, root: Var, stride: int, first: int = 0, last: int = 0):
        self.root, self.stride, self.first, self.last = root, stride, first, last


class _Sweep:
    """A nest, or how a whole array begins; ``per_row`` of its rounds are a row."""

    def __init__(self, step: Any, writer: Any, rounds: int, bytes_used: int):
        self.step, self.writer, self.rounds, self.bytes = step, writer, rounds, bytes_used
        self.written: list[_Access] = []
        self.touched: list[_Access] = []  # these, and what is read
        self.per_row = 1

    @property
    def vector(self) -> int:
        """Rounds side by side where they are elements; the last of these are done once more."""
        flat = self.writer is not None and len(self.writer.extents) == 1
        return self.writer.width if flat else 1


def planned(child: Any, carried: dict[Var, Var], length: int) -> Waves | None:
    """How the steps of a loop go together; ``carried`` are its results and the inputs that these
    become in the next step. None where a step does something else, where rows far away are
    touched, or where it would not pay."""
    steps = child.schedule.steps
    changing = set(carried.values())
    changing.update(v for step in steps for v in _made(step))
    sweeps = []
    for k, step in enumerate(steps):
        if isinstance(step, Init) and step.start is None:
            continue
        sweep = _nest(child, step, changing) if isinstance(step, Nest) else _begun(child, step, k)
        if sweep is None:
            return None
        sweeps.append(sweep)
    if not sweeps or length < _FEWEST or sum(s.bytes for s in sweeps) < _WORTH:
        return None
    rows = _rows(sweeps, carried)
    if rows is None:
        return None
    waves = Waves(child, sweeps, length, _reach(sweeps, rows))
    return waves if waves.fits() else None


def _made(step: Any) -> list[Var]:
    """What a step makes in memory."""
    if isinstance(step, Init):
        return [step.target]
    return step.stored if isinstance(step, Nest) else []


def _begun(child: Any, step: Any, k: int) -> _Sweep | None:
    """A value that begins as zeros, or as another value, which lives on."""
    if not isinstance(step, Init):
        return None
    out, start = step.target, step.start
    found = _Sweep(step, None, out.aval.size, bytes_of(out.aval))
    found.written = found.touched = [_Access(out, 1)]
    if not isinstance(start, View):
        return found if is_zero(start) else None
    root = start.root
    lives = child.last.get(root) != k or root in child.kept
    if root.__class__ is not Var or root.aval.dtype != out.aval.dtype or not lives:
        return None
    found.touched = [*found.written, _Access(root, 1)]
    found.bytes += bytes_of(out.aval)
    return found if start.is_whole else None


def _nest(child: Any, nest: Nest, changing: set[Var]) -> _Sweep | None:
    """A nest of one stage, without sums and computed places."""
    writer = child.writer(nest)
    plain = len(nest.stages) == 1 and all(kind == "element" for kind in writer.kinds.values())
    single = len(writer.extents) == 1 and writer.cuts
    names = {x.prim.name for x in (*nest.items, *child.schedule.inline.values())
             if x.__class__ is not Place}  # fmt: skip
    if not plain or single or "gather" in names:
        return None
    written = [*map(whole, nest.stored), *(i.view for i in nest.items if isinstance(i, Place))]
    used = sum(bytes_of(root.aval) for root in writer.arguments)
    found = _Sweep(nest, writer, writer.extents[0], used)
    found.written = [_access(writer, view) for view in written]
    found.touched = [*found.written,
                     *(_access(writer, view) for view in _read(child, nest, changing))]  # fmt: skip
    return found


def _read(child: Any, nest: Nest, changing: set[Var]) -> Iterator[View]:
    """What of the arrays that the loop writes a nest reads, and does not make itself."""
    own = {v for item in nest.items if not isinstance(item, Place) for v in item.outvars}
    for item in nest.items:
        for view, _ in child.schedule._leaves(item):
            if view.root in changing and view.root not in own:
                yield view


def _access(writer: Any, view: View) -> _Access:
    stride, *inner = writer._along(strides_of(view))
    moves = [(n - 1) * s for n, s in zip(writer.extents[1:], inner, strict=True)]
    first, last = (view.offset + sum(f(x, 0) for x in moves) for f in (min, max))
    if len(writer.extents) == 1:
        first -= writer.width  # the last vector is moved back
    return _Access(view.root, stride, first, last)


def _rows(sweeps: list[_Sweep], carried: dict[Var, Var]) -> dict[Var, int] | None:
    """How many elements of each array are a row, so that all sweeps go through the rows of all
    arrays at the same pace; None where there is no such number."""
    rows: dict[Var, int] = {}
    for _ in range(2 + len(sweeps)):
        for s in sweeps:
            if min(a.stride for a in s.touched) <= 0:
                return None
            for a in s.touched:
                s.per_row = max(s.per_row, rows.get(a.root, 1) // a.stride)
            for a in s.touched:
                rows[a.root] = max(rows.get(a.root, 1), a.stride * s.per_row)
        for pair in carried.items():  # they share their places
            rows |= dict.fromkeys(pair, max(rows.get(v, 1) for v in pair))
    agree = all(a.stride * s.per_row == rows[a.root] for s in sweeps for a in s.touched)
    return rows if agree else None


def _reach(sweeps: list[_Sweep], rows: dict[Var, int]) -> int:
    """How many rows apart two sweeps can be and yet meet: what one writes, and what the other
    touches, each counted from its own row."""

    def away(a: _Access) -> int:
        row = rows[a.root]
        return max(0, -(a.first // row), -((a.stride - 1 - a.last) // row))

    far = max(away(a) for s in sweeps for a in s.touched)
    return far + max(away(a) for s in sweeps for a in s.written)


def _up(n: int, grain: int) -> int:
    return -(-n // grain) * grain


class Waves:
    """The sweeps of some steps, and the bands and blocks of rows in which they are done."""

    def __init__(self, child: Any, sweeps: list[_Sweep], length: int, reach: int):
        self.child, self.sweeps, self.length = child, sweeps, length
        self.rows = max(-(-s.rounds // s.per_row) for s in sweeps)
        grain = lcm(*[w // gcd(w, s.per_row) for s in sweeps if (w := s.vector)])  # whole vectors
        heaviest = max(s.bytes for s in sweeps) // self.rows
        self.block = _up(max(1, _BLOCK // max(1, heaviest)), grain)
        self.reach = _up(reach, grain)
        self.lag = -(-self.reach // self.block)  # blocks
        window = sum(s.bytes for s in sweeps) // self.rows * self.block * max(1, self.lag)
        slope = self.reach * len(sweeps)  # rows that a band is narrower after each step
        self.steps = min(_MOST, length, _NEAR // max(1, window),
                         self.rows // max(1, 4 * _WIDE * slope))  # fmt: skip
        count = min(_BANDS, self.rows // max(_WIDE * slope * self.steps, self.block)) // 4 * 4
        self.band = _up(-(-self.rows // max(1, count)), grain)
        self.bands = -(-self.rows // self.band)

    def fits(self) -> bool:
        """Whether several steps and bands come together."""
        return self.steps >= _FEWEST and self.bands > 1

    # -- the loop --------------------------------------------------------------------------------

    def write(self, enter: Callable[[Value], None]) -> None:
        """The loop over all steps; ``enter(t)`` says where step t finds and leaves its values."""
        f = self.child.f
        with f.loop(0, self.length, self.steps) as start:
            count = f.intrinsic("smin", self.length - start, f.const("i64", self.steps))
            with f.loop(0, count) as w:
                enter(start + w)
                given = self._given()
                stride = 8 * max(map(len, given))
                table = f.alloca("i64", self.steps * len(given) * stride // 8)
                row = f.at(table, w * (stride * len(given)))
                for values in given:
                    for k, x in enumerate(values):
                        f.store(x, f.at(row, 8 * k))
                    row = f.at(row, stride)
            sizes = (stride, self.rows, self.band, self.bands, self.reach, self.block, self.lag)
            self.child.module.declare("@waves", DECLARED)
            numbers = [f.const("i64", n) for n in sizes]
            f.call("waves", "void", table, count * len(given), *numbers)
        self._free()

    def _given(self) -> list[list[Value]]:
        """The rows of the table for one step."""
        child, sweeps, found = self.child, iter(self.sweeps), []
        for step in child.schedule.steps:
            for v in _made(step):
                child.allocate(v)
            if not (isinstance(step, Init) and step.start is None):
                found.append(self._called(next(sweeps)))
        return found

    def _free(self) -> None:
        child = self.child
        for step in child.schedule.steps:
            for v in _made(step):
                place = child.where[v]
                if isinstance(place, Memory) and place.offset is not None:
                    child.program.plan.give(place.offset)
                    place.offset = None

    def _called(self, s: _Sweep) -> list[Value]:
        """A row of the table: the sweep's function, and what that finds beside its address."""
        child = self.child
        if s.writer is None:
            values = [child.memory(a.root) for a in s.touched]
        else:
            values = [child.argument(root) for root in s.writer.arguments]
            values.append(child.program.status)
        name = child.program.name("sweep")
        f: Function = child.module.function(
            name, "void", ["ptr", "i64", "i64"], attributes="nounwind"
        )
        row, begin, end = f.args
        begin = begin * s.per_row
        end = f.intrinsic("smin", end * s.per_row, f.const("i64", s.rounds))
        args = [f.load(x.type, f.at(row, 8 * k)) for k, x in enumerate(values, 1)]
        with f.when(begin.lt(end)):
            self._rounds(f, s, args, begin, end)
        f.ret()
        return [Value(child.f, f"@{name}", "ptr"), *values]

    def _rounds(self, f: Function, s: _Sweep, args: list[Value], begin: Value, end: Value) -> None:
        if s.writer is not None:
            name = self.child.program.name("nest")
            s.writer.write(name)
            f.call(name, "void", *args, begin, end)
            return
        dtype = s.step.target.aval.dtype
        to, *source = [f.at(x, begin, memory_type(dtype)) for x in args]
        size = (end - begin) * dtype.itemsize
        if source:
            copy_bytes(f, to, source[0], size)
        else:
            clear(f, to, size)
