"""What a kernel computes for one element: reads of memory, of its own values, of what is made
or pieced together where it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from funcgrad.backends.cuda.elements import RULES, element
from funcgrad.backends.cuda.types import BOOL, convert, number, type_of
from funcgrad.compiler.gathers import layout, spread
from funcgrad.compiler.pieces import PIECEWISE, Piece, pieces
from funcgrad.compiler.views import View, axes_of, contiguous, whole
from funcgrad.compiler.walk import Walk, strides_of
from funcgrad.ir.jaxpr import Eqn, Literal

__all__ = ["Values"]

_INT = np.dtype(np.int64)


class Values(Walk):
    """Statements for one element at the current indices; ``memo`` holds what is known there."""

    lines: list[str]
    memo: dict[Any, str]
    sums: dict[Any, str]  # what reductions have so far
    index: list[str]  # of every loop
    params: dict[Any, str]  # name of every root in memory
    made: dict[Any, Eqn]  # the equations of the nest's own values
    scratch: dict[Any, str]  # buffers of a row, for values that wait for a later stage
    lane: str  # the current element's place in them
    checks: list[Any]  # of gathers: what to report where an index is wrong

    # -- writing -------------------------------------------------------------------------------

    def open(self) -> None:
        self.depth = 1
        self.lines, self.names = [], 0
        self.memo, self.sums, self.scratch, self.lane = {}, {}, {}, ""
        self.index = [""] * len(self.extents)

    def write(self, line: str) -> None:
        self.lines.append("  " * self.depth + line)

    def name(self, stem: str) -> str:
        self.names += 1
        return f"{stem}{self.names}"

    def let(self, dtype: Any, text: str) -> str:
        """A name for the value of an expression."""
        if text.isidentifier():
            return text
        name = self.name("t")
        self.write(f"const {type_of(dtype)} {name} = {text};")
        return name

    # -- reading -------------------------------------------------------------------------------

    def read(self, view: View) -> str:
        """The element that a view shows at the current indices."""
        root = view.root
        if root.__class__ is Literal:
            return number(root.value, root.aval.dtype)
        if root in self.own:
            return self._own(root)
        key = (root, view.offset, strides_of(view), None if view.axes is None else str(view.axes))
        if key not in self.memo:
            eqn = self.schedule.inline.get(root)
            text = self.load(view) if eqn is None else self.computed(eqn, view)
            self.memo[key] = self.let(root.aval.dtype, text)
        return self.memo[key]

    def _own(self, root: Any) -> str:
        """A value of this nest: of this element, of this row, or of an earlier stage."""
        if root not in self.memo:
            self.memo[root] = self.let(root.aval.dtype, self.own_text(root))
        return self.memo[root]

    def own_text(self, root: Any) -> str:
        if root in self.stored:
            return self.load(whole(root))
        if root in self.crossing:
            return f"{self.scratch[root]}[{self.lane}]"
        return self.computed(self.made[root], whole(root))

    def load(self, view: View) -> str:
        return f"{self.params[view.root]}[{self.address(view.offset, strides_of(view))}]"

    def address(self, offset: int, strides: tuple[int, ...]) -> str:
        """Where the current element of a view lies, counted in elements."""
        steps = zip(self.index, self._along(strides), strict=True)
        terms = [i if s == 1 else f"{i} * {s}" for i, s in steps if s and i]
        return _sum(offset, terms)

    def axis(self, axis: tuple[int, Sequence[tuple[int, int]]], view: View) -> str:
        """The index along one axis of a root, from the indices of the loops."""
        start, moves = axis
        kept = [a for a, n in enumerate(view.shape) if n != 1]
        terms = []
        for a, step in moves:
            i = self.index[self.loop_of[kept.index(a)]]
            terms.append(i if step == 1 else f"{i} * {step}")
        return _sum(start, terms)

    # -- equations -------------------------------------------------------------------------------

    def computed(self, eqn: Eqn, view: View) -> str:
        """An equation's element where ``view`` looks at its result."""
        name, out = eqn.prim.name, eqn.outvars[0].aval.dtype
        if name in ("iota", "eye"):
            return self._counted(eqn, view)
        if name == "gather":
            return self._gathered(eqn)
        if name in PIECEWISE:
            return self._pieced(eqn, view)
        xs = [self.read(v) for v in self.schedule.inner_reads(eqn, view)]
        if name == "full":
            return convert(xs[0], eqn.invars[0].aval.dtype, out)
        return element(eqn, xs)

    def _counted(self, eqn: Eqn, view: View) -> str:
        axes = axes_of(view)
        assert axes is not None
        dtype = eqn.outvars[0].aval.dtype
        if eqn.prim.name == "iota":
            at = self.axis(axes[eqn.params["axis"]], view)
            return convert(f"(long long)({at})", _INT, dtype)
        row, column = (self.axis(axis, view) for axis in axes)
        return convert(f"({row} == {column})", BOOL, dtype)

    # -- pieces ----------------------------------------------------------------------------------

    def _pieced(self, eqn: Eqn, view: View) -> str:
        """One thing inside a box, another outside; only what is asked for is computed."""
        piece = pieces(self.schedule, eqn, view)
        dtype = eqn.outvars[0].aval.dtype
        limits = self._limits(piece, view)
        if limits == []:
            return self._inside(piece, dtype, self._outside(piece, dtype) if piece.adds else "")
        outside = self._outside(piece, dtype)
        if limits is None:
            return outside
        result = self.name("p")
        self.write(f"{type_of(dtype)} {result} = {outside};")
        self.write(f"if ({' && '.join(limits)}) {{")
        memo, self.memo, self.depth = self.memo, dict(self.memo), self.depth + 1
        self.write(f"{result} = {self._inside(piece, dtype, outside)};")
        self.memo, self.depth = memo, self.depth - 1
        self.write("}")
        return result

    def _limits(self, piece: Piece, view: View) -> list[str] | None:
        """The conditions for being inside; None where nothing is."""
        if piece.inside is None:
            return None
        kept = [a for a, n in enumerate(view.shape) if n != 1]
        found = []
        for axis, first, last in piece.box:
            if axis in kept:
                i, n = self.index[self.loop_of[kept.index(axis)]], view.shape[axis]
                found += [f"{i} >= {first}"] * (first > 0) + [f"{i} < {last}"] * (last < n)
            elif not first <= 0 < last:  # the only index is 0
                return None
        return found

    def _outside(self, piece: Piece, dtype: Any) -> str:
        x = piece.outside
        if x is None:
            return number(0, dtype)
        return self.let(dtype, convert(self.read(x), x.root.aval.dtype, dtype))

    def _inside(self, piece: Piece, dtype: Any, outside: str) -> str:
        assert piece.inside is not None
        x = convert(self.read(piece.inside), piece.inside.root.aval.dtype, dtype)
        return RULES["add"]([outside, x], dtype, {}) if piece.adds else x

    # -- gathers ---------------------------------------------------------------------------------

    def _gathered(self, eqn: Eqn) -> str:
        """The element of a gather: every place is checked, and none outside is read."""
        table, *arrays = self.schedule.operands(eqn)
        shapes = tuple(v.aval.shape for v in eqn.invars[1:])
        axes, found = layout(eqn.invars[0].aval.shape, eqn.params["items"], shapes)
        out = eqn.outvars[0]
        result = View(out, 0, contiguous(out.aval.shape), out.aval.shape)
        places = [self._place(spread(view, found, out.aval.shape)) for view in arrays]
        offset, terms = table.offset, []
        for k, (axis, stride) in enumerate(zip(axes, table.strides, strict=True)):
            if axis.array is not None:
                self.checks.append((k, axis.extent, eqn.source))
                code = len(self.checks)
                at = (
                    f"checked({places[axis.array]}, {axis.extent}, {code}, {self.params['status']})"
                )
                terms.append(f"{self.let(_INT, at)} * {stride}")
            elif axis.out is not None and out.aval.shape[axis.out] != 1:
                i = self.axis((axis.start, [(axis.out, axis.step)]), result)
                terms.append(f"({i}) * {stride}")
            else:
                offset += (axis.fixed if axis.out is None else axis.start) * stride
        return f"{self.params[table.root]}[{_sum(offset, terms)}]"

    def _place(self, view: View) -> str:
        return convert(self.read(view), view.root.aval.dtype, _INT)


def _sum(offset: int, terms: list[str]) -> str:
    text = " + ".join(terms)
    if not terms or offset > 0:
        return f"{offset}{' + ' * bool(terms)}{text}"
    return f"{text} - {-offset}" if offset else text
