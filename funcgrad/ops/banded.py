"""Banded systems: ``solve_banded``, with the diagonals in LAPACK's (and SciPy's) order.

Row ``upper - k`` of ``ab`` holds the k-th diagonal: ab[upper + i - j, j] = A[i, j]. Numbers that
stand outside of A are not read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError, ShapeError
from funcgrad.ir.avals import Aval, array_aval, broadcast_shapes
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ct_like, define, like, ops, total
from funcgrad.ops.matrices import lapack_dtype, lined
from funcgrad.ops.shaping import ALL, concatenate, pad, reshape

__all__ = ["solve_banded", "transposed"]


def _type(ab: Aval, b: Aval, lower: int, upper: int) -> Aval:
    fits = ab.ndim >= 2 and b.ndim >= 2 and ab.shape[-1] == b.shape[-2]
    shape = broadcast_shapes(ab.shape[:-2], b.shape[:-2]) if fits else None
    if shape is None or ab.shape[-2] != lower + upper + 1:
        raise ShapeError(
            f"solve_banded: diagonals of shape {ab.shape} ({lower} below, {upper} above the main "
            f"one) and right-hand sides of shape {b.shape} do not fit"
        )
    return array_aval((*shape, *b.shape[-2:]), lapack_dtype(ab, b))


def _value(xp: Any, ab: Any, b: Any, lower: int, upper: int) -> Any:
    if xp is not np:
        raise NotTraceableError("solve_banded: CuPy has none; move the arrays to the host first")
    from scipy.linalg import solve_banded as solve

    dtype = np.result_type(ab, b)
    shape = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    ab, b = (np.broadcast_to(x, (*shape, *x.shape[-2:])) for x in (ab, b))
    out = np.zeros(b.shape, dtype if dtype.kind in "fc" else np.float64)
    for k in np.ndindex(*shape) if out.size else ():
        out[k] = solve((lower, upper), ab[k], b[k], check_finite=False)
    return out


def _row(x: Any, i: int) -> Any:
    """Row i of matrices, kept as a row."""
    return ops.index(x, items=(*(ALL,) * (len(x.shape) - 2), (i, i + 1, None), ALL))


def _shifted(x: Any, by: int, axis: int) -> Any:
    """x moved along an axis, zeros where nothing comes in."""
    n = x.shape[axis]
    if by == 0:
        return x
    cut = (max(-by, 0), n - max(by, 0) if by > 0 else None, None)
    if abs(by) >= n:
        cut = (0, 0, None)
    part = ops.index(x, items=(*(ALL,) * axis, cut))
    missing = n - part.shape[axis]
    width = (missing, 0) if by > 0 else (0, missing)
    return pad(part, x.dtype.type(0),
               widths=tuple(width if i == axis else (0, 0) for i in range(x.ndim)))  # fmt: skip


def transposed(ab: Any, lower: int, upper: int) -> Any:
    """The diagonals of A^T, which has ``upper`` of them below the main one."""
    axis = ab.ndim - 1
    rows = [_shifted(_row(ab, upper - k), -k, axis) for k in range(-lower, upper + 1)]
    return concatenate(*rows, axis=axis - 1)


def _product(ab: Any, z: Any, lower: int, upper: int) -> Any:
    """A z: the column j of A takes part with z_j, moved to its row."""
    terms = []
    for k in range(-lower, upper + 1):
        diagonal = reshape(_row(ab, upper - k), shape=(*ab.shape[:-2], ab.shape[-1], 1))
        moved = e.multiply(diagonal, z)
        terms.append(_shifted(moved, -k, moved.ndim - 2))
    return total(terms)


# A dz = db - dA z; linear in b, and its transpose solves A^T x = ct.


def _jvp(primals: Any, tangents: Any, outs: Any, lower: int, upper: int) -> Any:
    (ab, _), (dab, db), z = primals, tangents, outs[0]
    moved = None if dab is None else e.negative(_product(dab, z, lower, upper))
    right = total([None if db is None else like(db, z.aval), moved])
    return (like(solve_banded(ab, right, lower=lower, upper=upper), z.aval),)


def _transpose(cts: Any, operands: Any, lower: int, upper: int) -> Any:
    ab, b = operands
    found = solve_banded(transposed(ab, lower, upper), cts[0], lower=upper, upper=lower)
    return None, ct_like(found, b.aval)


solve_banded = define(
    "solve_banded", type=_type, value=_value, jvp=_jvp, transpose=_transpose, eager=True,
    batch=lambda size, xs, batched, **bands: (solve_banded(*lined(xs, batched), **bands), True),
)  # fmt: skip
