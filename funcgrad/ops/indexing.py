"""Indexing: basic (``index``), and by integer arrays (``gather``, ``scatter``).

Items are hashable: an int, None for a new axis, ``(start, stop, step)`` for a slice, and
``ARRAY`` where an operand with integer indices stands. NumPy's own indexing gives the values,
so negative indices and IndexError are NumPy's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import Aval, array_aval, broadcast_shapes
from funcgrad.ops.families import ct_like, define, is_linear, known_aval, ops, shape_of, structural
from funcgrad.ops.shaping import (
    ALL,
    broadcast_to,
    full,
    instantiate,
    iota,
    move_axis,
    reshape,
    zeros,
)

Items = tuple[Any, ...]
ARRAY = "array"


def plain(items: Items, arrays: Any = ()) -> tuple[Any, ...]:
    """Items as NumPy wants them."""
    rest = iter(arrays)
    return tuple(
        slice(*i) if i.__class__ is tuple else next(rest) if i is ARRAY or i == ARRAY else i
        for i in items
    )


def items_source(items: Items, arrays: Any = ()) -> str:
    """Items as they are written in Python."""
    rest = iter(arrays)
    parts = []
    for i in items:
        if i.__class__ is tuple:
            start, stop, step = ("" if v is None else str(v) for v in i)
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            parts.append(next(rest) if i == ARRAY else str(i))
    return ", ".join(parts) + ("," if len(parts) == 1 and items[0] is None else "") or "()"


def _dim(n: int, item: Any) -> int:
    return len(range(*slice(*item).indices(n)))


def index_shape(shape: tuple[int, ...], items: Items) -> tuple[int, ...]:
    """Shape of basic indexing; raises NumPy's IndexError with the place."""
    out, axis = [], 0
    for item in items:
        if item is None:
            out.append(1)
            continue
        if axis >= len(shape):
            raise IndexError(f"too many indices: array of shape {shape} has {len(shape)} axes")
        n = shape[axis]
        if item.__class__ is tuple:
            out.append(_dim(n, item))
        elif not -n <= item < n:
            raise IndexError(f"index {item} is out of bounds for axis {axis} with size {n}")
        axis += 1
    return (*out, *shape[axis:])


# -- basic ---------------------------------------------------------------------------------------


index = structural(
    "index", type=lambda x, items: array_aval(index_shape(x.shape, items), x.dtype),
    value=lambda xp, x, items: (x if hasattr(x, "shape") else xp.asarray(x))[plain(items)],
    transpose=lambda cts, xs, items: [embed(cts[0], items=items, shape=xs[0].aval.shape)],
    batch=lambda size, xs, batched, items: (index(xs[0], items=(ALL, *items)), True),
    code=lambda x, items: (  # new axes alone may be those of a Python number
        f"asarray({x})[{items_source(items)}]" if not any(items)
        else f"{x}[{items_source(items)}]"
    ), views=True,
)  # fmt: skip
"""``x[1:, None, 0]``: integers, slices and new axes that are known when tracing."""


def _embed_value(xp: Any, v: Any, items: Items, shape: tuple[int, ...]) -> Any:
    out = xp.zeros(shape, v.dtype)
    out[plain(items)] = v
    return out


def _embed_batch(size: int, xs: Any, batched: Any, items: Items, shape: Any) -> Any:
    return embed(xs[0], items=(ALL, *items), shape=(size, *shape)), True


embed = structural(
    "embed", type=lambda v, items, shape: array_aval(shape, v.dtype), value=_embed_value,
    transpose=lambda cts, xs, items, shape: [index(cts[0], items=items)], batch=_embed_batch,
)  # fmt: skip
"""The transpose of ``index``: an array of zeros that holds the values at their place."""


def _add_at_value(xp: Any, x: Any, v: Any, items: Items) -> Any:
    out = xp.array(x)
    out[plain(items)] += v
    return out


def _add_at_batch(size: int, xs: Any, batched: Any, items: Items) -> Any:
    x, v = (a if b else broadcast_to(a, shape=(size, *a.shape))
            for a, b in zip(xs, batched, strict=True))  # fmt: skip
    return add_at(x, v, items=(ALL, *items)), True


def _add_at_jvp(primals: Any, tangents: Any, outs: Any, items: Items) -> Any:
    tx, tv = tangents
    if tv is None:
        return (tx,)
    if tx is None:
        return (embed(tv, items=items, shape=outs[0].shape),)
    return (add_at(tx, tv, items=items),)


add_at = define(
    "add_at", type=lambda x, v, items: x, value=_add_at_value, batch=_add_at_batch,
    jvp=_add_at_jvp,
    transpose=lambda cts, xs, items: (
        cts[0] if is_linear(xs[0]) else None,
        index(cts[0], items=items) if is_linear(xs[1]) else None,
    ),
)  # fmt: skip
"""x + embed(v): simplification writes it, so that sums of parts need no array of zeros each."""


def _put_type(x: Aval, v: Aval, items: Items) -> Aval:
    part = index_shape(x.shape, items)
    if broadcast_shapes(part, v.shape) != part:
        raise ShapeError(
            f"assignment: a value of shape {v.shape} does not fit x[{items_source(items)}] of "
            f"shape {part} (x has shape {x.shape})"
        )
    return x.strong()


def _put_value(xp: Any, x: Any, v: Any, items: Items) -> Any:
    out = xp.array(x)
    out[plain(items)] = v
    return out


def _put_jvp(primals: Any, tangents: Any, outs: Any, items: Items) -> Any:
    x, v = primals
    tx, tv = tangents
    tx = instantiate(tx, known_aval(x))
    return (put(tx, 0.0 if tv is None else tv, items=items),)


def _put_transpose(cts: Any, operands: Any, items: Items) -> Any:
    (ct,), (x, v) = cts, operands
    return (
        put(ct, 0.0, items=items) if is_linear(x) else None,
        ct_like(index(ct, items=items), v.aval) if is_linear(v) else None,
    )


def _put_batch(size: int, xs: Any, batched: Any, items: Items) -> Any:
    x, v = xs
    if not batched[0]:
        x = broadcast_to(x, shape=(size, *x.shape))
    if batched[1]:
        rank = len(index_shape(x.shape[1:], items))
        v = reshape(v, shape=(size,) + (1,) * (rank - (v.ndim - 1)) + tuple(v.shape[1:]))
    return put(x, v, items=(ALL, *items)), True


put = define(
    "put", type=_put_type, value=_put_value, jvp=_put_jvp, transpose=_put_transpose,
    batch=_put_batch,
)  # fmt: skip
"""A copy of x with ``x[items] = v``; done in place where x is not used again."""


# -- by integer arrays ---------------------------------------------------------------------------


class Layout:
    """Where the axes of an advanced-indexing result come from."""

    def __init__(self, shape: tuple[int, ...], items: Items, arrays: tuple[tuple[int, ...], ...]):
        together = broadcast_shapes(*arrays)
        if together is None:
            raise IndexError(f"index arrays of shapes {arrays} do not broadcast together")
        self.advanced = together
        # an int among arrays is an array index of no axes, and takes part in their placement
        places = [k for k, i in enumerate(items) if i == ARRAY or i.__class__ is int]
        self.contiguous = places == list(range(places[0], places[-1] + 1))
        before, rest, axis = 0, list[int](), 0
        for k, item in enumerate(items):
            if item is None:
                rest.append(1)
            else:
                if item.__class__ is tuple:
                    rest.append(_dim(shape[axis], item))
                axis += 1
            if k < places[0] and item.__class__ is not int:
                before = len(rest)
        if axis > len(shape):
            raise IndexError(f"too many indices: array of shape {shape} has {len(shape)} axes")
        rest += shape[axis:]
        self.start = before if self.contiguous else 0
        self.shape = (*rest[: self.start], *together, *rest[self.start :])


def _gather_type(x: Aval, *arrays: Aval, items: Items) -> Aval:
    return array_aval(Layout(x.shape, items, tuple(a.shape for a in arrays)).shape, x.dtype)


def _gather_value(xp: Any, x: Any, *arrays: Any, items: Items) -> Any:
    return x[plain(items, arrays)]


def _gather_transpose(cts: Any, operands: Any, items: Items) -> Any:
    x, *arrays = operands
    target = zeros(x.aval)
    return [scatter(target, cts[0], *arrays, items=items, mode="add"), *[None] * len(arrays)]


def _batched_index(size: int, x: Any, arrays: Any, batched: Any, items: Items) -> Any:
    """Operands, items and result layout with the batch as one more index array in front."""
    shape = tuple(x.shape[1:]) if batched[0] else tuple(x.shape)
    per_example = [tuple(a.shape[1:]) if b else tuple(a.shape)
                   for a, b in zip(arrays, batched[1:], strict=True)]  # fmt: skip
    layout = Layout(shape, items, tuple(per_example))
    rank = len(layout.advanced)
    lined = [
        reshape(a, shape=(size,) + (1,) * (rank - len(s)) + s) if b else a
        for a, b, s in zip(arrays, batched[1:], per_example, strict=True)
    ]
    return layout, lined


def _gather_batch(size: int, xs: Any, batched: Any, items: Items) -> Any:
    x, *arrays = xs
    layout, lined = _batched_index(size, x, arrays, batched, items)
    rank = len(layout.advanced)
    if batched[0]:
        rows = iota(shape=(size,) + (1,) * rank, axis=0, dtype=np.dtype(np.intp))
        out = gather(x, rows, *lined, items=(ARRAY, *items))
        return _move_block(out, 1, rank, layout.start + 1), True
    out = gather(x, *lined, items=items)
    return move_axis(out, layout.start, 0), True


def _move_block(x: Any, source: int, count: int, target: int) -> Any:
    """Move ``count`` adjacent axes from ``source`` so that they begin at ``target``."""
    if source == target or count == 0:
        return x
    perm = [i for i in range(x.ndim) if not source <= i < source + count]
    perm[target:target] = range(source, source + count)
    return ops.transpose(x, perm=tuple(perm))


gather = structural(
    "gather", type=_gather_type, value=_gather_value, transpose=_gather_transpose,
    batch=_gather_batch,
    code=lambda x, *arrays, items: f"{x}[{items_source(items, arrays)}]",
)  # fmt: skip
"""``x[rows, :, columns]`` with integer arrays (or traced integers) among the items."""

_MODES = ("set", "add", "multiply", "minimum", "maximum")


def _scatter_type(x: Aval, v: Aval, *arrays: Aval, items: Items, mode: str) -> Aval:
    part = Layout(x.shape, items, tuple(a.shape for a in arrays)).shape
    if broadcast_shapes(part, v.shape) != part:
        raise ShapeError(
            f"assignment: a value of shape {v.shape} does not fit the indexed part of shape {part}"
        )
    return x.strong()


def _scatter_value(xp: Any, x: Any, v: Any, *arrays: Any, items: Items, mode: str) -> Any:
    out = xp.array(x)
    return scatter_into(xp, out, v, arrays, items, mode)


def scatter_into(xp: Any, out: Any, v: Any, arrays: Any, items: Items, mode: str) -> Any:
    where = plain(items, arrays)
    if mode == "set":
        out[where] = v
    else:
        getattr(xp, mode).at(out, where, v)
    return out


def _scatter_jvp(primals: Any, tangents: Any, outs: Any, items: Items, mode: str) -> Any:
    x, v, *arrays = primals
    tx, tv = tangents[:2]
    tx = instantiate(tx, known_aval(x))
    if mode == "add":
        return (tx if tv is None else scatter(tx, tv, *arrays, items=items, mode="add"),)
    if mode == "set":
        return (_set_tangent(outs[0], x, v, tx, tv, arrays, items),)
    rule = _product_tangent if mode == "multiply" else _extreme_tangent
    return (rule(outs[0], x, v, tx, 0.0 if tv is None else tv, arrays, items),)


def _extreme_tangent(z: Any, x: Any, v: Any, tx: Any, tv: Any, arrays: Any, items: Items) -> Any:
    """All that reach the extreme share its slope evenly: the old element and the new ones."""
    part = gather(z, *arrays, items=items)
    old, new = ops.equal(x, z), ops.equal(v, part)
    count = scatter(
        ops.convert(old, dtype=x.dtype), ops.convert(new, dtype=x.dtype), *arrays,
        items=items, mode="add",
    )  # fmt: skip
    tv = ops.select(new, tv, 0.0)
    tangent = scatter(ops.select(old, tx, 0.0), tv, *arrays, items=items, mode="add")
    return ops.divide(tangent, count)


def _product_tangent(z: Any, x: Any, v: Any, tx: Any, tv: Any, arrays: Any, items: Items) -> Any:
    """Each factor's slope is the product of the others: zeros are counted, not divided by."""
    zeros = [ops.convert(ops.equal(f, 0), dtype=x.dtype) for f in (x, v)]
    factors = [ops.add(f, none) for f, none in zip((x, v), zeros, strict=True)]  # 1 for 0
    product = scatter(*factors, *arrays, items=items, mode="multiply")
    count = scatter(*zeros, *arrays, items=items, mode="add")
    slopes = []
    for own, none, all_, found in zip(
        factors, zeros, (product, gather(product, *arrays, items=items)),
        (count, gather(count, *arrays, items=items)), strict=True,
    ):  # fmt: skip
        slopes.append(ops.select(ops.equal(found, none), ops.divide(all_, own), 0.0))
    tx, tv = (ops.multiply(t, slope) for t, slope in zip((tx, tv), slopes, strict=True))
    return scatter(tx, tv, *arrays, items=items, mode="add")


def _set_tangent(z: Any, x: Any, v: Any, tx: Any, tv: Any, arrays: Any, items: Items) -> Any:
    """Where an element is set more than once, the last one wins; its number decides."""
    tv = 0.0 if tv is None else tv
    part = known_aval(gather(x, *arrays, items=items)).shape
    count = 1
    for n in part:
        count *= n
    numbers = reshape(iota(shape=(count,), axis=0, dtype=np.dtype(np.intp)), shape=part)
    none = full(-1, shape=x.shape, dtype=np.dtype(np.intp))
    winner = scatter(none, numbers, *arrays, items=items, mode="set")
    won = ops.equal(gather(winner, *arrays, items=items), numbers)
    kept = ops.select(ops.less(winner, 0), tx, 0.0)
    return scatter(kept, ops.select(won, tv, 0.0), *arrays, items=items, mode="add")


def _scatter_transpose(cts: Any, operands: Any, items: Items, mode: str) -> Any:
    (ct,), (x, v, *arrays) = cts, operands
    if mode != "add":
        raise NotImplementedError(f"scatter with mode {mode!r} is not linear")
    return [
        ct if is_linear(x) else None,
        ct_like(gather(ct, *arrays, items=items), v.aval) if is_linear(v) else None,
        *[None] * len(arrays),
    ]


def _scatter_batch(size: int, xs: Any, batched: Any, items: Items, mode: str) -> Any:
    x, v, *arrays = xs
    if not batched[0]:
        x = broadcast_to(x, shape=(size, *x.shape))
    layout, lined = _batched_index(size, x, arrays, [True, *batched[2:]], items)
    rank = len(layout.advanced)
    per_example = layout.shape
    if batched[1]:
        v = reshape(
            v, shape=(size,) + (1,) * (len(per_example) - (v.ndim - 1)) + tuple(v.shape[1:])
        )
    elif shape_of(v):
        v = reshape(v, shape=(1,) * (1 + len(per_example) - len(v.shape)) + tuple(v.shape))
    rows = iota(shape=(size,) + (1,) * rank, axis=0, dtype=np.dtype(np.intp))
    if shape_of(v):
        v = _move_block(v, layout.start + 1, rank, 1)
    return scatter(x, v, rows, *lined, items=(ARRAY, *items), mode=mode), True


scatter = define(
    "scatter", type=_scatter_type, value=_scatter_value, jvp=_scatter_jvp,
    transpose=_scatter_transpose, batch=_scatter_batch,
)  # fmt: skip
"""A copy of x with ``x[items] = v``, ``+= v`` … at integer arrays, every repeat counted."""
