"""Memory of large results, used again: what NumPy gets from us for outputs of native programs.

The C library hands big blocks back to the system as soon as they are freed, and the system clears
every page that it gives out anew: for a result of 16 MB that takes longer than computing it.
So outputs of a megabyte and more carry a memory handler of our own (NumPy's NEP 49), whose
``free`` puts the block on a shelf, up to ``config.recycled_bytes`` in all, and whose ``malloc``
looks there for a block of the same size. All else is left to NumPy's own handler, which gives a
little more than is asked for: blocks begin in the middle of a page, and in front of them stand
their size and NumPy's own address. (Large arrays begin where a page does, and processors compare
a load's place in its page with those of the stores before it: of an array that lay a little
behind the result, they would make every load wait for a store of other memory.)

Both run under Python's global lock: arrays are made and destroyed there.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any

from funcgrad import config
from funcgrad.backends.llvm.capsules import numpy_function, pointer_of
from funcgrad.backends.llvm.ir import Function, Module, Value
from funcgrad.backends.llvm.machine import machine
from funcgrad.backends.llvm.places import copy_bytes

__all__ = ["LARGE", "Shelf", "shelf"]

LARGE = 1 << 20  # bytes; smaller blocks the C library keeps by itself

_SLOTS = 16
_WORDS = ("bound", "held", "next", "malloc", "free")
_PLACES = {name: 8 * i for i, name in enumerate(_WORDS)}
_FIRST = 8 * len(_WORDS)  # then address and size of each block
_SIZE = _FIRST + 16 * _SLOTS

_HEAD, _PAGE = 16, 4096
_AROUND = _PAGE + _HEAD  # bytes that a block takes beyond its own
_GIVEN, _LENGTH = -8, -_HEAD  # where NumPy's address and the size stand, counted from the block

_DEFAULT_HANDLER = 306  # place in NumPy's C interface


def _code() -> str:
    """The module with ``malloc``, ``free``, ``realloc`` and ``clear``, as text."""
    module = Module()
    module.declare("@funcgrad_shelf", "@funcgrad_shelf = external global i8")
    _malloc(_Words(module.function("shelf_malloc", "ptr", ["ptr", "i64"], linkage="")))
    _free(_Words(module.function("shelf_free", "void", ["ptr", "ptr", "i64"], linkage="")))
    _realloc(_Words(module.function("shelf_realloc", "ptr", ["ptr"] * 2 + ["i64"], linkage="")))
    _clear(_Words(module.function("shelf_clear", "void", [], linkage="")))
    return module.text()


class _Words:
    """Words on the shelf's memory."""

    def __init__(self, f: Function):
        self.f = f
        self.base = Value(f, "@funcgrad_shelf", "ptr")

    def place(self, name: str) -> Value:
        return self.f.at(self.base, _PLACES[name])

    def get(self, name: str) -> Value:
        return self.f.load("i64", self.place(name))

    def add(self, name: str, n: Value) -> None:
        self.f.store(self.get(name) + n, self.place(name))

    def slot(self, i: Value) -> tuple[Value, Value]:
        """Where the address and the size of a block stand; places go round in a ring."""
        start = self.f.at(self.base, (i & (_SLOTS - 1)) * 16 + _FIRST)
        return start, self.f.at(start, 8)

    def numpys(self, name: str, out: str, *xs: Value) -> Any:
        """A call of NumPy's own ``malloc`` or ``free``, which read no context."""
        address = self.f.load("ptr", self.place(name))
        return self.f.call(address.name, out, self.f.const("ptr", 0), *xs)

    def new(self, n: Value) -> Value:
        """A block from NumPy's handler, or null."""
        f = self.f
        given = self.numpys("malloc", "ptr", n + _AROUND)
        with f.when(given.eq(0), likely=False):
            f.ret(given)
            f.begin(f.label("never"))
        place = f.op(f"ptrtoint {given!r} to i64", "i64")
        first = (place + (_HEAD + _PAGE // 2 - 1) & -_PAGE) + _PAGE // 2
        block = f.op(f"inttoptr {first!r} to ptr", "ptr")
        f.store(given, f.at(block, _GIVEN))
        f.store(n, f.at(block, _LENGTH))
        return block

    def release(self, block: Value, n: Value) -> None:
        """Back to NumPy's handler."""
        given = self.f.load("ptr", self.f.at(block, _GIVEN))
        self.numpys("free", "void", given, n + _AROUND)

    def drop(self, i: Value) -> None:
        """Give a block back to NumPy's handler, if there is one in this place."""
        f, (block, size) = self.f, self.slot(i)
        n = f.load("i64", size)
        with f.when(n.ne(0)):
            self.release(f.load("ptr", block), n)
            f.store(f.const("i64", 0), size)
            self.add("held", -n)


def _malloc(w: _Words) -> None:
    """The block of this size that was put there last, or a new one."""
    f, wanted = w.f, w.f.args[1]
    last = w.get("next") + (_SLOTS - 1)
    with f.loop(0, _SLOTS) as k:
        block, size = w.slot(last - k)
        with f.when(f.load("i64", size).eq(wanted)):
            f.store(f.const("i64", 0), size)
            w.add("held", -wanted)
            found, never = f.load("ptr", block), f.label()
            f.ret(found)
            f.begin(never)
    f.ret(w.new(wanted))


def _free(w: _Words) -> None:
    """Onto the shelf, where the oldest blocks make room."""
    f, (_, given, n) = w.f, w.f.args
    bound, now = w.get("bound"), w.get("next")
    with f.when(n.gt(bound) | n.lt(LARGE)):
        w.release(given, n)
        never = f.label()
        f.ret()
        f.begin(never)
    w.drop(now)
    with f.loop(1, _SLOTS) as k, f.when((w.get("held") + n).gt(bound)):
        w.drop(now + k)
    block, size = w.slot(now)
    f.store(given, block)
    f.store(n, size)
    w.add("held", n)
    w.add("next", f.const("i64", 1))
    f.ret()


def _realloc(w: _Words) -> None:
    """A new block with as much of the old one's content as there is room for."""
    f, (_, old, n) = w.f, w.f.args
    made, before = w.new(n), f.load("i64", f.at(old, _LENGTH))
    size = n.lt(before).select(n, before)
    copy_bytes(f, made, old, size)
    w.release(old, before)
    f.ret(made)


def _clear(w: _Words) -> None:
    with w.f.loop(0, _SLOTS) as k:
        w.drop(k)
    w.f.ret()


class _Handler(ctypes.Structure):
    """NumPy's PyDataMem_Handler."""

    _fields_ = [
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        *[(name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")],
    ]


class Shelf:
    """The handler, as the capsule that NumPy wants. It lives as long as the process: arrays that
    it made may be freed after everything else is gone."""

    def __init__(self) -> None:
        self.memory = ctypes.create_string_buffer(_SIZE + 64)
        base = ctypes.addressof(self.memory) + 63 & -64
        names = ("shelf_malloc", "shelf_free", "shelf_realloc", "shelf_clear")
        here = machine()
        self.code = here.load(_code(), names, level=0, symbols={"funcgrad_shelf": base})
        numpys = _Handler.from_address(_numpys_handler())
        self.handler = _Handler.from_buffer_copy(numpys)
        self.handler.name = b"funcgrad"
        self.handler.malloc, self.handler.free = self.code["shelf_malloc"], self.code["shelf_free"]
        self.handler.realloc = self.code["shelf_realloc"]
        self._words = (ctypes.c_int64 * len(_WORDS)).from_address(base)
        self._words[:] = [config.recycled_bytes, 0, 0, numpys.malloc, numpys.free]
        self.clear = ctypes.PYFUNCTYPE(None)(self.code["shelf_clear"])
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        self.name = ctypes.c_char_p(b"mem_handler")
        self.capsule = make(ctypes.addressof(self.handler), self.name, None)
        for kept in (self, here):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        config.watch("recycled_bytes", self.resize)

    @property
    def held(self) -> int:
        """Bytes that wait to be used again."""
        return self._words[_WORDS.index("held")]

    def resize(self, bound: int) -> None:
        self._words[_WORDS.index("bound")] = bound
        self.clear()


def _numpys_handler() -> int:
    variable = numpy_function(_DEFAULT_HANDLER)
    capsule = ctypes.cast(variable, ctypes.POINTER(ctypes.py_object))[0]
    return pointer_of(capsule)


@lru_cache(maxsize=1)
def shelf() -> Shelf:
    return Shelf()
