"""``scipy.signal`` for differentiable code: convolutions, recursive filters, spectra.

Windows and the design of filters take plain numbers: they are SciPy's.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import signal
>>> grad(lambda x: signal.convolve(x, signal.windows.boxcar(2), "valid")[0])(np.zeros(3))
array([1., 1., 0.])
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.plain import missing
from funcgrad.scipy.signal.convolving import (
    convolve,
    convolve2d,
    correlate,
    correlate2d,
    fftconvolve,
    hilbert,
    oaconvolve,
)
from funcgrad.scipy.signal.filtering import detrend, filtfilt, lfilter, lfilter_zi, sosfilt
from funcgrad.scipy.signal.spectra import coherence, csd, periodogram, stft, welch

_PLAIN = {
    "bessel", "butter", "buttord", "cheby1", "cheby2", "choose_conv_method", "correlation_lags",
    "ellip", "firls", "firwin", "firwin2", "freqz", "get_window", "iirfilter", "iirnotch",
    "iirpeak", "remez", "savgol_coeffs", "sos2tf", "sos2zpk", "tf2sos", "tf2zpk", "unit_impulse",
    "windows", "zpk2sos", "zpk2tf",
}  # fmt: skip
_WHY = {
    "find_peaks": "a choice of indices; index x by those that SciPy finds in plain values",
    "istft": "it is linear: funcgrad.linear_transpose of stft",
    "medfilt": "use np.median of gathered windows",
    "resample": "use funcgrad.scipy.fft.rfft and irfft",
    "sosfiltfilt": "use sosfilt twice, the second time on the reversed signal",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.signal", name, _PLAIN, _WHY.get(name, ""))
