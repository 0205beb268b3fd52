"""Native programs as built-in functions, which look at their arguments without Python.

An entry is a ``builtin_function_or_method`` whose code is the door's and whose ``self`` is a tuple:
the fallback, what to expect of the arguments, the guards, and all that must live as long.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from funcgrad.backends.llvm.capsules import numpy_function
from funcgrad.backends.llvm.door import API, KINDS, NAME, NUMPY, PYTHON, ROWS, STATE, WORDS, door
from funcgrad.backends.llvm.machine import machine
from funcgrad.backends.llvm.recycle import LARGE, shelf
from funcgrad.ir.avals import Aval, python_kind
from funcgrad.trace.core import running

__all__ = ["Guards", "Native", "calls_of", "doors", "is_plain", "make_entry"]

_TP_ALLOC = 47  # CPython's number of that slot
_FASTCALL_KEYWORDS = 0x82
_STACK = 4096  # bytes of scratch memory that may lie on the stack
_MOST = 4096  # inputs and outputs together


@lru_cache(maxsize=1)
def doors() -> str | None:
    """Why native programs cannot look at Python's objects here, or None where they can."""
    if sys.implementation.name != "cpython" or sys.byteorder != "little":
        return "entries are made for little-endian CPython"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "this Python runs without a global lock"
    sizes = (object.__basicsize__, float.__basicsize__, tuple.__itemsize__)
    if sizes != (16, 24, 8) or np.ndarray.__basicsize__ < 80:
        return "objects of this Python have another layout"
    probe = np.zeros((2, 3), np.float32)
    start, descr = id(probe), _read(ctypes.c_int64, id(probe) + 56)
    pair = (probe, None)
    seen = (
        _read(ctypes.c_int64, id(pair) + tuple.__basicsize__) == start,
        _read(ctypes.c_int64, start + 16) == probe.ctypes.data,
        _read(ctypes.c_int, start + 24) == 2,
        [_read(ctypes.c_int64, _read(ctypes.c_int64, start + 32) + 8 * k) for k in (0, 1)]
        == [2, 3],
        _read(ctypes.c_int, start + 64) & 0x101 == 0x101,
        _read(ctypes.c_int64, descr + 24) & ~0xFF000000 == _dtype_word(probe.dtype),
    )
    return None if all(seen) else "arrays of this NumPy have another layout"


def _read(type: Any, address: int) -> int:
    return int(type.from_address(address).value)


def _dtype_word(dtype: Any) -> int:
    """Kind, letter, byte order and number of a dtype, as they lie in its structure."""
    letters = dtype.kind + dtype.char + dtype.byteorder
    return int.from_bytes(letters.encode(), "little") | dtype.num << 32


@lru_cache(maxsize=1)
def _api() -> Any:
    """The addresses of all C functions that the door calls."""
    found = {n: ctypes.cast(ctypes.pythonapi[n], ctypes.c_void_p).value for n in PYTHON}
    found |= {n: numpy_function(place) for n, place in NUMPY.items()}
    libc = ctypes.cdll.msvcrt if sys.platform == "win32" else ctypes.CDLL(None)
    found["memcmp"] = ctypes.cast(libc.memcmp, ctypes.c_void_p).value
    return np.array([found[name] for name in API], np.uint64)


def _allocator(type: Any) -> int:
    """The C function that makes an object of a type of NumPy's numbers."""
    slot = ctypes.pythonapi.PyType_GetSlot
    slot.restype, slot.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_int)
    return int(slot(type, _TP_ALLOC))


@lru_cache(maxsize=1)
def _door() -> int:
    return machine().addresses(door(), [NAME], level=0)[0]


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


class Guards(NamedTuple):
    """What must be as it was for an entry to answer, by identity, or content of arrays."""

    dicts: Sequence[tuple[dict[Any, Any], Any, Any]] = ()  # dictionary, key, object
    slots: Sequence[tuple[Any, int, Any]] = ()  # object, offset of a pointer in it, object
    contents: Sequence[tuple[Any, Any]] = ()  # array, copy of it


def make_entry(
    body: int, inputs: Sequence[Aval], outputs: Sequence[Aval], fallback: Callable[..., Any], *,
    single: bool, arena: int = 0, release: bool = False, fixed: Sequence[Any] = (),
    guards: Guards | None = None, name: str = "program", keep: Any = None,
) -> Any:  # fmt: skip
    """The built-in function that runs the program ``i32 body(ptr ins, ptr outs, ptr arena)``.

    Arguments other than ``inputs`` say, keywords, a running trace, changed guards, or a status
    other than 0 are answered by the fallback. ``single``: the one output itself is returned, else
    a tuple. ``arena``: bytes of scratch memory, 64-aligned. ``release``: other Python threads run
    meanwhile. ``fixed``: plain arrays and numbers that the program gets behind its arguments; the
    arrays are read anew in every call. ``keep`` lives as long as the entry: the code.
    """
    guards = guards or Guards()
    avals = (*inputs, *outputs)
    if len(avals) > _MOST or any(not _is_known(aval) for aval in avals):
        raise ValueError(
            f"entry {name}: too many arguments, or an unknown size or dtype among them"
        )
    held = [x if x.__class__ is np.ndarray else np.array(x) for x in fixed]
    copies = [np.array(copy, order="C") for _, copy in guards.contents]
    if not all(is_plain(x) for x in (*held, *(x for x, _ in guards.contents))):
        raise ValueError(f"entry {name}: fixed and guarded arrays must be contiguous and aligned")
    heap = arena if arena > _STACK else 0
    block = np.empty(heap + 64 if heap else 0, np.uint8)
    shapes = [aval.shape for aval in avals] + [copy.shape for copy in copies]
    dims = np.array([n for shape in shapes for n in shape], np.int64)
    rows = _rows(inputs, outputs, guards, copies, dims.ctypes.data)
    rows["fixed"] = [(x.ctypes.data,) for x in held]
    numbers = dict.fromkeys(WORDS, 0) | {kind: len(found) for kind, found in rows.items()}
    numbers |= {
        "block": block.ctypes.data + 63 & -64 if heap else 0, "body": body, "heap": heap,
        "stack": 0 if heap else arena, "single": single, "release": release,
    }  # fmt: skip
    flat = [n for kind in ROWS for row in rows[kind] for n in row]
    state = np.array([*numbers.values(), *flat], np.int64)
    method = _Method(name.encode(), _door(), _FASTCALL_KEYWORDS, None)
    alive = (guards, avals, held, copies, dims, block, method, keep)
    items = (fallback, _api(), state, running, None, np.ndarray, alive)
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make(ctypes.addressof(method), items, None)


class Native(NamedTuple):
    """A compiled program: where its code is, and what it takes and gives."""

    body: int
    inputs: Sequence[Aval]  # arguments, then what is fixed
    outputs: Sequence[Aval]
    arena: int = 0
    release: bool = False
    name: str = "program"
    keep: Any = None

    def entry(
        self, fallback: Callable[..., Any], *, single: bool, fixed: Sequence[Any] = (),
        guards: Guards | None = None,
    ) -> Any:  # fmt: skip
        """The program as a built-in function, or None where no entry can be made for it."""
        n = len(self.inputs) - len(fixed)
        if doors() is not None or not all(map(_fits, fixed, self.inputs[n:])):
            return None
        try:
            return make_entry(
                self.body, self.inputs[:n], self.outputs, fallback, single=single, fixed=fixed,
                arena=self.arena, release=self.release, guards=guards, name=self.name,
                keep=self.keep,
            )  # fmt: skip
        except ValueError:
            return None


def _fits(x: Any, aval: Aval) -> bool:
    if x.__class__ is not np.ndarray and isinstance(x, np.ndarray):
        return False
    x = np.asarray(x)
    return bool(x.shape == aval.shape and x.dtype == aval.dtype)


def _is_known(aval: Aval) -> bool:
    return aval.dtype.isnative and aval.dtype.kind in "biufc" and min(aval.shape, default=0) >= 0


def is_plain(x: Any) -> bool:
    """Whether the data of an array are one aligned piece of memory, in order."""
    flags = x.flags
    return bool(flags.c_contiguous and flags.aligned and x.dtype.isnative)


def _rows(
    inputs: Sequence[Aval], outputs: Sequence[Aval], guards: Guards, copies: list[Any], dims: int
) -> dict[str, list[tuple[int, ...]]]:
    """What the door compares with, row by row; objects live as long as the entry's tuple."""
    rows: dict[str, list[tuple[int, ...]]] = {name: [] for name in ROWS}
    rows["dicts"] = [(id(d), id(key), id(x)) for d, key, x in guards.dicts]
    rows["slots"] = [(id(o) + offset, id(x)) for o, offset, x in guards.slots]
    for x in inputs:
        kind = _kind(x)
        cls = np.ndarray if kind == "array" else kind if x.weak else x.dtype.type
        rows["inputs"].append((KINDS[kind], id(cls), _dtype_word(x.dtype), x.ndim, dims))
        dims += 8 * x.ndim
    for x in outputs:
        kind, made, alloc = _kind(x), 0, 0
        if kind == "array":
            made = id(x.dtype)
            alloc = id(shelf().capsule) if x.size * x.dtype.itemsize >= LARGE else 0
        elif kind == "scalar" and x.dtype.kind == "b":
            kind, made, alloc = "bool", id(np.False_), id(np.True_)
        elif kind == "scalar":
            made, alloc = id(x.dtype.type), _allocator(x.dtype.type)
        rows["outputs"].append((KINDS[kind], made, alloc, x.dtype.itemsize, x.ndim, dims))
        dims += 8 * x.ndim
    for (array, _), copy in zip(guards.contents, copies, strict=True):
        word, data = _dtype_word(copy.dtype), copy.ctypes.data
        rows["contents"].append((id(array), word, copy.ndim, dims, data, copy.nbytes))
        dims += 8 * copy.ndim
    return rows


def _kind(aval: Aval) -> Any:
    if aval.weak:
        return python_kind(aval)
    return "array" if aval.shape else "scalar"


def calls_of(entry: Any) -> int:
    """How many calls the native path of an entry has answered."""
    return int(entry.__self__[STATE][WORDS["calls"]])
