"""Activations: values and derivatives are JAX's, kinks included; batching, dtypes, jit."""

import inspect

import numpy as np
import pytest

from funcgrad import grad, jit, jvp, nn, testing, vmap
from funcgrad.errors import ShapeError
from funcgrad.nn import activations

ELEMENTWISE = [
    "celu", "elu", "gelu", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "identity",
    "leaky_relu", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_sign",
    "softplus", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh",
]  # fmt: skip

POINTS = np.array([-100.0, -7.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 6.0, 7.0, 100.0])
SMOOTH = np.array([-4.2, -0.6, 0.4, 1.7, 5.1])


def test_every_activation_is_here():
    found = {n for n, f in vars(activations).items() if inspect.isfunction(f) and n[0] != "_"}
    assert found - {"array_of"} == {*ELEMENTWISE, "glu", "log1mexp"}


@pytest.mark.oracle
@pytest.mark.parametrize("name", [*ELEMENTWISE, "log1mexp"])
def test_as_jax_does(name):
    jax = pytest.importorskip("jax")
    f, expected = getattr(nn, name), getattr(jax.nn, name)
    points = np.array([1e-9, 0.1, 0.6, 0.8, 3.0, 100.0]) if name == "log1mexp" else POINTS
    with jax.enable_x64(True):
        np.testing.assert_allclose(f(points), expected(points), rtol=1e-12, atol=1e-14)
        slopes = jax.vmap(jax.grad(expected))(points)
        np.testing.assert_allclose(vmap(grad(f))(points), slopes, rtol=1e-9, atol=1e-14)
    assert inspect.signature(f).parameters.keys() == inspect.signature(expected).parameters.keys()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivatives_dtypes_and_batches(name):
    f = getattr(nn, name)
    testing.check_grads(f, (SMOOTH,), order=2)
    assert f(SMOOTH.astype(np.float32)).dtype == np.float32
    assert np.isnan(f(np.array([np.nan]))).all()
    np.testing.assert_allclose(jit(f)(SMOOTH), f(SMOOTH), rtol=1e-14)
    np.testing.assert_array_equal(vmap(f)(SMOOTH), f(SMOOTH))
    assert np.isfinite(vmap(grad(f))(POINTS)).all()
    assert np.isfinite(vmap(grad(grad(f)))(POINTS)).all()
    np.testing.assert_array_equal(f(list(SMOOTH)), f(SMOOTH)) if name != "identity" else None


@pytest.mark.parametrize("name", ["celu", "elu", "leaky_relu", "squareplus"])
def test_parameters_have_derivatives(name):
    testing.check_grads(getattr(nn, name), (SMOOTH, np.float64(0.7)), order=2)


def test_kinks():
    assert grad(nn.relu)(0.0) == 0.0
    assert grad(nn.relu)(-0.0) == 0.0
    assert jvp(nn.relu, (0.0,), (1.0,)) == (0.0, 0.0)
    assert nn.relu(np.array([-1, 2])).dtype == np.int64
    assert grad(nn.squareplus)(-1e9) > 0


def test_squareplus_keeps_its_digits():
    assert nn.squareplus(-1e9) == pytest.approx(1e-9, rel=1e-14)
    assert nn.squareplus(-2.0, 0.0) == 0.0


def test_log1mexp():
    x = np.array([1e-300, 1e-9, 0.5, 0.7, 5.0, 800.0])
    testing.check_grads(nn.log1mexp, (x[2:5],), order=2)
    np.testing.assert_allclose(vmap(grad(nn.log1mexp))(x[:5]), 1 / np.expm1(x[:5]), rtol=1e-13)
    assert nn.log1mexp(0.0) == -np.inf
    assert np.isnan(nn.log1mexp(-1.0))


def test_glu():
    x = np.arange(12.0).reshape(2, 6)
    np.testing.assert_allclose(nn.glu(x), x[:, :3] * nn.sigmoid(x[:, 3:]))
    np.testing.assert_allclose(nn.glu(x, 0), x[:1] * nn.sigmoid(x[1:]))
    testing.check_grads(nn.glu, (x / 12,), order=2)
    with pytest.raises(ShapeError, match="halves"):
        nn.glu(np.ones(3))
