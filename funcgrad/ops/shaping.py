"""Shaping: reshape, transpose, broadcast, pad, concatenate, flip, full, iota."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops.families import (
    ct_like,
    define,
    is_linear,
    known_aval,
    ops,
    result_dtype,
    structural,
)

ALL = (None, None, None)
"""An index item that takes a whole axis: slices are written as (start, stop, step)."""

# -- reshape -----------------------------------------------------------------------------------


def _reshape_type(x: Aval, shape: tuple[int, ...]) -> Aval:
    if prod(shape) != x.size:
        raise ShapeError(f"reshape: {x.size} elements of shape {x.shape} do not fill {shape}")
    return x.with_shape(shape)


reshape = structural(
    "reshape", type=_reshape_type, value=lambda xp, x, shape: xp.reshape(x, shape),
    transpose=lambda cts, xs, shape: [reshape(cts[0], shape=xs[0].aval.shape)],
    batch=lambda size, xs, batched, shape: (reshape(xs[0], shape=(size, *shape)), True),
    code=lambda x, shape: (  # a Python number has no methods
        f"reshape({x}, {shape})" if prod(shape) == 1 else f"{x}.reshape({shape})"
    ),
    views=True,
)  # fmt: skip

# -- transpose ---------------------------------------------------------------------------------


def inverse_permutation(perm: tuple[int, ...]) -> tuple[int, ...]:
    out = [0] * len(perm)
    for i, p in enumerate(perm):
        out[p] = i
    return tuple(out)


def _transpose_batch(size: int, xs: Any, batched: Any, perm: tuple[int, ...]) -> Any:
    return transpose(xs[0], perm=(0, *(p + 1 for p in perm))), True


transpose = structural(
    "transpose", type=lambda x, perm: x.with_shape(tuple(x.shape[p] for p in perm)),
    value=lambda xp, x, perm: xp.transpose(x, perm),
    transpose=lambda cts, xs, perm: [transpose(cts[0], perm=inverse_permutation(perm))],
    batch=_transpose_batch, code=lambda x, perm: f"{x}.transpose({perm})", views=True,
)  # fmt: skip


def move_axis(x: Any, source: int, target: int) -> Any:
    """One axis to another place, as ``np.moveaxis``."""
    rank = len(x.shape)
    source, target = source % rank, target % rank
    if source == target:
        return x
    perm = [i for i in range(rank) if i != source]
    perm.insert(target, source)
    return transpose(x, perm=tuple(perm))


# -- broadcast ---------------------------------------------------------------------------------


def _broadcast_type(x: Aval, shape: tuple[int, ...]) -> Aval:
    pairs = zip(x.shape[::-1], shape[::-1], strict=False)
    if x.ndim > len(shape) or any(n not in (1, m) for n, m in pairs):
        raise ShapeError(f"broadcast_to: shape {x.shape} does not broadcast to {shape}")
    return x.with_shape(shape)


def _broadcast_batch(size: int, xs: Any, batched: Any, shape: tuple[int, ...]) -> Any:
    x = xs[0]
    ones = (1,) * (len(shape) - (len(x.shape) - 1))
    return broadcast_to(reshape(x, shape=(size, *ones, *x.shape[1:])), shape=(size, *shape)), True


broadcast_to = structural(
    "broadcast_to", type=_broadcast_type,
    value=lambda xp, x, shape: xp.broadcast_to(xp.asarray(x), shape),
    transpose=lambda cts, xs, shape: [ct_like(cts[0], xs[0].aval)],
    batch=_broadcast_batch, code=lambda x, shape: f"broadcast_to({x}, {shape})", views=True,
)  # fmt: skip

# -- pad, concatenate, flip ----------------------------------------------------------------------


def _inner(widths: Any) -> tuple[Any, ...]:
    return tuple((lo, -hi if hi else None, None) for lo, hi in widths)


def _pad_value(xp: Any, x: Any, fill: Any, widths: Any) -> Any:
    shape = tuple(n + lo + hi for n, (lo, hi) in zip(x.shape, widths, strict=True))
    out = xp.full(shape, fill, dtype=x.dtype)
    out[tuple(slice(*s) for s in _inner(widths))] = x
    return out


def _pad_type(x: Aval, fill: Aval, widths: Any) -> Aval:
    return x.with_shape(tuple(n + lo + hi for n, (lo, hi) in zip(x.shape, widths, strict=True)))


def _pad_jvp(primals: Any, tangents: Any, outs: Any, widths: Any) -> Any:
    tx, tf = tangents
    x, fill = primals
    tx = instantiate(tx, known_aval(x))
    return (pad(tx, 0.0 if tf is None else tf, widths=widths),)


def _pad_transpose(cts: Any, operands: Any, widths: Any) -> Any:
    (ct,), (x, fill) = cts, operands
    inner = ops.index(ct, items=_inner(widths))
    outer = None
    if is_linear(fill):
        outer = ct_like(ops.reduce_sum(ct, axes=tuple(range(ct.ndim)))
                        - ops.reduce_sum(inner, axes=tuple(range(ct.ndim))), fill.aval)  # fmt: skip
    return inner if is_linear(x) else None, outer


def _pad_batch(size: int, xs: Any, batched: Any, widths: Any) -> Any:
    x, fill = xs
    if not batched[0]:
        x = broadcast_to(x, shape=(size, *x.shape))
    if not batched[1]:
        return pad(x, fill, widths=((0, 0), *widths)), True
    mask = pad(full(True, shape=x.shape, dtype=np.dtype(bool)), False, widths=((0, 0), *widths))
    column = reshape(fill, shape=(size,) + (1,) * len(widths))
    padded = pad(x, 0, widths=((0, 0), *widths))
    return ops.select(mask, padded, column), True


pad = define(
    "pad", type=_pad_type, value=_pad_value, jvp=_pad_jvp, transpose=_pad_transpose,
    batch=_pad_batch,
)  # fmt: skip


def _concatenate_type(*xs: Aval, axis: int) -> Aval:
    first = xs[0]
    rest = [x.shape[:axis] + x.shape[axis + 1 :] for x in xs]
    if any(x.ndim != first.ndim for x in xs) or any(r != rest[0] for r in rest):
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ShapeError(f"concatenate: shapes {shapes} differ away from axis {axis}")
    length = sum(x.shape[axis] for x in xs)
    shape = (*first.shape[:axis], length, *first.shape[axis + 1 :])
    return array_aval(shape, result_dtype(*xs))


def _concatenate_jvp(primals: Any, tangents: Any, outs: Any, axis: int) -> Any:
    dtype = outs[0].dtype
    filled = [
        full(0, shape=x.shape, dtype=dtype) if t is None else t
        for x, t in zip(primals, tangents, strict=True)
    ]
    return (concatenate(*filled, axis=axis),)


def _concatenate_transpose(cts: Any, operands: Any, axis: int) -> Any:
    out, start = [], 0
    for x in operands:
        shape = x.aval.shape if is_linear(x) else x.shape
        part = (ALL,) * axis + ((start, start + shape[axis], None),)
        start += shape[axis]
        out.append(ct_like(ops.index(cts[0], items=part), x.aval) if is_linear(x) else None)
    return out


def _concatenate_batch(size: int, xs: Any, batched: Any, axis: int) -> Any:
    xs = [
        x if b else broadcast_to(x, shape=(size, *x.shape))
        for x, b in zip(xs, batched, strict=True)
    ]
    return concatenate(*xs, axis=axis + 1), True


concatenate = define(
    "concatenate", type=_concatenate_type,
    value=lambda xp, *xs, axis: xp.concatenate(xs, axis=axis),
    jvp=_concatenate_jvp, transpose=_concatenate_transpose, batch=_concatenate_batch,
    code=lambda *xs, axis: f"concatenate(({', '.join(xs)},), axis={axis})",
)  # fmt: skip

flip = structural(
    "flip", type=lambda x, axes: x, value=lambda xp, x, axes: xp.flip(x, axes),
    transpose=lambda cts, xs, axes: [flip(cts[0], axes=axes)],
    batch=lambda size, xs, batched, axes: (flip(xs[0], axes=tuple(a + 1 for a in axes)), True),
    views=True,
)  # fmt: skip

# -- arrays out of nothing -----------------------------------------------------------------------

full = structural(
    "full", type=lambda v, shape, dtype: array_aval(shape, dtype),
    value=lambda xp, v, shape, dtype: xp.full([max(n, 0) for n in shape], v, dtype=dtype),
    transpose=lambda cts, xs, shape, dtype: [ct_like(cts[0], xs[0].aval)],
    batch=lambda size, xs, batched, shape, dtype: (
        broadcast_to(
            ops.convert(reshape(xs[0], shape=(size,) + (1,) * len(shape)), dtype=dtype),
            shape=(size, *shape),
        ),
        True,
    ),
)  # fmt: skip

iota = define(
    "iota", type=lambda shape, axis, dtype: array_aval(shape, dtype),
    value=lambda xp, shape, axis, dtype: xp.broadcast_to(
        xp.arange(shape[axis], dtype=dtype).reshape(
            tuple(-1 if i == axis else 1 for i in range(len(shape)))
        ),
        shape,
    ),
    views=True,  # a broadcast array: nothing may be written into it
)  # fmt: skip
"""Counts along one axis: 0, 1, 2, …"""


eye = define(
    "eye", type=lambda n, dtype: array_aval((n, n), dtype),
    value=lambda xp, n, dtype: xp.eye(n, dtype=dtype),
)  # fmt: skip
"""The n unit vectors, as rows."""


def zeros(aval: Aval) -> Any:
    return full(0, shape=aval.shape, dtype=aval.dtype)


def instantiate(x: Any, aval: Aval) -> Any:
    """A tangent or cotangent with its symbolic zero written out."""
    return zeros(aval) if x is None else x
