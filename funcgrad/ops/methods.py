"""The methods and properties of ``ndarray`` on traced values, and ``x.at[...]``."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import ConcretizationError
from funcgrad.ops.functions import (
    creating,
    cumulating,
    numerics,
    reducing,
    selecting,
    shaping,
    sorting,
)
from funcgrad.ops.functions.common import array_of, as_dtype, flat, same
from funcgrad.ops.getitem import getitem, scattered, setitem
from funcgrad.trace.dispatch import functions, hooks, ufuncs
from funcgrad.trace.tracer import Tracer, assign

# -- shapes --------------------------------------------------------------------------------------


def reshape(x: Any, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    return shaping.reshape(x, shape[0] if len(shape) == 1 else shape, order, copy=copy)


def transpose(x: Any, *axes: Any) -> Any:
    if not axes or axes == (None,):
        return shaping.transpose(x)
    return shaping.transpose(x, axes[0] if isinstance(axes[0], (tuple, list)) else axes)


def flatten(x: Any, order: str = "C") -> Any:
    return same(flat(shaping.reverse(x) if order == "F" else x))


def astype(x: Any, dtype: Any, order: str = "K", casting: Any = "unsafe", subok: bool = True,
           copy: bool = True) -> Any:  # fmt: skip
    if not np.can_cast(x.dtype, dtype, casting):
        raise TypeError(f"astype: cannot cast {x.dtype} to {np.dtype(dtype)} under {casting!r}")
    out = as_dtype(x, dtype)
    return same(out) if copy else out


# -- in place ------------------------------------------------------------------------------------


def sort(
    x: Any, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    assign(x, sorting.sort(x, axis, kind, order))


def partition(x: Any, kth: Any, axis: int = -1, kind: Any = None, order: Any = None) -> None:
    assign(x, sorting.sort(x, axis, kind, order))


def fill(x: Any, value: Any) -> None:
    setitem(x, Ellipsis, value)


def itemset(x: Any, *args: Any) -> None:
    setitem(x, args[:-1], args[-1])


def round_to(x: Any, digits: Any = None) -> Any:
    """``round(x)``: an int without digits, as from a float."""
    if digits is None:
        raise x._cut("round(x)", "np.rint(x), or round(x, 0)")
    return numerics.round_(x, digits)


def _whole(name: str, remedy: str) -> Any:
    def refuse(x: Any) -> Any:
        raise x._cut(name, remedy)

    return refuse


def _refusing(name: str, remedy: str) -> Any:
    def refuse(x: Any, *args: Any, **kwargs: Any) -> Any:
        raise ConcretizationError(
            f"x.{name} looks into memory, and a traced value has none: {remedy}"
        )

    return refuse


# -- x.at[...] -----------------------------------------------------------------------------------


class At:
    """``x.at[items]``: updates that give a new array and leave x as it is.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> grad(lambda x: np.sum(x.at[0].set(3.0) * x))(np.array([1.0, 2.0]))
    array([3., 4.])
    """

    __slots__ = ("items", "x")

    def __init__(self, x: Any, items: Any = None):
        self.x, self.items = x, items

    def __getitem__(self, items: Any) -> At:
        return At(self.x, items)

    def get(self) -> Any:
        return same(getitem(self.x, self.items))

    def set(self, value: Any) -> Any:
        return scattered(self.x, self.items, value)

    def add(self, value: Any) -> Any:
        return scattered(self.x, self.items, value, "add")

    def subtract(self, value: Any) -> Any:
        return self.add(-array_of(value))

    def multiply(self, value: Any) -> Any:
        return scattered(self.x, self.items, value, "multiply")

    def divide(self, value: Any) -> Any:
        return self.multiply(1.0 / array_of(value))

    def power(self, value: Any) -> Any:
        return self.set(self.get() ** value)

    def min(self, value: Any) -> Any:
        return scattered(self.x, self.items, value, "minimum")

    def max(self, value: Any) -> Any:
        return scattered(self.x, self.items, value, "maximum")

    def apply(self, function: Any) -> Any:
        return self.set(function(self.get()))


# -- the table -----------------------------------------------------------------------------------


def _later(function: Any) -> Any:
    """A method that is a function of NumPy, looked up when it is called."""
    return lambda x, *args, **kwargs: functions[function](x, *args, **kwargs)


def _clip(x: Any, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
    return selecting.clip(x, min, max, out, **kwargs)


def _compress(x: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
    return selecting.compress(condition, x, axis, out)


_METHODS: dict[str, Any] = {
    "sum": reducing.sum_, "prod": reducing.prod, "mean": reducing.mean, "var": reducing.var,
    "std": reducing.std, "max": reducing.max_, "min": reducing.min_, "any": reducing.any_,
    "all": reducing.all_, "cumsum": cumulating.cumsum, "cumprod": cumulating.cumprod,
    "argmax": sorting.argmax, "argmin": sorting.argmin, "argsort": sorting.argsort,
    "argpartition": sorting.argpartition, "searchsorted": sorting.searchsorted,
    "nonzero": sorting.nonzero, "sort": sort, "partition": partition,
    "reshape": reshape, "ravel": shaping.ravel, "flatten": flatten, "transpose": transpose,
    "swapaxes": shaping.swapaxes, "squeeze": shaping.squeeze, "repeat": shaping.repeat,
    "copy": creating.copy, "astype": astype, "clip": _clip, "round": numerics.round_,
    "conj": lambda x: ufuncs[np.conjugate](x), "conjugate": lambda x: ufuncs[np.conjugate](x),
    "take": selecting.take, "compress": _compress, "choose": selecting.choose,
    "put": selecting.put, "fill": fill, "itemset": itemset, "dot": _later(np.dot),
    "trace": _later(np.trace), "diagonal": _later(np.diagonal),
    "view": _refusing("view", "x.astype(dtype) converts, x.reshape(shape) shapes"),
    "tobytes": _refusing("tobytes", "return x and ask the result"),
    "resize": _refusing("resize", "np.concatenate or np.pad make a new array"),
    "__copy__": same, "__deepcopy__": lambda x, memo: same(x), "__round__": round_to,
    "__trunc__": _whole("math.trunc(x)", "np.trunc(x)"),
    "__floor__": _whole("math.floor(x)", "np.floor(x)"),
    "__ceil__": _whole("math.ceil(x)", "np.ceil(x)"),
    "__array_namespace__": lambda x, *, api_version=None: hooks.array_namespace,
}  # fmt: skip


def _real(x: Any) -> Any:
    return numerics.real(x)


def _imag(x: Any) -> Any:
    return numerics.imag(x)


def _set_real(x: Any, value: Any) -> None:
    setitem(numerics.real(x), Ellipsis, value)


def _set_imag(x: Any, value: Any) -> None:
    if x.dtype.kind != "c":
        raise TypeError(f"an array of {x.dtype} has no imaginary part to set")
    setitem(numerics.imag(x), Ellipsis, value)


def _matrix_transpose(x: Any) -> Any:
    return shaping.matrix_transpose(x)


def _no_flat(x: Any) -> Any:
    raise ConcretizationError("x.flat is not covered on traced values; x.reshape(-1) is a view too")


def _strong(x: Any) -> Any:
    return "cpu"


_PROPERTIES = {
    "T": property(shaping.transpose), "mT": property(_matrix_transpose),
    "real": property(_real, _set_real), "imag": property(_imag, _set_imag),
    "at": property(At), "flat": property(_no_flat), "device": property(_strong),
}  # fmt: skip


def install() -> None:
    """Give the tracer its methods."""
    for name, method in {**_METHODS, **_PROPERTIES}.items():
        setattr(Tracer, name, method)


install()
