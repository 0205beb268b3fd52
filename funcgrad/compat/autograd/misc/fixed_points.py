"""autograd.misc.fixed_points: x with x = f(a)(x), differentiated by the equation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcgrad.control.implicit import custom_root
from funcgrad.control.while_loop import while_loop
from funcgrad.tree import map as tree_map

__all__ = ["fixed_point"]


def fixed_point(
    f: Callable[[Any], Callable[[Any], Any]], a: Any, x0: Any, distance: Any, tol: float
) -> Any:
    """x after iterating ``x = f(a)(x)`` until ``distance(x, previous x) <= tol``.

    Derivatives by ``a`` follow from the equation at the fixed point and take the same iteration
    (dx = J dx + ∂f/∂a da), which must converge too.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.compat.autograd.misc.fixed_points import fixed_point
    >>> def newton_sqrt(a):
    ...     return lambda x: 0.5 * (x + a / x)
    >>> apart = lambda x, y: abs(x - y)
    >>> root = lambda a: fixed_point(newton_sqrt, a, 1.0, apart, 1e-12)
    >>> float(root(4.0)), float(grad(root)(4.0))
    (2.0, 0.25)
    """

    def iterate(step: Any, x: Any) -> Any:
        def going(pair: Any) -> Any:
            return distance(pair[1], pair[0]) > tol

        return while_loop(going, lambda pair: (pair[1], step(pair[1])), (x, step(x)))[1]

    def gap(x: Any) -> Any:
        return tree_map(lambda new, old: new - old, f(a)(x), x)

    def plus(xs: Any, ys: Any) -> Any:
        return tree_map(lambda x, y: x + y, xs, ys)

    def solve(gap: Any, x: Any) -> Any:
        return iterate(lambda x: plus(x, gap(x)), x)

    def tangent_solve(linear: Any, y: Any) -> Any:
        start = tree_map(lambda y: 0 * y, y)
        return iterate(lambda x: tree_map(lambda x, jx, y: x + jx - y, x, linear(x), y), start)

    return custom_root(gap, x0, solve, tangent_solve)
