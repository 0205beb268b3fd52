"""Errors of compiled functions in units in the last place, against mpmath."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from mpmath import mp, mpf

from funcgrad.backends.llvm import maths
from funcgrad.backends.llvm.ir import Module, vector

TYPES = {np.dtype("f8"): "double", np.dtype("f4"): "float"}


def program(name: str, dtype: Any, n: int, operands: int, avx512: bool = False) -> tuple[str, str]:
    """The text of a loop over arrays, n numbers at a time, and its name."""
    each, size = TYPES[np.dtype(dtype)], np.dtype(dtype).itemsize
    module = Module(avx512)
    f = module.function(
        f"loop_{name}_{each}_{n}", "void", ["ptr"] * (operands + 1) + ["i64"], linkage=""
    )
    type = vector(each, n)
    with f.loop(0, f.args[-1], n) as i:
        xs = [f.load(type, f.at(p, i, each), align=size) for p in f.args[:operands]]
        out = maths.call(f, name, *xs)
        f.store(out, f.at(f.args[operands], i, each), align=size)
    f.ret()
    return module.text(), f.name


def compiled(name: str, dtype: Any, n: int, operands: int, machine: Any) -> Callable:
    """The function on whole arrays; the last vector is filled with ones."""
    text, full = program(name, dtype, n, operands, machine.vector_bits == 512)
    (address,) = machine.addresses(text, [full])
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (operands + 1), ctypes.c_int64)(address)

    def run(*xs: np.ndarray) -> np.ndarray:
        more = np.ones(-len(xs[0]) % n, dtype)
        xs = tuple(np.concatenate([np.asarray(x, dtype), more]) for x in xs)
        out = np.empty_like(xs[0])
        function(*[x.ctypes.data for x in xs], out.ctypes.data, len(out))
        return out[: len(out) - len(more)]

    return run


def rounded(x: Any, dtype: np.dtype) -> float:
    """A number of mpmath rounded to a dtype, into its subnormals and beyond its largest too."""
    if not isinstance(x, mpf):
        return math.nan
    if not mp.isfinite(x) or x == 0:
        return float(x)
    digits, least = (53, -1074) if dtype == "f8" else (24, -149)
    unit = max(mp.mag(x) - digits, least)
    n = int(mp.nint(mp.ldexp(x, -unit)))
    try:
        y = math.ldexp(n, unit)
    except OverflowError:
        return math.copysign(math.inf, n)
    return math.copysign(math.inf, n) if dtype == "f4" and abs(y) > 3.4028235e38 else y


def ulps(got: float, exact: Any, dtype: np.dtype, scale: Any = 0) -> float:
    """|got - exact| in units in the last place of the exact value (or of a larger scale)."""
    near = rounded(exact, dtype)
    if got == near or (math.isnan(got) and math.isnan(near)):
        return 0.0
    if not (math.isfinite(got) and math.isfinite(near)):
        return limit_ulps(got, near, exact, dtype)
    digits, least = (53, -1074) if dtype == "f8" else (24, -149)
    unit = max(mp.mag(max(abs(exact), abs(mpf(scale)))) - digits, least)
    return float(abs(mpf(got) - exact) / mp.ldexp(1, unit))


def limit_ulps(got: float, near: float, exact: Any, dtype: np.dtype) -> float:
    """Infinity is one unit beyond the largest number."""
    if math.isnan(got) or math.isnan(near) or (got > 0) != (near > 0):
        return math.inf
    top = float(np.finfo(dtype).max)
    unit = top - float(np.nextafter(dtype.type(top), dtype.type(0)))
    got, near = (math.copysign(min(abs(x), top + 0), x) for x in (got, near))
    return 0.5 + abs(got - near) / unit if got != near else 1.0
