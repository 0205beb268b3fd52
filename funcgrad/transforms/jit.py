"""jit: skip the Python run.

The compiled form of a function is its trace tree: programs between decisions. A call follows
the tree: run a segment, look at the value that Python decided on, take the known branch; a
new outcome runs Python once more and grows the tree. Closure cells and globals that the
function reads are guarded; a changed one means a new trace.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from types import MethodType
from typing import Any, NamedTuple

import numpy as np

from funcgrad import config
from funcgrad.backends.program import program_of, run, tier_of
from funcgrad.errors import ConcretizationError
from funcgrad.ir.avals import aval_of
from funcgrad.ir.jaxpr import Var
from funcgrad.ops.call import with_numbers
from funcgrad.trace.collector import paused
from funcgrad.trace.core import Trace, running
from funcgrad.trace.guards import Guard, guards_of, random_reads
from funcgrad.trace.purity import Watch
from funcgrad.trace.source import here
from funcgrad.trace.tree import Root, path_captures
from funcgrad.transforms.compiled import UNKNOWN, Entry, Leaf, follow, grow
from funcgrad.transforms.decisions import Whole, patient
from funcgrad.transforms.explain import explained, llvm_texts
from funcgrad.transforms.limits import met_multiple_values
from funcgrad.transforms.native import Chain, attach
from funcgrad.transforms.tracing import Traced, argument_names, name_of, run_trace, transformed
from funcgrad.tree import flatten, paths, unflatten

__all__ = ["CacheInfo", "Jitted", "jit"]


class CacheInfo(NamedTuple):
    """How often a jitted function was called, traced, and how many signatures and paths it has."""

    calls: int
    traces: int
    signatures: int
    paths: int


class JitTrace(Trace):
    """A trace that keeps the original of every captured array: later calls read it anew."""

    __slots__ = ()

    copies = False
    notes = True
    differentiates = False

    def __init__(self, root: Root, inputs: list[Any]):
        super().__init__(root, inputs)
        self.originals = []


def jit(
    f: Callable[..., Any] | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
    branches: str = "trace",
    backend: str | None = None,
) -> Any:
    """A compiled version of f: the same values, without running Python again.

    The first call runs through NumPy, the second compiles native code (the first does, where
    NumPy would take long); ``backend="numpy"`` or ``"llvm"`` decides that by hand.

    Arrays and numbers are traced; strings, None, bools and other objects are static by
    themselves, numbers are where ``static_argnums``/``static_argnames`` say so. Python's
    ``if``, ``while``, ``min`` and ``and`` on traced values work: each outcome is traced when it is
    first met, and all known paths become one native program once no new ones come.
    ``branches="error"`` forbids that. Inside another transform f simply runs.

    The result has ``explain()``, ``source``, ``llvm``, ``cache_info()`` and ``clear()``. Random
    draws and clocks raise ImpureCallError; an unhashable static argument raises TypeError.

    >>> import numpy as np
    >>> from funcgrad import jit
    >>> @jit
    ... def f(x):
    ...     return x**2 if x > 0 else -x
    >>> f(3.0), f(-3.0), f.cache_info().traces
    (9.0, 3.0, 2)
    """
    if f is None:
        return lambda g: jit(g, static_argnums, static_argnames, branches, backend)
    if branches not in ("trace", "error"):
        raise ValueError(f"jit: branches must be 'trace' or 'error', not {branches!r}")
    if backend not in (None, "numpy", "llvm"):
        raise ValueError(f"jit: backend must be 'numpy', 'llvm' or None, not {backend!r}")
    made = Jitted(f, static_argnums, static_argnames, branches, backend)
    return transformed(made, f, "jit")


class Jitted:
    """A jitted function: call it, or ask it what it does."""

    def __init__(
        self, f: Any, static_argnums: Any, static_argnames: Any, branches: str,
        backend: str | None = None,
    ):  # fmt: skip
        self.f = f
        self.nums = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
        self.names = (
            (static_argnames,) if isinstance(static_argnames, str) else tuple(static_argnames)
        )
        self.branches, self.backend = branches, backend
        self.entries: dict[Any, Entry] = {}
        self.calls = self.traces = 0
        self.lock = threading.RLock()
        self.reasons: list[str] = []
        self.chain: Chain | None = None  # native entries, which are called before __call__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """A jitted method is a method."""
        return self if instance is None else MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if running.get() is not None or not config.jit:  # in a trace, equations belong to that
            return self.f(*args, **kwargs)
        self.calls += 1
        leaves, key, rebuild = self.signature(args, kwargs)
        entry = self.entries.get(key)
        if entry is not None:
            for guard in entry.guards:
                if not guard.holds():
                    self.outdated(key, guard)
                    entry = None
                    break
            else:
                leaf = entry.start
                if leaf.__class__ is Leaf and leaf.native is not leaf.installed:
                    self.install(key, entry, leaf)
                elif self.chain is not None and self.chain.may_renew(key):
                    self.renew(key, entry, self.chain)
                whole, chain = entry.whole, self.chain
                if whole is None:
                    found = follow(entry, leaves)
                else:
                    found = whole.answer(entry, leaves, chain is not None and key in chain.leaves)
                if found is not UNKNOWN:
                    if whole is not None and whole.left(len(entry.leaves)) == 0:
                        self.compile(key, entry, whole)
                    if entry.limits and met_multiple_values(flatten(found)[0]):
                        return self.caller(rebuild)(leaves)
                    return found
        return self.trace(key, entry, leaves, rebuild, args)

    # -- signatures ------------------------------------------------------------------------------

    def signature(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Traced leaves, the key of what is static about the call, and how to call f."""
        if not kwargs and not self.nums:
            for x in args:
                if x.__class__ not in _FLAT:
                    break
            else:
                key = tuple([aval_of(x) for x in args])
                return args, key, None
        if not self.nums and not (kwargs and self.names):
            tree = (args, kwargs) if kwargs else args
            leaves, treedef = flatten(tree)
            for x in leaves:
                if x.__class__ not in _FLAT:
                    break
            else:
                key = (treedef, *[aval_of(x) for x in leaves])
                return leaves, key, partial(_rebuilt, treedef, bool(kwargs))
        return self.general_signature(args, kwargs)

    def general_signature(self, args: Any, kwargs: dict[str, Any]) -> Any:
        nums = {n % len(args) for n in self.nums if -len(args) <= n < len(args)}
        leaves: list[Any] = []
        key: list[Any] = []
        plan: list[Any] = []
        names = sorted(kwargs)
        items = [(f"argument {i}", x, i in nums) for i, x in enumerate(args)]
        items += [(n, kwargs[n], n in self.names) for n in names]
        for label, x, static in items:
            part = self._static(label, x) if static else self._dynamic(label, x, leaves)
            key.append(part[0])
            plan.append(part[1])
        n_args = len(args)

        def rebuild(xs: Sequence[Any]) -> Any:
            new = [p(xs) for p in plan]
            return new[:n_args], dict(zip(names, new[n_args:], strict=True))

        return leaves, (tuple(key), tuple(names)), rebuild

    def _static(self, label: str, x: Any) -> tuple[Any, Any]:
        try:
            hash(x)
        except TypeError:
            raise TypeError(
                f"jit of {name_of(self.f)}: static {label} is {type(x).__name__} {x!r:.40}, which "
                "cannot be hashed; pass a tuple or a frozen dataclass, or do not make it static"
            ) from None
        return ("static", x.__class__, x), lambda xs: x

    def _dynamic(self, label: str, x: Any, leaves: list[Any]) -> tuple[Any, Any]:
        """Arrays and numbers among the leaves are traced; anything else is static."""
        found, treedef = flatten(x)
        key: list[Any] = [treedef]
        slots: list[tuple[int | None, Any]] = []
        for leaf, path in zip(found, paths(x) if len(found) > 1 else [""], strict=True):
            if _is_traceable(leaf):
                slots.append((len(leaves), None))
                leaves.append(leaf)
                key.append(aval_of(leaf))
            else:
                key.append(self._static(label + path, leaf)[0])
                slots.append((None, leaf))

        def rebuild(xs: Sequence[Any]) -> Any:
            return unflatten(treedef, [fixed if i is None else xs[i] for i, fixed in slots])

        return tuple(key), rebuild

    # -- tracing ---------------------------------------------------------------------------------

    def trace(self, key: Any, entry: Entry | None, leaves: Any, rebuild: Any, args: Any) -> Any:
        """Run Python once, note the path in the compiled tree, and return this call's result."""
        with self.lock:
            if entry is None:
                entry = self.entries.get(key)
            fresh = entry is None
            if entry is None:
                names = argument_names(self.f, args) if rebuild is None else ()
                entry = Entry(Root(tuple(aval_of(x) for x in leaves), names))
            self.traces += 1
            t = self.new_trace(entry, list(leaves))
            guards = guards_of(self.f)
            generators = [g.value for g in guards if hasattr(g.value, "bit_generator")]
            with paused(), Watch(self.f, generators, random_reads(self.f)):
                traced = run_trace(t, self.caller(rebuild))
            try:
                with paused():
                    found = traced.derive("jit", lambda jaxpr: jaxpr)
                    leaf = self.keep(entry, traced, found, guards, fresh)
                self.entries[key] = entry
                out = run(leaf.jaxpr, traced.values(leaf.jaxpr))
            finally:
                t.release()
            if entry.limits and met_multiple_values(out):
                return self.caller(rebuild)(leaves)
            return unflatten(traced.treedef, list(out))

    def new_trace(self, entry: Entry, leaves: list[Any]) -> Trace:
        if self.branches == "error":
            return StrictTrace(entry.root, leaves)
        return JitTrace(entry.root, leaves)

    def caller(self, rebuild: Any) -> Callable[[list[Any]], Any]:
        f = self.f
        if rebuild is None:
            return lambda xs: f(*xs)

        def call(xs: list[Any]) -> Any:
            args, kwargs = rebuild(xs)
            return f(*args, **kwargs)

        return call

    def keep(
        self, entry: Entry, traced: Traced, found: Any, guards: list[Guard], fresh: bool
    ) -> Leaf:
        t = traced.trace
        captures = path_captures(t.node)
        reachable = {id(g.value) for g in guards if g.kind == "array"}
        originals = dict(t.originals or ())
        captured = set()
        for var, position in entry.root.positions.items():
            if len(entry.root.invars) <= position < len(t.inputs) and var in captures:
                value = t.inputs[position]
                original = originals.get(position)
                if (
                    original is not None
                    and id(original) in reachable
                    and np.array_equal(original, value)
                ):
                    value = original
                    captured.add(id(original))
                entry.consts[var] = value
        if fresh:
            for guard in guards:
                guard.freeze_content(captured)
            entry.guards = guards
        numbers = {v: x for v in captures if (x := entry.consts.get(v)).__class__ in _NUMBERS}
        leaf = Leaf(with_numbers(found[0], numbers), traced.treedef)
        entry.limits |= found[-1] is not None
        leaf.fixed = [
            entry.consts[v]
            for v in leaf.jaxpr.invars[len(entry.root.invars) :]
            if v in entry.consts
        ]
        entry.leaves.append(leaf)
        grow(entry, t, leaf)
        if entry.start is not leaf:
            patient(entry, leaf, self.backend)
        tier_of(leaf.jaxpr, True, self.backend)
        return leaf

    def install(self, key: Any, entry: Entry, leaf: Leaf) -> None:
        """A leaf's native program has come (or gone): call that from now on."""
        with self.lock:
            if leaf.native is leaf.installed:
                return  # another thread was first
            attach(leaf)
            self.put_in_front(key, entry, leaf)

    def compile(self, key: Any, entry: Entry, whole: Whole) -> None:
        """The tree of a signature has stood still for long enough: make it one program."""
        if self.lock.acquire(blocking=False):  # nobody waits for another thread's compiling
            try:
                if whole.left(len(entry.leaves)) == 0 and whole.compile(entry):
                    self.put_in_front(key, entry, whole)
            finally:
                self.lock.release()

    def put_in_front(self, key: Any, entry: Entry, form: Leaf | Whole) -> None:
        if self.chain is None:
            self.chain = Chain(self, Jitted.__call__)
        self.chain.remove(key)
        if self.entries.get(key) is entry:
            self.chain.add(key, entry, form)

    def renew(self, key: Any, entry: Entry, chain: Chain) -> None:
        if self.lock.acquire(blocking=False):  # nobody waits for another thread's tracing
            try:
                if chain.may_renew(key):
                    chain.renew(key, entry)
            finally:
                self.lock.release()

    def outdated(self, key: Any, guard: Guard) -> None:
        with self.lock:
            self.reasons.append(guard.describe())
            self.entries.pop(key, None)
            if self.chain is not None:
                self.chain.remove(key)

    # -- inspection --------------------------------------------------------------------------------

    def cache_info(self) -> CacheInfo:
        """Calls, traces, signatures and paths so far."""
        n = sum(len(e.leaves) for e in self.entries.values())
        calls = self.calls + (self.chain.calls() if self.chain is not None else 0)
        return CacheInfo(calls, self.traces, len(self.entries), n)

    def clear(self) -> None:
        """Forget everything compiled."""
        with self.lock:
            self.entries.clear()
            if self.chain is not None:
                self.chain.clear()

    @property
    def source(self) -> str:
        """The generated programs of all paths, as Python source."""
        return "\n".join(
            program_of(leaf.jaxpr).source for e in self.entries.values() for leaf in e.leaves
        )

    @property
    def llvm(self) -> str:
        """The native programs as LLVM's text, before it is optimised; empty where none is."""
        return "\n".join(text for e in self.entries.values() for text in llvm_texts(e))

    def explain(self) -> str:
        """Every signature, its paths with their programs, what runs each of them and why, the loop
        nests of native ones, and why there were re-traces."""
        lines = [f"jit({name_of(self.f)}): {self.cache_info()}"]
        for key, entry in self.entries.items():
            lines.append(f"signature {_readable(key)}")
            lines += ["  " + line for line in explained(entry)]
        lines += [f"re-traced: {r}" for r in self.reasons]
        return "\n".join(lines)


class StrictTrace(JitTrace):
    """jit(branches="error"): a decision on a traced value raises."""

    __slots__ = ()

    def decision(self, var: Var) -> Any:
        name = f"'{var.name}' " if var.name else ""
        raise ConcretizationError(
            f"jit(branches='error'): Python decides on the traced value {name}({var.aval}) at "
            f"{here()}; use np.where, funcgrad.cond or funcgrad.while_loop, or allow branches"
        )


def _is_traceable(x: Any) -> bool:
    cls = x.__class__
    if cls is bool:
        return False
    if cls in (float, int, complex, np.ndarray) or isinstance(x, np.generic):
        return True
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _rebuilt(treedef: Any, named: bool, xs: Sequence[Any]) -> Any:
    """Positional and keyword arguments from their leaves."""
    tree = unflatten(treedef, list(xs))
    return tree if named else (tree, {})


_NUMBERS = (float, int, complex)
_FLAT = {np.ndarray, *_NUMBERS} | {np.dtype(char).type for char in "?bBhHiIlLqQefdgFDG"}


def _readable(key: Any) -> str:
    if key and key[0].__class__.__name__ == "Aval":
        return "(" + ", ".join(map(repr, key)) + ")"
    return f"{key!r:.100}"
