"""``np.pad``: a constant by the pad operation, every mirroring mode by taking elements again."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of, as_dtype, covers
from funcgrad.ops.indexing import ARRAY, gather
from funcgrad.ops.shaping import ALL
from funcgrad.ops.shaping import pad as pad_op
from funcgrad.trace.tracer import is_traced

_TAKING = {"edge", "reflect", "symmetric", "wrap"}


def _pairs(value: Any, rank: int) -> list[tuple[Any, Any]]:
    """One pair (before, after) per axis, from the forms that NumPy allows."""
    if isinstance(value, dict):
        pairs: list[Any] = [(0, 0)] * rank
        for axis, widths in value.items():
            pairs[axis] = tuple(widths) if isinstance(widths, tuple) else (widths, widths)
        return pairs
    if not isinstance(value, (tuple, list)) and not np.ndim(value):
        return [(value, value)] * rank
    rows = list(value)
    if not np.ndim(rows[0]):
        return [(rows[0], rows[-1])] * rank
    rows = [(row[0], row[-1]) for row in rows]
    if len(rows) not in (1, rank):
        raise ValueError(f"pad: {len(rows)} pairs for {rank} axes")
    return rows * rank if len(rows) == 1 else rows


@covers(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> Any:
    x = array_of(array)
    widths = [(int(lo), int(hi)) for lo, hi in _pairs(pad_width, len(x.shape))]
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError("pad: widths must not be negative")
    if mode in ("constant", "empty"):
        fills = _pairs(kwargs.get("constant_values", 0), len(x.shape))
        return _constant(x, widths, fills)
    if mode not in _TAKING or kwargs.get("reflect_type", "even") != "even":
        raise NotTraceableError(
            f"pad: mode {mode!r} {kwargs or ''} is not covered on traced values; 'constant', "
            "'edge', 'reflect', 'symmetric' and 'wrap' are"
        )
    for axis, width in enumerate(widths):
        if width != (0, 0):
            numbers = np.pad(np.arange(x.shape[axis]), width, mode=mode)
            x = gather(x, numbers, items=(*(ALL,) * axis, ARRAY))
    return x


def _constant(x: Any, widths: Any, fills: Any) -> Any:
    """All sides at once where one number fills them, else axis by axis as NumPy does."""
    first = fills[0][0]
    if all(_same(v, first) for pair in fills for v in pair):
        return pad_op(x, as_dtype(array_of(first), x.dtype), widths=tuple(widths))
    none = [(0, 0)] * len(widths)
    for axis, ((lo, hi), (before, after)) in enumerate(zip(widths, fills, strict=True)):
        for width, fill in (((lo, 0), before), ((0, hi), after)):
            each = (*none[:axis], width, *none[axis + 1 :])
            x = pad_op(x, as_dtype(array_of(fill), x.dtype), widths=each)
    return x


def _same(x: Any, y: Any) -> bool:
    """Whether two fill values are one; traced ones are compared by identity alone."""
    return x is y or (not is_traced(x) and not is_traced(y) and bool(x == y))
