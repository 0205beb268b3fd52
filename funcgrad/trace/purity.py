"""Finding clocks and random draws in a function that jit traces: their values would freeze."""

from __future__ import annotations

import gc
import random
import sys
import time
from types import BuiltinFunctionType, CodeType
from typing import Any

from funcgrad.errors import ImpureCallError
from funcgrad.trace.guards import codes_of, is_generator
from funcgrad.trace.source import here

__all__ = ["Watch"]

_CLOCKS = {time.time, time.perf_counter, time.monotonic, time.process_time, time.time_ns,
           time.perf_counter_ns, time.monotonic_ns}  # fmt: skip
_ENTROPY = random.SystemRandom.getrandbits.__code__  # where an unseeded default_rng() begins


_NAMES = {f.__name__ for f in _CLOCKS} | {"random", "randbits", "default_rng", "secrets"}


def mentions_clock(function: Any) -> bool:
    """Whether the function's code, or that of functions it calls, speaks of clocks or draws."""
    return any(
        not _NAMES.isdisjoint(_names(code)) or any(_is_clock(v) for v in scope.values())
        for code, scope in codes_of(function)
    )


def _names(code: CodeType) -> set[str]:
    inner = [_names(c) for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*inner)


def _is_clock(value: Any) -> bool:
    if isinstance(value, BuiltinFunctionType):
        return value in _CLOCKS or isinstance(value.__self__, random.Random)
    return isinstance(value, random.Random) or is_generator(value)


class Watch:
    """Context in which a clock or a random draw raises ImpureCallError with its line.

    Each call is watched only where the code mentions such a thing: it slows tracing down.
    """

    def __init__(self, function: Any, generators: list[Any], mentioned: list[str]):
        self.function = function
        self.generators = generators  # numpy Generators that the function can reach
        self.mentioned = mentioned  # like np.random.normal (model.py:12)
        self.found: str | None = None

    def __enter__(self) -> Watch:
        self.before = self._states()
        self.profiled = sys.getprofile() is None and mentions_clock(self.function)
        if self.profiled:
            sys.setprofile(self._event)
        return self

    def _event(self, frame: Any, event: str, arg: Any) -> None:
        if self.found is None:
            what = _impure(frame, event, arg)
            if what is not None and not _beside(frame):
                self.found = f"{what} (at {here()})"

    def __exit__(self, kind: Any, error: Any, tb: Any) -> None:
        if self.profiled:
            sys.setprofile(None)
        if kind is not None:
            return
        if self.found is None and self._drew():
            self.found = "a draw from a random generator"
        if self.found is not None:
            raised = ImpureCallError(
                f"jit: {self.found} was called while tracing; its value would be frozen into the "
                "program. Pass random numbers and times as arguments, or do not jit the function"
            )
            for line in self.mentioned:
                raised.add_note(f"random numbers are mentioned at {line}")
            raise raised

    def _states(self) -> Any:
        own = [repr(g.bit_generator.state) for g in self.generators]
        loaded = sys.modules.get("numpy.random")  # NumPy loads it when it is first spoken of
        if loaded is None:
            return (None, random.getstate(), own)
        legacy: Any = loaded.get_state()
        return ((legacy[1].tobytes(), legacy[2:]), random.getstate(), own)

    def _drew(self) -> bool:
        """Whether some generator has moved on; one that came into being here only if named."""
        now = self._states()
        if self.before[0] is None and not self.mentioned:
            return bool(now[1:] != self.before[1:])
        return bool(now != self.before)


def _impure(frame: Any, event: str, arg: Any) -> str | None:
    """What a call is called if it reads a clock or draws."""
    try:
        if event == "c_call" and arg in _CLOCKS:
            return f"{arg.__module__}.{arg.__name__}"
    except TypeError:  # an unhashable callable is no clock
        return None
    if event == "c_call" and isinstance(getattr(arg, "__self__", None), random.Random):
        return f"random.{arg.__name__}"
    if event == "call" and frame.f_code is _ENTROPY:
        return "an unseeded random generator"
    return None


def _beside(frame: Any) -> bool:
    """Whether this is none of the function's doing: a callback of the garbage collector, which may
    interrupt any function, or a module that is loaded."""
    codes = {getattr(c, "__code__", None) for c in gc.callbacks}
    while frame is not None:
        if frame.f_code in codes or frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
