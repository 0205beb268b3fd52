"""Every ufunc on traced values: plain calls, out=, where=, dtype=, and the methods."""

import numpy as np
import pytest

from funcgrad import errors, grad, jvp
from tests.ops.laws import arguments, check, check_gradient, check_value, compiled

UNARY = [
    "absolute",
    "abs",
    "fabs",
    "negative",
    "positive",
    "sign",
    "rint",
    "floor",
    "ceil",
    "trunc",
    "exp",
    "exp2",
    "expm1",
    "sin",
    "cos",
    "tan",
    "arctan",
    "sinh",
    "cosh",
    "tanh",
    "arcsinh",
    "cbrt",
    "square",
    "reciprocal",
    "deg2rad",
    "rad2deg",
    "degrees",
    "radians",
    "conjugate",
    "conj",
    "isnan",
    "isinf",
    "isfinite",
    "signbit",
    "spacing",
    "logical_not",
    "modf",
    "frexp",
]
POSITIVE = ["log", "log2", "log10", "log1p", "sqrt"]
UNIT = ["arcsin", "arccos", "arctanh"]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "true_divide",
    "floor_divide",
    "remainder",
    "mod",
    "fmod",
    "divmod",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "hypot",
    "arctan2",
    "logaddexp",
    "logaddexp2",
    "copysign",
    "heaviside",
    "nextafter",
    "equal",
    "not_equal",
    "less",
    "less_equal",
    "greater",
    "greater_equal",
    "logical_and",
    "logical_or",
    "logical_xor",
]
INTEGER = ["bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm"]


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    check(getattr(np, name), arguments([(2, 3)]))


@pytest.mark.parametrize("name", POSITIVE)
def test_positive(name):
    check(getattr(np, name), arguments([(2, 3)], low=0.5))


@pytest.mark.parametrize("name", UNIT)
def test_unit_interval(name):
    check(getattr(np, name), arguments([(2, 3)], low=-0.8, high=0.8))


def test_arccosh():
    check(np.arccosh, arguments([(2, 3)], low=1.5, high=4.0))


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("shapes", [((2, 3), (3,)), ((2, 3), ()), ((2, 1), (1, 3))])
def test_binary(name, shapes):
    check(getattr(np, name), arguments(shapes, low=-1.9))


@pytest.mark.parametrize("name", ["power", "pow", "float_power"])
def test_power(name):
    check(getattr(np, name), arguments([(2, 3), (3,)], low=0.5))
    check(lambda x: getattr(np, name)(x, 3), arguments([(4,)]))
    check(lambda x: getattr(np, name)(2.0, x), arguments([(4,)]))


def test_ldexp():
    check(lambda x: np.ldexp(x, [1, -2, 3, 0]), arguments([(4,)]))
    check(lambda x: np.ldexp(x * 1e-300, 1100) * 1e-30, arguments([(4,)]))


@pytest.mark.parametrize("name", INTEGER)
def test_integers(name):
    x, y = np.array([5, 12, 7]), np.array([3, 2, 1])
    found, _ = jvp(lambda t: getattr(np, name)((t * 0).astype(int) + x, y), (1.0,), (0.0,))
    np.testing.assert_array_equal(found, getattr(np, name)(x, y))
    found, _ = jvp(lambda t: np.invert((t * 0).astype(int) + x), (1.0,), (0.0,))
    np.testing.assert_array_equal(found, ~x)


@pytest.mark.parametrize("name", ["erf", "erfc", "ndtr", "expit", "gammaln", "digamma", "psi"])
def test_scipy_special(name):
    special = pytest.importorskip("scipy.special")
    check(getattr(special, name), arguments([(4,)], low=0.3))


def test_scipy_special_of_two_and_of_probabilities():
    special = pytest.importorskip("scipy.special")
    for f in (special.logit, special.erfinv, special.ndtri):
        check(f, arguments([(4,)], low=0.1, high=0.9))
    check(special.xlogy, arguments([(4,), (4,)], low=0.3))


def test_unknown_ufuncs_are_named():
    with pytest.raises(errors.NotTraceableError, match="vectorized"):
        grad(lambda x: np.frompyfunc(np.sin, 1, 1)(x))(0.5)
    with pytest.raises(errors.NotTraceableError, match=r"subtract\.reduceat"):
        grad(lambda x: np.sum(np.subtract.reduceat(x, [0, 1])))(np.ones(3))
    with pytest.raises(TypeError, match="dates"):
        grad(lambda x: np.sum(np.isnat(x)))(np.ones(3))


# -- keywords --------------------------------------------------------------------------------------


def into_handle(x):
    out = np.zeros_like(x)
    np.multiply(x, x, out=out)
    np.add(out, 1.0, out)
    np.exp(x[:2], out=out[1:3])
    return out


def from_plain(x):
    out = np.zeros_like(x)
    np.add([1.0, 2.0, 3.0, 4.0], 1.0, out=out)
    np.sum(np.stack([x, out]), axis=0, out=out)
    np.cumsum(x, out=out)
    return out * x


def two_outs(x):
    a, b = np.zeros_like(x), np.zeros_like(x)
    np.modf(x, out=(a, b))
    return a + 2 * b


def masked(x):
    out = x * 2
    np.sqrt(x, out=out, where=x > 0)
    return out


def casts(x):
    y = np.add(x, 1, dtype=np.float32)
    return y.astype(float) * 0 + np.multiply(x, x, dtype=float, casting="same_kind", order="C")


@pytest.mark.parametrize("f", [into_handle, from_plain, two_outs, masked, casts])
def test_keywords(f):
    args = arguments([(4,)])
    with np.errstate(invalid="ignore"):
        check_gradient(f, args)
        check_value(f, args)


def test_out_into_a_plain_array_names_the_remedy():
    for f in (
        lambda x: np.add(x, 1.0, out=np.zeros(3)).sum(),
        lambda x: np.sum(x, axis=0, out=np.zeros(())),
        lambda x: np.add.at(np.zeros(3), [0, 1, 2], x),
    ):
        with pytest.raises(errors.ConcretizationError, match="zeros_like"):
            grad(f)(np.ones(3))

    def augmented(x):
        total = np.zeros(3)
        total += x
        return total.sum()

    with pytest.raises(errors.ConcretizationError, match="zeros_like"):
        grad(augmented)(np.ones(3))


AT = {
    "add": lambda x, y: np.add.at(x, [0, 0, 2], y),
    "subtract": lambda x, y: np.subtract.at(x, [0, 0, 2], y),
    "multiply": lambda x, y: np.multiply.at(x, [0, 0, 2], y),
    "divide": lambda x, y: np.divide.at(x, [0, 0, 2], y),
    "maximum": lambda x, y: np.maximum.at(x, [0, 0, 2], y),
    "minimum": lambda x, y: np.minimum.at(x, [0, 0, 2], y),
    "slice": lambda x, y: np.add.at(x, slice(0, 3), y),
}


@pytest.mark.parametrize("name", AT)
def test_at(name):
    def f(x, y):
        out = x * 1.0
        AT[name](out, y)
        return out

    check(f, arguments([(4,), (3,)]))


def test_multiply_at_zeros():
    """With one zero among the factors only its own slope is left, with two none."""

    def f(x, y):
        out = x * 1.0
        np.multiply.at(out, [0, 0, 1, 1], y)
        return out

    check_gradient(f, [np.array([2.0, 3.0, 4.0]), np.array([0.0, 5.0, 0.0, 0.0])])


OPERATORS = """
x<1 (x>0)*x -x +x abs(x) x//0.3 x%0.3 divmod(x,0.7) 2-x 1/(x+9) 2.0**x x**2 (x*x)**0.5
x+[1.0,2.0,3.0] [1.0,2.0,3.0]*x x+[x[0],1.0,2.0] (x>0)&(x<1) ~(x>0) (x>0)|True (x>0)^(x<1) x==x
x!=x 5.0//(x+9) 7%(x+9) divmod(3,x+9) x+(1,2,3) np.float64(2)*x np.arange(3)*x
"""


@pytest.mark.parametrize("code", OPERATORS.split())
def test_operators(code):
    check(compiled(code, "x"), arguments([(3,)], low=-1.7))
