"""Modules that stand for others: ``import …autograd.numpy.linalg as npla`` finds them."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# Names that NumPy 2 has dropped and autograd's users still write.
_RENAMED = {
    "row_stack": "vstack", "product": "prod", "cumproduct": "cumprod", "alltrue": "all",
    "sometrue": "any", "float_": "float64", "complex_": "complex128", "Inf": "inf", "NaN": "nan",
    "trapz": "trapezoid", "in1d": "isin", "round_": "round", "infty": "inf",
}  # fmt: skip


class _Forward(ModuleType):
    """A module whose names are another's, looked up when they are asked for."""

    _target: str
    _renamed: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(_found(self._target), self._renamed.get(name, name))

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(_found(self._target))})


def _found(target: str) -> Any:
    """A module by its name, or an object in one (``funcgrad.scipy.stats.norm``)."""
    try:
        return importlib.import_module(target)
    except ModuleNotFoundError as error:
        parent, _, name = target.rpartition(".")
        holder = importlib.import_module(parent) if parent in sys.modules else None
        if holder is None or not hasattr(holder, name):
            raise AttributeError(f"funcgrad has no {target.removeprefix('funcgrad.')}") from error
        return getattr(holder, name)


def forward(
    package: str, name: str, target: str, parts: tuple[str, ...] = (), renamed: str = ""
) -> Any:
    """A module ``package.name`` for ``target``, with its submodules ``parts``."""
    made = _Forward(f"{package}.{name}", f"The names of {target}.")
    made._target, made._renamed = target, _RENAMED if renamed else {}
    made.__path__ = []  # a package, as far as imports care
    sys.modules[made.__name__] = made
    for part in parts:
        setattr(made, part, forward(made.__name__, part, f"{target}.{part}"))
    return made
