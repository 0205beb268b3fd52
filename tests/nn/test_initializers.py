"""Initial values: JAX's numbers by key, and what the names promise."""

import numpy as np
import pytest

from funcgrad import jit, random
from funcgrad.errors import ShapeError
from funcgrad.nn import initializers

FANS = [n for n in initializers.__all__ if n.split("_")[0] in
        ("glorot", "xavier", "lecun", "he", "kaiming")]  # fmt: skip
FACTORIES = {
    "constant": (2.5,), "uniform": (0.3,), "normal": (0.3,), "truncated_normal": (0.3,),
    "orthogonal": (1.5,), **dict.fromkeys(FANS, ()),
}  # fmt: skip


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FACTORIES)
def test_as_jax_does(name, dtype):
    jax = pytest.importorskip("jax")
    args = FACTORIES[name]
    with jax.enable_x64(True):
        for shape in ((4, 3), (3, 5), (2, 3, 4)):
            expected = getattr(jax.nn.initializers, name)(*args)(jax.random.key(3), shape, dtype)
            found = getattr(initializers, name)(*args)(random.key(3), shape, dtype)
            assert found.dtype == dtype and found.shape == shape
            tolerance = 1e-5 if dtype is np.float32 else 1e-12
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.oracle
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg", "fan_geo_avg"])
@pytest.mark.parametrize("law", ["normal", "uniform", "truncated_normal"])
def test_variance_scaling_as_jax_does(mode, law):
    jax = pytest.importorskip("jax")
    axes = dict(in_axis=(0, 1), out_axis=-1, batch_axis=2)
    with jax.enable_x64(True):
        make = jax.nn.initializers.variance_scaling(1.7, mode, law, **axes)
        expected = make(jax.random.key(0), (2, 3, 4, 5), np.float64)
    found = initializers.variance_scaling(1.7, mode, law, **axes)(random.key(0), (2, 3, 4, 5))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", FANS)
def test_variance_is_what_the_name_says(name):
    draws = getattr(initializers, name)()(random.key(0), (400, 600))
    scale = 2.0 if name.split("_")[0] in ("he", "kaiming") else 1.0
    fan = 500.0 if name.split("_")[0] in ("glorot", "xavier") else 400.0
    assert np.var(draws) == pytest.approx(scale / fan, rel=0.02)


def test_orthogonal():
    for shape, axis in (((5, 3), -1), ((3, 5), -1), ((2, 3, 4), 1)):
        q = initializers.orthogonal(2.0, axis)(random.key(1), shape)
        m = np.moveaxis(q, axis, -1).reshape(-1, shape[axis]) / 2
        gram = m.T @ m if m.shape[0] >= m.shape[1] else m @ m.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)
    kernel = initializers.delta_orthogonal()(random.key(1), (3, 3, 2, 4))
    np.testing.assert_allclose(kernel[1, 1] @ kernel[1, 1].T, np.eye(2), atol=1e-12)
    assert np.count_nonzero(kernel) == 8


def test_zeros_ones_and_errors():
    key = random.key(0)
    assert initializers.zeros(key, (2,), np.float32).dtype == np.float32
    np.testing.assert_array_equal(initializers.ones(key, (2, 2)), np.ones((2, 2)))
    init = initializers.glorot_normal()
    np.testing.assert_array_equal(jit(lambda k: init(k, (2, 3)))(key), init(key, (2, 3)))
    with pytest.raises(ShapeError, match="two axes"):
        initializers.he_normal()(key, (3,))
    with pytest.raises(ShapeError, match="two axes"):
        initializers.orthogonal()(key, (3,))
    with pytest.raises(ShapeError, match="delta"):
        initializers.delta_orthogonal()(key, (3, 4, 2))
    with pytest.raises(ValueError, match="mode"):
        initializers.variance_scaling(1.0, "fan", "normal")
    with pytest.raises(ValueError, match="distribution"):
        initializers.variance_scaling(1.0, "fan_in", "cauchy")
