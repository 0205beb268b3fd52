"""LLVM's types and constants, as text."""

from __future__ import annotations

import operator
import re
import struct
from functools import lru_cache
from typing import Any

__all__ = [
    "bits",
    "constant",
    "element",
    "folded",
    "integer_like",
    "is_float",
    "lanes",
    "like",
    "mangled",
    "vector",
]

_VECTOR = re.compile(r"<(\d+) x (\w+)>")


# -- types -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def lanes(type: str) -> int:
    """How many numbers a value of this type holds: 1 for what is no vector."""
    found = _VECTOR.fullmatch(type)
    return int(found[1]) if found else 1


@lru_cache(maxsize=256)
def element(type: str) -> str:
    """The type of one number of a vector; what is no vector is its own."""
    found = _VECTOR.fullmatch(type)
    return found[2] if found else type


@lru_cache(maxsize=256)
def vector(type: str, n: int) -> str:
    """The type of n numbers; one number is no vector."""
    return type if n == 1 else f"<{n} x {type}>"


@lru_cache(maxsize=256)
def like(type: str, other: str) -> str:
    """Numbers of one type, as many as there are of another."""
    return vector(element(type), lanes(other))


_BITS = {"double": 64, "float": 32, "half": 16, "ptr": 64}
_INTEGER = {"double": "i64", "float": "i32", "half": "i16"}
_MANGLED = {"double": "f64", "float": "f32", "half": "f16"}


def is_float(type: str) -> bool:
    return element(type) in _MANGLED


def bits(type: str) -> int:
    """Bits of one number."""
    each = element(type)
    return _BITS[each] if each in _BITS else int(each[1:])


def integer_like(type: str) -> str:
    """Integers with as many bits and lanes as these floats."""
    return like(_INTEGER[element(type)], type)


@lru_cache(maxsize=256)
def mangled(type: str) -> str:
    """The suffix that names an overload of an intrinsic: ``v8f64``."""
    each = _MANGLED.get(element(type), "p0" if element(type) == "ptr" else element(type))
    return each if lanes(type) == 1 else f"v{lanes(type)}{each}"


# -- constants -------------------------------------------------------------------------------


def constant(type: str, number: Any) -> str:
    """A number as LLVM writes it; the same in all lanes of a vector."""
    each = element(type)
    if each in ("double", "float"):
        text = _hex(float(number), each)
    elif each == "i1":
        text = "true" if number else "false"
    elif each == "ptr":
        text = "null" if not number else f"inttoptr (i64 {int(number)} to ptr)"
    else:
        text = str(_wrapped(int(number), bits(each)))
    n = lanes(type)
    return text if n == 1 else f"splat ({each} {text})"


def _hex(x: float, type: str) -> str:
    """Exact bits: LLVM writes a float by the bits of the double of the same value."""
    if type == "float":
        x = struct.unpack("<f", struct.pack("<f", x))[0] if abs(x) < 3.5e38 else x
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def _wrapped(n: int, width: int) -> int:
    n &= (1 << width) - 1
    return n - (1 << width) if n >> (width - 1) else n


_FOLDED: dict[str, Any] = {"add": operator.add, "sub": operator.sub, "mul": operator.mul}


def folded(op: str, x: str, y: str) -> str | None:
    """The result of an operation on two 64-bit integers, by their names, where it needs no
    instruction: of two constants, or of 0 or 1 and another."""
    if op not in _FOLDED:
        return None
    left, right = _integer(x), _integer(y)
    if left is not None and right is not None:
        return str(_wrapped(_FOLDED[op](left, right), 64))
    neutral = 1 if op == "mul" else 0
    if right == neutral:
        return x
    if left == neutral and op != "sub":
        return y
    return "0" if op == "mul" and 0 in (left, right) else None


def _integer(name: str) -> int | None:
    return int(name) if name[0] == "-" or name[0].isdigit() else None
