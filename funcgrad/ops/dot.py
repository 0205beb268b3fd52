"""``dot_general``: sums of products along chosen axes; every matrix product is one of these.

``dims = ((x_sum, y_sum), (x_batch, y_batch))`` names the axes that are summed and those that
run along in both operands. The result has the batch axes, then what is left of x, then of y.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops.families import ct_like, define, is_linear, known_aval, product_jvp, result_dtype
from funcgrad.ops.shaping import inverse_permutation, move_axis, transpose

__all__ = ["dot_general", "matrix_dims"]

Dims = Any


class Plan(NamedTuple):
    """How NumPy computes one contraction: the free axes, and a short form where there is one."""

    x_free: tuple[int, ...]
    y_free: tuple[int, ...]
    short: str | None


_SHORT = {
    (1, 1, (0,), (0,)): "{x} @ {y}", (2, 1, (1,), (0,)): "{x} @ {y}",
    (1, 2, (0,), (0,)): "{x} @ {y}", (2, 2, (1,), (0,)): "{x} @ {y}",
    (2, 2, (0,), (0,)): "{x}.T @ {y}", (2, 2, (1,), (1,)): "{x} @ {y}.T",
    (2, 1, (0,), (0,)): "{y} @ {x}", (1, 2, (0,), (1,)): "{y} @ {x}",
    (2, 2, (0,), (1,)): "({y} @ {x}).T",
}  # fmt: skip
"""(ranks, summed axes) -> one expression; x and y may stand in either order."""

_RUN = {
    "{x} @ {y}": lambda x, y: x @ y, "{x}.T @ {y}": lambda x, y: x.T @ y,
    "{x} @ {y}.T": lambda x, y: x @ y.T, "{y} @ {x}": lambda x, y: y @ x,
    "({y} @ {x}).T": lambda x, y: (y @ x).T,
}  # fmt: skip


@lru_cache(maxsize=4096)
def plan(x_rank: int, y_rank: int, dims: Dims) -> Plan:
    (xs, ys), (xb, yb) = dims
    x_free = tuple(i for i in range(x_rank) if i not in xs and i not in xb)
    y_free = tuple(i for i in range(y_rank) if i not in ys and i not in yb)
    short = None if xb else _SHORT.get((x_rank, y_rank, xs, ys))
    if xb and dims == matrix_dims(x_rank, y_rank):
        short = "{x} @ {y}"
    return Plan(x_free, y_free, short)


@lru_cache(maxsize=1024)
def matrix_dims(x_rank: int, y_rank: int) -> Dims:
    """The dims of ``x @ y``, where all axes before the last two are batch axes in both."""
    lead = tuple(range(x_rank - 2)) if y_rank == x_rank else ()
    return (((x_rank - 1,), (max(0, y_rank - 2),)), (lead, lead))


def _dot_type(x: Aval, y: Aval, dims: Dims) -> Aval:
    (xs, ys), (xb, yb) = dims
    sizes = [(x.shape[i], y.shape[j]) for i, j in zip((*xs, *xb), (*ys, *yb), strict=True)]
    if any(m != n for m, n in sizes):
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape} do not fit")
    x_free, y_free, _ = plan(x.ndim, y.ndim, dims)
    shape = (
        *(x.shape[i] for i in xb), *(x.shape[i] for i in x_free), *(y.shape[i] for i in y_free),
    )  # fmt: skip
    return array_aval(shape, result_dtype(x, y))


def _dot_value(xp: Any, x: Any, y: Any, dims: Dims) -> Any:
    p = plan(x.ndim, y.ndim, dims)
    if p.short is not None:
        return _RUN[p.short](x, y)
    (xs, ys), (xb, yb) = dims
    batch = tuple(x.shape[i] for i in xb)
    x_shape, y_shape = tuple(x.shape[i] for i in p.x_free), tuple(y.shape[i] for i in p.y_free)
    if not xs:  # nothing to sum: products of broadcast operands
        x = x.transpose((*xb, *p.x_free)).reshape((*batch, *x_shape, *[1] * len(y_shape)))
        y = y.transpose((*yb, *p.y_free)).reshape((*batch, *[1] * len(x_shape), *y_shape))
        return xp.multiply(x, y)
    inner = prod(x.shape[i] for i in xs)
    x = x.transpose((*xb, *p.x_free, *xs)).reshape((*batch, prod(x_shape), inner))
    y = y.transpose((*yb, *ys, *p.y_free)).reshape((*batch, inner, prod(y_shape)))
    return xp.matmul(x, y).reshape((*batch, *x_shape, *y_shape))[()]


def dot_source(x: str, y: str, ranks: tuple[int, int], dims: Dims) -> str | None:
    """The contraction as one expression, where it has such a form."""
    short = plan(*ranks, dims).short
    return None if short is None else short.format(x=x, y=y)


# <ct, x.y> is linear in x: what multiplies x is the contraction of ct with y over y's free axes.
# The axes of that product come out as (batch, free of x, summed) and are put back in x's order.


def _dot_transpose(cts: Any, operands: Any, dims: Dims) -> Any:
    (ct,), (x, y) = cts, operands
    (xs, ys), (xb, yb) = dims
    x_rank, y_rank = (known_aval(v).ndim for v in operands)
    x_free, y_free, _ = plan(x_rank, y_rank, dims)
    lead, middle = len(xb), len(xb) + len(x_free)
    batch = tuple(range(lead))
    if is_linear(x):
        over = tuple(range(middle, middle + len(y_free)))
        found = dot_general(ct, y, dims=((over, y_free), (batch, yb)))
        summed = tuple(i for _, i in sorted(zip(ys, xs, strict=True)))
        return _reordered(found, (*xb, *x_free, *summed), x.aval), None
    over = tuple(range(lead, middle))
    found = dot_general(x, ct, dims=((x_free, over), (xb, batch)))
    summed = tuple(j for _, j in sorted(zip(xs, ys, strict=True)))
    return None, _reordered(found, (*yb, *summed, *y_free), y.aval)


def _reordered(x: Any, axes: tuple[int, ...], aval: Aval) -> Any:
    """``x``, whose axes are these of the wanted array, in the wanted order and dtype."""
    perm = inverse_permutation(axes)
    if perm != tuple(range(len(perm))):
        x = transpose(x, perm=perm)
    return ct_like(x, aval)


def _dot_batch(size: int, operands: Any, batched: Any, dims: Dims) -> Any:
    """The batch axis is one more batch axis, or one more free axis of its operand."""
    x, y = operands
    (xs, ys), (xb, yb) = dims
    bx, by = batched
    if bx:
        xs, xb = (tuple(i + 1 for i in group) for group in (xs, xb))
    if by:
        ys, yb = (tuple(i + 1 for i in group) for group in (ys, yb))
    if bx and by:
        return dot_general(x, y, dims=((xs, ys), ((0, *xb), (0, *yb)))), True
    free = known_aval(x).ndim - len(xs) - len(xb)
    if by and known_aval(y).ndim - len(ys) - len(yb) == 1 and not yb:
        # y has no other free axis: as first operand its batch axis comes first by itself
        return dot_general(y, x, dims=((ys, xs), (yb, xb))), True
    out = dot_general(x, y, dims=((xs, ys), (xb, yb)))
    return move_axis(out, len(xb) + (free if by else 0), 0), True


dot_general = define(
    "dot_general", type=_dot_type, value=_dot_value, jvp=product_jvp("dot_general"),
    transpose=_dot_transpose, batch=_dot_batch,
)  # fmt: skip
