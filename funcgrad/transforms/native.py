"""Native programs as the call of a jitted function itself.

A jitted function gets a class of its own, whose ``__call__`` is a built-in function: the entry of
the newest native program, then those before it, then Python. Only signatures of flat arrays and
numbers with one native program (a path without decisions, or a whole tree of them) and guards that
native code can check are installed; all others keep the Python path, whose last step is the native
program, called with the leaves.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any
from weakref import WeakSet

from funcgrad import config
from funcgrad.backends.llvm.entry import Guards, calls_of
from funcgrad.backends.program import plain_copies, run_by_numpy
from funcgrad.ir.avals import Aval
from funcgrad.trace.guards import Guard
from funcgrad.transforms.compiled import Entry, Leaf
from funcgrad.transforms.decisions import Whole
from funcgrad.tree import LEAF, flatten

__all__ = ["Chain", "attach"]

_RENEWALS = 32  # after so many looks, numbers that come as new objects stay with Python
_MOST = 4  # entries before the Python path: each costs a call that it cannot answer


def attach(leaf: Leaf) -> None:
    """Let a leaf's native program be called with the leaves of the arguments, where it has one."""
    native = leaf.installed = leaf.native
    leaf.direct = None
    if native is not None:
        leaf.direct = native.entry(_again(leaf), single=False, fixed=leaf.fixed, guards=Guards())


def _again(leaf: Leaf) -> Callable[..., Any]:
    """What answers where native code would not: plain copies first, then NumPy's form."""

    def answer(*leaves: Any) -> Any:
        plain, direct = plain_copies(leaves), leaf.direct
        if direct is not None and plain is not None:
            return direct(*plain)
        return run_by_numpy(leaf.jaxpr, (*leaves, *leaf.fixed))

    return answer


class Chain:
    """The native entries in front of a jitted function, newest first."""

    def __init__(self, owner: Any, general: Callable[..., Any]):
        self.owner = owner
        self.general = MethodType(general, owner)
        self.leaves: dict[Any, tuple[Leaf | Whole, Guards]] = {}
        self.built: list[Any] = []
        self.retired = 0
        self.renewals = 0
        _chains.add(self)

    def calls(self) -> int:
        """How many calls native entries have answered."""
        return self.retired + sum(map(calls_of, self.built))

    def add(self, key: Any, entry: Entry, leaf: Leaf | Whole) -> None:
        """Install the one program of a signature, where native code can check all that matters."""
        guards = checks(entry.guards)
        flat = all(part.__class__ is Aval for part in key)
        if flat and guards is not None and leaf.native is not None and _is_flat(leaf.treedef):
            while len(self.leaves) >= _MOST:
                del self.leaves[next(iter(self.leaves))]
            self.leaves[key] = leaf, guards
            self.build()

    def may_renew(self, key: Any) -> bool:
        return key in self.leaves and self.renewals < _RENEWALS

    def renew(self, key: Any, entry: Entry) -> None:
        """Python's guards hold where native ones did not: perhaps for an equal number."""
        leaf, _ = self.leaves[key]
        self.renewals += 1
        renewed = [guard.renew() for guard in entry.guards]
        if any(renewed):
            guards = checks(entry.guards)
            if guards is not None:
                self.leaves[key] = leaf, guards
                self.build()

    def remove(self, key: Any) -> None:
        """A signature is out of date."""
        if self.leaves.pop(key, None) is not None:
            self.build()

    def clear(self) -> None:
        self.leaves.clear()
        self.build()

    def build(self) -> None:
        """Link the entries, each of which falls back on the one before, and install the last."""
        built: list[Any] = []
        call: Any = self.general
        for leaf, guards in self.leaves.values() if config.jit else ():
            made = leaf.native.entry(
                call, single=leaf.treedef is LEAF, fixed=leaf.fixed, guards=guards
            )
            if made is not None:
                built.append(made)
                call = made
        old, self.built = self.built, built
        if built:
            own_class(self.owner).__call__ = call
        elif old:
            del self.owner.__class__.__call__
        self.retired += sum(map(calls_of, old))


def _rebuilt(_: Any) -> None:
    """Native entries ask no switch: they go while jit is off, and come back with it."""
    for chain in list(_chains):
        chain.build()


_chains: WeakSet[Chain] = WeakSet()
config.watch("jit", _rebuilt)


def own_class(owner: Any) -> Any:
    """The class that only this object has."""
    cls = owner.__class__
    if "_own" not in cls.__dict__:
        body = {"_own": True, "__slots__": (), "__module__": cls.__module__, "__doc__": cls.__doc__}
        owner.__class__ = type(cls.__name__, (cls,), body)
    return owner.__class__


def _is_flat(treedef: Any) -> bool:
    """Whether a result is one leaf or a plain tuple of leaves."""
    if treedef is LEAF:
        return True
    return bool(treedef == flatten((0.0,) * treedef.num_leaves)[1])


def checks(guards: list[Guard]) -> Guards | None:
    """Guards as native code checks them, or None where one of them needs Python."""
    dicts: list[Any] = []
    slots: list[Any] = []
    contents: list[Any] = []
    for guard in guards:
        found = guard.checks()
        if found is None:
            return None
        for kept, more in zip((dicts, slots, contents), found, strict=True):
            kept += more
    return Guards(dicts, slots, contents)
