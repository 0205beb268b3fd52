"""stop_gradient: the same value, with no derivative."""

from __future__ import annotations

from typing import Any

from funcgrad.ops.families import inexact, ufunc_op
from funcgrad.trace.tracer import is_traced
from funcgrad.tree import map as tree_map

__all__ = ["stop_gradient"]

stop_gradient_ = ufunc_op(
    "stop_gradient", type=lambda x: x.strong(), value=lambda xp, x: xp.positive(x),
    code=lambda x: f"positive({x})",
)  # fmt: skip


def stop_gradient(x: Any) -> Any:
    """x (any pytree) as a constant: derivatives treat it as if it did not depend on anything.

    >>> from funcgrad import grad, stop_gradient
    >>> grad(lambda x: x * stop_gradient(x))(3.0)
    np.float64(3.0)
    """
    return tree_map(lambda v: stop_gradient_(v) if is_traced(v) and inexact(v) else v, x)
