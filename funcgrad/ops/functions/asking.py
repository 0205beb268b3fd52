"""Questions about arrays: comparisons with tolerance, shapes, types, text."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ConcretizationError
from funcgrad.ir.avals import python_kind
from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, axes_of, covers
from funcgrad.ops.functions.reducing import all_
from funcgrad.trace.tracer import is_traced


@covers(np.isclose)
def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    x, y = array_of(a), array_of(b)
    near = e.less_equal(e.absolute(x - y), atol + rtol * e.absolute(y))
    out = e.logical_or(e.logical_and(near, e.isfinite(y)), e.equal(x, y))
    if equal_nan:
        out = e.logical_or(out, e.logical_and(e.isnan(x), e.isnan(y)))
    return out


@covers(np.allclose)
def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return all_(isclose(a, b, rtol, atol, equal_nan))


@covers(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    x, y = array_of(a1), array_of(a2)
    if tuple(x.shape) != tuple(y.shape):
        return False
    same = e.equal(x, y)
    if equal_nan and x.dtype.kind in "fc" and y.dtype.kind in "fc":
        same = e.logical_or(same, e.logical_and(e.isnan(x), e.isnan(y)))
    return all_(same)


@covers(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    x, y = array_of(a1), array_of(a2)
    try:
        np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    except ValueError:
        return False
    return all_(e.equal(x, y))


# -- what is known without values ------------------------------------------------------------


@covers(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return tuple(array_of(a).shape)


@covers(np.ndim)
def ndim(a: Any) -> int:
    return len(shape(a))


@covers(np.size)
def size(a: Any, axis: Any = None) -> int:
    lengths = shape(a)
    return int(np.prod([lengths[i] for i in axes_of(axis, len(lengths))], dtype=int))


def _kind(x: Any) -> Any:
    if not is_traced(x):
        return x
    return python_kind(x.aval)(0) if x.aval.weak else x.dtype


def isscalar(element: Any) -> bool:
    """Traced values without axes stand for NumPy's scalars."""
    return element.ndim == 0 if is_traced(element) else np.isscalar(element)


@covers(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*[_kind(x) for x in arrays_and_dtypes])


@covers(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return bool(np.can_cast(from_.dtype, to, casting))


@covers(np.min_scalar_type)
def min_scalar_type(a: Any) -> Any:
    return a.dtype


@covers(np.einsum_path)
def einsum_path(*operands: Any, **kwargs: Any) -> Any:
    """The order of contraction, which depends on shapes alone."""
    shapes = [np.empty(x.shape, x.dtype) if is_traced(x) else x for x in operands]
    return np.einsum_path(*shapes, **kwargs)


@covers(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*[np.empty(0, array_of(x).dtype) for x in arrays])


@covers(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return bool(array_of(x).dtype.kind == "c")


@covers(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return not iscomplexobj(x)


@covers(np.iscomplex)
def iscomplex(x: Any) -> Any:
    return e.not_equal(e.imag(array_of(x)), 0)


@covers(np.isreal)
def isreal(x: Any) -> Any:
    return e.equal(e.imag(array_of(x)), 0)


@covers(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    return e.equal(array_of(x), np.inf)


@covers(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    return e.equal(array_of(x), -np.inf)


# -- memory and text ---------------------------------------------------------------------------


@covers(np.shares_memory, np.may_share_memory)
def shares_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    raise ConcretizationError("a traced value has no memory yet; ask of what the program returns")


def _printing(numpy_function: Any) -> None:
    def text(a: Any, *args: Any, **kwargs: Any) -> Any:
        return numpy_function(a.concrete() if is_traced(a) else a, *args, **kwargs)

    covers(numpy_function)(text)


for _function in (np.array2string, np.array_repr, np.array_str):
    _printing(_function)
