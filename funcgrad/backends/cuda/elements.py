"""One element of an elementwise operation as a CUDA C expression: NumPy's meaning, in its dtype.

``RULES`` maps a primitive's name to a function of (operands, loop dtype, params). Operands are
names or literals, converted to the dtype that NumPy's loop computes in. An equation without an
expression stays CuPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from funcgrad.backends.cuda.types import BOOL, computes, convert, number, type_of, unsigned_of
from funcgrad.compiler.loop_dtype import compares_exactly, loop_dtype
from funcgrad.ir.jaxpr import Eqn

__all__ = ["element", "has_expression", "weight"]

Rule = Callable[[list[str], Any, Any], str]
_LARGEST_PRODUCT = 8  # beyond it, products of products lose too many bits


def _wrapping(op: str, logic: str = "") -> Rule:
    """Arithmetic: logic on truth values, and integers that wrap around."""

    def rule(xs: list[str], dtype: Any, params: Any) -> str:
        if dtype == BOOL:
            return f" {logic} ".join(xs)
        if dtype.kind == "f":
            return f" {op} ".join(xs)
        wide = unsigned_of(dtype)
        return f"({type_of(dtype)})(({wide}){xs[0]} {op} ({wide}){xs[-1]})"

    return rule


def _infix(op: str) -> Rule:
    return lambda xs, dtype, params: f"{xs[0]} {op} {xs[1]}"


def _call(name: str) -> Rule:
    """A function of our own, one text for all types."""
    return lambda xs, dtype, params: f"{name}<{type_of(dtype)}>({', '.join(xs)})"


def _plain(name: str) -> Rule:
    return lambda xs, dtype, params: f"{name}({', '.join(xs)})"


def _math(name: str) -> Rule:
    """A function of CUDA's library, whose names say the type."""
    return lambda xs, dtype, params: f"{name}{'f' * (dtype.itemsize == 4)}({', '.join(xs)})"


def _floats(rule: Rule) -> Rule:
    """Identity on integers, which these functions leave as they are."""
    return lambda xs, dtype, params: rule(xs, dtype, params) if dtype.kind == "f" else xs[0]


def _by_kind(floats: Rule, others: Rule) -> Rule:
    return lambda xs, dtype, params: (floats if dtype.kind == "f" else others)(xs, dtype, params)


def _same(xs: list[str], dtype: Any, params: Any) -> str:
    return xs[0]


def _negative(xs: list[str], dtype: Any, params: Any) -> str:
    if dtype.kind == "f":
        return f"-{xs[0]}"
    return f"({type_of(dtype)})(0 - ({unsigned_of(dtype)}){xs[0]})"


def _absolute(xs: list[str], dtype: Any, params: Any) -> str:
    if dtype.kind in "bu":
        return xs[0]
    return f"{xs[0]} < 0 ? {_negative(xs, dtype, params)} : {xs[0]}"


def _raise_to(xs: list[str], dtype: Any, params: Any) -> str:
    (x,), n = xs, params["exponent"]
    if dtype.kind != "f":
        return f"({type_of(dtype)})raised<{n}>(({unsigned_of(dtype)}){x})"
    if n == 0.5:
        return _math("sqrt")(xs, dtype, params)
    if n != int(n) or abs(n) > _LARGEST_PRODUCT:
        return _math("pow")([x, number(n, dtype)], dtype, params)
    power = f"raised<{abs(int(n))}>({x})"
    return f"{number(1, dtype)} / {power}" if n < 0 else power


def _heaviside(xs: list[str], dtype: Any, params: Any) -> str:
    x, h = xs
    return f"{x} != {x} ? {x} : {x} == 0 ? {h} : ({type_of(dtype)})({x} > 0)"


def _scaled(factor: float) -> Rule:
    return lambda xs, dtype, params: f"{xs[0]} * {number(factor, dtype)}"


def _logical(op: str) -> Rule:
    return lambda xs, dtype, params: f" {op} ".join(f"({x} != 0)" for x in xs)


def _constant(text: str) -> Rule:
    return lambda xs, dtype, params: text


RULES: dict[str, Rule] = {
    "add": _wrapping("+", "||"), "multiply": _wrapping("*", "&&"), "subtract": _wrapping("-"),
    "divide": _infix("/"), "negative": _negative, "positive": _same,
    "absolute": _by_kind(_math("fabs"), _absolute), "sign": _call("sign_of"),
    "square": lambda xs, d, p: RULES["multiply"]([xs[0], xs[0]], d, p),
    "raise_to": _raise_to, "power": _math("pow"),
    "floor_divide": _by_kind(_call("float_floored"), _call("floored")),
    "remainder": _by_kind(_call("float_rest"), _call("rest")),
    "fmod": _by_kind(_math("fmod"), _call("whole_rest")),
    "floor": _floats(_math("floor")), "ceil": _floats(_math("ceil")),
    "rint": _floats(_math("rint")), "trunc": _floats(_math("trunc")),
    "signbit": _by_kind(_plain("signbit"), lambda xs, d, p: f"{xs[0]} < 0"),
    "isnan": lambda xs, d, p: f"{xs[0]} != {xs[0]}",
    "isinf": _by_kind(_plain("isinf"), _constant("false")),
    "isfinite": _by_kind(_plain("isfinite"), _constant("true")),
    "copysign": _math("copysign"), "heaviside": _heaviside,
    "maximum": _call("maximum"), "minimum": _call("minimum"),
    "fmax": _call("larger"), "fmin": _call("smaller"),
    "sqrt": _math("sqrt"), "reciprocal": lambda xs, d, p: f"{number(1, d)} / {xs[0]}",
    "deg2rad": _scaled(math.pi / 180), "rad2deg": _scaled(180 / math.pi),
    "equal": _infix("=="), "not_equal": _infix("!="), "less": _infix("<"),
    "less_equal": _infix("<="), "greater": _infix(">"), "greater_equal": _infix(">="),
    "logical_and": _logical("&&"), "logical_or": _logical("||"), "logical_xor": _logical("!="),
    "logical_not": lambda xs, d, p: f"{xs[0]} == 0",
    "bitwise_and": _infix("&"), "bitwise_or": _infix("|"), "bitwise_xor": _infix("^"),
    "invert": lambda xs, d, p: f"!{xs[0]}" if d == BOOL else f"~{xs[0]}",
    "left_shift": _call("shifted_left"), "right_shift": _call("shifted_right"),
    "real": _same, "conj": _same, "stop_gradient": _same,
}  # fmt: skip
RULES["random_bits"] = lambda xs, d, p: (
    f"threefry({', '.join(xs)}, {'true' if p['width'] == 32 else 'false'})"
)
_NAMED = {
    "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log", "log2": "log2",
    "log10": "log10", "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan",
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    "cbrt": "cbrt", "hypot": "hypot", "erf": "erf", "erfc": "erfc",
}  # fmt: skip
_OURS = {
    "ndtr": "normal_cdf", "expit": "logistic", "logaddexp": "log_add_exp",
    "logaddexp2": "log_add_exp2", "logit": "log_odds", "xlogy": "x_log_y",
    "gammaln": "log_gamma",
}  # fmt: skip
RULES.update({name: _math(text) for name, text in _NAMED.items()})
RULES.update({name: _call(text) for name, text in _OURS.items()})
RULES["polygamma"] = _plain("digamma")
_TRUTHS = {
    "signbit", "isnan", "isinf", "isfinite", "equal", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "logical_and", "logical_or", "logical_xor", "logical_not",
}  # fmt: skip
_FLOATS_ONLY = {"power", "reciprocal", "heaviside", "polygamma", *_NAMED, *_OURS}


# -- an equation -----------------------------------------------------------------------------


def weight(eqn: Eqn) -> int:
    """How many cheap operations this one is worth."""
    name = eqn.prim.name
    if name in _NAMED or name in _OURS or name == "power":
        return 8
    if name == "random_bits":
        return 40
    return 3 if name in ("divide", "sqrt", "reciprocal", "remainder", "floor_divide") else 1


def has_expression(eqn: Eqn) -> bool:
    """Whether the elementwise equation can be part of a kernel."""
    name = eqn.prim.name
    if not all(computes(v.aval.dtype) for v in (*eqn.invars, *eqn.outvars)):
        return False
    if name in ("select", "convert"):
        return True
    if name not in RULES or compares_exactly(eqn):
        return False
    if name == "polygamma" and eqn.params["order"] != 0:
        return False
    if name == "raise_to":
        return _has_power(eqn)
    loop = loop_dtype(eqn)
    return computes(loop) and (loop.kind == "f" or name not in _FLOATS_ONLY)


def _has_power(eqn: Eqn) -> bool:
    n, dtype = eqn.params["exponent"], eqn.outvars[0].aval.dtype
    if dtype.kind == "f":
        return isinstance(n, int | float) and math.isfinite(n)
    return dtype != BOOL and isinstance(n, int) and 0 <= n <= _LARGEST_PRODUCT


def element(eqn: Eqn, xs: list[str]) -> str:
    """The value of the equation for operands in their own dtypes."""
    name, out = eqn.prim.name, eqn.outvars[0].aval.dtype
    dtypes = [v.aval.dtype for v in eqn.invars]
    if name == "convert":
        return convert(xs[0], dtypes[0], out)
    if name == "select":
        test, x, y = map(convert, xs, dtypes, (BOOL, out, out))
        return f"{test} ? {x} : {y}"
    loop = loop_dtype(eqn)
    xs = [_typed(convert(x, old, loop), old, loop) for x, old in zip(xs, dtypes, strict=True)]
    z = RULES[name](xs, loop, eqn.params)
    made = BOOL if name in _TRUTHS else loop
    return convert(f"({z})", made, out) if made != out else z


def _typed(x: str, old: Any, new: Any) -> str:
    """Casts bind weaker than what may follow them."""
    return x if old == new else f"({x})"
