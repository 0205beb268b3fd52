"""The Array API standard's namespace, every call of which runs inside a trace, under ``jit``.

Arrays are wrapped, so that their operators, methods and indexing are traced too: ``x + y`` here is
``jit(lambda x, y: x + y)(x, y)`` on the plain arrays. The conformance suite takes this module for
an array library like any other.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

import funcgrad
import funcgrad.numpy as fnp
from funcgrad.trace.tracer import is_traced

__array_api_version__ = fnp.__array_api_version__
float32, float64, complex64, complex128 = np.float32, np.float64, np.complex64, np.complex128
int8, int16, int32, int64 = np.int8, np.int16, np.int32, np.int64
uint8, uint16, uint32, uint64 = np.uint8, np.uint16, np.uint32, np.uint64
bool = np.bool
e, inf, nan, newaxis, pi = np.e, np.inf, np.nan, None, np.pi
finfo, iinfo = np.finfo, np.iinfo


class Array:
    """A plain array whose every use is traced."""

    __array_priority__ = 2000.0

    def __init__(self, plain: Any):
        self.plain = np.asarray(plain)

    def __repr__(self) -> str:
        return f"traced.{self.plain!r}"

    def __array_namespace__(self, *, api_version: Any = None) -> Any:
        import tests.array_api.traced as me

        return me

    def __setitem__(self, key: Any, value: Any) -> None:
        def assigned(x: Any, key: Any, value: Any) -> Any:
            x[key] = value
            return x

        self.plain = traced(assigned)(self, key, value).plain

    def __bool__(self) -> Any:
        return self.plain.__bool__()

    def __int__(self) -> int:
        return int(self.plain)

    def __float__(self) -> float:
        return float(self.plain)

    def __complex__(self) -> complex:
        return complex(self.plain)

    def __index__(self) -> int:
        return operator.index(self.plain)

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None,
        copy: Any = None,
    ) -> Any:  # fmt: skip
        return self.plain.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> Any:
        return self.plain.__dlpack_device__()

    def to_device(self, device: Any, /, *, stream: Any = None) -> Array:
        return Array(self.plain.to_device(device, stream=stream))


def _operators() -> None:
    for name in (
        "abs", "add", "and", "eq", "floordiv", "ge", "getitem", "gt", "invert", "le", "lshift",
        "lt", "matmul", "mod", "mul", "ne", "neg", "or", "pos", "pow", "rshift", "sub", "truediv",
        "xor",
    ):  # fmt: skip
        word = f"__{name}__"
        setattr(Array, word, _method(getattr(operator, word)))
        if hasattr(operator, f"__i{name}__"):
            setattr(Array, f"__i{name}__", _in_place(getattr(operator, f"__i{name}__")))
        if hasattr(np.ndarray, f"__r{name}__"):
            setattr(Array, f"__r{name}__", _method(_turned(getattr(operator, word))))
    for name in ("dtype", "ndim", "shape", "size", "device"):
        setattr(Array, name, property(lambda x, name=name: getattr(x.plain, name)))
    for name in ("T", "mT"):
        setattr(Array, name, property(_method(operator.attrgetter(name))))


def _turned(function: Any) -> Any:
    return lambda x, y: function(y, x)


def _method(function: Any) -> Any:
    def method(self: Any, *others: Any) -> Any:
        return traced(function)(self, *others)

    return method


def _in_place(function: Any) -> Any:
    def method(self: Any, other: Any) -> Any:
        before = self.plain.dtype
        self.plain = traced(function)(self, other).plain
        assert self.plain.dtype == before, f"{function}: {before} became {self.plain.dtype}"
        return self

    return method


# -- calls in a trace ------------------------------------------------------------------------------


def traced(function: Any) -> Any:
    """The function under ``jit``; what it returns besides arrays is handed out as it is."""

    def call(*args: Any, **kwargs: Any) -> Any:
        given: list[Any] = []
        shell = _taken((args, kwargs), given)
        told: list[Any] = []

        def body(*xs: Any) -> Any:
            args, kwargs = _filled(shell, list(xs))
            found: list[Any] = []
            told[:] = [_taken(function(*args, **kwargs), found, traced_too=True)]
            return tuple(found)

        outs = [np.asarray(x) for x in funcgrad.jit(body)(*given)]
        return _filled(told[0], [Array(x) for x in outs])

    call.__name__ = getattr(function, "__name__", "call")
    call.__wrapped__ = function
    return call


class _Slot:
    """Stands for the k-th array."""

    def __init__(self, k: int):
        self.k = k


def _taken(x: Any, found: list[Any], traced_too: Any = False) -> Any:
    """A nested value with its arrays taken out."""
    plain = x.plain if isinstance(x, Array) else x
    if isinstance(plain, np.ndarray | np.generic) or (traced_too and is_traced(plain)):
        found.append(plain)
        return _Slot(len(found) - 1)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*[_taken(item, found, traced_too) for item in x])
    if isinstance(x, list | tuple):
        return type(x)(_taken(item, found, traced_too) for item in x)
    if isinstance(x, dict):
        return {key: _taken(item, found, traced_too) for key, item in x.items()}
    return x


def _filled(x: Any, arrays: list[Any]) -> Any:
    """The nested value with arrays put in again."""
    if isinstance(x, _Slot):
        return arrays[x.k]
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*[_filled(item, arrays) for item in x])
    if isinstance(x, list | tuple):
        return type(x)(_filled(item, arrays) for item in x)
    if isinstance(x, dict):
        return {key: _filled(item, arrays) for key, item in x.items()}
    return x


class _Extension:
    """``linalg`` and ``fft``."""

    def __init__(self, module: Any):
        self.module = module

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.module, name)
        return traced(found) if callable(found) and not isinstance(found, type) else found


linalg, fft = _Extension(fnp.linalg), _Extension(fnp.fft)


def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Array:
    return Array(np.from_dlpack(x, device=device, copy=copy))


def isdtype(dtype: Any, kind: Any) -> Any:
    return np.isdtype(dtype, kind)


def __array_namespace_info__() -> Any:  # noqa: N807, the standard's name
    return np.__array_namespace_info__()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return traced(getattr(fnp, name))


_operators()
