"""The machine code of the thread pool: how chunks of a kernel are handed to waiting threads.

``parallel(task, context, chunks)`` runs ``task(context, i)`` for every i below ``chunks``. Which
thread runs a chunk is open, what a chunk is is not: results are the same for any number of
threads. Each thread has a range of its own, so that it meets the data it wrote last time, and
helps the others when it is done. A call from inside a chunk, or while another call is going on,
runs all chunks itself.

The pool is one piece of memory, the symbol ``funcgrad_pool``; its numbers stand on cache lines of
their own where threads write them.
"""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm import bands
from funcgrad.backends.llvm.ir import Function, Local, Module, Value

__all__ = ["FUNCTIONS", "MOST", "PLACES", "SIZE", "code"]

MOST = 256
FUNCTIONS = ("lock", "unlock", "wait", "wake", "yield", "start")
"""C functions the pool is given, but ``start``, which is Python's and makes the threads."""

PLACES = {
    "mutex": 0, "condition": 128, "generation": 256, "open": 320, "active": 384, "left": 448,
    "busy": 512, "sleepers": 576, "stop": 584, "ready": 592, "threads": 600, "task": 640,
    "context": 648, **{name: 704 + 8 * i for i, name in enumerate(FUNCTIONS)},
}  # fmt: skip
_RANGES = 768  # of chunks: the next one and the end, a line for each thread
SIZE = _RANGES + 64 * MOST

_SPINS = 2000  # looks before a thread goes to sleep, about 20 µs: kernels follow each other closely
_PATIENCE = 4000  # looks before the caller offers its processor to others


def code(triple: str) -> str:
    """The module with ``parallel``, ``worker`` and ``waves``, as text."""
    module = Module()
    module.declare("@funcgrad_pool", "@funcgrad_pool = external global i8")
    pause = "@llvm.x86.sse2.pause" if triple.startswith("x86") else "@llvm.aarch64.hint"
    arm = pause.endswith("hint")
    module.declare(pause, f"declare void {pause}({'i32' if arm else ''})")
    rest = f"call void {pause}({'i32 1' if arm else ''})"
    _Share(module.function("share", "void", ["i64"]), rest).write()
    _Parallel(module.function("parallel", "void", ["ptr", "ptr", "i64"], linkage=""), rest).write()
    _Worker(module.function("worker", "void", ["i64"], linkage=""), rest).write()
    bands.code(module)
    return module.text()


class _Writer:
    """Words on the pool's memory."""

    def __init__(self, f: Function, pause: str):
        self.f, self.pause = f, pause

    def place(self, name: str) -> Value:
        return self.f.at(Value(self.f, "@funcgrad_pool", "ptr"), PLACES[name])

    def range(self, k: Value) -> Value:
        return self.f.at(Value(self.f, "@funcgrad_pool", "ptr"), k * 64 + _RANGES)

    def get(self, name: str) -> Value:
        return self.f.op(f"load atomic i64, {self.place(name)!r} seq_cst, align 8", "i64")

    def set(self, name: str, x: Any) -> None:
        x = self.f.lift(x, "i64")
        self.f.do(f"store atomic {x!r}, {self.place(name)!r} seq_cst, align 8")

    def add(self, place: str | Value, n: int) -> Value:
        """Add to a number, and return what it was."""
        p = self.place(place) if isinstance(place, str) else place
        return self.f.op(f"atomicrmw add {p!r}, i64 {n} seq_cst", "i64")

    def c(self, name: str, *xs: Value) -> None:
        """A call of one of the functions; what they return is of no interest."""
        address = self.f.load("ptr", self.place(name))
        self.f.call(address.name, "void", *xs)

    def until(self, name: str, wanted: Any, looks: int) -> None:
        """Look until a number is ``wanted``, politely after so many looks."""
        f, n = self.f, Local(self.f, "i64", 0)
        again, good, more, tired = (f.label() for _ in range(4))
        f.jump(again)
        f.begin(again)
        f.branch(self.get(name).eq(wanted), good, more)
        f.begin(more)
        f.do(self.pause)
        n.set(n.get() + 1)
        f.branch(n.get().gt(looks), tired, again)
        f.begin(tired)
        self.c("yield")
        f.jump(again)
        f.begin(good)


class _Share(_Writer):
    """``share(k)``: thread k runs the chunks of its range, then helps the others."""

    def write(self) -> None:
        f, k = self.f, self.f.args[0]
        n = f.load("i64", self.place("threads"))
        task, context = f.load("ptr", self.place("task")), f.load("ptr", self.place("context"))
        with f.loop(0, n) as j:
            owner = k + j
            owner = owner.lt(n).select(owner, owner - n)
            mine = self.range(owner)
            end = f.load("i64", f.at(mine, 8))
            take, run, done = (f.label() for _ in range(3))
            f.jump(take)
            f.begin(take)
            i = self.add(mine, 1)
            f.branch(i.lt(end), run, done)
            f.begin(run)
            f.call(task.name, "void", context, i)
            self.add("left", -1)
            f.jump(take)
            f.begin(done)
        f.ret()


class _Parallel(_Writer):
    """``parallel(task, context, chunks)``."""

    def write(self) -> None:
        f, (task, context, chunks) = self.f, self.f.args
        alone, shared, own = f.label("alone"), f.label("shared"), f.label("own")
        f.branch(chunks.le(1), alone, own)
        f.begin(own)
        busy = f.op(f"atomicrmw xchg {self.place('busy')!r}, i64 1 seq_cst", "i64")
        free, begin, single = f.label(), f.label(), f.label()
        f.branch(busy.eq(0), free, alone)
        f.begin(free)
        with f.when(self.get("ready").eq(0), likely=False):
            self.c("start")
        f.branch(f.load("i64", self.place("threads")).gt(1), begin, single)
        f.begin(single)
        self.set("busy", 0)
        f.jump(alone)
        f.begin(begin)
        self.deal(task, context, chunks)
        self.finish()
        f.ret()
        f.begin(alone)
        with f.loop(0, chunks) as i:
            f.call(task.name, "void", context, i)
        f.jump(shared)
        f.begin(shared)
        f.ret()

    def deal(self, task: Value, context: Value, chunks: Value) -> None:
        """Give every thread its range, and wake those that sleep."""
        f, n = self.f, self.f.load("i64", self.place("threads"))
        f.store(task, self.place("task"))
        f.store(context, self.place("context"))
        with f.loop(0, n) as k:
            mine = self.range(k)
            f.store(k * chunks / n, mine)
            f.store((k + 1) * chunks / n, f.at(mine, 8))
        self.set("left", chunks)
        now = self.get("generation") + 1
        self.set("open", now)
        self.c("lock", self.place("mutex"))
        self.set("generation", now)
        asleep = f.load("i64", self.place("sleepers"))
        self.c("unlock", self.place("mutex"))
        with f.when(asleep.ne(0)):
            self.c("wake", self.place("condition"))

    def finish(self) -> None:
        """Work along; then nobody may be inside when the next call deals again."""
        f = self.f
        f.call("share", "void", f.const("i64", 0))
        self.until("left", 0, _PATIENCE)
        self.set("open", 0)
        self.until("active", 0, _PATIENCE)
        self.set("busy", 0)


class _Worker(_Writer):
    """``worker(k)``: the life of thread k, until the pool stops."""

    def write(self) -> None:
        f, k = self.f, self.f.args[0]
        seen, looks = Local(f, "i64", 0), Local(f, "i64", 0)
        wait, look, sleep, woken, leave, work = (f.label() for _ in range(6))
        f.jump(wait)
        f.begin(wait)
        looks.set(0)
        f.jump(look)
        f.begin(look)
        f.do(self.pause)
        looks.set(looks.get() + 1)
        same = self.get("generation").eq(seen.get())
        spin = f.label()
        f.branch(same, spin, woken)
        f.begin(spin)
        f.branch(looks.get().lt(_SPINS), look, sleep)
        f.begin(sleep)
        self.sleep(seen)
        f.jump(woken)
        f.begin(woken)
        seen.set(self.get("generation"))
        f.branch(self.get("stop").ne(0), leave, work)
        f.begin(work)
        self.work(k, seen)
        f.jump(wait)
        f.begin(leave)
        f.ret()

    def sleep(self, seen: Local) -> None:
        f = self.f
        mutex, condition, sleepers = map(self.place, ("mutex", "condition", "sleepers"))
        self.c("lock", mutex)
        f.store(f.load("i64", sleepers) + 1, sleepers)
        check, wait, go = f.label(), f.label(), f.label()
        f.jump(check)
        f.begin(check)
        f.branch(self.get("generation").eq(seen.get()), wait, go)
        f.begin(wait)
        forever, none = f.const("i32", -1), f.const("i32", 0)  # Windows asks for these two
        self.c("wait", condition, mutex, forever, none)
        f.jump(check)
        f.begin(go)
        f.store(f.load("i64", sleepers) - 1, sleepers)
        self.c("unlock", mutex)

    def work(self, k: Value, seen: Local) -> None:
        """Take part, unless the call is over already, or wanted fewer threads."""
        f = self.f
        self.add("active", 1)
        here = self.get("open").eq(seen.get()) & k.lt(f.load("i64", self.place("threads")))
        with f.when(here):
            f.call("share", "void", k)
        self.add("active", -1)
