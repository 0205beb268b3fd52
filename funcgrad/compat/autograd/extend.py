"""autograd.extend: ``primitive``, ``defvjp``, ``defjvp`` and their forms by argument number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.compat.autograd.tracer import notrace_primitive
from funcgrad.extending import primitive

__all__ = ["defjvp", "defvjp", "defvjp_argnum", "defvjp_argnums", "notrace_primitive", "primitive"]

Maker = Callable[..., Any]


def defvjp(fun: primitive, *vjpmakers: Maker | None, argnums: Sequence[int] | None = None) -> None:
    """Reverse rules: ``vjpmaker(ans, *args, **kwargs)`` returns the function of the cotangent.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import grad
    >>> from funcgrad.compat.autograd.extend import defvjp, primitive
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> defvjp(cube, lambda ans, x: lambda g: 3 * g * x**2)
    >>> grad(cube)(2.0)
    np.float64(12.0)
    """

    def rule(make: Maker | None) -> Any:
        if make is None:
            return None
        return lambda ct, z, *args, **kwargs: make(z, *args, **kwargs)(ct)

    places = range(len(vjpmakers)) if argnums is None else argnums
    fun.forward = False
    fun.rules = {i: rule(make) for i, make in zip(places, vjpmakers, strict=True)}


def defvjp_argnum(fun: primitive, vjpmaker: Maker) -> None:
    """One maker for every argument: ``vjpmaker(argnum, ans, args, kwargs)``."""

    def rule(i: int) -> Any:
        return lambda ct, z, *args, **kwargs: vjpmaker(i, z, args, kwargs)(ct)

    fun.forward, fun.rules = False, _EveryArgument(rule)


def defvjp_argnums(fun: primitive, vjpmaker: Maker) -> None:
    """One maker for several arguments: ``vjpmaker(argnums, ans, args, kwargs)``, its function
    returns a tuple of cotangents."""
    defvjp_argnum(fun, lambda i, z, args, kwargs: lambda ct: vjpmaker((i,), z, args, kwargs)(ct)[0])


def defjvp(fun: primitive, *jvpfuns: Any, argnums: Sequence[int] | None = None) -> None:
    """Forward rules ``jvpfun(g, ans, *args, **kwargs)``, or "same" where fun is linear.

    A function with reverse rules has both modes by them, and keeps those.
    """
    places = list(range(len(jvpfuns)) if argnums is None else argnums)
    if fun.rules is None or fun.forward:
        fun.forward = True
        fun.rules = {
            i: _same(fun, i) if rule == "same" else rule
            for i, rule in zip(places, jvpfuns, strict=True)
        }


def _same(fun: primitive, i: int) -> Any:
    return lambda t, z, *args, **kwargs: fun(*args[:i], t, *args[i + 1 :], **kwargs)


class _EveryArgument(dict[int, Any]):
    """A rule for every position, made when it is asked for."""

    def __init__(self, make: Callable[[int], Any]):
        self.make = make

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, i: int) -> Any:
        return self.make(i)
