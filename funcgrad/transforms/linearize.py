"""linearize = jvp + a cut by dataflow; vjp and grad = the transpose of the linear part.

The primal equations, the linear ones and their transpose share one set of variables, so the
gradient of a program is one printable jaxpr and residuals are just variables.
"""

from __future__ import annotations

from typing import Any

from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var, dead_code
from funcgrad.ops.call import inlined
from funcgrad.ops.shaping import instantiate
from funcgrad.trace.build import Builder
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.jvp import push_forward, tangent_aval
from funcgrad.transforms.transpose import depends, pull_back

__all__ = ["Linearized", "linearized", "vjp_jaxpr"]


class Linearized:
    """A program cut in two: primal equations, and equations linear in the tangents."""

    def __init__(self, jaxpr: Jaxpr, active: tuple[bool, ...]):
        with Builder() as b:
            self.seeds = {
                v: Tracer(b, Var(tangent_aval(v.aval), v.name and v.name + "_t"))
                for v, on in zip(jaxpr.invars, active, strict=True)
                if on
            }
            tangents: dict[Any, Any] = dict(self.seeds)
            push_forward(b, jaxpr, tangents, split=True)
            outs = [tangents.get(v) if v.__class__ is Var else None for v in jaxpr.outvars]
            self.outs = [None if t is None else b.atom(t) for t in outs]
        self.jaxpr = jaxpr
        self.tangents_in = [t._var for t in self.seeds.values()]
        self.primal: list[Eqn]
        self.linear: list[Eqn]
        self.primal, linear, self.linear_vars = depends(b.eqns, self.tangents_in)
        self.linear = dead_code(linear, [v for v in self.outs if v is not None])

    def residuals(self) -> list[Var]:
        """The primal variables that the linear part reads, in order of use."""
        found: dict[Var, None] = {}
        for eqn in self.linear:
            for v in eqn.invars:
                if v.__class__ is Var and v not in self.linear_vars:
                    found[v] = None
        for v in self.outs:
            if v.__class__ is Var and v not in self.linear_vars:
                found[v] = None
        return list(found)

    def linear_jaxpr(self, residuals: list[Var]) -> Jaxpr:
        """(residuals, tangents) -> output tangents, for the outputs that have one."""
        outs = [v for v in self.outs if v is not None]
        return Jaxpr((*residuals, *self.tangents_in), self.linear, outs)


def linearized(jaxpr: Jaxpr, active: tuple[bool, ...]) -> Linearized:
    return jaxpr.derive(("linearized", active), lambda: Linearized(inlined(jaxpr), active))  # type: ignore


def vjp_jaxpr(
    jaxpr: Jaxpr, active: tuple[bool, ...], seeded: tuple[bool, ...], unit: bool = False
) -> Jaxpr:
    """The program (inputs, cts of the seeded outputs) -> (outputs, cts of the active inputs).

    With ``unit`` there is one seeded output, a scalar, and its cotangent is the number 1.
    """
    key = ("vjp", active, seeded, unit)
    return jaxpr.derive(key, lambda: _vjp(jaxpr, active, seeded, unit))  # type: ignore


def _vjp(jaxpr: Jaxpr, active: Any, seeded: Any, unit: bool) -> Jaxpr:
    cut = linearized(jaxpr, active)
    inner = cut.jaxpr
    wanted = cut.tangents_in
    with Builder() as b:
        b.eqns.extend(cut.primal)
        targets = [(v, o) for v, o, on in zip(inner.outvars, cut.outs, seeded, strict=True) if on]
        cts: list[Any]
        if unit:
            cts = [v.aval.dtype.type(1) for v, _ in targets]
        else:
            cts = list(b.inputs([tangent_aval(v.aval) for v, _ in targets]))
        seeds = [(o, ct) for (_, o), ct in zip(targets, cts, strict=True) if o is not None]
        found = pull_back(b, cut.linear, cut.linear_vars, seeds, wanted)
        outs = [b.atom(instantiate(ct, v.aval)) for ct, v in zip(found, wanted, strict=True)]
    extra = () if unit else tuple(c._var for c in cts)
    return Jaxpr((*inner.invars, *extra), b.eqns, (*inner.outvars, *outs))
