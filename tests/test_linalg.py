"""``np.linalg`` on traced values: NumPy's numbers, derivatives at regular and singular points."""

import numpy as np
import pytest

from funcgrad import grad
from funcgrad.errors import NotTraceableError, ShapeError
from funcgrad.ops.families import ops
from tests import laws
from tests.test_products import agrees

RNG = np.random.default_rng(5)
SQUARE = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
STACK = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
SPD = SQUARE @ SQUARE.T + np.eye(3)
VECTOR = RNG.normal(size=3)
TALL = RNG.normal(size=(4, 3))
CUBE = RNG.normal(size=(2, 3, 4))


def spd(x):
    return x @ np.conj(np.swapaxes(x, -1, -2)) if isinstance(x, np.ndarray) else x @ adjoint(x)


def adjoint(x):
    return np.conj(ops.transpose(x, perm=(1, 0)))


FUNCTIONS = {
    "solve vector": (lambda a, b: np.linalg.solve(a, b), [SQUARE, VECTOR]),
    "solve matrix": (lambda a, b: np.linalg.solve(a, b), [SQUARE, TALL.T]),
    "solve stack": (lambda a, b: np.linalg.solve(a, b), [STACK, TALL.T]),
    "solve plain": (lambda b: np.linalg.solve(SQUARE, b), [VECTOR]),
    "inv": (lambda a: np.linalg.inv(a), [STACK]),
    "det": (lambda a: np.linalg.det(a), [STACK]),
    "slogdet": (lambda a: np.linalg.slogdet(a).logabsdet, [STACK]),
    "slogdet negative": (lambda a: tuple(np.linalg.slogdet(-a)), [SQUARE]),
    "cholesky": (lambda a: np.linalg.cholesky(a), [SPD]),
    "cholesky upper": (lambda a: np.linalg.cholesky(a, upper=True), [SPD]),
    "cholesky complex": (lambda a: np.linalg.cholesky(a), [SPD + 0.3j * (SQUARE - SQUARE.T)]),
    "eigh": (lambda a: tuple(np.linalg.eigh(a)), [SPD]),
    "eigh upper": (lambda a: tuple(np.linalg.eigh(a, UPLO="U")), [SPD + np.tril(SQUARE, -1)]),
    "eigvalsh": (lambda a: np.linalg.eigvalsh(a), [SPD + 0.3j * (SQUARE - SQUARE.T)]),
    "product": (lambda a: np.linalg.cholesky(spd(a)), [SQUARE]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    f, args = FUNCTIONS[name]
    agrees(f, args, order=2)


NORMS = [
    *[(VECTOR, {"ord": p}) for p in (None, 2, 1, 3, 2.5, np.inf, -np.inf, 0, -1)],
    *[(TALL, {"ord": p}) for p in (None, "fro", 1, -1, np.inf, -np.inf, 2)],
    *[(TALL.T, {"ord": p, "keepdims": True}) for p in (None, "fro", 2)],
    *[(CUBE, {"ord": p, "axis": 1}) for p in (None, 1, 3, np.inf)],
    *[(CUBE, {"ord": p, "axis": (0, 2)}) for p in (None, "fro", 1, -np.inf, 2)],
    *[(CUBE, {"ord": p, "axis": (2, 0), "keepdims": True}) for p in (None, 1, np.inf)],
    (CUBE, {}),
    (CUBE, {"keepdims": True}),
    (CUBE, {"axis": -1, "keepdims": True}),
    (VECTOR + 1j * VECTOR[::-1], {}),
    (VECTOR + 1j * VECTOR[::-1], {"ord": 3}),
]


@pytest.mark.parametrize(
    "x, options", NORMS, ids=lambda v: str(v) if isinstance(v, dict) else str(v.shape)
)
def test_norm(x, options):
    agrees(lambda x: np.linalg.norm(x, **options), [x])


def test_the_new_norms():
    agrees(lambda x: np.linalg.vector_norm(x, axis=(0, 2)), [CUBE])
    agrees(lambda x: np.linalg.vector_norm(x, ord=1, keepdims=True), [CUBE])
    agrees(lambda x: np.linalg.matrix_norm(x), [CUBE])


@pytest.mark.parametrize("options", [{}, {"ord": 3}, {"axis": 0}, {"ord": 2, "axis": 1}], ids=str)
def test_norms_at_zero_have_gradient_zero(options):
    x = np.zeros((2, 2) if "axis" in options else 3)
    slope = grad(lambda x: np.sum(np.linalg.norm(x, **options)))(x)
    np.testing.assert_array_equal(slope, np.zeros_like(x))


@pytest.mark.parametrize("ord", ["nuc", -2])
def test_norms_of_all_singular_values_are_refused(ord):
    with pytest.raises(NotTraceableError, match="singular values"):
        grad(lambda x: np.linalg.norm(x, ord))(TALL)


def cofactors(a):
    n = len(a)
    minors = [
        [np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(n)] for i in range(n)
    ]
    return np.array(minors) * (-1) ** np.add.outer(range(n), range(n))


@pytest.mark.parametrize("rank", [0, 1, 2, 3, 4])
def test_det_of_a_singular_matrix(rank):
    """The gradient is the matrix of cofactors, whatever the rank; second derivatives too."""
    a = RNG.normal(size=(4, rank)) @ RNG.normal(size=(rank, 4))
    np.testing.assert_allclose(grad(np.linalg.det)(a), cofactors(a), atol=1e-13)
    agrees(lambda a: np.linalg.det(a), [a], order=2)


def test_det_of_larger_matrices():
    a = RNG.normal(size=(8, 8))
    agrees(lambda a: np.linalg.det(a), [a], order=2)
    singular = a @ np.diag([1.0] * 7 + [0.0])
    np.testing.assert_allclose(grad(np.linalg.det)(singular), cofactors(singular), atol=1e-11)
    for n in (0, 1, 2):
        agrees(lambda a: np.linalg.det(a), [RNG.normal(size=(n, n))])


def test_second_derivative_of_det_at_a_large_singular_matrix_raises():
    """Above the size of the minors there is no formula without an inverse: no number is better."""
    a = np.zeros((8, 8))
    with pytest.raises(np.linalg.LinAlgError):
        grad(lambda x: np.sum(grad(np.linalg.det)(x)))(a)


def test_multiple_eigenvalues():
    """Sums over a multiple eigenvalue, and functions of the matrix, are smooth there."""
    q, _ = np.linalg.qr(RNG.normal(size=(4, 4)))
    a = q @ np.diag([1.0, 1.0, 1.0, 3.0]) @ q.T
    a = (a + a.T) / 2
    slope = grad(lambda a: np.sum(np.linalg.eigvalsh(a)[:3]))(a)
    low = np.eye(4) - np.outer(q[:, 3], q[:, 3])
    wanted = np.tril(2 * low) - np.diag(np.diag(low))  # only the lower triangle is read
    np.testing.assert_allclose(slope, wanted, atol=1e-13)

    def projector(a):
        _, v = np.linalg.eigh(a)
        return ops.reduce_sum((v[:, 3:] @ ops.transpose(v[:, 3:], perm=(1, 0)))[0], axes=(0,))

    jaxpr = laws.build(projector, [a])
    laws.jvp_is_derivative(jaxpr, [a], np.random.default_rng(0), 1, rtol=1e-12)
    assert np.all(np.isfinite(grad(lambda a: np.sum(np.linalg.eigh(a)[1] ** 2))(np.eye(3))))


def test_failures_come_when_the_line_runs():
    """A try around a factorization works under grad as it does without."""

    def f(x):
        try:
            return np.sum(np.linalg.cholesky(x))
        except np.linalg.LinAlgError:
            return np.sum(x)

    np.testing.assert_array_equal(grad(f)(-np.eye(2)), np.ones((2, 2)))
    for function in (np.linalg.inv, lambda x: np.linalg.solve(x, np.ones(2))):
        with pytest.raises(np.linalg.LinAlgError):
            grad(lambda x, function=function: np.sum(function(x)))(np.zeros((2, 2)))


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "slogdet"])
def test_what_is_not_square_is_named(name):
    with pytest.raises(ShapeError, match=rf"{name}: .* not shape \(4, 3\)"):
        grad(lambda x: np.sum(getattr(np.linalg, name)(x)))(TALL)


def test_only_one_triangle_is_read():
    """NumPy's cholesky does not look at the upper triangle, so the gradient there is zero."""
    slope = grad(lambda a: np.sum(np.linalg.cholesky(a)))(SPD)
    np.testing.assert_array_equal(np.triu(slope, 1), 0.0)
