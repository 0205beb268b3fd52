"""custom_jvp and custom_vjp: a function with a derivative rule of its own.

One rule serves both modes. From a jvp rule, reverse mode is its transpose in the tangents.
From a vjp rule, forward mode is the transpose of ``bwd`` in its cotangent, in which it is linear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import Aval, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var, silent_eqn
from funcgrad.ops.call import call, inlined, splice
from funcgrad.ops.families import define, known_aval
from funcgrad.ops.shaping import instantiate, zeros
from funcgrad.trace.build import Builder
from funcgrad.trace.core import running
from funcgrad.trace.dispatch import hooks
from funcgrad.trace.tracer import Tracer
from funcgrad.transforms.abstract import abstract, captures, with_outputs
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import tangent_aval
from funcgrad.transforms.ruled import LinearMap, linear_call, summed
from funcgrad.transforms.tracing import Traced, flatten_all, name_of, unflatten_all
from funcgrad.transforms.transpose import transpose_jaxpr
from funcgrad.tree import flatten, unflatten

__all__ = ["custom_jvp", "custom_vjp"]

_DEPTH = 3  # a rule that calls its own function can be differentiated this often again
_active: ContextVar[tuple[int, ...]] = ContextVar("funcgrad_rules", default=())


class _Custom:
    """What both kinds share: the call, and the arguments that are not differentiated."""

    def __init__(self, f: Callable[..., Any], nondiff_argnums: Sequence[int] = ()):
        self.f = f
        self.nondiff = tuple(sorted(nondiff_argnums))
        self.identity = id(self)  # by which a rule that calls its own function is recognised
        self.__name__ = name_of(f)
        self.__doc__ = f.__doc__
        self.__wrapped__ = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        trace = running.get()
        if trace is None:
            return self.f(*args, **kwargs)
        if kwargs:
            raise TypeError(
                f"{self.__name__}: custom derivative functions take positional arguments"
            )
        run = _Call(self, args)
        inner = run.trace(self.f, run.avals, lambda xs: self.f(*run.merged(xs)), run.leaves)
        if _active.get().count(self.identity) >= _DEPTH:
            found = trace.record(
                call, (*run.leaves, *captures(inner)), (("jaxpr", no_rule(inner)),), True
            )
            return unflatten(inner.treedef, list(found))
        token = _active.set((*_active.get(), self.identity))
        try:
            outs = self.record(trace, run, inner)
        finally:
            _active.reset(token)
        return unflatten(inner.treedef, list(outs))

    def record(self, trace: Any, run: _Call, inner: Traced) -> Any:
        raise NotImplementedError


class _Call:
    """One call: its differentiable leaves, and how to put arguments back together."""

    def __init__(self, custom: _Custom, args: tuple[Any, ...]):
        self.name = custom.__name__
        places = {n % len(args) for n in custom.nondiff} if args else set()
        self.fixed = [x for i, x in enumerate(args) if i in places]
        self.places, self.count = places, len(args)
        self.moving = [x for i, x in enumerate(args) if i not in places]
        self.leaves, self.defs = flatten_all(self.moving)
        self.avals = tuple(known_aval(x) for x in self.leaves)

    def merged(self, leaves: Sequence[Any]) -> list[Any]:
        moving, fixed = iter(unflatten_all(self.defs, leaves)), iter(self.fixed)
        return [next(fixed) if i in self.places else next(moving) for i in range(self.count)]

    def trace(self, f: Any, avals: tuple[Aval, ...], run: Any, values: Sequence[Any]) -> Traced:
        inputs = [*values, *[None] * (len(avals) - len(values))]
        return abstract(f, avals, run, self.name, values=inputs)


def moving_aval(aval: Aval) -> Aval:
    """The aval of a tangent or cotangent, floats for integer arguments."""
    return tangent_aval(aval) if is_inexact(aval) else aval.with_dtype(np.float64)


def no_rule(inner: Traced) -> Jaxpr:
    """f without its rule, deep inside rules that call f: differentiated as it is written."""
    return inner.jaxpr()


def _closes_over(eqn: Eqn, given: Sequence[Any]) -> None:
    p = eqn.params
    if any(t is not None for t in given[p["n"] : len(p["jaxpr"].invars)]):
        raise DifferentiationError(
            f"{p['name']} has a custom derivative and closes over a value that is differentiated; "
            "pass that value as an argument, so that the rule can speak of it"
        )


# -- custom_jvp ----------------------------------------------------------------------------------


class custom_jvp(_Custom):  # noqa: N801  # used as a decorator, like a function
    """A function whose forward derivative is given: ``@custom_jvp`` and then ``f.defjvp(rule)``.

    The rule takes ``(primals, tangents)``, two tuples, and returns ``(output, output tangent)``;
    it must be linear in the tangents. With ``nondiff_argnums`` those arguments come first.
    ``defjvps`` takes one function per argument, ``(tangent, output, *primals)``, or None.

    Raises StructureError where the rule's outputs do not match the function's.

    >>> import numpy as np
    >>> from funcgrad import custom_jvp, grad
    >>> @custom_jvp
    ... def f(x):
    ...     return np.log1p(np.exp(x))
    >>> @f.defjvp
    ... def rule(primals, tangents):
    ...     (x,), (t,) = primals, tangents
    ...     return f(x), t / (1 + np.exp(-x))
    >>> grad(f)(0.0)
    np.float64(0.5)
    """

    rule: Any = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule; usable as a decorator."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set one rule per argument; their contributions are added."""

        def rule(primals: Any, tangents: Any) -> Any:
            out = self(*primals)
            terms = [r(t, out, *primals)
                     for r, t in zip(rules, tangents, strict=True) if r is not None]  # fmt: skip
            return out, sum(terms[1:], terms[0]) if terms else out * 0

        self.rule = rule

    def record(self, trace: Any, run: _Call, inner: Traced) -> Any:
        if self.rule is None:
            raise DifferentiationError(
                f"custom_jvp {self.__name__}: no rule; use {self.__name__}.defjvp"
            )
        rule, n = self.rule, len(run.leaves)

        def apply_rule(xs: list[Any]) -> Any:
            primals, tangents = (tuple(unflatten_all(run.defs, part)) for part in (xs[:n], xs[n:]))
            return self.matched(rule(*run.fixed, primals, tangents), inner)

        avals = (*run.avals, *map(moving_aval, run.avals))
        ruled = run.trace(rule, avals, apply_rule, run.leaves)
        outs = [moving_aval(v.aval) for v in inner.outs]
        made = with_outputs(ruled.jaxpr(), outs)
        operands = (*run.leaves, *captures(inner), *captures(ruled))
        params = (("jaxpr", inner.jaxpr()), ("rule", made), ("n", n), ("name", self.__name__))
        return trace.record(custom_jvp_call, operands, params, force=True)

    def matched(self, result: Any, inner: Traced) -> list[Any]:
        """The rule's output tangents, checked against the function's own output."""
        if not (isinstance(result, tuple) and len(result) == 2):
            raise StructureError(
                f"custom_jvp {self.__name__}: the rule must return (output, output tangent), "
                f"not {type(result).__name__}"
            )
        tangents, treedef = flatten(result[1])
        if treedef != inner.treedef:
            raise StructureError(
                f"custom_jvp {self.__name__}: the function returns {inner.treedef}, its rule's "
                f"tangent is {treedef}"
            )
        for t, v in zip(tangents, inner.outs, strict=True):
            check_shape(f"custom_jvp {self.__name__}: the rule's tangent", known_aval(t), v.aval)
        return tangents


def check_shape(what: str, found: Aval, wanted: Aval) -> None:
    if found.shape != wanted.shape:
        raise StructureError(f"{what} is {found}, of shape {found.shape}; it must be {wanted}")


def _jvp_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    builder.eqns.append(silent_eqn(eqn))  # what the user sees of f, its rule does
    _closes_over(eqn, given)
    n, rule = eqn.params["n"], eqn.params["rule"]
    tangents = [_atom(builder, t, v) for t, v in zip(given[:n], eqn.invars, strict=False)]
    rest = eqn.invars[len(eqn.params["jaxpr"].invars) :]
    outs = splice(builder.eqns, rule, (*eqn.invars[:n], *tangents, *rest))
    return [builder.read(v) for v in outs]


def _atom(builder: Builder, t: Any, v: Any) -> Any:
    return builder.atom(instantiate(t, moving_aval(v.aval)))


def _run_inner(xp: Any, *xs: Any, jaxpr: Jaxpr, **params: Any) -> Any:
    return hooks.run(jaxpr, xs[: len(jaxpr.invars)])


def _jvp_batch(
    size: int, xs: Any, batched: Any, jaxpr: Jaxpr, rule: Jaxpr, n: int, name: str
) -> Any:
    k = len(jaxpr.invars)
    flags = tuple(batched)
    made, _ = batch_jaxpr(jaxpr, size, flags[:k], True)
    made_rule, _ = batch_jaxpr(rule, size, (*flags[:n], *flags[:n], *flags[k:]), True)
    outs = custom_jvp_call(*xs, jaxpr=made, rule=made_rule, n=n, name=name)
    return outs, (True,) * len(outs)


custom_jvp_call = define(
    "custom_jvp_call", type=lambda *avals, jaxpr, **params: jaxpr.out_avals, value=_run_inner,
    linearize=_jvp_linearize, batch=_jvp_batch, multiple=True, family="custom",
)  # fmt: skip

# -- custom_vjp ----------------------------------------------------------------------------------


class custom_vjp(_Custom):  # noqa: N801  # used as a decorator, like a function
    """A function whose reverse derivative is given: ``@custom_vjp``, then ``f.defvjp(fwd, bwd)``.

    ``fwd(*args)`` returns ``(output, residuals)``; ``bwd(residuals, ct)`` returns a tuple with one
    cotangent per argument (None is zero) and must be linear in ``ct``. With
    ``nondiff_argnums`` bwd gets those arguments first and returns cotangents of the others.
    Forward mode, and so hvp and jacfwd, follow by transposing bwd.

    Raises StructureError where fwd or bwd return another structure than the function needs.

    >>> import numpy as np
    >>> from funcgrad import custom_vjp, grad
    >>> @custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
    >>> grad(lambda x: 5.0 * clipped(x))(2.0)
    np.float64(1.0)
    """

    fwd: Any = None
    bwd: Any = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the two halves of the rule."""
        self.fwd, self.bwd = fwd, bwd

    def record(self, trace: Any, run: _Call, inner: Traced) -> Any:
        if self.bwd is None:
            raise DifferentiationError(
                f"custom_vjp {self.__name__}: no rule; use {self.__name__}.defvjp"
            )
        saved = _Residuals()

        def forward(xs: list[Any]) -> Any:
            return self.split(self.fwd(*run.merged(xs)), inner, saved)

        first = run.trace(self.fwd, run.avals, forward, run.leaves)
        n_out = len(inner.outs)
        res_avals = tuple(v.aval.strong() for v in first.outs[n_out:])
        ct_avals = tuple(moving_aval(v.aval) for v in inner.outs)

        def backward(xs: list[Any]) -> Any:
            ct = unflatten(inner.treedef, xs[len(res_avals) :])
            return self.joined(self.bwd(*run.fixed, saved.fill(xs), ct), run)

        second = run.trace(self.bwd, (*res_avals, *ct_avals), backward, ())
        fwd = with_outputs(first.jaxpr(), (*(v.aval.strong() for v in inner.outs), *res_avals))
        bwd = with_outputs(second.jaxpr(), [moving_aval(a) for a in run.avals])
        operands = (*run.leaves, *captures(inner), *captures(first), *captures(second))
        params = (("jaxpr", inner.jaxpr()), ("fwd", fwd), ("bwd", bwd), ("n", len(run.leaves)),
                  ("name", self.__name__))  # fmt: skip
        return trace.record(custom_vjp_call, operands, params, force=True)

    def split(self, result: Any, inner: Traced, saved: _Residuals) -> list[Any]:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise StructureError(
                f"custom_vjp {self.__name__}: fwd must return (output, residuals), "
                f"not {type(result).__name__}"
            )
        outs, treedef = flatten(result[0])
        if treedef != inner.treedef:
            raise StructureError(
                f"custom_vjp {self.__name__}: the function returns {inner.treedef}, fwd {treedef}"
            )
        for x, v in zip(outs, inner.outs, strict=True):
            check_shape(f"custom_vjp {self.__name__}: fwd's output", known_aval(x), v.aval)
        return [*outs, *saved.take(result[1])]

    def joined(self, cts: Any, run: _Call) -> list[Any]:
        """One cotangent leaf per argument leaf, zeros where bwd says None."""
        single = len(run.defs) == 1 and not isinstance(cts, tuple)
        cts = (cts,) if single else cts
        if not isinstance(cts, (tuple, list)) or len(cts) != len(run.defs):
            got = len(cts) if isinstance(cts, (tuple, list)) else type(cts).__name__
            raise StructureError(
                f"custom_vjp {self.__name__}: bwd must return a tuple of {len(run.defs)} "
                f"cotangents, one per differentiated argument; got {got}"
            )
        out: list[Any] = []
        for i, (ct, (treedef, n)) in enumerate(zip(cts, run.defs, strict=True)):
            found, ct_def = flatten(ct)
            avals = run.avals[len(out) : len(out) + n]
            if ct is None:
                found = [zeros(moving_aval(a)) for a in avals]
            elif ct_def != treedef:
                raise StructureError(
                    f"custom_vjp {self.__name__}: cotangent {i} has structure {ct_def}, "
                    f"its argument {treedef}"
                )
            for x, a in zip(found, avals, strict=True):
                check_shape(f"custom_vjp {self.__name__}: cotangent {i} of bwd", known_aval(x), a)
            out += found
        return out


class _Residuals:
    """Residuals of fwd: arrays go through the program, anything else is kept aside."""

    def take(self, residuals: Any) -> list[Any]:
        leaves, self.treedef = flatten(residuals)
        self.static = [None if _is_array(x) else x for x in leaves]
        self.where = [i for i, x in enumerate(leaves) if _is_array(x)]
        return [leaves[i] for i in self.where]

    def fill(self, xs: Sequence[Any]) -> Any:
        leaves = list(self.static)
        for i, x in zip(self.where, xs, strict=False):
            leaves[i] = x
        return unflatten(self.treedef, leaves)


def _is_array(x: Any) -> bool:
    return hasattr(x, "dtype") or x.__class__ in (int, float, complex)


class _Transposed(LinearMap):
    """The linear part of f, known by bwd: forwards it is bwd transposed in its cotangent."""

    def __init__(self, bwd: Jaxpr, n_cts: int):
        super().__init__()
        self.bwd, self.n_fixed = bwd, len(bwd.invars) - n_cts
        self.out_avals = tuple(v.aval for v in bwd.invars[self.n_fixed :])

    def make(self) -> Jaxpr:
        bwd = inlined(self.bwd)
        return transpose_jaxpr(bwd, tuple(i >= self.n_fixed for i in range(len(bwd.invars))))

    def make_transposed(self) -> Jaxpr:
        return self.bwd


def _transposed(bwd: Jaxpr, n_cts: int) -> _Transposed:
    return bwd.derive(("lazy", n_cts), lambda: _Transposed(bwd, n_cts))  # type: ignore[no-any-return]


def _vjp_linearize(builder: Builder, eqn: Eqn, given: list[Any], split: bool) -> Sequence[Any]:
    builder.eqns.append(silent_eqn(eqn))  # what the user sees of f, its rule does
    _closes_over(eqn, given)
    p = eqn.params
    n, n_out, k = p["n"], len(eqn.outvars), len(p["jaxpr"].invars)
    n_fwd = len(p["fwd"].invars) - n
    found = splice(builder.eqns, p["fwd"], (*eqn.invars[:n], *eqn.invars[k : k + n_fwd]))
    tangents = [_atom(builder, t, v) for t, v in zip(given[:n], eqn.invars, strict=False)]
    bwd = cts_last(p["bwd"], len(found) - n_out, n_out)
    inputs = (*found[n_out:], *eqn.invars[k + n_fwd :], *tangents)
    lazy = _transposed(bwd, n_out)
    outs = tuple(Var(a) for a in lazy.out_avals)
    builder.eqns.append(Eqn(linear_call, inputs, {"lazy": lazy}, outs, eqn.source))
    return [Tracer(builder, v) for v in outs]


def cts_last(bwd: Jaxpr, n_res: int, n_cts: int) -> Jaxpr:
    """bwd as (residuals, captures, cts): tracing leaves captures at the end."""

    def make() -> Jaxpr:
        res, cts, rest = (
            bwd.invars[:n_res],
            bwd.invars[n_res : n_res + n_cts],
            bwd.invars[n_res + n_cts :],
        )
        return Jaxpr((*res, *rest, *cts), bwd.eqns, bwd.outvars)

    return bwd.derive(("cts last", n_res), make)  # type: ignore[no-any-return]


def _vjp_batch(
    size: int, xs: Any, batched: Any, jaxpr: Jaxpr, fwd: Jaxpr, bwd: Jaxpr, n: int, name: str
) -> Any:
    k, flags = len(jaxpr.invars), tuple(batched)
    n_out, n_fwd = len(jaxpr.outvars), len(fwd.invars) - n
    made, _ = batch_jaxpr(jaxpr, size, flags[:k], True)
    force = (True,) * n_out + (False,) * (len(fwd.outvars) - n_out)
    made_fwd, res_on = batch_jaxpr(fwd, size, (*flags[:n], *flags[k : k + n_fwd]), force)
    back_flags = (*res_on[n_out:], *(True,) * n_out, *flags[k + n_fwd :])
    made_bwd, _ = batch_jaxpr(bwd, size, back_flags, True)
    back = made_bwd.derive(("summed", flags[:n]), lambda: summed(made_bwd, flags[:n]))
    outs = custom_vjp_call(*xs, jaxpr=made, fwd=made_fwd, bwd=back, n=n, name=name)
    return outs, (True,) * len(outs)


custom_vjp_call = define(
    "custom_vjp_call", type=lambda *avals, jaxpr, **params: jaxpr.out_avals, value=_run_inner,
    linearize=_vjp_linearize, batch=_vjp_batch, multiple=True, family="custom",
)  # fmt: skip
