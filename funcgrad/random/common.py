"""What the distributions share: uniform and normal variates, shapes, parameters."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from math import sqrt
from operator import index
from typing import Any

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.errors import ShapeError
from funcgrad.ops.functions.common import array_of, as_dtype, spread_to
from funcgrad.ops.random import drawn_bits
from funcgrad.ops.special import erfinv
from funcgrad.random.keys import derived, used
from funcgrad.trace.tracer import is_traced

FLOAT, SINGLE, INT = np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.int64)


def draw(function: Any) -> Any:
    """A public draw: its key is checked and used up, and infinities need no warning."""

    @wraps(function)
    def public(key: Any, *args: Any, **kwargs: Any) -> Any:
        key = used(key, function.__name__)
        with np.errstate(all="ignore"):
            return function(key, *args, **kwargs)

    return public


# -- arguments ---------------------------------------------------------------------------------


def float_dtype(who: str, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype not in (FLOAT, SINGLE):
        raise TypeError(f"{who}: draws float64 or float32, not {dtype}; convert the result")
    return dtype


def integer_dtype(who: str, dtype: Any) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        raise TypeError(f"{who}: draws integers, not {dtype}; convert the result")
    return dtype


def shape_of(who: str, shape: Any, *params: Any) -> tuple[int, ...]:
    """The shape of a draw: as given, or as its parameters have it where it is None."""
    own = np.broadcast_shapes(*[np.shape(p) for p in params])
    if shape is None:
        return own
    shape = tuple(index(n) for n in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    if any(n < 0 for n in shape):
        raise ValueError(f"{who}: the shape must not have negative numbers, not {shape}")
    fits = len(own) <= len(shape) and all(
        n in (1, m) for n, m in zip(own[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"{who}: parameters of shape {own} do not broadcast to the shape {shape} of the draw"
        )
    return shape


def parameter(x: Any, dtype: Any) -> Any:
    """A parameter as an operand of this dtype; Python's numbers adapt by themselves."""
    return x if isinstance(x, (int, float)) else as_dtype(array_of(x), dtype)


def full_parameter(x: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A parameter as an array of the draw's shape."""
    return spread_to(as_dtype(array_of(x), dtype), shape)


def require(who: str, name: str, x: Any, good: Callable[[Any], Any], what: str) -> None:
    """Raise where a parameter is known and bad; a traced one is taken as it is."""
    if not is_traced(x) and not np.all(good(np.asarray(x))):
        raise ValueError(f"{who}: {name} must be {what}, not {x!r:.60}")


def positive(who: str, **parameters: Any) -> None:
    for name, x in parameters.items():
        require(who, name, x, lambda v: v > 0, "positive")


def probability(who: str, p: Any) -> None:
    require(who, "p", p, lambda v: (v >= 0) & (v <= 1), "a probability, from 0 to 1")


# -- variates ----------------------------------------------------------------------------------


def unit(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Multiples of 2^-52 (float32: 2^-23) in [0, 1), all as likely."""
    if dtype == FLOAT:
        return as_dtype(drawn_bits(key, shape, 64) >> 12, dtype) * 2.0**-52
    return as_dtype(drawn_bits(key, shape, 32) >> 9, dtype) * 2.0**-23


def open_unit(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """The same, with the smallest normal number in place of 0."""
    return unit(key, shape, dtype) + float(np.finfo(dtype).tiny)


def signed_unit(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Uniform in (-1, 1)."""
    low = np.nextafter(dtype.type(-1), dtype.type(0))
    return scaled(unit(key, shape, dtype), float(low), float(dtype.type(1) - low))


def scaled(u: Any, low: Any, span: Any) -> Any:
    """From [0, 1) to [low, low + span); rounding must not fall below."""
    return np.maximum(low, u * span + low)


def random_sign(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return np.where(unit(key, shape, dtype) < 0.5, dtype.type(-1), dtype.type(1))


def gaussian(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return erfinv(signed_unit(key, shape, dtype)) * sqrt(2)


def standard_exponential(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return -np.log1p(-unit(key, shape, dtype))


def standard_gumbel(key: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return -np.log(-np.log(open_unit(key, shape, dtype)))


def accepted(key: Any, propose: Callable[[Any], Any], pending: Any, start: Any) -> Any:
    """Rejection: ``propose(key)`` gives candidates and whether each is accepted; every element
    takes the first of its own that is. Elements that are not pending keep what they start with."""

    def once(carry: Any) -> Any:
        i, pending, found = carry
        candidate, good = propose(derived(key, as_dtype(i, np.dtype(np.uint64))))
        taken = np.logical_and(pending, good)
        return (
            i + 1,
            np.logical_and(pending, np.logical_not(good)),
            np.where(taken, candidate, found),
        )

    return while_loop(lambda carry: np.any(carry[1]), once, (np.int64(0), pending, start))[2]
