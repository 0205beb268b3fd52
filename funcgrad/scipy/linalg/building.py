"""Matrices that are built from a few numbers, and products of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.linalg.shared import scipys_linalg


def _vector(who: str, x: Any) -> Any:
    x = array_of(x)
    if len(x.shape) != 1:
        raise ValueError(f"{who}: on traced values a vector, not an array of shape {x.shape}")
    return x


def _places(m: int, n: int) -> Any:
    return np.arange(m)[:, None], np.arange(n)[None, :]


@scipys_linalg
def toeplitz(c: Any, r: Any = None) -> Any:
    """t[i, j] = c[i - j] on and below the diagonal, r[j - i] above it; r is conj(c) by default."""
    c = _vector("toeplitz", c)
    r = np.conj(c) if r is None else _vector("toeplitz", r)
    row, column = _places(c.shape[0], r.shape[0])
    return np.concatenate((c[::-1], r[1:]))[c.shape[0] - 1 - row + column]


@scipys_linalg
def circulant(c: Any) -> Any:
    """The matrix with a[i, j] = c[(i - j) mod n]."""
    c = array_of(c)
    row, column = _places(c.shape[-1], c.shape[-1])
    return c[..., (row - column) % c.shape[-1]]


@scipys_linalg
def hankel(c: Any, r: Any = None) -> Any:
    """h[i, j] = c[i + j], continued by r[1:]; zeros by default."""
    c = _vector("hankel", c)
    r = np.zeros(c.shape[0], c.dtype) if r is None else _vector("hankel", r)
    row, column = _places(c.shape[0], r.shape[0])
    return np.concatenate((c, r[1:]))[row + column]


@scipys_linalg
def companion(a: Any) -> Any:
    """The matrix whose eigenvalues are the zeros of the polynomial a[0] x^n + … + a[n]."""
    a = _vector("companion", a)
    if a.shape[0] < 2:
        raise ValueError(f"companion: at least two coefficients, not {a.shape[0]}")
    first = -a[1:] / a[0]
    n = first.shape[0]
    below = np.eye(n, dtype=first.dtype)[:-1]
    return np.concatenate((first[None, :], below))


@scipys_linalg
def leslie(f: Any, s: Any) -> Any:
    """Fecundities f in the first row, survivals s below the diagonal."""
    f, s = _vector("leslie", f), _vector("leslie", s)
    if s.shape[0] != f.shape[0] - 1:
        raise ValueError(f"leslie: {f.shape[0]} fecundities and {s.shape[0]} survivals do not fit")
    zero = np.zeros((s.shape[0], 1), s.dtype)
    return np.concatenate((f[None, :], np.concatenate((np.diag(s), zero), axis=1)))


@scipys_linalg
def fiedler(a: Any) -> Any:
    """|a_i - a_j|."""
    a = array_of(a)
    return np.abs(a[..., :, None] - a[..., None, :])


@scipys_linalg
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix that convolves a vector of n numbers with a, as ``numpy.convolve`` does."""
    a = _vector("convolution_matrix", a)
    if mode not in ("full", "valid", "same"):
        raise ValueError(f'convolution_matrix: mode={mode!r}: it is "full", "valid" or "same"')
    m = a.shape[0]
    row, column = _places(n + m - 1, n)
    padded = np.concatenate((a, np.zeros(1, a.dtype)))
    place = row - column
    whole = padded[np.where((place >= 0) & (place < m), place, m)]
    if mode == "full":
        return whole
    lost = min(n, m) - 1
    if mode == "valid":
        return whole[lost : lost + max(n, m) - lost]
    return whole[lost // 2 : lost // 2 + max(n, m)]


@scipys_linalg
def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """``toeplitz(c, r) @ x``, by the dense matrix."""
    given = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr,)
    return toeplitz(*given) @ array_of(x)


@scipys_linalg
def khatri_rao(a: Any, b: Any) -> Any:
    """Columns that are Kronecker products of the columns of a and b."""
    a, b = array_of(a), array_of(b)
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"khatri_rao: shapes {a.shape} and {b.shape} differ in their columns")
    product = a[..., :, None, :] * b[..., None, :, :]
    return product.reshape((*product.shape[:-3], -1, product.shape[-1]))


@scipys_linalg
def block_diag(*arrs: Any) -> Any:
    """The matrices along the diagonal, zeros elsewhere."""
    blocks = [np.atleast_2d(array_of(a)) for a in arrs]
    width, before, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        rows.append(np.pad(b, ((0, 0), (before, width - before - b.shape[1]))))
        before += b.shape[1]
    return np.concatenate(rows)
