"""Slices at traced places: values, both modes, batches, and what leaves the array."""

import numpy as np
import pytest

from funcgrad import dynamic_slice, dynamic_update_slice, grad, hessian, jit, vmap
from funcgrad.errors import ShapeError

X = np.arange(12.0).reshape(3, 4) + 1


@pytest.mark.parametrize("starts", [(0, 0), (1, 2), (-2, -3), (2, 0)])
def test_slices(starts):
    sizes = (1, 2)
    expected = X[starts[0] :, starts[1] :][:1, :2]
    np.testing.assert_array_equal(dynamic_slice(X, starts, sizes), expected)
    traced = jit(lambda x, i, j: dynamic_slice(x, (i, j), sizes))
    np.testing.assert_array_equal(traced(X, np.int64(starts[0]), np.int64(starts[1])), expected)
    np.testing.assert_array_equal(traced(X, np.int64(0), np.int64(1)), X[:1, 1:3])
    assert traced.cache_info().traces == 1


def test_derivatives_and_batches():
    f = lambda x, i: np.sum(dynamic_slice(x, (i,), (2,)) ** 3)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    places = np.array([0, 2, 1])
    np.testing.assert_allclose(grad(f)(x, 1), [0, 12.0, 27.0, 0])
    np.testing.assert_allclose(hessian(f)(x, 1), np.diag([0, 12.0, 18.0, 0]))
    slopes = vmap(grad(f), in_axes=(None, 0))(x, places)
    np.testing.assert_allclose(slopes, [grad(f)(x, int(i)) for i in places])
    g = lambda u, i: np.sum(dynamic_update_slice(x, u, (i,)) ** 2)
    np.testing.assert_allclose(grad(g)(np.array([5.0, 6.0]), 1), [10.0, 12.0])
    np.testing.assert_allclose(
        vmap(grad(g), in_axes=(None, 0))(np.array([5.0, 6.0]), places), [[10.0, 12.0]] * 3
    )


@pytest.mark.parametrize("start", [3, -5, 10])
def test_out_of_bounds(start):
    f = lambda x, i: np.sum(dynamic_slice(x, (i,), (2,)))
    for compute in (f, grad(f), jit(f), jit(grad(f))):
        with pytest.raises(IndexError, match="out of bounds"):
            compute(np.arange(4.0), np.int64(start))


def test_blocks_that_cannot_fit():
    with pytest.raises(ShapeError, match=r"\(5,\).*\(4,\)"):
        dynamic_slice(np.arange(4.0), (0,), (5,))
    with pytest.raises(ShapeError, match="one start"):
        dynamic_slice(X, (0,), (1,))
