"""The loop over blocks that runs a nest through NumPy, a few rows at a time.

Each block is computed in a few small buffers, reused as soon as their content is dead, so that
intermediate values stay in the cache; results go straight to their place in whole arrays. Rows
are independent of one another: a block of rows runs all stages of a nest, with one number per
row (its axes kept as ones) between them. Sums over rows collect block by block.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from funcgrad import config
from funcgrad.backends import cupy
from funcgrad.compiler.kernels import Nest, Rules, Schedule
from funcgrad.compiler.nests import REDUCTIONS, reduced_axes, squeezed
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var

__all__ = ["Blocks", "steps", "write_blocks"]

_MINIMUM = 1024  # elements in the smallest block: a call costs as much as these
_ALIGNED = 64
_INNER = 4  # rows longer than this many blocks are not worth a loop over rows


# -- which equations ---------------------------------------------------------------------------


def _space(eqn: Eqn) -> tuple[int, ...]:
    return (eqn.invars if eqn.prim.name in REDUCTIONS else eqn.outvars)[0].aval.shape


def _fusible(eqn: Eqn) -> bool:
    """Whether the equation may be computed a few rows at a time."""
    if eqn.prim.family != "elementwise" and eqn.prim.name not in REDUCTIONS:
        return False
    shape = _space(eqn)
    if -1 in shape or 0 in shape:
        return False
    return prod(squeezed(shape)[1:]) <= _INNER * config.block_elements


def _never_again(eqn: Eqn) -> int:
    """Every operation is a pass over its operands: none is done twice."""
    return 1 << 30


def _is_large(eqn: Eqn) -> bool:
    return _fusible(eqn) and prod(_space(eqn)) >= config.block_minimum


def steps(jaxpr: Jaxpr) -> Sequence[Eqn | Blocks]:
    """The equations in an order that keeps nests together."""
    if sum(map(_is_large, jaxpr.eqns)) < 2:
        return jaxpr.eqns
    rules = Rules(_fusible, _never_again, config.block_minimum - 1, strides=False)
    schedule = Schedule(jaxpr, rules)
    return [
        step if step.__class__ is not Nest
        else Blocks(schedule, step) if len(step.items) > 1 else step.items[0]
        for step in schedule.steps
    ]  # fmt: skip


class Blocks:
    """A nest as a step of the program: what it reads from outside, and what it leaves there."""

    __slots__ = ("eqns", "invars", "levels", "outer", "outvars", "reads", "source", "space")

    def __init__(self, schedule: Schedule, nest: Nest):
        self.eqns: list[Eqn] = nest.items
        self.space, self.outer = nest.space, nest.outer
        self.source = self.eqns[0].source
        self.levels = {v: schedule.homes[v].level for eqn in self.eqns for v in eqn.outvars}
        self.reads: list[list[Any]] = []  # an equation's atoms, shaping inside the nest removed
        for eqn in self.eqns:
            views = zip(eqn.invars, schedule.operands(eqn), strict=True)
            self.reads.append([
                view.root if view.root in self.levels and schedule.inside(view, nest) else v
                for v, view in views
            ])  # fmt: skip
        read = dict.fromkeys(v for atoms in self.reads for v in atoms if v.__class__ is Var)
        self.invars = tuple(v for v in read if v not in self.levels)
        self.outvars = tuple(nest.stored)


# -- buffers -----------------------------------------------------------------------------------


class Buffers:
    """Block buffers by dtype; one that nobody reads any more is handed out again."""

    def __init__(self) -> None:
        self.free: dict[Any, list[int]] = {}
        self.dtypes: list[Any] = []
        self.holds: dict[Any, int] = {}

    def take(self, v: Any) -> int:
        free = self.free.setdefault(v.aval.dtype, [])
        if not free:
            free.append(len(self.dtypes))
            self.dtypes.append(v.aval.dtype)
        k = self.holds[v] = free.pop()
        return k

    def give(self, v: Any) -> None:
        k = self.holds.pop(v, None)
        if k is not None:
            self.free[self.dtypes[k]].append(k)


# -- the loop ----------------------------------------------------------------------------------


class _Loop:
    """The parts of one loop, before they are put together."""

    def __init__(self, w: Any, nest: Blocks):
        self.w, self.nest = w, nest
        self.rank, self.length = len(nest.space), nest.space[0]
        self.made = {eqn.outvars[0]: k for k, eqn in enumerate(nest.eqns)}
        self.last: dict[Any, int] = {
            v: k for k, atoms in enumerate(nest.reads) for v in atoms if v.__class__ is Var
        }
        self.buffers = Buffers()
        self.body: list[str] = []
        self.line = nest.source
        self.operands: dict[Any, str] = {}
        self.whole: dict[Var, str] = {}
        self.parts: dict[Eqn, str] = {}
        self.i, self.j, self.buffer = w.local("i"), w.local("j"), w.local("buffer")

    def _form(self, v: Var) -> tuple[int, ...]:
        """The shape that a value's whole array has in the loop."""
        nest, level = self.nest, self.nest.levels[v]
        if level == "element":
            return nest.space
        if level == "row":
            return (*nest.space[: nest.outer], *(1,) * (self.rank - nest.outer))
        axes = reduced_axes(nest.eqns[self.made[v]])
        return tuple(n for a, n in enumerate(nest.space) if a not in axes)

    # -- operands ------------------------------------------------------------------------------

    def operand(self, v: Any, eqn: Eqn) -> str:
        """The name of an operand inside the loop: its block, or all of it where it broadcasts."""
        w = self.w
        if v.__class__ is Literal or v in self.nest.levels:
            return str(w.atom(v))
        shape = self._lined(v, eqn)
        name = self.operands.get((v, shape))
        if name is None:
            name = w.names[v]
            if shape != v.aval.shape:
                name = w.local(name + "_r")
                w.write(f"{name} = {w.names[v]}.reshape({shape})")
            if len(shape) == self.rank and shape[0] == self.length:
                block = w.local(w.names[v] + "_")
                self.body.append(f"{block} = {name}[{self.i}:{self.j}]")
                name = block
            self.operands[v, shape] = name
        return str(name)

    def _lined(self, v: Var, eqn: Eqn) -> tuple[int, ...]:
        """The operand's shape in terms of the nest's axes; what broadcasts rightly stays."""
        target, own = _space(eqn), v.aval.shape
        out = eqn.outvars[0]
        form = self.nest.space if eqn.prim.name in REDUCTIONS else self._form(out)
        if target == form or not own:
            return own  # type: ignore[no-any-return]
        padded = (1,) * (len(target) - len(own)) + own
        kept = tuple(n for n, m in zip(padded, target, strict=True) if m != 1)
        return kept + form[len(squeezed(target)) :]

    # -- equations -----------------------------------------------------------------------------

    def equation(self, k: int, eqn: Eqn) -> None:
        out, atoms = eqn.outvars[0], self.nest.reads[k]
        args = [self.operand(v, eqn) for v in atoms]
        ends = [v for v in dict.fromkeys(atoms) if self.last.get(v) == k]
        if eqn.source is not None and eqn.source != self.line:
            self.line = eqn.source
            self.body.append(f"# {eqn.source}")
        if eqn.prim.name in REDUCTIONS:
            self.reduction(eqn, args[0])
        else:
            self.elements(eqn, args, ends)
        for v in ends:
            self.buffers.give(v)
        if out not in self.last:  # nothing else reads it
            self.buffers.give(out)

    def elements(self, eqn: Eqn, args: list[str], ends: list[Any]) -> None:
        w, out = self.w, eqn.outvars[0]
        target = f"{self.whole[out]}[{self.i}:{self.j}]" if out in self.whole else None
        if w.callee(eqn) is None:
            self.body.append(f"{w.names[out]} = {w.expression(eqn, args)}")
            if target is not None:
                self.body.append(f"{target} = {w.names[out]}")
            return
        if target is None and self.nest.levels[out] == "element":
            for v in ends:  # an operand that ends here may be overwritten
                self.buffers.give(v)
            target = f"{self.buffer}{self.buffers.take(out)}"
        self.body.append(f"{w.names[out]} = {w.expression(eqn, args, target)}")

    def reduction(self, eqn: Eqn, x: str) -> None:
        w, out, level = self.w, eqn.outvars[0], self.nest.levels[eqn.outvars[0]]
        reduce, name = self._reducer(eqn), w.names[eqn.outvars[0]]
        axes = reduced_axes(eqn)
        where: Any = axes[0] if len(axes) == 1 else axes
        if level == "row":
            self.body.append(f"{name} = {reduce}({x}, {where}, keepdims=True)")
            if out in self.whole:
                self.body.append(f"{self.whole[out]}[{self.i}:{self.j}] = {name}")
        elif level == "full":
            self.body.append(f"{self.parts[eqn]}.append({reduce}({x}, {where}))")
        elif out in self.whole:
            self.body.append(f"{self.whole[out]}[{self.i}:{self.j}] = {reduce}({x}, {where})")
        else:
            both = w.bind(eqn.prim.ufunc, getattr(w.xp, str(eqn.prim.ufunc)))
            part = f"{reduce}({x}, {where})"
            self.body.append(f"{name} = {both}({name}, {part}) if {self.i} else {part}")

    def _reducer(self, eqn: Eqn) -> str:
        ufunc = eqn.prim.ufunc
        return str(self.w.bind(f"{ufunc}_reduce", cupy.reducer(self.w.xp, str(ufunc), "reduce")))

    # -- the whole -----------------------------------------------------------------------------

    def write(self) -> None:
        w, nest = self.w, self.nest
        for k, eqn in enumerate(nest.eqns):
            level = nest.levels[eqn.outvars[0]]
            if level == "full":
                self.parts[eqn] = w.local("parts")
            elif eqn.outvars[0] in nest.outvars and not self._collects(eqn):
                self.whole[eqn.outvars[0]] = self._whole(eqn.outvars[0], k)
        for k, eqn in enumerate(nest.eqns):
            self.equation(k, eqn)
        self._frame(self._rows())
        for v in nest.outvars:
            name = self.whole.get(v, w.names[v])
            if self._form(v) != v.aval.shape:
                name = f"{name}.reshape({v.aval.shape})"
            if name != w.names[v]:
                w.write(f"{w.names[v]} = {name}")
            if v.aval.shape:
                w.memory.owned.add(v)

    def _collects(self, eqn: Eqn) -> bool:
        """Whether rows are summed: no block's result has a place of its own."""
        return eqn.prim.name in REDUCTIONS and 0 in reduced_axes(eqn)

    def _whole(self, v: Var, k: int) -> str:
        w, form = self.w, self._form(v)
        name = str(w.local(w.names[v] + "_all"))
        spare = self._spare(v, k)
        if spare is None:
            w.write(f"{name} = {w.bind('empty', w.xp.empty)}({form}, {w.dtype(v.aval.dtype)})")
            return name
        w.memory.owned.discard(spare)
        same = spare.aval.shape == form
        w.write(f"{name} = {w.names[spare]}{'' if same else f'.reshape({form})'}")
        return name

    def _spare(self, out: Var, made: int) -> Any:
        """An array that dies here, read in the loop no later than ``out`` is written."""
        for v in self.nest.invars:
            if self.w.memory.reusable(v, 1, out.aval) and self.last[v] <= made:
                return v
        return None

    def _rows(self) -> int:
        """Rows in a block: fewer where many buffers have to share the cache."""
        inner = prod(self.nest.space[1:])
        bytes_each = sum(d.itemsize for d in self.buffers.dtypes) * inner
        rows = min(config.block_elements // inner, config.block_bytes // max(1, bytes_each))
        rows = max(1, _MINIMUM // inner, rows)
        return rows - rows % _ALIGNED if rows > _ALIGNED else rows

    def _frame(self, rows: int) -> None:
        w, n = self.w, self.length
        block = (rows, *self.nest.space[1:])
        names = [f"{self.buffer}{k}" for k in range(len(self.buffers.dtypes))]
        for name, dtype in zip(names, self.buffers.dtypes, strict=True):
            w.write(f"{name} = {w.bind('empty', w.xp.empty)}({block}, {w.dtype(dtype)})")
        for name in self.parts.values():
            w.write(f"{name} = []")
        w.write(f"for {self.i} in range(0, {n}, {rows}):")
        indent, w.indent = w.indent, w.indent + "    "
        w.write(f"{self.j} = min({self.i} + {rows}, {n})")
        if n % rows and names:
            short = [f"{name}[:{n % rows}]" for name in names]
            w.write(f"if {self.j} - {self.i} < {rows}:")
            w.write(f"    {', '.join(names)} = {', '.join(short)}")
        for line in self.body:
            w.write(line)
        w.indent = indent
        for eqn, name in self.parts.items():
            array = w.bind("array", w.xp.array)
            w.write(f"{w.names[eqn.outvars[0]]} = {self._reducer(eqn)}({array}({name}))")


def write_blocks(w: Any, nest: Blocks) -> None:
    _Loop(w, nest).write()
