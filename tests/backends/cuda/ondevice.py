"""Programs for CuPy on a fake device: kernels through g++, everything else through NumPy."""

import contextlib
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from funcgrad.backends.program import Program
from tests import laws
from tests.backends.cuda.shim import compile_together, needed
from tests.backends.fake_cupy import fake_cupy

__all__ = ["compile_together", "cupyx_by_scipy", "launched", "needed"]


def launched(cases: Iterable[tuple[Any, list[Any]]], xp: Any = fake_cupy) -> list[Any]:
    """Programs of (jaxpr, operands), written for the fake CuPy or for CuPy, and run: each with its
    outputs."""
    written = [(Program(jaxpr, xp), args) for jaxpr, args in cases]
    if xp is not fake_cupy:
        return [
            (program, [xp.asnumpy(x) for x in program.call(*map(xp.asarray, args))])
            for program, args in written
        ]
    compile_together(program.kernels for program, _ in written)
    with np.errstate(all="ignore"), cupyx_by_scipy():
        return [
            (program, list(program.call(*[laws.frozen(np.asarray(x)) for x in args])))
            for program, args in written
        ]


@contextlib.contextmanager
def cupyx_by_scipy():
    """CuPy's second package, as far as value rules ask for it."""
    from scipy import fft, linalg, special

    names = ("cupyx", "cupyx.scipy", "cupyx.scipy.special", "cupyx.scipy.linalg", "cupyx.scipy.fft")
    before = {name: sys.modules.get(name) for name in names}
    package, inner = types.ModuleType("cupyx"), types.ModuleType("cupyx.scipy")
    package.scatter_add = np.add.at  # type: ignore[attr-defined]
    package.scipy, inner.special, inner.linalg, inner.fft = inner, special, linalg, fft  # type: ignore[attr-defined]
    sys.modules.update(zip(names, (package, inner, special, linalg, fft), strict=True))
    try:
        yield
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module
