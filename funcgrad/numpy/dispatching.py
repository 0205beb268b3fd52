"""NumPy's functions as this namespace offers them: traced values are seen in any place.

NumPy asks its protocol only for the arguments that it takes to be arrays, so ``np.take(table, i)``
or ``np.full(3, x)`` never tell of a traced one. The functions made here look at all arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from funcgrad.ops.functions.common import holds_traced, into
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import functions

__all__ = ["dispatching", "namespace"]


def dispatching(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which goes to its handler wherever a traced value is among its arguments."""
    handler = functions[function]

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if running.get() is None or not (
            holds_traced(args) or any(holds_traced(x) for x in kwargs.values())
        ):
            return function(*args, **kwargs)
        out = kwargs.pop("out", None)
        return into(out, handler(*args, **kwargs))

    return call


def namespace(module: Any, globals_: dict[str, Any]) -> tuple[Callable[..., Any], Any]:
    """``__getattr__`` and ``__dir__`` of a module that offers another's names."""

    def look_up(name: str) -> Any:
        found = getattr(module, name)
        if callable(found) and not isinstance(found, type) and _is_covered(found):
            found = globals_[name] = dispatching(found)
        return found

    def listed() -> list[str]:
        return sorted({*dir(module), *globals_})

    return look_up, listed


def _is_covered(found: Any) -> bool:
    try:
        return found in functions
    except TypeError:  # not hashable: no function
        return False
