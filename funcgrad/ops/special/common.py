"""What the families of special functions share: their constructor, and numerical rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from funcgrad.errors import DifferentiationError
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import elementwise, known_aval, ops
from funcgrad.ops.functions.common import as_dtype
from funcgrad.ops.scipys import scipy_rules

__all__ = [
    "HANDLERS",
    "PARTIALS",
    "No",
    "difference",
    "inverse",
    "real_dtype",
    "several",
    "special",
]

HANDLERS: dict[str, Any] = {}
"""SciPy's name -> the function of the same operands on traced values."""

PARTIALS: dict[str, tuple[Any, ...]] = {}
"""SciPy's name -> its partial derivatives, one per operand; of several results, one row each."""


class No(NamedTuple):
    """In place of a partial derivative: why there is none."""

    why: str


Partial = Callable[..., Any] | No

# -- constructors --------------------------------------------------------------------------------


def special(name: str, *partials: Partial, degrees: bool = False, real: bool = False) -> Any:
    """A function of SciPy by its partial derivatives ``partial(z, *xs)``, z the result.

    ``degrees``: integers among the operands stay integers, for loops of their own.
    ``real``: of complex operands it is not holomorphic, and has no derivative.
    """
    rules = [
        _guarded(name, place, partial, degrees, real) for place, partial in enumerate(partials)
    ]
    prim = elementwise(name, *rules, **scipy_rules(name))
    HANDLERS[name], PARTIALS[name] = prim, partials
    return prim


def several(
    name: str, *rows: Sequence[Partial], degrees: bool = False, real: Sequence[int] = ()
) -> Any:
    """A function of several results: each a primitive's ``part``, with its own partials."""
    rules = [
        [_guarded(name, k, partial, degrees, part in real) for k, partial in enumerate(row)]
        for part, row in enumerate(rows)
    ]

    def chosen(place: int) -> Callable[..., Any]:
        return lambda z, *xs, part: rules[part][place](z, *xs)

    prim = elementwise(name, *[chosen(k) for k in range(len(rows[0]))], **scipy_rules(name))
    HANDLERS[name] = lambda *xs: tuple(prim(*xs, part=k) for k in range(len(rows)))
    PARTIALS[name] = tuple(tuple(row) for row in rows)
    return prim


def _guarded(name: str, place: int, partial: Partial, degrees: bool, real: bool) -> Any:
    def rule(z: Any, *xs: Any) -> Any:
        if isinstance(partial, No):
            raise _refusal(name, place, partial.why)
        if real and z.dtype.kind == "c":
            raise _refusal(name, place, "it is not holomorphic; split it into real and imag parts")
        return partial(z, *[_number(x, z, degrees) for x in xs])

    return rule


def _refusal(name: str, place: int, why: str) -> DifferentiationError:
    return DifferentiationError(
        f"scipy.special.{name} has no derivative by argument {place} ({argument(name, place)}) "
        f"here: {why}. funcgrad.custom_jvp or custom_vjp give a call of it one, and "
        "funcgrad.stop_gradient(x) says that none is meant"
    )


def argument(name: str, place: int) -> str:
    """SciPy's own name of an argument, out of its docstring."""
    from scipy import special

    found = re.findall(rf"^\s*{name}\((.*?)\)", getattr(special, name).__doc__ or "", re.M)
    names = found[min(1, len(found) - 1)].split(",") if found else []
    return names[place].strip() if place < len(names) else f"x{place}"


def real_dtype(z: Any) -> Any:
    """The floating dtype of a result, or of its real part."""
    return np.empty(0, z.dtype).real.dtype


def _number(x: Any, z: Any, degrees: bool) -> Any:
    """An operand in the precision of the result: a Python number must not widen it."""
    aval = known_aval(x)
    if aval.dtype.kind == "c" or (degrees and aval.dtype.kind in "iu"):
        return x
    if aval.dtype.kind == "f" and not aval.weak:
        return x
    return as_dtype(x, real_dtype(z))


# -- numerical rules -----------------------------------------------------------------------------

_WEIGHTS = (4 / 5, -1 / 5, 4 / 105, -1 / 280)  # eighth order


def difference(f: Callable[[Any], Any], v: Any, z: Any, rate: Any) -> Any:
    """df/dv by central differences of eighth order; f is analytic, and moves by e^rate per unit.

    The step is 2^-6 / rate (2^-3 in single precision), a power of two, without a derivative. What
    is left out is (step rate)^8 / 630 of f', the rounding about 100 / step units in the last place
    of f: 1e-12 of |f| rate and better, 1e-5 in single precision.
    """
    base = -3 if real_dtype(z).itemsize == 4 else -6
    h = e.exp2(base - e.ceil(e.log2(rate)))
    terms = [c * (f(v + k * h) - f(v - k * h)) for k, c in enumerate(_WEIGHTS, 1)]
    return sum(terms[1:], terms[0]) / h


def to_pole(v: Any) -> Any:
    """The distance of v from the nearest integer at or below 0."""
    return e.absolute(v - e.minimum(e.rint(v), 0))


def inverse(of: str, place: int, order: Sequence[int]) -> list[Callable[..., Any]]:
    """Partials of z with f(…, z, …) = y: 1 / f_z by y, -f_a / f_z by any other argument a.

    z is argument ``place`` of f, whose other arguments are those of the inverse as ``order`` says;
    the one that ``order`` does not name is y.
    """
    rules = PARTIALS[of]

    def arguments(z: Any, xs: Sequence[Any]) -> list[Any]:
        given = [xs[k] for k in order]
        return [*given[:place], z, *given[place:]]

    def at(which: int, z: Any, xs: Sequence[Any]) -> Any:
        found, rule = arguments(z, xs), rules[which]
        if isinstance(rule, No):
            raise _refusal(of, which, rule.why)
        return rule(getattr(ops, of)(*found), *found)

    def partial(k: int) -> Callable[..., Any]:
        if k not in order:
            return lambda z, *xs: 1 / at(place, z, xs)
        which = list(order).index(k)
        which += which >= place
        return lambda z, *xs: e.negative(at(which, z, xs) / at(place, z, xs))

    return [partial(k) for k in range(len(order) + 1)]


def polynomial(coefficients: Sequence[float], x: Any) -> Any:
    """Horner's rule, the constant first."""
    return reduce(lambda total, c: total * x + c, reversed(coefficients[:-1]), coefficients[-1])
