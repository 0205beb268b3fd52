"""Perturbation confusion: nested derivatives that share variables, in every pair of modes.

Each program goes wrong when an inner derivative mistakes the outer variable for its own.
"""

import numpy as np
import pytest

from funcgrad import grad, jacfwd, jit, jvp, value_and_grad, vjp, vmap

MODES = {
    "grad": grad,
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "jacfwd": jacfwd,
    "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
    "jit-grad": lambda f: jit(grad(f)),
    "grad-jit": lambda f: grad(jit(f)),
    "vmap-grad": lambda f: lambda x: vmap(grad(f))(np.stack([x, x]))[1],
}
every_pair = [
    pytest.mark.parametrize("outer", MODES.values(), ids=list(MODES)),
    pytest.mark.parametrize("inner", MODES.values(), ids=list(MODES)),
]


def in_every_pair(test):
    for mark in every_pair:
        test = mark(test)
    return test


@in_every_pair
def test_product(outer, inner):
    """d/dx x * (d/dy x y**2 at 2) = d/dx 4 x**2 = 8 x."""
    slope = outer(lambda x: x * inner(lambda y: x * y**2)(2.0))(3.0)
    np.testing.assert_allclose(slope, 24.0)


@in_every_pair
def test_sum(outer, inner):
    """d/dx x * (d/dy (x + y)) = d/dx x = 1."""
    np.testing.assert_allclose(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0), 1.0)


@in_every_pair
def test_inner_point_depends_on_the_outer_variable(outer, inner):
    """d/dx (d/dy x y**2 at y = x) = d/dx 2 x**2 = 4 x."""
    np.testing.assert_allclose(outer(lambda x: inner(lambda y: x * y**2)(x))(3.0), 12.0)


@in_every_pair
def test_inner_function_ignores_its_argument(outer, inner):
    """d/dx (x + d/dy x) = 1: the inner derivative is zero, whatever x is."""
    np.testing.assert_allclose(outer(lambda x: x + inner(lambda y: x + 0 * y)(x))(2.0), 1.0)


@in_every_pair
def test_closure_over_a_computed_value(outer, inner):
    """With z = sin x: d/dx (d/dy z**2 y**3 at 1) = d/dx 3 sin(x)**2."""

    def function(x):
        z = np.sin(x)
        return inner(lambda y: z**2 * y**3)(1.0)

    np.testing.assert_allclose(outer(function)(0.4), 6 * np.sin(0.4) * np.cos(0.4))


@in_every_pair
def test_offset_operator(outer, inner):
    """A derivative taken of a function made by a derivative's variable: (f(y + x))'' = f''."""

    def shifted(x):
        return lambda y: np.exp(2 * (y + x))

    np.testing.assert_allclose(outer(lambda x: inner(shifted(x))(0.5))(0.25), 4 * np.exp(1.5))


@in_every_pair
def test_three_levels(outer, inner):
    """d/dx x d/dy y d/dz (x y z**2) at z = 1, y = 2: d/dx x * 2 * (2 x y) = d/dx 8 x**2."""

    def function(x):
        return x * inner(lambda y: y * outer(lambda z: x * y * z**2)(1.0))(2.0)

    np.testing.assert_allclose(outer(function)(3.0), 48.0)


def test_batched_outer_variable():
    xs = np.array([1.0, 2.0, 3.0])
    slopes = vmap(grad(lambda x: x * grad(lambda y: x * y**2)(2.0)))(xs)
    np.testing.assert_allclose(slopes, 8 * xs)


def test_batch_of_inner_points():
    ys = np.array([1.0, 2.0, 3.0])
    slope = grad(lambda x: np.sum(x * vmap(grad(lambda y: x * y**2))(ys)))(3.0)
    np.testing.assert_allclose(slope, 4 * 3.0 * ys.sum())
