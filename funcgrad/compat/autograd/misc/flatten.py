"""autograd.misc.flatten: nested containers as vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcgrad.flatten_util import ravel_pytree

__all__ = ["flatten", "flatten_func"]

flatten = ravel_pytree


def flatten_func(func: Callable[..., Any], example: Any) -> tuple[Any, Any, Any]:
    """func between vectors, the way back from vectors, and the example as one.

    >>> from funcgrad.compat.autograd.misc.flatten import flatten_func
    >>> flat, unflatten, vector = flatten_func(lambda p: {"a": 2 * p["a"]}, {"a": 3.0})
    >>> flat(vector)
    array([6.])
    """
    vector, unflatten = flatten(example)

    def flat(x: Any, *args: Any) -> Any:
        return flatten(func(unflatten(x), *args))[0]

    return flat, unflatten, vector
