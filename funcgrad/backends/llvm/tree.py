"""A tree of decisions as one native function.

A choice compares a value with the outcomes that are known; every branch goes on with its own
segment, or ends with the program that stores the outputs. What is not known ends with a status
that sends the call back to Python.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from funcgrad.backends.forks import Choice, Segment, Tree
from funcgrad.backends.llvm.elements import convert
from funcgrad.backends.llvm.ir import Function, Module, Value, is_float
from funcgrad.backends.llvm.native import bound, run_into
from funcgrad.backends.llvm.places import Memory
from funcgrad.backends.llvm.scope import Program, Scope
from funcgrad.ir.jaxpr import Jaxpr, Literal, Var

__all__ = ["written_tree"]


class _Held(NamedTuple):
    """Where a value is; ``offset`` and ``size`` where that is a place in the arena."""

    place: Any
    offset: int | None = None
    size: int = 0


def written_tree(module: Module, name: str, tree: Tree, vector_bits: int) -> int:
    """Write ``i32 name(ptr ins, ptr outs, ptr arena)``; returns the bytes of scratch memory."""
    f = module.function(name, "i32", ["ptr"] * 3, attributes="nounwind", linkage="")
    return _Writer(f, tree, vector_bits).write()


class _Writer:
    def __init__(self, f: Function, tree: Tree, vector_bits: int):
        ins, outs, arena = f.args
        self.f, self.tree = f, tree
        self.program = Program(f.module, f, arena, vector_bits)
        self.inputs = {
            v: bound(f, f.load("ptr", f.at(ins, 8 * k)), v) for k, v in enumerate(tree.inputs)
        }
        self.outs = [f.load("ptr", f.at(outs, 8 * k)) for k in range(len(tree.outputs))]
        self.unknown = f.label("unknown")
        self.todo: list[tuple[str, Any, dict[Var, _Held]]] = []

    def write(self) -> int:
        f = self.f
        self.path(self.tree.start, {})
        while self.todo:
            label, node, held = self.todo.pop()
            f.begin(label)
            self.path(node, held)
        f.begin(self.unknown)
        f.ret(f.const("i32", 1))
        return self.program.plan.size

    def path(self, node: Any, held: dict[Var, _Held]) -> None:
        """Segments in a row, up to a choice, whose branches are written later, or an end."""
        while node.__class__ is Segment:
            self.enter(node, held)
            held = held | self.segment(node, held)
            node = node.next
        if node is None:
            self.f.jump(self.unknown)
        elif node.__class__ is Choice:
            self.choice(node, held)
        else:
            self.enter(node, held)
            scope = self.scope(node.jaxpr, held)
            run_into(scope, node.jaxpr, self.outs)
            self.f.ret(self.f.load("i32", self.program.status))

    def enter(self, node: Any, held: dict[Var, _Held]) -> None:
        """Only what is read from here on keeps its memory: branches may share the rest."""
        self.program.plan.used = {
            x.offset: x.size for v, x in held.items() if x.offset is not None and v in node.needs
        }

    def scope(self, jaxpr: Jaxpr, held: dict[Var, _Held]) -> Scope:
        scope = Scope(self.program, jaxpr)
        for v in jaxpr.invars:
            scope.bind(v, self.place(v, held))
        return scope

    def place(self, v: Var, held: dict[Var, _Held]) -> Any:
        if v in self.inputs:
            return self.inputs[v]
        place = held[v].place  # of an earlier segment: this one may not write there
        return Memory(place.pointer) if isinstance(place, Memory) else place

    def segment(self, node: Segment, held: dict[Var, _Held]) -> dict[Var, _Held]:
        scope = self.scope(node.jaxpr, held)
        scope.run()
        made = {}
        for v, raw, out in zip(node.made, node.jaxpr.outvars, scope.schedule.outs, strict=True):
            if raw.__class__ is Literal or scope.small(raw):
                made[v] = _Held(convert(scope.register(raw), raw.aval.dtype, v.aval.dtype))
                continue
            place = scope.where[out]
            size = 0 if place.offset is None else self.program.plan.used[place.offset]
            made[v] = _Held(place, place.offset, size)
        fine = self.f.label("fine")
        failed = self.f.load("i32", self.program.status).ne(0)
        self.f.branch(failed, self.unknown, fine, likely=False)
        self.f.begin(fine)
        return made

    def choice(self, node: Choice, held: dict[Var, _Held]) -> None:
        f = self.f
        x = _asked(self.place(node.var, held), node.var.aval.dtype, node.how)
        for outcome, part in node.branches:
            yes, no = f.label("branch"), f.label("other")
            f.branch(x.eq(outcome), yes, no)
            self.todo.append((yes, part, held))
            f.begin(no)
        f.jump(self.unknown)


def _asked(x: Value, dtype: Any, how: str) -> Value:
    """What Python reads of a number, to be compared with what it read before.

    Dictionaries find an outcome by ``==``, so that -0.0 is 0.0 and NaN is never found, as here.
    """
    if how == "bool":
        return x if x.type == "i1" else x.ne(0)
    if how == "int" and is_float(x.type):
        return x.f.intrinsic("trunc", x)
    if how == "float":
        return convert(x, dtype, np.dtype(np.float64))
    return x
