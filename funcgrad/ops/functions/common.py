"""What the functions share: operands, axes, arguments that are refused by name."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

import numpy as np

from funcgrad.errors import ConcretizationError, NotTraceableError
from funcgrad.ops.elementwise import convert
from funcgrad.ops.families import known_aval, result_dtype
from funcgrad.ops.indexing import put
from funcgrad.ops.shaping import broadcast_to, concatenate, reshape
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import functions, hooks
from funcgrad.trace.tracer import Outcome, Tracer, assign, is_traced

__all__ = ["array_of", "axes_of", "axis_of", "covers", "into", "known", "made", "refuse"]


def covers(*numpy_functions: Any) -> Callable[[Any], Any]:
    """Register the function below as what these functions of NumPy mean on traced values."""

    def register(handler: Any) -> Any:
        for function in numpy_functions:
            if function is not None:
                functions[function] = handler
        return handler

    return register


def refuse(who: str, **arguments: Any) -> None:
    """Raise for arguments that mean something to NumPy and nothing here."""
    for name, value in arguments.items():
        if value is not None:
            raise NotTraceableError(
                f"{who}: the argument {name}={value!r:.40} is not covered on traced values; leave "
                "it out, or write the operation with others that are"
            )


# -- operands --------------------------------------------------------------------------------


def array_of(x: Any) -> Any:
    """An operand with shape and dtype: lists are stacked, numbers become arrays."""
    if is_traced(x) or hasattr(x, "dtype"):
        return x
    if isinstance(x, (list, tuple)) and holds_traced(x):
        return stacked(x)
    return np.asarray(x)


def holds_traced(x: Any) -> bool:
    """Whether a nested list has a traced value anywhere in it."""
    if isinstance(x, (list, tuple)):
        return any(holds_traced(item) for item in x)
    return is_traced(x)


def stacked(items: Any) -> Any:
    """The array that a nested list stands for, traced values included."""
    parts = [array_of(item) for item in items]
    shapes = {tuple(p.shape) for p in parts}
    if len(shapes) > 1:
        raise ValueError(f"a list of arrays of different shapes, {sorted(shapes)}, is no array")
    lined = [reshape(p, shape=(1, *p.shape)) for p in parts]
    return concatenate(*lined, axis=0)


hooks.stack = array_of


def same(x: Any) -> Any:
    """A handle of its own on the same value, as NumPy's copies are; arrays are copied."""
    return Tracer(x._trace, x._var) if is_traced(x) else np.array(x)


def known(x: Any) -> Any:
    """The plain array, which Python has to know: of a traced value, a decision."""
    x = array_of(x)
    return x.decide(Outcome).array if is_traced(x) else x


def dtype_of(*xs: Any) -> Any:
    """NumPy's promotion over operands of any kind."""
    return result_dtype(*[known_aval(x) for x in xs])


def as_dtype(x: Any, dtype: Any) -> Any:
    """x converted, where a dtype is given and differs."""
    if dtype is None or (hasattr(x, "dtype") and x.dtype == dtype):
        return x
    return convert(x, dtype=np.dtype(dtype))


def spread_to(x: Any, shape: tuple[int, ...]) -> Any:
    return x if np.shape(x) == shape else broadcast_to(x, shape=shape)


def into(out: Any, result: Any) -> Any:
    """``out=``: a traced handle takes the result, a plain array cannot hold one."""
    if out is None:
        return result
    if is_traced(out):
        if out.shape != np.shape(result):
            raise ValueError(f"out= has shape {out.shape}, the result {np.shape(result)}")
        assign(out, put(out, as_dtype(result, out.dtype), items=()))
        return out
    if is_traced(result):
        raise ConcretizationError(
            "out= is a plain array, which cannot hold a traced result; leave out= away, or make "
            "the array with np.zeros_like(x) or funcgrad.numpy.zeros inside the traced function"
        )
    out[...] = result
    return out


hooks.into = into


def made(prim: Any, *operands: Any, **params: Any) -> Any:
    """An array out of nothing: traced while a trace is running, so that it can be filled."""
    trace = running.get()
    if trace is None:
        return prim(*operands, **params)
    return trace.record(prim, operands, tuple(params.items()), force=True)


# -- axes ------------------------------------------------------------------------------------


def axis_of(axis: Any, rank: int) -> int:
    """One axis, not negative; raises NumPy's AxisError."""
    place = index(axis)
    if not -rank <= place < rank:
        raise np.exceptions.AxisError(place, rank)
    return place % rank


def axes_of(axis: Any, rank: int) -> tuple[int, ...]:
    """Axes as a sorted tuple; None stands for all of them."""
    if axis is None:
        return tuple(range(rank))
    if isinstance(axis, (tuple, list)):
        axes = sorted(axis_of(a, rank) for a in axis)
        if len(set(axes)) != len(axes):
            raise ValueError(f"duplicate value in axis={axis!r}")
        return tuple(axes)
    return (axis_of(axis, rank),)


def shape_from(shape: Any) -> tuple[int, ...]:
    """A shape argument: an integer or a sequence of them."""
    if isinstance(shape, (tuple, list)) or bool(getattr(shape, "ndim", False)):
        return tuple(index(n) for n in shape)
    return (index(shape),)


def flat(x: Any) -> Any:
    """All elements in a row: what axis=None means for many functions."""
    return x if len(x.shape) == 1 else reshape(x, shape=(int(np.prod(x.shape)),))
