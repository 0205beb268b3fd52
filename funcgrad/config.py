"""The few switches, all plain module attributes.

>>> from funcgrad import config
>>> config.copy_limit > 0
True
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

copy_limit: int = 16_384
"""Captured arrays up to this many bytes are copied; larger ones are made read-only meanwhile."""

tree_nodes: int = 200_000
"""A trace tree that grows past this many nodes is dropped and grown anew."""

block_elements: int = 32_768
"""Elements in one block of a nest that NumPy runs block by block."""

block_bytes: int = 1_572_864
"""The buffers of one block together take no more than this: they share the cache."""

block_minimum: int = 65_536
"""Arrays smaller than this run whole: a call per operation, no blocks."""

max_decisions: int = 256
"""Outcomes that one decision of a jitted function may have before jit says so and stops."""

degenerate: str = "error"
"""What derivatives become that depend on the choice of the vectors of a multiple eigenvalue or
singular value, and so do not exist: "error" raises DegenerateError, "nan" gives NaN. Those that do
not depend on it are limits and always exact (to rounding). Where only values are used, values that
coincide share their derivatives."""

backend: str = "auto"
"""What programs run through: "auto" (native code once that is worth a compilation), "numpy", or
"llvm" (native code at once, wherever a program has such a form)."""

jit: bool = True
"""Whether ``jit`` compiles; while it is False, jitted functions run as plain Python (see
``funcgrad.disable_jit``)."""

native_equations: int = 4_000
"""Programs of more equations than this are not compiled to native code, unless asked for."""

key_reuse: str = "warn"
"""What happens when plain code uses up a random key twice: "warn", "error" or "ignore"."""

disk_cache: bool = os.environ.get("FUNCGRAD_DISK_CACHE", "1").lower() not in ("0", "no", "false")
"""Whether compiled programs are kept on disk, for later processes."""

disk_cache_bytes: int = 268_435_456
"""What compiled programs on disk may take together; the least recently used go first."""

recycled_bytes: int = 134_217_728
"""Memory of large results of native programs that is kept for the next ones once they are freed;
0 gives all of it back at once."""


def _threads() -> int:
    chosen = os.environ.get("FUNCGRAD_THREADS", "")
    if chosen.isdigit() and int(chosen) > 0:
        return int(chosen)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


threads: int = _threads()
"""Threads that one big kernel is split over; the results are the same for any number."""

_watchers: dict[str, list[Callable[[Any], None]]] = {}


def watch(name: str, told: Callable[[Any], None]) -> None:
    """Have a function told of a switch's new values."""
    _watchers.setdefault(name, []).append(told)


class _Switches(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        for told in _watchers.get(name, ()):
            told(value)


sys.modules[__name__].__class__ = _Switches
