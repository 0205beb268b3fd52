"""SciPy's names for differentiable code: ``from funcgrad.scipy import linalg``.

Functions have SciPy's signatures. Given plain arrays, they are SciPy's own; given traced values
(or CuPy arrays), they are written with operations that have derivatives of any order, in both
modes, under ``vmap`` and ``jit``. Modules load when they are first used.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import linalg
>>> grad(lambda a: np.trace(linalg.expm(a)))(np.zeros((2, 2)))
array([[1., 0.],
       [0., 1.]])
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULES = (
    "cluster", "fft", "integrate", "interpolate", "linalg", "ndimage", "signal", "spatial",
    "special", "stats",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"funcgrad.scipy.{name}")
    if name == "optimize":
        raise AttributeError(
            "funcgrad.scipy has no 'optimize' yet: run SciPy's with jac=funcgrad.grad(f), and "
            "differentiate its result by funcgrad.lax.custom_root"
        )
    raise AttributeError(
        f"funcgrad.scipy has no {name!r}; it has {', '.join(_MODULES)}. SciPy's own scipy.{name} "
        "takes plain arrays, and funcgrad.custom_vjp gives a call of it a derivative"
    )


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
