"""Elementwise operations: one line each, derivatives by their partials.

In a partial, ``z`` is the output and ``x, y`` the inputs. Conventions at kinks: abs has slope
0 at 0, ties of maximum and minimum are split evenly.
"""

from __future__ import annotations

from math import factorial, log, pi
from math import sqrt as _root
from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval, weak_aval
from funcgrad.ops.families import (
    broadcast_avals,
    ct_like,
    elementwise,
    is_linear,
    known_aval,
    like,
    linear,
    nondifferentiable,
    product_jvp,
    result_dtype,
    total,
    ufunc_op,
)
from funcgrad.ops.scipys import scipy_function, scipy_rules

# -- arithmetic ------------------------------------------------------------------------------


def _each(*signs: int) -> Any:
    """Transpose of a sum: the cotangent goes to every operand, negated where subtracted."""

    def transpose(cts: Any, operands: Any) -> Any:
        return [
            ct_like(cts[0] if sign > 0 else negative(cts[0]), x.aval) if is_linear(x) else None
            for sign, x in zip(signs, operands, strict=True)
        ]

    return transpose


def _add_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    return (like(total(list(tangents)), outs[0].aval),)


def _subtract_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    tx, ty = tangents
    if ty is None:
        return (like(tx, outs[0].aval),)
    return (like(negative(ty) if tx is None else subtract(tx, ty), outs[0].aval),)


def _multiply_transpose(cts: Any, operands: Any) -> Any:
    (ct,), (x, y) = cts, operands
    if is_linear(x):
        return ct_like(multiply(ct, y), x.aval), None
    return None, ct_like(multiply(ct, x), y.aval)


def _divide_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    """(tx - ty z) / y: backwards, one quotient ct / y serves both operands."""
    (_, y), (tx, ty), z = primals, tangents, outs[0]
    moved = None if ty is None else negative(multiply(ty, z))
    return (like(divide(total([tx, moved]), y), z.aval),)


def _divide_transpose(cts: Any, operands: Any) -> Any:
    x, y = operands
    return ct_like(divide(cts[0], y), x.aval), None


negative = linear("negative", lambda cts, xs: [negative(cts[0])], weak=True)
positive = linear("positive", lambda cts, xs: [cts[0]], weak=True)
add = ufunc_op("add", jvp=_add_jvp, transpose=_each(1, 1), weak=True)
subtract = ufunc_op("subtract", jvp=_subtract_jvp, transpose=_each(1, -1), weak=True)
multiply = ufunc_op(
    "multiply", jvp=product_jvp("multiply"), transpose=_multiply_transpose, weak=True
)
divide = ufunc_op("divide", jvp=_divide_jvp, transpose=_divide_transpose, weak=True)


def _power_x(z: Any, x: Any, y: Any) -> Any:
    """y x^(y-1); 0 where y is 0, whatever x."""
    return select(equal(y, 0), 0.0, y * power(x, y - 1))


def _power_y(z: Any, x: Any, y: Any) -> Any:
    """z log x; its limit 0 where x is 0 and y is not negative."""
    at_zero = logical_and(equal(x, 0), greater_equal(real(y), 0))
    return select(at_zero, 0.0, z * log_(select(at_zero, 1.0, x)))


power = elementwise("power", _power_x, _power_y, weak=True)


def _raise_value(xp: Any, x: Any, exponent: Any) -> Any:
    short = {1: xp.positive, 2: xp.square, 0.5: xp.sqrt}.get(exponent)
    integer = np.issubdtype(np.result_type(x), np.integer)
    if short is None or (integer and exponent not in (1, 2)):
        return xp.power(x, exponent)
    return short(x * 1.0 if integer and exponent.__class__ is float else x)


def _raise_type(x: Aval, exponent: Any) -> Aval:
    return power.type(x, weak_aval(type(exponent)))


def _raise_jvp(primals: Any, tangents: Any, outs: Any, exponent: Any) -> Any:
    (x,), (t,) = primals, tangents
    if exponent == 0:
        return (None,)
    rest = 1.0 if exponent == 1 else x if exponent == 2 else raise_to(x, exponent=exponent - 1)
    # the number last: transposed, it meets the cotangent first, which is often a scalar
    return (like(multiply(multiply(t, rest), exponent), outs[0].aval),)


def _raise_code(x: str, exponent: Any) -> str:
    return {1: f"positive({x})", 2: f"{x} * {x}", 0.5: f"sqrt({x})"}.get(
        exponent, f"power({x}, {exponent!r})"
    )


raise_to = ufunc_op(
    "raise_to", ufunc="power", type=_raise_type, value=_raise_value, jvp=_raise_jvp, weak=True,
    code=_raise_code,
)  # fmt: skip
"""x to a power that is known when tracing: ``x ** 2``, ``x ** 0.5``."""

floor_divide = nondifferentiable("floor_divide", weak=True)
remainder = elementwise(
    "remainder", lambda z, x, y: 1.0, lambda z, x, y: negative(floor_divide(x, y)), weak=True
)
fmod = elementwise("fmod", lambda z, x, y: 1.0, lambda z, x, y: negative(trunc(x / y)))

# -- magnitude, sign, rounding ------------------------------------------------------------------


def _absolute_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (x,), (t,), z = primals, tangents, outs[0]
    if x.dtype.kind != "c":
        return (multiply(t, sign(x)),)
    safe = select(equal(z, 0), np.inf, z)
    return (like(divide(real(multiply(t, conj(x))), safe), z.aval),)


def _absolute_type(x: Aval) -> Aval:
    if x.dtype.kind == "c":
        return array_aval(x.shape, np.empty(0, x.dtype).real.dtype)
    return x


absolute = ufunc_op("absolute", type=_absolute_type, jvp=_absolute_jvp, weak=True)
sign = nondifferentiable("sign")
floor = nondifferentiable("floor")
ceil = nondifferentiable("ceil")
rint = nondifferentiable("rint")
trunc = nondifferentiable("trunc")
signbit = nondifferentiable("signbit")
isnan = nondifferentiable("isnan")
isinf = nondifferentiable("isinf")
isfinite = nondifferentiable("isfinite")
spacing = nondifferentiable("spacing")
nextafter = elementwise("nextafter", lambda z, x, y: 1.0, lambda z, x, y: 0.0)
copysign = elementwise("copysign", lambda z, x, y: sign(x) * copysign(1.0, y), lambda z, x, y: 0.0)
heaviside = elementwise(
    "heaviside", lambda z, x, y: 0.0, lambda z, x, y: convert_like(equal(x, 0), z)
)


def convert_like(x: Any, z: Any) -> Any:
    return select(x, *[known_aval(z).dtype.type(v) for v in (1, 0)])


def _first(z: Any, x: Any, y: Any) -> Any:
    """1 where x is the larger, 1/2 at a tie, 0 elsewhere."""
    number = known_aval(z).dtype.type  # keeps float32 what it is
    return select(equal(x, y), number(0.5), select(greater(x, y), number(1), number(0)))


def _second(z: Any, x: Any, y: Any) -> Any:
    return _first(z, y, x)


maximum = elementwise("maximum", _first, _second)
minimum = elementwise("minimum", _second, _first)


def _fmax_first(z: Any, x: Any, y: Any) -> Any:
    return select(isnan(y), 1.0, select(isnan(x), 0.0, _first(z, x, y)))


def _fmin_first(z: Any, x: Any, y: Any) -> Any:
    return select(isnan(y), 1.0, select(isnan(x), 0.0, _first(z, y, x)))


fmax = elementwise("fmax", _fmax_first, lambda z, x, y: _fmax_first(z, y, x))
fmin = elementwise("fmin", _fmin_first, lambda z, x, y: _fmin_first(z, y, x))

# -- exponentials and logarithms ----------------------------------------------------------------

exp = elementwise("exp", lambda z, x: z)
exp2 = elementwise("exp2", lambda z, x: z * log(2))
expm1 = elementwise("expm1", lambda z, x: z + 1)
log_ = elementwise("log", lambda z, x: 1 / x)
log2 = elementwise("log2", lambda z, x: (1 / log(2)) / x)
log10 = elementwise("log10", lambda z, x: (1 / log(10)) / x)
log1p = elementwise("log1p", lambda z, x: 1 / (1 + x))
sqrt = elementwise("sqrt", lambda z, x: 0.5 / z)
cbrt = elementwise("cbrt", lambda z, x: 1 / (3 * z * z))
square = elementwise("square", lambda z, x: 2 * x)
reciprocal = elementwise("reciprocal", lambda z, x: negative(z * z))


def _share(x: Any, y: Any, scale: float = 1.0) -> Any:
    """e^x / (e^x + e^y); the same infinity on both sides shares evenly, as all ties do."""
    gap = select(logical_and(equal(x, y), isinf(x)), 0.0, x - y)
    return expit(gap * scale)


logaddexp = elementwise("logaddexp", lambda z, x, y: _share(x, y), lambda z, x, y: _share(y, x))
logaddexp2 = elementwise(
    "logaddexp2", lambda z, x, y: _share(x, y, log(2)), lambda z, x, y: _share(y, x, log(2))
)

# -- trigonometry --------------------------------------------------------------------------------

sin = elementwise("sin", lambda z, x: cos(x))
cos = elementwise("cos", lambda z, x: negative(sin(x)))
tan = elementwise("tan", lambda z, x: 1 + z * z)
arcsin = elementwise("arcsin", lambda z, x: 1 / sqrt(1 - x * x))
arccos = elementwise("arccos", lambda z, x: -1 / sqrt(1 - x * x))
arctan = elementwise("arctan", lambda z, x: 1 / (1 + x * x))
sinh = elementwise("sinh", lambda z, x: cosh(x))
cosh = elementwise("cosh", lambda z, x: sinh(x))
tanh = elementwise("tanh", lambda z, x: 1 - z * z)
arcsinh = elementwise("arcsinh", lambda z, x: 1 / sqrt(x * x + 1))
arccosh = elementwise("arccosh", lambda z, x: 1 / (sqrt(x - 1) * sqrt(x + 1)))
arctanh = elementwise("arctanh", lambda z, x: 1 / (1 - x * x))
deg2rad = elementwise("deg2rad", lambda z, x: pi / 180)
rad2deg = elementwise("rad2deg", lambda z, x: 180 / pi)


def _over_square(p: Any, x: Any, y: Any) -> Any:
    """p / (x^2 + y^2), and 0 at the origin, where no direction is distinguished."""
    r2 = x * x + y * y
    return divide(p, select(equal(r2, 0), np.inf, r2))


arctan2 = elementwise(
    "arctan2", lambda z, y, x: _over_square(x, x, y),
    lambda z, y, x: negative(_over_square(y, x, y)),
)  # fmt: skip
hypot = elementwise(
    "hypot", lambda z, x, y: x / select(equal(z, 0), np.inf, z),
    lambda z, x, y: y / select(equal(z, 0), np.inf, z),
)  # fmt: skip

# -- comparisons, logic, bits --------------------------------------------------------------------

equal = nondifferentiable("equal")
not_equal = nondifferentiable("not_equal")
less = nondifferentiable("less")
less_equal = nondifferentiable("less_equal")
greater = nondifferentiable("greater")
greater_equal = nondifferentiable("greater_equal")
logical_and = nondifferentiable("logical_and")
logical_or = nondifferentiable("logical_or")
logical_xor = nondifferentiable("logical_xor")
logical_not = nondifferentiable("logical_not")
bitwise_and = nondifferentiable("bitwise_and")
bitwise_or = nondifferentiable("bitwise_or")
bitwise_xor = nondifferentiable("bitwise_xor")
invert = nondifferentiable("invert")
left_shift = nondifferentiable("left_shift")
right_shift = nondifferentiable("right_shift")
gcd = nondifferentiable("gcd")
lcm = nondifferentiable("lcm")

# -- complex numbers -----------------------------------------------------------------------------


def _real_dtype(x: Aval) -> Aval:
    return x.with_dtype(np.empty(0, x.dtype).real.dtype) if x.dtype.kind == "c" else x.strong()


def _pair_type(x: Aval, y: Aval) -> Aval:
    dtype = np.result_type(result_dtype(x, y), np.complex64)
    return array_aval(broadcast_avals("complex", (x, y)), dtype)


def _pair_value(xp: Any, x: Any, y: Any) -> Any:
    """Written part by part: 1j * inf would be nan + inf j, and numbers must not widen arrays."""
    given = [getattr(v, "dtype", v) for v in (x, y)]
    dtype = np.result_type(np.result_type(*given), np.complex64)
    shape = np.broadcast_shapes(*[getattr(v, "shape", ()) for v in (x, y)])
    out = xp.empty(shape, dtype)
    out.real[...], out.imag[...] = x, y
    return out[()]


def _pair_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    tx, ty = (0.0 if t is None else t for t in tangents)
    return (like(pair(tx, ty), outs[0].aval),)


def _pair_transpose(cts: Any, operands: Any) -> Any:
    parts = (real(cts[0]), negative(imag(cts[0])))
    return [
        ct_like(p, x.aval) if is_linear(x) else None for p, x in zip(parts, operands, strict=True)
    ]


pair = ufunc_op(
    "complex", type=_pair_type, value=_pair_value,
    jvp=_pair_jvp, transpose=_pair_transpose,
)  # fmt: skip
"""x + iy. Transposes are linear, without conjugation (JAX's convention)."""


def _real_transpose(cts: Any, operands: Any) -> Any:
    kind = operands[0].aval.dtype.kind
    return [pair(cts[0], 0.0) if kind == "c" else cts[0]]


def _imag_transpose(cts: Any, operands: Any) -> Any:
    return [pair(0.0, negative(cts[0]))]


real = linear("real", _real_transpose, type=_real_dtype, value=lambda xp, x: xp.real(x) + 0)
imag = linear("imag", _imag_transpose, type=_real_dtype, value=lambda xp, x: xp.imag(x) + 0)
conj = linear("conj", lambda cts, xs: [conj(cts[0])], ufunc="conjugate")

# -- choice and conversion -----------------------------------------------------------------------


def _select_type(mask: Aval, x: Aval, y: Aval) -> Aval:
    return array_aval(broadcast_avals("where", (mask, x, y)), result_dtype(x, y))


def _select_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    mask, (_, tx, ty) = primals[0], tangents
    tx, ty = (0.0 if t is None else t for t in (tx, ty))
    return (like(select(mask, tx, ty), outs[0].aval),)


def _select_transpose(cts: Any, operands: Any) -> Any:
    (ct,), (mask, x, y) = cts, operands
    return (
        None,
        ct_like(select(mask, ct, 0.0), x.aval) if is_linear(x) else None,
        ct_like(select(mask, 0.0, ct), y.aval) if is_linear(y) else None,
    )


select = ufunc_op(
    "select", type=_select_type, value=lambda xp, mask, x, y: xp.where(mask, x, y),
    jvp=_select_jvp, transpose=_select_transpose,
    code=lambda mask, x, y: f"where({mask}, {x}, {y})",
)  # fmt: skip
"""``np.where(mask, x, y)``: the cotangent of the branch not taken is dropped, not multiplied."""


def _convert_jvp(primals: Any, tangents: Any, outs: Any, dtype: Any) -> Any:
    return (convert(tangents[0], dtype=dtype),) if np.dtype(dtype).kind in "fc" else (None,)


def _convert_transpose(cts: Any, operands: Any, dtype: Any) -> Any:
    aval = operands[0].aval
    return [ct_like(cts[0], aval)]


convert = ufunc_op(
    "convert", type=lambda x, dtype: x.with_dtype(dtype),
    value=lambda xp, x, dtype: xp.asarray(x).astype(dtype)[()],
    jvp=_convert_jvp, transpose=_convert_transpose,
    code=lambda x, dtype: f"asarray({x}).astype({np.dtype(dtype).name!r})[()]",
)  # fmt: skip

# -- special functions that NumPy lacks ----------------------------------------------------------


def _factor(c: float) -> Any:
    return lambda z, x: c * exp(negative(x * x))


erf = elementwise("erf", _factor(2 / _root(pi)), **scipy_rules("erf"))
erfc = elementwise("erfc", _factor(-2 / _root(pi)), **scipy_rules("erfc"))
ndtr = elementwise(
    "ndtr", lambda z, x: exp(-0.5 * x * x) * (1 / _root(2 * pi)), **scipy_rules("ndtr")
)


def _expit_type(x: Aval) -> Aval:
    return x if x.dtype.char in "fd" else scipy_rules("expit")["type"](x)


def _expit_value(xp: Any, x: Any) -> Any:
    """SciPy's formula, without SciPy: loading it takes longer than most fits of a curve."""
    if xp is not np or getattr(x, "dtype", np.dtype(float)).char not in "fd":
        return scipy_function(xp, "expit")(x)
    with np.errstate(over="ignore"):
        z = np.exp(-x)
    if not np.ndim(z):
        return 1 / (1 + z)
    z += 1
    return np.divide(1, z, z)


expit = elementwise("expit", lambda z, x: z * (1 - z), type=_expit_type, value=_expit_value)
logit = elementwise("logit", lambda z, x: 1 / (x * (1 - x)), **scipy_rules("logit"))
psi_type = scipy_rules("psi")["type"]
gammaln = elementwise("gammaln", lambda z, x: digamma(x), **scipy_rules("gammaln"))


def _polygamma_value(xp: Any, x: Any, order: int) -> Any:
    """psi^(n)(x) = (-1)^(n+1) n! zeta(n+1, x) for n > 0."""
    if order == 0:
        return scipy_function(xp, "psi" if xp is np else "digamma")(x)
    return (-1.0) ** (order + 1) * factorial(order) * scipy_function(xp, "zeta")(order + 1.0, x)


def _polygamma_type(x: Aval, order: int) -> Aval:
    """psi is defined for complex numbers, its derivatives are not (SciPy's zeta is real)."""
    if x.dtype.kind == "c" and order:
        raise TypeError(f"polygamma of order {order}: not defined for {x.dtype.name}, only psi is")
    return psi_type(x) if x.dtype.kind == "c" else gammaln.type(x)  # type: ignore[no-any-return]


def _polygamma_jvp(primals: Any, tangents: Any, outs: Any, order: int) -> Any:
    return (multiply(tangents[0], polygamma(primals[0], order=order + 1)),)


polygamma = ufunc_op("polygamma", type=_polygamma_type, value=_polygamma_value, jvp=_polygamma_jvp)


def digamma(x: Any) -> Any:
    return polygamma(x, order=0)


def _xlogy_y(z: Any, x: Any, y: Any) -> Any:
    return select(equal(x, 0), 0.0, x / select(equal(x, 0), 1.0, y))


xlogy = elementwise("xlogy", lambda z, x, y: log_(y), _xlogy_y, **scipy_rules("xlogy"))
