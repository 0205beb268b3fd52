"""Where in the user's code an equation comes from, and what the user calls its result."""

from __future__ import annotations

import dis
import os
import sys
import weakref
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Source", "here", "result_name", "user_frame"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSIDE = tuple(_PACKAGE + part for part in (
    "ir", "trace", "ops", "control", "transforms", "compiler", "backends", "numpy", "random",
    "testing", "scipy", "lax", "nn", "compat", "__init__", "tree",
))  # fmt: skip
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_DEREF", "STORE_GLOBAL")
_names: dict[int, Any] = {}


def per_code(cache: dict[int, Any], code: CodeType, make: Callable[[CodeType], Any]) -> Any:
    """What ``make`` finds in a code object, remembered until the code is freed.

    By identity: code objects compare by content, which takes long and mixes functions up.
    """
    found = cache.get(id(code))
    if found is None or found[0]() is not code:
        alive = weakref.ref(code, partial(_forget, cache, id(code)))
        found = cache[id(code)] = (alive, make(code))
    return found[1]


def _forget(cache: dict[int, Any], key: int, _: Any) -> None:
    cache.pop(key, None)


class Source(NamedTuple):
    """File and line of the user's code."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


def user_frame() -> FrameType | None:
    """The innermost running frame that is neither funcgrad's nor NumPy's dispatch."""
    frame: Any = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_INSIDE) and "<__array_function__" not in name:
            return frame
        frame = frame.f_back
    return None


def here() -> Source | None:
    frame = user_frame()
    return None if frame is None else Source(frame.f_code.co_filename, frame.f_lineno or 0)


def result_name(frame: FrameType) -> str | None:
    """The variable that the running instruction's result is stored to, if it is at once."""
    return per_code(_names, frame.f_code, _stored_names).get(frame.f_lasti)  # type: ignore


def _stored_names(code: CodeType) -> dict[int, str]:
    """Instruction offset -> name, where the instruction after it stores to that name."""
    names: dict[int, str] = {}
    previous = None
    for step in dis.get_instructions(code):
        if step.opname in ("CACHE", "EXTENDED_ARG"):
            continue
        if previous is not None and step.opname in _STORES:
            names[previous] = step.argval
        previous = step.offset
    return names
