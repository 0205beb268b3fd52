"""Gradients and Hessians of SciPy's functions beside those of JAX."""

import numpy as np
import pytest

from funcgrad import grad, hessian
from funcgrad.scipy import integrate, ndimage, signal, stats

pytestmark = pytest.mark.oracle

LAWS = {
    "norm": (0.3, 1.4), "laplace": (0.3, 1.4), "logistic": (0.3, 1.4), "cauchy": (0.3, 1.4),
    "expon": (0.1, 1.4), "uniform": (0.0, 4.0), "gennorm": (1.7,), "pareto": (1.3, -1.0, 0.5),
    "gamma": (2.3, 0.1, 1.4),
}  # fmt: skip


@pytest.fixture
def jax():
    found = pytest.importorskip("jax")
    found.config.update("jax_enable_x64", True)
    return found


def same(jax, ours, theirs, x):
    np.testing.assert_allclose(grad(ours)(x), jax.grad(theirs)(x), rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(hessian(ours)(x), jax.hessian(theirs)(x), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", LAWS)
def test_distributions(jax, name):
    x = np.array([0.7, 1.9, 3.1])
    theirs = getattr(jax.scipy.stats, name)
    p = np.array(LAWS[name])
    n = len(p)
    same(jax, lambda p: np.sum(getattr(stats, name).logpdf(x, *[p[i] for i in range(n)])),
         lambda p: theirs.logpdf(x, *p).sum(), p)  # fmt: skip


def test_odeint(jax):
    from jax.experimental.ode import odeint

    ts, y0 = np.array([0.0, 0.7, 2.0]), np.array([1.0, 0.5])

    def ours(p):
        slope = lambda y, t, p: np.stack([y[1], -p[0] * y[0] - p[1] * y[1] * abs(y[1])])
        return np.sum(integrate.odeint(slope, y0, ts, p, rtol=1e-10, atol=1e-10) ** 2)

    def theirs(p):
        jnp = jax.numpy
        slope = lambda y, t, p: jnp.stack([y[1], -p[0] * y[0] - p[1] * y[1] * abs(y[1])])
        return (odeint(slope, jnp.array(y0), ts, p, rtol=1e-10, atol=1e-10) ** 2).sum()

    p = np.array([1.5, 0.2])
    np.testing.assert_allclose(grad(ours)(p), jax.grad(theirs)(p), rtol=1e-6)


@pytest.mark.parametrize("order", [0, 1])
def test_images(jax, order):
    image = np.random.default_rng(2).normal(size=(4, 5))
    at = np.array([[0.3, 2.4, 1.7], [3.2, 0.6, 1.1]])
    theirs = jax.scipy.ndimage.map_coordinates
    same(jax, lambda x: np.sum(ndimage.map_coordinates(x, at, order=order) ** 3),
         lambda x: (theirs(x, list(at), order=order) ** 3).sum(), image)  # fmt: skip
    same(jax, lambda at: np.sum(ndimage.map_coordinates(image, at, order=order) ** 3),
         lambda at: (theirs(image, list(at), order=order) ** 3).sum(), at)  # fmt: skip


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_convolutions(jax, mode):
    x, y = np.random.default_rng(2).normal(size=(2, 6))
    theirs = jax.scipy.signal.convolve
    same(jax, lambda x: np.sum(signal.convolve(x, y[:3], mode) ** 3),
         lambda x: (theirs(x, y[:3], mode) ** 3).sum(), x)  # fmt: skip
