"""One element of an elementwise operation, as instructions: NumPy's meaning, number by number.

``RULES`` maps a primitive's name to a function of (operands, loop dtype, params). Operands have
been converted to the dtype that NumPy's loop computes in; a rule works on single numbers and on
vectors alike. A primitive without a rule is not lowered.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.backends.llvm import maths, threefry
from funcgrad.backends.llvm.ir import Function, Value, bits, integer_like, lanes, vector
from funcgrad.compiler.loop_dtype import compares_exactly, loop_dtype
from funcgrad.ir.jaxpr import Eqn

__all__ = ["convert", "element", "has_rule", "memory_type", "register_type"]

_TYPES = {
    "float64": "double", "float32": "float", "int64": "i64", "uint64": "i64", "int32": "i32",
    "uint32": "i32", "int16": "i16", "uint16": "i16", "int8": "i8", "uint8": "i8", "bool": "i1",
}  # fmt: skip
BOOL = np.dtype(bool)


def register_type(dtype: Any) -> str | None:
    """The type of one number in a register, or None where the dtype is not lowered."""
    return _TYPES.get(dtype.name)


def memory_type(dtype: Any) -> str:
    """The type of one number in memory: a truth value takes a byte."""
    return "i8" if dtype == BOOL else _TYPES[dtype.name]


# -- conversion ------------------------------------------------------------------------------


def convert(x: Value, old: Any, new: Any) -> Value:
    """A number of one dtype as another, as NumPy's ``astype``."""
    if old == new:
        return x
    type = _TYPES[new.name]
    if new == BOOL:
        return x.ne(0) if old != BOOL else x
    if old == BOOL:
        return x.cast("uitofp" if new.kind == "f" else "zext", type)
    if old.kind == "f" and new.kind == "f":
        return x.cast("fpext" if new.itemsize > old.itemsize else "fptrunc", type)
    if old.kind == "f":
        return _truncated(x, new, type)
    if new.kind == "f":
        return x.cast("sitofp" if old.kind == "i" else "uitofp", type)
    if new.itemsize == old.itemsize:
        return x
    if new.itemsize < old.itemsize:
        return x.cast("trunc", type)
    return x.cast("sext" if old.kind == "i" else "zext", type)


def _truncated(x: Value, new: Any, type: str) -> Value:
    """What C leaves open (NaN, numbers out of range) is what x86-64 and compilers make of it.

    Short integers are cut from int32; unsigned ones are signed ones of x, or of x - 2**(bits-1).
    """
    if new.itemsize < 4:
        return _truncated(x, np.dtype(np.int32), "i32").cast("trunc", type)
    half = 2 ** (8 * new.itemsize - 1)
    if new.kind == "u":
        over = x.ge(float(half))
        found = _truncated(over.select(x - float(half), x), np.dtype(f"i{new.itemsize}"), type)
        return over.select(found ^ -half, found)
    fits = x.ge(-float(half)) & x.lt(float(half))
    return fits.select(fits.select(x, 0.0).cast("fptosi", type), -half)


# -- rules -----------------------------------------------------------------------------------


def _bool_or(op: Callable[..., Value], word: str) -> Any:
    """Arithmetic; on truth values it is logic, as NumPy has it."""

    def rule(xs: list[Value], dtype: Any, params: Any) -> Value:
        if dtype == BOOL:
            return xs[0] | xs[1] if word == "or" else xs[0] & xs[1]
        return op(*xs)

    return rule


def _compare(how: str) -> Any:
    return lambda xs, dtype, params: xs[0].compare(how, xs[1], signed=dtype.kind == "i")


def _float_only(rule: Any) -> Any:
    """Identity on integers, which these functions leave as they are."""
    return lambda xs, dtype, params: rule(xs, dtype, params) if dtype.kind == "f" else xs[0]


def _intrinsic(name: str) -> Any:
    return lambda xs, dtype, params: xs[0].f.intrinsic(name, *xs)


def _math(name: str) -> Any:
    return lambda xs, dtype, params: maths.call(xs[0].f, name, *xs)


def _absolute(xs: list[Value], dtype: Any, params: Any) -> Value:
    (x,) = xs
    if dtype.kind == "f":
        return x.f.intrinsic("fabs", x)
    return x.lt(0).select(-x, x) if dtype.kind == "i" else x


def _sign(xs: list[Value], dtype: Any, params: Any) -> Value:
    (x,) = xs
    if dtype.kind != "f":
        one = x.ne(0).select(x.f.lift(1, x.type), 0)
        return x.lt(0).select(-1, one) if dtype.kind == "i" else one
    one = x.gt(0.0).select(x.f.lift(1.0, x.type), x.lt(0.0).select(x.f.lift(-1.0, x.type), 0.0))
    return x.is_nan().select(x, one)


def _extreme(how: str, skips_nan: bool) -> Any:
    """NaN wins (maximum) or loses (fmax)."""

    def rule(xs: list[Value], dtype: Any, params: Any) -> Value:
        x, y = xs
        if dtype == BOOL:
            return x | y if how == "ge" else x & y
        first = x.compare(how, y, signed=dtype.kind == "i")
        if dtype.kind == "f":
            first = first | (y if skips_nan else x).is_nan()
        return first.select(x, y)

    return rule


def _divided(xs: list[Value], dtype: Any) -> tuple[Value, Value]:
    """Quotient towards zero and remainder of integers; (0, 0) by zero, wrapped on overflow."""
    x, y = xs
    zero = y.eq(0)
    safe = zero.select(1, y)
    if dtype.kind == "u":
        q = x.f.op(f"udiv {x.type} {x.name}, {safe.name}", x.type)
    else:
        least = x.eq(-(1 << (bits(x.type) - 1))) & y.eq(-1)
        safe = least.select(1, safe)
        q = x / safe
        q = least.select(x, q)
        return zero.select(0, q), (zero | least).select(0, x - q * safe)
    return zero.select(0, q), zero.select(0, x - q * safe)


def _floored(xs: list[Value], dtype: Any) -> tuple[Value, Value]:
    """Quotient towards minus infinity, and the remainder with the divisor's sign."""
    if dtype.kind == "f":
        return _float_divmod(*xs)
    q, r = _divided(xs, dtype)
    if dtype.kind == "u":
        return q, r
    off = r.ne(0) & (r ^ xs[1]).lt(0)
    return off.select(q - 1, q), off.select(r + xs[1], r)


def _float_divmod(x: Value, y: Value) -> tuple[Value, Value]:
    """NumPy's: the remainder has the divisor's sign, the quotient is snapped to an integer."""
    f = x.f
    r = x.rem(y)
    q = (x - r) / y
    moved = r.ne(0.0) & r.lt(0.0).__xor__(y.lt(0.0))
    r2 = moved.select(r + y, r)
    q = moved.select(q - 1.0, q)
    r2 = r.eq(0.0).select(f.intrinsic("copysign", f.lift(0.0, x.type), y), r2)
    down = f.intrinsic("floor", q)
    down = (q - down).gt(0.5).select(down + 1.0, down)
    snapped = q.eq(0.0).select(f.intrinsic("copysign", f.lift(0.0, x.type), x / y), down)
    by_zero = y.eq(0.0)
    return by_zero.select(x / y, snapped), by_zero.select(r, r2)


def _fmod(xs: list[Value], dtype: Any, params: Any) -> Value:
    return xs[0].rem(xs[1]) if dtype.kind == "f" else _divided(xs, dtype)[1]


def _raise_to(xs: list[Value], dtype: Any, params: Any) -> Value:
    (x,), n = xs, params["exponent"]
    if dtype.kind == "f" and n == 0.5:
        return x.f.intrinsic("sqrt", x)
    if isinstance(n, int | float) and n == int(n) and abs(n) <= _LARGEST_PRODUCT:
        power = _product(x, abs(int(n)))
        return 1.0 / power if n < 0 else power
    return maths.call(x.f, "power", x, x.f.lift(float(n), x.type))


_LARGEST_PRODUCT = 8  # beyond it, products of products lose too many bits


def _product(x: Value, n: int) -> Value:
    if n == 0:
        return x.f.lift(1, x.type)
    half = _product(x, n // 2) if n > 1 else None
    if half is None:
        return x
    return half * half * x if n % 2 else half * half


def _heaviside(xs: list[Value], dtype: Any, params: Any) -> Value:
    x, h = xs
    found = x.lt(0.0).select(x.f.lift(0.0, x.type), x.gt(0.0).select(x.f.lift(1.0, x.type), h))
    return x.is_nan().select(x, found)


def _signbit(xs: list[Value], dtype: Any, params: Any) -> Value:
    x = xs[0]
    return x.bitcast(integer_like(x.type)).lt(0) if dtype.kind == "f" else x.lt(0)


def _finite(how: str) -> Any:
    def rule(xs: list[Value], dtype: Any, params: Any) -> Value:
        x = xs[0]
        if dtype.kind != "f":
            return x.f.lift(how == "isfinite", _truth(x))
        size = x.f.intrinsic("fabs", x)
        return size.eq(math.inf) if how == "isinf" else size.lt(math.inf)

    return rule


def _truth(x: Value) -> str:
    return vector("i1", lanes(x.type))


def _isnan(xs: list[Value], dtype: Any, params: Any) -> Value:
    return xs[0].is_nan() if dtype.kind == "f" else xs[0].f.lift(False, _truth(xs[0]))


def _logical(word: str) -> Any:
    def rule(xs: list[Value], dtype: Any, params: Any) -> Value:
        x, *rest = (v if dtype == BOOL else v.ne(0) for v in xs)
        if word == "not":
            return x ^ True
        return {"and": x & rest[0], "or": x | rest[0], "xor": x ^ rest[0]}[word]

    return rule


def _shift(left: bool) -> Any:
    """Shifts by as many bits as there are, or more, leave nothing but the sign."""

    def rule(xs: list[Value], dtype: Any, params: Any) -> Value:
        x, n = xs
        width = bits(x.type)
        over = n.compare("ge", width, signed=False)
        safe = over.select(0, n)
        if left:
            return over.select(0, x << safe)
        if dtype.kind == "u":
            return over.select(0, x.shr(safe))
        return x >> over.select(width - 1, n)

    return rule


def _invert(xs: list[Value], dtype: Any, params: Any) -> Value:
    return xs[0] ^ (True if dtype == BOOL else -1)


def _scaled(factor: float) -> Any:
    return lambda xs, dtype, params: xs[0] * factor


def _gammaln(xs: list[Value], dtype: Any, params: Any) -> Value:
    """SciPy's value at minus infinity is minus infinity; C's is infinity."""
    (x,) = xs
    return x.eq(-math.inf).select(x, maths.call(x.f, "gammaln", x))


def _random_bits(xs: list[Value], dtype: Any, params: Any) -> Value:
    k0, k1, count = xs
    return threefry.bits(k0, k1, count, params["width"])


def _same(xs: list[Value], dtype: Any, params: Any) -> Value:
    return xs[0]


RULES: dict[str, Callable[[list[Value], Any, Any], Value]] = {
    "add": _bool_or(lambda x, y: x + y, "or"), "multiply": _bool_or(lambda x, y: x * y, "and"),
    "subtract": lambda xs, d, p: xs[0] - xs[1], "divide": lambda xs, d, p: xs[0] / xs[1],
    "negative": lambda xs, d, p: -xs[0], "positive": _same, "absolute": _absolute, "sign": _sign,
    "square": lambda xs, d, p: xs[0] * xs[0], "raise_to": _raise_to, "power": _math("power"),
    "floor_divide": lambda xs, d, p: _floored(xs, d)[0],
    "remainder": lambda xs, d, p: _floored(xs, d)[1], "fmod": _fmod,
    "floor": _float_only(_intrinsic("floor")), "ceil": _float_only(_intrinsic("ceil")),
    "rint": _float_only(_intrinsic("roundeven")), "trunc": _float_only(_intrinsic("trunc")),
    "signbit": _signbit, "isnan": _isnan, "isinf": _finite("isinf"),
    "isfinite": _finite("isfinite"), "copysign": _intrinsic("copysign"), "heaviside": _heaviside,
    "maximum": _extreme("ge", False), "minimum": _extreme("le", False),
    "fmax": _extreme("ge", True), "fmin": _extreme("le", True),
    "sqrt": _intrinsic("sqrt"), "reciprocal": lambda xs, d, p: 1.0 / xs[0],
    "deg2rad": _scaled(math.pi / 180), "rad2deg": _scaled(180 / math.pi),
    "equal": _compare("eq"), "not_equal": _compare("ne"), "less": _compare("lt"),
    "less_equal": _compare("le"), "greater": _compare("gt"), "greater_equal": _compare("ge"),
    "logical_and": _logical("and"), "logical_or": _logical("or"),
    "logical_xor": _logical("xor"), "logical_not": _logical("not"),
    "bitwise_and": lambda xs, d, p: xs[0] & xs[1], "bitwise_or": lambda xs, d, p: xs[0] | xs[1],
    "bitwise_xor": lambda xs, d, p: xs[0] ^ xs[1], "invert": _invert,
    "left_shift": _shift(True), "right_shift": _shift(False),
    "real": _same, "conj": _same, "stop_gradient": _same,
    "polygamma": _math("digamma"),
    "random_bits": _random_bits, "variate": lambda xs, d, p: xs[1],
}  # fmt: skip
_MATHS = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh",
    "cbrt", "hypot", "erf", "erfc", "ndtr", "expit", "logaddexp", "logaddexp2", "logit", "xlogy",
    "gammaln", "erfinv", "ndtri",
)  # fmt: skip
RULES.update({name: _math(name) for name in _MATHS} | {"gammaln": _gammaln})
_HEAVY = {*_MATHS, "power", "polygamma"}


# -- an equation -----------------------------------------------------------------------------


def weight(eqn: Eqn) -> int:
    """How many cheap operations this one is worth."""
    name = eqn.prim.name
    if name == "random_bits":
        return 60
    if name in _HEAVY:
        return 12
    return 5 if name in ("divide", "sqrt", "reciprocal", "remainder", "floor_divide") else 1


def has_rule(eqn: Eqn) -> bool:
    """Whether the elementwise equation is lowered, for its dtypes and parameters."""
    name = eqn.prim.name
    avals = [v.aval for v in (*eqn.invars, *eqn.outvars)]
    if any(register_type(a.dtype) is None for a in avals):
        return False
    if name in ("select", "convert"):
        return True
    if name not in RULES or (name in _HEAVY and _maths_name(name) not in maths.KNOWN):
        return False
    if name == "polygamma":
        return bool(eqn.params["order"] == 0)
    if name == "raise_to":
        return _has_power(eqn)
    if name in ("power", "reciprocal", "heaviside"):
        return loop_dtype(eqn).kind == "f"
    return not compares_exactly(eqn)


def _maths_name(name: str) -> str:
    return {"polygamma": "digamma"}.get(name, name)


def _has_power(eqn: Eqn) -> bool:
    n, dtype = eqn.params["exponent"], eqn.outvars[0].aval.dtype
    if not isinstance(n, int | float):
        return False
    if dtype.kind == "f":
        return (n == int(n) and abs(n) <= _LARGEST_PRODUCT) or "power" in maths.KNOWN
    return dtype != BOOL and isinstance(n, int) and 0 <= n <= _LARGEST_PRODUCT


def element(f: Function, eqn: Eqn, xs: list[Value]) -> Value:
    """The value of the equation for operands in their own dtypes."""
    name, out = eqn.prim.name, eqn.outvars[0].aval.dtype
    dtypes = [v.aval.dtype for v in eqn.invars]
    if name == "convert":
        return convert(xs[0], dtypes[0], out)
    if name == "select":
        test = convert(xs[0], dtypes[0], BOOL)
        return test.select(convert(xs[1], dtypes[1], out), convert(xs[2], dtypes[2], out))
    loop = loop_dtype(eqn)
    xs = [convert(x, d, loop) for x, d in zip(xs, dtypes, strict=True)]
    z = RULES[name](xs, loop, eqn.params)
    made = BOOL if z.type.endswith("i1") or z.type.endswith("i1>") else loop
    return convert(z, made, out) if made != out else z
