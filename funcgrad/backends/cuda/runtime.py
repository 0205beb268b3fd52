"""What a running program for CuPy needs: its module of kernels, views by strides, reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["OPTIONS", "Launch", "Module", "report", "strided"]

OPTIONS = ("--std=c++17", "--fmad=false")
"""Products are rounded before they are added: a value that two kernels compute is one value."""


class Module:
    """The kernels of a program, compiled when one is first asked for."""

    __slots__ = ("_made", "text", "xp")

    def __init__(self, xp: Any):
        self.xp, self.text = xp, ""
        self._made: Any = None

    def function(self, name: str) -> Any:
        if self._made is None:
            self._made = self.xp.RawModule(code=self.text, options=OPTIONS)
        return self._made.get_function(name)


class Launch:
    """A kernel by name: ``launch(grid, block, arrays)``."""

    __slots__ = ("_function", "module", "name")

    def __init__(self, module: Module, name: str):
        self.module, self.name = module, name
        self._function: Any = None

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]
    ) -> None:
        if self._function is None:
            self._function = self.module.function(self.name)
        self._function(grid, block, args)


def strided(xp: Any) -> Callable[..., Any]:
    """``strided(x, offset, shape, strides)``, counted in elements of x in order."""

    def view(x: Any, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
        flat = x.reshape(-1)[offset:]
        steps = tuple(s * x.dtype.itemsize for s in strides)
        return xp.lib.stride_tricks.as_strided(flat, shape, steps)

    return view


def report(status: Any, checks: tuple[Any, ...]) -> None:
    """Raise NumPy's error for the first index that a gather found to be out of bounds."""
    code = int(status[0])
    if not code:
        return
    axis, extent, source = checks[code - 1]
    message = f"index {int(status[1])} is out of bounds for axis {axis} with size {extent}"
    error = IndexError(message)
    if source is not None:
        error.add_note(f"in an operation that was traced at {source}")
    raise error
