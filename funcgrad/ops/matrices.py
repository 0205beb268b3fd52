"""What rules of linear algebra share: masks of matrices, dtypes, shapes, batching."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import known_aval, lead, like, ops, result_dtype
from funcgrad.ops.products import adjoint
from funcgrad.ops.shaping import iota
from funcgrad.trace.core import tracer_types

__all__ = [
    "alone", "by_name", "cholesky_factor", "diagonal_mask", "each_alone", "hermitian", "keep",
    "lapack_dtype", "lined", "place", "real_dtype", "same_type", "square", "triangle_mask",
]  # fmt: skip


def lapack_dtype(*avals: Aval) -> Any:
    """LAPACK's dtype: integers count as float64, float32 stays what it is."""
    dtype = result_dtype(*avals)
    return dtype if dtype.kind in "fc" else np.dtype(np.float64)


def real_dtype(dtype: Any) -> Any:
    return np.empty(0, dtype).real.dtype


def square(who: str, a: Aval) -> tuple[int, ...]:
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{who}: the last two axes must be a square matrix, not shape {a.shape}")
    return a.shape


def same_type(who: str) -> Any:
    return lambda a, **params: array_aval(square(who, a), lapack_dtype(a))


def by_name(name: str) -> Any:
    """The function of this name in ``numpy.linalg`` or ``cupy.linalg``."""
    return lambda xp, a: getattr(xp.linalg, name)(a)


def alone(name: str) -> Any:
    """Batching of one operand: its batch axis is one more leading axis."""
    return lambda size, xs, batched, **params: (getattr(ops, name)(xs[0], **params), True)


def each_alone(name: str) -> Any:
    def batch(size: int, xs: Any, batched: Any, **params: Any) -> Any:
        outs = getattr(ops, name)(xs[0], **params)
        return outs, (True,) * len(outs)

    return batch


def diagonal_mask(n: int) -> Any:
    """The mask of the diagonal of an n by n matrix."""
    return e.equal(place(n, 0), place(n, 1))


def place(n: int, axis: int) -> Any:
    return iota(shape=(n, n), axis=axis, dtype=np.dtype(np.intp))


def triangle_mask(n: int, lower: bool = True, strict: bool = False) -> Any:
    """The mask of one triangle of an n by n matrix."""
    row, column = place(n, 0), place(n, 1)
    compare = e.greater if strict else e.greater_equal
    return compare(row, column) if lower else compare(column, row)


def keep(mask: Any, x: Any) -> Any:
    return e.select(mask, x, known_aval(x).dtype.type(0))


def lined(xs: Any, batched: Any) -> list[Any]:
    """Batched operands whose own axes all have the same rank."""
    ranks = [len(x.shape) - b for x, b in zip(xs, batched, strict=True)]
    return [lead(x, max(ranks)) if b else x for x, b in zip(xs, batched, strict=True)]


def cholesky_factor(a: Any) -> tuple[Any, bool] | None:
    """The lower triangular factor that a traced matrix is, and whether it is that transposed."""
    transposed = False
    while a.__class__ in tracer_types:
        eqn = a._trace.maker(a._var)
        if eqn is not None and eqn.prim.name == "cholesky":
            return a, transposed
        n = len(a.shape)
        if eqn is None or eqn.prim.name != "transpose":
            return None
        if eqn.params["perm"] != (*range(n - 2), n - 1, n - 2):
            return None
        a, transposed = a._trace.handle(eqn.invars[0]), not transposed
    return None


def hermitian(t: Any, lower: bool = True) -> Any:
    """The Hermitian matrix that a routine sees which reads only one triangle of ``t``."""
    n = t.shape[-1]
    part = keep(triangle_mask(n, lower, strict=True), t)
    middle = keep(diagonal_mask(n), like(e.real(t), known_aval(t)) if t.dtype.kind == "c" else t)
    return e.add(e.add(part, adjoint(part)), middle)
