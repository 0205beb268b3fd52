"""Programs of numbers: Python's arithmetic within a bit of NumPy's, its special cases included."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funcgrad import grad, jit
from funcgrad.backends.program import Program
from funcgrad.ops.families import ops
from tests import laws

UNARY = ["negative", "positive", "square", "reciprocal", "absolute", "sign", "exp", "expm1", "log",
         "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arctan",
         "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "erf", "erfc"]  # fmt: skip
BINARY = [
    "add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "arctan2", "hypot",
    "copysign",
]  # fmt: skip
COMPARISONS = ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e308, -1e308, 1e-310, np.inf, -np.inf, np.nan, 710.0]


def both(f, *args):
    """The program in Python's arithmetic, and the equations by NumPy."""
    jaxpr = laws.build(f, [np.float64(1.0)] * len(args))
    program = Program(jaxpr, np)
    assert not program.quiet
    found = program.call(*args)
    for out in found:
        assert type(out) is np.float64
    with np.errstate(all="ignore"):
        wanted = laws.evaluate(jaxpr, [np.float64(x) for x in args])
    np.testing.assert_allclose(found, wanted, rtol=1e-15 * 4, atol=1e-323)


@pytest.mark.parametrize("name", UNARY)
def test_one_operand(name):
    for x in SPECIAL:
        both(getattr(ops, name), x)


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name):
    for x in SPECIAL:
        for y in SPECIAL:
            if name == "power" and x < 0 and (np.isinf(y) or np.isinf(x)):
                continue  # C's pow gives inf or 0, some builds of NumPy nan
            both(getattr(ops, name), x, y)


@pytest.mark.parametrize("name", COMPARISONS)
def test_choices(name):
    for x in SPECIAL:
        for y in SPECIAL:
            both(lambda x, y: ops.select(getattr(ops, name)(x, y), x, ops.multiply(y, 2.0)), x, y)
    both(lambda x: ops.select(ops.logical_and(ops.isnan(x), ops.less(x, 1.0)), 1.0, x), 3.0)


@pytest.mark.parametrize("exponent", [0, 2, 3, -1, -3, 0.5, 2.5, -0.5, 7])
def test_powers(exponent):
    for x in SPECIAL:
        both(lambda x: ops.raise_to(x, exponent=exponent), x)


@given(st.floats(), st.floats())
def test_a_composition(x, y):
    def f(x, y):
        z = ops.divide(ops.exp(x), ops.add(ops.multiply(y, y), 1.0))
        return ops.log(ops.add(z, ops.sqrt(ops.absolute(y)))), ops.multiply(z, x)

    both(f, x, y)


@pytest.mark.parametrize("make", [float, np.float64, np.array])
def test_inputs_of_any_kind(make):
    jaxpr = laws.build(lambda x: ops.divide(1.0, x), [np.float64(1.0)])
    call = Program(jaxpr, np).call
    assert call(make(2.0)) == (0.5,)
    assert call(make(0.0)) == (np.inf,)
    x = np.array(2.0)
    call(x)
    assert x == 2.0


def test_a_user_function():
    def f(x):
        return np.exp(-x) * np.sin(x) if x > 0 else 1 / x

    slope = jit(grad(f))
    assert slope(0.5) == pytest.approx(np.exp(-0.5) * (np.cos(0.5) - np.sin(0.5)))
    assert slope(-2.0) == -0.25
    assert slope(-0.0) == -np.inf
    assert "import" not in slope.source and "try" in slope.source


def test_single_precision_stays_with_numpy():
    jaxpr = laws.build(ops.sin, [np.float32(1.0)])
    assert Program(jaxpr, np).quiet
