"""Which form of a program runs: NumPy's, or native code.

The choice follows from the program and from how often it has run, never from a clock, so that two
runs of the same script compute the same numbers. A program is compiled when the time that it has
cost, as estimated from its equations, is worth a compilation: transforms outside of ``jit`` after
some thousands of small calls, jitted functions with their second call, or with the first where
that would take NumPy long.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from typing import Any

from funcgrad import config
from funcgrad.compiler.cost import equations, nanoseconds
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr

__all__ = ["NativeWarning", "Tier", "promoted"]

_WORTH = 50_000_000  # nanoseconds of work that a compilation is worth
_NEVER = 1 << 62
_lock = threading.RLock()


class NativeWarning(RuntimeWarning):
    """A program could not be compiled, and runs through NumPy."""


class Tier:
    """How a jaxpr runs now, and after how many more calls that is reconsidered."""

    __slots__ = ("left", "native", "why")

    def __init__(self, left: int):
        self.left = left
        self.native: Any = None  # the callable of the native form
        self.why = "NumPy: too few calls so far"


def patience(jaxpr: Jaxpr, jitted: bool, backend: str | None = None) -> int:
    """How many calls go through NumPy before the program is compiled."""
    backend = config.backend if backend is None else backend
    if backend == "numpy":
        return _NEVER
    if backend == "llvm":
        return 0
    if equations(simplify(jaxpr)) > config.native_equations:
        return _NEVER
    cost = nanoseconds(simplify(jaxpr))
    if jitted:
        return 0 if cost > _WORTH else 1
    return max(2, _WORTH // cost)


def promoted(jaxpr: Jaxpr, tier: Tier, entry: Callable[[Jaxpr, Any], Any]) -> None:
    """Compile the program, if this machine and the program allow it; else never ask again.

    ``entry(jaxpr, made)`` turns a native or mixed program into a callable.
    """
    with _lock:
        if tier.left >= 0:
            return  # another thread was first
        tier.left = _NEVER
        made = _made(jaxpr, tier)
        if made is not None:
            tier.native = entry(jaxpr, made)
            jaxpr.derived["native"] = made


def _made(jaxpr: Jaxpr, tier: Tier) -> Any:
    from funcgrad.backends.llvm.machine import available

    why = available()
    if why is not None:
        tier.why = f"NumPy: {why}"
        return None
    from funcgrad.backends.llvm.program import compiled

    try:
        made = compiled(jaxpr)
    except Exception as error:
        tier.why = f"NumPy: the compiler failed: {type(error).__name__}: {error}"
        where = next((str(eqn.source) for eqn in jaxpr.eqns if eqn.source), "unknown lines")
        warnings.warn(
            f"funcgrad: the program traced at {where} ({len(jaxpr.eqns)} equations) could not be "
            f"compiled and runs through NumPy: {type(error).__name__}: {error}",
            NativeWarning, stacklevel=2,
        )  # fmt: skip
        return None
    tier.why = "native" if made is not None else "NumPy: hardly anything of it has a native form"
    return made
