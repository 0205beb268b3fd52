"""Big loop nests in chunks, for several threads.

The chunks follow from the program alone, so that its results do not depend on how many threads
there are: sums over chunks are added up in the order of the chunks.
"""

from __future__ import annotations

from math import prod
from typing import Any

from funcgrad.backends.llvm.elements import memory_type
from funcgrad.backends.llvm.ir import Function, Value
from funcgrad.backends.llvm.lanes import load_lanes, powers, store_lanes, strips
from funcgrad.backends.llvm.reduce import combine
from funcgrad.compiler.kernels import Place

__all__ = ["call", "chunks", "combine_columns"]

_CHUNK = 65_536  # cheap operations on elements that are worth handing to a thread
_MOST = 32
_COLUMNS = 65_536  # elements of a sum over rows that every chunk may have for itself


def chunks(writer: Any) -> int:
    """Into how many pieces the first loop of a nest is cut; 1 for what is small."""
    placed = [i for i in writer.nest.items if i.__class__ is Place]
    total = prod(writer.nest.space) * max(2, writer.work + len(placed))
    columns = [v for v in writer.own if writer.kinds[v] == "column"]
    if any(v.aval.size > _COLUMNS for v in columns):
        return 1
    if sum(i.adds for i in placed) > 1:
        return 1  # sums into overlapping places keep their order
    if writer.cuts and len(writer.extents) == 1:
        return 1  # the loop is several loops
    rows = writer.extents[0] // step_of(writer)
    found = min(_MOST, total // _CHUNK, rows)
    return 1 if found < 2 else -(-writer.extents[0] // length(writer, found))


def step_of(writer: Any) -> int:
    """Chunks of a single loop begin at whole vectors."""
    flat = len(writer.extents) == 1 and not writer.rowwise
    return int(writer.width) if flat else 1


def length(writer: Any, count: int) -> int:
    """Rounds of the first loop in one chunk."""
    step = step_of(writer)
    return -(-writer.extents[0] // (count * step)) * step


def call(s: Any, writer: Any, name: str, args: list[Value], count: int) -> None:
    """Run a nest: at once, or chunk by chunk over the pool."""
    f = s.f
    if count == 1:
        extent = f.const("i64", writer.extents[0])
        f.call(name, "void", *args, s.program.status, f.const("i64", 0), extent)
        return
    context = f.alloca("i64", len(args) + 1)
    for k, x in enumerate((*args, s.program.status)):
        f.store(x, f.at(context, 8 * k))
    task = _task(s, writer, name, args, count)
    s.module.declare("@parallel", "declare void @parallel(ptr, ptr, i64)")
    f.call("parallel", "void", Value(f, f"@{task}", "ptr"), context, f.const("i64", count))


def _task(s: Any, writer: Any, name: str, args: list[Value], count: int) -> str:
    """The function of one chunk: its part of the first loop, and places of its own for sums."""
    task = f"{name}_chunk"
    f: Function = s.module.function(task, "void", ["ptr", "i64"], attributes="nounwind")
    context, chunk = f.args
    given = [f.load(x.type, f.at(context, 8 * k)) for k, x in enumerate(args)]
    for k, root in enumerate(writer.arguments):
        kind = writer.kinds.get(root)
        if kind in ("full", "column"):
            size = root.aval.size if kind == "column" else 1
            given[k] = f.at(given[k], chunk * size, memory_type(root.aval.dtype))
    status = f.load("ptr", f.at(context, 8 * len(args)))
    rounds = length(writer, count)
    begin = chunk * rounds
    end = f.intrinsic("smin", begin + rounds, f.const("i64", writer.extents[0]))
    f.call(name, "void", *given, status, begin, end)
    f.ret()
    return task


def combine_columns(s: Any, op: str, v: Any, parts: Value, count: int) -> None:
    """The chunks' arrays of sums, one after another, into the result."""
    f, dtype, n = s.f, v.aval.dtype, v.aval.size
    type, target = memory_type(dtype), s.memory(v)
    wide = min(powers(n)[0], 16)

    def piece(i: Value, count_now: int) -> None:
        total = load_lanes(f, f.at(parts, i, type), 1, count_now, dtype)
        for k in range(1, count):
            more = load_lanes(f, f.at(parts, i + k * n, type), 1, count_now, dtype)
            total = combine(op, total, more, dtype)
        store_lanes(f, total, f.at(target, i, type), 1, dtype)

    strips(f, n, wide, piece)
