"""Rules that SciPy's ufuncs share: their dtypes, and values by their kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval, python_kind
from funcgrad.ops.families import broadcast_avals

__all__ = ["scipy_function", "scipy_rules"]


def scipy_rules(name: str) -> dict[str, Any]:
    """Value by SciPy's kernel (CuPy's on a GPU), imported when first used; its own dtypes.

    A function of several results has the parameter ``part``: which of them is meant.
    """

    def value(xp: Any, *xs: Any, part: int | None = None) -> Any:
        found = scipy_function(xp, name)(*xs)
        return found if part is None else found[part]

    def type(*avals: Aval, part: int | None = None) -> Aval:
        from scipy import special

        ufunc = getattr(special, name)
        shape = broadcast_avals(name, avals)
        every = all(a.weak for a in avals)
        given = [python_kind(a) if a.weak and not every else a.dtype for a in avals]
        try:
            dtypes = ufunc.resolve_dtypes((*given, *(None,) * ufunc.nout))
        except TypeError as error:
            kinds = ", ".join(a.dtype.name for a in avals)
            raise TypeError(f"scipy.special.{name}: not defined for {kinds}") from error
        return array_aval(shape, dtypes[ufunc.nin + (part or 0)])

    return {"type": type, "value": value}


def scipy_function(xp: Any, name: str) -> Any:
    """A function of scipy.special, or of CuPy's namespace of the same kind."""
    if xp is np:
        from scipy import special
    else:
        from cupyx.scipy import special

        if not hasattr(special, name):
            raise NotImplementedError(
                f"{name}: CuPy has no such function; move its operands to NumPy, cupy.asnumpy(x)"
            )
    return getattr(special, name)
