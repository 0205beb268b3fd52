"""Small arrays as vectors in registers: an equation is a few instructions, and no loop.

Shapes are known, so shaping is a fixed reordering of lanes. Which lane comes from where is
found by running the equation's own NumPy value on the numbers of the lanes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.backends.llvm.elements import convert as _convert
from funcgrad.backends.llvm.elements import element, memory_type, register_type
from funcgrad.backends.llvm.gather import checked
from funcgrad.backends.llvm.ir import Value, lanes, vector
from funcgrad.backends.llvm.lanes import load_lanes, mask, shuffled
from funcgrad.backends.llvm.reduce import combine
from funcgrad.compiler.gathers import layout
from funcgrad.compiler.views import looked_at
from funcgrad.ir.jaxpr import Eqn, Literal

__all__ = ["convert", "write"]

convert = _convert


def write(s: Any, eqn: Eqn) -> None:
    """The equation's results, as registers of the scope."""
    (out,) = eqn.outvars
    rule = _RULES.get(eqn.prim.name, _elementwise)
    s.bind(out, rule(s, eqn))


# -- lanes -----------------------------------------------------------------------------------


def reordered(x: Value, order: list[int]) -> Value:
    """Lanes of x in a new order."""
    n = lanes(x.type)
    if order == list(range(n)):
        return x
    if n == 1:
        return x.splat(len(order))
    return shuffled(x, order)


def spread(x: Value, shape: tuple[int, ...], target: tuple[int, ...]) -> Value:
    """The lanes of an array of one shape, broadcast to another."""
    if shape == target:
        return x
    order = np.broadcast_to(np.arange(int(np.prod(shape))).reshape(shape), target)
    return reordered(x, [int(k) for k in order.reshape(-1)])


def _elementwise(s: Any, eqn: Eqn) -> Value:
    shape = eqn.outvars[0].aval.shape
    xs = [spread(s.register(v), v.aval.shape, shape) for v in eqn.invars]
    return element(s.f, eqn, xs)


def _shaped(s: Any, eqn: Eqn) -> Value:
    """Reshape, transpose, slices …: of a register's lanes, or straight from memory."""
    x = eqn.invars[0]
    if not s.small(x):
        view = looked_at(eqn, s.schedule.stored(x))
        assert view is not None
        return s._loaded(view, eqn.outvars[0].aval.size)
    return reordered(s.register(x), _order(eqn, x.aval))


def _order(eqn: Eqn, aval: Any) -> list[int]:
    numbers = np.arange(aval.size).reshape(aval.shape)
    found = eqn.prim.value(np, numbers, **eqn.params)
    return [int(k) for k in np.asarray(found).reshape(-1)]


def _made(s: Any, eqn: Eqn) -> Value:
    """Arrays of constants, and one number everywhere."""
    out = eqn.outvars[0].aval
    if eqn.invars and eqn.invars[0].__class__ is not Literal:
        x = eqn.invars[0]
        return convert(s.register(x), x.aval.dtype, out.dtype).splat(out.size)
    given = [v.value for v in eqn.invars]
    numbers = np.asarray(eqn.prim.value(np, *given, **eqn.params)).reshape(-1)
    return constants(s, numbers, out.dtype)


def constants(s: Any, numbers: Any, dtype: Any) -> Value:
    type = register_type(dtype) or ""
    x = s.f.const(vector(type, len(numbers)), 0)
    if len(numbers) == 1:
        return s.f.const(type, numbers[0])
    for k, number in enumerate(numbers):
        x = x.with_lane(k, s.f.const(type, number))
    return x


def _pieced(s: Any, eqn: Eqn) -> Value:
    """Concatenate, embed, pad, put, add_at: every lane from one lane of one operand."""
    out, name = eqn.outvars[0].aval, eqn.prim.name
    count, sources = 1, []
    for v in eqn.invars:
        sources.append(np.arange(count, count + v.aval.size).reshape(v.aval.shape))
        count += v.aval.size
    xs = [convert(s.register(v), v.aval.dtype, out.dtype) for v in eqn.invars]
    if name == "add_at":
        return _added(s, eqn, xs)
    found = eqn.prim.value(np, *sources, **eqn.params).reshape(-1)
    return _assembled(s, [int(k) for k in found], xs, out.dtype)


def _added(s: Any, eqn: Eqn, xs: list[Value]) -> Value:
    x, v = xs
    (given, part), items = eqn.invars, eqn.params["items"]
    ids = np.arange(1, part.aval.size + 1).reshape(part.aval.shape)
    order = eqn.prim.value(np, np.zeros(given.aval.shape, int), ids, items=items)
    numbers = [int(k) for k in order.reshape(-1)]
    moved = _assembled(s, numbers, [v], given.aval.dtype)
    hit = mask(s.f, [bool(k) for k in numbers])
    return hit.select(x + moved, x)


def _assembled(s: Any, found: list[int], xs: list[Value], dtype: Any) -> Value:
    """Lane number 0 is zero; the others count through the operands from 1."""
    type = register_type(dtype) or ""
    starts, count = [], 1
    for x in xs:
        starts.append(count)
        count += lanes(x.type)
    z = s.f.const(vector(type, len(found)), 0)
    for x, start in zip(xs, starts, strict=True):
        mine = [start <= k < start + lanes(x.type) for k in found]
        if any(mine):
            moved = reordered(x, [k - start if m else 0 for k, m in zip(found, mine, strict=True)])
            z = mask(s.f, mine).select(moved, z) if not all(mine) else moved
    return z


# -- reductions ------------------------------------------------------------------------------


def _reduced(s: Any, eqn: Eqn) -> Value:
    x, (out,) = eqn.invars[0], eqn.outvars
    axes, name, dtype = eqn.params["axes"], eqn.prim.name, out.aval.dtype
    value = convert(s.register(x), x.aval.dtype, dtype)
    kept = [a for a in range(x.aval.ndim) if a not in axes]
    numbers = np.arange(x.aval.size).reshape(x.aval.shape).transpose((*kept, *axes))
    columns = numbers.reshape(out.aval.size, -1)
    found = folded_columns(value, columns, name, dtype)
    return found + 0.0 if name == "reduce_sum" and dtype.kind == "f" else found  # -0.0 is 0.0 then


def folded_columns(value: Value, columns: Any, name: str, dtype: Any) -> Value:
    """One result per row of ``columns``, which hold lane numbers; halves with halves."""
    parts = [reordered(value, [int(k) for k in columns[:, j]]) if lanes(value.type) > 1 else value
             for j in range(columns.shape[1])]  # fmt: skip
    while len(parts) > 1:
        half = (len(parts) + 1) // 2
        parts = [
            combine(name, parts[k], parts[half + k], dtype) if half + k < len(parts) else parts[k]
            for k in range(half)
        ]
    return parts[0]


# -- gathering -------------------------------------------------------------------------------


def _gathered(s: Any, eqn: Eqn) -> Value:
    """A few elements at computed places, from memory."""
    table, *arrays = eqn.invars
    out, f = eqn.outvars[0].aval, s.f
    pointer, view = s.address(table)
    axes, found = layout(table.aval.shape, eqn.params["items"], tuple(a.aval.shape for a in arrays))
    places = [
        spread(convert(s.register(a), a.aval.dtype, np.dtype(np.int64)), a.aval.shape,
               found.advanced) for a in arrays
    ]  # fmt: skip
    address: Any = constants(s, np.full(out.size, view.offset), np.dtype(np.int64))
    index = np.indices(out.shape).reshape(len(out.shape), out.size)
    rank = len(found.advanced)
    block = np.arange(int(np.prod(found.advanced))).reshape(found.advanced)
    lined = np.broadcast_to(
        block.reshape((*found.advanced, *(1,) * (len(out.shape) - found.start - rank))), out.shape
    )
    order = [int(k) for k in lined.reshape(-1)]
    for axis, stride in zip(axes, view.strides, strict=True):
        if axis.array is not None:
            at = checked(f, reordered(places[axis.array], order), axis.extent, s.program.status)
            address = address + at * stride
        else:
            i = index[axis.out] * axis.step + axis.start if axis.out is not None else (
                np.full(out.size, axis.fixed)
            )  # fmt: skip
            address = address + constants(s, i * stride, np.dtype(np.int64))
    return _fetched(s, address, pointer, view.root.aval.dtype)


def _fetched(s: Any, address: Value, pointer: Value, dtype: Any) -> Value:
    n = lanes(address.type)
    z = s.f.const(vector(register_type(dtype) or "", n), 0)
    for k in range(n):
        at = s.f.at(pointer, address.lane(k) if n > 1 else address, memory_type(dtype))
        one = load_lanes(s.f, at, 0, 1, dtype)
        z = z.with_lane(k, one) if n > 1 else one
    return z


# -- products --------------------------------------------------------------------------------


def _inner(s: Any, eqn: Eqn) -> Value:
    x, y = (s.register(v) for v in eqn.invars)
    product = x * y
    if lanes(product.type) == 1:
        return product
    columns = np.arange(lanes(product.type)).reshape(1, -1)
    return folded_columns(product, columns, "reduce_sum", eqn.outvars[0].aval.dtype)


def _dot(s: Any, eqn: Eqn) -> Value:
    """Sums of products, term by term: the lanes of both operands for every lane of the result."""
    a, b = eqn.invars
    out = eqn.outvars[0].aval
    (sa, sb), (ba, bb) = eqn.params["dims"]
    fa = [i for i in range(a.aval.ndim) if i not in sa and i not in ba]
    fb = [i for i in range(b.aval.ndim) if i not in sb and i not in bb]
    na, nb = (np.arange(v.aval.size).reshape(v.aval.shape) for v in (a, b))
    batch = [a.aval.shape[i] for i in ba]
    k = int(np.prod([a.aval.shape[i] for i in sa]))
    m = [a.aval.shape[i] for i in fa]
    n = [b.aval.shape[i] for i in fb]
    left = na.transpose((*ba, *fa, *sa)).reshape((*batch, *m, *[1] * len(n), k))
    right = nb.transpose((*bb, *fb, *sb)).reshape((*batch, *[1] * len(m), *n, k))
    full = (*batch, *m, *n, k)
    left, right = (np.broadcast_to(v, full).reshape(-1, k) for v in (left, right))
    x, y = (convert(s.register(v), v.aval.dtype, out.dtype) for v in (a, b))
    total: Any = None
    for j in range(k):
        u = reordered(x, [int(i) for i in left[:, j]])
        v = reordered(y, [int(i) for i in right[:, j]])
        if out.dtype.kind == "f":
            total = u * v if total is None else s.f.fma(u, v, total)
        else:
            total = u * v if total is None else total + u * v
    return total  # type: ignore[no-any-return]


_SHAPING = ("reshape", "transpose", "broadcast_to", "index", "flip")
_RULES: dict[str, Any] = {
    **dict.fromkeys(_SHAPING, _shaped),
    **dict.fromkeys(("iota", "full", "eye"), _made),
    **dict.fromkeys(("embed", "put", "add_at", "pad", "concatenate"), _pieced),
    **dict.fromkeys(
        ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_and", "reduce_or"),
        _reduced,
    ),
    "gather": _gathered, "inner": _inner, "dot_general": _dot,
}  # fmt: skip
