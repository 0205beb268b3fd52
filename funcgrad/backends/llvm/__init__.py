"""The LLVM backend: whole programs as one native function.

Its modules are loaded when they are first asked for (``llvm.program``): who never compiles does not
wait for a compiler.
"""

from importlib import import_module
from typing import Any

_LOADED_LATE = {"machine", "program"}


def __getattr__(name: str) -> Any:
    if name not in _LOADED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
