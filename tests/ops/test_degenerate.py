"""Multiple eigenvalues and singular values: right numbers, or none at all."""

import numpy as np
import pytest

from funcgrad import config, grad, jacfwd, jit, jvp
from funcgrad.errors import DegenerateError
from tests.ops.laws import five_point

RNG = np.random.default_rng(3)
Q = np.linalg.qr(RNG.normal(size=(4, 4)))[0]
C = RNG.normal(size=(4, 4))


def symmetric(values):
    a = Q @ np.diag(values) @ Q.T
    return (a + a.T) / 2


TRIPLE = symmetric([1.0, 1.0, 1.0, 3.0])
PAIR = symmetric([-1.0, 2.0, 2.0, 5.0])
MATRICES = {"triple": TRIPLE, "pair": PAIR, "unit": np.eye(4), "zero": np.zeros((4, 4))}


def full(f):
    """As a function of all entries of a symmetric matrix."""
    return lambda a: f((a + a.T) / 2)


SYMMETRIC = {
    "trace": lambda w: np.sum(w),
    "squares": lambda w: np.sum(w**2),
    "exp": lambda w: np.sum(np.exp(w)),
    "product": lambda w: np.prod(w + 3.0),
    "logsumexp": lambda w: np.log(np.sum(np.exp(w))),
}


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_functions_of_eigenvalues(name, matrix):
    a, f = MATRICES[matrix], full(lambda a: SYMMETRIC[name](np.linalg.eigvalsh(a)))
    direction = RNG.normal(size=(4, 4))
    wanted = five_point(f, [a], [direction])
    np.testing.assert_allclose(np.sum(grad(f)(a) * direction), wanted, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(jvp(f, (a,), (direction,))[1], wanted, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("shape", [(4, 4), (5, 4), (4, 6)])
def test_symmetric_functions_of_singular_values(shape):
    u, v = (np.linalg.qr(RNG.normal(size=(n, n)))[0] for n in shape)
    a = u[:, :4] @ np.diag([2.0, 2.0, 1.0, 1.0]) @ v[:, :4].T
    direction = RNG.normal(size=shape)
    for f in (lambda a: np.sum(np.linalg.svdvals(a) ** 2), lambda a: np.linalg.norm(a, "nuc"),
              lambda a: np.sum(np.log(np.linalg.svdvals(a)))):  # fmt: skip
        wanted = five_point(f, [a], [direction])
        np.testing.assert_allclose(np.sum(grad(f)(a) * direction), wanted, rtol=1e-9)
        np.testing.assert_allclose(jvp(f, (a,), (direction,))[1], wanted, rtol=1e-9)


def test_frobenius_norm_by_singular_values_at_zero_singular_values():
    a = np.outer([1.0, 2.0, 0.5], [1.0, -1.0])
    slope = grad(lambda a: np.sqrt(np.sum(np.linalg.svdvals(a) ** 2)))(a)
    np.testing.assert_allclose(slope, a / np.linalg.norm(a), atol=1e-14)


def test_single_eigenvalues_share_evenly():
    """The convention of ties: the slope of any of them is the mean, whatever basis LAPACK takes."""
    slope = grad(lambda a: np.linalg.eigvalsh(a)[0])(np.eye(3))
    np.testing.assert_allclose(slope, np.eye(3) / 3, atol=1e-15)


def of_matrix(g):
    """A smooth function of a symmetric matrix, through its eigenvectors."""

    def f(a):
        w, v = np.linalg.eigh(a)
        return np.sum(C * ((v * g(w)) @ v.T))

    return f


def turned_column(a):
    return np.linalg.eigh(a).eigenvectors[0, 0]


def one_projector(a):
    v = np.linalg.eigh(a).eigenvectors[:, 0]
    return v @ C @ v


def first_of_equals(a):
    """Smooth but for the eigenvalue that is picked among equals."""
    w, v = np.linalg.eigh(a)
    return w[0] + np.sum(C * ((v * np.exp(w)) @ v.T))


@pytest.mark.parametrize("f", [turned_column, one_projector, first_of_equals])
@pytest.mark.parametrize("a", [np.eye(4), TRIPLE], ids=["unit", "triple"])
def test_no_number_for_what_depends_on_the_basis(f, a, monkeypatch):
    f = full(f)
    backward = lambda: grad(f)(a)
    second = lambda: grad(lambda x: np.sum(grad(f)(x)))(a)
    forward = lambda: jvp(f, (a,), (C,))[1]
    jitted = jit(grad(f))
    for derivative in (backward, second, forward, lambda: jitted(a), lambda: jitted(a)):
        with pytest.raises(DegenerateError, match="eigh: two values coincide"):
            derivative()
    monkeypatch.setattr(config, "degenerate", "nan")
    for derivative in (backward, second, forward, lambda: jitted(a)):
        assert np.all(np.isnan(derivative()))


def top(a):
    """The projector on the vector of a simple eigenvalue, and its eigenvalue."""
    w, v = np.linalg.eigh(a)
    return np.sum(C * (v[:, 3:] @ v[:, 3:].T)) * w[3]


def by_column(a):
    v = np.linalg.eigh(a).eigenvectors.T[-1]
    return v @ C @ v


@pytest.mark.parametrize("f", [top, by_column])
def test_columns_that_are_left_out_do_no_harm(f):
    """Principal components: the rest of the space may be degenerate, as with few samples."""
    f, direction = full(f), RNG.normal(size=(4, 4))
    for a in (TRIPLE, symmetric([0.0, 0.0, 0.0, 2.0])):
        wanted = five_point(f, [a], [direction], h=1e-4)
        np.testing.assert_allclose(np.sum(grad(f)(a) * direction), wanted, rtol=1e-7)
        np.testing.assert_allclose(jvp(f, (a,), (direction,))[1], wanted, rtol=1e-7)
        np.testing.assert_allclose(jacfwd(f)(a), grad(f)(a), atol=1e-12)


def test_leading_singular_vectors_of_a_matrix_of_low_rank():
    a = RNG.normal(size=(5, 2)) @ RNG.normal(size=(2, 4))
    weights = RNG.normal(size=(5, 4))

    def f(a):
        u, s, vh = np.linalg.svd(a)
        return np.sum(weights * (u[:, :2] @ vh[:2]))

    direction = RNG.normal(size=a.shape)
    wanted = five_point(f, [a], [direction], h=1e-5)
    np.testing.assert_allclose(np.sum(grad(f)(a) * direction), wanted, rtol=1e-6)
    with pytest.raises(DegenerateError, match="svd"):
        grad(lambda a: np.sum(np.linalg.svd(a)[0]))(a)


def test_defective_matrices():
    """No eigenvalue of a Jordan block has a derivative; not even rounding is let through."""
    block = np.array([[1.0, 1.0], [0.0, 1.0]])
    for a in (block, Q[:2, :2] @ block @ np.linalg.inv(Q[:2, :2])):
        with pytest.raises(np.linalg.LinAlgError):
            grad(lambda a: np.sum(np.real(np.linalg.eigvals(a)) ** 3))(a)
    slope = grad(lambda a: np.sum(np.real(np.linalg.eigvals(a)) ** 3))(np.eye(2))
    np.testing.assert_allclose(slope, 3 * np.eye(2), atol=1e-14)
