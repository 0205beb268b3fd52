"""vmap: a function of one example becomes a function of a batch.

    vmap(f)(xs)[i] = f(xs[i])

The function is traced once, for one example. Where Python asks a batched value for a truth,
all examples may agree; where they do not, ``branches="split"`` runs each outcome on its part
of the batch and puts the results back in order, so no branch runs that is not taken.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.errors import BatchedDecisionError, StructureError
from funcgrad.ir.avals import array_aval, aval_of
from funcgrad.ir.jaxpr import Jaxpr, Var
from funcgrad.ops.families import known_aval, ops
from funcgrad.ops.indexing import ARRAY
from funcgrad.ops.shaping import move_axis
from funcgrad.trace.core import Trace
from funcgrad.trace.source import here
from funcgrad.trace.tracer import Outcome, is_traced
from funcgrad.trace.tree import Root, roots_of
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.tracing import (
    argument_names,
    flatten_all,
    name_of,
    run_trace,
    transformed,
    unflatten_all,
)
from funcgrad.tree import flatten, paths, unflatten

__all__ = ["BatchTrace", "vmap"]


class Split(Exception):
    """The examples disagree about a decision; carries what each of them says."""

    def __init__(self, outcomes: Any):
        rows = outcomes.reshape(len(outcomes), -1)
        _, group = np.unique(rows, axis=0, return_inverse=True)
        self.groups = [np.nonzero(group.ravel() == k)[0] for k in range(group.max() + 1)]


class BatchTrace(Trace):
    """A trace whose inputs, in the enclosing trace, carry a batch axis in front."""

    __slots__ = ("axis_name", "branches", "flags", "size", "which")

    differentiates = False

    def __init__(self, root: Root, inputs: list[Any], flags: tuple[bool, ...], size: int):
        super().__init__(root, inputs)
        self.flags = flags
        self.size = size
        self.which: dict[Var, bool] = {}  # demanded variable -> is it batched
        self.axis_name: Any = None
        self.branches = "split"

    def is_batched(self, var: Var) -> bool:
        position = self.root.positions.get(var)
        if position is None:
            return self.which[var]
        return position < len(self.flags) and self.flags[position]

    def run_segment(self, jaxpr: Jaxpr, values: list[Any]) -> Any:
        flags = tuple([self.is_batched(v) for v in jaxpr.invars])
        batched, out_flags = batch_jaxpr(jaxpr, self.size, flags, False, self.axis_name)
        self.which.update(zip(jaxpr.outvars, out_flags, strict=True))
        return super().run_segment(batched, values)

    def decision(self, var: Var) -> Any:
        """One value for all examples, if they agree."""
        value = self.demand(var)
        if not self.is_batched(var):
            return value
        if is_traced(value):
            value = value.decide(Outcome).array
        outcomes = np.asarray(value)
        if outcomes.shape[0] == 0:
            return np.zeros(outcomes.shape[1:], outcomes.dtype)[()]
        first = outcomes[0]
        if (outcomes == first).all():
            return first
        if self.branches == "error":
            name = f"'{var.name}' " if var.name else ""
            raise BatchedDecisionError(
                f"vmap: the truth of {name}({var.aval}) differs among the {self.size} examples "
                f"(at {here()}); use np.where or funcgrad.cond, or vmap(…, branches='split')"
            )
        raise Split(outcomes)


def vmap(
    f: Callable[..., Any],
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    branches: str = "split",
) -> Callable[..., Any]:
    """A function that maps f over an axis of its arguments, as one batched program.

    ``in_axes`` gives the mapped axis of each argument (None: not mapped): one number, a tuple
    with one entry per positional argument, or a dict by parameter name; an entry may be a
    pytree prefix of its argument. Keyword arguments are mapped over axis 0 unless a dict says
    otherwise. ``out_axes`` places the batch axis in the outputs. ``axis_name`` lets ``psum`` and
    friends speak of the axis. ``branches`` says what happens where Python decides on a batched
    value: "split" runs each outcome on its part of the batch, "error" raises.

    Raises StructureError where the mapped sizes differ, with a table of the arguments.

    >>> import numpy as np
    >>> from funcgrad import vmap
    >>> vmap(lambda x, y: x @ y, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])
    """
    if branches not in ("split", "error"):
        raise ValueError(f"vmap: branches must be 'split' or 'error', not {branches!r}")
    store = roots_of(f)

    def mapped(*args: Any, **kwargs: Any) -> Any:
        names = list(kwargs)
        values = [*args, *kwargs.values()]
        axes = argument_axes(f, in_axes, args, names)
        leaves, defs = flatten_all(values)
        flat = [a for value, ax in zip(values, axes, strict=True) for a in leaf_axes(value, ax)]
        size = batch_size(f, leaves, flat, values, len(args), names, axis_size)

        def call(xs: list[Any]) -> Any:
            new = unflatten_all(defs, xs)
            return f(*new[: len(args)], **dict(zip(names, new[len(args) :], strict=True)))

        batch = _Batch(f, store, call, axis_name, branches, lambda: argument_names(f, values))
        moved = [x if a is None else front(x, a) for x, a in zip(leaves, flat, strict=True)]
        outs, treedef = batch.run(moved, tuple(a is not None for a in flat), size)
        return place(outs, treedef, out_axes)

    return transformed(mapped, f, "vmap")  # type: ignore[no-any-return]


class _Batch:
    """One call of a mapped function, perhaps in several parts."""

    def __init__(self, f: Any, store: Any, call: Any, axis_name: Any, branches: str, names: Any):
        self.f, self.store, self.call = f, store, call
        self.axis_name, self.branches, self.names = axis_name, branches, names
        self.splits = 0

    def run(self, leaves: list[Any], flags: tuple[bool, ...], size: int) -> tuple[list[Any], Any]:
        try:
            return self.whole(leaves, flags, size)
        except Split as split:
            return self.parts(leaves, flags, split.groups)

    def whole(self, leaves: list[Any], flags: tuple[bool, ...], size: int) -> tuple[list[Any], Any]:
        places = [
            i for i, (x, on) in enumerate(zip(leaves, flags, strict=True)) if on or traceable(x)
        ]
        kept = tuple(flags[i] for i in places)
        avals = tuple(
            [example_aval(leaves[i]) if flags[i] else known_aval(leaves[i]) for i in places]
        )
        root = self.store.get(("vmap", avals, kept))
        if root is None:
            names = self.names()
            root = Root(avals, tuple(names[i] for i in places))
            root = self.store.setdefault(("vmap", avals, kept), root)
        t = BatchTrace(root, [leaves[i] for i in places], kept, size)
        t.axis_name, t.branches = self.axis_name, self.branches

        def call(xs: list[Any]) -> Any:
            new = list(leaves)
            for i, x in zip(places, xs, strict=True):
                new[i] = x
            return self.call(new)

        traced = run_trace(t, call)
        key = ("vmap", kept, size, self.axis_name)
        found = traced.derived(key, traced.outs)
        if found is None:
            found = traced.derive(key, lambda j: self.derive(j, kept, size))
        return list(traced.apply(found)), traced.treedef

    def derive(self, jaxpr: Jaxpr, kept: tuple[bool, ...], size: int) -> Jaxpr:
        flags = kept + (False,) * (len(jaxpr.invars) - len(kept))
        return batch_jaxpr(jaxpr, size, flags, True, self.axis_name)[0]

    def parts(self, leaves: list[Any], flags: Any, groups: list[Any]) -> tuple[list[Any], Any]:
        """Each outcome on its own examples; results back in the order of the batch."""
        if self.axis_name is not None:
            raise BatchedDecisionError(
                f"vmap: examples decide differently (at {here()}) while axis {self.axis_name!r} "
                "ties them together; use np.where or funcgrad.cond"
            )
        before = self.splits
        self.splits += len(groups) - 1
        if before < 64 <= self.splits:
            warnings.warn(f"vmap of {name_of(self.f)} split its batch into more than 64 parts",
                          stacklevel=2)  # fmt: skip
        found, treedef = [], None
        for rows in groups:
            part = [ops.gather(x, rows, items=(ARRAY,)) if on else x
                    for x, on in zip(leaves, flags, strict=True)]  # fmt: skip
            outs, this_def = self.run(part, flags, len(rows))
            if treedef is not None and this_def != treedef:
                raise StructureError(
                    f"vmap: branches of {name_of(self.f)} return {treedef} and {this_def}"
                )
            treedef = this_def
            found.append(outs)
        order = np.argsort(np.concatenate(groups))
        return [ops.gather(ops.concatenate(*xs, axis=0), order, items=(ARRAY,))
                for xs in zip(*found, strict=True)], treedef  # fmt: skip


def traceable(x: Any) -> bool:
    """Arguments that are not mapped are traced too, if they are arrays."""
    return is_traced(x) or isinstance(x, np.ndarray)


def example_aval(x: Any) -> Any:
    aval = known_aval(x)
    return array_aval(aval.shape[1:], aval.dtype)


def front(x: Any, axis: int) -> Any:
    """The mapped axis in front."""
    x = x if hasattr(x, "shape") else np.asarray(x)
    return x if axis == 0 else move_axis(x, axis, 0)


def place(outs: list[Any], treedef: Any, out_axes: Any) -> Any:
    """Outputs with their batch axis where ``out_axes`` wants it."""
    tree = unflatten(treedef, outs)
    axes = leaf_axes(tree, out_axes)
    if all(a == 0 for a in axes):
        return tree
    moved = []
    for x, a in zip(outs, axes, strict=True):
        moved.append(x[0] if a is None else move_axis(x, 0, a))
    return unflatten(treedef, moved)


# -- axes --------------------------------------------------------------------------------------


def argument_axes(f: Any, in_axes: Any, args: tuple[Any, ...], names: list[str]) -> list[Any]:
    """The axes entry of each argument, positional ones first."""
    count = len(args) + len(names)
    if in_axes is None or isinstance(in_axes, int):
        return [in_axes] * count
    if isinstance(in_axes, dict):
        positional = list(inspect.signature(f).parameters)[: len(args)]
        unknown = set(in_axes) - {*positional, *names}
        if unknown:
            raise StructureError(
                f"vmap: in_axes names {sorted(map(str, unknown))}, but the call of {name_of(f)} "
                f"has {[*positional, *names]}"
            )
        return [in_axes.get(n, 0) for n in (*positional, *names)]
    axes = list(in_axes)
    if len(axes) != len(args):
        raise StructureError(
            f"vmap: in_axes has {len(axes)} entries, {name_of(f)} was called with {len(args)} "
            "positional arguments"
        )
    return axes + [0] * len(names)


def leaf_axes(value: Any, axis: Any) -> list[Any]:
    """One axis per leaf; the entry may be a prefix of the value's structure."""
    if axis is None or isinstance(axis, int):
        return [axis] * len(flatten(value)[0])
    if isinstance(value, dict) and isinstance(axis, dict) and set(axis) == set(value):
        return [a for k in sorted(value) for a in leaf_axes(value[k], axis[k])]
    if (
        isinstance(value, (list, tuple))
        and isinstance(axis, (list, tuple))
        and len(value) == len(axis)
    ):
        return [a for v, ax in zip(value, axis, strict=True) for a in leaf_axes(v, ax)]
    raise StructureError(
        f"vmap: axes {axis!r} are no prefix of the argument's structure {flatten(value)[1]}"
    )


def batch_size(
    f: Any, leaves: list[Any], axes: list[Any], values: list[Any], n_args: int, names: list[str],
    given: int | None,
) -> int:  # fmt: skip
    """The one size of all mapped axes; a table of the arguments where they differ."""
    rows = []
    for i, (x, a) in enumerate(zip(leaves, axes, strict=True)):
        if a is None:
            continue
        shape = (
            known_aval(x).shape
            if hasattr(x, "aval")
            else aval_of(x if hasattr(x, "shape") else np.asarray(x)).shape
        )
        if not -len(shape) <= a < len(shape):
            raise StructureError(
                f"vmap: {_label(f, values, n_args, names)[i]} of shape {shape} has no axis {a}; "
                "in_axes=None leaves it unmapped"
            )
        rows.append((i, shape, a, shape[a]))
    sizes = {r[3] for r in rows} | ({given} if given is not None else set())
    if len(sizes) == 1:
        return int(sizes.pop())
    if not sizes:
        raise StructureError(
            f"vmap: no argument of {name_of(f)} is mapped (in_axes is None); pass axis_size"
        )
    labels = _label(f, values, n_args, names)
    usual = max(sizes, key=lambda s: sum(r[3] == s for r in rows))
    table = "\n".join(
        f"  {labels[i]:<20} shape {shape!s:<16} axis {a}  size {n}{'' if n == usual else '   <--'}"
        for i, shape, a, n in rows
    )
    extra = f"\n  axis_size={given}" if given is not None else ""
    raise StructureError(f"vmap: the mapped axes of {name_of(f)} differ in size:\n{table}{extra}")


def _label(f: Any, values: list[Any], n_args: int, names: list[str]) -> list[str]:
    code = getattr(f, "__code__", None)
    own = code.co_varnames[: code.co_argcount] if code is not None else ()
    stems = [own[i] if i < len(own) else f"args[{i}]" for i in range(n_args)] + names
    return [stem + p for stem, value in zip(stems, values, strict=True) for p in paths(value)]
