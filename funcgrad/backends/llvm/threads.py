"""The threads that big kernels are split over.

They are Python's daemon threads, each of which stays inside one native function, without the
global lock. Nothing is started before the first kernel asks for it; after a fork the child begins
anew; at the end of the interpreter the threads leave.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import sys
import threading
from functools import lru_cache
from typing import Any

from funcgrad import config
from funcgrad.backends.llvm import pool
from funcgrad.backends.llvm.machine import machine

__all__ = ["symbols"]


class Pool:
    """The memory that native code and threads share, and the threads."""

    def __init__(self) -> None:
        self.raw = ctypes.create_string_buffer(pool.SIZE + 64)
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.raw))  # threads may outlive the module
        self.base = ctypes.addressof(self.raw) + 63 & -64
        self.start_here = ctypes.CFUNCTYPE(None)(self.start)
        self.threads: list[threading.Thread] = []
        self.lock = threading.Lock()
        names = ("parallel", "waves", "worker")
        self.code = machine().load(
            pool.code(machine().triple), names, level=0, symbols={"funcgrad_pool": self.base}
        )
        self.worker = ctypes.CFUNCTYPE(None, ctypes.c_int64)(self.code["worker"])
        self.reset()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.reset)
        atexit.register(self.stop)
        config.watch("threads", self.resize)

    def word(self, name: str) -> Any:
        return ctypes.c_int64.from_address(self.base + pool.PLACES[name])

    def reset(self) -> None:
        """As if nothing had ever been started: so a fork leaves it in the child."""
        ctypes.memset(self.base, 0, pool.SIZE)
        functions = _functions(self.base)
        start = ctypes.cast(self.start_here, ctypes.c_void_p).value or 0
        for name, address in {**functions, "start": start}.items():
            self.word(name).value = address
        self.threads = []
        self.lock = threading.Lock()
        self.word("threads").value = 1

    def start(self) -> None:
        """Make the threads that are missing; called by the first kernel that is split."""
        with self.lock:
            wanted = max(1, min(config.threads, pool.MOST))
            try:
                while len(self.threads) < wanted - 1:
                    k = len(self.threads) + 1
                    thread = threading.Thread(
                        target=self.worker, args=(k,), name=f"funcgrad-{k}", daemon=True
                    )
                    thread.start()
                    self.threads.append(thread)
            except RuntimeError:  # no more threads to be had, or the interpreter is about to end
                wanted = len(self.threads) + 1
            self.word("threads").value = wanted
            self.word("ready").value = 1

    def resize(self, _: Any) -> None:
        """Another number of threads is wanted: the next kernel sees to it."""
        self.word("ready").value = 0

    def stop(self) -> None:
        """All threads leave their native function, and with it end."""
        self.word("stop").value = 1
        lock, unlock, wake = (
            ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self.word(name).value)
            for name in ("lock", "unlock", "wake")
        )
        lock(self.base + pool.PLACES["mutex"])
        self.word("generation").value += 1
        unlock(self.base + pool.PLACES["mutex"])
        wake(self.base + pool.PLACES["condition"])
        for thread in self.threads:
            thread.join(1.0)


def _functions(base: int) -> dict[str, int]:
    """The system's lock and condition, made in the pool's memory."""
    if sys.platform == "win32":
        library = ctypes.windll.kernel32
        names = (
            "AcquireSRWLockExclusive", "ReleaseSRWLockExclusive", "SleepConditionVariableSRW",
            "WakeAllConditionVariable", "SwitchToThread",
        )  # fmt: skip
    else:
        library = ctypes.CDLL(None)
        names = (
            "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_wait",
            "pthread_cond_broadcast", "sched_yield",
        )  # fmt: skip
        library.pthread_mutex_init(ctypes.c_void_p(base + pool.PLACES["mutex"]), None)
        library.pthread_cond_init(ctypes.c_void_p(base + pool.PLACES["condition"]), None)
    addresses = (ctypes.cast(getattr(library, n), ctypes.c_void_p).value or 0 for n in names)
    return dict(zip(pool.FUNCTIONS, addresses, strict=False))


@lru_cache(maxsize=1)
def _pool() -> Pool:
    return Pool()


def symbols(text: str) -> dict[str, int]:
    """What a module's text declares of the pool, and what it is to be loaded with."""
    wanted = [name for name in ("parallel", "waves") if f"@{name}(" in text]
    return {name: _pool().code[name] for name in wanted}
