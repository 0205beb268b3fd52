"""Arrays that no cache near the core keeps: results go past the caches, rows are fetched ahead.

A store into a cache reads the line first; one that fills whole lines can go straight to memory
(x86's non-temporal stores), a third less traffic. Processors fetch ahead by themselves, but not
beyond the page they are in; a row of a large array often begins with a new one. The stage that
computes longest asks for rows to come, so that memory is busy while the processor is.
"""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.addresses import address
from funcgrad.backends.llvm.elements import BOOL, memory_type
from funcgrad.backends.llvm.lanes import LINE
from funcgrad.backends.llvm.places import bytes_of
from funcgrad.compiler.views import View
from funcgrad.compiler.walk import strides_of
from funcgrad.ir.jaxpr import Var

__all__ = ["FAR", "fetch", "read_back", "rows_to_fetch", "streams"]

FAR = 1 << 22  # bytes of such an array
_AHEAD = 8192  # bytes on their way: memory answers late, and the nearest cache is small
_PARTS = (16, 32)  # bytes of registers, of which a few fill a line
_PREFETCH = "@llvm.prefetch.p0"


def streams(writer: Any, view: View) -> bool:
    """Whether the current vector of a result goes past the caches: with its neighbours in the
    loop it fills whole cache lines."""
    dtype = view.root.aval.dtype
    *outer, last = writer._along(strides_of(view))
    if not (view.root in writer.streamed and writer.in_step and last == 1 and dtype != BOOL):
        return False
    size = writer.lanes * dtype.itemsize
    whole = size % LINE == 0 or size in _PARTS
    return whole and all(s * dtype.itemsize % LINE == 0 for s in (view.offset, *outer))


def read_back(writer: Any) -> set[Any]:
    """Results of a nest that a later stage of it reads from memory."""
    return {
        view.root
        for k, stage in enumerate(writer.nest.stages)
        for item in stage
        for view, _ in writer.schedule._leaves(item)
        if view.root in writer.own and writer.stages[view.root] != k
    }


def rows_to_fetch(writer: Any) -> list[View]:
    """What of large arrays a nest reads row by row."""
    outer = (writer.n_outer or 0) - 1
    found = {}
    for view, _ in [x for item in writer.nest.items for x in writer.schedule._leaves(item)]:
        root, steps = view.root, strides_of(view)
        if root.__class__ is not Var or root in writer.own or bytes_of(root.aval) < FAR:
            continue
        along = writer._along(steps)
        if outer >= 0 and along[-1] == 1 and along[outer]:
            found[root, view.offset, steps] = view
    return list(found.values())


def fetch(writer: Any, view: View) -> None:
    """Ask for the elements of a row to come that lie beside the current ones."""
    f, dtype = writer.f, view.root.aval.dtype
    step = writer._along(strides_of(view))[(writer.n_outer or 0) - 1]
    rows = max(1, _AHEAD // (abs(step) * dtype.itemsize * len(writer.fetched)))
    start = f.at(address(writer, view), rows * step, memory_type(dtype))
    f.module.declare(_PREFETCH, f"declare void {_PREFETCH}(ptr, i32, i32, i32)")
    for k in range(0, writer.lanes * dtype.itemsize, LINE):
        f.do(f"call void {_PREFETCH}({f.at(start, k)!r}, i32 0, i32 3, i32 1)")
