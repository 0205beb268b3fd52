"""CUDA C from loop nests: what a CuPy program launches between CuPy's own calls.

Text is written without CuPy, so that it can be read, compiled and tested where there is no device.
Its modules are loaded when a program for CuPy is first written.
"""

from importlib import import_module
from typing import Any

_LOADED_LATE = {"program"}


def __getattr__(name: str) -> Any:
    if name not in _LOADED_LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__}.{name}")
