"""What runs a program, and why, in words: for ``jit(f).explain()`` and ``jit(f).llvm``."""

from __future__ import annotations

from typing import Any

from funcgrad.backends import cuda
from funcgrad.backends.forks import Tree
from funcgrad.backends.tiers import llvm_text
from funcgrad.compiler.describe import describe, schedule_of
from funcgrad.ir.jaxpr import Eqn, Jaxpr

__all__ = ["llvm_of", "native_lines", "tier_lines"]

_FAR = 1 << 60  # calls that nobody waits for


def tier_lines(jaxpr: Jaxpr) -> list[str]:
    """Which form of a program runs, why, and when that is reconsidered; its kernels for CuPy."""
    return _tier_lines(jaxpr) + kernel_lines(jaxpr)


def kernel_lines(jaxpr: Jaxpr) -> list[str]:
    """The loop nests of a program for CuPy that are kernels of its own."""
    lines = []
    for key, program in jaxpr.derived.items():
        if key.__class__ is tuple and key[0] == "program" and program.kernels:
            lines.append(f"through CuPy, with {program.kernels.count('__global__')} kernels:")
            steps = describe(cuda.program.schedule_of(program.jaxpr))
            lines += ["  " + line for line in steps]
    return lines


def _tier_lines(jaxpr: Jaxpr) -> list[str]:
    tier, made = jaxpr.derived.get("tier"), jaxpr.derived.get("native")
    if tier is None:
        return []
    if made is not None:
        return [tier.why, *["  " + line for line in native_lines(made)]]
    if tier.left < _FAR:
        return [f"{tier.why}; {_when(tier.left)}"]
    never = "never compiled: its backend is NumPy, or it is too long"
    return [never if "too few" in tier.why else tier.why]


def _when(left: int) -> str:
    return "compiled with the next call" if left <= 0 else f"compiled after {left} more"


def native_lines(made: Any) -> list[str]:
    """The loop nests of a native program; what goes through NumPy between native segments."""
    if hasattr(made, "steps"):
        lines = []
        for step in made.steps:
            if isinstance(step, Eqn):
                lines.append(f"through NumPy: {step.prim.name}: {made.reasons[step]}")
            else:
                first, *more = tier_lines(step)
                lines += [f"segment: {first}", *more]
        return lines
    keep = getattr(made, "keep", None)
    if keep is None:
        return []
    program, code = keep
    where = "the disk cache" if code.cached else "the compiler"
    lines = [f"{made.arena} bytes of scratch memory; the code came from {where}"]
    if isinstance(program, Tree):
        return lines + [
            line for node in program.nodes if hasattr(node, "jaxpr") for line in _steps(node.jaxpr)
        ]
    return lines + _steps(program)


def _steps(jaxpr: Jaxpr) -> list[str]:
    schedule = schedule_of(jaxpr)
    return describe(schedule) if schedule is not None else []


def llvm_of(made: Any) -> list[str]:
    """The LLVM text of a native program, or of the native segments of a mixed one."""
    if hasattr(made, "steps"):
        parts = [step.derived.get("native") for step in made.steps if isinstance(step, Jaxpr)]
        return [text for part in parts if part is not None for text in llvm_of(part)]
    keep = getattr(made, "keep", None)
    return [] if keep is None else [llvm_text(keep[0])]
