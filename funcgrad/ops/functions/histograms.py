"""Counting into bins: a search for each sample's bin, then a sum of weights per bin.

Counts are piecewise constant in the samples; weights, and edges that stem from the samples' range,
keep their derivatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype, covers, dtype_of, flat, known
from funcgrad.ops.functions.creating import linspace, zeros
from funcgrad.ops.functions.cumulating import diff
from funcgrad.ops.functions.joining import stack
from funcgrad.ops.functions.reducing import max_, min_, sum_
from funcgrad.ops.functions.shaping import reshape
from funcgrad.ops.functions.sorting import searchsorted
from funcgrad.ops.indexing import ARRAY, scatter

# -- edges -----------------------------------------------------------------------------------------


def _edges(x: Any, bins: Any, range: Any, weights: Any) -> Any:
    """The edges of bins: given, so many within a range, or as many as a rule of NumPy's says."""
    if isinstance(bins, str):
        plain = None if weights is None else known(weights)
        bins = len(np.histogram_bin_edges(known(x), bins, range, plain)) - 1
    elif np.ndim(bins) == 1:
        edges = array_of(bins)
        if np.any(np.diff(known(edges)) < 0):
            raise ValueError("histogram: the edges of bins must increase")
        return edges
    count = index(bins)
    if count < 1:
        raise ValueError(f"histogram: the number of bins must be positive, not {count}")
    low, high = _limits(x, range)
    dtype = dtype_of(low, high, x)
    dtype = dtype if dtype.kind == "f" else np.dtype(np.float64)
    return linspace(low, high, count + 1, dtype=dtype)


def _limits(x: Any, range: Any) -> tuple[Any, Any]:
    """Where the first bin begins and the last ends; a width of zero is widened, as NumPy does."""
    if range is not None:
        low, high = range
    elif x.size:
        low, high = min_(x), max_(x)
    else:
        low, high = 0.0, 1.0
    if not (np.isfinite(known(low)) and np.isfinite(known(high)) and known(low) <= known(high)):
        raise ValueError(f"histogram: the range [{low}, {high}] is not finite, or not in order")
    return (low - 0.5, high + 0.5) if known(low) == known(high) else (low, high)


@covers(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    return _edges(flat(array_of(a)), bins, range, weights)


# -- counts ----------------------------------------------------------------------------------------


def _bin(x: Any, edges: Any) -> tuple[Any, Any]:
    """Each sample's bin, the last one closed, and whether there is one."""
    last = edges.shape[0] - 2
    place = searchsorted(edges, x, "right") - 1
    place = e.select(e.equal(x, edges[-1]), last, place)
    inside = e.logical_and(e.greater_equal(x, edges[0]), e.less_equal(x, edges[-1]))
    return e.select(inside, place, 0), inside


def _counted(shape: tuple[int, ...], place: Any, inside: Any, weights: Any) -> Any:
    """The sum of weights in each bin, of ones where there are none."""
    dtype = np.dtype(np.intp) if weights is None else weights.dtype
    ones = as_dtype(inside, dtype)
    parts = ones if weights is None else e.select(inside, weights, dtype.type(0))
    total = zeros((int(np.prod(shape)),), dtype)
    return reshape(scatter(total, parts, place, items=(ARRAY,), mode="add"), shape)


@covers(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    x = array_of(a)
    if weights is not None:
        weights = array_of(weights)
        if tuple(weights.shape) != tuple(x.shape):
            raise ValueError(f"histogram: weights of shape {weights.shape} for {x.shape} samples")
        weights = flat(weights)
    x = flat(x)
    edges = _edges(x, bins, range, weights)
    counts = _counted((edges.shape[0] - 1,), *_bin(x, edges), weights)
    return (_dense(counts, [edges]) if density else counts), edges


@covers(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    columns = _columns(sample)
    rank = len(columns)
    bins = bins if isinstance(bins, Sequence) and not isinstance(bins, str) else [bins] * rank
    if len(bins) != rank:
        raise ValueError(f"histogramdd: bins for {len(bins)} dimensions, samples have {rank}")
    ranges = [None] * rank if range is None else range
    edges = [_edges(x, b, r, None) for x, b, r in zip(columns, bins, ranges, strict=True)]
    shape = tuple(edge.shape[0] - 1 for edge in edges)
    place: Any = 0
    inside: Any = True
    for x, edge, n in zip(columns, edges, shape, strict=True):
        here, within = _bin(x, edge)
        place, inside = place * n + here, e.logical_and(inside, within)
    counts = _counted(shape, place, inside, None if weights is None else flat(array_of(weights)))
    counts = as_dtype(counts, np.result_type(counts.dtype, np.float64))
    return (_dense(counts, edges) if density else counts), edges


def _columns(sample: Any) -> list[Any]:
    """One array of samples per dimension."""
    if isinstance(sample, (list, tuple)):
        return [flat(array_of(x)) for x in sample]
    x = array_of(sample)
    x = x if len(x.shape) == 2 else reshape(x, (-1, 1))
    return [x[:, k] for k in np.arange(x.shape[1])]


def _dense(counts: Any, edges: list[Any]) -> Any:
    total = sum_(counts)
    for axis, edge in enumerate(edges):
        lined = [1] * len(edges)
        lined[axis] = -1
        counts = counts / reshape(as_dtype(diff(edge), np.float64), tuple(lined))
    return counts / total


@covers(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    if len(x) != len(y):
        raise ValueError(f"histogram2d: {len(x)} places along x and {len(y)} along y")
    if np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [bins, bins]  # one array of edges for both
    counts, (first, second) = histogramdd(stack((x, y), axis=1), bins, range, density, weights)
    return counts, first, second
