"""Callbacks: Python functions that a program calls when it runs.

``pure_callback`` has results and no effect: it may be dropped, merged with its like, or run
again. ``io_callback`` and ``debug_callback`` run whenever the program does, in the order of the
program. None of them has a derivative: a rule comes from ``custom_jvp`` or ``custom_vjp``.

In a batch a function is called once per example, in order; ``levels`` says, from the outermost
``vmap`` on, which operands have a batch axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from funcgrad.errors import DifferentiationError, ShapeError, StructureError
from funcgrad.ir.avals import Aval, array_aval, is_inexact
from funcgrad.ops.families import define, ops, shape_of
from funcgrad.trace.core import bind, running, tracer_types
from funcgrad.tree import flatten, unflatten

__all__ = ["Callback", "debug_callback", "io_callback", "pure_callback"]

Levels = tuple[tuple[bool, ...], ...]

_METHODS = ("sequential", "expand_dims", "broadcast_all")


class Callback:
    """A function, the structure of its arguments, and those of them that are not arrays.

    Equal where the same code would do the same, so that a lambda made anew by each call of the
    traced function does not make a new program.
    """

    __slots__ = ("f", "static", "treedef")

    def __init__(self, f: Callable[..., Any], args: Any, kwargs: Any):
        leaves, self.treedef = flatten((args, kwargs))
        self.f = f
        self.static = tuple(None if _is_operand(x) else (x,) for x in leaves)

    def __call__(self, xs: Iterator[Any]) -> Any:
        leaves = [next(xs) if kept is None else kept[0] for kept in self.static]
        args, kwargs = unflatten(self.treedef, leaves)
        return self.f(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Callback)
            and _same_function(self.f, other.f)
            and self.treedef == other.treedef
            and len(self.static) == len(other.static)
            and all(map(_same_static, self.static, other.static))
        )

    def __hash__(self) -> int:
        return hash((getattr(self.f, "__code__", None) or id(self.f), self.treedef))

    def __repr__(self) -> str:
        return getattr(self.f, "__name__", None) or type(self.f).__name__


def _is_operand(x: Any) -> bool:
    return x.__class__ in tracer_types or (
        isinstance(x, np.ndarray | np.generic | int | float | complex)
        or x.__class__.__module__.startswith("cupy")
    )


def _same_static(one: Any, two: Any) -> bool:
    if one is None or two is None:
        return one is two
    return one[0] is two[0] or (one[0].__class__ is two[0].__class__ is str and one == two)


def _same_function(f: Any, g: Any) -> bool:
    """The same object, or the same code over the same objects."""
    if f is g:
        return True
    if not (f.__class__ is g.__class__ is FunctionType and f.__code__ is g.__code__):
        return False
    return f.__globals__ is g.__globals__ and all(
        len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True))
        for a, b in zip(_belongings(f), _belongings(g), strict=True)
    )


def _belongings(f: Any) -> tuple[list[Any], list[Any]]:
    """What a function closes over, and its defaults; an empty cell equals nothing."""
    cells = []
    for cell in f.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:
            cells.append(object())
    return cells, [*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()]


# -- running -------------------------------------------------------------------------------------


def _given(x: Any) -> Any:
    """An operand as the function gets it: NumPy's, and its own, for as long as it likes."""
    if x.__class__.__module__.startswith("cupy"):
        x = x.get()
    return x.copy() if isinstance(x, np.ndarray) and x.ndim else x[()] if _has_0d(x) else x


def _has_0d(x: Any) -> bool:
    return isinstance(x, np.ndarray) and not x.ndim


def _examples(xs: Sequence[Any], levels: Levels) -> Iterator[tuple[Any, ...]]:
    """The operands of each call, example by example."""
    if not levels:
        yield tuple(xs)
        return
    flags = levels[0]
    size = next(x.shape[0] for x, on in zip(xs, flags, strict=True) if on)
    for i in range(size):
        yield from _examples(
            [x[i] if on else x for x, on in zip(xs, flags, strict=True)], levels[1:]
        )


def _effect_value(xp: Any, *xs: Any, callback: Callback, levels: Levels) -> tuple[()]:
    for example in _examples(xs, levels):
        callback(map(_given, example))
    return ()


def _value(
    xp: Any, *xs: Any, callback: Callback, avals: Any, treedef: Any, levels: Levels, **method: Any
) -> tuple[Any, ...]:
    found = [
        _results(callback, callback(map(_given, example)), avals, treedef)
        for example in _examples(xs, levels)
    ]
    if not levels:
        return tuple(xp.array(x)[()] if xp is np else xp.array(x) for x in found[0])
    sizes = _batch_shape(xs, levels)
    columns = zip(*found, strict=True) if found else [[] for _ in avals]
    return tuple(
        xp.array(np.reshape(np.array(column, a.dtype), (*sizes, *a.shape)))
        for column, a in zip(columns, avals, strict=True)
    )


def _batch_shape(shapes: Sequence[Any], levels: Levels) -> tuple[int, ...]:
    """The sizes of the batches, from the outermost in; operands or avals will do."""
    left = [list(shape_of(x)) for x in shapes]
    sizes = []
    for flags in levels:
        own = [s.pop(0) for s, on in zip(left, flags, strict=True) if on]
        sizes.append(own[0])
    return tuple(sizes)


def _results(callback: Callback, out: Any, avals: tuple[Aval, ...], treedef: Any) -> list[Any]:
    """What the function returned, checked against what was declared."""
    leaves, found = flatten(out)
    if found != treedef:
        raise StructureError(
            f"callback {callback}: it returned {found}, and result_shape_dtypes declares {treedef}"
        )
    return [_checked(callback, i, x, a) for i, (x, a) in enumerate(zip(leaves, avals, strict=True))]


def _checked(callback: Callback, i: int, x: Any, aval: Aval) -> Any:
    if x.__class__.__module__.startswith("cupy"):
        x = x.get()
    array = np.asarray(x)
    if array.shape != aval.shape:
        raise ShapeError(
            f"callback {callback}: result {i} has shape {array.shape}, and result_shape_dtypes "
            f"declares {aval.shape}"
        )
    weak = x.__class__ in (int, float, complex) and np.can_cast(
        array.dtype, aval.dtype, "same_kind"
    )
    if array.dtype != aval.dtype and not weak:
        raise StructureError(
            f"callback {callback}: result {i} is of dtype {array.dtype}, and result_shape_dtypes "
            f"declares {aval.dtype}; convert it with .astype, or declare what it is"
        )
    return array.astype(aval.dtype)


# -- rules ---------------------------------------------------------------------------------------


def _type(*operands: Aval, avals: tuple[Aval, ...], levels: Levels, **params: Any) -> Any:
    sizes = _batch_shape(operands, levels)
    return tuple(array_aval((*sizes, *a.shape), a.dtype) for a in avals)


def _refuse(primals: Any, tangents: Any, outs: Any, *, callback: Callback, **params: Any) -> Any:
    if not any(is_inexact(z.aval) for z in outs):
        return (None,) * len(outs)
    raise DifferentiationError(
        f"callback {callback}: a Python function has no derivative of its own; call it inside of "
        "a function with custom_jvp or custom_vjp (or see funcgrad.primitive), or cut the "
        "derivative with stop_gradient"
    )


def _sequential(name: str) -> Any:
    def batch(size: int, xs: Any, batched: Any, levels: Levels, **params: Any) -> Any:
        outs = getattr(ops, name)(*xs, levels=(tuple(batched), *levels), **params)
        return outs, (True,) * len(outs)

    return batch


def _whole(size: int, xs: Any, batched: Any, avals: Any, method: str, **params: Any) -> Any:
    """One call for the whole batch: every operand gets the axis, of length 1 or of full size."""
    if method == "sequential":
        return _one_by_one(size, xs, batched, avals=avals, method=method, **params)
    length = 1 if method == "expand_dims" else size
    operands = [
        x if on else ops.broadcast_to(x, shape=(length, *shape_of(x)))
        for x, on in zip(xs, batched, strict=True)
    ]
    avals = tuple(array_aval((size, *a.shape), a.dtype) for a in avals)
    outs = pure_(*operands, avals=avals, method=method, **params)
    return outs, (True,) * len(outs)


_one_by_one = _sequential("pure_callback")

pure_ = define(
    "pure_callback", type=_type, value=_value, jvp=_refuse, batch=_whole, multiple=True,
)  # fmt: skip
io_ = define(
    "io_callback", type=_type, value=_value, jvp=_refuse, batch=_sequential("io_callback"),
    multiple=True, effect=True,
)  # fmt: skip
debug_ = define(
    "debug_callback", type=lambda *operands, **params: (), value=_effect_value,
    batch=_sequential("debug_callback"), multiple=True, effect=True,
)  # fmt: skip

# -- public --------------------------------------------------------------------------------------


def pure_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    vmap_method: str = "sequential",
    **kwargs: Any,
) -> Any:
    """``callback(*args, **kwargs)``, a call of any Python function as one equation.

    The function gets NumPy arrays (copies, which it may keep) and returns a pytree of arrays with
    the shapes and dtypes that ``result_shape_dtypes`` declares: a pytree of ``ShapeDtype`` or of
    anything else with a shape and a dtype. It should be a function of its arguments alone: it runs
    when the program runs, perhaps more than once, or never if nobody needs its results.

    ``vmap_method`` says what a batch does: "sequential" calls it once per example; "expand_dims"
    and "broadcast_all" call it once with a leading axis on every argument, of length 1 or of the
    batch's size where an argument is not batched, and it returns results with that axis.

    Raises ShapeError or StructureError where results are not as declared, and DifferentiationError
    where it is differentiated without ``custom_jvp`` or ``custom_vjp`` around it.

    >>> import numpy as np
    >>> from funcgrad import ShapeDtype, jit, pure_callback
    >>> def total(x):
    ...     return np.float64(sum(x.tolist()))
    >>> jit(lambda x: pure_callback(total, ShapeDtype((), np.float64), 2 * x))(np.ones(3))
    np.float64(6.0)
    """
    if vmap_method not in _METHODS:
        raise ValueError(f"pure_callback: vmap_method is one of {_METHODS}, not {vmap_method!r}")
    return _called(pure_, callback, result_shape_dtypes, args, kwargs, (("method", vmap_method),))


def io_callback(
    callback: Callable[..., Any],
    result_shape_dtypes: Any,
    *args: Any,
    ordered: bool = True,
    **kwargs: Any,
) -> Any:
    """As ``pure_callback``, for functions with effects: it runs once whenever the program does.

    Callbacks run in the order of the program, also with ``ordered=False``; in a batch, example by
    example. ``checkpoint`` runs its function again, and callbacks with results in it too.

    >>> import numpy as np
    >>> from funcgrad import ShapeDtype, io_callback, jit
    >>> seen = []
    >>> def note(x):
    ...     seen.append(float(x))
    >>> jit(lambda x: [io_callback(note, None, x), x * 2][1])(3.0), seen
    (6.0, [3.0])
    """
    return _called(io_, callback, result_shape_dtypes, args, kwargs, ())


def _called(prim: Any, f: Any, declared: Any, args: Any, kwargs: Any, params: Any) -> Any:
    specs, treedef = flatten(declared)
    if any(not (hasattr(s, "shape") and hasattr(s, "dtype")) for s in specs):
        raise StructureError(
            f"{prim.name}: result_shape_dtypes must be made of ShapeDtype(shape, dtype) or arrays, "
            f"not {declared!r:.60}"
        )
    avals = tuple(array_aval(tuple(s.shape), s.dtype) for s in specs)
    record = (("callback", Callback(f, args, kwargs)), ("avals", avals), ("treedef", treedef),
              ("levels", ()), *params)  # fmt: skip
    return unflatten(treedef, list(_recorded(prim, args, kwargs, record)))


def debug_callback(callback: Callable[..., Any], *args: Any, ordered: bool = False,
                   **kwargs: Any) -> None:  # fmt: skip
    """Call a function for its effect alone, whenever the program runs; its result is dropped.

    Derivatives go past it: it sees the primal values, once. See ``funcgrad.debug``.
    """
    record = (("callback", Callback(callback, args, kwargs)), ("levels", ()))
    _recorded(debug_, args, kwargs, record)


def _recorded(prim: Any, args: Any, kwargs: Any, params: Any) -> Any:
    """An effect belongs to the program that is being traced, also where no operand does."""
    operands = tuple(x for x in flatten((args, kwargs))[0] if _is_operand(x))
    trace = running.get()
    if trace is not None and prim.effect:
        return trace.record(prim, operands, params, True)
    return bind(prim, operands, params)
