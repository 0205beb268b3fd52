"""Spectra by Fourier transforms of windowed segments (Welch, 1967)."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions import fourier
from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.plain import scipys
from funcgrad.scipy.signal.filtering import detrend as without_trend

__all__ = ["coherence", "csd", "periodogram", "stft", "welch"]

_scipys = scipys("scipy.signal")


def _window(window: Any, nperseg: Any, n: int, dtype: Any) -> Any:
    if isinstance(window, (str, tuple)):
        length = min(256 if nperseg is None else int(nperseg), n)
        window = importlib.import_module("scipy.signal").get_window(window, length)
    window = np.asarray(window)
    if window.ndim != 1 or window.shape[0] > n:
        raise ValueError(f"the window has shape {window.shape}, the signal {n} samples")
    return window.astype(np.empty(0, dtype).real.dtype)


def _segments(x: Any, window: Any, noverlap: Any, nfft: Any, detrend: Any, onesided: bool) -> Any:
    """The transforms of the windowed segments of the last axis: (…, segment, frequency)."""
    length = window.shape[0]
    overlap = length // 2 if noverlap is None else int(noverlap)
    if overlap >= length:
        raise ValueError(f"noverlap={overlap} has to be less than the {length} of a segment")
    starts = np.arange(0, x.shape[-1] - length + 1, length - overlap)
    parts = x[..., starts[:, None] + np.arange(length)]
    if callable(detrend):
        parts = detrend(parts)
    elif detrend:
        parts = without_trend(parts, type=detrend)
    transform = fourier.rfft if onesided else fourier.fft
    return transform(parts * window, nfft)


def _signal(x: Any, axis: int) -> Any:
    x = array_of(x)
    x = x if x.dtype.kind in "fc" else x.astype(float)
    return np.moveaxis(x, axis, -1)


def _frequencies(nfft: int, fs: float, onesided: bool) -> Any:
    return (np.fft.rfftfreq if onesided else np.fft.fftfreq)(nfft, 1 / fs)


@_scipys
def csd(
    x: Any, y: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """(f, the mean of conj(X_k) Y_k over segments): the cross spectral density.

    Scaled by 1 / (fs sum w^2) ("density") or 1 / (sum w)^2 ("spectrum"), twice that where
    negative frequencies are left out. x and y have one length.
    """
    x, y = _signal(x, axis), _signal(y, axis)
    n = x.shape[-1]
    if y.shape[-1] != n:
        raise ValueError(f"csd: signals of {n} and {y.shape[-1]} samples; cut or pad one of them")
    if average != "mean" or scaling not in ("density", "spectrum"):
        raise NotTraceableError(
            f"csd: average={average!r}, scaling={scaling!r}; on traced values mean, and density or "
            "spectrum"
        )
    w = _window(window, nperseg, n, x.dtype)
    onesided = return_onesided and "c" not in (x.dtype.kind, y.dtype.kind)
    nfft = w.shape[0] if nfft is None else int(nfft)
    if nfft < w.shape[0]:
        raise ValueError(f"csd: nfft={nfft} is less than the {w.shape[0]} of a segment")
    first, second = (_segments(v, w, noverlap, nfft, detrend, onesided) for v in (x, y))
    scale = 1 / (fs * np.sum(w * w)) if scaling == "density" else 1 / np.sum(w) ** 2
    weights = np.full(first.shape[-1], scale, dtype=w.dtype)
    if onesided:
        weights[1 : None if nfft % 2 else -1] *= 2
    found = np.mean(np.conj(first) * second, axis=-2) * weights
    return _frequencies(nfft, fs, onesided), np.moveaxis(found, -1, axis)


@_scipys
def welch(
    x: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = None, noverlap: Any = None,
    nfft: Any = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> Any:  # fmt: skip
    """(f, the mean of |X_k|^2 over segments): the power spectral density; see ``csd``.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.signal import welch
    >>> x = np.cos(np.arange(8.0))
    >>> power = lambda x: np.sum(welch(x, nperseg=8, window="boxcar", detrend=False)[1])
    >>> np.allclose(grad(power)(x), 2 * x)
    True
    """
    f, found = csd(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling,
                   axis, average)  # fmt: skip
    return f, np.real(found)


@_scipys
def periodogram(
    x: Any, fs: float = 1.0, window: Any = "boxcar", nfft: Any = None, detrend: Any = "constant",
    return_onesided: bool = True, scaling: str = "density", axis: int = -1,
) -> Any:  # fmt: skip
    """``welch`` with one segment, the whole signal."""
    n = np.shape(x)[axis]
    return welch(x, fs, "boxcar" if window is None else window, n, 0, nfft, detrend,
                 return_onesided, scaling, axis)  # fmt: skip


@_scipys
def coherence(
    x: Any, y: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = None,
    noverlap: Any = None, nfft: Any = None, detrend: Any = "constant", axis: int = -1,
) -> Any:  # fmt: skip
    """(f, |P_xy|^2 / (P_xx P_yy)), between 0 and 1."""
    options = (fs, window, nperseg, noverlap, nfft, detrend, True, "density", axis)
    f, both = csd(x, y, *options)
    power = welch(x, *options)[1] * welch(y, *options)[1]
    return f, (np.real(both) ** 2 + np.imag(both) ** 2) / power


_EXTENSIONS: dict[str, Any] = {"zeros": "constant", "even": "reflect", "constant": "edge"}


@_scipys
def stft(
    x: Any, fs: float = 1.0, window: Any = "hann", nperseg: Any = 256, noverlap: Any = None,
    nfft: Any = None, detrend: Any = False, return_onesided: bool = True, boundary: Any = "zeros",
    padded: bool = True, axis: int = -1, scaling: str = "spectrum",
) -> Any:  # fmt: skip
    """(f, t, transforms of windowed segments): frequencies replace the axis, times come last."""
    if boundary is not None and boundary not in _EXTENSIONS:
        raise NotTraceableError(f"stft: boundary={boundary!r}; {', '.join(_EXTENSIONS)} or None")
    if scaling not in ("spectrum", "psd"):
        raise ValueError(f"stft: scaling={scaling!r}; it is spectrum or psd")
    x = _signal(x, axis)
    w = _window(window, nperseg, x.shape[-1], x.dtype)
    length = w.shape[0]
    overlap = length // 2 if noverlap is None else int(noverlap)
    nfft = length if nfft is None else int(nfft)
    still = [(0, 0)] * (x.ndim - 1)
    if boundary is not None:
        x = np.pad(x, [*still, (length // 2,) * 2], _EXTENSIONS[boundary])
    if padded:
        x = np.pad(x, [*still, (0, -(x.shape[-1] - length) % (length - overlap))])
    onesided = return_onesided and x.dtype.kind != "c"
    found = _segments(x, w, overlap, nfft, detrend, onesided)
    scale = 1 / np.sum(w) if scaling == "spectrum" else 1 / np.sqrt(fs * np.sum(w * w))
    times = (np.arange(found.shape[-2]) * (length - overlap) + length / 2) / fs
    if boundary is not None:
        times = times - length / 2 / fs
    found = np.moveaxis(found * w.dtype.type(scale), -2, -1)
    place = axis if axis >= 0 else axis - 1
    return _frequencies(nfft, fs, onesided), times, np.moveaxis(found, -2, place)
