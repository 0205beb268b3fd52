"""Addresses that other packages hand out in capsules: NumPy's C interface, SciPy's routines."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

__all__ = ["numpy_function", "pointer_of"]


def pointer_of(capsule: Any) -> int:
    """What a capsule points at, whatever its name is."""
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return int(pointer(capsule, name(capsule)))


def numpy_function(place: int) -> int:
    """An address in the table of NumPy's C interface."""
    core: Any = np._core  # type: ignore[attr-defined]
    table = pointer_of(core._multiarray_umath._ARRAY_API)
    return ctypes.c_int64.from_address(table + 8 * place).value
