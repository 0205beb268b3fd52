"""check_grads with the signature of ``jax.test_util``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from funcgrad import testing

__all__ = ["check_grads"]


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int,
    modes: Sequence[str] = ("fwd", "rev"),
    atol: float | None = None,
    rtol: float | None = None,
    eps: float | None = None,
) -> None:
    """Check derivatives up to an order against differences with step ``eps``.

    ``funcgrad.testing.check_grads`` says more, and chooses order and step by itself. Raises an
    AssertionError where they part.

    >>> import numpy as np
    >>> from funcgrad.test_util import check_grads
    >>> check_grads(np.sin, (1.0,), order=3)
    """
    testing.check_grads(f, args, order, modes, rtol=rtol, atol=atol, eps=eps)
