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
    link: Any = array
    while isinstance(link, np.ndarray):
        _hold(link, held)
        link = link.base
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
    """Give the arrays of an ended run back to their owner, bases first."""
    with _guard:
        for array in reversed(held):
            entry = _held[id(array)]
            entry[1] -= 1
            if entry[1] == 0:
                del _held[id(array)]
                array.flags.writeable = True
    held.clear()
