"""Families of primitives: constructors that derive most rules from a few facts.

A partial derivative, with the output in scope, is the single truth of an elementwise
operation: its jvp, and with it linearize, vjp and everything above, follow.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.ir.avals import (
    Aval,
    array_aval,
    aval_of,
    broadcast_shapes,
    is_inexact,
    kind_of,
    python_kind,
    weak_aval,
)
from funcgrad.ir.primitive import Primitive
from funcgrad.trace.core import bind

__all__ = [
    "Linear",
    "Op",
    "define",
    "elementwise",
    "linear",
    "nondifferentiable",
    "ops",
    "structural",
]


class Op(Primitive):
    """A primitive that can be called: on tracers it records, on plain arrays it runs."""

    __slots__ = ()

    def __call__(self, *operands: Any, **params: Any) -> Any:
        return bind(self, operands, tuple(params.items()))


class Linear:
    """Stands for a linear operand in a transpose rule: it has an aval and no value."""

    __slots__ = ("aval",)

    def __init__(self, aval: Aval):
        self.aval = aval


def is_linear(x: Any) -> bool:
    return x.__class__ is Linear


# -- types -----------------------------------------------------------------------------------


def result_dtype(*avals: Aval) -> Any:
    """NumPy's promotion (NEP 50): Python numbers adapt to the arrays they meet."""
    return np.result_type(*[python_kind(a)(0) if a.weak else a.dtype for a in avals])


def broadcast_avals(name: str, avals: tuple[Aval, ...]) -> tuple[int, ...]:
    shape = broadcast_shapes(*[a.shape for a in avals])
    if shape is None:
        shapes = " and ".join(str(a.shape) for a in avals)
        raise ShapeError(f"{name}: shapes {shapes} do not broadcast together")
    return shape


def ufunc_type(name: str, ufunc: np.ufunc, weak: bool) -> Callable[..., Aval]:
    """Type rule of a NumPy ufunc; operators on Python numbers alone stay weak."""

    def rule(*avals: Aval) -> Aval:
        shape = broadcast_avals(name, avals)
        all_weak = all(a.weak for a in avals)
        given = [python_kind(a) if a.weak and not all_weak else a.dtype for a in avals]
        try:
            dtype = ufunc.resolve_dtypes((*given, None))[-1]
        except TypeError as error:
            kinds = ", ".join(a.dtype.name for a in avals)
            raise TypeError(f"{name}: not defined for {kinds}") from error
        if weak and all_weak and dtype.kind in "ifc":
            return weak_aval(kind_of(dtype))
        return array_aval(shape, dtype)

    return rule


# -- shared by rules -------------------------------------------------------------------------


def shape_of(x: Any) -> tuple[int, ...]:
    return x.shape if hasattr(x, "shape") else ()


def known_aval(x: Any) -> Aval:
    return x.aval if hasattr(x, "aval") else aval_of(x)


def like(t: Any, aval: Aval) -> Any:
    """``t`` broadcast and converted to an aval: the end of every jvp rule."""
    own = known_aval(t)
    if own.dtype != aval.dtype:
        t = ops.convert(t, dtype=aval.dtype)
    if own.shape != aval.shape:
        t = ops.broadcast_to(t, shape=aval.shape)
    return t


def ct_like(ct: Any, aval: Aval) -> Any:
    """The transpose of ``like``: sums what was broadcast, drops what was promoted."""
    own = known_aval(ct)
    if own.shape != aval.shape:
        extra = own.ndim - aval.ndim
        axes = tuple(range(extra)) + tuple(
            i + extra for i, n in enumerate(aval.shape) if n == 1 and own.shape[i + extra] != 1
        )
        if axes:
            ct = ops.reduce_sum(ct, axes=axes)
        if known_aval(ct).shape != aval.shape:
            ct = ops.reshape(ct, shape=aval.shape)
    if own.dtype.kind == "c" and aval.dtype.kind != "c":
        ct = ops.real(ct)
    if known_aval(ct).dtype != aval.dtype:
        ct = ops.convert(ct, dtype=aval.dtype)
    return ct


def total(terms: list[Any]) -> Any:
    """The sum of the terms that are not symbolic zeros."""
    out = None
    for term in terms:
        if term is not None:
            out = term if out is None else ops.add(out, term)
    return out


ops: Any = SimpleNamespace()
"""Every operation by name: rules of one family use operations of others through it."""


# -- batching --------------------------------------------------------------------------------


def elementwise_batch(name: str) -> Callable[..., Any]:
    """Line up the ranks behind the batch axis; implicit broadcasting does the rest."""

    def rule(size: int, xs: list[Any], batched: list[bool], **params: Any) -> Any:
        rank = max(len(shape_of(x)) - b for x, b in zip(xs, batched, strict=True))
        xs = [lead(x, rank) if b else x for x, b in zip(xs, batched, strict=True)]
        return getattr(ops, name)(*xs, **params), True

    return rule


def lead(x: Any, rank: int) -> Any:
    """A batched operand with its own axes padded to ``rank`` by ones behind the batch axis."""
    missing = rank - (len(x.shape) - 1)
    if missing <= 0:
        return x
    return ops.reshape(x, shape=(x.shape[0],) + (1,) * missing + tuple(x.shape[1:]))


# -- constructors ----------------------------------------------------------------------------


def define(name: str, *, type: Any, value: Any, **fields: Any) -> Op:
    """A primitive with its rules given one by one."""
    prim = Op(name, type, value, **fields)
    setattr(ops, name, prim)
    return prim


def ufunc_op(name: str, *, ufunc: str | None = None, **fields: Any) -> Op:
    """An elementwise operation that NumPy has as a ufunc (or that states type and value)."""
    ufunc = ufunc or name
    if "type" not in fields:
        fields["type"] = ufunc_type(name, getattr(np, ufunc), fields.get("weak", False))
    if "value" not in fields:
        fields["value"] = lambda xp, *xs: getattr(xp, ufunc)(*xs)
        fields["ufunc"] = ufunc
    fields.setdefault("batch", elementwise_batch(name))
    return define(name, family="elementwise", **fields)


def elementwise(name: str, *partials: Callable[..., Any], **fields: Any) -> Op:
    """An elementwise operation by its partial derivatives ``partial(z, *xs)``, z the output."""

    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        z = outs[0]
        terms = [
            ops.multiply(t, partial(z, *primals, **params))
            for t, partial in zip(tangents, partials, strict=True)
            if t is not None
        ]
        return (like(total(terms), z.aval),)

    return ufunc_op(name, jvp=jvp, **fields)


def linear(name: str, transpose: Callable[..., Any], **fields: Any) -> Op:
    """A linear elementwise operation of one operand (negative, real): its own jvp."""

    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        return (getattr(ops, name)(*tangents, **params),)

    return ufunc_op(name, jvp=jvp, transpose=transpose, **fields)


def product_jvp(name: str) -> Callable[..., Any]:
    """The product rule, for operations linear in each of two operands alone."""

    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        (x, y), (tx, ty), prim = primals, tangents, getattr(ops, name)
        left = None if tx is None else prim(tx, y, **params)
        right = None if ty is None else prim(x, ty, **params)
        return (like(total([left, right]), outs[0].aval),)

    return jvp


def nondifferentiable(name: str, **fields: Any) -> Op:
    """Piecewise constant or not a number (comparisons, floor, isnan): no derivative at all."""
    return ufunc_op(name, **fields)


def structural(name: str, **fields: Any) -> Op:
    """Linear in operand 0, shaping only: the jvp applies the operation to the tangent."""

    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        return (getattr(ops, name)(tangents[0], *primals[1:], **params),)

    return define(name, jvp=jvp, **fields)


def inexact(x: Any) -> bool:
    return is_inexact(known_aval(x))
