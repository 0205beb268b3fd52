"""Simplified programs are shorter, mean the same, and keep NaN, infinities and dtypes."""

import numpy as np
import pytest

from funcgrad import grad, jacrev, make_jaxpr
from funcgrad.compiler.simplify import simplify
from funcgrad.ops.families import ops
from tests import laws

SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-320, 1e200, -3.0])
X = np.array([0.5, -1.5, 2.5])


def names(jaxpr):
    return [eqn.prim.name for eqn in jaxpr.eqns]


def simplified(f, *args, rtol=0.0):
    jaxpr = laws.build(f, list(args))
    laws.run(jaxpr, list(args), rtol)
    return names(simplify(jaxpr))


CASES = {
    "common": (lambda x: ops.add(ops.sin(x), ops.sin(x)), ["sin", "add"]),
    "dead": (lambda x: (ops.exp(x), ops.sin(x))[1], ["sin"]),
    "folded": (lambda x: ops.multiply(x, ops.exp(ops.multiply(2.0, 3.0))), ["multiply"]),
    "times one": (lambda x: ops.multiply(ops.multiply(x, 1.0), 1), []),
    "times minus one": (lambda x: ops.multiply(x, -1.0), ["negative"]),
    "over one": (lambda x: ops.divide(x, 1.0), []),
    "twice negated": (lambda x: ops.negative(ops.negative(x)), []),
    "plus negated": (lambda x: ops.add(x, ops.negative(ops.sin(x))), ["sin", "subtract"]),
    "minus negated": (lambda x: ops.subtract(x, ops.negative(ops.sin(x))), ["sin", "add"]),
    "converted to itself": (lambda x: ops.convert(x, dtype=np.dtype(float)), []),
    "squared": (lambda x: ops.raise_to(x, exponent=2), ["multiply"]),
    "fourth power": (lambda x: ops.raise_to(x, exponent=4), ["multiply", "multiply"]),
    "root": (lambda x: ops.raise_to(x, exponent=0.5), ["sqrt"]),
    "reshaped": (lambda x: ops.reshape(ops.reshape(x, shape=(8, 1)), shape=(8,)), []),
    "zeros": (
        lambda x: ops.add(x, ops.multiply(ops.full(2.0, shape=(8,), dtype=np.dtype(float)), 3.0)),
        ["add"],
    ),
    "kept zero": (lambda x: ops.multiply(x, 0.0), ["multiply"]),
    "kept sum": (lambda x: ops.add(x, 0.0), ["add"]),
    "kept difference": (lambda x: ops.subtract(x, x), ["subtract"]),
}


@pytest.mark.parametrize("f, wanted", CASES.values(), ids=list(CASES))
def test_equations(f, wanted):
    with np.errstate(all="ignore"):
        assert simplified(f, SPECIAL, rtol=1e-15) == wanted


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "int32", "bool"])
def test_weak_numbers_do_not_widen(dtype):
    x = np.ones(3, dtype)
    simplified(lambda x: ops.multiply(ops.multiply(x, 1), 1.0), x)
    simplified(lambda x: ops.divide(x, 1), x)
    simplified(lambda x: ops.raise_to(ops.add(x, 1), exponent=2), x)


def test_inner_products():
    """Sums of products of vectors become ``inner``; NaN and infinities stay what they are."""

    def f(x):
        return ops.reduce_sum(ops.multiply(x, ops.sin(x)), axes=(0,))

    assert simplified(f, X, rtol=1e-15)[-1] == "inner"
    for values in ([np.nan, 1.0], [np.inf, 1.0], [0.0, np.inf], [1e200, 1e200]):
        x = np.array(values)
        g = laws.build(lambda x: ops.reduce_sum(ops.multiply(x, x), axes=(0,)), [x])
        assert "inner" in names(simplify(g))
        laws.run(g, [x], 1e-15)
    assert "inner" not in simplified(f, np.array([1, 2]), rtol=1e-15)
    two = np.ones((2, 2))
    assert "inner" not in simplified(lambda x: ops.reduce_sum(ops.multiply(x, x), axes=(0,)), two)


def test_sums_of_parts_are_added_in_place():
    jaxpr = make_jaxpr(grad(lambda x: np.sum(np.sin(x[1:]) * x[:-1])))(X).jaxpr
    assert "embed" not in names(simplify(jaxpr))[1:] or "add_at" in names(simplify(jaxpr))


def test_equal_broadcasts_through_reshapes_are_one():
    """The blocks of an input that no output uses: the same zeros twice."""

    def f(x):
        none = ops.full(0.0, shape=(6,), dtype=x.dtype)
        return ops.reshape(none, shape=(2, 3)), ops.reshape(none, shape=(2, 3)), ops.sin(x)

    assert sorted(simplified(f, X)) == ["broadcast_to", "sin"]
    blocks = jacrev(lambda x, y: (np.exp(x), np.sin(x)), (0, 1))(X, 1.3)
    np.testing.assert_array_equal(blocks[1][1], np.zeros(3))
