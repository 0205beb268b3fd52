"""ravel_pytree: a tree of arrays as one vector, and back; the name of ``jax.flatten_util``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.families import known_aval, result_dtype
from funcgrad.tree import flatten, unflatten

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves in one vector, of their common dtype, and the function that goes back.

    ``unravel(vector)`` gives each leaf its shape and its own dtype; both ways are differentiable.
    Raises ShapeError where the vector has another length.

    >>> import numpy as np
    >>> from funcgrad.flatten_util import ravel_pytree
    >>> vector, unravel = ravel_pytree({"w": np.ones((2, 2)), "b": 3.0})
    >>> vector
    array([3., 1., 1., 1., 1.])
    >>> unravel(2 * vector)["b"]
    np.float64(6.0)
    """
    leaves, treedef = flatten(pytree)
    avals = [known_aval(x).strong() for x in leaves]
    ends = np.cumsum([a.size for a in avals], dtype=int).tolist()
    size = ends[-1] if ends else 0

    def unravel(vector: Any) -> Any:
        if np.shape(vector) != (size,):
            raise ShapeError(
                f"unravel: a vector of shape ({size},) is needed, one of {np.shape(vector)} given"
            )
        pieces = zip(avals, [0, *ends], ends, strict=False)
        return unflatten(treedef, [_leaf(vector[i:j], a) for a, i, j in pieces])

    if not leaves:
        return np.zeros(0), unravel
    dtype = result_dtype(*avals)
    return np.concatenate([np.ravel(x).astype(dtype) for x in leaves]), unravel


def _leaf(piece: Any, aval: Any) -> Any:
    if piece.dtype.kind == "c" and aval.dtype.kind != "c":
        piece = np.real(piece)
    return np.reshape(piece, aval.shape).astype(aval.dtype)[()]
