"""Slices of a fixed size at a traced place: dynamic_slice and dynamic_update_slice.

Compositions of ``gather`` and ``scatter``. A slice that leaves the array raises IndexError; it
is not moved to fit, which would hide a wrong index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.families import ops, shape_of
from funcgrad.ops.indexing import ARRAY, gather, scatter

__all__ = ["dynamic_slice", "dynamic_update_slice"]


def dynamic_slice(x: Any, starts: Sequence[Any], sizes: Sequence[int]) -> Any:
    """The block of shape ``sizes`` that begins at ``starts``, one (traced) integer per axis.

    A negative start counts from the end of its axis. Raises IndexError (when it runs) for a
    block that leaves the array, and ShapeError for sizes that do not fit at all.

    >>> import numpy as np
    >>> from funcgrad import dynamic_slice
    >>> dynamic_slice(np.arange(10.0), (3,), (4,))
    array([3., 4., 5., 6.])
    """
    shape = _checked("dynamic_slice", x, starts, sizes)
    return gather(x, *_places(shape, starts, sizes), items=(ARRAY,) * len(shape))


def dynamic_update_slice(x: Any, update: Any, starts: Sequence[Any]) -> Any:
    """x with the block that begins at ``starts`` replaced by ``update``.

    >>> import numpy as np
    >>> from funcgrad import dynamic_update_slice
    >>> dynamic_update_slice(np.zeros(5), np.array([1.0, 2.0]), (-2,))
    array([0., 0., 0., 1., 2.])
    """
    sizes = shape_of(update)
    shape = _checked("dynamic_update_slice", x, starts, sizes)
    places = _places(shape, starts, sizes)
    return scatter(x, update, *places, items=(ARRAY,) * len(shape), mode="set")


def _checked(who: str, x: Any, starts: Sequence[Any], sizes: Sequence[int]) -> tuple[int, ...]:
    shape = shape_of(x)
    if not shape or len(starts) != len(shape) or len(sizes) != len(shape):
        raise ShapeError(
            f"{who}: an array of shape {shape} needs one start and one size per axis; got "
            f"{len(starts)} starts and sizes {tuple(sizes)}"
        )
    if any(not 0 <= k <= n for k, n in zip(sizes, shape, strict=True)):
        raise ShapeError(f"{who}: a block of shape {tuple(sizes)} does not fit into {shape}")
    return shape


def _places(shape: tuple[int, ...], starts: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """Index arrays of the block, one per axis, that broadcast together."""
    out = []
    for axis, (n, start, size) in enumerate(zip(shape, starts, sizes, strict=True)):
        first = ops.select(ops.less(start, 0), ops.add(start, n), start)
        first = ops.select(ops.less(first, 0), n, first)  # still negative: nowhere in the array
        steps = np.arange(size).reshape((size,) + (1,) * (len(shape) - axis - 1))
        out.append(ops.add(first, steps))
    return out
