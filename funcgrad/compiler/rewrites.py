"""Cheaper equations that mean the same, by primitive.

A rule gets the simplifier, the equation and its operands; it writes what it likes by ``s.new``
and returns the atom that stands for the result, or None to leave the equation as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Atom, Eqn, Literal
from funcgrad.ops.elementwise import (
    add,
    convert,
    divide,
    multiply,
    negative,
    raise_to,
    reciprocal,
    sqrt,
    square,
    subtract,
)
from funcgrad.ops.families import define
from funcgrad.ops.reductions import reduce_sum

__all__ = ["ALGEBRA", "inner"]


def _inner_type(x: Aval, y: Aval) -> Aval:
    return array_aval((), x.dtype)


inner = define(
    "inner", type=_inner_type, value=lambda xp, x, y: xp.dot(x, y),
    code=lambda x, y: f"dot({x}, {y})",
)  # fmt: skip
"""The sum of products of two vectors, by BLAS; simplification alone writes it."""


def is_number(x: Any, number: int) -> bool:
    return x.__class__ is Literal and not x.aval.shape and x.value == number


def _multiply(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    aval = eqn.outvars[0].aval
    for one, other in (xs, xs[::-1]):
        if other.aval.dtype == aval.dtype:
            if is_number(one, 1):
                return other
            if is_number(one, -1) and aval.dtype.kind == "f" and other.aval.shape == aval.shape:
                return s.new(eqn, negative, other)  # type: ignore[no-any-return]
    return None


def _divide(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    same = xs[0].aval.dtype == eqn.outvars[0].aval.dtype
    return xs[0] if same and is_number(xs[1], 1) else None


def _negated(s: Any, x: Any) -> Any:
    made = s.maker.get(x)
    return made.invars[0] if made is not None and made.prim is negative else None


def _negative(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    """-(-x) is x, and -(2 x) is (-2) x."""
    made = s.maker.get(xs[0])
    if made is not None and made.prim is multiply and made.outvars[0].aval.dtype.kind == "f":
        for number, x in (made.invars, made.invars[::-1]):
            if number.__class__ is Literal and not number.aval.shape:
                return s.new(eqn, multiply, Literal(-number.value), x)  # type: ignore[no-any-return]
    return _negated(s, xs[0])  # type: ignore[no-any-return]


def _add(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    """x + (-y) is x - y, to the last bit."""
    if eqn.outvars[0].aval.dtype.kind in "fc":
        for x, y in (xs, xs[::-1]):
            inside = _negated(s, y)
            if inside is not None:
                return s.new(eqn, subtract, x, inside)  # type: ignore[no-any-return]
    return None


def _subtract(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    inside = _negated(s, xs[1])
    if inside is None or eqn.outvars[0].aval.dtype.kind not in "fc":
        return None
    return s.new(eqn, add, xs[0], inside)  # type: ignore[no-any-return]


def _convert(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    x = xs[0]
    return x if x.aval.dtype == eqn.outvars[0].aval.dtype and not x.aval.weak else None


def _raise_to(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    """Small powers as products, a tenth of the time of ``power``."""
    (x,), exponent, aval = xs, eqn.params["exponent"], eqn.outvars[0].aval
    if aval.weak or x.aval.dtype != aval.dtype or aval.dtype.kind not in "fc":
        return None
    if exponent == 1:
        return x
    if exponent == -1 and aval.dtype.kind == "f":
        return s.new(eqn, reciprocal, x)  # type: ignore[no-any-return]
    if exponent == 0.5:
        return s.new(eqn, sqrt, x)  # type: ignore[no-any-return]
    if exponent not in (2, 3, 4) or (exponent > 2 and aval.dtype.kind == "c"):
        return None
    twice = s.new(eqn, multiply, x, x)
    if exponent == 2:
        return twice  # type: ignore[no-any-return]
    return s.new(eqn, multiply, twice, x if exponent == 3 else twice)  # type: ignore[no-any-return]


def _square(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    return None if xs[0].aval.weak else s.new(eqn, multiply, xs[0], xs[0])


ALGEBRA: dict[Any, Callable[[Any, Eqn, Any], Atom | None]] = {
    multiply: _multiply, divide: _divide, negative: _negative, add: _add, subtract: _subtract,
    convert: _convert, raise_to: _raise_to, square: _square,
}  # fmt: skip


def sum_of_products(s: Any, eqn: Eqn, xs: tuple[Atom, ...]) -> Atom | None:
    """sum(x y) of two vectors is one call of BLAS; NaN and infinities come out the same."""
    made = s.maker.get(xs[0])
    if made is None or made.prim is not multiply or eqn.prim is not reduce_sum:
        return None
    x, y = made.invars
    aval = xs[0].aval
    if aval.ndim != 1 or aval.dtype.char not in "fd" or x.aval is not y.aval:
        return None
    if not 0 < aval.size < config.block_minimum:  # BLAS sums long vectors less exactly
        return None
    return s.new(eqn, inner, x, y)  # type: ignore[no-any-return]


def folded(eqn: Eqn, xs: tuple[Atom, ...]) -> Any:
    """The value of an equation over literals, or None where it fails: then at run time too."""
    aval = eqn.outvars[0].aval
    try:
        with np.errstate(all="ignore"):
            value = eqn.prim.value(np, *[x.value for x in xs], **eqn.params)  # type: ignore
    except Exception:
        return None
    return np.asarray(value).astype(aval.dtype)[()]
