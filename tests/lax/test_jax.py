"""The names that funcgrad.lax shares with JAX mean the same there: values, shapes of padding."""

import itertools

import numpy as np
import pytest

from funcgrad import lax

jax = pytest.importorskip("jax")
pytestmark = pytest.mark.oracle
rng = np.random.default_rng(0)


@pytest.fixture(autouse=True, scope="module")
def double():
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        yield


CASES = [
    case
    for case in itertools.product(
        (1, 2, 3), (1, 2), ("SAME", "VALID", (1, 2), (-1, 1)), (1, 2), (1, 2), (1, 2), (1, 2)
    )
    if not (case[5] > 1 and case[6] > 1) and not (case[3] > 1 and isinstance(case[2], str))
]


@pytest.mark.parametrize("case", CASES[::3])
def test_convolution(case):
    rank, stride, padding, between, apart, features, batches = case
    x = rng.normal(size=(4, 4, 6, 7, 5)[: rank + 2])
    w = rng.normal(size=(6, 4 // features, 3, 2, 2)[: rank + 2])
    options = {
        "window_strides": (stride,) * rank,
        "padding": padding if isinstance(padding, str) else [padding] * rank,
        "lhs_dilation": (between,) * rank, "rhs_dilation": (apart,) * rank,
        "feature_group_count": features, "batch_group_count": batches,
    }  # fmt: skip
    expected = jax.lax.conv_general_dilated(x, w, **options)
    np.testing.assert_allclose(lax.conv_general_dilated(x, w, **options), expected, atol=1e-12)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_conv_transpose(turned, padding, stride):
    x = rng.normal(size=(2, 8, 9, 3))
    w = rng.normal(size=(3, 4, 5, 3) if turned else (3, 4, 3, 5))
    args = (x, w, (stride, stride), padding)
    expected = jax.lax.conv_transpose(*args, transpose_kernel=turned)
    np.testing.assert_allclose(
        lax.conv_transpose(*args, transpose_kernel=turned), expected, atol=1e-10
    )


@pytest.mark.parametrize("padding", ["SAME", "VALID", [(1, 0), (0, 2)]])
@pytest.mark.parametrize("base", [1, 2])
@pytest.mark.parametrize("apart", [1, 2])
def test_reduce_window(padding, base, apart):
    x = rng.normal(size=(5, 6))
    rest = ((2, 3), (1, 2), padding, (base, base), (apart, apart))
    expected = jax.lax.reduce_window(x, 0.0, jax.lax.add, *rest)
    np.testing.assert_allclose(lax.reduce_window(x, 0.0, lax.add, *rest), expected)


def test_order_and_scans():
    x, t = rng.normal(size=(3, 7)), np.array([[3, 1, 3, 2], [0, 0, 5, 1]])
    for name, args in (
        ("cumlogsumexp", (x, 1)), ("cumsum", (x, 1, True)), ("top_k", (t, 3)),
        ("sort", ((t, -t, t * 2.0), -1, True, 2)), ("pad", (x, 1.5, [(1, -1, 2), (-2, 3, 1)])),
        ("broadcast_in_dim", (x, (3, 2, 7), (0, 2))), ("round", (x * 3,)), ("rem", (x, 0.3)),
    ):  # fmt: skip
        found, expected = getattr(lax, name)(*args), getattr(jax.lax, name)(*args)
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        )
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=1e-12, err_msg=name)
