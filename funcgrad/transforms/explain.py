"""The compiled form of a jitted function in words."""

from __future__ import annotations

from typing import Any

from funcgrad.backends.explained import llvm_of, native_lines, tier_lines
from funcgrad.backends.program import program_of
from funcgrad.transforms.compiled import Decide, Entry, Run
from funcgrad.transforms.decisions import places

__all__ = ["explained", "llvm_texts"]


def explained(entry: Entry) -> list[str]:
    """Guards, the native form of the whole, then the tree: each program and what runs it."""
    lines = [f"guards {g.name} = {g.value!r:.40}" for g in entry.guards]
    return lines + _whole(entry) + _tree(entry.start)


def _whole(entry: Entry) -> list[str]:
    whole = entry.whole
    if whole is None:
        return []
    known, left = len(entry.leaves), whole.left(len(entry.leaves))
    soon = "" if left is None else f"; compiled after {left} more calls that Python answers"
    if whole.native is None:
        why = whole.tier.why if whole.refused else "NumPy: waits until no new paths come"
        return [f"as one program: {why}{soon}"]
    paths = f"native, with {whole.paths} of {known} paths"
    if whole.refused:  # it has grown into something else; what there was still answers
        paths = f"native, with the first paths only; now {whole.tier.why}"
    return [f"as one program: {paths}{soon}", *["  " + s for s in native_lines(whole.native)]]


def _tree(start: Any) -> list[str]:
    """Segments, decisions, programs; without recursion, as loops make long paths."""
    lines: list[str] = []
    todo: list[Any] = [(start, "")]
    while todo:
        place, indent = todo.pop()
        if isinstance(place, str):
            lines.append(indent + place)
        elif place.__class__ is Decide:
            for (_, outcome), branch in reversed(place.branches.items()):
                label = f"if {place.var.name or place.var.aval} is {outcome}:"
                todo += [(branch, indent + "    "), (label, indent)]
        elif place is not None:
            lines += [indent + line for line in _program(place.jaxpr)]
            if place.__class__ is Run:
                todo.append((place.next, indent))
                if place.failed is not None:
                    label = f"except {place.kind.__name__}:"
                    todo += [(place.failed, indent + "    "), (label, indent)]
    return lines


def _program(jaxpr: Any) -> list[str]:
    return program_of(jaxpr).source.rstrip().split("\n") + [
        f"# {line}" for line in tier_lines(jaxpr)
    ]


def llvm_texts(entry: Entry) -> list[str]:
    """The native programs of a signature: the whole tree's, or those of its parts."""
    if entry.whole is not None and entry.whole.native is not None:
        return llvm_of(entry.whole.native)
    programs = [place.jaxpr for place in places(entry) if place.__class__ is not Decide]
    return [text for jaxpr in programs for text in llvm_of(jaxpr.derived.get("native"))]
