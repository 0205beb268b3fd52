"""The operators and the short paths of a ``Tracer``: where re-tracing spends its time.

Each operator tries one look-up on its own before it asks ``Trace.record``, whose keys it
builds the same way.
"""

from __future__ import annotations

from typing import Any

from numpy import can_cast, ndarray

from funcgrad import config
from funcgrad.ir.avals import interned
from funcgrad.ops import elementwise as e
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer, View, assign

_current = running.get


def _binary(prim: Any) -> Any:
    def method(x: Any, y: Any) -> Any:
        trace = x._trace
        if trace is _current():
            cls = y.__class__
            if cls is Tracer or cls is View:
                if y._trace is trace:
                    node = trace.node.edges.get((prim, (), x._var, y._var))
                    if node is not None:
                        trace.node = node
                        return Tracer(trace, node.out)
            elif cls is float or cls is int:
                node = trace.node.edges.get((prim, (), x._var, cls))
                if node is not None:
                    trace.node = node
                    trace.inputs.append(y)
                    return Tracer(trace, node.out)
        return record(prim, x, y)

    return method


def _reflected(prim: Any) -> Any:
    def method(x: Any, y: Any) -> Any:
        trace = x._trace
        if trace is _current():
            cls = y.__class__
            if cls is float or cls is int:
                node = trace.node.edges.get((prim, (), cls, x._var))
                if node is not None:
                    trace.node = node
                    trace.inputs.append(y)
                    return Tracer(trace, node.out)
        return record(prim, y, x)

    return method


def binary_ufunc(prim: Any) -> Any:
    """A handler of two operands, either of them traced."""
    forward = _binary(prim)

    def handler(x: Any, y: Any) -> Any:
        cls = x.__class__
        if cls is Tracer or cls is View:
            return forward(x, y)
        trace = _current()
        if cls is ndarray and trace is y._trace and trace.copies and x.nbytes <= config.copy_limit:
            node = trace.node.edges.get((prim, (), interned[x.shape, x.dtype], y._var))
            if node is not None:
                trace.node = node
                trace.inputs.append(x.copy())
                return Tracer(trace, node.out)
        return record(prim, x, y)

    return handler


def unary(prim: Any) -> Any:
    """A handler of one operand: for operators and for ufuncs."""

    def method(x: Any) -> Any:
        trace = x._trace
        if trace is _current():
            node = trace.node.edges.get((prim, (), x._var))
            if node is not None:
                trace.node = node
                return Tracer(trace, node.out)
        return record(prim, x)

    return method


def record(prim: Any, *operands: Any, **params: Any) -> Any:
    """The general way: operands of any kind."""
    return prim(*[operand(x) for x in operands], **params)


def operand(x: Any) -> Any:
    """A list among the operands counts as the array it stands for, as in NumPy."""
    if x.__class__ is list or x.__class__ is tuple:
        return hooks.stack(x)
    return x


def _power(x: Any, y: Any) -> Any:
    cls = y.__class__
    if cls is int or (cls is float and x._var.aval.dtype.kind in "fc"):
        trace = x._trace
        if trace is _current():  # 2 and 2.0 are one label: on floats they mean the same
            node = trace.node.edges.get((e.raise_to, (("exponent", y),), x._var))
            if node is not None:
                trace.node = node
                return Tracer(trace, node.out)
        if cls is float and y.is_integer():
            y = int(y)
        return e.raise_to(x, exponent=y)
    return record(e.power, x, y)


def _in_place(method: Any) -> Any:
    def update(x: Any, y: Any) -> Any:
        new = method(x, y)
        if new is NotImplemented or not x.shape:
            return new  # NumPy's scalars are immutable: += makes a new one
        assign(x, fitted(x, new))
        return x

    return update


def fitted(x: Any, new: Any) -> Any:
    """The result of an in-place operation in the shape and dtype of its target."""
    if new.shape != x.shape:
        raise ValueError(
            f"in-place operation: a result of shape {new.shape} does not fit an array "
            f"of shape {x.shape}"
        )
    if new.dtype != x.dtype:
        if not can_cast(new.dtype, x.dtype, "same_kind"):
            raise TypeError(f"in-place operation: cannot cast {new.dtype} to {x.dtype}")
        return e.convert(new, dtype=x.dtype)
    return new


_BINARY = {
    "add": e.add, "sub": e.subtract, "mul": e.multiply, "truediv": e.divide,
    "floordiv": e.floor_divide, "mod": e.remainder, "and": e.bitwise_and, "or": e.bitwise_or,
    "xor": e.bitwise_xor, "lshift": e.left_shift, "rshift": e.right_shift,
}  # fmt: skip
_COMPARE = {"lt": e.less, "le": e.less_equal, "gt": e.greater, "ge": e.greater_equal,
            "eq": e.equal, "ne": e.not_equal}  # fmt: skip


def install() -> None:
    """Give the tracer its operators."""
    for name, prim in _BINARY.items():
        method = _binary(prim)
        setattr(Tracer, f"__{name}__", method)
        setattr(Tracer, f"__r{name}__", _reflected(prim))
        setattr(Tracer, f"__i{name}__", _in_place(method))
    for name, prim in _COMPARE.items():
        setattr(Tracer, f"__{name}__", _binary(prim))
    for name, prim in {
        "neg": e.negative,
        "pos": e.positive,
        "abs": e.absolute,
        "invert": e.invert,
    }.items():
        setattr(Tracer, f"__{name}__", unary(prim))
    Tracer.__pow__ = _power  # type: ignore[attr-defined, operator]
    Tracer.__rpow__ = _reflected(e.power)  # type: ignore[attr-defined]
    Tracer.__ipow__ = _in_place(_power)  # type: ignore[attr-defined]
    Tracer.__rdivmod__ = lambda y, x: (x // y, x % y)  # type: ignore[attr-defined]
    Tracer.__divmod__ = lambda x, y: (x // y, x % y)  # type: ignore[attr-defined, operator]


install()
