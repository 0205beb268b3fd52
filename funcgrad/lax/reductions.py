"""``jax.lax``'s reductions, running reductions, sorts and scans over associative operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce as fold
from typing import Any

import numpy as np

from funcgrad.lax.shapes import pad
from funcgrad.ops import reductions as r
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of
from funcgrad.ops.reductions import take_along
from funcgrad.tree import flatten, unflatten

__all__ = [
    "argmax", "argmin", "associative_scan", "cumlogsumexp", "cummax", "cummin", "cumprod", "cumsum",
    "reduce", "reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum",
    "reduce_window", "sort", "sort_key_val", "top_k",
]  # fmt: skip

Axes = Sequence[int]

# -- all of some axes ------------------------------------------------------------------------------


def _reducer(function: Any, what: str) -> Any:
    def over(operand: Any, axes: Axes) -> Any:
        return function(operand, axis=tuple(axes))

    over.__doc__ = f"{what} of the elements along these axes."
    return over


reduce_sum, reduce_prod = _reducer(np.sum, "The sum"), _reducer(np.prod, "The product")
reduce_max, reduce_min = _reducer(np.max, "The largest"), _reducer(np.min, "The smallest")
reduce_and, reduce_or = _reducer(np.all, "The conjunction"), _reducer(np.any, "The disjunction")


def argmax(operand: Any, axis: int, index_dtype: Any = np.intp) -> Any:
    """Where the largest element of an axis is, the first of several."""
    return as_dtype(array_of(np.argmax(operand, axis)), index_dtype)


def argmin(operand: Any, axis: int, index_dtype: Any = np.intp) -> Any:
    """Where the smallest element of an axis is, the first of several."""
    return as_dtype(array_of(np.argmin(operand, axis)), index_dtype)


def reduce(operands: Any, init_values: Any, computation: Any, dimensions: Axes) -> Any:
    """The elements along these axes combined by any associative ``computation(x, y)``.

    Operands and their first values are arrays, or trees of as many; the computation takes and
    returns the same. It combines halves, so that it is called log₂(n) times.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.reduce(np.array([3.0, 1.0, 2.0]), 0.0, lax.max, (0,))
    np.float64(3.0)
    """
    leaves, treedef = flatten(operands)
    xs = [_last(array_of(x), dimensions) for x in leaves]
    starts = [array_of(x) for x in flatten(init_values)[0]]

    def combined(a: list[Any], b: list[Any]) -> list[Any]:
        found = computation(unflatten(treedef, a), unflatten(treedef, b))
        return [array_of(z) for z in flatten(found)[0]]

    while (n := xs[0].shape[-1]) > 1:
        half = n // 2
        paired = combined([x[..., :half] for x in xs], [x[..., half : 2 * half] for x in xs])
        rest = [x[..., 2 * half :] for x in xs]
        xs = [np.concatenate((p, q), axis=-1) if n % 2 else p
              for p, q in zip(paired, rest, strict=True)]  # fmt: skip
    if not n:
        lead = xs[0].shape[:-1]
        return unflatten(treedef, [np.broadcast_to(s, lead) for s in starts])
    return unflatten(treedef, combined(starts, [x[..., 0] for x in xs]))


def _last(x: Any, dimensions: Axes) -> Any:
    """The reduced axes as one, the last."""
    axes = sorted(axis_of(d, len(x.shape)) for d in dimensions)
    kept = [i for i in range(len(x.shape)) if i not in axes]
    return np.reshape(np.transpose(x, (*kept, *axes)), (*[x.shape[i] for i in kept], -1))


# -- running ---------------------------------------------------------------------------------------


def _running(prim: Any, what: str) -> Any:
    def along(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
        x = array_of(operand)
        axis = axis_of(axis, len(x.shape))
        found = prim(np.flip(x, axis) if reverse else x, axis=axis)
        return as_dtype(np.flip(found, axis) if reverse else found, x.dtype)

    along.__doc__ = f"Running {what} along an axis, from its end if ``reverse``."
    return along


cumsum, cumprod = _running(r.cumsum, "sums"), _running(r.cumprod, "products")
cummax, cummin = _running(r.cummax, "maxima"), _running(r.cummin, "minima")


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Any:
    """Running log Σ exp along an axis, without overflow.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.cumlogsumexp(np.array([1000.0, 1000.0])) - 1000
    array([0.        , 0.69314718])
    """
    return associative_scan(np.logaddexp, operand, reverse, axis)


def associative_scan(
    fn: Callable[[Any, Any], Any], elems: Any, reverse: bool = False, axis: int = 0
) -> Any:
    """All running combinations of an associative ``fn``: z[k] = fn(…fn(x[0], x[1])…, x[k]).

    ``elems`` is an array or a tree of arrays with the same length along ``axis``; ``fn`` takes two
    such trees and works on all their places at once. Neighbours are combined first, then every
    second result is scanned in the same way: 2 log₂(n) calls (Blelloch 1990).

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.associative_scan(np.add, np.array([1.0, 2.0, 3.0, 4.0]))
    array([ 1.,  3.,  6., 10.])
    """
    leaves, treedef = flatten(elems)
    xs = [array_of(x) for x in leaves]
    if not xs:
        raise ValueError("associative_scan: there is nothing to scan")
    axes = [axis_of(axis, len(x.shape)) for x in xs]
    if len({x.shape[a] for x, a in zip(xs, axes, strict=True)}) > 1:
        raise ValueError(
            f"associative_scan: lengths differ along axis {axis}: {[x.shape for x in xs]}"
        )
    rows = [np.moveaxis(x, a, 0) for x, a in zip(xs, axes, strict=True)]
    if reverse:
        rows = [x[::-1] for x in rows]

    def combined(a: list[Any], b: list[Any]) -> list[Any]:
        turned = [np.moveaxis(x, 0, k) for x, k in zip(a, axes, strict=True)]
        others = [np.moveaxis(x, 0, k) for x, k in zip(b, axes, strict=True)]
        found = flatten(fn(unflatten(treedef, turned), unflatten(treedef, others)))[0]
        return [np.moveaxis(array_of(z), k, 0) for z, k in zip(found, axes, strict=True)]

    out = _scanned(combined, rows)
    if reverse:
        out = [x[::-1] for x in out]
    return unflatten(treedef, [np.moveaxis(x, 0, a) for x, a in zip(out, axes, strict=True)])


def _scanned(combined: Any, xs: list[Any]) -> list[Any]:
    n = xs[0].shape[0]
    if n < 2:
        return xs
    pairs = combined([x[0 : n - 1 : 2] for x in xs], [x[1::2] for x in xs])
    odd = _scanned(combined, pairs)  # the results at places 1, 3, 5, …
    before = [z[: (n - 1) // 2] for z in odd]
    even = combined(before, [x[2::2] for x in xs]) if n > 2 else [x[2::2] for x in xs]
    even = [np.concatenate((x[:1], z)) for x, z in zip(xs, even, strict=True)]
    return [_interleaved(a, b, n) for a, b in zip(even, odd, strict=True)]


def _interleaved(even: Any, odd: Any, n: int) -> Any:
    """even[0], odd[0], even[1], …"""
    if even.shape[0] > odd.shape[0]:
        odd = np.concatenate((odd, even[-1:]))
    both = np.stack((even, odd), axis=1)
    return np.reshape(both, (-1, *both.shape[2:]))[:n]


# -- order -----------------------------------------------------------------------------------------


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sorted along an axis; of a tuple, all by the first ``num_keys`` of them."""
    if not isinstance(operand, (tuple, list)):
        return np.sort(operand, axis=dimension)
    xs = [array_of(x) for x in operand]
    axis = axis_of(dimension, len(xs[0].shape))
    order = np.lexsort(tuple(xs[:num_keys][::-1]), axis=axis)
    return tuple(take_along(x, order, axis=axis) for x in xs)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> Any:
    """Keys sorted along an axis, and values in the same order."""
    return sort((keys, values), dimension)


def top_k(operand: Any, k: int, axis: int = -1) -> Any:
    """The k largest elements of an axis, largest first, and where they are.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.top_k(np.array([1.0, 5.0, 3.0]), 2)
    (array([5., 3.]), array([1, 2]))
    """
    x = np.moveaxis(array_of(operand), axis, -1)
    if not 0 <= k <= x.shape[-1]:
        raise ValueError(f"top_k: k={k} of an axis of length {x.shape[-1]}")
    last = len(x.shape) - 1
    turned = np.argsort(np.flip(x, -1), axis=-1, kind="stable")  # of ties, the first comes last
    order = x.shape[-1] - 1 - np.flip(turned, -1)[..., :k]
    found = take_along(x, order, axis=last)
    return np.moveaxis(found, -1, axis), np.moveaxis(order, -1, axis)


# -- windows ---------------------------------------------------------------------------------------


def reduce_window(
    operand: Any, init_value: Any, computation: Callable[[Any, Any], Any],
    window_dimensions: Sequence[int], window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]], base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:  # fmt: skip
    """``computation(x, y)`` folded over every window that slides along all axes.

    ``padding`` is "VALID", "SAME" (as many windows as strides fit into the operand), or (low,
    high) for each axis, filled with ``init_value``. Shapes follow XLA's ReduceWindow.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> x = np.array([1.0, 5.0, 2.0, 4.0])
    >>> lax.reduce_window(x, -np.inf, lax.max, (2,), (2,), "VALID")
    array([5., 4.])
    """
    x = array_of(operand)
    rank = len(x.shape)
    base, dilation = base_dilation or (1,) * rank, window_dilation or (1,) * rank
    windows, strides = tuple(window_dimensions), tuple(window_strides)
    if {len(windows), len(strides), len(base), len(dilation)} != {rank}:
        raise ValueError(f"reduce_window: windows {windows}, strides {strides} for {x.shape}")
    spans = [(w - 1) * d + 1 for w, d in zip(windows, dilation, strict=True)]
    widths = paddings(x.shape, spans, strides, padding)
    config = [(low, high, b - 1) for (low, high), b in zip(widths, base, strict=True)]
    x = pad(x, init_value, config)
    counts = [
        max(0, (n - s) // step + 1) for n, s, step in zip(x.shape, spans, strides, strict=True)
    ]
    parts = [
        x[tuple(
            slice(k * d, k * d + (count - 1) * step + 1 if count else k * d, step)
            for k, d, step, count in zip(place, dilation, strides, counts, strict=True)
        )]
        for place in np.ndindex(*windows)
    ]  # fmt: skip
    start = np.broadcast_to(as_dtype(array_of(init_value), x.dtype), tuple(counts))
    return fold(computation, parts, start)


def paddings(
    shape: Sequence[int], spans: Sequence[int], strides: Sequence[int], padding: Any
) -> list[tuple[int, int]]:
    """(low, high) for each axis; "SAME" puts the odd one at the end."""
    if not isinstance(padding, str):
        return [(int(low), int(high)) for low, high in padding]
    word = padding.upper()
    if word == "VALID":
        return [(0, 0)] * len(shape)
    if word not in ("SAME", "SAME_LOWER"):
        raise ValueError(f"padding must be 'SAME', 'VALID' or pairs of numbers, not {padding!r}")
    out = []
    for n, span, step in zip(shape, spans, strides, strict=True):
        total = max(0, (-(-n // step) - 1) * step + span - n)
        low, high = total // 2, total - total // 2
        out.append((low, high) if word == "SAME" else (high, low))
    return out
