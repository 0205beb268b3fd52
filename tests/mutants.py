"""Planted faults: one line of our own source changed, in the running process.

A mutant rewrites a function from its source and puts the new one wherever the old one is
known: in modules, in classes and among the rules of primitives.
"""

import __future__

import contextlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from typing import Any, NamedTuple

from funcgrad.ir.primitive import registry


class Mutant(NamedTuple):
    """``old`` becomes ``new`` in a function; rows of these primitives should notice."""

    where: str  # module:function or module:Class.method
    old: str
    new: str
    rows: tuple[str, ...] = ()


MUTANTS = [
    # rules
    Mutant(
        "funcgrad.ops.elementwise:_divide_jvp", "negative(multiply(ty, z))", "multiply(ty, z)",
        ("divide",),
    ),
    Mutant(
        "funcgrad.ops.degenerate:rotation", "e.subtract(row(w), column(w))",
        "e.subtract(column(w), row(w))", ("eigh",),
    ),
    Mutant("funcgrad.ops.reductions:_extreme_jvp", 'ops.divide(', 'ops.multiply(', ("reduce_max",)),
    Mutant(
        "funcgrad.ops.elementwise:_real_dtype", "np.empty(0, x.dtype).real.dtype",
        "np.float64", ("real",),
    ),
    # transposition
    Mutant(
        "funcgrad.ops.dot:_dot_transpose", "(*xb, *x_free, *summed)", "(*xb, *summed, *x_free)",
        ("dot_general",),
    ),
    Mutant("funcgrad.ops.families:ct_like", "if axes:", "if axes[1:]:", ("add",)),
    Mutant("funcgrad.transforms.transpose:Cotangents.add", "ct = ops.add(old, ct)", "pass"),
    Mutant(
        "funcgrad.transforms.linearize:_vjp", "zip(found, wanted, strict=True)",
        "zip(found[::-1], wanted, strict=True)", ("multiply", "subtract"),
    ),
    # batching
    Mutant(
        "funcgrad.ops.dot:_dot_batch", "len(xb) + (free if by else 0)", "len(xb)", ("dot_general",)
    ),
    Mutant(
        "funcgrad.ops.families:lead", "(x.shape[0],) + (1,) * missing + tuple(x.shape[1:])",
        "tuple(x.shape) + (1,) * missing", ("add",),
    ),
    Mutant(
        "funcgrad.ops.indexing:_gather_batch", "if batched[0]:", "if batched[1]:", ("gather",)
    ),
    # simplification
    Mutant(
        "funcgrad.compiler.simplify:_Simplifier.emit", "tuple(eqn.params.items())", "()"
    ),
    Mutant(
        "funcgrad.compiler.rewrites:_multiply", "is_number(one, 1)",
        "is_number(one, 2.5)", ("multiply",),
    ),
    Mutant(
        "funcgrad.compiler.simplify:_transpose", "tuple(first[p] for p in perm)",
        "tuple(perm[p] for p in first)",
    ),
    # the trace tree
    Mutant(
        "funcgrad.trace.core:Trace.record", "self.node.edges.get(edge)",
        "next((n for k, n in self.node.edges.items() if k[::2] == edge[::2]), None)",
    ),
    Mutant(
        "funcgrad.trace.core:Trace._label", "return interned[x.shape, x.dtype]",
        "return interned[(), x.dtype]",
    ),
    # generated source
    Mutant("funcgrad.compiler.plan:Memory.reusable", "self.uses[v] ==", "self.uses[v] >="),
    Mutant("funcgrad.compiler.plan:looks_at", "if prim.views and", "if False and"),
    Mutant("funcgrad.backends.lines:_into", "w.xp.array)", "w.xp.asarray)", ("put", "scatter")),
]  # fmt: skip


@contextlib.contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The package with this fault, while the context lasts."""
    module, _, path = mutant.where.partition(":")
    owner: Any = importlib.import_module(module)
    for part in path.split("."):
        found = owner.__dict__[part] if inspect.isclass(owner) else getattr(owner, part)
        owner = found
    fault = rewritten(found, mutant)
    places = list(homes(found))
    assert places, f"{mutant.where} is nowhere to be found"
    try:
        replace(places, fault)
        yield
    finally:
        replace(places, found)


def rewritten(function: Any, mutant: Mutant) -> Any:
    """The function, compiled from its changed source among the same globals."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(mutant.old) >= 1, f"{mutant.where} no longer has {mutant.old!r}"
    names: dict[str, Any] = {}
    text = source.replace(mutant.old, mutant.new)
    flags = __future__.annotations.compiler_flag
    exec(compile(text, f"<mutant of {mutant.where}>", "exec", flags), function.__globals__, names)
    return names[function.__name__]


def homes(function: Any) -> Iterator[tuple[Any, Any]]:
    """Whatever holds the function: (object, attribute) or (dictionary, key)."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != "funcgrad":
            continue
        for key, value in list(vars(module).items()):
            if value is function:
                yield module, key
            elif inspect.isclass(value) and value.__module__ == name:
                yield from ((value, k) for k, v in list(vars(value).items()) if v is function)
            elif isinstance(value, dict) and value is not registry:
                yield from ((value, k) for k, v in list(value.items()) if v is function)
                holders = [v for v in value.values() if getattr(v, "write", None) is function]
                yield from ((v, "write") for v in holders if not isinstance(v, tuple))
    for prim in registry.values():
        for field in ("jvp", "transpose", "batch", "type", "value"):
            if getattr(prim, field) is function:
                yield prim, field


def replace(places: Any, function: Any) -> None:
    for owner, key in places:
        if isinstance(owner, dict):
            owner[key] = function
        else:
            setattr(owner, key, function)
    for prim in registry.values():
        prim.types.clear()  # types remembered under the other rule
