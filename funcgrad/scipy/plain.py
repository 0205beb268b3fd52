"""Plain arrays go to SciPy itself, traced values to our own functions of the same names."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, NoReturn

import numpy as np

from funcgrad.ops.functions.common import array_of, as_dtype, dtype_of
from funcgrad.trace.tracer import is_traced

__all__ = ["alike", "any_ours", "missing", "scipys"]


def _ours(x: Any) -> bool:
    """Whether an argument is traced, or an array that SciPy does not take."""
    if isinstance(x, (list, tuple)):
        return any(_ours(item) for item in x)
    return is_traced(x) or x.__class__.__module__.startswith("cupy")


def any_ours(args: Iterable[Any], kwargs: dict[str, Any] | None = None) -> bool:
    """Whether any argument of a call is for us."""
    return any(_ours(x) for x in (*args, *(kwargs or {}).values()))


def alike(*xs: Any) -> list[Any]:
    """Operands as arrays of one floating dtype; Python's numbers take that of the others.

    Raises TypeError for complex ones.
    """
    xs = tuple(array_of(x) if isinstance(x, (list, tuple)) else x for x in xs)
    dtype = dtype_of(*xs)
    if dtype.kind == "c":
        raise TypeError(
            "complex operands: this function of funcgrad.scipy takes real ones only; pass real and "
            "imaginary parts apart"
        )
    dtype = dtype if dtype.kind == "f" else np.dtype(float)
    return [as_dtype(array_of(x), dtype) for x in xs]


def scipys(module: str) -> Callable[[Any], Any]:
    """Register what a function of this SciPy module is on traced values."""

    def register(handler: Any) -> Any:
        @wraps(handler)
        def function(*args: Any, **kwargs: Any) -> Any:
            if any_ours(args, kwargs):
                return handler(*args, **kwargs)
            return getattr(importlib.import_module(module), handler.__name__)(*args, **kwargs)

        return function

    return register


def missing(module: str, name: str, plain: Iterable[str] = (), why: str = "") -> Any:
    """A name that a module of ours lacks: SciPy's own where no derivative is asked for."""
    if name in plain:
        return getattr(importlib.import_module(module), name)
    return _absent(module, name, why)


def _absent(module: str, name: str, why: str) -> NoReturn:
    raise AttributeError(
        f"funcgrad.{module} has no {name!r}{why and ': ' + why}. {module}.{name} itself takes "
        "plain arrays; funcgrad.custom_jvp or custom_vjp give a call of it a derivative"
    )
