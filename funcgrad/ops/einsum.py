"""``np.einsum``, diagonals and traces.

An einsum becomes pairwise contractions in the order that ``np.einsum_path`` finds; axes of an
operand are known by their labels all the way.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops import elementwise as e
from funcgrad.ops.dot import dot_general
from funcgrad.ops.families import ops
from funcgrad.ops.products import array
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import ALL, reshape, transpose
from funcgrad.trace.dispatch import functions
from funcgrad.trace.tracer import Tracer

Labels = tuple[Any, ...]

# -- diagonals -----------------------------------------------------------------------------------


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """A diagonal of the matrices along two axes, as the last axis: a strided slice, no gather."""
    x = array(x)
    rank = len(x.shape)
    if rank < 2:
        raise ValueError(f"diagonal: an array of at least two axes, not shape {x.shape}")
    first, second = axis1 % rank, axis2 % rank
    if first == second:
        raise ValueError("diagonal: axis1 and axis2 are the same")
    rest = tuple(i for i in range(rank) if i not in (first, second))
    perm = (*rest, first, second)
    if perm != tuple(range(rank)):
        x = transpose(x, perm=perm)
    *lead, m, n = x.shape
    start, stop = _diagonal_span(m, n, offset)
    flat = reshape(x, shape=(*lead, m * n))
    return ops.index(flat, items=(*(ALL,) * len(lead), (start, stop, n + 1)))


def _diagonal_span(m: int, n: int, offset: int) -> tuple[int, int]:
    """Where a diagonal begins and ends in the flat m by n matrix."""
    length = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    if length == 0:
        return 0, 0
    start = offset if offset >= 0 else -offset * n
    return start, start + (length - 1) * (n + 1) + 1


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None,
          out: Any = None) -> Any:  # fmt: skip
    found = diagonal(x, offset, axis1, axis2)
    if dtype is not None:
        found = e.convert(found, dtype=np.dtype(dtype))
    return reduce_sum(found, axes=(len(found.shape) - 1,))


def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with this diagonal."""
    v = array(v)
    if len(v.shape) == 2:
        return diagonal(v, k)
    if len(v.shape) != 1:
        raise ValueError(f"diag: an array of one or two axes, not shape {v.shape}")
    n = v.shape[0] + abs(k)
    start, stop = _diagonal_span(n, n, k)
    flat = ops.embed(v, items=((start, stop, n + 1),), shape=(n * n,))
    return reshape(flat, shape=(n, n))


def diagflat(v: Any, k: int = 0) -> Any:
    v = array(v)
    return diag(reshape(v, shape=(int(np.prod(v.shape)),)), k)


# -- einsum --------------------------------------------------------------------------------------


def einsum(*operands: Any, out: Any = None, optimize: Any = True, **kwargs: Any) -> Any:
    """NumPy's einsum: ellipsis, repeated and summed labels, implicit output, list form."""
    if kwargs.pop("dtype", None) is not None or out is not None:
        raise TypeError("einsum: out= and dtype= are not supported on traced values")
    inputs, output, arrays = _parsed(operands)
    shapes = tuple(tuple(x.shape) for x in arrays)
    inputs, output = _without_ellipsis(inputs, output, shapes)
    path = _path(inputs, output, shapes)
    pool = [_single(x, labels, {*output, *_others(inputs, k)})
            for k, (x, labels) in enumerate(zip(arrays, inputs, strict=True))]  # fmt: skip
    for step in path:
        chosen = [pool.pop(k) for k in sorted(step, reverse=True)][::-1]
        needed = {*output}.union(*[labels for _, labels in pool])
        first, *rest = chosen
        for position, other in enumerate(rest):
            later = [labels for _, labels in rest[position + 1 :]]
            first = _pair(first, other, needed.union(*later))
        pool.append(_single(*first, needed))
    return _ordered(*pool[0], output)


def _others(inputs: Any, k: int) -> set[Any]:
    return {label for i, labels in enumerate(inputs) if i != k for label in labels}


def _parsed(operands: Any) -> tuple[list[Labels], Labels | None, list[Any]]:
    """Labels of the operands and of the output (None: implicit), and the operands."""
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), [array(x) for x in operands[1:]]
        left, arrow, right = text.partition("->")
        inputs = [_labels(part) for part in left.split(",")]
        output = _labels(right) if arrow else None
    else:  # array, labels, array, labels, …, [output labels]
        pairs = len(operands) // 2
        arrays = [array(x) for x in operands[0 : 2 * pairs : 2]]
        inputs = [tuple(labels) for labels in operands[1 : 2 * pairs : 2]]
        output = tuple(operands[-1]) if len(operands) % 2 else None
    if len(inputs) != len(arrays):
        raise ValueError(f"einsum: {len(inputs)} terms for {len(arrays)} operands")
    return inputs, output, arrays


def _labels(text: str) -> Labels:
    head, dots, tail = text.partition("...")
    bad = [c for c in head + tail if not c.isalpha()]
    if bad:
        raise ValueError(f"einsum: {bad[0]!r} in {text!r} is not a label")
    return (*head, Ellipsis, *tail) if dots else tuple(head)


def _without_ellipsis(inputs: Any, output: Any, shapes: Any) -> tuple[list[Labels], Labels]:
    """Axes under an ellipsis get labels of their own: their negative position from the right."""
    deepest = 0
    found = []
    for labels, shape in zip(inputs, shapes, strict=True):
        hidden = len(shape) - (len(labels) - labels.count(Ellipsis))
        if hidden < 0 or (hidden and Ellipsis not in labels):
            raise ShapeError(f"einsum: {len(labels)} labels for an operand of shape {shape}")
        deepest = max(deepest, hidden)
        found.append(_expanded(labels, hidden))
    if output is None:
        every = [label for labels in inputs for label in labels if label is not Ellipsis]
        once = sorted({label for label in every if every.count(label) == 1})
        output = (*(("...", i) for i in range(-deepest, 0)), *once)
    else:
        output = _expanded(output, deepest)
    known = {label for labels in found for label in labels}
    if missing := [label for label in output if label not in known]:
        raise ValueError(f"einsum: output label {missing[0]!r} is in no operand")
    if len(set(output)) < len(output):
        raise ValueError("einsum: a label occurs twice in the output")
    return found, output


def _expanded(labels: Labels, hidden: int) -> Labels:
    if Ellipsis not in labels:
        return labels
    k = labels.index(Ellipsis)
    return (*labels[:k], *(("...", i) for i in range(-hidden, 0)), *labels[k + 1 :])


def _path(inputs: Any, output: Labels, shapes: Any) -> Any:
    if len(inputs) <= 2:
        return [tuple(range(len(inputs)))]
    return _long_path(tuple(inputs), output, shapes)


@lru_cache(maxsize=1024)
def _long_path(inputs: Any, output: Labels, shapes: Any) -> Any:
    """The order of contractions, by NumPy; asked once per expression and shapes."""
    numbers: dict[Any, int] = {}
    for labels in inputs:
        for label in labels:
            numbers.setdefault(label, len(numbers))
    given: list[Any] = []
    for labels, shape in zip(inputs, shapes, strict=True):
        given += [np.broadcast_to(0.0, shape), [numbers[label] for label in labels]]
    return np.einsum_path(*given, [numbers[label] for label in output], optimize="greedy")[0][1:]


def _single(x: Any, labels: Labels, needed: set[Any]) -> tuple[Any, Labels]:
    """Take diagonals of repeated labels and sum the labels that nobody needs."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            if x.shape[first] != x.shape[second]:
                raise ShapeError(f"einsum: label {label!r} has two sizes in shape {x.shape}")
            x = diagonal(x, 0, first, second)
            labels = (*(v for i, v in enumerate(labels) if i not in (first, second)), label)
    axes = tuple(i for i, label in enumerate(labels) if label not in needed)
    if axes:
        x = reduce_sum(x, axes=axes)
        labels = tuple(label for label in labels if label in needed)
    return x, labels


def _pair(one: Any, two: Any, needed: set[Any]) -> tuple[Any, Labels]:
    """Contract two operands over the labels that nobody else needs."""
    (x, xl), (y, yl) = _squeezed(one, two), _squeezed(two, one)
    shared = [label for label in xl if label in yl]
    for label in shared:
        if x.shape[xl.index(label)] != y.shape[yl.index(label)]:
            sizes = f"{x.shape[xl.index(label)]} and {y.shape[yl.index(label)]}"
            raise ShapeError(f"einsum: label {label!r} has sizes {sizes}")
    summed = [label for label in shared if label not in needed]
    batch = [label for label in shared if label in needed]
    x_free = [label for label in xl if label not in shared]
    y_free = [label for label in yl if label not in shared]
    labels = (*batch, *x_free, *y_free)
    if not summed:
        return e.multiply(_aligned(x, xl, labels), _aligned(y, yl, labels)), labels
    dims = tuple(
        tuple(tuple(own.index(label) for label in group) for own in (xl, yl))
        for group in (summed, batch)
    )
    return dot_general(x, y, dims=dims), labels


def _squeezed(one: Any, two: Any) -> tuple[Any, Labels]:
    """Without the axes of size 1 that broadcast against a longer axis of the other operand."""
    (x, xl), (y, yl) = one, two
    drop = [i for i, label in enumerate(xl)
            if x.shape[i] == 1 and label in yl and y.shape[yl.index(label)] != 1]  # fmt: skip
    if not drop:
        return x, xl
    shape = tuple(n for i, n in enumerate(x.shape) if i not in drop)
    return reshape(x, shape=shape), tuple(v for i, v in enumerate(xl) if i not in drop)


def _aligned(x: Any, own: Labels, labels: Labels) -> Any:
    """Axes in the order of ``labels``, ones where the operand lacks a label."""
    x = _ordered(x, own, tuple(label for label in labels if label in own))
    sizes = iter(x.shape)
    shape = tuple(next(sizes) if label in own else 1 for label in labels)
    return x if shape == tuple(x.shape) else reshape(x, shape=shape)


def _ordered(x: Any, own: Labels, wanted: Labels) -> Any:
    perm = tuple(own.index(label) for label in wanted)
    return x if perm == tuple(range(len(perm))) else transpose(x, perm=perm)


def _matrix_diagonal(x: Any, *, offset: int = 0) -> Any:
    return diagonal(x, offset, -2, -1)


def _matrix_trace(x: Any, *, offset: int = 0, dtype: Any = None) -> Any:
    return trace(x, offset, -2, -1, dtype)


functions.update({
    np.diagonal: diagonal, np.trace: trace, np.diag: diag, np.diagflat: diagflat,
    np.einsum: einsum, np.linalg.diagonal: _matrix_diagonal, np.linalg.trace: _matrix_trace,
})  # fmt: skip
Tracer.diagonal = diagonal  # type: ignore[attr-defined]

__all__ = ["diag", "diagonal", "einsum", "trace"]
