"""The names of ``numpy.linalg``, for traced values in any argument."""

from __future__ import annotations

from numpy import linalg as _numpys

from funcgrad.numpy.dispatching import namespace as _namespace

__getattr__, __dir__ = _namespace(_numpys, globals())
