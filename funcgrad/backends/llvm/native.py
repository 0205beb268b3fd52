"""A jaxpr as one native function."""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.far import FAR
from funcgrad.backends.llvm.ir import Function, Module, Value
from funcgrad.backends.llvm.lanes import LINE, load_lanes, store_lanes
from funcgrad.backends.llvm.places import Memory, bytes_of
from funcgrad.backends.llvm.scope import Program, Scope, is_small
from funcgrad.ir.jaxpr import Jaxpr, Var

__all__ = ["bound", "run_into", "written"]


def written(module: Module, name: str, jaxpr: Jaxpr, vector_bits: int) -> int:
    """Write ``i32 name(ptr ins, ptr outs, ptr arena)`` for a simplified jaxpr; returns the bytes
    of scratch memory that it wants."""
    f = module.function(name, "i32", ["ptr"] * 3, attributes="nounwind", linkage="")
    ins, outs, arena = f.args
    program = Program(module, f, arena, vector_bits)
    scope = Scope(program, jaxpr)
    for k, v in enumerate(jaxpr.invars):
        scope.bind(v, bound(f, f.load("ptr", f.at(ins, 8 * k)), v))
    pointers = [f.load("ptr", f.at(outs, 8 * k)) for k in range(len(jaxpr.outvars))]
    run_into(scope, jaxpr, pointers)
    f.ret(f.load("i32", program.status))
    return program.plan.size


def bound(f: Function, pointer: Value, v: Var) -> Any:
    """An argument at an address: its elements in a register where they are few, else the place."""
    if is_small(v.aval):
        return load_lanes(f, pointer, 1, v.aval.size, v.aval.dtype)
    return Memory(pointer)


def _on_lines(f: Function, pointer: Value, v: Any) -> bool:
    """Whether a result is large enough to be streamed. Its memory begins with a cache line then:
    the entry asks for such, and where it got other memory, NumPy answers (status 1)."""
    if bytes_of(v.aval) < FAR:
        return False
    place = f.op(f"ptrtoint {pointer!r} to i64", "i64")
    with f.when((place & (LINE - 1)).ne(0), likely=False):
        f.ret(f.const("i32", 1))
        f.begin(f.label("never"))
    return True


def run_into(scope: Scope, jaxpr: Jaxpr, pointers: list[Value]) -> None:
    """Run a scope, its outputs going to these addresses."""
    f = scope.f
    for v, pointer in zip(scope.schedule.outs, pointers, strict=True):
        if v.__class__ is Var and not scope.small(v):
            place = Memory(pointer, streams=_on_lines(f, pointer, v))
            for x in scope.chain(v):
                scope.destination[x] = place
    scope.run()
    for raw, v, pointer in zip(jaxpr.outvars, scope.schedule.outs, pointers, strict=True):
        if v.__class__ is not Var or scope.small(v):
            store_lanes(f, scope.register(raw), pointer, 1, raw.aval.dtype)
