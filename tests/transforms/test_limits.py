"""Smooth functions of a matrix through its eigenvectors or singular vectors, where values are
multiple: the same derivatives as by formulas that need no vectors."""

import threading

import numpy as np
import pytest

from funcgrad import (
    config,
    debug,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    scan,
    value_and_grad,
    vjp,
    vmap,
)
from funcgrad.errors import DegenerateError
from funcgrad.ops.splitting import state
from funcgrad.scipy import linalg
from tests.ops.laws import five_point

RNG = np.random.default_rng(11)
C, D = RNG.normal(size=(2, 4, 4))
Q = np.linalg.qr(RNG.normal(size=(4, 4)))[0]


def symmetric(values):
    a = Q @ np.diag(values) @ Q.T
    return (a + a.T) / 2


MATRICES = {
    "triple": symmetric([1.0, 1.0, 1.0, 3.0]), "pair": symmetric([-1.0, 2.0, 2.0, 5.0]),
    "pairs": symmetric([1.0, 1.0, 2.0, 2.0]), "unit": np.eye(4), "zero": np.zeros((4, 4)),
    "simple": symmetric([1.0, 2.0, 3.0, 4.0]),
}  # fmt: skip
matrices = pytest.mark.parametrize("a", MATRICES.values(), ids=MATRICES)


def full(f):
    """As a function of all entries of a symmetric matrix."""
    return lambda a: f((a + a.T) / 2)


def spectral(g):
    """sum(C V g(w) V^T)."""

    def f(a):
        w, v = np.linalg.eigh(a)
        return np.sum(C * ((v * g(w)) @ v.T))

    return full(f)


by_vectors = spectral(np.exp)
by_formula = full(lambda a: np.sum(C * linalg.expm(a)))

FIRST = {
    "grad": lambda f, a: np.sum(grad(f)(a) * D),
    "jvp": lambda f, a: jvp(f, (a,), (D,))[1],
    "vjp": lambda f, a: np.sum(vjp(f, a)[1](2.0)[0] * D) / 2,
    "linearize": lambda f, a: linearize(f, a)[1](D),
    "jacrev": lambda f, a: np.sum(jacrev(f)(a) * D),
    "jacfwd": lambda f, a: np.sum(jacfwd(f)(a) * D),
    "jit": lambda f, a: np.sum(jit(grad(f))(a) * D),
    "jit native": lambda f, a: np.sum(jit(grad(f), backend="llvm")(a) * D),
    "of jit": lambda f, a: np.sum(grad(jit(f))(a) * D),
    "value": lambda f, a: np.sum(value_and_grad(f)(a)[1] * D),
}
SECOND = {
    "hessian": lambda f, a: hessian(f)(a),
    "hvp": lambda f, a: hvp(f)(a, D),
    "reverse over reverse": lambda f, a: grad(lambda x: np.sum(D * grad(f)(x)))(a),
    "reverse over forward": lambda f, a: grad(lambda x: jvp(f, (x,), (D,))[1])(a),
    "forward over forward": lambda f, a: jvp(lambda x: jvp(f, (x,), (D,))[1], (a,), (C,))[1],
    "jit": lambda f, a: jit(hessian(f))(a),
}


@matrices
@pytest.mark.parametrize("way", FIRST)
def test_first_derivatives(way, a):
    found, wanted = FIRST[way](by_vectors, a), FIRST["jvp"](by_formula, a)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


@matrices
@pytest.mark.parametrize("way", SECOND)
def test_second_derivatives(way, a):
    found, wanted = SECOND[way](by_vectors, a), SECOND[way](by_formula, a)
    np.testing.assert_allclose(found, wanted, atol=1e-9 * (1 + np.abs(wanted).max()))


def test_third_derivatives():
    third = lambda f: jvp(lambda x: hvp(f)(x, D), (MATRICES["triple"],), (C,))[1]
    wanted = third(by_formula)
    np.testing.assert_allclose(third(by_vectors), wanted, atol=1e-8 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["triple", "pairs", "unit"])
@pytest.mark.parametrize("g, h", [(np.log, linalg.logm), (np.sqrt, linalg.sqrtm)])
def test_near_singular_points(g, h, name):
    """Values are drawn apart by less than their distance from 0."""
    for scale in (1.0, 1e-6, 1e6):
        a = scale * MATRICES[name]
        found = grad(spectral(g))(a)
        wanted = grad(full(lambda a: np.sum(C * h(a))))(a)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-10 * np.abs(wanted).max())


@pytest.mark.parametrize("g", [lambda w: w, lambda w: w**2, lambda w: 0.0 * w + 1.0])
def test_polynomials(g):
    for a in MATRICES.values():
        slope = grad(spectral(g))(a)
        if g(2.0) == 2.0:
            np.testing.assert_allclose(slope, (C + C.T) / 2, atol=1e-11)
        elif g(2.0) == 4.0:
            wanted = grad(full(lambda a: np.sum(C * (a @ a))))(a)
            np.testing.assert_allclose(slope, wanted, atol=1e-10)
        else:  # V V^T does not move
            np.testing.assert_allclose(slope, 0.0, atol=1e-10)


def test_projectors():
    def f(a):
        v = np.linalg.eigh(a).eigenvectors[:, :3]
        return np.sum(C * (v @ v.T))

    a = MATRICES["triple"]
    wanted = five_point(full(f), [a], [D], h=1e-4)
    for way in FIRST.values():
        np.testing.assert_allclose(way(full(f), a), wanted, rtol=1e-8)


def test_batches():
    batch = np.stack([*MATRICES.values()])
    wanted = np.stack([grad(by_formula)(a) for a in batch])
    for f in (vmap(grad(by_vectors)), jit(vmap(grad(by_vectors))),
              grad(lambda x: np.sum(vmap(by_vectors)(x)))):  # fmt: skip
        np.testing.assert_allclose(f(batch), wanted, atol=1e-9)


def test_python_decides_on_eigenvalues():
    """What was asked for while tracing is computed anew for the limit."""

    def f(a):
        w, v = np.linalg.eigh(a)
        if w[0] > -5.0:
            return np.sum(C * ((v * np.exp(w)) @ v.T))
        return w[0]

    wanted = grad(by_formula)(MATRICES["triple"])
    for derivative in (grad(full(f)), jit(grad(full(f)))):
        np.testing.assert_allclose(derivative(MATRICES["triple"]), wanted, atol=1e-11)


def test_one_decomposition_after_another():
    def chain(a):
        w, v = np.linalg.eigh(a)
        w, v = np.linalg.eigh((v * np.exp(w)) @ v.T)
        return np.sum(C * ((v * np.log(w)) @ v.T))

    for a in MATRICES.values():
        np.testing.assert_allclose(grad(full(chain))(a), (C + C.T) / 2, atol=1e-10)
    np.testing.assert_allclose(hessian(full(chain))(MATRICES["pairs"]), 0.0, atol=1e-8)


def test_loops():
    def f(a):
        def body(a, _):
            w, v = np.linalg.eigh(a)
            return (v * np.exp(0.1 * w)) @ v.T, None

        return np.sum(C * scan(body, a, None, length=3)[0])

    def g(a):
        for _ in range(3):
            a = linalg.expm(0.1 * a)
        return np.sum(C * a)

    for a in (np.eye(4), MATRICES["pairs"]):
        np.testing.assert_allclose(grad(full(f))(a), grad(full(g))(a), atol=1e-10)


def test_hermitian_matrices():
    weights = np.array([[1.0, 2.0j], [3.0, 4.0]])

    def f(a):
        w, v = np.linalg.eigh((a + np.conj(a.T)) / 2)
        return np.real(np.sum(weights * ((v * np.exp(w)) @ np.conj(v.T))))

    g = lambda a: np.real(np.sum(weights * linalg.expm((a + np.conj(a.T)) / 2)))
    a = np.eye(2, dtype=complex)
    np.testing.assert_allclose(grad(f)(a), grad(g)(a), atol=1e-12)


# -- singular vectors ------------------------------------------------------------------------------

SHAPES = [(4, 4), (5, 4), (4, 6)]
VALUES = [(2, 2, 1, 1), (3, 1, 1, 1), (2, 2, 0, 0), (3, 2, 1, 0), (0, 0, 0, 0)]


def of_values(shape, values):
    u, v = (np.linalg.qr(RNG.normal(size=(n, n)))[0] for n in shape)
    return u[:, :4] @ np.diag(np.array(values, float)) @ v[:, :4].T


@pytest.mark.parametrize("values", VALUES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_vectors(shape, values):
    """U s^3 V^T = A A^T A; where a value is 0 its sign may change."""
    a, weights, direction = of_values(shape, values), *RNG.normal(size=(2, *shape))

    def f(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(weights * ((u * s**3) @ vh))

    def same(a):
        u, s, vh = np.linalg.svd(a, full_matrices=False)
        return np.sum(weights * ((u * s) @ vh))

    g = lambda a: np.sum(weights * (a @ a.T @ a))
    np.testing.assert_allclose(grad(same)(a), weights, atol=1e-12)
    pushed = jvp(same, (a,), (direction,))[1]
    np.testing.assert_allclose(pushed, np.sum(weights * direction), atol=1e-11)
    np.testing.assert_allclose(grad(f)(a), grad(g)(a), atol=1e-9)
    np.testing.assert_allclose(hessian(f)(a), hessian(g)(a), atol=1e-8)


@pytest.mark.parametrize(
    "basis", [lambda a: np.linalg.svd(a).U, lambda a: np.linalg.qr(a, mode="complete").Q],
    ids=["svd", "qr"],
)  # fmt: skip
def test_the_space_that_is_left_over(basis):
    weights = RNG.normal(size=(4, 4))

    def f(a):
        rest = basis(a)[:, 2:]
        return np.sum(weights * (rest @ rest.T))

    a, direction = RNG.normal(size=(2, 4, 2))
    wanted = five_point(f, [a], [direction], h=1e-4)
    np.testing.assert_allclose(np.sum(grad(f)(a) * direction), wanted, rtol=1e-8)
    np.testing.assert_allclose(jvp(f, (a,), (direction,))[1], wanted, rtol=1e-8)
    with pytest.raises(DegenerateError, match=r"svd|qr"):
        grad(lambda a: basis(a)[0, 3])(a)


def test_the_convention_for_ties_stands():
    """Of functions of the values alone, and where there is no limit."""
    a = np.diag([1.0, 1.0, 0.0])
    np.testing.assert_array_equal(grad(lambda a: np.linalg.norm(a, "nuc"))(a), a)
    slope = grad(lambda a: np.linalg.eigvalsh(a)[1])(a)
    np.testing.assert_allclose(slope, a / 2, atol=1e-15)

    def both(a):
        w, v = np.linalg.eigh(a)
        return w[1] + v[:, 0] @ np.diag([1.0, 2.0, 3.0]) @ v[:, 0]

    np.testing.assert_allclose(grad(both)(a), a / 2, atol=1e-12)
    np.testing.assert_allclose(jacfwd(both)(a), a / 2, atol=1e-12)


# -- other matrices --------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [(2, 2, 1), (1, 1, 1)], ids=str)
def test_eigenvectors_of_any_matrix(values):
    s, weights, direction = RNG.normal(size=(3, 3, 3))
    a = s @ np.diag(np.array(values, float)) @ np.linalg.inv(s)
    if len(set(values)) == 1:
        a = np.eye(3)  # exactly: rounding would make it defective

    def f(a):
        w, v = np.linalg.eig(a)
        return np.real(np.sum(weights * ((v * np.exp(w)) @ np.linalg.inv(v))))

    g = lambda a: np.sum(weights * linalg.expm(a))
    np.testing.assert_allclose(grad(f)(a), grad(g)(a), rtol=1e-8, atol=1e-8)
    pushed = (jvp(h, (a,), (direction,))[1] for h in (f, g))
    np.testing.assert_allclose(*pushed, rtol=1e-8)


def test_functions_of_matrices_by_name():
    a = symmetric([2.0, 2.0, 1.0, 1.0])
    by_name = grad(lambda a: np.sum(C * linalg.funm(a, np.exp)))
    np.testing.assert_allclose(
        by_name(a), grad(lambda a: np.sum(C * linalg.expm(a)))(a), rtol=1e-7, atol=1e-7
    )


def test_single_precision():
    a = MATRICES["triple"].astype(np.float32)
    found = grad(by_vectors)(a)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, grad(by_formula)(MATRICES["triple"]), rtol=2e-3, atol=2e-4)


def test_several_outputs_keep_their_own():
    """An output that has no limit does not take another's away, nor its own value."""

    def f(a):
        w, v = np.linalg.eigh((a + a.T) / 2)
        return np.sum(C * ((v * np.exp(w)) @ v.T)), v[0, 0]

    a = MATRICES["triple"]
    with pytest.raises(DegenerateError):
        jvp(f, (a,), (D,))
    config.degenerate = "nan"
    try:
        (value, _), (slope, none) = jvp(f, (a,), (D,))
    finally:
        config.degenerate = "error"
    wanted = jvp(by_formula, (a,), (D,))
    np.testing.assert_allclose([value, slope], wanted, rtol=1e-11)
    assert np.isnan(none)


def test_other_nans_stay():
    def f(a, x):
        w, v = np.linalg.eigh((a + a.T) / 2)
        return np.sum(C * ((v * np.exp(w)) @ v.T)) + np.sum(np.log(x))

    a, x = MATRICES["unit"], np.array([1.0, np.nan])
    by_a, by_x = grad(f, (0, 1))(a, x)
    np.testing.assert_allclose(by_a, grad(by_formula)(a), atol=1e-11)
    np.testing.assert_array_equal(by_x, [1.0, np.nan])


def test_effects_happen_once(capfd):
    def f(a):
        w, v = np.linalg.eigh((a + a.T) / 2)
        debug.print("here")
        return np.sum(C * ((v * np.exp(w)) @ v.T))

    with pytest.raises(DegenerateError):
        grad(f)(np.eye(4))
    assert capfd.readouterr().out.count("here") == 1


def test_effects_beside_columns_that_are_left_out(capfd):
    """Nothing is lost there, so that nothing has to be a limit."""

    def f(a):
        v = np.linalg.eigh((a + a.T) / 2).eigenvectors[:, 3]
        debug.print("here")
        return v @ C @ v

    a = MATRICES["triple"]
    wanted = np.sum(grad(f)(a) * D)
    np.testing.assert_allclose(jvp(f, (a,), (D,))[1], wanted, rtol=1e-10)
    assert capfd.readouterr().out.count("here") == 2


def test_threads_have_limits_of_their_own():
    wrong, wanted = [], grad(by_formula)(MATRICES["pairs"])

    def work():
        for _ in range(3):
            found = grad(by_vectors)(MATRICES["pairs"])
            if not np.allclose(found, wanted, atol=1e-10) or state.sample is not None:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
