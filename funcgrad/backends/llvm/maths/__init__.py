"""Elementary and special functions on vectors, written as LLVM functions of a module.

``call(f, "exp", x)`` writes a call of @fg_exp_v8f64, and that function itself when the module
does not have it yet. They are straight lines of arithmetic: special cases are selected, not
branched to. ``ULPS`` says how far a result may be off, in units of its last place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from funcgrad.backends.llvm.ir import Function, Value, element, mangled
from funcgrad.backends.llvm.maths import (
    errors,
    exponential,
    gammas,
    hyperbolic,
    inverse,
    logarithm,
    powers,
    quantiles,
    roots,
    sums,
    trigonometric,
)

__all__ = ["KNOWN", "ULPS", "call"]


class Entry(NamedTuple):
    write: Callable[..., Value]
    ulps: float = 2.0
    widens: bool = False  # float32 is computed in float64 ...
    of_singles: Callable[..., Value] | None = None  # ... by this, if less exactness will do there


TABLE: dict[str, Entry] = {
    "exp": Entry(exponential.exp),
    "exp2": Entry(exponential.exp2),
    "expm1": Entry(exponential.expm1),
    "expit": Entry(exponential.expit),
    "log": Entry(logarithm.log),
    "log2": Entry(logarithm.log2),
    "log10": Entry(logarithm.log10),
    "log1p": Entry(logarithm.log1p),
    "sin": Entry(trigonometric.sin),
    "cos": Entry(trigonometric.cos),
    "tan": Entry(trigonometric.tan),
    "arcsin": Entry(inverse.arcsin),
    "arccos": Entry(inverse.arccos),
    "arctan": Entry(inverse.arctan),
    "arctan2": Entry(inverse.arctan2),
    "sinh": Entry(hyperbolic.sinh),
    "cosh": Entry(hyperbolic.cosh),
    "tanh": Entry(hyperbolic.tanh),
    "arcsinh": Entry(hyperbolic.arcsinh),
    "arccosh": Entry(hyperbolic.arccosh),
    "arctanh": Entry(hyperbolic.arctanh),
    "sqrt": Entry(roots.sqrt),
    "cbrt": Entry(roots.cbrt),
    "hypot": Entry(roots.hypot, widens=True, of_singles=roots.hypot_of_singles),
    "power": Entry(powers.power, 4.0, widens=True, of_singles=powers.power_of_singles),
    "softplus": Entry(sums.softplus),
    "logaddexp": Entry(sums.logaddexp),
    "logaddexp2": Entry(sums.logaddexp2),
    "logit": Entry(sums.logit),
    "xlogy": Entry(sums.xlogy),
    "erf": Entry(errors.erf),
    "erfc": Entry(errors.erfc, widens=True),
    "ndtr": Entry(errors.ndtr, widens=True),
    "erfinv": Entry(quantiles.erfinv, 3.0, widens=True),
    "ndtri": Entry(quantiles.ndtri, 4.0, widens=True),
    "gammaln": Entry(gammas.gammaln, 4.0, widens=True),
    "digamma": Entry(gammas.digamma, 4.0, widens=True),
}
KNOWN = frozenset(TABLE)
ULPS = {name: entry.ulps for name, entry in TABLE.items()}
PURE = "nounwind willreturn memory(none)"


def call(f: Function, name: str, *xs: Value) -> Value:
    """name(*xs): the operands are of one float type, scalar or vector, as is the result."""
    entry = TABLE[name]
    if entry.widens and element(xs[0].type) == "float":
        wide = [x.cast("fpext", "double") for x in xs]
        if entry.of_singles is None:
            return call(f, name, *wide).cast("fptrunc", "float")
        return called(f, f"{name}_single", entry.of_singles, wide).cast("fptrunc", "float")
    return called(f, name, entry.write, xs)


def called(f: Function, name: str, write: Callable[..., Value], xs: Sequence[Value]) -> Value:
    """A call of a function of the module, which ``write`` writes if it is not there yet."""
    type = xs[0].type
    full = f"fg_{name}_{mangled(type)}"
    f.module.once(full, type, [type] * len(xs), lambda g: g.ret(write(g, *g.args)),
                  attributes=PURE)  # fmt: skip
    return f.call(full, type, *xs)
