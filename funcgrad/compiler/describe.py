"""Schedules in words: which loop nests a program has, and what is fused in each."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from funcgrad.compiler.kernels import Init, Nest, Place, Schedule
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Eqn, Jaxpr, jaxprs_in

__all__ = ["describe", "schedule_of"]


def describe(schedule: Schedule) -> list[str]:
    """One line for each nest or other step; consecutive single equations share a line.

    >>> import numpy as np
    >>> from funcgrad import make_jaxpr
    >>> from funcgrad.compiler.kernels import Rules, Schedule
    >>> program = make_jaxpr(lambda x: np.exp(x - np.max(x)))(np.ones(100)).jaxpr
    >>> rules = Rules(lambda eqn: True, lambda eqn: 5, 16)
    >>> print("\\n".join(describe(Schedule(program, rules))))
    nest over 100: reduce_max; keeps f64[]
    nest over 100: subtract, exp; keeps f64[100]
    """
    lines: list[str] = []
    for kind, group in groupby(schedule.steps, _kind):
        steps = list(group)
        if kind == "equations":
            lines.append("equations: " + ", ".join(step.prim.name for step in steps))
        else:
            for step in steps:
                lines += _step(schedule, step)
    return lines


def schedule_of(jaxpr: Jaxpr) -> Schedule | None:
    """The schedule by which a jaxpr was written, if it was: with its sums of products as such."""
    jaxpr = jaxpr.derived.get("accumulated", jaxpr)
    for key, found in jaxpr.derived.items():
        if key.__class__ is tuple and key[0] == "schedule":
            return found  # type: ignore[no-any-return]
    return None


def _kind(step: Any) -> str:
    return "equations" if isinstance(step, Eqn) and not list(jaxprs_in(step.params)) else "other"


def _step(schedule: Schedule, step: Any) -> list[str]:
    if isinstance(step, Nest):
        return [_nest(schedule, step)]
    if isinstance(step, Init):
        return [f"memory for {_value(step.target)}"]
    if isinstance(step, Place):
        return [f"into {_value(step.view.root)}: {_value(step.value)}"]
    bodies = [simplify(jaxpr) for jaxpr in jaxprs_in(step.params)]
    together = [f", {n} steps at once" for body in bodies if (n := body.derived.get("together"))]
    lines = [f"{step.prim.name}{''.join(together)}:"]
    for body in bodies:
        inner = schedule_of(body)
        found = describe(inner) if inner is not None else ["numbers only"]
        lines += ["  " + line for line in found or ["its inputs"]]
    return lines


def _nest(schedule: Schedule, nest: Nest) -> str:
    """``nest over 4096 × 1024, rows of 1024: exp | by row: reduce_sum | divide; keeps …``."""
    text = "nest over " + (" × ".join(map(str, nest.space)) or "one element")
    if 0 < nest.outer < len(nest.space):
        text += ", rows of " + " × ".join(map(str, nest.space[nest.outer :]))
    stages = []
    for k, stage in enumerate(nest.stages):
        names = [name for item in stage for name in _names(schedule, item)]
        if names:
            stages.append(("by row: " if k % 2 else "") + ", ".join(names))
    kept = f"; keeps {', '.join(map(_value, nest.stored))}" if nest.stored else ""
    return f"{text}: {' | '.join(stages)}{kept}"


def _names(schedule: Schedule, item: Any) -> list[str]:
    """What an item computes: the values that are computed anew inside it come first."""
    names: list[str] = []
    todo = [item]
    while todo:
        one = todo.pop()
        place = one.__class__ is Place
        names.append(f"write into {_value(one.view.root)}" if place else one.prim.name)
        read = [one.value] if place else one.invars
        roots = dict.fromkeys(schedule.view(v).root for v in read)
        todo += [schedule.inline[root] for root in roots if root in schedule.inline]
    return names[::-1]


def _value(v: Any) -> str:
    name = getattr(v, "name", None)
    return f"{name}:{v.aval}" if name else str(v.aval)
