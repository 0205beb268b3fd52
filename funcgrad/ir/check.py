"""The type checker of jaxprs: what every transform and every rule must leave true."""

from __future__ import annotations

from typing import Any

from funcgrad.errors import JaxprTypeError
from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var, jaxprs_in
from funcgrad.ir.text import print_jaxpr

__all__ = ["check_jaxpr"]


def check_jaxpr(jaxpr: Jaxpr) -> None:
    """Raise JaxprTypeError unless every variable is defined once before it is used, and every
    equation's results have the avals that its primitive's type rule gives.

    Jaxprs among the parameters are checked too.
    """
    defined: set[Var] = set()
    for v in jaxpr.invars:
        _define(v, defined, "the inputs", jaxpr)
    for eqn in jaxpr.eqns:
        _operands(eqn.invars, defined, str(eqn.prim), jaxpr)
        _types(eqn, jaxpr)
        for v in eqn.outvars:
            _define(v, defined, str(eqn.prim), jaxpr)
        for inner in jaxprs_in(eqn.params):
            check_jaxpr(inner)
    _operands(jaxpr.outvars, defined, "the outputs", jaxpr)


def _define(v: Any, defined: set[Var], where: str, jaxpr: Jaxpr) -> None:
    if v.__class__ is not Var:
        raise _fault(f"{where}: {v!r} is not a variable", jaxpr)
    if v in defined:
        raise _fault(f"{where}: {v!r} is defined twice", jaxpr)
    defined.add(v)


def _operands(atoms: Any, defined: set[Var], where: str, jaxpr: Jaxpr) -> None:
    for v in atoms:
        if v.__class__ is Var:
            if v not in defined:
                raise _fault(f"{where}: {v!r} is used before it is defined", jaxpr)
        elif v.__class__ is not Literal:
            raise _fault(f"{where}: {v!r} is neither a variable nor a literal", jaxpr)


def _types(eqn: Eqn, jaxpr: Jaxpr) -> None:
    try:
        wanted = eqn.prim.out_avals(tuple(v.aval for v in eqn.invars), eqn.params)
    except Exception as error:
        raise _fault(f"{eqn!r}: the type rule refuses the operands: {error}", jaxpr) from error
    found = tuple(v.aval for v in eqn.outvars)
    if len(found) != len(wanted) or not all(map(_same, found, wanted)):
        raise _fault(f"{eqn!r}: the type rule gives {wanted}, the equation has {found}", jaxpr)
    if eqn.prim.name == "call":
        inner = eqn.params["jaxpr"].in_avals
        given = tuple(v.aval for v in eqn.invars)
        if len(inner) != len(given) or not all(map(_same, inner, given)):
            raise _fault(f"call: a program of {inner} is given {given}", jaxpr)


def _same(x: Aval, y: Aval) -> bool:
    return x.shape == y.shape and x.dtype == y.dtype


def _fault(message: str, jaxpr: Jaxpr) -> JaxprTypeError:
    try:
        text = print_jaxpr(jaxpr)
    except AttributeError:  # what is wrong cannot even be printed
        text = repr(jaxpr.eqns)
    if len(text) > 4000:
        text = text[:4000] + " …"
    return JaxprTypeError(f"{message}\n{text}")
