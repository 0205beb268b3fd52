"""One jaxpr inside a native function: where its values are, and the steps that make them.

A value is in a register (one number, or a vector of up to ``SMALL``) or in memory: an argument's,
an output's, or a place in the program's arena that is handed on as soon as nobody reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from funcgrad.backends.llvm import arrays, dots, linalg, loops, parallel, registers
from funcgrad.backends.llvm.arena import Arena
from funcgrad.backends.llvm.elements import has_rule, memory_type, register_type, weight
from funcgrad.backends.llvm.far import read_back
from funcgrad.backends.llvm.ir import Function, Local, Module, Value, vector
from funcgrad.backends.llvm.lanes import load_lanes, store_lanes
from funcgrad.backends.llvm.nest import NestWriter
from funcgrad.backends.llvm.places import Memory, bytes_of, copy_view, fill, places
from funcgrad.backends.llvm.reduce import combine
from funcgrad.compiler.accumulate import accumulated
from funcgrad.compiler.kernels import Init, Nest, Place, Rules, Schedule
from funcgrad.compiler.nests import identity
from funcgrad.compiler.simplify import simplify
from funcgrad.compiler.views import View
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var, jaxprs_in

__all__ = ["SMALL", "Program", "Scope", "is_small", "why_not"]

SMALL = 16
"""Arrays of up to this many elements are vectors in registers."""


def is_small(aval: Any) -> bool:
    return bool(0 < aval.size <= SMALL) or not aval.shape


# -- what is lowered -------------------------------------------------------------------------

HANDLERS: dict[str, Any] = {
    **dots.HANDLERS, **loops.HANDLERS, **arrays.HANDLERS, **linalg.HANDLERS,
}  # fmt: skip
_KERNEL = {
    "reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or", "gather",
    "iota", "full", "eye", "embed", "put", "add_at", "pad", "concatenate", "reshape", "transpose",
    "broadcast_to", "index", "flip",
}  # fmt: skip


_ONTO = {"scatter", "dot_onto", "dot_into"}  # the first operand is what the result begins as


def why_not(eqn: Eqn) -> str | None:
    """Why an equation is not lowered, or None where it is."""
    for v in (*eqn.invars, *eqn.outvars):
        aval = v.aval
        if register_type(aval.dtype) is None:
            return f"{aval.dtype.name} has no native form"
        if not aval.size or -1 in aval.shape:
            return "an array without elements" if -1 not in aval.shape else "a size known late"
    name = eqn.prim.name
    if eqn.prim.family == "elementwise":
        return None if has_rule(eqn) else f"{name} has no native form"
    if name in _KERNEL:
        return None
    if name not in HANDLERS:
        return f"{name} has no native form"
    for jaxpr in jaxprs_in(eqn.params):
        for inner in simplify(jaxpr).eqns:
            reason = why_not(inner)
            if reason is not None:
                return reason
    return HANDLERS[name].refuses(eqn)  # type: ignore[no-any-return]


def _fusible(eqn: Eqn) -> bool:
    return eqn.prim.name in _KERNEL or eqn.prim.family == "elementwise"


# -- programs --------------------------------------------------------------------------------


class Program:
    """What all scopes of one native function share."""

    def __init__(self, module: Module, f: Function, arena: Value, vector_bits: int):
        self.module, self.f, self.arena = module, f, arena
        self.vector_bits = vector_bits
        self.plan = Arena()
        self.status = f.alloca("i32")
        f.store(f.const("i32", 0), self.status)
        self.kernels = 0

    def name(self, stem: str) -> str:
        self.kernels += 1
        return f"{stem}_{self.kernels}"


class Scope:
    """A jaxpr's equations as instructions of the program's function."""

    def __init__(self, program: Program, jaxpr: Jaxpr, parent: Scope | None = None):
        self.program, self.parent = program, parent
        jaxpr = accumulated(jaxpr)
        self.f, self.module = program.f, program.module
        self.schedule = jaxpr.derive(
            ("schedule", SMALL), lambda: Schedule(jaxpr, Rules(_fusible, weight, SMALL))
        )
        self.where: dict[Any, Any] = {}  # root -> Value, Local or Memory
        self.spilled: dict[Any, Value] = {}
        self.destination: dict[Var, Memory] = {}
        self.last: dict[Any, int] = {}
        for k, step in enumerate(self.schedule.steps):
            for root in self.schedule.reads(step):
                self.last[root] = k
        self.kept = {v for v in self.schedule.outs if v.__class__ is Var}
        self.begins = dict(self._begins())
        self.products: list[Any] = []  # made, and not yet called

    def _begins(self) -> Iterator[tuple[Var, tuple[int, Any]]]:
        """What is written onto another value: in which step, and that value's view."""
        for k, step in enumerate(self.schedule.steps):
            if isinstance(step, Init):
                yield step.target, (k, step.start)
            elif isinstance(step, Eqn) and step.prim.name in _ONTO:
                yield step.outvars[0], (k, self.schedule.stored(step.invars[0]))

    # -- values ------------------------------------------------------------------------------------

    def bind(self, v: Var, place: Any) -> None:
        """Say where an input or a result is."""
        self.where[v] = place

    def number(self, literal: Literal) -> Value:
        return self.f.const(register_type(literal.aval.dtype) or "", literal.value)

    def in_register(self, root: Any) -> bool:
        place = self.where.get(root)
        return root.aval.size == 1 and isinstance(place, Value | Local)

    def register(self, v: Any) -> Value:
        """A small value as a vector of its elements in order."""
        if v.__class__ is Literal:
            return self.number(v)
        view = self.schedule.stored(v)
        n = prod(view.shape)
        if view.root.__class__ is Literal:
            return self.number(view.root).splat(n)
        place = self.where[view.root]
        if isinstance(place, Local):
            place = place.get()
        if isinstance(place, Value) and view.root is v:
            return place
        return self._loaded(view, n)

    def _loaded(self, view: View, n: int) -> Value:
        dtype = view.root.aval.dtype
        pointer = self.memory(view.root)
        type = memory_type(dtype)
        if view.is_contiguous:
            return load_lanes(self.f, self.f.at(pointer, view.offset, type), 1, n, dtype)
        x = self.f.const(vector(register_type(dtype) or "", n), 0)
        for k, place in enumerate(places(view)):
            one = load_lanes(self.f, self.f.at(pointer, place, type), 0, 1, dtype)
            x = x.with_lane(k, one) if n > 1 else one
        return x

    def memory(self, root: Any) -> Value:
        """The address of a root; what is in a register is written down first."""
        place = self.where.get(root)
        if isinstance(place, Memory):
            return place.pointer
        if isinstance(place, Value) and place.type == "ptr":
            return place
        scope: Any = self
        while scope is not None:
            if root in scope.spilled:
                return scope.spilled[root]
            scope = scope.parent
        x: Any = self.number(root) if root.__class__ is Literal else place
        x = x.get() if isinstance(x, Local) else x
        pointer = self.f.alloca(memory_type(root.aval.dtype), root.aval.size)
        store_lanes(self.f, x, pointer, 1, root.aval.dtype)
        if not isinstance(place, Local):
            self.spilled[root] = pointer
        return pointer

    def address(self, v: Any) -> tuple[Value, View]:
        """Where an operand lies: the address of its root's memory, and the view of it."""
        view = self.schedule.stored(v)
        return self.memory(view.root), view

    def contiguous(self, v: Any) -> Value:
        """The address of an operand's elements in order; copied where they are not."""
        pointer, view = self.address(v)
        if view.is_contiguous and prod(view.shape) <= view.root.aval.size:
            return self.f.at(pointer, view.offset, memory_type(view.root.aval.dtype))
        target = self.temporary(v.aval)
        self.copy(view, target)
        return target

    def small(self, v: Any) -> bool:
        return self.schedule.small(v)

    # -- memory ------------------------------------------------------------------------------------

    def allocate(self, v: Var) -> Value:
        """Memory for a result: its destination, or a place in the arena."""
        found = self.destination.get(v)
        if found is None:
            offset = self.program.plan.take(bytes_of(v.aval))
            found = Memory(self.f.at(self.program.arena, offset), offset)
        self.where[v] = found
        return found.pointer

    def temporary(self, aval: Any) -> Value:
        """Memory that is free again after the running step."""
        offset = self.program.plan.take(bytes_of(aval))
        self._temporaries.append(offset)
        return self.f.at(self.program.arena, offset)

    def copy(self, view: View, target: Value) -> None:
        """The elements of a view, in order, to memory."""
        copy_view(self.f, self.memory(view.root), view, target)

    def chain(self, out: Any) -> list[Any]:
        """``out``, the value that it is written onto, what that one is written onto, and so on:
        each is read by the next alone, so that all can lie in one place."""
        chain = [out]
        while out in self.begins:
            k, start = self.begins[out]
            if not (isinstance(start, View) and start.is_whole):
                break
            root = start.root
            alone = self.last.get(root) == k and root not in self.kept
            if not alone or root.aval.dtype != out.aval.dtype:
                break
            chain.append(root)
            out = root
        return chain

    # -- steps --------------------------------------------------------------------------------

    def run(self) -> None:
        for row in self._rows():
            self._temporaries: list[int] = []
            self.arranged: dict[Any, Any] = {}  # copies of operands that this row has made
            for k, step in row:
                self.now = k
                self._step(step)
            self.settle()
            for offset in self._temporaries:
                self.program.plan.give(offset)
            for k, step in row:
                self._free(k, step)

    def _rows(self) -> Iterator[list[tuple[int, Any]]]:
        """The steps one by one, but products that can be done together in one row."""
        row: list[tuple[int, Any]] = []
        for k, step in enumerate(self.schedule.steps):
            if row and not dots.goes_on(self, [x for _, x in row], step):
                yield row
                row = []
            row.append((k, step))
        if row:
            yield row

    def settle(self) -> None:
        """Call the products that are still to be called."""
        products, self.products = self.products, []
        if products:
            dots.called(self.f, products)

    def _step(self, step: Any) -> None:
        if isinstance(step, Nest):
            self._nest(step)
        elif isinstance(step, Init):
            self._init(step)
        elif isinstance(step, Place):
            self._place(step)
        else:
            self._equation(step)

    def _free(self, k: int, step: Any) -> None:
        made: Any = step.outvars if isinstance(step, Eqn) else ()
        if isinstance(step, Nest):
            made = step.stored
        for root in {*self.schedule.reads(step), *made}:
            place: Any = self.where.get(root)
            mine = isinstance(place, Memory) and place.offset is not None
            if mine and self.last.get(root, -1) <= k and root not in self.kept:
                self.program.plan.give(place.offset)
                place.offset = None

    def _equation(self, eqn: Eqn) -> None:
        handler = HANDLERS.get(eqn.prim.name)
        if handler is not None and not (handler.registers and self._all_small(eqn)):
            handler.write(self, eqn)
        else:
            registers.write(self, eqn)

    def _all_small(self, eqn: Eqn) -> bool:
        return all(self.small(v) for v in (*eqn.invars, *eqn.outvars))

    def _init(self, step: Init) -> None:
        target, start = step.target, step.start
        if isinstance(start, View):
            self.begun_as(start, target)
            return
        pointer = self.allocate(target)
        if start is not None:
            given = hasattr(start, "aval")
            x, dtype = (self.register(start), start.aval.dtype) if given else (start, None)
            fill(self.f, pointer, target.aval, x, dtype)

    def begun_as(self, start: View, target: Var) -> Value:
        """Memory for a target that begins as another value: that value's own, where it dies."""
        if start.root.__class__ is Literal:
            pointer, number = self.allocate(target), start.root
            fill(self.f, pointer, target.aval, number.value, number.aval.dtype)
        elif not self._taken_over(start, target):
            self.settle()
            self.copy(start, self.allocate(target))
        return self.memory(target)

    def _taken_over(self, start: View, target: Var) -> bool:
        """Write into the old value itself, where nobody reads it any more."""
        root = start.root
        place = self.where.get(root)
        if not (
            start.is_whole and isinstance(place, Memory) and root.aval.dtype == target.aval.dtype
        ):
            return False
        if self.last.get(root) != self.now or root in self.kept:
            return False
        into = self.destination.get(target)
        if into is not None and into.pointer.name != place.pointer.name:
            return False
        if place.offset is None and into is None:
            return False
        self.where[target] = Memory(place.pointer, place.offset)
        place.offset = None
        return True

    def _place(self, step: Place) -> None:
        view = step.view
        x = self.register(step.value)
        dtype = view.root.aval.dtype
        x = registers.convert(x, step.value.aval.dtype, dtype)
        pointer, type = self.memory(view.root), memory_type(dtype)
        for k, place in enumerate(places(view)):
            at = self.f.at(pointer, place, type)
            one = x.lane(k) if prod(view.shape) > 1 else x
            if step.adds:
                one = load_lanes(self.f, at, 0, 1, dtype) + one
            store_lanes(self.f, one, at, 1, dtype)

    def writer(self, nest: Nest) -> NestWriter:
        return NestWriter(
            self.module, self.schedule, nest, self.in_register, self.program.vector_bits
        )

    def _nest(self, nest: Nest) -> None:
        writer = self.writer(nest)
        chunks = parallel.chunks(writer)
        slots: dict[Any, Value] = {}
        for v in [v for item in nest.items if isinstance(item, Eqn) for v in item.outvars]:
            kind = writer.kinds[v]
            if kind == "full":
                slots[v] = self.f.alloca(memory_type(v.aval.dtype), max(2, chunks))
            elif v in writer.arguments:
                self.allocate(v)
                if kind == "column":
                    slots[v] = self._columns(writer, v, chunks)
        writer.streamed = {v for v in writer.arguments if self._streams(v)} - read_back(writer)
        name = self.program.name("nest")
        writer.write(name)
        args = [slots.get(root) or self.argument(root) for root in writer.arguments]
        parallel.call(self, writer, name, args, chunks)
        for v in writer.own:
            if v in slots:
                self._joined(writer, v, slots[v], chunks)

    def _streams(self, v: Var) -> bool:
        """Whether a result goes to memory past the caches: no later step reads it."""
        place = self.where.get(v)
        return isinstance(place, Memory) and place.streams and self.last.get(v, -1) <= self.now

    def _columns(self, writer: NestWriter, v: Var, chunks: int) -> Value:
        """Where sums over rows add up: the result itself, or one array for every chunk."""
        place = self.memory(v)
        aval = v.aval
        if chunks > 1:
            aval = aval.with_shape((chunks, *aval.shape))
            place = self.temporary(aval)
        fill(self.f, place, aval, identity(writer._op(v), aval.dtype), aval.dtype)
        return place

    def _joined(self, writer: NestWriter, v: Var, slot: Value, chunks: int) -> None:
        """The results of all chunks combined, in their order."""
        if writer.kinds[v] == "full":
            parts = [load_lanes(self.f, self.f.at(slot, k, memory_type(v.aval.dtype)), 0, 1,
                                v.aval.dtype) for k in range(chunks)]  # fmt: skip
            total = parts[0]
            for part in parts[1:]:
                total = combine(writer._op(v), total, part, v.aval.dtype)
            self.where[v] = total
        elif chunks > 1:
            parallel.combine_columns(self, writer._op(v), v, slot, chunks)

    def argument(self, root: Any) -> Value:
        if self.in_register(root):
            place = self.where[root]
            return place.get() if isinstance(place, Local) else place
        return self.memory(root)
