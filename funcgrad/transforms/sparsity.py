"""Which inputs each output's derivative may depend on: index sets pushed through a jaxpr.

The pattern of a variable is the set of pairs (element, input element) where its derivative may
differ from zero, held as sorted numbers ``element * inputs + input``. Every rule gives a superset:

- elementwise: the union over the operands, broadcast;
- what only moves elements (reshape, index, pad, concatenate, ...): the operation itself, run on
  the elements' numbers, tells where each one comes from;
- sums and products along axes: the union over these axes;
- all else: every element depends on all that any operand depends on.

What has no derivative (comparisons, rounding, integers) cuts dependence, as it does in ``jvp``.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from funcgrad.ir.avals import broadcast_shapes, is_inexact
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ops.call import inlined
from funcgrad.ops.dot import plan
from funcgrad.ops.indexing import plain

__all__ = ["TooDense", "patterns"]

Pattern = Any  # sorted int64 numbers, or None: depends on no input


class TooDense(Exception):
    """There is no structure worth the search."""


def patterns(jaxpr: Jaxpr, place: int, outs: int, limit: int) -> list[Pattern]:
    """The patterns of the first ``outs`` outputs in the elements of one input.

    Raises TooDense as soon as a variable has more than ``limit`` pairs.
    """
    jaxpr = inlined(jaxpr)
    walk = _Walk(jaxpr.invars[place], limit)
    for eqn in jaxpr.eqns:
        walk.visit(eqn)
    return [walk.pattern(v) for v in jaxpr.outvars[:outs]]


def _numbers(shape: tuple[int, ...]) -> Any:
    return np.arange(prod(shape), dtype=np.int64).reshape(shape)


def _family(eqn: Eqn) -> str:
    """The name of the rule for an equation."""
    prim = eqn.prim
    return prim.family if prim.family in ("elementwise", "reduction") else prim.name


def _distinct(numbers: Any) -> Any:
    """The numbers in order, each once; ``np.unique`` would first load numpy.ma, for 10 ms."""
    ordered = np.sort(numbers)
    first = np.ones(len(ordered), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


class _Walk:
    def __init__(self, root: Var, limit: int):
        self.inputs, self.limit = root.aval.size, limit
        self.found: dict[Any, Pattern] = {root: _numbers((self.inputs,)) * (self.inputs + 1)}
        self.known: dict[Any, Any] = {}  # integers and masks that depend on nothing at all

    def pattern(self, v: Any) -> Pattern:
        return self.found.get(v) if v.__class__ is Var else None

    def visit(self, eqn: Eqn) -> None:
        self._fold(eqn)
        prim = eqn.prim
        if all(self.pattern(v) is None for v in eqn.invars):
            return
        if prim.jvp is None and prim.linearize is None:
            return
        if any(-1 in v.aval.shape for v in (*eqn.invars, *eqn.outvars)):
            raise TooDense
        rule = _RULES.get(_family(eqn))
        made = None if rule is None else rule(self, eqn)
        for v in eqn.outvars:
            if is_inexact(v.aval):
                self.found[v] = self._bounded(self._all(eqn, v) if made is None else made)

    def _fold(self, eqn: Eqn) -> None:
        """Integers made of nothing (iota and its like): they may be indices further on."""
        if _family(eqn) not in _FOLDED or is_inexact(eqn.outvars[0].aval):
            return
        values = [self.value(v) for v in eqn.invars]
        if not any(x is None for x in values) and eqn.outvars[0].aval.size <= self.limit:
            with np.errstate(all="ignore"):
                self.known[eqn.outvars[0]] = eqn.prim.value(np, *values, **eqn.params)

    def value(self, v: Any) -> Any:
        return v.value if v.__class__ is Literal else self.known.get(v)

    # -- sets ------------------------------------------------------------------------------------

    def _bounded(self, pattern: Any) -> Any:
        if len(pattern) > self.limit:
            raise TooDense
        return pattern

    def _union(self, parts: list[Pattern]) -> Any:
        parts = [p for p in parts if p is not None]
        if all(p is parts[0] for p in parts):
            return parts[0]
        return _distinct(np.concatenate(parts))

    def _pulled(self, pattern: Any, sources: Any) -> Any:
        """The pattern of elements that are each one of the old ones, or none (below 0)."""
        counts = np.bincount(pattern // self.inputs, minlength=sources.max(initial=-1) + 2)
        taken = np.where(sources < 0, 0, counts[sources])
        total = int(taken.sum())
        if total > self.limit:
            raise TooDense
        first = np.repeat((np.cumsum(counts) - counts)[sources], taken)
        within = np.arange(total) - np.repeat(np.cumsum(taken) - taken, taken)
        inputs = pattern[first + within] % self.inputs
        return np.repeat(_numbers(sources.shape), taken) * self.inputs + inputs

    def _pushed(self, pattern: Any, targets: Any) -> Any:
        """The pattern of elements that each take in all old ones with their number."""
        elements, inputs = np.divmod(pattern, self.inputs)
        return _distinct(targets[elements] * self.inputs + inputs)

    def _broadcast(self, v: Any, shape: tuple[int, ...]) -> Pattern:
        pattern = self.pattern(v)
        if pattern is None or v.aval.shape == shape:
            return pattern
        return self._pulled(pattern, np.broadcast_to(_numbers(v.aval.shape), shape).ravel())

    def _all(self, eqn: Eqn, out: Var) -> Any:
        """Everything depends on everything."""
        inputs = [self.pattern(v) % self.inputs for v in eqn.invars if self.pattern(v) is not None]
        together = _distinct(np.concatenate(inputs))
        if len(together) * out.aval.size > self.limit:
            raise TooDense
        return np.add.outer(_numbers((out.aval.size,)) * self.inputs, together).ravel()

    # -- rules -----------------------------------------------------------------------------------

    def elementwise(self, eqn: Eqn) -> Any:
        shape = broadcast_shapes(*[v.aval.shape for v in eqn.invars])
        assert shape is not None
        return self._union([self._broadcast(v, shape) for v in eqn.invars])

    def moved(self, eqn: Eqn) -> Any:
        """Run the operation on the numbers of the elements, all operands' in one row."""
        count, labels, parts = 0, [], []
        for v in eqn.invars:
            pattern, shape = self.pattern(v), v.aval.shape
            if pattern is None:
                labels.append(np.full(shape, -1, np.int64))
                continue
            labels.append(_numbers(shape) + count)
            parts.append(pattern + count * self.inputs)
            count += v.aval.size
        params = {k: np.dtype(np.int64) if k == "dtype" else v for k, v in eqn.params.items()}
        return self._pulled(np.concatenate(parts), self._placed(eqn, labels, params))

    def _placed(self, eqn: Eqn, labels: list[Any], params: Any) -> Any:
        """Labels from 1 on, so that what the operation fills with 0 comes from nowhere."""
        sources = eqn.prim.value(np, *[x + 1 for x in labels], **params)
        return np.ravel(sources) - 1

    def gathered(self, eqn: Eqn) -> Any:
        x, *arrays = eqn.invars
        where = self._where(eqn, arrays)
        if where is None or self.pattern(x) is None:
            return None
        return self._pulled(self.pattern(x), np.ravel(_numbers(x.aval.shape)[where]))

    def added(self, eqn: Eqn) -> Any:
        """x with v added at some places, or put there: what was there counts as well."""
        x, v, *arrays = eqn.invars
        where = self._where(eqn, arrays)
        if where is None:
            return None
        targets = _numbers(x.aval.shape)[where]
        part = self._broadcast(v, targets.shape)
        return self._union([
            self.pattern(x), None if part is None else self._pushed(part, np.ravel(targets))
        ])  # fmt: skip

    def _where(self, eqn: Eqn, arrays: list[Any]) -> Any:
        """The index of an equation, or None where it is known only when the program runs."""
        values = [self.value(a) for a in arrays]
        if any(x is None for x in values):
            return None
        return plain(eqn.params["items"], values)

    def reduced(self, eqn: Eqn) -> Any:
        (x,), (out,), axes = eqn.invars, eqn.outvars, eqn.params["axes"]
        kept = [1 if i in axes else n for i, n in enumerate(x.aval.shape)]
        numbers = np.broadcast_to(_numbers(out.aval.shape).reshape(kept), x.aval.shape)
        return self._pushed(self.pattern(x), numbers.ravel())

    def along(self, eqn: Eqn) -> Any:
        """Running sums, sorting: each element depends on its whole line."""
        (x,), axis = eqn.invars, eqn.params["axis"]
        shape = x.aval.shape
        kept = (*shape[:axis], 1, *shape[axis + 1 :])
        lines = np.broadcast_to(_numbers(kept), shape).ravel()
        return self._pulled(self._pushed(self.pattern(x), lines), lines)

    def product(self, eqn: Eqn) -> Any:
        """Sums of products: batch axes stay apart, and so do free ones."""
        (x, y), dims = eqn.invars, eqn.params["dims"]
        (xs, ys), (xb, yb) = dims
        free = plan(x.aval.ndim, y.aval.ndim, dims)
        ones = (1,) * len(free.y_free)
        left = self._summed(x, xs, (*xb, *free.x_free), len(xb + free.x_free), ones)
        ones = (1,) * len(free.x_free)
        right = self._summed(y, ys, (*yb, *free.y_free), len(yb), ones)
        shape = eqn.outvars[0].aval.shape
        return self._union([
            self._pulled(p, np.broadcast_to(numbers, shape).ravel())
            for p, numbers in (left, right) if p is not None
        ])  # fmt: skip

    def _summed(self, v: Any, axes: Any, kept: Any, at: int, ones: Any) -> Any:
        """A factor's pattern with axes summed, and its elements' numbers with ``ones`` put in."""
        shape = tuple(v.aval.shape[i] for i in kept)
        numbers = _numbers(shape).reshape((*shape[:at], *ones, *shape[at:]))
        if self.pattern(v) is None:
            return None, numbers
        order = np.transpose(_numbers(v.aval.shape), (*kept, *axes)).reshape(prod(shape), -1)
        targets = np.empty(v.aval.size, np.int64)
        targets[order] = _numbers((len(order), 1))
        return self._pushed(self.pattern(v), targets), numbers


_RULES: dict[str, Any] = {
    "elementwise": _Walk.elementwise, "reduction": _Walk.reduced, "dot_general": _Walk.product,
    **dict.fromkeys(("reshape", "transpose", "broadcast_to", "flip", "index", "embed", "pad",
                     "concatenate", "put", "full"), _Walk.moved),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "sort"), _Walk.along),
    "gather": _Walk.gathered, "scatter": _Walk.added, "add_at": _Walk.added,
}  # fmt: skip
_FOLDED = {*_RULES, "iota", "eye"}
