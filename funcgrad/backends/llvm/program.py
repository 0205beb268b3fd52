"""From a jaxpr to native code: one function, or native segments with NumPy's calls between.

What has no native form (an eigenvalue problem, a complex number) splits a program: everything that
can run before it, natively, then that equation by its NumPy value, and so on.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from funcgrad.backends.forks import Choice, Tree
from funcgrad.backends.llvm import blas, threads
from funcgrad.backends.llvm.entry import Native
from funcgrad.backends.llvm.ir import Module
from funcgrad.backends.llvm.machine import Code, machine
from funcgrad.backends.llvm.native import written
from funcgrad.backends.llvm.scope import why_not
from funcgrad.backends.llvm.tree import written_tree
from funcgrad.backends.tiers import Tier
from funcgrad.compiler.cost import nanoseconds
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.trace.dispatch import hooks

__all__ = ["Mixed", "compiled", "lower", "native", "native_tree", "refusal", "text_of"]

_MAIN = "fg_program"
_LONG = 1_500  # lines of LLVM's text
_RELEASE = 100_000  # nanoseconds from which other Python threads may run meanwhile


def lower(jaxpr: Jaxpr, name: str, vector_bits: int) -> tuple[str, int]:
    """The module of a simplified jaxpr as text, and its scratch memory in bytes."""
    module = Module(avx512=vector_bits == 512)
    arena = written(module, name, jaxpr, vector_bits)
    return module.text(), arena


def native(jaxpr: Jaxpr) -> Native:
    """The native program of a simplified jaxpr, all of whose equations have a native form."""
    text, arena = lower(jaxpr, _MAIN, machine().vector_bits)
    address, code = loaded(text)
    return Native(
        address, jaxpr.in_avals, jaxpr.out_avals, arena=arena,
        release=nanoseconds(jaxpr) > _RELEASE, keep=(jaxpr, code),
    )  # fmt: skip


def native_tree(tree: Tree) -> Native:
    """The native program of a tree of decisions, none of which ``refusal`` refuses."""
    text, arena = _tree_text(tree)
    address, code = loaded(text)
    inputs = [v.aval for v in tree.inputs]
    return Native(
        address, inputs, tree.outputs, arena=arena, release=tree.nanoseconds > _RELEASE,
        keep=(tree, code),
    )  # fmt: skip


def _tree_text(tree: Tree) -> tuple[str, int]:
    vector_bits = machine().vector_bits
    module = Module(avx512=vector_bits == 512)
    arena = written_tree(module, _MAIN, tree, vector_bits)
    return module.text(), arena


def text_of(program: Any) -> str:
    """The module of a tree, or of a simplified jaxpr, as text."""
    if isinstance(program, Tree):
        return _tree_text(program)[0]
    return lower(program, _MAIN, machine().vector_bits)[0]


def loaded(text: str) -> tuple[int, Code]:
    """The address of a module's program, and what keeps it alive."""
    name = f"fg_{hashlib.sha256(text.encode()).hexdigest()[:24]}"
    text = text.replace(f"@{_MAIN}(", f"@{name}(")
    symbols = blas.symbols(text) | threads.symbols(text)
    code = machine().load(text, [name], effort(text), symbols)
    return code[name], code


def effort(text: str) -> int:
    """How hard LLVM should try. Long programs without a loop (unrolled ones, over small arrays)
    take it ten times as long at level 2, and then run a quarter faster."""
    straight = "!llvm.loop" not in text
    return 0 if straight and text.count("\n") > _LONG else 2


# -- programs that are native in part --------------------------------------------------------------


class Mixed:
    """Native segments and single equations in turn."""

    def __init__(self, jaxpr: Jaxpr, reasons: dict[Eqn, str]):
        self.jaxpr, self.reasons = jaxpr, reasons
        self.steps: list[Any] = []
        for k, eqns in enumerate(_segments(jaxpr, reasons)):
            if k % 2:
                self.steps += eqns
            elif eqns:
                self.steps.append(self._segment(eqns))

    def _segment(self, eqns: list[Eqn]) -> Any:
        made = {v for eqn in eqns for v in eqn.outvars}
        inner = set(map(id, eqns))
        read = dict.fromkeys(v for eqn in eqns for v in eqn.invars if v.__class__ is Var)
        wanted = {v for v in self.jaxpr.outvars if v.__class__ is Var}
        for eqn in self.jaxpr.eqns:
            if id(eqn) not in inner:
                wanted.update(v for v in eqn.invars if v.__class__ is Var)
        invars = [v for v in read if v not in made]
        outvars = [v for eqn in eqns for v in eqn.outvars if v in wanted]
        part = Jaxpr(invars, eqns, outvars)
        part.derived["tier"] = Tier(0)
        return part

    def entry(self, fallback: Any, **options: Any) -> None:
        """There is no one function to enter by: it is called from Python."""

    def call(self, *values: Any) -> tuple[Any, ...]:
        env: dict[Any, Any] = dict(zip(self.jaxpr.invars, values, strict=True))

        def read(v: Any) -> Any:
            return env[v] if v.__class__ is Var else v.value

        for step in self.steps:
            if isinstance(step, Eqn):
                outs = step.prim.value(np, *[read(v) for v in step.invars], **step.params)
                outs = outs if step.prim.multiple else (outs,)
                env.update(zip(step.outvars, outs, strict=True))
            else:
                outs = hooks.run(step, [env[v] for v in step.invars])
                env.update(zip(step.outvars, outs, strict=True))
        return tuple([read(v) for v in self.jaxpr.outvars])


def _segments(jaxpr: Jaxpr, reasons: dict[Eqn, str]) -> list[list[Eqn]]:
    """Equations by turns: native ones at even places, the others at odd ones."""
    slot: dict[Any, int] = {}
    found: dict[int, list[Eqn]] = {}
    for eqn in jaxpr.eqns:
        odd = eqn in reasons
        at = max((slot.get(v, 0) for v in eqn.invars if v.__class__ is Var), default=0)
        if at % 2 != odd:
            at += 1
        found.setdefault(at, []).append(eqn)
        slot.update((v, at) for v in eqn.outvars)
    return [found.get(k, []) for k in range(max(found, default=0) + 1)]


# -- the choice ----------------------------------------------------------------------------


def compiled(jaxpr: Jaxpr) -> Any:
    """A ``Native`` or ``Mixed`` program, or None where next to nothing of it would be native."""
    jaxpr = simplify(jaxpr)
    reasons = {eqn: why for eqn in jaxpr.eqns if (why := why_not(eqn)) is not None}
    if not reasons and all(_is_plain(v.aval) for v in (*jaxpr.invars, *jaxpr.outvars)):
        return native(jaxpr) if jaxpr.eqns else None
    if len(jaxpr.eqns) - len(reasons) < 2 * len(reasons):
        return None
    return Mixed(jaxpr, reasons)


def refusal(tree: Tree) -> str | None:
    """Why a tree of decisions cannot be one native program, or None where it can."""
    for node in tree.nodes:
        if node.__class__ is Choice:
            if node.var.aval.size != 1 or not _is_plain(node.var.aval):
                return f"a decision on {node.var.aval}"
            continue
        for eqn in node.jaxpr.eqns:
            why = why_not(eqn)
            if why is not None:
                return why
    for aval in (*[v.aval for v in tree.inputs], *tree.outputs):
        if not _is_plain(aval):
            return f"{aval} is no argument or result of native code"
    return None


def _is_plain(aval: Any) -> bool:
    return bool(aval.size and aval.dtype.kind in "biuf" and aval.dtype.itemsize <= 8) and (
        aval.dtype.char != "e" and -1 not in aval.shape
    )
