"""Derivatives of differential equations as equations: closed forms, to any order, in both modes.

The solution is a ruled_call, its tangent a linear_call known by both of its programs.
"""

import numpy as np
import pytest
import scipy.linalg

from funcgrad import (
    checkpoint,
    custom_vjp,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linear_transpose,
    make_jaxpr,
    scan,
    vjp,
    vmap,
    while_loop,
)  # fmt: skip
from funcgrad.errors import DifferentiationError
from funcgrad.lax import custom_root
from funcgrad.scipy.integrate import odeint, solve_ivp

RNG = np.random.default_rng(4)
TIGHT = {"rtol": 1e-10, "atol": 1e-10, "adjoint": True}
P = np.array([1.3, 2.0, 0.4, 0.1, 1.7])  # rate, capacity, y0, first and last time
V = np.array([0.3, -0.2, 0.5, 0.1, -0.4])
MANY = np.stack([P, 1.1 * P, 0.9 * P])


def logistic(p, **options):
    rate, capacity, y0, t0, t1 = p
    ts = np.stack([t0, 0.7 * t0 + 0.3 * t1, t1])
    slope = lambda y, t: rate * y * (1 - y / capacity)
    return odeint(slope, np.stack([y0]), ts, **(TIGHT | options))[-1, 0]


def closed_form(p):
    rate, capacity, y0, t0, t1 = p
    return capacity / (1 + (capacity / y0 - 1) * np.exp(-rate * (t1 - t0)))


def forward(f):
    return lambda p: jvp(f, (p,), (V,))[1]


def reverse(f):
    return lambda p: V @ grad(f)(p)


DERIVATIVES = {
    "jvp": lambda f: forward(f)(P),
    "grad": lambda f: grad(f)(P),
    "jacfwd": lambda f: jacfwd(f)(P),
    "hessian": lambda f: hessian(f)(P),
    "hvp": lambda f: hvp(f)(P, V),
    "jit": lambda f: jit(hessian(f))(P),
    "forward of forward": lambda f: forward(forward(f))(P),
    "forward of reverse": lambda f: jacfwd(grad(f))(P),
    "reverse of forward": lambda f: grad(forward(f))(P),
    "reverse of reverse": lambda f: jacrev(grad(f))(P),
    "third": lambda f: jvp(hessian(f), (P,), (V,))[1],
    "third, forward": lambda f: forward(forward(forward(f)))(P),
    "third, reverse": lambda f: grad(reverse(reverse(f)))(P),
    "third, mixed": lambda f: reverse(forward(reverse(f)))(P),
    "batch": lambda f: vmap(grad(f))(MANY),
    "of a batch": lambda f: grad(lambda q: np.sum(vmap(f)(q) ** 2))(MANY),
    "hvp of a batch": lambda f: hvp(lambda q: np.sum(vmap(f)(q) ** 2))(MANY, MANY[::-1]),
    "batch of hessians": lambda f: vmap(hessian(f))(MANY),
}


def error(found, wanted):
    """Relative to the largest entry."""
    return np.max(abs(np.asarray(found) - np.asarray(wanted))) / np.max(abs(np.asarray(wanted)))


@pytest.mark.parametrize("name", DERIVATIVES)
def test_any_order_and_mode(name):
    ask = DERIVATIVES[name]
    assert error(ask(logistic), ask(closed_form)) < 1e-9


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_derivatives_are_as_accurate_as_the_tolerances(tolerance):
    loose = lambda p: logistic(p, rtol=tolerance, atol=tolerance)
    for name in ("jvp", "grad", "hessian", "third", "batch"):
        ask = DERIVATIVES[name]
        assert error(ask(loose), ask(closed_form)) < 10 * tolerance, name
        assert error(ask(loose), ask(closed_form)) > 1e-5 * tolerance, name  # not the steps' own


def test_a_linear_equation_is_expm():
    """And tangents of any size have all their digits: they are solved for in their own units."""
    a, v, ones = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3)), np.ones(3)
    slope = lambda y, t, a: a @ y
    end = lambda a, y: odeint(slope, y, np.array([0.0, 1.0]), a, **TIGHT)[-1]
    e, de = scipy.linalg.expm_frechet(a, v)
    assert error(jvp(end, (a, ones), (v, ones))[1], de @ ones + e @ ones) < 1e-9
    back = vjp(end, a, ones)[1](ones)
    dual = scipy.linalg.expm_frechet(a.T, np.outer(ones, ones))[1]
    assert error(back[0], dual) < 1e-9 and error(back[1], e.T @ ones) < 1e-9
    for size in (1e-14, 1e14):
        assert error(jvp(end, (a, ones), (0 * a, size * ones))[1], size * e @ ones) < 1e-9
        assert error(vjp(end, a, ones)[1](size * ones)[0], size * dual) < 1e-9
    held = lambda v: jvp(lambda y: end(a, y), (ones,), (v,))[1]
    assert error(linear_transpose(held, ones)(ones)[0], e.T @ ones) < 1e-9


def test_an_oscillator_with_times_that_fall():
    def ours(p):
        slope = lambda t, y: np.stack([y[1], -(p[0] ** 2) * y[0]])
        return solve_ivp(slope, (p[1], p[2]), np.array([1.0, 0.0]), t_eval=np.stack([p[2]]),
                         **TIGHT).y[0, 0]  # fmt: skip

    exact = lambda p: np.cos(p[0] * (p[2] - p[1]))
    p = np.array([1.4, 1.0, -0.6])
    for derivative in (jacfwd, jacrev, hessian):
        assert error(derivative(ours)(p), derivative(exact)(p)) < 1e-8


def lotka(y, t, p):
    return np.stack([p["a"] * y[0] - p["b"] * y[0] * y[1], p["b"] * y[0] * y[1] - y[1]])


@pytest.mark.parametrize("derivative", [grad, hessian])
def test_lotka_and_volterra_against_the_steps(derivative):
    ts = np.array([0.0, 0.4, 1.1, 2.0])

    def loss(p, **options):
        args = {"a": p[2], "b": p[3], "n": 3}  # an integer takes part too
        return np.sum(np.sin(odeint(lotka, p[:2], ts, args, **options)))

    p = np.array([1.0, 0.5, 1.5, 0.8])
    wanted = derivative(lambda p: loss(p, rtol=1e-12, atol=1e-12))(p)
    assert error(derivative(lambda p: loss(p, **TIGHT))(p), wanted) < 3e-9


@pytest.mark.parametrize("method", ["RK23", "Radau"])
def test_other_methods_and_vectors_of_tolerances(method):
    def loss(p, method=method, **options):
        slope = lambda t, y: np.stack([-p[0] * y[0], p[1] * y[0] - y[1] * t])
        ts = np.array([0.5, 0.9])
        ys = solve_ivp(slope, (p[3], p[4]), np.stack([p[2], 1.0]), method, ts, **options).y
        return np.sum(ys[:, -1] ** 2)

    p = np.array([0.7, 1.2, 0.8, 0.1, 1.0])
    wanted = lambda derivative: derivative(lambda p: loss(p, "RK45", rtol=1e-12, atol=1e-12))(p)
    ours = lambda p: loss(p, rtol=1e-7, atol=np.array([1e-7, 1e-8]), adjoint=True)
    for derivative in (jacfwd, jacrev):
        assert error(derivative(ours)(p), wanted(derivative)) < 1e-6


def test_inside_a_loop():
    def ours(x, adjoint=True):
        def body(y, rate):
            slope = lambda y, t: np.sin(y) * rate * x[0]
            end = odeint(slope, y, np.array([0.0, 0.5]), **(TIGHT | {"adjoint": adjoint}))[-1]
            return end, np.sum(end)

        last, sums = scan(body, x, np.array([0.3, 0.9, 1.4]))
        return np.sum(sums) + last[0]

    x = np.array([0.4, 0.9])
    for derivative in (grad, hessian, lambda f: jacrev(grad(f))):
        assert error(derivative(ours)(x), derivative(lambda x: ours(x, False))(x)) < 1e-8


def test_shooting():
    """A root of the end of a solution: its slope is transposed before anything is known."""

    def residual(v, k, **options):
        slope = lambda y, t: np.stack([y[1], -k * np.sin(y[0])])
        return odeint(slope, np.stack([0.0 * v, v]), np.array([0.0, 1.0]), **options)[-1, 0] - 1.0

    def root(k, options=TIGHT):
        newton = lambda f, v: fori_loop(0, 6, lambda i, v: v - f(v) / grad(f)(v), v)
        return custom_root(
            lambda v: residual(v, k, **options), 1.2, newton, lambda g, y: y / g(1.0)
        )

    steps = lambda k: root(k, {"rtol": 1e-12, "atol": 1e-12})
    for derivative in (grad, jacfwd, lambda f: grad(grad(f))):
        assert error(derivative(root)(0.7), derivative(steps)(0.7)) < 1e-8


def test_single_precision():
    ts = np.float32([0, 1])
    end = lambda y: np.sum(odeint(lambda y, t: -y * y, y, ts, rtol=1e-5, atol=1e-5, adjoint=True))
    slopes = grad(end)(np.float32([1, 2]))
    assert slopes.dtype == np.float32
    np.testing.assert_allclose(slopes, 1 + 1 / (1 + np.array([1, 2])) ** 2, rtol=1e-4)


@pytest.mark.parametrize("k", [-200.0, -2000.0])
def test_what_cannot_be_followed_backwards_is_nan(k):
    def ends(k, adjoint=True):
        slope = lambda t, y: k * (y - np.cos(t))
        return solve_ivp(slope, (0.0, 1.0), np.array([2.0]), "Radau", np.array([0.5, 1.0]),
                         rtol=1e-8, atol=1e-8, adjoint=adjoint).y[0]  # fmt: skip

    np.testing.assert_allclose(jacfwd(ends)(k), jacfwd(lambda k: ends(k, False))(k), atol=1e-8)
    assert np.isnan(jacrev(ends)(k)).all()


def test_a_start_that_is_nan_ends():
    for adjoint in (False, True):
        end = lambda y, on=adjoint: np.sum(odeint(lambda y, t: y, y, np.arange(3.0), adjoint=on))
        assert np.isnan(jit(end)(np.array([np.nan])))
    assert np.isnan(grad(end)(np.array([np.nan]))).all()


def test_complex_parameters_are_refused():
    end = lambda c: odeint(lambda y, t: np.real(c * y), np.ones(1), np.arange(2.0), **TIGHT)[-1, 0]
    with pytest.raises(DifferentiationError, match="real and imaginary parts apart"):
        grad(end)(1.0 + 1j)


def test_memory_of_reverse_mode():
    """It does not grow with the number of steps: no array of the program has an unknown length."""
    end = lambda y, adjoint: np.sum(
        odeint(lambda y, t: np.sin(20 * t) * y, y, np.array([0.0, 3.0]), adjoint=adjoint)
    )
    for adjoint, histories in ((True, False), (False, True)):
        made = str(make_jaxpr(grad(lambda y, on=adjoint: end(y, on)))(np.ones(2)))
        assert ("[?" in made) == histories


@pytest.mark.parametrize("method", ["BDF", "Radau", "DOP853"])
def test_many_equations(method):
    """What solvers bring along, such as indices of a Jacobian, is written into programs."""

    def end(y, adjoint):
        slope = lambda t, y: -0.1 * y * y * np.arange(1, 31.0)
        options = {"rtol": 1e-7, "atol": 1e-7, "adjoint": adjoint}
        return solve_ivp(slope, (0.0, 1.0), y, method, [1.0], **options).y[:, 0]

    exact = 1 / (1 + 0.1 * np.arange(1, 31.0)) ** 2  # dy/dy0 of y = y0 / (1 + c y0 t)
    ones = np.ones(30)
    for adjoint in (True, False):
        found = jvp(lambda y, on=adjoint: end(y, on), (ones,), (ones,))[1]
        np.testing.assert_allclose(found, exact, rtol=5e-4)


def test_slopes_that_hold_programs_themselves():
    """A loop, a custom rule, another equation; and the whole thing checkpointed."""

    def by_loop(y, t, k):
        term = lambda c: (1 + c[0] * y / (4 - c[1]), c[1] + 1)
        return -k * while_loop(lambda c: c[1] < 4, term, (np.ones_like(y), 0))[0]

    @custom_vjp
    def cube(y):
        return y**3

    cube.defvjp(lambda y: (y**3, y), lambda y, ct: (3 * y**2 * ct,))

    def by_equation(y, t, k):
        return -odeint(lambda z, s: -k * z, y, np.array([0.0, 1.0]), **TIGHT)[-1]

    plain = {
        by_loop: lambda y, t, k: -k * (1 + y + y * y / 2 + y**3 / 6 + y**4 / 24),
        lambda y, t, k: -k * cube(y): lambda y, t, k: -k * y**3,
        by_equation: lambda y, t, k: -np.exp(-k) * y,
    }
    for ours, theirs in plain.items():
        end = lambda k, slope, **o: np.sum(
            odeint(slope, np.array([0.5, 1.2]), np.array([0.0, 0.5]), k, **o)[-1] ** 2
        )
        exact = lambda k, f=theirs, end=end: end(k, f, rtol=1e-12, atol=1e-12)
        found = lambda k, f=ours, end=end: end(k, f, **TIGHT)
        for ask in (hessian, lambda f: grad(checkpoint(f))):
            assert error(ask(found)(0.7), ask(exact)(0.7)) < 1e-7


def test_spans_without_length():
    for adjoint in (False, True):
        at = lambda y, on=adjoint: odeint(lambda y, t: -y, y, np.array([0.3]), adjoint=on)
        np.testing.assert_array_equal(jacrev(at)(np.ones(2))[0], np.eye(2))
        none = lambda y, on=adjoint: (
            solve_ivp(lambda t, y: -y, (0.0, 1.0), y, t_eval=np.zeros(0), adjoint=on).y
        )
        assert jit(none)(np.ones(2)).shape == (2, 0)
