"""An aval is what is known of a value before it has one: shape, dtype, and weakness.

A *weak* aval belongs to a Python number: it adapts to the arrays it meets (NEP 50), as
``np.float32(1) * 2.0`` stays float32. A dimension of -1 is not known until the program runs
(the history of a ``while_loop``).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = ["Aval", "array_aval", "aval_of", "broadcast_shapes", "is_inexact", "weak_aval"]

_SHORT = {
    "float64": "f64", "float32": "f32", "float16": "f16", "longdouble": "f80", "float128": "f128",
    "complex128": "c128", "complex64": "c64", "int64": "i64", "int32": "i32", "int16": "i16",
    "int8": "i8", "uint64": "u64", "uint32": "u32", "uint16": "u16", "uint8": "u8", "bool": "bool",
}  # fmt: skip
_LONG = {short: long for long, short in _SHORT.items()}


class Aval:
    """Shape, dtype and weakness of a value; immutable, and one object per content.

    Avals are made by ``array_aval`` and ``weak_aval`` alone, so that comparing and hashing them
    (both on the hot path of tracing) is a matter of identity.
    """

    __slots__ = ("dtype", "ndim", "shape", "size", "weak")

    def __init__(self, shape: tuple[int, ...], dtype: Any, weak: bool = False):
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.weak = weak
        self.ndim = len(shape)
        self.size = prod(shape)

    def __repr__(self) -> str:
        dims = ",".join("?" if n < 0 else str(n) for n in self.shape)
        return f"{_SHORT.get(self.dtype.name, self.dtype.name)}[{dims}]{'*' if self.weak else ''}"

    def strong(self) -> Aval:
        return array_aval(self.shape, self.dtype) if self.weak else self

    def with_shape(self, shape: tuple[int, ...]) -> Aval:
        return array_aval(tuple(shape), self.dtype)

    def with_dtype(self, dtype: Any) -> Aval:
        return array_aval(self.shape, np.dtype(dtype))


class _Interned(dict[tuple[Any, Any], Aval]):
    """One aval per (shape, dtype): the look-up is the hot path of a capture."""

    def __missing__(self, key: tuple[Any, Any]) -> Aval:
        return self.setdefault(key, Aval(*key))  # atomic: two threads get the same object


interned = _Interned()
_WEAK = {kind: Aval((), np.result_type(kind), weak=True) for kind in (int, float, complex)}
_PYTHON = {np.dtype(np.result_type(kind)): kind for kind in (int, float, complex)}


def array_aval(shape: tuple[int, ...], dtype: Any) -> Aval:
    return interned[shape, np.dtype(dtype)]


def weak_aval(kind: Any) -> Aval:
    """The aval of a Python number of type ``int``, ``float`` or ``complex``."""
    return _WEAK[kind]


def python_kind(aval: Aval) -> type:
    """The Python number type that a weak aval stands for."""
    return _PYTHON[aval.dtype]


def kind_of(dtype: Any) -> type:
    """The Python number type of the same kind: an int, a float or a complex."""
    return {"i": int, "u": int, "f": float, "c": complex}[dtype.kind]


def aval_of(value: Any) -> Aval:
    """The aval of a number or an array (NumPy's, CuPy's, or anything with shape and dtype)."""
    cls = value.__class__
    if cls is np.ndarray:
        return interned[value.shape, value.dtype]
    if cls in _WEAK:
        return _WEAK[cls]
    if cls is bool:
        return interned[(), np.dtype(bool)]
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return array_aval(tuple(value.shape), value.dtype)
    for kind in (int, float, complex):
        if isinstance(value, kind):
            return _WEAK[kind]
    raise TypeError(f"{cls.__name__} is neither a number nor an array: {value!r:.60}")


def is_inexact(aval: Aval) -> bool:
    """Whether values of this aval can carry a derivative."""
    return aval.dtype.kind in "fc"


def parse_aval(text: str) -> Aval:
    """Read ``f64[3,4]`` or ``f64[]*`` back.

    >>> parse_aval("f32[2,?]")
    f32[2,?]
    """
    weak = text.endswith("*")
    short, dims = text.rstrip("*")[:-1].split("[")
    shape = tuple(-1 if d == "?" else int(d) for d in dims.split(",") if d)
    dtype = np.dtype(_LONG.get(short, short))
    return _WEAK[_PYTHON[dtype]] if weak else array_aval(shape, dtype)


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape that all broadcast to, or None where there is none."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    out = [1] * max(map(len, shapes))
    for shape in shapes:
        offset = len(out) - len(shape)
        for i, n in enumerate(shape, offset):
            if n != 1 and out[i] not in (1, n):
                return None
            if n != 1:
                out[i] = n
    return tuple(out)
