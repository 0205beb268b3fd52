"""The small names around arrays: devices, Array, ravel_pytree, JAX's check_grads."""

import numpy as np
import pytest

import funcgrad
from funcgrad import (
    Array,
    device_get,
    device_put,
    devices,
    flatten_util,
    grad,
    jit,
    test_util,
    vmap,
)
from funcgrad.errors import ShapeError
from funcgrad.typing import ArrayLike


def test_is_an_array():
    seen = []

    def f(x):
        seen.append(isinstance(x, Array) and isinstance(x[0], Array) and isinstance(x, ArrayLike))
        return np.sum(x)

    for transformed in (grad(f), jit(f), vmap(lambda x: f(x))):
        transformed(np.ones((2, 2)))
    assert seen == [True] * 3
    assert isinstance(np.ones(2), Array) and isinstance(np.float32(1), Array)
    assert not any(isinstance(x, Array) for x in (1.0, 1, [1.0], None, "a", np.ndarray))
    assert isinstance(1.0, ArrayLike) and not isinstance("a", ArrayLike)
    with pytest.raises(TypeError, match="annotations"):
        Array([1.0])


def test_devices():
    cpu = devices("cpu")[0]
    found = device_put({"a": [1.0, np.ones(2)]}, cpu)
    assert type(found["a"][0]) is np.ndarray
    assert grad(lambda x: device_put(x, cpu) ** 2)(3.0) == 6.0
    assert grad(lambda x: device_get(x) ** 2)(3.0) == 6.0
    with pytest.raises(RuntimeError, match="tpu"):
        devices("tpu")
    with pytest.raises(TypeError, match="devices"):
        device_put(1.0, "cpu")


TREE = {"w": np.ones((2, 2), np.float32), "b": [np.arange(3.0), 2.0], "n": np.arange(2)}


def test_ravel_pytree():
    vector, unravel = flatten_util.ravel_pytree(TREE)
    assert vector.dtype == np.float64 and vector.shape == (10,)
    back = unravel(vector)
    assert back["w"].dtype == np.float32 and back["n"].dtype == np.int64
    for a, b in zip(funcgrad.tree.leaves(TREE), funcgrad.tree.leaves(back), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ShapeError, match=r"\(10,\)"):
        unravel(vector[1:])
    empty, back = flatten_util.ravel_pytree(())
    assert empty.shape == (0,) and back(empty) == ()


def test_ravel_pytree_differentiates():
    tree = {"w": np.ones((2, 2)), "b": 2.0}
    vector, unravel = flatten_util.ravel_pytree(tree)

    def f(t):
        return np.sum(t["w"] ** 3) * t["b"]

    expected, _ = flatten_util.ravel_pytree(grad(f)(tree))
    np.testing.assert_array_equal(grad(lambda v: f(unravel(v)))(vector), expected)

    def through(t):
        v, back = flatten_util.ravel_pytree(t)
        return f(back(2 * v))

    slope = grad(through)(tree)
    assert slope["b"] == 64.0
    assert jit(grad(through))(tree)["b"] == 64.0


def test_check_grads_has_the_signature_of_jax():
    test_util.check_grads(np.sin, (1.0,), 2, ["fwd", "rev"], 1e-6, 1e-6, 1e-3)

    @funcgrad.custom_jvp
    def wrong(x):
        return np.sin(x)

    wrong.defjvp(lambda xs, ts: (wrong(xs[0]), ts[0] * np.sin(xs[0])))
    with pytest.raises(AssertionError, match="forward"):
        test_util.check_grads(wrong, (1.0,), order=1)


def test_lazy_modules_are_public():
    for name in ("debug", "lax", "tree_util", "typing"):
        assert name in funcgrad.__all__ and getattr(funcgrad, name).__name__ == f"funcgrad.{name}"
    with pytest.raises(AttributeError, match="nothing"):
        funcgrad.nothing
