"""Products of matrices: small ones as loops over vectors, large ones by BLAS.

Every contraction is C[m, n] = sum over k of A[m, k] B[k, n] inside loops over the remaining axes,
with strides for all of them, so that transposed operands are read where they lie.
"""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Any

from funcgrad.backends.llvm.contraction import by_rows, groups, planned
from funcgrad.backends.llvm.elements import register_type
from funcgrad.backends.llvm.handler import Handler
from funcgrad.backends.llvm.ir import Value
from funcgrad.backends.llvm.lanes import load_lanes
from funcgrad.backends.llvm.places import bytes_of, fill
from funcgrad.backends.llvm.product import Product, for_blas
from funcgrad.compiler.rewrites import is_number
from funcgrad.compiler.views import View, contiguous, indexed, whole
from funcgrad.ir.jaxpr import Eqn, Var

__all__ = ["HANDLERS", "called", "goes_on"]

_NARROW = 16  # columns side by side below which copying the second operand pays
_HELD = 1_048_576  # bytes that stay in a core's own cache while products pass over them


# -- writing -----------------------------------------------------------------------------------


def _refuses(eqn: Any) -> str | None:
    dtypes = {v.aval.dtype for v in (*eqn.invars, *eqn.outvars)}
    if len(dtypes) > 1 or next(iter(dtypes)).char not in "fd":
        return "products of matrices are lowered for float32 and float64, of one dtype"
    return None


def _write(s: Any, eqn: Any) -> None:
    (out,) = eqn.outvars
    c = s.allocate(out) if not s.small(out) else s.f.alloca(register_type(out.aval.dtype), 16)
    product(s, eqn, c, contiguous(out.aval.shape), adds=False)
    if s.small(out):
        s.settle()
        s.bind(out, load_lanes(s.f, c, 1, out.aval.size, out.aval.dtype))


def _onto(s: Any, eqn: Any) -> None:
    """Added to another value, in that value's own memory where it dies."""
    (out,) = eqn.outvars
    if is_number(eqn.invars[0], 0):
        _write(s, eqn)
        return
    product(s, eqn, _begun(s, eqn), contiguous(out.aval.shape), adds=True)


def _into(s: Any, eqn: Any) -> None:
    """Added to a part of another value, with its axes in another order."""
    (out,), p = eqn.outvars, eqn.params
    part, c = indexed(whole(out), p["items"]), _begun(s, eqn)
    steps = [0] * len(part.shape)
    for axis, step in zip(p["perm"], part.strides, strict=True):
        steps[axis] = step
    product(s, eqn, c, tuple(steps), adds=True, offset=part.offset)


def _begun(s: Any, eqn: Any) -> Value:
    """The memory of a result that begins as the first operand."""
    x, *factors = eqn.invars
    (out,) = eqn.outvars
    start = s.schedule.stored(x)
    if not start.shape:
        c = s.allocate(out)
        fill(s.f, c, out.aval, s.register(x), x.aval.dtype)
    elif any(s.schedule.stored(v).root is start.root for v in factors):
        c = s.allocate(out)
        s.settle()
        s.copy(start, c)
    else:
        c = s.begun_as(start, out)
    return c


def product(
    s: Any, eqn: Any, c: Value, steps: tuple[int, ...], adds: bool, offset: int = 0
) -> None:
    """The contraction into (``adds``: onto) memory with these strides, which begins there."""
    operands = [s.address(v) for v in eqn.invars[-2:]]
    pointers: list[Any] = [p for p, _ in operands]
    views: list[Any] = [v for _, v in operands]
    plan = planned(eqn, views[0], views[1], steps)
    width = prod(eqn.invars[-1].aval.shape[i] for i in groups(eqn)[1][1])
    if width > plan.n.n and plan.n.n < _NARROW:  # the columns lie apart: bring them together
        pointers[1], views[1] = _arranged(s, views[1], by_rows(groups(eqn)[1]))
        plan = planned(eqn, views[0], views[1], steps)
    if for_blas(plan, eqn.outvars[0].aval.dtype) and len(plan.k) > 1:
        for i, axes in enumerate(groups(eqn)):
            order = sum(axes, ()) if i == 0 else by_rows(axes)
            pointers[i], views[i] = _arranged(s, views[i], order)
        plan = planned(eqn, views[0], views[1], steps)
    aval = eqn.outvars[0].aval
    type, starts = register_type(aval.dtype), [*(v.offset for v in views), offset]
    places = [s.f.at(p, start, type) for p, start in zip((*pointers, c), starts, strict=True)]
    touches = [(p.name, bytes_of(v.root.aval)) for p, v in zip(pointers, views, strict=True)]
    touches.append((c.name, bytes_of(aval)))
    made = Product(s, plan, aval.dtype, places, touches, offset, adds)
    if made.adds and not adds:
        fill(s.f, c, aval, 0, aval.dtype)
    s.products.append(made)


def _arranged(s: Any, view: View, axes: tuple[int, ...]) -> tuple[Value, View]:
    """A copy with its axes in this order, seen with the axes in their old places. The products of
    a row share it: none of them reads what another writes."""
    key = (view.root, view.offset, view.strides, view.shape, axes)
    if key in s.arranged:
        return s.arranged[key]  # type: ignore[no-any-return]
    moved = View(view.root, view.offset, tuple(view.strides[a] for a in axes),
                 tuple(view.shape[a] for a in axes))  # fmt: skip
    aval = view.root.aval.with_shape(view.shape)
    target = s.temporary(aval)
    s.copy(moved, target)
    strides = [0] * len(axes)
    for a, step in zip(axes, contiguous(moved.shape), strict=True):
        strides[a] = step
    s.arranged[key] = target, View(Var(aval), 0, tuple(strides), view.shape)
    return s.arranged[key]  # type: ignore[no-any-return]


# -- products in a row -------------------------------------------------------------------------


def goes_on(s: Any, row: list[Any], step: Any) -> bool:
    """Whether a step is a product that may be done together with the products of a row: it reads
    nothing that they write, and is written onto nothing that they read."""
    if not (_is_large(s, row[0]) and _is_large(s, step)):
        return False
    root = lambda v: s.schedule.stored(v).root
    written = {root(x.outvars[0]) for x in row}
    read = {root(v) for x in row for v in x.invars[-2:]}
    return written.isdisjoint(root(v) for v in step.invars[-2:]) and not any(
        root(v) in read for v in step.invars[:-2]
    )


def _is_large(s: Any, step: Any) -> bool:
    product = isinstance(step, Eqn) and step.prim.name in HANDLERS
    return product and not s.small(step.outvars[0])


def called(f: Any, products: list[Product]) -> None:
    """Call products one after another; where all their memory together leaves the cache, block by
    block of their outermost loops: what one has just used, the next one finds there."""
    extents = {x.loops[0].n if x.loops else 1 for x in products}
    held = _total([x.touches for x in products]) <= _HELD
    if len(products) == 1 or held or len(extents) > 1 or 1 in extents or _crossed(products):
        for x in products:
            x.call()
        return
    (n,) = extents
    fits = lambda rounds: _total([x.touched_by(rounds) for x in products]) <= _HELD
    rounds = max((r for r in range(1, n // 2 + 1) if n % r == 0 and fits(r)), default=1)
    with f.loop(0, n, rounds) as i:
        called(f, [x.block(i, rounds) for x in products])


def _crossed(products: list[Product]) -> bool:
    """Whether one writes what another adds to elsewhere in its loops: blocks would overwrite."""
    written: dict[str, Any] = {}
    for x in products:
        name = x.touches[-1][0]
        if name in written and written[name] != x.target:
            return True
        if not x.adds:
            written[name] = x.target
    return False


def _total(touches: list[list[tuple[str, int]]]) -> int:
    """The bytes of all the memory that is named."""
    found: dict[str, int] = {}
    for name, count in chain.from_iterable(touches):
        found[name] = max(count, found.get(name, 0))
    return sum(found.values())


HANDLERS = {
    "dot_general": Handler(_write, _refuses, registers=True),
    "inner": Handler(_write, _refuses, registers=True),
    "dot_onto": Handler(_onto),
    "dot_into": Handler(_into),
}
