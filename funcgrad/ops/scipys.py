"""Rules that SciPy's ufuncs share: their dtypes, and values by their kernels."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval, python_kind
from funcgrad.ops.families import broadcast_avals

__all__ = ["plain_ufunc", "scipy_function", "scipy_rules"]


_DOUBLE = {
    "bdtr", "bdtrc", "bdtri",
    *(f"{kind}_{name}" for kind in ("pro", "obl") for name in ("cv", "ang1", "rad1", "rad2")),
}  # fmt: skip
"""Functions whose loops for single precision warn of whole numbers, or do not end."""

_PARAMETERS = (
    dict.fromkeys([f"mathieu_{name}" for name in ("cem", "sem", "modcem1", "modcem2", "modsem1",
                                                  "modsem2")], 1e6)
    | dict.fromkeys(["pbdv", "pbvv"], 1e6)
    | dict.fromkeys([f"{kind}_{name}{given}" for kind in ("pro", "obl")
                     for name in ("cv", "ang1", "rad1", "rad2") for given in ("", "_cv")], 1e4)
)  # fmt: skip
"""Beyond these sizes of their orders and parameters SciPy's kernels end the process, or allocate
all memory: there the functions are NaN."""

_BY_NUMPY = {"expit"}  # known by a formula of NumPy's


def scipy_rules(name: str) -> dict[str, Any]:
    """Value by SciPy's kernel (CuPy's on a GPU), imported when first used; its own dtypes.

    A function of several results has the parameter ``part``: which of them is meant.
    """

    def value(xp: Any, *xs: Any, part: int | None = None) -> Any:
        return (_bounded if name in _PARAMETERS else _computed)(xp, name, xs, part)

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


def _computed(xp: Any, name: str, xs: Any, part: int | None) -> Any:
    if name in _DOUBLE:
        return _in_double(xp, name, xs, part)
    found = scipy_function(xp, name)(*xs)
    return found if part is None else found[part]


def _bounded(xp: Any, name: str, xs: Any, part: int | None) -> Any:
    """Where all that is no argument x is small enough; elsewhere NaN."""
    parameters = xs if name in ("pro_cv", "obl_cv") else xs[:-1]
    safe = np.all(
        [x <= _PARAMETERS[name] for x in np.broadcast_arrays(*map(np.abs, parameters))], axis=0
    )
    if not np.all(safe):
        dtypes = [getattr(x, "dtype", None) for x in xs]
        xs = [np.where(safe, x, 1) for x in xs]
        xs = [x if d is None else x.astype(d) for x, d in zip(xs, dtypes, strict=True)]
    found = _computed(xp, name, xs, part)
    return found if np.all(safe) else np.where(safe, found, found.dtype.type(np.nan))


def _in_double(xp: Any, name: str, xs: Any, part: int | None) -> Any:
    """Computed in double precision, and rounded where only single precision came in."""
    dtypes = [getattr(x, "dtype", None) for x in xs]  # None: a Python number, which adapts
    single = np.float32 in dtypes and all(d in (None, np.float32) for d in dtypes)
    pairs = zip(xs, dtypes, strict=True)
    wide = [x.astype(np.float64) if d == np.float32 else x for x, d in pairs]
    found = scipy_function(xp, name)(*wide)
    found = found if part is None else found[part]
    return found.astype(np.float32) if single else found


def plain_ufunc(name: str) -> Any:
    """SciPy's ufunc of this name, if there is one that may be called as it is."""
    if name in _BY_NUMPY or name in _PARAMETERS:
        return None
    from scipy import special

    found = getattr(special, name, None)
    return found if isinstance(found, np.ufunc) and name not in _DOUBLE else None


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
