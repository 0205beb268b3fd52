"""What a program costs, roughly, when NumPy runs it: by its equations alone, never by a clock."""

from __future__ import annotations

from typing import Any

from funcgrad.ir.jaxpr import Eqn, Jaxpr, jaxprs_in

__all__ = ["equations", "nanoseconds"]

_CALL = 1000  # nanoseconds of a call of NumPy's
_UNKNOWN = 100  # steps of a loop whose length is known when it runs


def equations(jaxpr: Jaxpr) -> int:
    """How many equations there are, those of loops' bodies included."""
    return sum(1 + sum(map(equations, jaxprs_in(eqn.params))) for eqn in jaxpr.eqns)


def nanoseconds(jaxpr: Jaxpr) -> int:
    """An estimate of the time of one run through NumPy."""
    return jaxpr.derive("cost", lambda: 1 + sum(map(_cost, jaxpr.eqns)))  # type: ignore[no-any-return]


def _cost(eqn: Eqn) -> int:
    inner = [nanoseconds(j) for j in jaxprs_in(eqn.params)]
    if inner:
        steps = eqn.params.get("length", _UNKNOWN if eqn.prim.name == "while_loop" else 1)
        return _CALL + sum(inner) * (_UNKNOWN if steps is None else steps)
    sizes = [abs(v.aval.size) for v in (*eqn.invars, *eqn.outvars)]
    if eqn.prim.name == "dot_general":
        return _CALL + _products(eqn)
    return _CALL + max(sizes, default=0)


def _products(eqn: Any) -> int:
    """Multiplications of a contraction, several in a nanosecond."""
    x = eqn.invars[0].aval
    summed = 1
    for axis in eqn.params["dims"][0][0]:
        summed *= abs(x.shape[axis])
    return int(abs(eqn.outvars[0].aval.size) * summed // 8)
