"""The handle: what the user's code holds in place of an array.

A ``Tracer`` is a mutable handle on an immutable value. ``y[i] = v`` and ``y += 1`` rebind the
handle to the result of a new equation; a ``View`` made by basic indexing writes through to the
handle it came from, as a NumPy view does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from funcgrad.errors import ConcretizationError, NotTraceableError
from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Var
from funcgrad.trace.core import leaked, running, tracer_types
from funcgrad.trace.dispatch import functions, hooks, ufunc_methods, ufuncs
from funcgrad.trace.remedies import remedy

__all__ = ["Tracer", "View", "item"]

_FLOAT_REMEDY = (
    "keep x as it is: it behaves as a number; np.sin(x) for math.sin(x); np.zeros_like(x) or "
    "funcgrad.numpy.zeros for an array whose elements are assigned"
)


class Tracer:
    """A traced value: the trace it belongs to and its variable there."""

    __slots__ = ("_trace", "_var")

    __array_priority__ = 1000.0

    def __init__(self, trace: Any, var: Var):
        self._trace = trace
        self._var = var

    # -- what is known without a value -----------------------------------------------------------

    @property
    def aval(self) -> Aval:
        return self._var.aval

    @property
    def shape(self) -> tuple[int, ...]:
        return self._var.aval.shape

    @property
    def dtype(self) -> Any:
        return self._var.aval.dtype

    @property
    def ndim(self) -> int:
        return self._var.aval.ndim

    @property
    def size(self) -> int:
        return self._var.aval.size

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    def __len__(self) -> int:
        shape = self._var.aval.shape
        if not shape:
            raise TypeError("len() of a 0-d traced value")
        return shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self._var.aval.shape:
            raise TypeError("iteration over a 0-d traced value")
        me: Any = self  # indexing is given to the tracer by ops
        return iter([me[i] for i in range(len(self))])

    __hash__ = None  # type: ignore[assignment]  # as for ndarray: == is elementwise

    # -- values on demand ------------------------------------------------------------------------

    def concrete(self) -> Any:
        """The plain value, computed if need be; raises where there is none (see DESIGN, vmap)."""
        x: Any = self
        while x.__class__ in tracer_types:
            if not x._trace.alive:
                raise leaked(x)
            x = x._trace.demand(x._var)
        return x

    def decide(self, read: Callable[[Any], Any]) -> Any:
        """Hand a value to Python's control flow, and note the outcome on the outermost trace."""
        x: Any = self
        owner: Any = None
        var: Any = None
        while x.__class__ in tracer_types:
            if not x._trace.alive:
                raise leaked(x)
            owner, var = x._trace, x._var
            x = owner.decision(var) if hasattr(owner, "decision") else owner.demand(var)
        outcome = read(x)
        owner.decide(var, outcome, read)
        return outcome

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth of a traced array of shape {self.shape} is ambiguous; "
                "use np.any(x), np.all(x) or np.where"
            )
        return bool(self.decide(bool))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise TypeError(f"only integer scalars can be an index, not {self.aval}")
        return int(self.decide(int))

    def __int__(self) -> int:
        if self.dtype.kind in "iub" and self.size == 1:
            return int(self.decide(int))
        if self.size == 1 and not self._trace.carries_derivative(self._var):
            return int(self.decide(int))
        raise self._cut("int(x)", "np.floor(x) or np.trunc(x)")

    def __float__(self) -> float:
        return float(self._plain("float(x)", _FLOAT_REMEDY))

    def __complex__(self) -> complex:
        return complex(self._plain("complex(x)", "keep x as it is, or use x + 0j"))

    def item(self) -> Any:
        return self._plain("x.item()", "keep x as it is: it behaves as a number")

    def tolist(self) -> Any:
        return self._plain("x.tolist()", "list(x), whose elements stay traced")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        if self.dtype.kind in "iub":  # carries no derivative: plain[traced index] works
            return self.decide(Outcome).array
        raise self._cut(
            "np.asarray(x), np.array([x, …]) or storing x into a plain array",
            remedy(),
        )

    def _plain(self, what: str, remedy: str) -> Any:
        """A value that carries no derivative may leave; any other would lose it silently."""
        if self._trace.carries_derivative(self._var):
            raise self._cut(what, remedy)
        return self.decide(item) if self.size == 1 else self.decide(Outcome).array.tolist()

    def _cut(self, what: str, remedy: str) -> ConcretizationError:
        name = f"'{self._var.name}' " if self._var.name else ""
        return ConcretizationError(
            f"{what} of the traced value {name}({self.aval}) would cut its derivative: "
            f"instead, {remedy}; funcgrad.stop_gradient(x) says that the cut is meant"
        )

    # -- printing --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        try:
            return f"Tracer({self.aval}) {self.concrete()!r}"
        except Exception:  # printing must not fail: a batched or abstract value has none
            return f"Tracer({self.aval})"

    def __str__(self) -> str:
        try:
            return str(self.concrete())
        except Exception:
            return repr(self)

    def __format__(self, spec: str) -> str:
        return format(self.concrete(), spec)

    # -- NumPy's protocols -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__":
            handler = ufuncs.get(ufunc)
            if handler is not None and not kwargs:
                return handler(*inputs)
        else:
            handler = ufunc_methods.get((ufunc, method))
            if handler is not None and not kwargs.get("out"):
                return handler(*inputs, **kwargs)
        return hooks.ufunc(ufunc, method, handler, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        handler = functions.get(func)
        out = kwargs.pop("out", None) if kwargs else None
        if out is not None:
            return hooks.into(out, self.__array_function__(func, types, args, kwargs))
        if handler is None:
            raise NotTraceableError(
                f"{func.__module__}.{func.__name__} is not covered by funcgrad; write it with "
                "operations that are, or give it a rule with funcgrad.custom_jvp or custom_vjp"
            )
        return handler(*args, **kwargs)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise AttributeError(
            f"a traced value ({self._var.aval}) has no attribute {name!r}"
            + (f"; use np.{name}(x) if NumPy has it" if hasattr(np.ndarray, name) else "")
        )


def item(x: Any) -> Any:
    """The one number of an array, as Python's own."""
    return np.asarray(x).item()


class Outcome:
    """A whole array that Python was told: the label of its branch is all of its content."""

    def __init__(self, array: Any):
        self.array = np.asarray(array.get() if hasattr(array, "get") else array)
        self.key = (self.array.shape, self.array.dtype.str, self.array.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and self.key == other.key


class View(Tracer):
    """A handle on part of another handle: reading follows the base, writing goes through it.

    ``part`` says which part: index items, or an object with ``read`` and ``write``.
    """

    __slots__ = ("_own", "_seen", "base", "part")

    def __init__(self, trace: Any, var: Var, base: Tracer, part: Any):
        self._trace = trace
        self._own = var
        self._seen = base._var
        self.base = base
        self.part = part

    @property
    def _var(self) -> Var:  # type: ignore[override]
        if self.base._var is not self._seen:
            self._refresh()
        return self._own

    def _refresh(self) -> None:
        current = self.base._var
        token = running.set(self._trace)  # the view belongs to its own trace, whoever reads it
        try:
            self._own = hooks.read_part(Tracer(self._trace, current), self.part)._var
        finally:
            running.reset(token)
        self._seen = current

    def rebind(self, var: Var) -> None:
        base = Tracer(self._trace, self.base._var)
        rebind(self.base, hooks.write_part(base, Tracer(self._trace, var), self.part)._var)
        self._own, self._seen = var, self.base._var


def rebind(x: Tracer, var: Var) -> None:
    """Let a handle stand for a new value, and its base with it."""
    if x.__class__ is View:
        x.rebind(var)  # type: ignore[attr-defined]
    else:
        x._var = var


def assign(x: Tracer, new: Tracer) -> None:
    """The end of every in-place operation on a traced array."""
    if x._trace is not running.get():
        raise ConcretizationError(
            f"in-place assignment to {x._var.name or 'an array'} ({x.aval}), which belongs to an "
            "enclosing traced function; copy it first (x = x.copy()) and return the result"
        )
    rebind(x, new._var)


tracer_types.update((Tracer, View))
hooks.handle = Tracer


def is_traced(x: Any) -> bool:
    return x.__class__ in tracer_types


def any_traced(values: Any) -> bool:
    return any(x.__class__ in tracer_types for x in values)
