"""NumPy's products on traced values: matmul, dot, inner, outer, tensordot, kron, cross, …"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import broadcast_shapes
from funcgrad.ops import elementwise as e
from funcgrad.ops.dot import dot_general, matrix_dims
from funcgrad.ops.families import ops
from funcgrad.ops.operators import operand
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import ALL, broadcast_to, full, move_axis, reshape, transpose
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import functions, ufuncs
from funcgrad.trace.tracer import Tracer, is_traced

_current = running.get
_PLAIN = {(m, n): (("dims", matrix_dims(m, n)),) for m in (1, 2) for n in (1, 2)}
NO_DIMS = (((), ()), ((), ()))


def array(x: Any) -> Any:
    """An operand that has a shape: nested lists and numbers become arrays."""
    if hasattr(x, "shape"):
        return x
    if isinstance(x, (list, tuple)) and _holds_traced(x):
        return operand(x)
    return np.asarray(x)


def _holds_traced(x: Any) -> bool:
    return any(_holds_traced(v) if isinstance(v, (list, tuple)) else is_traced(v) for v in x)


# -- matmul --------------------------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """``x @ y`` for all ranks. The first lines are the short path of re-tracing."""
    if x.__class__ is Tracer and y.__class__ is Tracer:
        trace = x._trace
        if trace is y._trace and trace is _current():
            key = _PLAIN.get((len(x._var.aval.shape), len(y._var.aval.shape)))
            node = trace.node.edges.get((dot_general, key, x._var, y._var))
            if node is not None:
                trace.node = node
                return Tracer(trace, node.out)
    x, y = array(x), array(y)
    m, n = len(x.shape), len(y.shape)
    if m == 0 or n == 0:
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape}: a number; use * instead")
    if (m <= 2 and n <= 2) or m == 1:
        return dot_general(x, y, dims=(((m - 1,), (max(0, n - 2),)), ((), ())))
    return _batched_matmul(x, y, m, n)


def _batched_matmul(x: Any, y: Any, m: int, n: int) -> Any:
    if n <= 2:
        return dot_general(x, y, dims=(((m - 1,), (max(0, n - 2),)), ((), ())))
    if m == 2:  # the free axis of x belongs before the last
        return move_axis(dot_general(x, y, dims=(((1,), (n - 2,)), ((), ()))), 0, -2)
    lead = broadcast_shapes(tuple(x.shape[:-2]), tuple(y.shape[:-2]))
    if lead is None or x.shape[-1] != y.shape[-2]:
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape} do not fit")
    x, y = (spread_to(v, (*lead, *v.shape[-2:])) for v in (x, y))
    return dot_general(x, y, dims=matrix_dims(len(lead) + 2, len(lead) + 2))


def spread_to(x: Any, shape: tuple[int, ...]) -> Any:
    return x if tuple(x.shape) == shape else broadcast_to(x, shape=shape)


def vecdot(x: Any, y: Any, axis: int = -1) -> Any:
    """Sums of conj(x) y along one axis, the others broadcast."""
    x, y = array(x), array(y)
    x, y = (move_axis(v, axis, -1) for v in (x, y))
    lead = broadcast_shapes(tuple(x.shape[:-1]), tuple(y.shape[:-1]))
    if lead is None or x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"vecdot: shapes {x.shape} and {y.shape} do not fit")
    x, y = (spread_to(v, (*lead, v.shape[-1])) for v in (conjugate(x), y))
    batch = tuple(range(len(lead)))
    return dot_general(x, y, dims=(((len(lead),), (len(lead),)), (batch, batch)))


def matvec(x: Any, y: Any) -> Any:
    y = array(y)
    column = matmul(x, reshape(y, shape=(*y.shape, 1)))
    return reshape(column, shape=column.shape[:-1])


def vecmat(x: Any, y: Any) -> Any:
    x = conjugate(array(x))
    row = matmul(reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1])), y)
    return reshape(row, shape=(*row.shape[:-2], row.shape[-1]))


def conjugate(x: Any) -> Any:
    return e.conj(x) if x.dtype.kind == "c" else x


# -- the older products --------------------------------------------------------------------------


def dot(x: Any, y: Any, out: Any = None) -> Any:
    """As matmul up to rank 2; above, every row of x with every column of y."""
    x, y = array(x), array(y)
    if not x.shape or not y.shape:
        return e.multiply(x, y)
    m, n = len(x.shape), len(y.shape)
    if m <= 2 and n <= 2:
        return matmul(x, y)
    return dot_general(x, y, dims=(((m - 1,), (max(0, n - 2),)), ((), ())))


def vdot(x: Any, y: Any) -> Any:
    x, y = ravel(conjugate(array(x))), ravel(array(y))
    return dot_general(x, y, dims=(((0,), (0,)), ((), ())))


def ravel(x: Any) -> Any:
    return x if len(x.shape) == 1 else reshape(x, shape=(prod(x.shape),))


def inner(x: Any, y: Any) -> Any:
    x, y = array(x), array(y)
    if not x.shape or not y.shape:
        return e.multiply(x, y)
    return dot_general(x, y, dims=(((len(x.shape) - 1,), (len(y.shape) - 1,)), ((), ())))


def outer(x: Any, y: Any, out: Any = None) -> Any:
    x, y = ravel(array(x)), ravel(array(y))
    return e.multiply(reshape(x, shape=(*x.shape, 1)), y)


def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
    x, y = array(x), array(y)
    m, n = len(x.shape), len(y.shape)
    if isinstance(axes, (int, np.integer)):
        axes = (range(m - axes, m), range(axes))
    xs, ys = (tuple(a) if hasattr(a, "__iter__") else (a,) for a in axes)
    xs, ys = tuple(int(a) % m for a in xs), tuple(int(a) % n for a in ys)
    if len(xs) != len(ys) or any(x.shape[i] != y.shape[j] for i, j in zip(xs, ys)):
        raise ShapeError(f"tensordot: axes {xs} of {x.shape} and {ys} of {y.shape} do not fit")
    return dot_general(x, y, dims=((xs, ys), ((), ())))


def kron(x: Any, y: Any) -> Any:
    x, y = array(x), array(y)
    rank = max(len(x.shape), len(y.shape))
    xs, ys = ((1,) * (rank - len(v.shape)) + tuple(v.shape) for v in (x, y))
    x = reshape(x, shape=tuple(k for n in xs for k in (n, 1)))
    y = reshape(y, shape=tuple(k for n in ys for k in (1, n)))
    return reshape(e.multiply(x, y), shape=tuple(m * n for m, n in zip(xs, ys, strict=True)))


def cross(x: Any, y: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Any:  # fmt: skip
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = move_axis(array(x), axisa, -1), move_axis(array(y), axisb, -1)
    sizes = (x.shape[-1], y.shape[-1])
    if any(n not in (2, 3) for n in sizes):
        raise ShapeError(f"cross: vectors of 2 or 3 components, not shapes {x.shape}, {y.shape}")
    x0, x1, x2 = _components(x)
    y0, y1, y2 = _components(y)
    last = e.subtract(e.multiply(x0, y1), e.multiply(x1, y0))
    if sizes == (2, 2):
        return last
    first = [e.multiply(x1, y2) if y2 is not None else None,
             e.negative(e.multiply(x2, y1)) if x2 is not None else None]  # fmt: skip
    second = [e.multiply(x2, y0) if x2 is not None else None,
              e.negative(e.multiply(x0, y2)) if y2 is not None else None]  # fmt: skip
    parts = [_sum(first), _sum(second), last]
    columns = [reshape(p, shape=(*p.shape, 1)) for p in parts]
    return move_axis(ops.concatenate(*columns, axis=len(last.shape)), -1, axisc)


def _components(x: Any) -> list[Any]:
    """Three components along the last axis; None for the third of a plane vector."""
    lead = (ALL,) * (len(x.shape) - 1)
    found = [ops.index(x, items=(*lead, i)) for i in range(x.shape[-1])]
    return found if len(found) == 3 else [*found, None]


def _sum(terms: list[Any]) -> Any:
    first, *rest = (t for t in terms if t is not None)
    return e.add(first, rest[0]) if rest else first


# -- chains and powers ---------------------------------------------------------------------------


def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of several matrices in the cheapest order."""
    arrays = [array(x) for x in arrays]
    if len(arrays) < 2:
        raise ShapeError("multi_dot: expects at least two arrays")
    row, column = len(arrays[0].shape) == 1, len(arrays[-1].shape) == 1
    if row:
        arrays[0] = reshape(arrays[0], shape=(1, *arrays[0].shape))
    if column:
        arrays[-1] = reshape(arrays[-1], shape=(*arrays[-1].shape, 1))
    sizes = [*(x.shape[0] for x in arrays), arrays[-1].shape[1]]
    out = _multiply_chain(arrays, _best_splits(sizes), 0, len(arrays) - 1)
    if row or column:
        out = reshape(out, shape=out.shape[int(row) : 2 - int(column)])
    return out


def _best_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each chain i … j of matrices for the fewest multiplications."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            ends = sizes[i] * sizes[j + 1]
            options = [(cost[i, k] + cost[k + 1, j] + ends * sizes[k + 1], k) for k in range(i, j)]
            cost[i, j], split[i, j] = min(options)
    return split


def _multiply_chain(arrays: Any, split: Any, i: int, j: int) -> Any:
    if i == j:
        return arrays[i]
    k = split[i, j]
    left, right = _multiply_chain(arrays, split, i, k), _multiply_chain(arrays, split, k + 1, j)
    return matmul(left, right)


def matrix_power(a: Any, n: int) -> Any:
    """By repeated squaring, as NumPy does it; negative powers of the inverse."""
    if n < 0:
        return matrix_power(ops.inv(a), -n)
    if n == 0:
        return spread_to(identity(a.shape[-1], a.dtype), tuple(a.shape))
    square, out = a, None
    while True:
        if n & 1:
            out = square if out is None else matmul(out, square)
        n >>= 1
        if n == 0:
            return out
        square = matmul(square, square)


def identity(n: int, dtype: Any) -> Any:
    """The unit matrix, written as an equation."""
    ones = full(1, shape=(n,), dtype=dtype)
    return reshape(ops.embed(ones, items=((None, None, n + 1),), shape=(n * n,)), shape=(n, n))


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    return conjugate(matrix_transpose(x))


def matrix_transpose(x: Any) -> Any:
    rank = len(x.shape)
    return transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def total(x: Any) -> Any:
    return reduce_sum(x, axes=tuple(range(len(x.shape))))


functions.update({
    np.dot: dot, np.vdot: vdot, np.inner: inner, np.outer: outer, np.tensordot: tensordot,
    np.kron: kron, np.cross: cross, np.linalg.multi_dot: multi_dot,
    np.linalg.matrix_power: matrix_power, np.linalg.matmul: matmul, np.linalg.outer: outer,
    np.linalg.tensordot: lambda x, y, axes=2: tensordot(x, y, axes),
    np.linalg.cross: lambda x, y, axis=-1: cross(x, y, axis=axis),
    np.linalg.vecdot: vecdot,
})  # fmt: skip
ufuncs[np.matmul] = matmul
ufuncs[np.vecdot] = vecdot
for _name, _handler in {"matvec": matvec, "vecmat": vecmat}.items():
    if hasattr(np, _name):  # NumPy 2.2 brought them
        ufuncs[getattr(np, _name)] = _handler

Tracer.__matmul__ = matmul  # type: ignore
Tracer.__rmatmul__ = lambda y, x: matmul(x, y)  # type: ignore
Tracer.dot = dot  # type: ignore[attr-defined]
