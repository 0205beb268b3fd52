"""autograd.misc.optimizers: sgd, rmsprop and adam on nested containers of arrays.

``grad(x, i)`` is the gradient in step i; ``callback(x, i, g)`` is called before each step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.flatten_util import ravel_pytree

__all__ = ["adam", "rmsprop", "sgd"]


def _on_trees(optimize: Any) -> Any:
    """An optimizer of vectors, for nested containers."""

    @functools.wraps(optimize)
    def on_trees(
        grad: Callable[..., Any], x0: Any, callback: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        x, unravel = ravel_pytree(x0)

        def slope(x: Any, i: int) -> Any:
            g = ravel_pytree(grad(unravel(x), i))[0]
            if callback:
                callback(unravel(x), i, unravel(g))
            return g

        return unravel(optimize(slope, x, *args, **kwargs))

    return on_trees


@_on_trees
def sgd(slope: Any, x: Any, num_iters: int = 200, step_size: Any = 0.1, mass: Any = 0.9) -> Any:
    """Gradient descent with momentum: v = mass v - (1 - mass) g, x = x + step_size v.

    >>> from funcgrad.compat.autograd.misc.optimizers import sgd
    >>> float(sgd(lambda x, i: 2 * x, 1.0, num_iters=2).round(6))
    0.9424
    """
    velocity = np.zeros_like(x)
    for i in range(num_iters):
        velocity = mass * velocity - (1 - mass) * slope(x, i)
        x = x + step_size * velocity
    return x


@_on_trees
def rmsprop(
    slope: Any, x: Any, num_iters: int = 100, step_size: Any = 0.1, gamma: Any = 0.9,
    eps: Any = 1e-8,
) -> Any:  # fmt: skip
    """Steps divided by the root of a running mean of squares (Tieleman and Hinton 2012)."""
    square = np.ones_like(x)
    for i in range(num_iters):
        g = slope(x, i)
        square = gamma * square + (1 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(square) + eps)
    return x


@_on_trees
def adam(
    slope: Any, x: Any, num_iters: int = 100, step_size: Any = 0.001, b1: Any = 0.9,
    b2: Any = 0.999, eps: Any = 1e-8,
) -> Any:  # fmt: skip
    """Running means of gradients and squares, corrected for their start (Kingma and Ba 2015)."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for i in range(num_iters):
        g = slope(x, i)
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        scale = step_size / (1 - b1 ** (i + 1))
        x = x - scale * m / (np.sqrt(v / (1 - b2 ** (i + 1))) + eps)
    return x
