"""A program: generated Python source over an array namespace, and the function it defines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import numpy as np

from funcgrad.backends.source import generate
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr
from funcgrad.trace.core import namespace
from funcgrad.trace.dispatch import hooks

__all__ = ["Program", "program_of", "run"]


class Program:
    """The compiled form of a jaxpr for one array namespace."""

    __slots__ = ("call", "jaxpr", "source")

    def __init__(self, jaxpr: Jaxpr, xp: Any):
        self.jaxpr = simplify(jaxpr)
        self.source, names = generate(self.jaxpr, xp)
        exec(compile(self.source, "<funcgrad program>", "exec"), names)
        self.call: Callable[..., tuple[Any, ...]] = names["program"]


def program_of(jaxpr: Jaxpr, xp: Any = np) -> Program:
    """The program of a jaxpr, compiled once."""
    key = ("program", xp.__name__)
    found = jaxpr.derived.get(key)
    if found is None:
        found = jaxpr.derived.setdefault(key, Program(jaxpr, xp))
    return found  # type: ignore[no-any-return]


def run(jaxpr: Jaxpr, values: Sequence[Any]) -> tuple[Any, ...]:
    """Run a jaxpr on plain values; CuPy arrays among them choose the CuPy program."""
    call = jaxpr.derived.get("call")
    if call is None:
        call = jaxpr.derived["call"] = program_of(jaxpr).call
    for x in values:
        if x.__class__ not in _HOST and x.__class__.__module__.startswith("cupy"):
            return program_of(jaxpr, namespace(x)).call(*values)
    context = _quiet.pop() if _quiet else _new_quiet()
    try:
        return context.run(call, *values)  # type: ignore[no-any-return]
    finally:
        _quiet.append(context)


_HOST = {np.ndarray, float, int, complex, np.float64}
_quiet: list[Context] = []  # contexts without floating-point warnings; each in use by one run


def _new_quiet() -> Context:
    """The user's np.errstate cannot reach a deferred run, so programs run without warnings."""
    context = Context()
    context.run(np.seterr, all="ignore")
    return context


hooks.run = run
