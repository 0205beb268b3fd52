"""The names of ``numpy.fft``, for traced values in any argument."""

from __future__ import annotations

from numpy import fft as _numpys

from funcgrad.numpy.dispatching import namespace as _namespace

__getattr__, __dir__ = _namespace(_numpys, globals())
