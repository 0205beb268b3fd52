"""Triangles and diagonals of matrices, and powers side by side."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype, covers
from funcgrad.ops.functions.creating import zeros
from funcgrad.ops.getitem import setitem
from funcgrad.ops.indexing import ARRAY, gather
from funcgrad.ops.shaping import reshape


def _lower(x: Any, k: int) -> Any:
    """Where the matrix is on or below its k-th diagonal."""
    rows, columns = x.shape[-2:]
    return np.tri(rows, columns, k, dtype=bool)


@covers(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    x = array_of(m)
    return e.select(_lower(x, k), x, x.dtype.type(0))


@covers(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    x = array_of(m)
    return e.select(_lower(x, k - 1), x.dtype.type(0), x)


@covers(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        raise ValueError(f"fill_diagonal: an array of two axes or a cube is needed, not {a.shape}")
    i = np.arange(min(a.shape))
    val = array_of(val)
    if val.shape:  # as many as are needed, from the beginning again if they do not suffice
        val = gather(reshape(val, shape=(val.size,)), i % val.size, items=(ARRAY,))
    setitem(a, (i,) * a.ndim, val)


@covers(np.tril_indices_from)
def tril_indices_from(arr: Any, k: int = 0) -> Any:
    return np.tril_indices(arr.shape[-2], k, arr.shape[-1])


@covers(np.triu_indices_from)
def triu_indices_from(arr: Any, k: int = 0) -> Any:
    return np.triu_indices(arr.shape[-2], k, arr.shape[-1])


@covers(np.diag_indices_from)
def diag_indices_from(arr: Any) -> Any:
    return np.diag_indices(arr.shape[0], arr.ndim)


@covers(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    x = array_of(x)
    x = as_dtype(x, np.promote_types(x.dtype, int))
    n = x.shape[0] if N is None else index(N)
    column = reshape(x, shape=(*x.shape, 1))
    powers = [e.raise_to(column, exponent=k) for k in range(n)]
    powers = powers if increasing else powers[::-1]
    return np.concatenate(powers, axis=1) if powers else zeros((x.shape[0], 0), x.dtype)
