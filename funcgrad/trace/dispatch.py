"""Tables through which NumPy's protocols and the operators reach the operations.

``trace`` sits below ``ops`` and knows none of them: ``ops`` fills these tables when it loads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Hooks", "functions", "hooks", "ufuncs"]

ufuncs: dict[Any, Callable[..., Any]] = {}
"""NumPy (or SciPy) ufunc -> handler for a plain call of it."""

ufunc_methods: dict[tuple[Any, str], Callable[..., Any]] = {}
"""(ufunc, "reduce" | "accumulate" | "outer" | "at" | "reduceat") -> handler."""

functions: dict[Any, Callable[..., Any]] = {}
"""NumPy function -> handler with the same signature."""


class Hooks:
    """What the layers above hand down: how to run a jaxpr, how to stack nested lists."""

    def __init__(self) -> None:
        self.apply: Callable[..., Any] = _missing
        self.run: Callable[..., Any] = _missing
        self.stack: Callable[..., Any] = _missing
        self.handle: Callable[..., Any] = _missing
        self.ufunc: Callable[..., Any] = _missing
        self.read_part: Callable[..., Any] = _missing
        self.write_part: Callable[..., Any] = _missing
        self.into: Callable[..., Any] = _missing
        self.array_namespace: Any = None


def _missing(*args: Any) -> Any:
    raise RuntimeError("funcgrad is only partly imported")


hooks = Hooks()
