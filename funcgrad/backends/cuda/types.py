"""Numbers in CUDA C: their types, how they are written down, and how one becomes another."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["BOOL", "computes", "convert", "number", "type_of", "unsigned_of"]

BOOL = np.dtype(bool)
_TYPES = {
    "float64": "double", "float32": "float", "int64": "long long", "uint64": "unsigned long long",
    "int32": "int", "uint32": "unsigned int", "int16": "short", "uint16": "unsigned short",
    "int8": "signed char", "uint8": "unsigned char", "bool": "bool",
}  # fmt: skip
_MOVED = {"complex128": "double2", "complex64": "float2", "float16": "unsigned short"}
"""What kernels copy from place to place, but do not compute with."""


def computes(dtype: Any) -> bool:
    """Whether kernels compute in this dtype."""
    return dtype.name in _TYPES


def type_of(dtype: Any) -> str:
    return _TYPES.get(dtype.name) or _MOVED[dtype.name]


def unsigned_of(dtype: Any) -> str:
    """The type in which integers of this dtype wrap around; shorter ones are cut afterwards."""
    return "unsigned long long" if dtype.itemsize == 8 else "unsigned int"


# -- literals --------------------------------------------------------------------------------


def number(value: Any, dtype: Any) -> str:
    """A number of the dtype as CUDA C has it, in parentheses where a sign or a cast leads.

    >>> number(-0.5, np.dtype(np.float32)), number(3, np.dtype(np.int64))
    ('(-0.5f)', '3LL')
    """
    if dtype == BOOL:
        return "true" if value else "false"
    if dtype.kind == "c":
        real = np.dtype(f"f{dtype.itemsize // 2}")
        return f"{type_of(dtype)}{{{number(value.real, real)}, {number(value.imag, real)}}}"
    if dtype == np.float16:
        return str(np.float16(value).view(np.uint16))
    return _float(value, dtype) if dtype.kind == "f" else _integer(int(dtype.type(value)), dtype)


def _float(value: Any, dtype: Any) -> str:
    short = "f" if dtype.itemsize == 4 else ""
    value = float(dtype.type(value))
    if math.isnan(value):
        return f"(0.0{short} / 0.0{short})"
    if math.isinf(value):
        return f"({'-' * (value < 0)}1.0{short} / 0.0{short})"
    return _signed(f"{value!r}{short}")


def _integer(value: int, dtype: Any) -> str:
    suffix = {"i": "LL", "u": "ULL"}[dtype.kind] if dtype.itemsize == 8 else "U" * (
        dtype.kind == "u"
    )  # fmt: skip
    if value == np.iinfo(np.int64).min:  # C reads -x as the negative of x, which is too large
        return f"({value + 1}LL - 1)"
    return _signed(f"{value}{suffix}")


def _signed(text: str) -> str:
    return f"({text})" if text[0] == "-" else text


# -- conversion ------------------------------------------------------------------------------


def convert(x: str, old: Any, new: Any) -> str:
    """A number of one dtype as another, as NumPy's ``astype``."""
    if old == new:
        return x
    if new == BOOL:
        return f"({x} != 0)"
    if old.kind == "f" and new.kind in "iu":
        return _truncated(x, new)
    return f"({type_of(new)}){x}"


def _truncated(x: str, new: Any) -> str:
    """What C leaves open (NaN, numbers out of range) is what it is on x86-64; short integers
    are cut from int32."""
    if new.itemsize < 4:
        return f"({type_of(new)})truncated<int>({x})"
    if new.kind == "i":
        return f"truncated<{type_of(new)}>({x})"
    return f"truncated_unsigned<{type_of(new)}, {type_of(np.dtype(f'i{new.itemsize}'))}>({x})"
