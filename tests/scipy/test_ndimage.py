"""``funcgrad.scipy.ndimage``: SciPy's numbers in all modes, derivatives of both operands."""

import numpy as np
import pytest
import scipy.ndimage

from funcgrad import grad, jit, vmap
from funcgrad.errors import NotTraceableError
from funcgrad.scipy import ndimage
from funcgrad.testing import check_grads

RNG = np.random.default_rng(4)
ROW, PLANE = RNG.normal(size=9), RNG.normal(size=(6, 7))
MODES = ["constant", "nearest", "mirror", "reflect", "wrap", "grid-mirror", "grid-constant",
         "grid-wrap"]  # fmt: skip
FILTERS = MODES[:5] + ["grid-wrap"]


def same(name, args, options, order=1):
    ours, theirs = getattr(ndimage, name), getattr(scipy.ndimage, name)
    found = jit(lambda xs: ours(*xs, **options))(args)
    np.testing.assert_allclose(found, theirs(*args, **options), rtol=1e-9, atol=1e-10)
    check_grads(lambda *xs: ours(*xs, **options), args, order, rtol=1e-6)


@pytest.mark.parametrize("mode", FILTERS)
@pytest.mark.parametrize("n", [1, 3, 4])
@pytest.mark.parametrize("name", ["correlate1d", "convolve1d"])
def test_along_an_axis(name, n, mode):
    weights = RNG.normal(size=n)
    same(name, (ROW, weights), {"mode": mode, "cval": 0.7})
    for origin in range(-(n // 2), (n - 1) // 2 + 1):
        same(name, (PLANE, weights), {"mode": mode, "axis": 0, "origin": origin})


@pytest.mark.parametrize("mode", FILTERS)
@pytest.mark.parametrize("name", ["correlate", "convolve"])
def test_of_planes(name, mode):
    for shape in ((3, 3), (2, 3), (1, 4)):
        same(name, (PLANE, RNG.normal(size=shape)), {"mode": mode, "cval": 0.7})
    same(name, (PLANE, RNG.normal(size=(3, 3))), {"mode": mode, "origin": (1, -1)})


@pytest.mark.parametrize("mode", FILTERS)
def test_bells_and_means(mode):
    for name, args in (
        ("gaussian_filter1d", {"sigma": 0.6}), ("gaussian_filter1d", {"sigma": 0.7, "order": 1}),
        ("gaussian_filter1d", {"sigma": 0.7, "order": 3}),
        ("gaussian_filter", {"sigma": 0.5}), ("gaussian_filter", {"sigma": (0.5, 0.0)}),
        ("gaussian_filter", {"sigma": 0.6, "order": (0, 1), "truncate": 3.0}),
        ("uniform_filter1d", {"size": 4, "origin": 1}), ("uniform_filter", {"size": (3, 2)}),
    ):  # fmt: skip
        same(name, (PLANE,), args | {"mode": mode, "cval": 0.3})


def test_the_width_of_a_bell():
    def filtered(x, sigma):
        return ndimage.gaussian_filter1d(x, sigma, radius=3, order=2)

    check_grads(lambda x, s: jit(filtered)(x, s), (ROW, np.float64(0.9)), 2, rtol=1e-6)
    with pytest.raises(NotTraceableError, match="radius"):
        grad(lambda s: ndimage.gaussian_filter1d(ROW, s)[0])(0.9)


# inside, at elements, and outside
AT = np.array([[0.3, 2.0, 4.7, -0.4, 5.3, -3.2, 8.6, 5.0, 0.0, 2.5],
               [1.2, 3.5, 5.9, 0.5, 6.2, 2.2, 9.1, 6.0, 0.0, -1.4]])  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", [0, 1, 3])
def test_coordinates(order, mode):
    options = {"order": order, "mode": mode, "cval": 0.4}
    wanted = scipy.ndimage.map_coordinates(PLANE, AT, **options)
    found = jit(lambda x, at: ndimage.map_coordinates(x, at, **options))(PLANE, AT)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)
    wanted = scipy.ndimage.map_coordinates(ROW, 3 * AT[:1], **options)
    found = jit(lambda x: ndimage.map_coordinates(x, 3 * AT[:1], **options))(ROW)
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)

    def at_points(x, at):
        return ndimage.map_coordinates(x, at, **options)

    inner = AT[:, [0, 2, 6]]
    check_grads(
        lambda x, at: jit(at_points)(x, at), (PLANE, inner), 1 if order < 3 else 2, rtol=1e-6
    )


def test_batches_and_single_precision():
    found = vmap(lambda at: ndimage.map_coordinates(PLANE, at, order=1))(AT.T[:3])
    np.testing.assert_allclose(found, scipy.ndimage.map_coordinates(PLANE, AT[:, :3], order=1))
    small, at = PLANE.astype(np.float32), AT.astype(np.float32)
    for order in (0, 1, 3):
        out = jit(lambda x, k=order: ndimage.map_coordinates(x, at, order=k))(small)
        assert out.dtype == np.float32
    assert jit(lambda x: ndimage.gaussian_filter(x, 0.7))(small).dtype == np.float32


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: ndimage.map_coordinates(x, AT, order=2), NotTraceableError, "order=2"),
        (lambda x: ndimage.map_coordinates(x, AT[:1]), ValueError, "no coordinates"),
        (lambda x: ndimage.correlate1d(x, np.ones(3), mode="loop"), ValueError, "loop"),
        (lambda x: ndimage.correlate1d(x, np.ones(3), origin=2), ValueError, "origin=2"),
        (lambda x: ndimage.correlate(x, np.ones(3)), ValueError, "as many axes"),
        (lambda x: ndimage.rotate(x, 1.0), AttributeError, "map_coordinates does it"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        jit(call)(PLANE)
