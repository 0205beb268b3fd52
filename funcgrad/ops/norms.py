"""Norms of vectors and matrices on traced values. At 0 each has the gradient 0, its shortest
subgradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops import elementwise as e
from funcgrad.ops.decompositions import svd
from funcgrad.ops.dot import dot_general
from funcgrad.ops.families import ops
from funcgrad.ops.products import array, ravel
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import reshape
from funcgrad.trace.dispatch import functions

__all__ = ["matrix_norm", "norm", "vector_norm"]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    x = array(x)
    if x.dtype.kind not in "fc":
        x = e.convert(x, dtype=np.dtype(np.float64))
    rank = len(x.shape)
    if axis is None:
        if ord is None:
            out = _two(ravel(x), (0,))
            return reshape(out, shape=(1,) * rank) if keepdims else out
        axes = tuple(range(rank))
    else:
        axes = tuple(a % rank for a in (axis if isinstance(axis, tuple) else (axis,)))
    if len(axes) == 1:
        out = _vector_norm(x, ord, axes)
    elif len(axes) == 2:
        out = _matrix_norm(x, ord, axes)
    else:
        raise ValueError("Improper number of dimensions to norm.")
    if keepdims:
        out = reshape(out, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    return out


def _sorted(axes: Any) -> tuple[int, ...]:
    return tuple(sorted(axes))


def _two(x: Any, axes: Any) -> Any:
    """sqrt of the sum of squares, whose slope at 0 is 0 and not infinite."""
    if x.dtype.kind == "c":
        squares = e.add(e.square(e.real(x)), e.square(e.imag(x)))
        return _root(reduce_sum(squares, axes=_sorted(axes)))
    if len(x.shape) == 1:
        return _root(dot_general(x, x, dims=(((0,), (0,)), ((), ()))))
    return _root(reduce_sum(e.square(x), axes=_sorted(axes)))


def _root(s: Any, power: float = 0.5) -> Any:
    """s^power, with slope 0 where s is 0: the root there is taken of 1, and then dropped."""
    number = s.dtype.type
    zero = e.equal(s, 0)
    root = e.raise_to(e.select(zero, number(1), s), exponent=power)
    return e.select(zero, number(0), root)


def _vector_norm(x: Any, ord: Any, axes: Any) -> Any:
    if ord is None or ord == 2:
        return _two(x, axes)
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord == 0:
        hit = e.convert(e.not_equal(x, 0), dtype=np.empty(0, x.dtype).real.dtype)
        return reduce_sum(hit, axes=axes)
    size = e.absolute(x)
    if ord == np.inf:
        return ops.reduce_max(size, axes=axes)
    if ord == -np.inf:
        return ops.reduce_min(size, axes=axes)
    if ord == 1:
        return reduce_sum(size, axes=axes)
    powers = e.raise_to(size, exponent=_short(ord))
    return _root(reduce_sum(powers, axes=axes), 1 / ord)


def _short(ord: Any) -> Any:
    return int(ord) if float(ord).is_integer() else float(ord)


def _matrix_norm(x: Any, ord: Any, axes: Any) -> Any:
    row, column = axes
    if row == column:
        raise ValueError("Duplicate axes given.")
    if ord in (None, "fro", "f"):
        return _two(x, axes)
    if ord in (2, -2, "nuc"):
        s = svd(move_axis_pair(x, row, column), full=False)[1]
        last = (len(s.shape) - 1,)
        reduce = {2: ops.reduce_max, -2: ops.reduce_min, "nuc": reduce_sum}[ord]
        return reduce(s, axes=last)
    if ord in (1, -1):
        first, second = row, column
    elif ord in (np.inf, -np.inf):
        first, second = column, row
    else:
        raise ValueError("Invalid norm order for matrices.")
    sums = reduce_sum(e.absolute(x), axes=(first,))
    left = (second - (second > first),)
    return (ops.reduce_max if ord > 0 else ops.reduce_min)(sums, axes=left)


def move_axis_pair(x: Any, row: int, column: int) -> Any:
    """The matrices along two axes as the last two axes."""
    rest = tuple(i for i in range(x.ndim) if i not in (row, column))
    perm = (*rest, row, column)
    return x if perm == tuple(range(x.ndim)) else ops.transpose(x, perm=perm)


def vector_norm(x: Any, /, *, axis: Any = None, ord: Any = 2, keepdims: bool = False) -> Any:
    """Over several axes the entries count as one vector."""
    x = array(x)
    rank = len(x.shape)
    axes = tuple(range(rank)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(a % rank for a in axes)
    rest = tuple(i for i in range(rank) if i not in axes)
    flat = ops.transpose(x, perm=(*rest, *axes))
    out = norm(reshape(flat, shape=(*flat.shape[: len(rest)], _size(x, axes))),
               ord, -1)  # fmt: skip
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return reshape(out, shape=shape) if keepdims else out


def _size(x: Any, axes: Any) -> int:
    return int(np.prod([x.shape[a] for a in axes]))


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    x = array(x)
    if len(x.shape) < 2:
        raise ShapeError(f"matrix_norm: an array of at least two axes, not shape {x.shape}")
    return norm(x, ord, (-2, -1), keepdims)


functions.update({
    np.linalg.norm: norm, np.linalg.vector_norm: vector_norm, np.linalg.matrix_norm: matrix_norm,
})  # fmt: skip
