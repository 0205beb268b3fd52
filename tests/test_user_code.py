"""Ordinary functions, differentiated as they stand: value, gradient, hvp, jit and vmap of each."""

import numpy as np
import optree
import pytest

from funcgrad import grad, hvp, jit, value_and_grad, vmap
from tests import differences, user_code, user_code_science
from tests.user_cases import CASES

each = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
each_jit = pytest.mark.parametrize(
    "case", [c for c in CASES.values() if c.jit], ids=[n for n, c in CASES.items() if c.jit]
)
each_vmap = pytest.mark.parametrize(
    "case", [c for c in CASES.values() if c.vmap], ids=[n for n, c in CASES.items() if c.vmap]
)


def assert_trees_close(actual, expected, rtol=1e-10):
    assert optree.tree_structure(actual) == optree.tree_structure(expected)
    assert_flat_close(differences.flatten(actual)[0], differences.flatten(expected)[0], rtol)


def assert_flat_close(actual, expected, rtol):
    """Relative to the largest entry: cancellation may leave a small one with fewer digits."""
    np.testing.assert_allclose(
        actual, expected, rtol=rtol, atol=rtol * (1 + np.abs(expected).max())
    )


def test_there_are_at_least_forty():
    modules = {case.function.__module__ for case in CASES.values()}
    assert modules == {user_code.__name__, user_code_science.__name__}
    assert len(CASES) >= 40


@each
def test_plain_numpy_and_the_oracle(case):
    """The example lies off every kink: two step sizes see the same derivative."""
    value = case.function(case.example)
    assert np.ndim(value) == 0 and np.isfinite(value)
    fine = differences.gradient(case.function, case.example, h=5e-4)
    assert_flat_close(differences.gradient(case.function, case.example), fine, 1e-8)
    assert np.any(fine != 0)


@each
def test_value(case):
    value, _ = value_and_grad(case.function)(case.example)
    np.testing.assert_allclose(value, case.function(case.example), rtol=1e-13, atol=1e-15)


@each
def test_gradient(case):
    before = differences.flatten(case.example)[0].copy()
    slope = grad(case.function)(case.example)
    assert optree.tree_structure(slope) == optree.tree_structure(case.example)
    expected = differences.gradient(case.function, case.example)
    assert_flat_close(differences.flatten(slope)[0], expected, 1e-8)
    np.testing.assert_array_equal(differences.flatten(case.example)[0], before)


@each
def test_hessian_vector_product(case):
    v = differences.direction(case.example)
    product = hvp(case.function)(case.example, v)
    expected = differences.along(grad(case.function), case.example, v)
    assert_flat_close(differences.flatten(product)[0], expected, 1e-8)


@each_jit
def test_jit(case):
    value = jit(case.function)(case.example)
    np.testing.assert_allclose(value, case.function(case.example), rtol=1e-13, atol=1e-15)
    assert_trees_close(jit(grad(case.function))(case.example), grad(case.function)(case.example))


@each_jit
def test_jit_follows_other_values(case):
    """The same compiled function at other points, where its branches may go elsewhere."""
    compiled = jit(grad(case.function))
    for row in differences.batch(case.example)[1]:
        assert_trees_close(compiled(row), grad(case.function)(row))


@each_vmap
def test_vmap(case):
    stacked, rows = differences.batch(case.example)
    expected = [grad(case.function)(row) for row in rows]
    expected = optree.tree_map(lambda *leaves: np.stack(leaves), *expected)
    assert_trees_close(vmap(grad(case.function))(stacked), expected)
