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
from collections.abc import Callable, Sequence
from typing import Any

from funcgrad import config
from funcgrad.backends import llvm
from funcgrad.backends.forks import Tree
from funcgrad.compiler.cost import equations, nanoseconds
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Eqn, Jaxpr, effects

__all__ = [
    "NativeWarning",
    "Tier",
    "is_light",
    "llvm_text",
    "patience",
    "promoted",
    "promoted_tree",
]

_WORTH = 50_000_000  # nanoseconds of work that a compilation is worth
_COMPILING = 2_000_000  # nanoseconds that compiling an equation of a short program takes
_NEVER = 1 << 62
_QUICK = 500  # equations that are compiled in a blink
_COMPILED = 100_000  # nanoseconds for each more; a tenth of what it takes, since calls repeat
_WAITING = "NumPy: too few calls so far"
_lock = threading.RLock()


class NativeWarning(RuntimeWarning):
    """A program could not be compiled, and runs through NumPy."""


class Tier:
    """How a jaxpr runs now, and after how many more calls that is reconsidered."""

    __slots__ = ("left", "native", "why")

    def __init__(self, left: int):
        self.left = left
        self.native: Any = None  # the callable of the native form
        self.why = _WAITING


def patience(jaxpr: Jaxpr, jitted: bool, backend: str | None = None) -> int:
    """How many calls go through NumPy before the program is compiled."""
    backend = config.backend if backend is None else backend
    if backend == "numpy" or effects(jaxpr):  # a native program may run twice: no effect may
        return _NEVER
    if backend == "llvm":
        return 0
    if equations(simplify(jaxpr)) > config.native_equations:
        return _NEVER
    cost = nanoseconds(simplify(jaxpr))
    if not jitted:
        return max(2, _WORTH // cost)
    if not is_light(jaxpr):
        return 0
    return max(1, (equations(simplify(jaxpr)) - _QUICK) * _COMPILED // cost)


def is_light(jaxpr: Jaxpr) -> bool:
    """Whether one run through NumPy costs less than a compilation."""
    made = simplify(jaxpr)
    return nanoseconds(made) <= _WORTH + _COMPILING * min(equations(made), _QUICK)


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


def promoted_tree(tree: Tree, tier: Tier) -> Any:
    """The native program of a function with decisions; None where it cannot be one program."""
    why = llvm.machine.available() or llvm.program.refusal(tree)
    if why is not None:
        tier.why = f"NumPy: {why}"
        return None
    eqns = [eqn for node in tree.nodes if hasattr(node, "jaxpr") for eqn in node.jaxpr.eqns]
    return _attempted(tier, eqns, lambda: llvm.program.native_tree(tree))


def _made(jaxpr: Jaxpr, tier: Tier) -> Any:
    why = llvm.machine.available()
    if why is not None:
        tier.why = f"NumPy: {why}"
        return None
    made = _attempted(tier, jaxpr.eqns, lambda: llvm.program.compiled(jaxpr))
    if made is None and tier.why is _WAITING:
        tier.why = "NumPy: hardly anything of it has a native form"
    return made


def llvm_text(program: Any) -> str:
    """The LLVM module of a simplified jaxpr, or of a tree of decisions, as it was compiled."""
    return str(llvm.program.text_of(program))


def _attempted(tier: Tier, eqns: Sequence[Eqn], compiled: Callable[[], Any]) -> Any:
    """What the compiler makes; where it fails, None, with a warning that names the program."""
    try:
        made = compiled()
    except Exception as error:
        tier.why = f"NumPy: the compiler failed: {type(error).__name__}: {error}"
        where = next((str(eqn.source) for eqn in eqns if eqn.source), "unknown lines")
        warnings.warn(
            f"funcgrad: the program traced at {where} ({len(eqns)} equations) could not be "
            f"compiled and runs through NumPy: {type(error).__name__}: {error}",
            NativeWarning, stacklevel=3,
        )  # fmt: skip
        return None
    if made is not None:
        tier.why = "native"
    return made
