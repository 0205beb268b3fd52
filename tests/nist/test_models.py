"""The models against their certified sums of squares, and their derivatives to the last digits."""

import numpy as np
import pytest

from funcgrad import grad, hessian, hvp, jacrev
from funcgrad.nist import MODELS
from funcgrad.nist.fit import half_sum_of_squares, jacobian_of, residuals_of
from tests.nist.problems import PROBLEMS, complex_step_jacobian

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=list(PROBLEMS))


def points(problem):
    return [*problem.starts, problem.certified]


def assert_close(actual, expected, rtol=1e-10):
    """Relative to the largest element of each column: a zero need not be hit exactly."""
    assert actual.shape == expected.shape
    gap = np.max(np.abs(actual - expected), axis=0)
    np.testing.assert_array_less(gap, rtol * np.max(np.abs(expected), axis=0))


def test_every_problem_has_a_model():
    assert set(MODELS) == set(PROBLEMS)


@each_problem
def test_the_certified_parameters_give_the_certified_sum(problem):
    residuals = residuals_of(problem)(problem.certified)
    # The parameters are rounded to eleven digits, which Lanczos2's tiny residuals notice.
    rtol = 1e-6 if problem.name == "Lanczos2" else 1e-9
    np.testing.assert_allclose(residuals @ residuals, problem.rss, rtol=rtol)


@each_problem
def test_forward_jacobian(problem):
    residuals = residuals_of(problem)
    jacobian = jacobian_of(residuals)
    for b in points(problem):
        assert_close(jacobian(b), complex_step_jacobian(residuals, b))


@each_problem
def test_reverse_jacobian(problem):
    residuals = residuals_of(problem)
    for b in points(problem):
        assert_close(jacrev(residuals)(b), complex_step_jacobian(residuals, b))


@each_problem
def test_gradient(problem):
    residuals = residuals_of(problem)
    loss = half_sum_of_squares(residuals)
    for b in problem.starts:
        expected = complex_step_jacobian(residuals, b).T @ residuals(b)
        np.testing.assert_allclose(grad(loss)(b), expected, rtol=1e-9)


@each_problem
def test_hessian(problem):
    """Against differences of the gradient written out by hand."""
    residuals = residuals_of(problem)
    loss = half_sum_of_squares(residuals)
    b = problem.starts[1]
    matrix = hessian(loss)(b)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9, atol=1e-12 * np.abs(matrix).max())
    scaled = matrix * np.outer(b, b)  # the parameters differ by orders of magnitude
    expected = scaled_hessian_by_differences(residuals, b)
    np.testing.assert_allclose(scaled, expected, rtol=1e-6, atol=1e-7 * np.abs(expected).max())


def scaled_hessian_by_differences(residuals, b, h=1e-3):
    def gradient(u):
        return b * (complex_step_jacobian(residuals, u * b).T @ residuals(u * b))

    def column(e):
        near = gradient(1 + h * e) - gradient(1 - h * e)
        far = gradient(1 + 2 * h * e) - gradient(1 - 2 * h * e)
        return (8 * near - far) / (12 * h)

    return np.stack([column(e) for e in np.eye(len(b))], axis=-1)


@each_problem
def test_hessian_vector_product(problem):
    loss = half_sum_of_squares(residuals_of(problem))
    b = problem.starts[1]
    v = b * np.cos(np.arange(len(b)))
    expected = hessian(loss)(b) @ v
    tolerance = 1e-10 * np.abs(expected).max()
    np.testing.assert_allclose(hvp(loss)(b, v), expected, rtol=1e-9, atol=tolerance)


def test_the_oracle_itself():
    b = np.array([2.0, 3.0])
    jacobian = complex_step_jacobian(lambda b: np.stack([b[0] * b[1], np.exp(b[0])]), b)
    np.testing.assert_allclose(jacobian, [[3, 2], [np.exp(2), 0]], rtol=1e-15)
