"""autograd.test_util: check_grads and the small comparisons of autograd's tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad import testing
from funcgrad.tree import flatten

__all__ = ["check_equivalent", "check_grads", "combo_check", "scalar_close"]

_TOLERANCE = 1e-6


def check_grads(
    f: Callable[..., Any], modes: Any = ("fwd", "rev"), order: int = 2
) -> Callable[..., None]:
    """A function of f's arguments that checks f's derivatives there.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd.test_util import check_grads
    >>> check_grads(np.sin, modes=["rev"], order=1)(1.0)
    """
    chosen = (modes,) if isinstance(modes, str) else tuple(modes)

    def check(*args: Any, **kwargs: Any) -> None:
        testing.check_grads(lambda *xs: f(*xs, **kwargs), args, order, chosen, rtol=_TOLERANCE)

    return check


def scalar_close(a: Any, b: Any) -> bool:
    """Whether two numbers are equal to a millionth, or both NaN."""
    return bool(np.isclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE, equal_nan=True))


def check_equivalent(x: Any, y: Any) -> None:
    """Raises AssertionError unless two trees have one structure and close leaves."""
    (xs, one), (ys, other) = flatten(x), flatten(y)
    assert one == other, f"check_equivalent: structures {one} and {other}"
    for a, b in zip(xs, ys, strict=True):
        np.testing.assert_allclose(a, b, rtol=_TOLERANCE, atol=_TOLERANCE)


def combo_check(f: Callable[..., Any], modes: Any = ("fwd", "rev"), order: int = 2) -> Any:
    """``check_grads`` for every combination of the arguments that are listed."""

    def check(*args: Sequence[Any], **kwargs: Sequence[Any]) -> None:
        names = list(kwargs)
        for values in itertools.product(*args, *kwargs.values()):
            named = dict(zip(names, values[len(args) :], strict=True))
            check_grads(f, modes, order)(*values[: len(args)], **named)

    return check
