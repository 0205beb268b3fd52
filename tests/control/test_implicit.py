"""Solutions of equations: right to any order, in both modes, batched, whatever found them."""

import numpy as np
import pytest

from funcgrad import fori_loop, grad, hessian, jit, jvp, vmap, while_loop
from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.lax import custom_linear_solve, custom_root
from funcgrad.testing import check_grads

rng = np.random.default_rng(0)
A, B = rng.normal(size=(3, 3)) + 3 * np.eye(3), np.arange(3.0)


def dense(matvec, b):
    columns = np.stack([matvec(e) for e in np.eye(3)], 1)
    return np.linalg.solve(columns, b)


def solved(a, b):
    return custom_linear_solve(lambda x: a @ x, b, dense, dense)


def square_root(a):
    def newton(f, x):
        return fori_loop(0, 30, lambda i, x: x - f(x) / (2 * x), x)

    return custom_root(lambda x: x * x - a, 1.0, newton, lambda g, y: y / g(1.0))


# -- linear ----------------------------------------------------------------------------------------


def test_linear_solve_is_solve():
    def f(a, b):
        return np.sum(solved(a, b) ** 3)

    def g(a, b):
        return np.sum(np.linalg.solve(a, b) ** 3)

    np.testing.assert_allclose(solved(A, B), np.linalg.solve(A, B))
    for one, other in zip(grad(f, (0, 1))(A, B), grad(g, (0, 1))(A, B), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_allclose(hessian(f)(A, B), hessian(g)(A, B), rtol=1e-10)
    np.testing.assert_allclose(jit(grad(f))(A, B), grad(g)(A, B), rtol=1e-12)
    many = np.stack([A, 2 * A, A.T])
    np.testing.assert_allclose(
        vmap(grad(f), (0, None))(many, B), vmap(grad(g), (0, None))(many, B), rtol=1e-12
    )
    check_grads(solved, (A, B), order=2)


def conjugate_gradients(matvec, b):
    def step(state):
        x, r, p, k = state
        q = matvec(p)
        alpha = r @ r / (p @ q)
        new = r - alpha * q
        return x + alpha * p, new, new + (new @ new) / (r @ r) * p, k + 1

    def going(state):
        return np.logical_and(state[1] @ state[1] > 1e-24, state[3] < 50)

    return while_loop(going, step, (b * 0, b, b, 0))[0]


def test_a_solver_that_loops():
    """Reverse mode never looks into the loop: it solves once more."""
    s = A @ A.T

    def f(s, b):
        return np.sum(custom_linear_solve(lambda x: s @ x, b, conjugate_gradients, symmetric=True))

    expected = np.linalg.solve(s, np.ones(3))
    np.testing.assert_allclose(grad(f, 1)(s, B), expected, rtol=1e-8)
    np.testing.assert_allclose(grad(f)(s, B), -np.outer(expected, np.linalg.solve(s, B)), rtol=1e-8)


def test_trees_and_aux():
    def matvec(x):
        return {"u": 2.0 * x["u"], "v": 3.0 * x["v"]}

    def solve(matvec, b):
        return {"u": b["u"] / 2.0, "v": b["v"] / 3.0}, b["u"] * 0 + 7.0

    b = {"u": 4.0, "v": np.ones(2)}
    x, aux = custom_linear_solve(matvec, b, solve, symmetric=True, has_aux=True)
    assert x["u"] == 2.0 and aux == 7.0
    found = grad(
        lambda u: custom_linear_solve(
            matvec, {"u": u, "v": np.ones(2)}, solve, symmetric=True, has_aux=True
        )[0]["u"]
    )(4.0)
    assert found == 0.5


def test_what_is_missing_is_said():
    with pytest.raises(DifferentiationError, match="transpose_solve"):
        grad(lambda b: np.sum(custom_linear_solve(lambda x: A @ x, b, dense)))(B)
    value, tangent = jvp(lambda b: custom_linear_solve(lambda x: A @ x, b, dense), (B,), (B,))
    np.testing.assert_allclose(tangent, value)
    with pytest.raises(StructureError, match="like the right-hand side"):
        custom_linear_solve(lambda x: (A @ x)[:2], B, dense)
    with pytest.raises(StructureError, match="solver's x"):
        custom_linear_solve(lambda x: A @ x, B, lambda matvec, b: b[:2])


# -- roots -----------------------------------------------------------------------------------------


def test_orders_of_a_root():
    assert square_root(4.0) == 2.0
    assert grad(square_root)(4.0) == 0.25
    assert grad(grad(square_root))(4.0) == -1 / 32
    assert grad(grad(grad(square_root)))(4.0) == pytest.approx(3 / 256)
    assert jvp(square_root, (4.0,), (1.0,))[1] == 0.25
    assert jit(grad(grad(square_root)))(4.0) == -1 / 32
    a = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(vmap(grad(square_root))(a), 0.5 / np.sqrt(a))
    np.testing.assert_allclose(vmap(grad(grad(square_root)))(a), -0.25 * a**-1.5)


def test_a_root_in_many_dimensions():
    def root_of(p):
        def f(x):
            return np.tanh(A @ x) + x - p

        def newton(f, x):
            return fori_loop(0, 800, lambda i, x: x - 0.2 * f(x), x)

        return custom_root(f, np.zeros(3), newton, dense)

    check_grads(root_of, (np.array([0.1, -0.2, 0.3]),), order=2, rtol=1e-4, atol=1e-4)


def test_the_guess_carries_no_derivative_and_aux_comes_out():
    def f(a):
        solve = lambda f, x: (fori_loop(0, 30, lambda i, x: x - f(x) / (2 * x), x), 30)
        x, steps = custom_root(lambda x: x * x - a, a, solve, lambda g, y: y / g(1.0), has_aux=True)
        assert steps == 30
        return x

    assert grad(f)(4.0) == 0.25
    with pytest.raises(StructureError, match="custom_root"):
        custom_root(lambda x: x[:1], np.ones(2), lambda f, x: x, lambda g, y: y)


def test_a_root_of_a_loop():
    """x^4 = a, the power by a loop whose length only running tells; its slope is transposed."""

    def fourth(x):
        return while_loop(lambda c: c[1] < 4, lambda c: (c[0] * x, c[1] + 1), (1.0 * x, 1))[0]

    def root(a):
        newton = lambda f, x: fori_loop(0, 30, lambda i, x: x - f(x) / grad(f)(x), x)
        return custom_root(lambda x: fourth(x) - a, 1.0, newton, lambda g, y: y / g(1.0))

    for ask in (grad, lambda f: lambda a: jvp(f, (a,), (1.0,))[1], lambda f: grad(grad(f))):
        np.testing.assert_allclose(ask(root)(3.0), ask(lambda a: a**0.25)(3.0), rtol=1e-10)
