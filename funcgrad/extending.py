"""primitive: any function of arrays, in Python, SciPy or C, with a derivative of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from funcgrad.ir.avals import broadcast_shapes
from funcgrad.ops.callbacks import pure_callback
from funcgrad.ops.families import ct_like, known_aval
from funcgrad.trace.core import running
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.custom import custom_jvp, custom_vjp
from funcgrad.transforms.inspect import ShapeDtype
from funcgrad.transforms.tracing import name_of
from funcgrad.tree import flatten, leaves, unflatten
from funcgrad.tree import map as tree_map

__all__ = ["primitive"]

Rule = Callable[..., Any] | None


class primitive:  # noqa: N801  # used as a decorator, like a function
    """A function that is called with plain arrays, whatever it is called with.

    ``@primitive`` and then one rule per argument: ``f.defvjps(*rules)``, each
    ``rule(ct, z, *args)`` the cotangent of its argument, or ``f.defjvps(*rules)``, each
    ``rule(t, z, *args)`` the tangent of the output that a tangent of its argument brings; z is
    the output. Rules are written in differentiable code, and may call f. None says that the
    output does not depend on the argument in a differentiable way; an argument without a rule
    cannot be differentiated. Both modes follow from either kind, to any order that the rules
    allow (three, where a rule calls f). Cotangents are summed over axes that were broadcast.

    Shapes and dtypes of results are found by one call with arrays of ones, once per signature;
    where ones are no good argument, ``f.def_abstract(rule)`` takes and returns ``ShapeDtype``.
    A batch calls f once per example, or, with ``vmap_method``, once (see ``pure_callback``).
    Keyword arguments, strings, Python integers and the like reach f and the rules as they are.

    Raises DifferentiationError where it is differentiated and has no rule.

    >>> import math
    >>> import numpy as np
    >>> from funcgrad import grad, primitive, vmap
    >>> @primitive
    ... def sine(x):
    ...     return np.float64(math.sin(x))
    >>> sine.defvjps(lambda ct, z, x: ct * np.cos(x))
    >>> sine(0.0), grad(sine)(0.0), vmap(grad(grad(sine)))(np.zeros(2))
    (np.float64(0.0), np.float64(1.0), array([-0., -0.]))
    """

    def __new__(cls, f: Any = None, **options: Any) -> Any:
        return partial(cls, **options) if f is None else super().__new__(cls)

    def __init__(self, f: Callable[..., Any], *, vmap_method: str = "sequential"):
        self.f = f
        self.vmap_method = vmap_method
        self.rules: Mapping[int, Rule] | None = None
        self.forward = False
        self.abstract: Callable[..., Any] | None = None
        self.found: dict[Any, Any] = {}
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__
        self.__wrapped__ = f

    def defjvps(self, *rules: Rule) -> None:
        """One tangent rule per argument: ``rule(t, z, *args, **kwargs)``, or None."""
        self.rules, self.forward = dict(enumerate(rules)), True

    def defvjps(self, *rules: Rule) -> None:
        """One cotangent rule per argument: ``rule(ct, z, *args, **kwargs)``, or None."""
        self.rules, self.forward = dict(enumerate(rules)), False

    def def_abstract(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """How shapes and dtypes follow; arrays come as ``ShapeDtype``. Usable as a decorator."""
        self.abstract = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if running.get() is None:
            return self.f(*args, **kwargs)
        if self.rules is None:
            return self.called(*args, **kwargs)
        places = [i for i, x in enumerate(args) if i in self.rules and _moves(x)]
        if not places:
            return self.called(*args, **kwargs)
        return _Call(self, args, kwargs, places).ruled(*[args[i] for i in places])

    def called(self, *args: Any, **kwargs: Any) -> Any:
        """The call as one equation, without a derivative."""
        return pure_callback(
            self.f, self.results(args, kwargs), *args, vmap_method=self.vmap_method, **kwargs
        )

    def results(self, args: Any, kwargs: Any) -> Any:
        """What the call returns, as ``ShapeDtype``s."""
        found, treedef = flatten((args, kwargs))
        parts = [_like(x) if _is_number(x) else x for x in found]
        key = (treedef, *[p if isinstance(p, ShapeDtype) else (type(p), repr(p)) for p in parts])
        if key not in self.found:
            if self.abstract is not None:
                specs, named = unflatten(treedef, parts)
                self.found[key] = self.abstract(*specs, **named)
            else:
                self.found[key] = self.tried(treedef, parts)
        return self.found[key]

    def tried(self, treedef: Any, parts: Sequence[Any]) -> Any:
        ones = [np.ones(p.shape, p.dtype)[()] if isinstance(p, ShapeDtype) else p for p in parts]
        args, kwargs = unflatten(treedef, ones)
        token = running.set(None)
        try:
            with np.errstate(all="ignore"):
                out = self.f(*args, **kwargs)
        except Exception as error:
            error.add_note(
                f"while primitive {self.__name__} was tried on arrays of ones, to find the shapes "
                f"of its results; {self.__name__}.def_abstract(rule) spares it that"
            )
            raise
        finally:
            running.reset(token)
        return tree_map(lambda x: _like(np.asarray(x)), out)


def _like(x: Any) -> ShapeDtype:
    aval = known_aval(x)
    return ShapeDtype(aval.shape, aval.dtype)


def _is_number(x: Any) -> bool:
    return is_traced(x) or hasattr(x, "dtype") or x.__class__ in (float, complex)


def _moves(x: Any) -> bool:
    """Whether an argument has anything that a derivative could go through."""
    return any(_is_number(leaf) and known_aval(leaf).dtype.kind in "fc" for leaf in leaves(x))


class _Call:
    """One call with rules: some arguments move, the others stay what they are."""

    def __init__(self, of: primitive, args: Any, kwargs: Any, places: list[int]):
        self.of, self.args, self.kwargs, self.places = of, args, kwargs, places

        def call(*moving: Any) -> Any:
            return of.called(*self.merged(moving), **kwargs)

        call.__name__, call.__wrapped__ = of.__name__, of.f  # type: ignore[attr-defined]
        self.ruled: Any
        if of.forward:
            self.ruled = custom_jvp(call)
            self.ruled.defjvp(self.jvp)
        else:
            self.ruled = custom_vjp(call)
            self.ruled.defvjp(self.fwd, self.bwd)
        self.ruled.identity = id(of)

    def merged(self, moving: Sequence[Any]) -> list[Any]:
        args = list(self.args)
        for i, x in zip(self.places, moving, strict=True):
            args[i] = x
        return args

    def terms(self, seeds: Sequence[Any], z: Any, moving: Sequence[Any]) -> list[Any]:
        args, rules = self.merged(moving), self.of.rules
        assert rules is not None
        return [
            None if (rule := rules[i]) is None else rule(seed, z, *args, **self.kwargs)
            for i, seed in zip(self.places, seeds, strict=True)
        ]

    def jvp(self, primals: Any, tangents: Any) -> Any:
        z = self.ruled(*primals)
        total = tree_map(lambda x: x * 0, z)
        for term in self.terms(tangents, z, primals):
            total = total if term is None else tree_map(lambda a, b: a + b, total, term)
        return z, total

    def fwd(self, *moving: Any) -> Any:
        z = self.ruled(*moving)
        return z, (moving, z)

    def bwd(self, residuals: Any, ct: Any) -> Any:
        moving, z = residuals
        terms = self.terms([ct] * len(self.places), z, moving)
        return tuple([_summed(term, x) for term, x in zip(terms, moving, strict=True)])


def _summed(ct: Any, x: Any) -> Any:
    """A cotangent summed over the axes along which its argument was broadcast."""
    if not is_traced(ct) or not _is_number(x):
        return ct
    aval = known_aval(x)
    broadcast = broadcast_shapes(ct.aval.shape, aval.shape) == ct.aval.shape != aval.shape
    return ct_like(ct, aval.with_dtype(ct.aval.dtype)) if broadcast else ct
