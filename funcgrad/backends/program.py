"""A program: generated Python source over an array namespace, and the function it defines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

import numpy as np

from funcgrad.backends import cuda
from funcgrad.backends.scalars import generate_scalar, is_scalar
from funcgrad.backends.source import USED, generate
from funcgrad.backends.tiers import Tier, patience, promoted
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr
from funcgrad.trace.collector import paused
from funcgrad.trace.core import namespace
from funcgrad.trace.dispatch import hooks

__all__ = ["Program", "plain_copies", "program_of", "run", "run_by_numpy", "tier_of"]


_FILE = "<funcgrad program>"


class Program:
    """The compiled form of a jaxpr for one array namespace.

    ``quiet`` says that it must run without floating-point warnings; ``kernels`` is the CUDA C that
    a program for CuPy launches.
    """

    __slots__ = ("call", "jaxpr", "kernels", "quiet", "source")

    def __init__(self, jaxpr: Jaxpr, xp: Any):
        self.jaxpr = simplify(jaxpr)
        self.quiet = not (xp is np and is_scalar(self.jaxpr))
        self.source: str
        self.kernels = ""
        if hasattr(xp, "RawModule") and not cuda.program.kernels_refused(self.jaxpr):
            self.source, names, self.kernels = cuda.program.generate(self.jaxpr, xp, USED)
        elif self.quiet:
            self.source, names = generate(self.jaxpr, xp)
        else:
            self.source, names = generate_scalar(self.jaxpr, Again(self.jaxpr))
        self.call = compiled(self.source, names)


def compiled(source: str, names: dict[str, Any]) -> Callable[..., tuple[Any, ...]]:
    exec(compile(source, _FILE, "exec"), names)
    return names["program"]  # type: ignore[no-any-return]


class Again:
    """NumPy's form of a program of numbers, compiled when Python's arithmetic first raises."""

    __slots__ = ("call", "jaxpr")

    def __init__(self, jaxpr: Jaxpr):
        self.jaxpr = jaxpr
        self.call: Any = None

    def __call__(self, *values: Any) -> Any:
        if self.call is None:
            self.call = compiled(*generate(self.jaxpr, np))
        with np.errstate(all="ignore"):
            return self.call(*values)


def program_of(jaxpr: Jaxpr, xp: Any = np) -> Program:
    """The program of a jaxpr, compiled once."""
    key = ("program", xp.__name__)
    found = jaxpr.derived.get(key)
    if found is None:
        with paused():
            found = jaxpr.derived.setdefault(key, Program(jaxpr, xp))
    return found  # type: ignore[no-any-return]


def run(jaxpr: Jaxpr, values: Sequence[Any]) -> tuple[Any, ...]:
    """Run a jaxpr on plain values, natively once that is worth it."""
    tier = jaxpr.derived.get("tier")
    if tier is None:
        tier = tier_of(jaxpr)
    if tier.native is not None:
        return tier.native(*values)  # type: ignore[no-any-return]
    tier.left -= 1
    if tier.left < 0:
        promoted(jaxpr, tier, _callable)
        return run(jaxpr, values)
    return run_by_numpy(jaxpr, values)


def tier_of(jaxpr: Jaxpr, jitted: bool = False, backend: str | None = None) -> Tier:
    """The tier of a jaxpr, chosen once; jit says before the first run that it is jitted."""
    found = jaxpr.derived.get("tier")
    if found is None:
        made = Tier(patience(jaxpr, jitted, backend))
        found = jaxpr.derived.setdefault("tier", made)
    return found  # type: ignore[no-any-return]


def run_by_numpy(jaxpr: Jaxpr, values: Sequence[Any]) -> tuple[Any, ...]:
    """Run a jaxpr through NumPy; CuPy arrays among the values choose the CuPy program."""
    found = jaxpr.derived.get("call")
    if found is None:
        program = program_of(jaxpr)
        found = jaxpr.derived["call"] = (program.call, program.quiet)
    call, quiet = found
    for x in values:
        if x.__class__ not in _HOST and x.__class__.__module__.startswith("cupy"):
            return program_of(jaxpr, namespace(x)).call(*values)
    if not quiet:
        return call(*values)  # type: ignore[no-any-return]
    context = _quiet.pop() if _quiet else _new_quiet()
    try:
        return context.run(call, *values)  # type: ignore[no-any-return]
    except Exception as error:
        blame(error, jaxpr)
        raise
    finally:
        _quiet.append(context)


def _callable(jaxpr: Jaxpr, made: Any) -> Callable[..., Any]:
    """A native or mixed program as a function of the values, whatever their layout."""
    if hasattr(made, "steps"):
        return _mixed(jaxpr, made)

    def again(*values: Any) -> Any:
        plain = plain_copies(values)
        return run_by_numpy(jaxpr, values) if plain is None else exact(*plain)

    exact = made.entry(lambda *values: run_by_numpy(jaxpr, values), single=False)
    return made.entry(again, single=False)  # type: ignore[no-any-return]


def _mixed(jaxpr: Jaxpr, made: Any) -> Callable[..., Any]:
    def call(*values: Any) -> Any:
        context = _quiet.pop() if _quiet else _new_quiet()
        try:
            return context.run(made.call, *values)
        except Exception:  # NumPy's program knows the user's line
            return run_by_numpy(jaxpr, values)
        finally:
            _quiet.append(context)

    return call


def plain_copies(values: Sequence[Any]) -> list[Any] | None:
    """The values as native code takes them, or None where they are that already."""
    plain = [as_plain(x) for x in values]
    return plain if any(x is not y for x, y in zip(plain, values, strict=True)) else None


def as_plain(x: Any) -> Any:
    """An array as native code takes it: in order, aligned, of NumPy's own class."""
    if not isinstance(x, np.ndarray):
        return x
    flags = x.flags
    plain = x.__class__ is np.ndarray and flags.c_contiguous and flags.aligned
    return x if plain and x.dtype.isnative else np.array(x, x.dtype.newbyteorder("="), order="C")


def blame(error: Exception, jaxpr: Jaxpr) -> None:
    """Name the user's line behind a failing line of a program."""
    trace = error.__traceback__
    number = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            number = trace.tb_lineno
        trace = trace.tb_next
    lines = program_of(jaxpr).source.split("\n")[:number]
    where = [line.strip() for line in lines if line.lstrip().startswith("# ")]
    if where:
        error.add_note(f"in an operation that was traced at {where[-1][2:]}")


_HOST = {np.ndarray, float, int, complex, np.float64}
_quiet: list[Context] = []  # contexts without floating-point warnings; each in use by one run


def _new_quiet() -> Context:
    """The user's np.errstate cannot reach a deferred run, so programs run without warnings."""
    context = Context()
    context.run(np.seterr, all="ignore")
    return context


hooks.run = run
