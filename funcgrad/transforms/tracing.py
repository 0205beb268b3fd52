"""What every public transform does around its jaxpr: trace a call, derive, run.

leaves --trace--> leaf of the tree --derive (kept on the leaf)--> program --run--> outputs
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from funcgrad.errors import DifferentiationError, StructureError
from funcgrad.ir.avals import aval_of
from funcgrad.ir.jaxpr import Jaxpr, Var, dead_code
from funcgrad.ops.call import apply, inlined
from funcgrad.trace.collector import paused
from funcgrad.trace.core import Trace, running
from funcgrad.trace.tracer import Tracer, any_traced, is_traced
from funcgrad.trace.tree import Root, path_jaxpr
from funcgrad.transforms.limits import needs_limits, with_limits
from funcgrad.tree import flatten, paths, unflatten

__all__ = ["Traced", "begin", "name_of", "trace"]


def transformed(wrapper: Any, f: Any, who: str) -> Any:
    """Give a transformed function the name and documentation of its origin."""
    wrapper.__name__ = f"{who}({name_of(f)})"
    wrapper.__qualname__ = wrapper.__name__
    wrapper.__doc__ = f"{who} of {name_of(f)}.\n\n{getattr(f, '__doc__', None) or ''}"
    wrapper.__wrapped__ = f
    return wrapper


def name_of(f: Any) -> str:
    return getattr(f, "__name__", None) or type(f).__name__


def begin(store: dict[Any, Root], leaves: list[Any], names: Any = ()) -> Trace:
    """A new trace over these leaves, at its root; one root per signature."""
    avals = tuple([x._var.aval if is_traced(x) else aval_of(x) for x in leaves])
    root = store.get(avals)
    if root is None:
        root = store.setdefault(avals, Root(avals, names() if callable(names) else names))
    return Trace(root, list(leaves))


class Traced:
    """A function's run, over: its trace, its output variables, and their structure."""

    __slots__ = ("aux", "outs", "trace", "treedef", "who")

    def __init__(self, trace: Any, out: Any, aux: Any, who: str = ""):
        self.trace = trace
        self.who = who and who + ": "
        self.aux = aux
        leaves, self.treedef = flatten(out)
        self.outs = tuple([self._lift(x) for x in leaves])

    def _lift(self, x: Any) -> Any:
        if x.__class__ is Tracer and x._trace is self.trace:
            return x._var
        if not (hasattr(x, "dtype") or isinstance(x, (int, float, complex))):
            raise StructureError(
                f"{self.who}the function returned {type(x).__name__} {x!r:.40}; outputs must be "
                "arrays or numbers (pytrees of them)"
            )
        return self.trace.lift(x)

    def derived(self, key: Any, outs: tuple[Any, ...]) -> Any:
        """What an earlier run along the same path derived, or None."""
        return self.trace.node.derived.get((key, outs))

    def derive(self, key: Any, make: Callable[[Jaxpr], Jaxpr], outs: Any = None) -> Any:
        """The derived program, the known values it takes, and the program without them where it may
        be asked for a limit; kept on the leaf for next time."""
        node = self.trace.node
        outs = self.outs if outs is None else outs
        found = node.derived.get((key, outs))
        if found is None:
            with paused():
                whole = make(self.jaxpr(outs))
                made = with_known(whole, self.trace.known)
            found = node.keep((key, outs), (*made, whole if needs_limits(whole) else None))
        return found

    def jaxpr(self, outs: Any = None) -> Jaxpr:
        """The program of this run: arguments, then captured values, to outputs."""
        node = self.trace.node
        outs = self.outs if outs is None else outs
        found = node.derived.get(("jaxpr", outs))
        if found is None:
            made = path_jaxpr(node, self.trace.root, outs)
            found = node.keep(("jaxpr", outs), made)
        return found  # type: ignore[no-any-return]

    def values(self, jaxpr: Jaxpr) -> list[Any]:
        """What this run has for the inputs of a program."""
        inputs, known, positions = self.trace.inputs, self.trace.known, self.trace.root.positions
        return [inputs[positions[v]] if v in positions else known[v] for v in jaxpr.invars]

    def apply(self, derived: Any, extra: Sequence[Any] = ()) -> tuple[Any, ...]:
        """Run a derived program on this run's inputs, or record it where they are traced."""
        jaxpr, known, whole = derived
        trace = self.trace
        given = values = trace.inputs
        if extra:
            given = values = values + list(extra)
        if known:
            values = values + [trace.known[v] for v in known]
        try:
            if whole is None:
                return apply(jaxpr, values)
            return applied(jaxpr, values, whole, given)
        finally:
            trace.release()


def applied(jaxpr: Jaxpr, values: list[Any], whole: Jaxpr, given: list[Any]) -> tuple[Any, ...]:
    """``apply``; where derivatives at multiple eigenvalues are limits, of the whole program."""
    if running.get() is not None and any_traced(values):
        return apply(jaxpr, values)
    return tuple(with_limits(lambda: apply(jaxpr, values), whole, given))


def with_known(jaxpr: Jaxpr, known: dict[Var, Any]) -> tuple[Jaxpr, list[Var]]:
    """Values that were demanded while tracing come in as inputs: nothing is computed twice."""
    if not known:
        return jaxpr, []
    inner = inlined(jaxpr)
    rest = [eqn for eqn in inner.eqns if not (eqn.outvars and all(v in known for v in eqn.outvars))]
    kept = dead_code(rest, inner.outvars)
    read = {v for eqn in kept for v in eqn.invars if v.__class__ is Var}
    read.update(v for v in inner.outvars if v.__class__ is Var)
    used = [v for v in known if v in read]
    return Jaxpr((*inner.invars, *used), kept, inner.outvars), used


def trace(
    store: dict[Any, Root],
    leaves: list[Any],
    call: Callable[[list[Any]], Any],
    has_aux: bool = False,
    names: Any = (),
    who: str = "",
) -> Traced:
    """Run ``call`` over tracers of the leaves; exceptions leave nothing behind."""
    return run_trace(begin(store, leaves, names), call, has_aux, who)


def run_trace(
    t: Any, call: Callable[[list[Any]], Any], has_aux: bool = False, who: str = ""
) -> Traced:
    token = running.set(t)
    try:
        out = call([Tracer(t, v) for v in t.root.invars])
        aux = None
        if has_aux:
            if not (isinstance(out, tuple) and len(out) == 2):
                raise StructureError("has_aux=True: the function must return a pair (output, aux)")
            out, aux = out
        return Traced(t, out, aux, who)
    except BaseException as error:
        if t.held and isinstance(error, ValueError) and "read-only" in str(error):
            error.add_note(
                "funcgrad holds this array read-only until the traced function has run, because an "
                "earlier operation used it; write into a copy (x.copy()) instead"
            )
        if isinstance(error, ValueError) and "setting an array element" in str(error):
            error.add_note(
                "a traced value was stored into a plain array; make the array with "
                "np.zeros_like(x) of a traced x, or funcgrad.numpy.zeros, and it is traced too"
            )
        t.release()
        raise
    finally:
        running.reset(token)
        t.alive = False


class AuxOutputs:
    """Auxiliary outputs: traced leaves become further outputs, anything else passes through."""

    def __init__(self, traced: Traced):
        self.leaves, self.treedef = flatten(traced.aux)
        self.places = [
            i for i, x in enumerate(self.leaves) if is_traced(x) and x._trace is traced.trace
        ]
        self.outs = tuple(self.leaves[i]._var for i in self.places)

    def fill(self, values: Sequence[Any]) -> Any:
        leaves = list(self.leaves)
        for i, v in zip(self.places, values, strict=True):
            leaves[i] = v
        return unflatten(self.treedef, leaves)


# -- arguments ----------------------------------------------------------------------------------


class Arguments:
    """Which arguments a transform differentiates: by position, by name, negative too."""

    def __init__(self, f: Any, who: str, argnums: Any, argnames: Any):
        self.f, self.who = f, who
        self.single = argnums.__class__ is int and argnames is None
        if argnums is None and argnames is not None:
            argnums = ()
            self.single = isinstance(argnames, str)
        self.argnums = (argnums,) if isinstance(argnums, int) else tuple(argnums or ())
        self.argnames = (argnames,) if isinstance(argnames, str) else tuple(argnames or ())
        self.plain = self.argnums == (0,) and not self.argnames

    def split(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The chosen arguments, and a function that calls f with them replaced."""
        f = self.f
        if self.plain and args:
            rest = args[1:]
            return [args[0]], lambda new: f(new[0], *rest, **kwargs)
        places = [self._place(n, args) for n in self.argnums]
        missing = [n for n in self.argnames if n not in kwargs]
        if missing:
            raise TypeError(
                f"{self.who}: argnames {missing} must be passed by keyword; "
                f"the call of {name_of(f)} has keywords {sorted(kwargs)}"
            )
        chosen = [args[i] for i in places] + [kwargs[n] for n in self.argnames]

        def call(new: list[Any]) -> Any:
            full, named = list(args), dict(kwargs)
            for i, x in zip(places, new, strict=False):
                full[i] = x
            named.update(zip(self.argnames, new[len(places) :], strict=True))
            return f(*full, **named)

        return chosen, call

    def _place(self, n: int, args: tuple[Any, ...]) -> int:
        if not -len(args) <= n < len(args):
            raise TypeError(
                f"{self.who}: argnums={n}, but {name_of(self.f)} was called with {len(args)} "
                "positional arguments; argnames differentiates arguments passed by keyword"
            )
        return n % len(args)

    def join(self, values: list[Any]) -> Any:
        return values[0] if self.single else tuple(values)


def flatten_all(values: Sequence[Any]) -> tuple[list[Any], list[tuple[Any, int]]]:
    """The leaves of several trees, and what puts them back together."""
    leaves: list[Any] = []
    defs = []
    for value in values:
        found, treedef = flatten(value)
        leaves += found
        defs.append((treedef, len(found)))
    return leaves, defs


def unflatten_all(defs: list[tuple[Any, int]], leaves: Sequence[Any]) -> list[Any]:
    out, start = [], 0
    for treedef, n in defs:
        out.append(unflatten(treedef, list(leaves[start : start + n])))
        start += n
    return out


def differentiable(
    who: str, x: Any, path: str, allow_int: bool = False, holomorphic: bool = False
) -> Any:
    """The leaf as it is differentiated: Python ints become floats, integer arrays are refused."""
    if is_traced(x):
        aval = x.aval
    elif x.__class__ is int:
        return float(x)
    else:
        try:
            aval = aval_of(x)
        except TypeError:
            raise DifferentiationError(
                f"{who}: argument{path or ''} is {type(x).__name__} {x!r:.40}, which has no "
                "derivative; differentiate other arguments (argnums, argnames)"
            ) from None
    kind = aval.dtype.kind
    if kind == "f" or (kind == "c" and holomorphic) or (kind in "iub" and allow_int):
        return x
    if kind == "c":
        return x
    raise DifferentiationError(
        f"{who}: argument{path or ''} is an integer array, {aval}, and has no derivative; "
        "convert it (x.astype(float)), differentiate other arguments, or pass allow_int=True"
    )


def argument_names(f: Any, values: Sequence[Any]) -> tuple[str | None, ...]:
    """Names for the traced leaves, from the signature where it is simple."""
    code = getattr(inspect.unwrap(f), "__code__", None)
    first = code.co_varnames[: code.co_argcount] if code is not None else ()
    out: list[str | None] = []
    for i, value in enumerate(values):
        stem = first[i] if i < len(first) else None
        for path in paths(value):
            word = "".join(c if c.isalnum() else "_" for c in path).strip("_")
            joined = "_".join(p for p in (stem, word) if p)
            out.append(joined or None)
    return tuple(out)
