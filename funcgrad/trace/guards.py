"""What a function reads besides its arguments: closure cells, globals, attributes of those.

jit checks them on every call, so that a changed global means a new trace, not a stale answer.
Functions that the function calls are followed; installed libraries are taken as constant.
"""

from __future__ import annotations

import ctypes
import dis
import os
import sys
import sysconfig
from collections.abc import Callable
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.trace.source import per_code
from funcgrad.trace.tree import unwrapped

__all__ = ["Guard", "codes_of", "guards_of"]

_LIBRARY = tuple(
    {
        p
        for p in (
            sysconfig.get_paths().get(k) for k in ("stdlib", "platstdlib", "purelib", "platlib")
        )
        if p
    }
)
_PACKAGE = __file__.rsplit("trace", 1)[0]
_MISSING = object()
_PLAIN = (int, float, complex, str, bytes, bool, type(None), np.generic)
_DEPTH = 4  # containers nested deeper than this are guarded by identity


class Guard:
    """One value a function reads: how to read it again, and what it was.

    ``place`` says where the value is, if that can be told without Python: items of dictionaries
    (dictionary, key, object), and pointers in objects (object, offset, what is there).
    """

    __slots__ = ("array", "expected", "kind", "name", "place", "read", "value")

    def __init__(self, name: str, read: Callable[[], Any], value: Any, place: Any = None):
        self.name, self.read, self.value, self.place = name, read, value, place
        self.array = None  # content of an array, where it must not change
        self.expected: Any = None
        cls = value.__class__
        if cls is np.ndarray:
            self.kind = "array"
        elif isinstance(value, (list, tuple, dict, set, frozenset)):
            self.kind, self.expected = "container", fingerprint(value)
        elif isinstance(value, _PLAIN):
            self.kind = "number"
        else:
            self.kind = "identity"

    def freeze_content(self, captured: set[int]) -> None:
        """Small arrays, and arrays that Python used beyond our sight, must keep their content."""
        if self.kind == "array":
            small = self.value.nbytes <= config.copy_limit
            if small or id(self.value) not in captured:
                self.array = self.value.copy()

    def holds(self) -> bool:
        now = self.read()
        kind = self.kind
        if kind == "identity":
            return now is self.value
        if kind == "number":
            if now is self.value:
                return True
            same = now.__class__ is self.value.__class__
            return same and (now == self.value or (now != now and self.value != self.value))
        if kind == "container":
            return bool(fingerprint(now) == self.expected)
        if now is not self.value:
            return False
        return self.array is None or _same_content(now, self.array)

    def renew(self) -> bool:
        """Take an equal number in another object for the one expected: native code compares
        identities. Says whether that changed what ``checks`` gives."""
        old, now = self.value, self.read()
        if self.kind != "number" or self.place is None or now is old or not self.holds():
            return False
        dicts, slots = (
            [(owner, key, now if x is old else x) for owner, key, x in part] for part in self.place
        )
        changed = any(x is now for _, _, x in (*dicts, *slots))
        if changed:
            self.value, self.place = now, (dicts, slots)
        return changed

    def checks(self) -> Any:
        """What native code may compare instead of asking ``holds``: dictionary items, slots of
        objects, contents of arrays; None where it takes Python to tell."""
        if self.place is None or (self.kind == "container" and not _frozen(self.value)):
            return None
        if self.array is None:
            return (*self.place, [])
        x = self.value
        plain = x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative
        return (*self.place, [(x, self.array)]) if plain and x.dtype.kind in "biufc" else None

    def describe(self) -> str:
        return f"{self.name}: {_short(self.value)} -> {_short(self.read())}"


def _frozen(value: Any) -> bool:
    """Whether nothing inside a value can change while it is the same object."""
    if isinstance(value, (tuple, frozenset)):
        return all(_frozen(x) for x in value)
    return isinstance(value, _PLAIN)


def _same_content(a: Any, b: Any) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)} at {id(value):#x}"
    return f"{value!r:.40}"


def fingerprint(value: Any, depth: int = _DEPTH) -> Any:
    """A comparable image of a container; objects inside count by identity."""
    cls = value.__class__
    if isinstance(value, _PLAIN):
        return (cls, repr(value))
    if depth and isinstance(value, dict):
        return (cls, tuple((k, fingerprint(v, depth - 1)) for k, v in value.items()))
    if depth and isinstance(value, (list, tuple)):
        return (cls, tuple(fingerprint(v, depth - 1) for v in value))
    if depth and isinstance(value, (set, frozenset)):
        return (cls, frozenset(fingerprint(v, depth - 1) for v in value))
    if cls is np.ndarray:
        return (id(value), value.shape, value.dtype.str, value.tobytes())
    return (cls, id(value))


def is_generator(value: Any) -> bool:
    """Whether a value draws random numbers for NumPy (which loads that part only when used)."""
    loaded = sys.modules.get("numpy.random")
    return loaded is not None and isinstance(value, (loaded.Generator, loaded.RandomState))


def random_reads(function: Any) -> list[str]:
    """Where a function, or one it calls, mentions a random draw or a generator: name and line."""
    found: list[str] = []
    for code, scope in codes_of(function):
        name, first, line = "", "", code.co_firstlineno
        for step in dis.get_instructions(code):
            line = (step.positions and step.positions.lineno) or line
            if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
                name = first = str(step.argval)
                if is_generator(scope.get(name)):
                    found.append(f"{name} ({os.path.basename(code.co_filename)}:{line})")
            elif step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
                name = f"{name}.{step.argval}"
                if ".random." in f".{name}" and not _is_ours(scope.get(first)):
                    found.append(f"{name} ({os.path.basename(code.co_filename)}:{line})")
    return found


def _is_ours(module: Any) -> bool:
    """Whether keyed draws are meant, which are functions of their arguments."""
    return isinstance(module, ModuleType) and module.__name__.split(".")[0] == "funcgrad"


def codes_of(function: Any) -> list[tuple[CodeType, dict[str, Any]]]:
    """The code of a function and of the user's functions it reads, each with what it can see."""
    out: list[tuple[CodeType, dict[str, Any]]] = []
    todo, seen = [function], set()
    while todo:
        f = unwrapped(todo.pop())
        if (
            not isinstance(f, FunctionType)
            or f in seen
            or f.__code__.co_filename.startswith(_PACKAGE)
        ):
            continue
        seen.add(f)
        cells = {
            n: cell_value(c)
            for n, c in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
        }
        scope = {p[0]: f.__globals__.get(p[0]) for p in global_reads(f.__code__)} | cells
        out.append((f.__code__, scope))
        todo += [v for v in scope.values() if callable(v) and not _is_library(v)]
    return out


def guards_of(function: Any) -> list[Guard]:
    """Guards for all that the function, and the user's functions it calls, read."""
    found: dict[str, Guard] = {}
    _walk(function, found, set(), getattr(unwrapped(function), "__name__", "f"))
    return list(found.values())


def _walk(function: Any, found: dict[str, Guard], seen: set[int], label: str) -> None:
    bound = getattr(function, "__self__", None)
    function = unwrapped(function)
    if not isinstance(function, FunctionType) or id(function) in seen:
        return
    if function.__code__.co_filename.startswith(_PACKAGE):
        for cell in function.__closure__ or ():  # a transform's wrapper: follow what it wraps
            _follow(cell_value(cell), found, seen, label)
        return
    seen.add(id(function))
    if bound is not None and not isinstance(bound, ModuleType):
        _attributes(function, bound, found, label)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        place = _slot(cell, 0, cell_value(cell))
        _add(name, lambda c=cell: cell_value(c), found, seen, label, place)
    for path in global_reads(function.__code__):
        _add(
            ".".join(path),
            lambda p=path, g=function.__globals__: _resolve(g, p),
            found,
            seen,
            label,
            _items(function.__globals__, path),
        )
    for i, default in enumerate(function.__defaults__ or ()):
        read = lambda f=function, k=i: (f.__defaults__ or ())[k]
        place = _slot(function, 1, function.__defaults__)
        _add(f"default {i}", read, found, seen, label, place)
        _follow(default, found, seen, label)


def cell_value(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _MISSING


def _resolve(scope: dict[str, Any], path: tuple[str, ...]) -> Any:
    builtins = scope.get("__builtins__", {})
    builtins = builtins if isinstance(builtins, dict) else vars(builtins)
    value = scope.get(path[0], builtins.get(path[0], _MISSING))
    for name in path[1:]:
        value = getattr(value, name, _MISSING)
    return value


def _items(scope: dict[str, Any], path: tuple[str, ...]) -> Any:
    """Where a global is: an item of the module's dictionary, or of one that it imports."""
    dicts = []
    for name in path:
        if name not in scope:
            return None
        value = scope[name]
        dicts.append((scope, name, value))
        if value.__class__ is not ModuleType:
            break
        scope = vars(value)
    return (dicts, []) if len(dicts) == len(path) else None


def _slot(owner: Any, which: int, value: Any) -> Any:
    offsets = _offsets()
    return None if offsets is None else ([], [(owner, offsets[which], value)])


@lru_cache(maxsize=1)
def _offsets() -> tuple[int, int] | None:
    """Where a closure cell has its value and a function its defaults, in CPython's objects."""
    if sys.implementation.name != "cpython":
        return None

    def probe(x: Any = object()) -> Any:  # noqa: B008 - an object of its own is what is looked for
        return lambda: x

    cell = probe().__closure__[0]
    found = [_offset(cell, cell.cell_contents), _offset(probe, probe.__defaults__)]
    return None if None in found else (found[0], found[1])  # type: ignore[return-value]


def _offset(owner: Any, target: Any) -> int | None:
    size = type(owner).__basicsize__
    words = (ctypes.c_size_t * (size // 8)).from_address(id(owner))
    return next((8 * i for i, word in enumerate(words) if word == id(target)), None)


def _add(
    name: str, read: Any, found: dict[str, Guard], seen: set[int], label: str, place: Any = None
) -> None:
    value = read()
    if value is _MISSING or isinstance(value, ModuleType) or _is_library(value):
        return
    full = f"{label}.{name}"
    if full not in found:
        found[full] = Guard(full, read, value, place)
    _follow(value, found, seen, name)


def _follow(value: Any, found: dict[str, Guard], seen: set[int], label: str) -> None:
    if isinstance(unwrapped(value), FunctionType) if callable(value) else False:
        _walk(value, found, seen, label)


def _is_library(value: Any) -> bool:
    """Functions and classes of NumPy, SciPy, the standard library or funcgrad do not change."""
    if not callable(value):
        return False
    if isinstance(value, np.ufunc):
        return True
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    path = getattr(module, "__file__", None)
    if path is not None and path.startswith(_PACKAGE):
        return not hasattr(value, "__wrapped__")  # grad(f) is followed to f
    return module is not None and (path is None or path.startswith(_LIBRARY))


def _attributes(function: Any, bound: Any, found: dict[str, Guard], label: str) -> None:
    """A method's reads of ``self.name``."""
    first = function.__code__.co_varnames[0] if function.__code__.co_argcount else None
    for name in _attribute_reads(function.__code__, first):

        def read(o: Any = bound, n: str = name) -> Any:
            return getattr(o, n, _MISSING)

        value = read()
        if value is not _MISSING and not callable(value):
            found.setdefault(f"{label}.self.{name}", Guard(f"self.{name}", read, value))


_reads: dict[int, Any] = {}


def global_reads(code: CodeType) -> list[tuple[str, ...]]:
    """Dotted global names that the code loads, functions defined inside included."""
    return per_code(_reads, code, _global_reads)  # type: ignore[no-any-return]


def _global_reads(code: CodeType) -> list[tuple[str, ...]]:
    out: dict[tuple[str, ...], None] = {}
    path: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            path = (step.argval,)
            out[path] = None
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and path:
            out.pop(path, None) if len(path) > 1 else None
            path = (*path, step.argval)
            out[path] = None
        elif step.opname not in ("CACHE", "PRECALL", "EXTENDED_ARG"):
            path = ()
    for const in code.co_consts:
        if isinstance(const, CodeType):
            out.update(dict.fromkeys(global_reads(const)))
    return list(out)


def _attribute_reads(code: CodeType, name: str | None) -> list[str]:
    out, previous = [], None
    for step in dis.get_instructions(code):
        loads_attribute = step.opname in ("LOAD_ATTR", "LOAD_METHOD")
        if loads_attribute and previous is not None and previous.argval == name:
            out.append(step.argval)
        if step.opname not in ("CACHE", "EXTENDED_ARG"):
            previous = step if step.opname in ("LOAD_FAST", "LOAD_DEREF") else None
    return out
