"""Where CuPy differs from NumPy: all that a program needs to know of it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["index_tuple", "reducer", "scatter"]

_REDUCE = {
    "add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
    "logical_and": "all", "logical_or": "any",
}  # fmt: skip
_ACCUMULATE = {"add": "cumsum", "multiply": "cumprod", "maximum": "maximum", "minimum": "minimum"}


def reducer(xp: Any, ufunc: str, method: str) -> Any:
    """``np.add.reduce`` by name; CuPy has functions instead of ufunc methods."""
    if xp is np:
        return getattr(getattr(np, ufunc), method)
    if method == "reduce":
        return getattr(xp, _REDUCE[ufunc])
    if ufunc in ("maximum", "minimum"):
        return lambda x, axis: _running(xp, getattr(xp, ufunc), x, axis)
    return getattr(xp, _ACCUMULATE[ufunc])


def _running(xp: Any, ufunc: Any, x: Any, axis: int) -> Any:
    """Running extremes by doubling: CuPy has no ``maximum.accumulate``."""
    out, step = xp.array(x), 1
    rest = xp.moveaxis(out, axis, 0)
    while step < rest.shape[0]:
        rest[step:] = ufunc(rest[step:], rest[:-step])
        step *= 2
    return out


class _IndexTuple:
    """``index_tuple[1:, rows]`` is the tuple that indexing with it would use."""

    def __getitem__(self, where: Any) -> Any:
        return where


index_tuple = _IndexTuple()


def scatter(xp: Any, out: Any, v: Any, where: Any, mode: str) -> Any:
    """``out[where] mode= v`` with every repeat counted."""
    if mode == "set":
        out[where] = v
    else:
        getattr(xp, mode).at(out, where, v)
    return out
