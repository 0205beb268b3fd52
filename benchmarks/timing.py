"""Times: the median of many repeats, each long enough for the clock."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any


@dataclass(frozen=True)
class Patience:
    """How long a measurement may take: seconds in all, and bounds on the repeats.

    ``warm`` calls go before: in one of them a peer may compile, and the first to come get fresh
    memory from the system.
    """

    seconds: float
    least: int
    most: int
    inner_seconds: float = 1e-3
    warm: int = 3


FULL = Patience(seconds=1.5, least=7, most=201)
QUICK = Patience(seconds=0.25, least=5, most=31)
ONCE = Patience(seconds=0.0, least=1, most=1, inner_seconds=0.0, warm=0)
PATIENCE = {"full": FULL, "quick": QUICK, "tiny": ONCE}


def first_call(call: Callable, args: tuple, wait: Callable | None) -> tuple[Any, float]:
    """The result of the first call and its seconds: trace, compile and run."""
    start = perf_counter()
    out = call(*args)
    if wait:
        wait(out)
    return out, perf_counter() - start


def _loop(call: Callable, args: tuple, wait: Callable | None, inner: int) -> float:
    """Seconds per call over `inner` calls, each waited for."""
    start = perf_counter()
    if wait is None:
        for _ in range(inner):
            call(*args)
    else:
        for _ in range(inner):
            wait(call(*args))
    return (perf_counter() - start) / inner


def steady(call: Callable, args: tuple, wait: Callable | None, patience: Patience) -> dict:
    """Median seconds per call, with the quartiles and how it was measured."""
    if patience.warm:
        gc.collect()  # in a large process that takes seconds
    for _ in range(patience.warm):
        _loop(call, args, wait, 1)
    inner, once = 1, _loop(call, args, wait, 1)
    while once * inner < patience.inner_seconds:  # so many calls that the clock's step is nothing
        inner *= 2
        once = _loop(call, args, wait, inner)
    wanted = int(patience.seconds / max(once * inner, 1e-9))
    repeats = min(max(wanted, patience.least), patience.most)
    times = sorted(_loop(call, args, wait, inner) for _ in range(repeats))
    quarter = repeats // 4
    return {
        "seconds": statistics.median(times),
        "quartiles": [times[quarter], times[-1 - quarter]],
        "repeats": repeats,
        "inner": inner,
    }
