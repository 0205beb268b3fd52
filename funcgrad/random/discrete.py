"""Discrete distributions: integers, truth values, counts; they carry no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of
from funcgrad.ops.random import drawn_bits
from funcgrad.random.common import (
    FLOAT,
    INT,
    draw,
    full_parameter,
    integer_dtype,
    open_unit,
    parameter,
    probability,
    require,
    shape_of,
    standard_gumbel,
    unit,
)
from funcgrad.random.keys import parts
from funcgrad.trace.tracer import is_traced


@draw
def bits(key: Any, shape: Any = (), dtype: Any = np.uint32) -> Any:
    """Random bits: unsigned integers, uint64, uint32, uint16 or uint8, all as likely.

    >>> from funcgrad import random
    >>> random.bits(random.key(0), (2,))
    array([4070199207, 4202968722], dtype=uint32)
    """
    dtype = np.dtype(dtype)
    if dtype.kind != "u":
        raise TypeError(f"bits: draws unsigned integers, not {dtype}")
    width = max(32, 8 * dtype.itemsize)
    return as_dtype(drawn_bits(key, shape_of("bits", shape), width), dtype)


_MASK = np.uint64(2**32 - 1)


def _high_product(x: Any, y: Any) -> Any:
    """The upper 64 of the 128 bits of a product, from halves."""
    x0, x1, y0, y1 = x & _MASK, x >> 32, y & _MASK, y >> 32
    middle = x1 * y0 + (x0 * y0 >> 32)
    return x1 * y1 + (middle >> 32) + (x0 * y1 + (middle & _MASK) >> 32)


def _bound(x: Any) -> Any:
    """A bound modulo 2^64."""
    return np.uint64(x & (2**64 - 1)) if isinstance(x, int) else as_dtype(array_of(x), np.uint64)


def _check_bounds(minval: Any, maxval: Any, dtype: Any) -> None:
    for name, x in (("minval", minval), ("maxval", maxval)):
        if not isinstance(x, int) and array_of(x).dtype.kind not in "iu":
            raise TypeError(f"randint: {name} must be an integer, not {x!r:.60}")
    least, most = (int(n) for n in (np.iinfo(dtype).min, np.iinfo(dtype).max))
    require("randint", "minval", minval, lambda v: v >= least, f"at least {least}")
    require("randint", "maxval", maxval, lambda v: v <= most + 1, f"at most {most} + 1")
    if not is_traced(minval) and not is_traced(maxval):
        above = np.asarray(maxval, object) > np.asarray(minval, object)
        if not np.all(above):
            raise ValueError(f"randint: maxval must be above minval, not {maxval!r} and {minval!r}")


@draw
def randint(key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = INT) -> Any:
    """Integers from minval to maxval - 1: floor(u (maxval - minval)) with u of 128 bits.

    So all are as likely, but for less than 1 in 2^64. Raises ValueError where maxval <= minval
    (where that is not known, every draw is minval), and TypeError for bounds that are no integers.

    >>> from funcgrad import random
    >>> x = random.randint(random.key(0), (100,), 1, 7)
    >>> int(x.min()), int(x.max())
    (1, 6)
    """
    dtype, shape = integer_dtype("randint", dtype), shape_of("randint", shape, minval, maxval)
    _check_bounds(minval, maxval, dtype)
    low, span = _bound(minval), _bound(maxval) - _bound(minval)
    if is_traced(minval) or is_traced(maxval):
        span = np.where(minval < maxval, span, np.uint64(1))
    first, second = parts(key, 2)
    upper, lower = (drawn_bits(k, shape, 64) for k in (first, second))
    whole = upper * span
    carried = np.where(whole + _high_product(lower, span) < whole, np.uint64(1), np.uint64(0))
    offset = np.where(span == 0, upper, _high_product(upper, span) + carried)
    return as_dtype(low + offset, dtype)


@draw
def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """True with probability p.

    >>> from funcgrad import random
    >>> random.bernoulli(random.key(0), 0.3, (2,)).dtype
    dtype('bool')
    """
    probability("bernoulli", p)
    return unit(key, shape_of("bernoulli", shape, p), FLOAT) < parameter(p, FLOAT)


@draw
def rademacher(key: Any, shape: Any = (), dtype: Any = INT) -> Any:
    """-1 or 1, as likely.

    >>> from funcgrad import random
    >>> sorted({*random.rademacher(random.key(0), (20,)).tolist()})
    [-1, 1]
    """
    shape = shape_of("rademacher", shape)
    return as_dtype(np.where(unit(key, shape, FLOAT) < 0.5, 1, -1), dtype)


@draw
def geometric(key: Any, p: Any, shape: Any = None, dtype: Any = INT) -> Any:
    """How many trials until the first success, each of probability p: at least 1.

    Counts beyond the dtype's largest number are that number.

    >>> from funcgrad import random
    >>> int(random.geometric(random.key(0), 1.0))
    1
    """
    dtype, shape = integer_dtype("geometric", dtype), shape_of("geometric", shape, p)
    require("geometric", "p", p, lambda v: (v > 0) & (v <= 1), "a probability above 0")
    p = full_parameter(p, shape, FLOAT)
    sure = p >= 1
    found = np.log(open_unit(key, shape, FLOAT)) / np.log1p(-np.where(sure, 0.5, p))
    most = np.nextafter(float(np.iinfo(dtype).max), 0)
    return as_dtype(np.where(sure, 1, np.minimum(np.floor(found) + 1, most)), dtype)


@draw
def categorical(key: Any, logits: Any, axis: int = -1, shape: Any = None) -> Any:
    """Indices along an axis, of probabilities proportional to exp(logits): the largest of
    logits + Gumbel noise.

    ``shape`` is that of the result; what it has in front of the other axes of the logits is drawn
    independently.

    >>> import numpy as np
    >>> from funcgrad import random
    >>> int(random.categorical(random.key(0), np.log(np.array([0.0001, 0.9999]))))
    1
    """
    logits = as_dtype(array_of(logits), FLOAT)
    axis = axis_of(axis, len(logits.shape))
    own = (*logits.shape[:axis], *logits.shape[axis + 1 :])
    shape = shape_of("categorical", shape, np.empty(own))
    if shape[len(shape) - len(own) :] != own:
        raise ShapeError(
            f"categorical: the shape {shape} must end in {own}, that of the logits without axis "
            f"{axis}"
        )
    front = shape[: len(shape) - len(own)]
    noise = standard_gumbel(key, (*front, *logits.shape), FLOAT)
    return np.argmax(noise + logits, axis=len(front) + axis)
