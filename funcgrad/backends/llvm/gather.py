"""Reading an array at computed places, every index checked.

A place outside the array is never read: the lane reads element 0 instead, and the status that the
program returns says that NumPy has to answer, with its error.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import convert, memory_type
from funcgrad.backends.llvm.ir import Function, Value, lanes, vector
from funcgrad.backends.llvm.lanes import load_lanes
from funcgrad.compiler.gathers import layout, spread
from funcgrad.compiler.views import View, contiguous
from funcgrad.ir.jaxpr import Eqn

__all__ = ["checked", "gathered"]


def checked(f: Function, index: Value, extent: int, status: Value) -> Value:
    """A place along an axis: negative ones count from the end, wrong ones are reported."""
    index = index.lt(0).select(index + extent, index)
    fine = index.compare("lt", extent, signed=False)
    good = fine
    if lanes(index.type) > 1:
        good = f.intrinsic("vector.reduce.and", fine, out="i1")
    with f.when(good ^ True, likely=False):
        f.store(f.const("i32", 1), status)
    return fine.select(index, 0)


def gathered(nest: Any, eqn: Eqn) -> Value:
    """The elements of a gather at the nest's current place."""
    f: Function = nest.f
    table_view, *index_views = nest.schedule.operands(eqn)
    axes, found = layout(
        eqn.invars[0].aval.shape, eqn.params["items"], tuple(v.aval.shape for v in eqn.invars[1:])
    )
    out = eqn.outvars[0]
    n = nest.lanes
    places = [
        convert(nest.read(spread(view, found, out.aval.shape)), view.root.aval.dtype, _INT)
        for view in index_views
    ]
    address: Any = f.lift(table_view.offset, vector("i64", n))
    whole = View(out, 0, contiguous(out.aval.shape), out.aval.shape)
    for axis, stride in zip(axes, table_view.strides, strict=True):
        if axis.array is not None:
            at = checked(f, places[axis.array], axis.extent, nest.status)
            address = address + at * stride
        elif axis.out is not None and out.aval.shape[axis.out] != 1:
            i = nest._axis((axis.start, [(axis.out, axis.step)]), whole)
            address = address + i * stride
        else:
            fixed = axis.fixed if axis.out is None else axis.start
            address = address + fixed * stride
    return _fetched(nest, address, table_view.root)


_INT = np.dtype(np.int64)


def _fetched(nest: Any, address: Value, root: Any) -> Value:
    f: Function = nest.f
    dtype = root.aval.dtype
    base, type = nest.place[root], memory_type(dtype)
    n = lanes(address.type)
    if base.type != "ptr":  # one number, in a register: every checked place is its own
        return base.splat(n) if n > 1 else base  # type: ignore[no-any-return]
    if n == 1:
        return load_lanes(f, f.at(base, address, type), 0, 1, dtype)
    x = f.const(vector(type, n), 0)
    for k in range(n):
        x = x.with_lane(k, f.load(type, f.at(base, address.lane(k), type), dtype.itemsize))
    return x.ne(0) if dtype.name == "bool" else x
