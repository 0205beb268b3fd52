"""NumPy's names for differentiable code: ``import funcgrad.numpy as np``.

Functions that make arrays give traced ones while a function is being traced, so that loops
which fill them differentiate; every other name is NumPy's own, whose functions know traced
values by themselves.

>>> import funcgrad.numpy as np
>>> from funcgrad import grad
>>> def powers(x):
...     out = np.zeros(3)
...     for k in range(3):
...         out[k] = x**k
...     return np.sum(out)
>>> grad(powers)(2.0)
np.float64(5.0)
"""

from __future__ import annotations

import sys as _sys
from typing import Any

import numpy as _numpy

from funcgrad.ops.functions.creating import (
    arange,
    array,
    asarray,
    eye,
    full,
    identity,
    linspace,
    logspace,
    ones,
    zeros,
)
from funcgrad.trace.dispatch import hooks as _hooks

asanyarray = ascontiguousarray = asarray
empty = zeros


def __getattr__(name: str) -> Any:
    return getattr(_numpy, name)


def __dir__() -> list[str]:
    return sorted({*dir(_numpy), *globals()})


_hooks.array_namespace = _sys.modules[__name__]
