"""Running a jaxpr as native code, beside NumPy."""

import ctypes
from typing import Any

import numpy as np
import pytest

from funcgrad.backends.llvm import program as programs
from funcgrad.backends.llvm import scope
from funcgrad.backends.llvm.machine import available
from funcgrad.compiler.simplify import simplify
from funcgrad.ir.jaxpr import Jaxpr

_GARBAGE = 0xA5
needed = pytest.mark.skipif(available() is not None, reason=str(available()))


def refusal(jaxpr: Jaxpr) -> str | None:
    """Why the program is not native throughout."""
    reasons = [why for eqn in simplify(jaxpr).eqns if (why := scope.why_not(eqn))]
    return reasons[0] if reasons else None


def natively(jaxpr: Jaxpr, values: list[Any]) -> tuple[int, list[Any]]:
    """The status and the outputs of the native program, called without its entry."""
    jaxpr = simplify(jaxpr)
    made = programs.native(jaxpr)
    xs = [np.array(x, v.aval.dtype, order="C") for x, v in zip(values, jaxpr.invars, strict=True)]
    outs = [np.empty(v.aval.shape, v.aval.dtype) for v in jaxpr.outvars]
    scratch = np.full(made.arena + 64, _GARBAGE, np.uint8)
    for out in outs:  # what is not written shall not pass for what another run has left
        out.reshape(-1).view(np.uint8)[...] = _GARBAGE
    arena = scratch.ctypes.data + 63 & -64
    kind = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)
    addresses = [
        (ctypes.c_void_p * max(1, len(a)))(*[x.ctypes.data for x in a]) for a in (xs, outs)
    ]
    return kind(made.body)(*addresses, arena), outs
