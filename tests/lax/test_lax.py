"""funcgrad.lax against NumPy, SciPy and definitions written out."""

import itertools
from itertools import accumulate

import numpy as np
import pytest
from scipy import signal

from funcgrad import grad, jit, lax, vmap
from funcgrad.errors import ShapeError
from funcgrad.lax import elementwise
from funcgrad.testing import check_grads

rng = np.random.default_rng(3)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", elementwise.__all__)
def test_elementwise_names_are_there(name):
    assert callable(getattr(lax, name))


def test_select_clamp_round():
    x = np.array([-2.5, -0.5, 0.5, 1.5])
    np.testing.assert_array_equal(lax.round(x), [-3, -1, 1, 2])
    np.testing.assert_array_equal(lax.clamp(-1.0, x, 1.0), [-1, -0.5, 0.5, 1])
    np.testing.assert_array_equal(lax.select(x > 0, x, -x), np.abs(x))
    np.testing.assert_array_equal(lax.select_n(x > 0, x, 2 * x), np.where(x > 0, 2 * x, x))
    assert lax.complex(1.0, 2.0) == 1 + 2j
    assert lax.convert_element_type(x, np.float32).dtype == np.float32


# -- shapes ----------------------------------------------------------------------------------------


def test_shapes():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert lax.collapse(x, 1).shape == (2, 12) and lax.collapse(x, 0, 2).shape == (6, 4)
    assert lax.broadcast(x, (5,)).shape == (5, 2, 3, 4)
    assert lax.expand_dims(x, (0, 2)).shape == (1, 2, 1, 3, 4)
    np.testing.assert_array_equal(lax.slice(x, (0, 1, 0), (2, 3, 4), (1, 1, 2)), x[0:2, 1:3, 0:4:2])
    np.testing.assert_array_equal(lax.slice_in_dim(x, 1, 3, axis=1), x[:, 1:3])
    np.testing.assert_array_equal(lax.index_in_dim(x, -1, 1, keepdims=False), x[:, -1])
    np.testing.assert_array_equal(lax.dynamic_index_in_dim(x, 1, 2, keepdims=False), x[:, :, 1])
    np.testing.assert_array_equal(lax.rev(x, (0, 2)), x[::-1, :, ::-1])
    pieces = lax.split(x, (1, 3), axis=2)
    assert [p.shape for p in pieces] == [(2, 3, 1), (2, 3, 3)]
    new = lax.dynamic_update_index_in_dim(x, np.zeros((2, 3)), 1, 2)
    np.testing.assert_array_equal(new[:, :, 1], 0)
    np.testing.assert_array_equal(lax.broadcasted_iota(int, (2, 3), 1), [[0, 1, 2]] * 2)
    with pytest.raises(ValueError, match="add up"):
        lax.split(x, (1, 1), axis=2)
    with pytest.raises(IndexError, match="out of bounds"):
        lax.index_in_dim(x, 3, 1)


def padded_by_hand(x, value, low, high, interior):
    out = []
    for i, v in enumerate(x):
        out += [v] + [value] * (interior if i < len(x) - 1 else 0)
    out = [value] * max(low, 0) + out + [value] * max(high, 0)
    return out[max(-low, 0) : len(out) - max(-high, 0)]


@pytest.mark.parametrize("config", list(itertools.product((-1, 0, 2), (-2, 0, 1), (0, 1, 2))))
def test_pad(config):
    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(lax.pad(x, 9.0, [config]), padded_by_hand(x, 9.0, *config))
    check_grads(lambda x: lax.pad(x, x[0], [config]), (x,), order=2)


# -- reductions and scans --------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(1, 10))
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan(n, reverse):
    a, b = rng.normal(size=(2, n))

    def fn(x, y):
        return x[0] * y[0], x[1] * y[0] + y[1]

    def one(x, y):
        return fn(x, y)

    pairs = list(zip(a, b, strict=True))
    expected = list(accumulate(pairs[::-1] if reverse else pairs, one))
    expected = expected[::-1] if reverse else expected
    found = lax.associative_scan(fn, (a, b), reverse=reverse)
    np.testing.assert_allclose(np.transpose(found), expected, rtol=1e-12)


def test_associative_scan_differentiates_and_batches():
    x = rng.normal(size=(3, 5))
    check_grads(lambda x: lax.associative_scan(np.multiply, x, axis=1), (x,), order=2)
    found = vmap(lambda r: lax.associative_scan(np.add, r))(x)
    np.testing.assert_allclose(found, np.cumsum(x, 1))
    calls = []
    lax.associative_scan(lambda x, y: calls.append(1) or x + y, np.ones(1024))
    assert len(calls) <= 20


def test_running():
    x = rng.normal(size=(3, 4))
    np.testing.assert_allclose(lax.cumsum(x, 1, reverse=True), np.cumsum(x[:, ::-1], 1)[:, ::-1])
    np.testing.assert_allclose(lax.cummax(x, 0), np.maximum.accumulate(x, 0))
    np.testing.assert_allclose(lax.cumlogsumexp(x, 1), np.log(np.cumsum(np.exp(x), 1)), rtol=1e-12)


def test_reduce_with_any_operation():
    x = rng.normal(size=(3, 4, 5))
    np.testing.assert_allclose(lax.reduce(x, 1.0, lax.mul, (0, 2)), np.prod(x, (0, 2)))
    best = lax.reduce(
        (x, np.broadcast_to(np.arange(5), x.shape)), (-np.inf, -1),
        lambda a, b: (np.maximum(a[0], b[0]), np.where(b[0] > a[0], b[1], a[1])), (2,),
    )  # fmt: skip
    np.testing.assert_array_equal(best[1], np.argmax(x, 2))
    assert lax.reduce(x[:, :0], 7.0, lax.add, (1,)).shape == (3, 5)
    check_grads(lambda x: lax.reduce(x, 1.0, lax.mul, (1,)), (x,), order=2)


def test_order():
    t = np.array([[3, 1, 3, 2], [0, 0, 5, 1]])
    values, places = lax.top_k(t, 3)
    np.testing.assert_array_equal(values, [[3, 3, 2], [5, 1, 0]])
    np.testing.assert_array_equal(places, [[0, 2, 3], [2, 3, 0]])
    keys, other = lax.sort_key_val(t, -t)
    np.testing.assert_array_equal(keys, np.sort(t))
    np.testing.assert_array_equal(other, -np.sort(t))
    first, second, third = lax.sort((t, t[:, ::-1], t * 2), num_keys=2)
    np.testing.assert_array_equal(first, np.sort(t))
    np.testing.assert_array_equal(third, 2 * first)
    assert np.all(np.diff(second)[np.diff(first) == 0] >= 0)
    with pytest.raises(ValueError, match="top_k"):
        lax.top_k(t, 5)
    check_grads(lambda x: lax.top_k(x, 2)[0], (rng.normal(size=(3, 4)),), order=2)


@pytest.mark.parametrize("padding", ["SAME", "VALID", [(1, 0), (0, 2)]])
@pytest.mark.parametrize("strides", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_reduce_window(padding, strides, dilation):
    x = rng.normal(size=(6, 7))
    window = (2, 3)
    pairs = padding
    if isinstance(padding, str):
        span = [(w - 1) * dilation + 1 for w in window]
        total = [0, 0] if padding == "VALID" else [
            max(0, (-(-n // s) - 1) * s + k - n) for n, s, k in zip(x.shape, strides, span)
        ]  # fmt: skip
        pairs = [(t // 2, t - t // 2) for t in total]
    wide = np.pad(x, pairs, constant_values=-np.inf)
    shape = [(w - 1) * dilation + 1 for w in window]
    views = np.lib.stride_tricks.sliding_window_view(wide, shape)[:: strides[0], :: strides[1]]
    expected = views[..., ::dilation, ::dilation].max((-1, -2))
    args = (window, strides, padding, None, (dilation, dilation))
    np.testing.assert_array_equal(lax.reduce_window(x, -np.inf, lax.max, *args), expected)
    check_grads(lambda x: lax.reduce_window(x, 0.0, lax.add, *args), (x,), order=1)


# -- convolutions ----------------------------------------------------------------------------------


def naive(x, w, strides, pairs, between, apart):
    """(batch, features, space) by the definition, element by element."""
    for axis, step in enumerate(between):
        shape = list(x.shape)
        shape[axis + 2] = (shape[axis + 2] - 1) * step + 1
        spread = np.zeros(shape)
        spread[(slice(None),) * (axis + 2) + (slice(None, None, step),)] = x
        x = spread
    x = np.pad(x, [(0, 0), (0, 0), *pairs])
    spans = [(n - 1) * d + 1 for n, d in zip(w.shape[2:], apart, strict=True)]
    counts = [(n - s) // k + 1 for n, s, k in zip(x.shape[2:], spans, strides, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *counts))
    for where in np.ndindex(*counts):
        for k in np.ndindex(*w.shape[2:]):
            place = tuple(
                i * s + j * d for i, s, j, d in zip(where, strides, k, apart, strict=True)
            )
            out[(..., *where)] += x[(..., *place)] @ w[(..., *k)].T
    return out


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("between", [1, 2])
@pytest.mark.parametrize("apart", [1, 2])
def test_convolution(rank, stride, between, apart):
    x, w = (
        rng.normal(size=(2, 3, 6, 5, 4)[: rank + 2]),
        rng.normal(size=(4, 3, 2, 3, 2)[: rank + 2]),
    )
    args = ((stride,) * rank, [(1, 2)] * rank, (between,) * rank, (apart,) * rank)
    found = lax.conv_general_dilated(x, w, *args)
    np.testing.assert_allclose(found, naive(x, w, *args), atol=1e-12)
    if rank < 3:
        check_grads(lambda x, w: lax.conv_general_dilated(x, w, *args), (x, w), order=2)


def test_convolution_against_scipy_in_another_layout():
    x, w = rng.normal(size=(1, 9, 8, 1)), rng.normal(size=(3, 3, 1, 1))
    found = lax.conv_general_dilated(
        x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    expected = signal.correlate2d(x[0, :, :, 0], w[:, :, 0, 0], "same")
    np.testing.assert_allclose(found[0, :, :, 0], expected, atol=1e-12)


def test_groups():
    x, w = rng.normal(size=(2, 4, 7)), rng.normal(size=(6, 2, 3))
    found = lax.conv_general_dilated(x, w, (1,), "VALID", feature_group_count=2)
    halves = [
        lax.conv_general_dilated(x[:, 2 * g : 2 * g + 2], w[3 * g : 3 * g + 3], (1,), "VALID")
        for g in (0, 1)
    ]
    np.testing.assert_allclose(found, np.concatenate(halves, 1))
    y = rng.normal(size=(4, 2, 7))
    found = lax.conv_general_dilated(y, w, (1,), "VALID", batch_group_count=2)
    halves = [
        lax.conv_general_dilated(y[2 * g : 2 * g + 2], w[3 * g : 3 * g + 3], (1,), "VALID")
        for g in (0, 1)
    ]
    np.testing.assert_allclose(found, np.concatenate(halves, 1))
    with pytest.raises(ShapeError, match="features"):
        lax.conv_general_dilated(x, w, (1,), "VALID")


def test_a_large_kernel_gathers_its_windows():
    x, w = rng.normal(size=(2, 3, 20, 20)), rng.normal(size=(2, 3, 9, 9))
    found = lax.conv_general_dilated(x, w, (1, 1), "VALID")
    np.testing.assert_allclose(found, naive(x, w, (1, 1), [(0, 0)] * 2, (1, 1), (1, 1)), atol=1e-10)


@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_conv_transpose_is_the_transpose(padding, stride):
    """With transpose_kernel: the vjp of the convolution with that padding."""
    w = rng.normal(size=(3, 2, 5))  # space, features of the result, features of the operand
    ct = rng.normal(size=(1, 4, 5))
    size = 4 * stride if padding == "SAME" else 3 * stride + max(3, stride)
    layout = ("NWC", "WIO", "NWC")

    def forward(x):
        out = lax.conv_general_dilated(x, w, (stride,), padding, dimension_numbers=layout)
        return np.sum(out * ct)

    expected = grad(forward)(np.zeros((1, size, 2)))
    found = lax.conv_transpose(
        ct, w, (stride,), padding, dimension_numbers=layout, transpose_kernel=True
    )
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_patches_jit_vmap():
    x = rng.normal(size=(2, 3, 6, 6))
    found = lax.conv_general_dilated_patches(x, (2, 2), (2, 2), "VALID")
    np.testing.assert_array_equal(found[1, 4:8, 0, 1], x[1, 1, 0:2, 2:4].ravel())
    w = rng.normal(size=(4, 3, 2, 2))

    def f(x):
        return lax.conv(x[None], w, (1, 1), "SAME")[0]

    expected = lax.conv(x, w, (1, 1), "SAME")
    np.testing.assert_allclose(vmap(f)(x), expected, atol=1e-12)
    np.testing.assert_allclose(jit(f)(x[0]), expected[0], atol=1e-12)


def test_refused():
    with pytest.raises(ValueError, match="conv_transpose"):
        lax.conv_general_dilated(np.ones((1, 1, 4)), np.ones((1, 1, 2)), (1,), "SAME", (2,))
    with pytest.raises(ValueError, match="layout"):
        lax.conv_dimension_numbers((1, 1, 4), (1, 1, 2), ("NCW", "XIW", "NCW"))
    with pytest.raises(ValueError, match="SAME"):
        lax.reduce_window(np.ones(3), 0.0, lax.add, (2,), (1,), "full")
