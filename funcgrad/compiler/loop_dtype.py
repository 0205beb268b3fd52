"""The dtype in which NumPy's loop computes an elementwise operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, python_kind
from funcgrad.ir.jaxpr import Eqn

__all__ = ["compares_exactly", "loop_dtype"]


def loop_dtype(eqn: Eqn) -> Any:
    """The dtype that NumPy's loop reads its operands in."""
    avals = [v.aval for v in eqn.invars]
    out = eqn.outvars[0].aval.dtype
    if eqn.prim.name in ("select", "raise_to", "real", "conj", "stop_gradient"):
        return out
    if eqn.prim.ufunc is not None:
        return _ufunc_dtype(eqn.prim.ufunc, tuple(avals))
    return out if out.kind == "f" else _common_dtype(avals)


def _ufunc_dtype(name: str, avals: tuple[Aval, ...]) -> Any:
    all_weak = all(a.weak for a in avals)
    given = [python_kind(a) if a.weak and not all_weak else a.dtype for a in avals]
    found = getattr(np, name).resolve_dtypes((*given, None))[0]
    return found if isinstance(found, np.dtype) else np.dtype(found)


def _common_dtype(avals: list[Aval]) -> Any:
    return np.result_type(*[python_kind(a)(0) if a.weak else a.dtype for a in avals])


_COMPARES = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}


def compares_exactly(eqn: Eqn) -> bool:
    """Whether signed numbers meet unsigned ones: NumPy compares these by a loop of its own."""
    kinds = {v.aval.dtype.kind for v in eqn.invars if not v.aval.weak}
    return eqn.prim.name in _COMPARES and kinds == {"i", "u"}
