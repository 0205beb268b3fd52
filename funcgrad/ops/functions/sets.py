"""Sets of values. How many elements they have depends on values, so those become decisions; the
elements themselves are picked out of the operand, and keep their derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype, covers, dtype_of, flat, known
from funcgrad.ops.functions.joining import concatenate
from funcgrad.ops.functions.selecting import clip, take
from funcgrad.ops.functions.sorting import searchsorted, sort

# -- distinct values -------------------------------------------------------------------------------


@covers(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    x = array_of(ar)
    wanted: Any = {"return_inverse": return_inverse, "return_counts": return_counts}
    _, first, *rest = np.unique(known(x), return_index=True, axis=axis, **wanted, **kwargs)
    found = take(flat(x), first) if axis is None else take(x, first, axis)
    parts = (found, *([first] if return_index else []), *rest)
    return parts if len(parts) > 1 else found


def _standard(name: str, **wanted: bool) -> None:
    """The Array API standard's spellings of ``unique``, which tell every NaN from every other."""
    numpys = getattr(np, name)

    def handler(x: Any, /) -> Any:
        parts = unique(x, **wanted, equal_nan=False)
        return _named(numpys, parts) if wanted else parts

    covers(numpys)(handler)


def _named(numpys: Callable[..., Any], parts: Any) -> Any:
    """The parts in the named tuple that NumPy's function returns."""
    return type(numpys(np.zeros(1)))(*parts)


_standard("unique_all", return_index=True, return_inverse=True, return_counts=True)
_standard("unique_counts", return_counts=True)
_standard("unique_inverse", return_inverse=True)
_standard("unique_values")


# -- of two operands -------------------------------------------------------------------------------


@covers(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return unique(concatenate((ar1, ar2), axis=None))


@covers(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    x = array_of(ar1)
    _, i, j = np.intersect1d(known(x), known(ar2), assume_unique, return_indices=True)
    found = as_dtype(take(flat(x), i), dtype_of(x, array_of(ar2)))
    return (found, i, j) if return_indices else found


@covers(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    x = flat(array_of(ar1)) if assume_unique else unique(ar1)
    return take(x, np.flatnonzero(np.isin(known(x), known(ar2), invert=True)))


@covers(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    sides = [flat(array_of(x)) if assume_unique else unique(x) for x in (ar1, ar2)]
    both = concatenate(sides)
    _, first, counts = np.unique(known(both), return_index=True, return_counts=True)
    return take(both, first[counts == 1])


@covers(np.isin)
def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
    kind: Any = None,
) -> Any:  # fmt: skip
    """By a search in the sorted elements: no value has to be known."""
    x, table = array_of(element), flat(array_of(test_elements))
    dtype = dtype_of(x, table)
    if not table.shape[0]:
        return e.equal(x, x) if invert else e.not_equal(x, x)
    table = sort(e.convert(table, dtype=dtype))
    place = clip(searchsorted(table, e.convert(x, dtype=dtype)), 0, table.shape[0] - 1)
    return (e.not_equal if invert else e.equal)(take(table, place), x)


# -- ends ------------------------------------------------------------------------------------------


@covers(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The box that holds all that is not zero; ``trim`` says on which sides it may be cut."""
    x = array_of(filt)
    sides = trim.lower()
    if set(sides) - set("fb"):
        raise ValueError(f"trim_zeros: trim= must be made of 'f' and 'b', not {trim!r}")
    places = np.argwhere(known(e.not_equal(x, 0)))
    axes = range(len(x.shape)) if axis is None else np.atleast_1d(axis) % len(x.shape)
    box = [slice(None)] * len(x.shape)
    for a in axes:
        if not len(places):
            box[a] = slice(0, 0)
            continue
        start, stop = places[:, a].min(), places[:, a].max() + 1
        box[a] = slice(start if "f" in sides else None, stop if "b" in sides else None)
    return x[tuple(box)]
