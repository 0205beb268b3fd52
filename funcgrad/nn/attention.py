"""Scaled dot-product attention with the signature of ``jax.nn``."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.nn.normalizing import logsumexp
from funcgrad.ops.functions.common import array_of


def dot_product_attention(
    query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, *,
    scale: float | None = None, is_causal: bool = False, query_seq_lengths: Any = None,
    key_value_seq_lengths: Any = None, local_window_size: Any = None, implementation: Any = None,
    return_residual: bool = False,
) -> Any:  # fmt: skip
    """softmax(scale q kᵀ + bias) v over the keys that a query may see.

    Shapes: query (B, T, N, H), key and value (B, S, K, H), with or without B; N is a multiple of
    K, and each head of keys serves N / K heads of queries. ``bias`` and ``mask`` broadcast to
    (B, N, T, S); False hides a key. ``scale`` is 1/√H by default. ``is_causal`` hides keys behind
    their query; ``local_window_size`` (left, right) those further away; the sequence lengths, of
    shape (B,), those past the end, and make the results of queries past theirs 0.
    ``implementation`` is for JAX's sake. With ``return_residual`` also the logsumexp of the
    scores, of shape (B, T, N). A query that sees no key at all gets 0.

    Raises ShapeError where shapes do not fit.

    >>> import numpy as np
    >>> from funcgrad import nn
    >>> x = np.ones((1, 3, 2, 4))
    >>> nn.dot_product_attention(x, x, x, is_causal=True).shape
    (1, 3, 2, 4)
    """
    query, key, value = (array_of(x) for x in (query, key, value))
    batched = query.ndim == 4
    if not batched:
        query, key, value = query[None], key[None], value[None]
    _check(query, key, value)
    groups = query.shape[2] // key.shape[2]
    key, value = (np.repeat(x, groups, axis=2) for x in (key, value))
    factor = 1 / sqrt(query.shape[-1]) if scale is None else scale
    scores = np.einsum("btnh,bsnh->bnts", query, key) * factor
    if bias is not None:
        scores = scores + array_of(bias)
    seen = _seen(scores.shape, mask, is_causal, local_window_size, key_value_seq_lengths)
    out, residual = _attend(scores, seen, value)
    if query_seq_lengths is not None:
        inside = np.arange(out.shape[1]) < _lengths(query_seq_lengths)[:, None]
        out = np.where(inside[:, :, None, None], out, out.dtype.type(0))
    if not batched:
        out, residual = out[0], residual[0]
    return (out, residual) if return_residual else out


def _check(query: Any, key: Any, value: Any) -> None:
    shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if not query.ndim == key.ndim == value.ndim == 4:
        raise ShapeError(f"dot_product_attention: three or four axes each are needed, not {shapes}")
    b, _, n, h = query.shape
    if key.shape != value.shape or key.shape[0] != b or key.shape[3] != h or n % key.shape[2]:
        raise ShapeError(
            f"dot_product_attention: {shapes} do not fit (B, T, N, H), (B, S, K, H), (B, S, K, H) "
            "with N a multiple of K"
        )


def _lengths(lengths: Any) -> Any:
    return np.reshape(array_of(lengths), (-1,))


def _seen(shape: Any, mask: Any, is_causal: bool, window: Any, key_lengths: Any) -> Any:
    """Which keys a query may look at: truth values that broadcast to the scores, or None."""
    t, s = np.arange(shape[2])[:, None], np.arange(shape[3])
    parts = [] if mask is None else [array_of(mask)]
    if is_causal:
        parts.append(s <= t)
    if window is not None:
        left, right = (window, window) if isinstance(window, int) else window
        parts.append((t - s <= left) & (s - t <= right))
    if key_lengths is not None:
        parts.append(s < _lengths(key_lengths)[:, None, None, None])
    seen = None
    for part in parts:
        seen = part if seen is None else seen & part
    return seen


def _attend(scores: Any, seen: Any, value: Any) -> tuple[Any, Any]:
    total = logsumexp(scores, axis=-1, keepdims=True, where=seen)
    finite = np.where(np.isfinite(total), total, total.dtype.type(0))
    weights = np.exp(scores - finite) if seen is None else _weights(scores, finite, seen)
    out = np.einsum("bnts,bsnh->btnh", weights, value)
    return out, np.moveaxis(total[..., 0], 1, 2)


def _weights(scores: Any, total: Any, seen: Any) -> Any:
    gaps = np.where(seen, scores - total, scores.dtype.type(-np.inf))
    return np.exp(gaps)
