"""NumPy without what CuPy lacks: what runs here needs nothing that a GPU's namespace has not.
Kernels are compiled for the processor.

Arrays are NumPy's own; ufuncs are plain functions without methods; scalars stay arrays.
"""

import sys
import types
from typing import Any

import numpy as np

from tests.backends.cuda.shim import RawModule

_MISSING = {"errstate", "seterr", "nditer", "einsum_path", "apply_over_axes", "matvec", "vecmat"}


class Ufunc:
    """A ufunc that can be called, with ``at`` where CuPy has it, and nothing else."""

    def __init__(self, ufunc: np.ufunc):
        self._ufunc = ufunc
        if ufunc.__name__ in ("add", "subtract", "maximum", "minimum", "multiply"):
            self.at = ufunc.at

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.keys() - {"out", "dtype"}:
            raise TypeError(f"{self._ufunc.__name__} takes out= and dtype= here, not {kwargs}")
        return as_array(self._ufunc(*args, **kwargs))


def as_array(x: Any) -> Any:
    """CuPy has no scalars: a result without axes is an array."""
    return np.asarray(x) if isinstance(x, np.generic) else x


def _plain(function: Any) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        if {"where", "initial"} & kwargs.keys():
            raise TypeError(f"{function.__name__} has no where= or initial= here")
        return as_array(function(*args, **kwargs))

    return call


class _Module(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name in _MISSING or not hasattr(np, name):
            raise AttributeError(name)
        value = getattr(np, name)
        if isinstance(value, np.ufunc):
            return Ufunc(value)
        return value if isinstance(value, type) or not callable(value) else _plain(value)


fake_cupy: Any = _Module("fake_cupy")
fake_cupy.RawModule = RawModule
fake_cupy.lib = np.lib
sys.modules.setdefault("fake_cupy", fake_cupy)
