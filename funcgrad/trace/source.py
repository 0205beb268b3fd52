"""Where in the user's code an equation comes from, and what the user calls its result."""

from __future__ import annotations

import dis
import os
import sys
from types import CodeType, FrameType
from typing import Any, NamedTuple

__all__ = ["Source", "here", "result_name", "user_frame"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_INSIDE = tuple(_PACKAGE + part for part in (
    "ir", "trace", "ops", "control", "transforms", "compiler", "backends", "numpy", "testing",
    "__init__", "tree",
))  # fmt: skip
_STORES = ("STORE_FAST", "STORE_NAME", "STORE_DEREF", "STORE_GLOBAL")
_names: dict[int, tuple[CodeType, dict[int, str]]] = {}


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
    code = frame.f_code
    found = _names.get(id(code))
    if found is None or found[0] is not code:
        if len(_names) > 1000:
            _names.clear()
        found = _names[id(code)] = (code, _stored_names(code))
    return found[1].get(frame.f_lasti)


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
