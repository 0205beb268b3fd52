"""Views: handles on a part or another shape of an array, through which it can be written.

A part knows how to read itself from its base and how to write itself into it. Where NumPy
would copy (a transposed array reshaped) a new array is made here too: the layout is asked of
an untouched array of one byte per element.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.indexing import index, plain, put
from funcgrad.ops.shaping import inverse_permutation, reshape, transpose
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import View, is_traced

__all__ = ["item_view", "part_view", "real_view", "reshape_view", "transpose_view"]


class Reshaped:
    """The same elements in another shape."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...]):
        self.shape = shape

    def read(self, base: Any) -> Any:
        return reshape(base, shape=self.shape)

    def write(self, base: Any, value: Any) -> Any:
        return reshape(value, shape=base.shape)

    def memory(self, base: Any) -> Any:
        return base.reshape(self.shape)


class Transposed:
    """The same elements with the axes in another order."""

    __slots__ = ("perm",)

    def __init__(self, perm: tuple[int, ...]):
        self.perm = perm

    def read(self, base: Any) -> Any:
        return transpose(base, perm=self.perm)

    def write(self, base: Any, value: Any) -> Any:
        return transpose(value, perm=inverse_permutation(self.perm))

    def memory(self, base: Any) -> Any:
        return base.transpose(self.perm)


class ComplexPart:
    """The real or the imaginary part of complex numbers."""

    __slots__ = ("name",)

    def __init__(self, name: str):
        self.name = name

    def read(self, base: Any) -> Any:
        return e.real(base) if self.name == "real" else e.imag(base)

    def write(self, base: Any, value: Any) -> Any:
        parts = (value, e.imag(base)) if self.name == "real" else (e.real(base), value)
        return e.convert(e.pair(*parts), dtype=base.dtype)

    def memory(self, base: Any) -> Any:
        return base[..., None].repeat(2, -1)[..., 0]  # strided, as the parts are


def read_part(base: Any, part: Any) -> Any:
    """A view's value, from the present value of its base."""
    return index(base, items=part) if part.__class__ is tuple else part.read(base)


def write_part(base: Any, value: Any, part: Any) -> Any:
    """A base's new value, when a view of it was assigned to."""
    return put(base, value, items=part) if part.__class__ is tuple else part.write(base, value)


hooks.read_part, hooks.write_part = read_part, write_part


def part_view(x: Any, part: Any) -> Any:
    out = read_part(x, part)
    if is_traced(out) and out.shape and is_traced(x) and out._trace is x._trace:
        return View(x._trace, out._var, x, part)
    return out


def item_view(x: Any, items: Any) -> Any:
    """``x[items]`` for basic items."""
    return part_view(x, items)


def transpose_view(x: Any, perm: tuple[int, ...]) -> Any:
    return part_view(x, Transposed(perm))


def real_view(x: Any, name: str) -> Any:
    return part_view(x, ComplexPart(name))


def reshape_view(x: Any, shape: tuple[int, ...], packed: bool = False) -> Any:
    """``x.reshape(shape)``: a view wherever NumPy gives one; ``ravel`` wants it packed too."""
    if x.__class__ is View and not _stays(x, shape, packed):
        return reshape(x, shape=shape)
    return part_view(x, Reshaped(shape))


def _stays(x: Any, shape: tuple[int, ...], packed: bool) -> bool:
    """Whether NumPy can reshape without moving elements."""
    if not x.size:
        return True
    memory = _memory(x)
    if packed and not memory.flags.c_contiguous:
        return False
    return bool(np.may_share_memory(memory.reshape(shape), memory))


def _memory(x: Any) -> Any:
    """An array of bytes laid out as x would be; its elements are never read."""
    if x.__class__ is not View:
        return np.empty(x.shape, np.int8)
    base = _memory(x.base)
    return base[plain(x.part)] if x.part.__class__ is tuple else x.part.memory(base)
