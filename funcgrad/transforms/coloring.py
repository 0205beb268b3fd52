"""Columns of a Jacobian that share no row get one color, and one sweep computes them together.

    J s = sum of the columns of one color;  row i has at most one of them, so (J s)_i is its entry

The pattern comes from ``sparsity``, the colors from the greedy rule: each column takes the first
color that no column it shares a row with has taken (Curtis, Powell and Reid 1974).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from funcgrad.ir.jaxpr import Jaxpr
from funcgrad.trace.core import namespace
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.sparsity import TooDense, patterns

__all__ = ["Coloring", "beside", "coloring"]

_FEWEST = 32  # columns; below, a dense sweep is as quick
_WORTH = 4  # times fewer sweeps than columns, or it stays dense
_MOST_PAIRS = 1 << 20


class Coloring(NamedTuple):
    """How many colors; then, as ``places``, the color of every column and, for each output,
    where the compressed columns (one row per color) hold its entries and where its block does."""

    colors: int
    places: tuple[Any, ...]


def coloring(jaxpr: Jaxpr, place: int, outs: int) -> Coloring | None:
    """The coloring for the derivative of the first ``outs`` outputs in one input, if any pays."""
    key = ("coloring", place, outs)
    if key not in jaxpr.derived:
        jaxpr.derived[key] = _coloring(jaxpr, place, outs)
    return jaxpr.derived[key]  # type: ignore[no-any-return]


def _coloring(jaxpr: Jaxpr, place: int, outs: int) -> Coloring | None:
    n, sizes = jaxpr.invars[place].aval.size, [v.aval.size for v in jaxpr.outvars[:outs]]
    if n < _FEWEST or sum(sizes) < 2 * _WORTH:
        return None
    try:
        found = patterns(jaxpr, place, outs, min(n * sum(sizes) // (2 * _WORTH), _MOST_PAIRS))
    except TooDense:
        return None
    pairs = [np.divmod(np.empty(0, np.int64) if p is None else p, n) for p in found]
    starts = np.cumsum([0, *sizes])
    rows = np.concatenate([r + start for (r, _), start in zip(pairs, starts, strict=False)])
    colors = _colors(rows, np.concatenate([c for _, c in pairs]), n)
    if colors is None:
        return None
    places = [colors]
    for (r, c), size in zip(pairs, sizes, strict=True):
        places += [colors[c] * size + r, r * n + c]
    for p in places:
        p.flags.writeable = False
    return Coloring(int(colors.max()) + 1, tuple(places))


def _colors(rows: Any, columns: Any, n: int) -> Any:
    """The colors of n columns, or None where they are too many."""
    most = n // _WORTH
    if np.bincount(rows, minlength=1).max() > most:
        return None
    order = np.argsort(columns, kind="stable")
    ends = np.cumsum(np.bincount(columns, minlength=n))
    by_column, start = rows[order].tolist(), 0
    taken: dict[int, int] = {}  # row -> the colors of its columns, as bits
    colors = np.zeros(n, np.intp)
    for k, end in enumerate(ends.tolist()):
        own, start = by_column[start:end], end
        bits = 0
        for r in own:
            bits |= taken.get(r, 0)
        free = ~bits & (bits + 1)
        color = colors[k] = free.bit_length() - 1
        if color >= most:
            return None
        for r in own:
            taken[r] = taken.get(r, 0) | free
    return colors


def beside(places: Sequence[Any], leaves: Sequence[Any]) -> Sequence[Any]:
    """The arrays on the device where the leaves are."""
    if not places:
        return places
    xp = _home(leaves)
    return places if xp is np else [xp.asarray(p) for p in places]


def _home(values: Sequence[Any]) -> Any:
    """The module of the arrays behind these values, traced or not."""
    for x in values:
        xp = _home(getattr(x._trace, "inputs", ())) if is_traced(x) else namespace(x)
        if xp is not np:
            return xp
    return np
