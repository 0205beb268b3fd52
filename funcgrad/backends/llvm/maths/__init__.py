"""Elementary and special functions on vectors, written as LLVM functions of a module.

``call(f, "exp", x)`` writes a call of @fg_exp_v8f64, and that function itself when the module
does not have it yet. They are straight lines of arithmetic: special cases are selected, not
branched to. ``ULPS`` says how far a result may be off, in units of its last place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from funcgrad.backends.llvm.ir import Function, Value, element, like, mangled
from funcgrad.backends.llvm.maths import (
    exponential,
    hyperbolic,
    inverse,
    logarithm,
    roots,
    trigonometric,
)

__all__ = ["KNOWN", "ULPS", "call"]


class Entry(NamedTuple):
    write: Callable[..., Value]
    ulps: float = 2.0
    widens: bool = False  # float32 is computed in float64


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
    "hypot": Entry(roots.hypot, widens=True),
}
KNOWN = frozenset(TABLE)
ULPS = {name: entry.ulps for name, entry in TABLE.items()}
PURE = "nounwind willreturn memory(none)"


def call(f: Function, name: str, *xs: Value) -> Value:
    """name(*xs): the operands are of one float type, scalar or vector, as is the result."""
    entry, type = TABLE[name], xs[0].type
    if entry.widens and element(type) == "float":
        wide = call(f, name, *[x.cast("fpext", "double") for x in xs])
        return wide.cast("fptrunc", "float")

    def write(g: Function) -> None:
        g.ret(entry.write(g, *g.args))

    full = f"fg_{name}_{mangled(type)}"
    f.module.once(full, type, [type] * len(xs), write, attributes=PURE)
    return f.call(full, type, *xs)
