"""NumPy's and SciPy's ufuncs on traced values: plain calls, ``out=``, ``where=``, methods."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import known_aval, ops
from funcgrad.ops.functions.common import array_of, as_dtype, axis_of, into
from funcgrad.ops.functions.cumulating import part
from funcgrad.ops.functions.reducing import all_, any_, max_, min_, prod, sum_
from funcgrad.ops.functions.selecting import clip
from funcgrad.ops.getitem import scattered
from funcgrad.ops.operators import binary_ufunc, operand, unary
from funcgrad.ops.reductions import cummax, cummin, cumprod, cumsum
from funcgrad.ops.shaping import concatenate, reshape
from funcgrad.ops.special import erfinv, ndtri
from funcgrad.trace.dispatch import hooks, ufunc_methods, ufuncs
from funcgrad.trace.tracer import any_traced, assign, is_traced

# -- plain calls ------------------------------------------------------------------------------


def _register() -> None:
    """Every primitive that NumPy has as a ufunc, on the short paths of the operators."""
    for prim in list(vars(ops).values()):
        ufunc = getattr(np, prim.ufunc or "", None)
        if prim.family != "elementwise" or not isinstance(ufunc, np.ufunc):
            continue
        if ufunc.nin == 1:
            ufuncs[ufunc] = unary(prim)
        elif prim is not e.raise_to:
            ufuncs[ufunc] = binary_ufunc(prim)


def _power(x: Any, y: Any) -> Any:
    """A Python number as exponent is a label, as in ``x ** 2``."""
    return x**y if is_traced(x) else e.power(operand(x), operand(y))


def _floating(x: Any) -> Any:
    return as_dtype(operand(x), None if known_aval(operand(x)).dtype.kind in "fc" else np.float64)


def _float_power(x: Any, y: Any) -> Any:
    kind = np.result_type(known_aval(operand(x)).dtype, known_aval(operand(y)).dtype, np.float64)
    return _power(e.convert(operand(x), dtype=kind), y)


def _modf(x: Any) -> tuple[Any, Any]:
    x = _floating(x)
    whole = e.trunc(x)
    return e.select(
        e.isinf(x), x * 0 if not is_traced(x) else e.copysign(x.dtype.type(0), x), x - whole
    ), whole


def _frexp(x: Any) -> tuple[Any, Any]:
    """x = m 2^k with 1/2 <= |m| < 1; m has the slope 2^-k."""
    x = _floating(x)
    regular = e.logical_and(e.isfinite(x), e.not_equal(x, 0))
    size = e.absolute(e.select(regular, x, x.dtype.type(0.5)))
    k = e.convert(e.floor(e.log2(size)), dtype=np.int32) + np.int32(1)
    m = _ldexp(x, -k)
    k = k + e.convert(e.greater_equal(e.absolute(_ldexp(size, -k)), 1), dtype=np.int32)
    k = k - e.convert(e.less(e.absolute(_ldexp(size, -k)), 0.5), dtype=np.int32)
    m = e.select(regular, _ldexp(x, -k), x)
    return m, e.select(regular, k, np.int32(0))


def _ldexp(x: Any, k: Any) -> Any:
    """x 2^k in two steps, since 2^k alone may overflow."""
    x = _floating(x)
    half = e.floor_divide(operand(k), 2)
    rest = e.subtract(operand(k), half)
    return x * _two_to(half, x.dtype) * _two_to(rest, x.dtype)


def _two_to(k: Any, dtype: Any) -> Any:
    return e.exp2(e.convert(k, dtype=dtype))


def _bitwise_count(x: Any) -> Any:
    """The ones among the bits of |x|: sums of pairs, of fours, of eights, then of bytes."""
    x = operand(x)
    kind = known_aval(x).dtype.kind
    if kind not in "biu":
        raise TypeError(f"bitwise_count: not defined for {known_aval(x).dtype}")
    u = np.uint64
    v = e.convert(e.absolute(x) if kind == "i" else x, dtype=np.dtype(u))
    v = v - ((v >> u(1)) & u(0x5555555555555555))
    v = (v & u(0x3333333333333333)) + ((v >> u(2)) & u(0x3333333333333333))
    v = (v + (v >> u(4))) & u(0x0F0F0F0F0F0F0F0F)
    return e.convert((v * u(0x0101010101010101)) >> u(56), dtype=np.dtype(np.uint8))


def _only_dates(x: Any) -> Any:
    raise TypeError("isnat is about dates; traced values are numbers (np.isnan is about those)")


_COMPOSED = {
    "power": _power, "pow": _power, "float_power": _float_power,
    "divmod": lambda x, y: (_floor_divide(x, y), _remainder(x, y)),
    "modf": _modf, "frexp": _frexp, "ldexp": _ldexp, "isnat": _only_dates,
    "fabs": lambda x: e.absolute(_floating(x)),
    "degrees": lambda x: e.rad2deg(x), "radians": lambda x: e.deg2rad(x),
    "bitwise_count": _bitwise_count, "clip": clip,
}  # fmt: skip


def _floor_divide(x: Any, y: Any) -> Any:
    return e.floor_divide(operand(x), operand(y))


def _remainder(x: Any, y: Any) -> Any:
    return e.remainder(operand(x), operand(y))


def _register_composed() -> None:
    for name, handler in _COMPOSED.items():
        ufunc = getattr(np, name, None)
        if handler is not None and isinstance(ufunc, np.ufunc):
            ufuncs[ufunc] = handler
    probe = _Asked()
    np.zeros(1).clip(probe, 1)  # type: ignore[call-overload]  # the method calls a ufunc that has no public name
    if probe.ufunc is not None:
        ufuncs[probe.ufunc] = clip


class _Asked:
    """Takes note of the ufunc that it was given to."""

    ufunc: Any = None

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        self.ufunc = ufunc


# -- SciPy's ----------------------------------------------------------------------------------

_SPECIAL = {
    "erf": unary(e.erf), "erfc": unary(e.erfc), "ndtr": unary(e.ndtr), "expit": unary(e.expit),
    "logit": unary(e.logit), "gammaln": unary(e.gammaln), "psi": e.digamma,
    "xlogy": binary_ufunc(e.xlogy), "erfinv": unary(erfinv), "ndtri": unary(ndtri),
}  # fmt: skip
"""What loads with the package; the rest is in ``special.everything``."""


def _special(ufunc: Any) -> Any:
    """The handler of a ufunc of scipy.special, which is looked up when it is first met."""
    name = ufunc.__name__
    if ufunc is getattr(np, name, None):
        return None
    from scipy import special

    if getattr(special, name, None) is not ufunc:
        return None
    handler = _SPECIAL.get(name) or _covered(name)
    if handler is not None:
        ufuncs[ufunc] = handler
    return handler


def _covered(name: str) -> Any:
    family = importlib.import_module("funcgrad.ops.special.everything")
    found = family.HANDLERS.get(name)
    return found and (lambda *xs: found(*map(operand, xs)))


# -- the general road -------------------------------------------------------------------------


def call_ufunc(ufunc: Any, method: str, handler: Any, inputs: Any, kwargs: Any) -> Any:
    """Any use of a ufunc that is not a plain call of one that is covered."""
    if handler is None and method == "__call__":
        handler = _special(ufunc)
    if handler is None:
        raise _not_covered(ufunc, method)
    kwargs = dict(kwargs)
    outs = kwargs.pop("out", None)
    results = _computed(ufunc, method, handler, inputs, kwargs, outs)
    if outs is None:
        return results
    if ufunc.nout == 1 or method != "__call__":
        return into(outs[0], results)
    return tuple(into(out, r) for out, r in zip(outs, results, strict=True))


hooks.ufunc = call_ufunc


def _not_covered(ufunc: Any, method: str) -> NotTraceableError:
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    return NotTraceableError(
        f"{name} is not covered on traced values; write it with operations that are, or give it "
        "a rule with funcgrad.custom_jvp or custom_vjp"
    )


def _computed(ufunc: Any, method: str, handler: Any, inputs: Any, kwargs: Any, outs: Any) -> Any:
    if not any_traced(inputs) and not any_traced(kwargs.values()):
        if method != "__call__" or not kwargs:
            return getattr(ufunc, method)(*inputs, **kwargs)
    if method != "__call__":
        return handler(*inputs, **kwargs)
    mask = kwargs.pop("where", True)
    dtype = kwargs.pop("dtype", None)
    signature = kwargs.pop("signature", kwargs.pop("sig", None))
    casting = kwargs.pop("casting", "same_kind")
    for harmless in ("order", "subok"):
        kwargs.pop(harmless, None)
    if signature is not None:
        raise NotTraceableError(f"{ufunc.__name__}: signature= is not covered; use dtype=")
    if dtype is not None and ufunc.signature is None:
        inputs = _cast(ufunc, inputs, dtype, casting)
    if mask is not True:
        inputs = [_unmasked(mask, array_of(x), ufunc) for x in inputs]
    results = handler(*inputs, **kwargs)
    return results if mask is True else _masked(mask, results, outs)


def _cast(ufunc: Any, inputs: Any, dtype: Any, casting: str) -> list[Any]:
    """The operands in the dtypes of the loop that ``dtype=`` chooses."""
    xs = [array_of(x) for x in inputs]
    given = tuple(x.dtype for x in xs) + (None,) * ufunc.nout
    asked = (None,) * ufunc.nin + (np.dtype(dtype),) * ufunc.nout
    found = ufunc.resolve_dtypes(given, signature=asked, casting=casting)
    return [as_dtype(x, d) for x, d in zip(xs, found, strict=False)]


def _unmasked(mask: Any, x: Any, ufunc: Any) -> Any:
    """Where nothing is asked for, a number at which the slope is finite: it meets a zero."""
    harmless = 1 if x.dtype.kind in "iub" else 2 if ufunc is np.arccosh else 0.5
    return e.select(mask, x, x.dtype.type(harmless))


def _masked(mask: Any, results: Any, outs: Any) -> Any:
    """Where the mask is false ``out`` keeps its value; without one, NumPy says nothing: 0."""
    if isinstance(results, tuple):
        olds = outs or (None,) * len(results)
        pairs = zip(results, olds, strict=True)
        return tuple(_masked(mask, r, (old,)) for r, old in pairs)
    old = outs[0] if outs else None
    return e.select(mask, results, 0 if old is None else as_dtype(old, results.dtype))


# -- reduce, accumulate, outer, at ------------------------------------------------------------


def _reducer(function: Any) -> Any:
    """``np.add.reduce`` is np.sum over axis 0, if not told otherwise."""

    def handler(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, **kwargs: Any
    ) -> Any:
        if dtype is not None:
            array = as_dtype(array_of(array), dtype)
        return function(array, axis=axis, **kwargs)

    return handler


def _folder(prim: Any) -> Any:
    """Any other associative operation, in halves: log2(n) steps."""

    def handler(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
                keepdims: bool = False, **kwargs: Any) -> Any:  # fmt: skip
        if kwargs:
            raise NotTraceableError(f"{prim}.reduce: {sorted(kwargs)} are not covered")
        x = as_dtype(array_of(array), dtype)
        place = axis_of(axis, len(x.shape))
        while x.shape[place] > 1:
            half, odd = divmod(x.shape[place], 2)
            folded = prim(part(x, place, 0, half), part(x, place, half, 2 * half))
            x = concatenate(folded, part(x, place, 2 * half), axis=place) if odd else folded
        if not x.shape[place]:
            raise ValueError(f"{prim}.reduce of an empty axis")
        return x if keepdims else _dropped(x, place)

    return handler


def _dropped(x: Any, place: int) -> Any:
    return reshape(x, shape=(*x.shape[:place], *x.shape[place + 1 :]))


def _accumulator(prim: Any) -> Any:
    def handler(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        x = as_dtype(array_of(array), dtype)
        return prim(x, axis=axis_of(axis, len(x.shape)))

    return handler


def _outer(handler: Any) -> Any:
    def outer(x: Any, y: Any, **kwargs: Any) -> Any:
        x, y = array_of(x), array_of(y)
        return handler(reshape(x, shape=(*x.shape, *(1,) * len(y.shape))), y, **kwargs)

    return outer


def _at(mode: str, change: Any = None) -> Any:
    """``np.add.at(handle, items, v)``: repeated places count as often as they come."""

    def handler(a: Any, indices: Any, b: Any) -> None:
        if not is_traced(a):
            into(a, b if is_traced(b) else next(i for i in indices if is_traced(i)))
        b = operand(b) if change is None else change(operand(b))
        assign(a, scattered(a, indices, b, mode))

    return handler


def _register_methods() -> None:
    for ufunc, function in (
        (np.add, sum_), (np.multiply, prod), (np.maximum, max_), (np.minimum, min_),
        (np.logical_and, all_), (np.logical_or, any_),
    ):  # fmt: skip
        ufunc_methods[ufunc, "reduce"] = _reducer(function)
    for name in ("logaddexp", "logaddexp2", "hypot", "fmax", "fmin", "gcd", "lcm", "bitwise_and",
                 "bitwise_or", "bitwise_xor", "logical_xor"):  # fmt: skip
        ufunc_methods[getattr(np, name), "reduce"] = _folder(getattr(e, name))
    for ufunc, prim in ((np.add, cumsum), (np.multiply, cumprod), (np.maximum, cummax),
                        (np.minimum, cummin)):  # fmt: skip
        ufunc_methods[ufunc, "accumulate"] = _accumulator(prim)
    for ufunc, handler in list(ufuncs.items()):
        if ufunc.nin == 2 and ufunc.signature is None:
            ufunc_methods[ufunc, "outer"] = _outer(handler)
    changes: Any = (
        (np.add, "add", None), (np.subtract, "add", e.negative), (np.multiply, "multiply", None),
        (np.divide, "multiply", lambda v: 1.0 / v), (np.maximum, "maximum", None),
        (np.minimum, "minimum", None),
    )  # fmt: skip
    for ufunc, mode, change in changes:
        ufunc_methods[ufunc, "at"] = _at(mode, change)


_register()
_register_composed()
_register_methods()
