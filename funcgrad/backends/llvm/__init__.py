"""The LLVM backend: whole programs as one native function.

Its modules are loaded when they are first asked for (``llvm.program``): who never compiles does not
wait for a compiler.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    return import_module(f"{__name__}.{name}")
