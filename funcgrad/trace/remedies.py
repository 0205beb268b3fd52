"""What to call instead, where a traced value met code that takes plain arrays only."""

from __future__ import annotations

import linecache
import re
from types import FrameType

from funcgrad.trace.source import user_frame

__all__ = ["remedy"]

_DEFAULT = (
    "np.stack([x, …]) to build an array, np.zeros_like(x) or funcgrad.numpy.zeros for one that is "
    "filled, funcgrad.numpy.array for nested lists"
)
_OPERATORS = {"dot": "a @ x or np.dot(a, x)"}
_METHODS = "dot|take|repeat|searchsorted|choose|put|compress|trace|itemset"
_METHOD = re.compile(rf"\.({_METHODS})\s*\(")
_FUNCTION = re.compile(
    r"\b(?:np|numpy|onp)\.(full|arange|vectorize|r_|c_|fromiter|take|asarray|asanyarray|array|"
    r"ascontiguousarray|asfortranarray|fill_diagonal|piecewise|interp|require)\b"
)
_RANDOM = re.compile(r"\b(?:np|numpy)\.random\.|\brng\.|\.default_rng\(")


def remedy() -> str:
    """By the library that the user called, or by what the user's line says."""
    frame, called = user_frame(), None
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.split(".")[0] not in ("scipy", "numpy"):
            break
        if module.startswith("scipy."):
            called = module, frame.f_code.co_name
        frame = frame.f_back
    if called is not None:
        return _of_scipy(*called)
    return (None if frame is None else _of_line(frame)) or _DEFAULT


def _of_scipy(module: str, function: str) -> str:
    """Ours of the same name."""
    parts = [p for p in module.split(".")[1:] if not p.startswith("_")]
    where = ".".join(["funcgrad.scipy", *parts[:1]])
    return f"{where}.{function}, or its like among funcgrad.scipy's functions, takes traced values"


def _of_line(frame: FrameType) -> str | None:
    """NumPy's methods and functions that never ask their arguments."""
    line = linecache.getline(frame.f_code.co_filename, frame.f_lineno or 0)
    if _RANDOM.search(line):
        return "funcgrad.random draws with traced parameters"
    function, method = _FUNCTION.search(line), _METHOD.search(line)
    if function is not None and function[1] not in ("array", "asarray", "asanyarray"):
        return f"funcgrad.numpy.{function[1]} takes traced values in every argument"
    if method is not None and function is None:
        name = method[1]
        return f"{_OPERATORS.get(name, f'np.{name}(a, x)')} instead of the array's own method" + (
            "" if name != "take" else " (funcgrad.numpy.take where only the indices are traced)"
        )
    return None
