"""The loops of a contraction: C[m, n] = sum over k of A[m, k] B[k, n], and loops around them."""

from __future__ import annotations

from typing import Any, NamedTuple

from funcgrad.compiler.views import View, joined

__all__ = ["Axis", "Plan", "by_rows", "groups", "planned"]


class Axis(NamedTuple):
    """An extent and how far apart its elements lie in A, B and C."""

    n: int
    a: int
    b: int
    c: int


class Plan(NamedTuple):
    """The loops around, then rows, columns and the summed axis."""

    around: list[Axis]
    m: Axis
    n: Axis
    k: list[Axis]  # the summed axes, innermost last
    run: int = 0  # columns of C that lie side by side; 0: all do, or none


def groups(eqn: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """The axes of both operands in the order batch, free, summed."""
    x, y = eqn.invars[-2:]
    (xs, ys), (xb, yb) = eqn.params["dims"] if eqn.params else (((0,), (0,)), ((), ()))
    x_free = tuple(i for i in range(x.aval.ndim) if i not in xs and i not in xb)
    y_free = tuple(i for i in range(y.aval.ndim) if i not in ys and i not in yb)
    return [tuple(xb), x_free, tuple(xs)], [tuple(yb), y_free, tuple(ys)]


def _picked(view: View, axes: tuple[int, ...]) -> tuple[list[int], list[int]]:
    return [view.shape[i] for i in axes], [view.strides[i] for i in axes]


def planned(eqn: Any, x: View, y: View, out: tuple[int, ...]) -> Plan:
    """The loops of a contraction; ``out`` are the strides of the result."""
    (xb, xf, xs), (yb, yf, ys) = groups(eqn)
    nb, nf = len(xb), len(xf)
    shape, a = _picked(x, xb)
    batch = joined(shape, a, _picked(y, yb)[1], list(out[:nb]))
    shape, a = _picked(x, xf)
    rows = [(n, s, 0, c) for n, s, c in joined(shape, a, list(out[nb : nb + nf]))]
    shape, b = _picked(y, yf)
    columns = [(n, 0, s, c) for n, s, c in joined(shape, b, list(out[nb + nf :]))]
    shape, a = _picked(x, xs)
    summed = joined(shape, a, _picked(y, ys)[1])
    one = (1, 0, 0, 0)
    m = rows.pop() if rows else one
    n, run = columns.pop() if columns else one, 0
    if columns and m[0] > 1 and _in_runs(columns[-1], n):
        (more, _, _, c), run = columns.pop(), n[0]
        n = (more * run, 0, n[2], c // run)
    k = [Axis(n, a, b, 0) for n, a, b in summed] or [Axis(*one)]
    around = [Axis(*axis) for axis in (*batch, *rows, *columns)]
    return Plan(around, Axis(*m), Axis(*n), k, run)


def _in_runs(outer: tuple[int, ...], inner: tuple[int, ...]) -> bool:
    """Whether two axes are one in B, and in C short runs of columns with gaps between them."""
    (_, _, b, c), (n, _, step, c_inner) = outer, inner
    return c_inner == 1 and n in (2, 4, 8) and b == n * step and c % n == 0


def by_rows(axes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The axes of the second operand as batch, summed, free: its rows are the summed axis."""
    batch, free, summed = axes
    return (*batch, *summed, *free)
