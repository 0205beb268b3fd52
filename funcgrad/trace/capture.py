"""Arrays that a trace uses but did not make: they must keep the value they had when used.

The program runs after the user's function has ended, and the function may overwrite a work
buffer meanwhile. Small arrays are copied; large ones are made read-only until the run is
over, so that a write raises at its own line.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from funcgrad import config

__all__ = ["freeze", "release"]

_held: dict[int, list[Any]] = {}  # id -> [array, count]: traces may nest and run in threads
_guard = threading.Lock()


def freeze(array: Any, held: list[Any]) -> Any:
    """A value that later writes cannot reach: a copy, or the array made read-only."""
    if array.__class__ is not np.ndarray:
        if isinstance(array, np.ndarray):  # np.matrix, masked arrays: plain data from here on
            return np.array(array)
        return array.copy() if hasattr(array, "copy") else array
    if array.nbytes <= config.copy_limit:
        return array.copy()
    for link in (array, *_bases(array)):
        _hold(link, held)
    return array


def _hold(array: Any, held: list[Any]) -> None:
    with _guard:
        entry = _held.get(id(array))
        if entry is not None:
            entry[1] += 1
        elif array.flags.writeable:
            array.flags.writeable = False
            _held[id(array)] = [array, 1]
        else:
            return
    held.append(array)


def release(held: list[Any]) -> None:
    """Give the arrays of an ended run back to their owner.

    All counts are lowered before anything is unlocked, and bases before their views: NumPy
    unlocks no view of a locked array.
    """
    with _guard:
        free = []
        for array in held:
            entry = _held[id(array)]
            entry[1] -= 1
            if entry[1] == 0:
                del _held[id(array)]
                free.append(array)
        held.clear()
        for array in sorted(free, key=lambda x: len(_bases(x))):
            _unlock(array)


def _bases(array: Any) -> list[Any]:
    """The arrays that this one is a view of, the nearest first."""
    found: list[Any] = []
    while isinstance(array := array.base, np.ndarray):
        found.append(array)
    return found


def _unlock(array: Any) -> None:
    """Make the array writeable, also where its base stays read-only.

    It does if it was so from the start, or if another run still holds it.
    """
    bases = _bases(array)
    if not bases or any(base.flags.writeable for base in bases):
        array.flags.writeable = True
        return
    owner = bases[-1]
    owner.flags.writeable = True
    array.flags.writeable = True
    owner.flags.writeable = False
