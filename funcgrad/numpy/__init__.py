"""NumPy's names for differentiable code: ``import funcgrad.numpy as np``.

Functions that make arrays give traced ones while a function is being traced, so that loops
which fill them differentiate; every other name is NumPy's own, with NumPy's signature, defaults
and dtypes. Traced values are seen in every argument, also where NumPy itself would not ask.

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

import numpy as _numpy

from funcgrad.numpy import fft, linalg
from funcgrad.numpy.dispatching import namespace as _namespace
from funcgrad.numpy.joining import c_, r_
from funcgrad.numpy.vectorizing import vectorize
from funcgrad.ops.functions.asking import isscalar
from funcgrad.ops.functions.creating import (
    arange,
    array,
    asarray,
    asarray_chkfinite,
    bartlett,
    blackman,
    empty,
    eye,
    from_dlpack,
    frombuffer,
    fromfunction,
    fromiter,
    full,
    hamming,
    hanning,
    identity,
    indices,
    linspace,
    logspace,
    ones,
    require,
    tri,
    zeros,
)
from funcgrad.ops.functions.windows import kaiser
from funcgrad.trace.dispatch import hooks as _hooks

asanyarray = ascontiguousarray = asfortranarray = asarray

__getattr__, __dir__ = _namespace(_numpy, globals())

_hooks.array_namespace = _sys.modules[__name__]
