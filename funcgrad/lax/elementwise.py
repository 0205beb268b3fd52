"""``jax.lax``'s elementwise names over NumPy's functions: abs, exp, max, select, ….

NumPy's promotion of dtypes holds here too, where JAX would ask for equal ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and",
    "bitwise_not", "bitwise_or", "bitwise_xor", "cbrt", "ceil", "clamp", "complex", "conj",
    "convert_element_type", "cos", "cosh", "digamma", "div", "eq", "erf", "erfc", "exp", "exp2",
    "expm1", "floor", "ge", "gt", "imag", "integer_pow", "is_finite", "le", "lgamma", "log",
    "log1p", "logistic", "lt", "max", "min", "mul", "ne", "neg", "nextafter", "pow", "real",
    "reciprocal", "rem", "round", "rsqrt", "select", "select_n", "shift_left",
    "shift_right_arithmetic", "sign", "sin", "sinh", "sqrt", "square", "sub", "tan", "tanh",
]  # fmt: skip

abs, sign, neg, square, sqrt, cbrt = np.abs, np.sign, np.negative, np.square, np.sqrt, np.cbrt
ceil, floor, is_finite, nextafter = np.ceil, np.floor, np.isfinite, np.nextafter
exp, exp2, expm1, log, log1p = np.exp, np.exp2, np.expm1, np.log, np.log1p
sin, cos, tan, asin, acos, atan = np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan
sinh, cosh, tanh, asinh, acosh, atanh = (
    np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
)  # fmt: skip
add, sub, mul, div, pow, rem, atan2 = (
    np.add, np.subtract, np.multiply, np.divide, np.power, np.fmod, np.arctan2,
)  # fmt: skip
max, min = np.maximum, np.minimum
eq, ne, lt, le, gt, ge = (
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal,
)  # fmt: skip
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = (
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert,
)  # fmt: skip
shift_left, shift_right_arithmetic = np.left_shift, np.right_shift
conj, real, imag = np.conj, np.real, np.imag
erf, erfc, lgamma, digamma, logistic = e.erf, e.erfc, e.gammaln, e.digamma, e.expit


def reciprocal(x: Any) -> Any:
    """1/x."""
    return 1.0 / array_of(x)


def rsqrt(x: Any) -> Any:
    """1/√x."""
    return 1.0 / np.sqrt(x)


def integer_pow(x: Any, y: int) -> Any:
    """x to an integer power.

    >>> from funcgrad import grad, lax
    >>> grad(lambda x: lax.integer_pow(x, 3))(2.0)
    np.float64(12.0)
    """
    return array_of(x) ** y


def round(x: Any) -> Any:
    """To the nearest integer, halves away from zero (``np.rint`` rounds them to even)."""
    x = array_of(x)
    return np.sign(x) * np.floor(np.abs(x) + 0.5)


def complex(x: Any, y: Any) -> Any:
    """x + iy."""
    return e.pair(array_of(x), array_of(y))


def convert_element_type(operand: Any, new_dtype: Any) -> Any:
    """The operand in another dtype."""
    return as_dtype(array_of(operand), np.dtype(new_dtype))


def clamp(min: Any, x: Any, max: Any) -> Any:
    """x where it lies within the bounds, else the nearer bound."""
    return np.minimum(np.maximum(min, x), max)


def select(pred: Any, on_true: Any, on_false: Any) -> Any:
    """Element by element one or the other."""
    return np.where(pred, on_true, on_false)


def select_n(which: Any, *cases: Any) -> Any:
    """Element by element the case of this number; truth values count as 0 and 1.

    >>> from funcgrad import lax
    >>> lax.select_n([2, 0], [1.0, 2.0], [3.0, 4.0], [5.0, 6.0])
    array([5., 2.])
    """
    which = array_of(which)
    if which.dtype == bool:
        which = as_dtype(which, int)
    return np.choose(which, [array_of(c) for c in cases])
