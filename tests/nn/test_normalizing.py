"""softmax and its like: JAX's values, what is left out stays out, also of the derivative."""

import numpy as np
import pytest

from funcgrad import grad, jit, nn, testing, vmap
from funcgrad.errors import ShapeError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5))
WHERE = RNG.random((3, 5)) < 0.6
WHERE[:, 0] = True

CASES = [
    (name, dict(axis=axis, where=where))
    for name in ("logsumexp", "logmeanexp", "softmax", "log_softmax", "standardize")
    for axis in (-1, 0, (0, 1))
    for where in (None, WHERE)
]


@pytest.mark.oracle
@pytest.mark.parametrize("name, kwargs", CASES)
def test_as_jax_does(name, kwargs):
    jax = pytest.importorskip("jax")
    f, expected = getattr(nn, name), getattr(jax.nn, name)

    def total(g, xp):
        def of(x):
            y = g(x, **kwargs)
            return xp.sum(xp.where(xp.isfinite(y), xp.sin(y), 0.0))

        return of

    with jax.enable_x64(True):
        np.testing.assert_allclose(f(X, **kwargs), expected(X, **kwargs), rtol=1e-12)
        slope = np.asarray(jax.grad(total(expected, jax.numpy))(X))
        known = np.isfinite(slope)  # JAX's own may be NaN where all is left out
        found = grad(total(f, np))(X)
        np.testing.assert_allclose(found[known], slope[known], rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("name, kwargs", CASES)
def test_derivatives_batches_and_jit(name, kwargs):
    f = getattr(nn, name)

    def part(x):
        y = f(x, **kwargs)
        return np.where(np.isfinite(y), y, 0.0)

    testing.check_grads(part, (X,), order=2)
    np.testing.assert_allclose(jit(part)(X), part(X), rtol=1e-14)
    batch = np.stack([X, 2 * X])
    np.testing.assert_allclose(vmap(part)(batch), [part(X), part(2 * X)], rtol=1e-13)
    assert f(X.astype(np.float32), **kwargs).dtype == np.float32


def test_logsumexp_with_weights():
    b = np.array([1.0, -2.0, 0.5, 0.0, 3.0])
    value, sign = nn.logsumexp(X, axis=1, b=b, return_sign=True)
    np.testing.assert_allclose(sign * np.exp(value), np.sum(b * np.exp(X), axis=1), rtol=1e-13)
    signed = lambda x, b: nn.logsumexp(x, axis=1, b=b, return_sign=True)[0]
    testing.check_grads(signed, (X, b), order=2)
    assert np.isnan(nn.logsumexp(np.zeros(2), b=np.array([-1.0, 0.5])))
    assert nn.logsumexp(np.array([2000.0, 1.0]), b=np.array([0.0, 1.0])) == 1.0
    assert nn.logsumexp(np.full(3, -np.inf)) == -np.inf
    assert nn.logsumexp(np.array([np.inf, 0.0])) == np.inf


def test_what_is_all_left_out():
    none = np.zeros(3, bool)
    np.testing.assert_array_equal(nn.softmax(np.ones(3), where=none), np.zeros(3))
    np.testing.assert_array_equal(nn.log_softmax(np.ones(3), where=none), np.full(3, -np.inf))
    slope = grad(lambda x: np.sum(nn.softmax(x, where=none) ** 2))(np.ones(3))
    np.testing.assert_array_equal(slope, np.zeros(3))


def test_nan_that_is_left_out_does_not_count():
    x = np.array([1.0, np.nan, 2.0])
    where = np.array([True, False, True])
    assert np.isfinite(nn.softmax(x, where=where)).all()
    assert np.isfinite(grad(lambda x: nn.logsumexp(x, where=where))(x)).all()


@pytest.mark.oracle
@pytest.mark.parametrize("algorithm", ["fast", "stable"])
def test_standardize_with_given_moments(algorithm):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        for mean, variance in ((0.3, None), (None, 2.0), (0.3, 2.0)):
            given = dict(mean=mean, variance=variance, algorithm=algorithm)
            expected = jax.nn.standardize(X, **given)
            np.testing.assert_allclose(nn.standardize(X, **given), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="algorithm"):
        nn.standardize(X, algorithm="slow")


def test_one_hot():
    rows = [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(nn.one_hot(np.array([0, 2, -1]), 3), rows)
    np.testing.assert_array_equal(nn.one_hot(np.array([0, 2]), 3, axis=0).T, nn.one_hot([0, 2], 3))
    assert nn.one_hot(1, 3, dtype=bool).tolist() == [False, True, False]
    np.testing.assert_array_equal(vmap(lambda i: nn.one_hot(i, 4))(np.arange(4)), np.eye(4))
    with pytest.raises(ShapeError, match="axis 2"):
        nn.one_hot([0], 3, axis=2)
