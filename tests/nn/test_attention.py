"""Attention: JAX's values for every option, derivatives, and queries that see nothing."""

import numpy as np
import pytest

from funcgrad import jit, nn, testing, vmap
from funcgrad.errors import ShapeError

RNG = np.random.default_rng(1)
Q, K, V = (RNG.normal(size=s) for s in ((2, 5, 4, 3), (2, 6, 2, 3), (2, 6, 2, 3)))
MASK = RNG.random((2, 1, 5, 6)) < 0.7
MASK[..., 0] = True

OPTIONS = [
    {},
    {"scale": 0.3},
    {"bias": RNG.normal(size=(1, 4, 5, 6))},
    {"mask": MASK},
    {"is_causal": True},
    {"local_window_size": 2},
    {"local_window_size": (1, 3), "is_causal": True},
    {
        "query_seq_lengths": np.array([2, 5], np.int32),
        "key_value_seq_lengths": np.array([6, 3], np.int32),
    },
]


@pytest.mark.oracle
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_as_jax_does(options):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        expected = jax.nn.dot_product_attention(Q, K, V, **options)
        # JAX computes the softmax in single precision
        np.testing.assert_allclose(
            nn.dot_product_attention(Q, K, V, **options), expected, rtol=2e-5, atol=1e-6
        )


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "plain")
def test_by_the_definition(options):
    out, residual = nn.dot_product_attention(Q, K, V, **options, return_residual=True)
    assert residual.shape == (2, 5, 4)
    seen = np.ones((2, 4, 5, 6), bool) & options.get("mask", True)
    t, s = np.arange(5)[:, None], np.arange(6)
    if options.get("is_causal"):
        seen &= s <= t
    if "local_window_size" in options:
        size = options["local_window_size"]
        left, right = size if isinstance(size, tuple) else (size, size)
        seen &= (s >= t - left) & (s <= t + right)
    for b in range(2):
        for n in range(4):
            scores = Q[b, :, n] @ K[b, :, n // 2].T * options.get("scale", 1 / np.sqrt(3))
            scores = scores + np.broadcast_to(options.get("bias", 0.0), (1, 4, 5, 6))[0, n]
            kept = seen[b, n] & (s < options.get("key_value_seq_lengths", [6, 6])[b])
            weights = np.exp(scores) * kept
            expected = weights / weights.sum(1, keepdims=True) @ V[b, :, n // 2]
            expected[options.get("query_seq_lengths", [5, 5])[b] :] = 0
            np.testing.assert_allclose(out[b, :, n], expected, rtol=1e-12, atol=1e-14)


def test_derivatives_batches_and_jit():
    def f(q, k, v):
        return nn.dot_product_attention(q, k, v, mask=MASK[0], is_causal=True)

    testing.check_grads(f, (Q[0], K[0], V[0]), order=2)
    np.testing.assert_allclose(vmap(f)(Q, K, V)[0], f(Q[0], K[0], V[0]), rtol=1e-13)
    np.testing.assert_allclose(jit(f)(Q[0], K[0], V[0]), f(Q[0], K[0], V[0]), rtol=1e-13)


def test_a_query_that_sees_nothing():
    blind = np.zeros((5, 6), bool)
    np.testing.assert_array_equal(nn.dot_product_attention(Q, K, V, mask=blind), np.zeros(Q.shape))
    found = testing.check_grads(
        lambda q: nn.dot_product_attention(q, K, V, mask=blind), (Q,), order=1
    )
    assert found.forward == 0.0


def test_shapes_are_checked():
    with pytest.raises(ShapeError, match="multiple of K"):
        nn.dot_product_attention(Q[:, :, :3], K, V)
    with pytest.raises(ShapeError, match="axes"):
        nn.dot_product_attention(Q[0, 0], K[0, 0], V[0, 0])
