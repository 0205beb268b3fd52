"""The loop over blocks that runs a group of elementwise equations.

Each block is computed in a few small buffers, reused as soon as their content is dead, so that
intermediate values stay in the cache; results go straight to their place in whole arrays.
"""

from __future__ import annotations

from math import prod
from typing import Any

from funcgrad import config
from funcgrad.backends import cupy
from funcgrad.compiler.groups import Group
from funcgrad.ir.jaxpr import Eqn, Literal, Var

__all__ = ["write_group"]

_UFUNCS = {"reduce_sum": "add", "reduce_max": "maximum", "reduce_min": "minimum"}
_MINIMUM = 1024  # elements in the smallest block: a call costs as much as these
_ALIGNED = 64


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


class _Loop:
    """The parts of one loop, before they are put together."""

    def __init__(self, w: Any, group: Group):
        self.w, self.group = w, group
        self.own = {eqn.outvars[0] for eqn in group.eqns}
        self.last: dict[Any, int] = {
            v: i for i, eqn in enumerate(group.eqns) for v in eqn.invars if v.__class__ is Var
        }
        for v in group.outvars:
            self.last.pop(v, None)
        self.buffers = Buffers()
        self.body: list[str] = []
        self.sliced: dict[Var, str] = {}

    # -- operands ------------------------------------------------------------------------------

    def atom(self, v: Any) -> str:
        """The name of an operand inside the loop: its block, or all of it where it broadcasts."""
        w, shape = self.w, self.group.shape
        if v.__class__ is Literal or v in self.own:
            return str(w.atom(v))
        if len(v.aval.shape) < len(shape) or v.aval.shape[0] != shape[0]:
            return str(w.atom(v))
        name = self.sliced.get(v)
        if name is None:
            name = self.sliced[v] = w.local(w.names[v] + "_")
            self.body.append(f"{name} = {w.names[v]}[{self.i}:{self.j}]")
        return name

    # -- equations -----------------------------------------------------------------------------

    def equation(self, k: int, eqn: Eqn, whole: dict[Var, str]) -> None:
        w, out = self.w, eqn.outvars[0]
        args = [self.atom(v) for v in eqn.invars]
        ends: list[Any] = [v for v in dict.fromkeys(eqn.invars) if self.last.get(v) == k]
        callee = w.callee(eqn)
        if callee is None:
            target = None
        elif out in whole:
            target = f"{whole[out]}[{self.i}:{self.j}]"
        else:
            for v in ends:  # an operand that ends here may be overwritten
                self.buffers.give(v)
            target = f"{self.buffer}{self.buffers.take(out)}"
        self.body.append(f"{w.names[out]} = {w.expression(eqn, args, target)}")
        if target is None and out in whole:
            self.body.append(f"{whole[out]}[{self.i}:{self.j}] = {w.names[out]}")
        for v in ends:
            self.buffers.give(v)

    def reduction(self, eqn: Eqn, parts: str) -> None:
        w = self.w
        ufunc = _UFUNCS[eqn.prim.name]
        reduce = w.bind(f"{ufunc}_reduce", cupy.reducer(w.xp, ufunc, "reduce"))
        (x,), axes = eqn.invars, eqn.params["axes"]
        self.body.append(f"{parts}.append({reduce}({w.names[x]}, {axes}))")

    # -- the whole -----------------------------------------------------------------------------

    def write(self) -> None:
        w, group = self.w, self.group
        self.i, self.j = w.local("i"), w.local("j")
        self.buffer = w.local("buffer")
        folded = {eqn.outvars[0] for eqn in group.reductions}
        whole = {v: self._whole(v) for v in group.outvars if v not in folded}
        parts = {eqn: w.local("parts") for eqn in group.reductions}
        for k, eqn in enumerate(group.eqns):
            self.equation(k, eqn, whole)
            for each in group.reductions:
                if each.invars[0] is eqn.outvars[0]:
                    self.reduction(each, parts[each])
            if eqn.outvars[0] not in self.last:  # nothing else reads it
                self.buffers.give(eqn.outvars[0])
        rows = self._rows()
        self._frame(rows, parts)
        for v, name in whole.items():
            w.write(f"{w.names[v]} = {name}")
            w.memory.owned.add(v)
        for eqn, name in parts.items():
            reduce = w.bind(f"{_UFUNCS[eqn.prim.name]}_reduce", None)
            w.write(f"{w.names[eqn.outvars[0]]} = {reduce}({w.bind('array', w.xp.array)}({name}))")

    def _whole(self, v: Var) -> str:
        w = self.w
        name = str(w.local(w.names[v] + "_all"))
        spare = self._spare(v)
        if spare is not None:
            w.memory.owned.discard(spare)
            w.write(f"{name} = {w.names[spare]}")
            return name
        w.write(f"{name} = {w.bind('empty', w.xp.empty)}({v.aval.shape}, {w.dtype(v.aval.dtype)})")
        return name

    def _spare(self, out: Var) -> Any:
        """An array that dies here, read in the loop no later than ``out`` is written."""
        made = next(k for k, eqn in enumerate(self.group.eqns) if eqn.outvars[0] is out)
        for v in self.group.invars:
            if self.w.memory.reusable(v, 1, out.aval) and self.last[v] <= made:
                return v
        return None

    def _rows(self) -> int:
        """Rows in a block: fewer where many buffers have to share the cache."""
        inner = prod(self.group.shape[1:])
        bytes_each = sum(d.itemsize for d in self.buffers.dtypes) * inner
        rows = min(self.group.rows, config.block_bytes // max(1, bytes_each))
        rows = max(1, _MINIMUM // inner, rows)
        return rows - rows % _ALIGNED if rows > _ALIGNED else rows

    def _frame(self, rows: int, parts: dict[Eqn, str]) -> None:
        w, n = self.w, self.group.shape[0]
        block = (rows, *self.group.shape[1:])
        names = [f"{self.buffer}{k}" for k in range(len(self.buffers.dtypes))]
        for name, dtype in zip(names, self.buffers.dtypes, strict=True):
            w.write(f"{name} = {w.bind('empty', w.xp.empty)}({block}, {w.dtype(dtype)})")
        for name in parts.values():
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


def write_group(w: Any, group: Group) -> None:
    _Loop(w, group).write()
