"""Convolutions and correlations in any number of dimensions: bilinear, by sums or by Fourier."""

from __future__ import annotations

import importlib
from math import prod
from typing import Any

import numpy as np

from funcgrad.lax.convolution import conv_general_dilated
from funcgrad.ops.functions import fourier
from funcgrad.ops.functions.common import array_of, as_dtype, axes_of, dtype_of
from funcgrad.scipy.plain import scipys

__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "hilbert", "oaconvolve",
]  # fmt: skip

_scipys = scipys("scipy.signal")
_DIRECT = 64  # elements of the smaller operand up to which the sum is written out


def _pair(who: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    x, y = array_of(in1), array_of(in2)
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{who}: mode={mode!r}; it is full, same or valid")
    if x.ndim != y.ndim or 0 in (x.size, y.size):
        raise ValueError(
            f"{who}: operands of shapes {x.shape} and {y.shape}; they have as many axes each, none "
            "of them empty"
        )
    dtype = dtype_of(x, y)
    return as_dtype(x, dtype), as_dtype(y, dtype)


def _middle(x: Any, shape: Any) -> Any:
    """The part of this shape in the middle."""
    starts = [(n - m) // 2 for n, m in zip(x.shape, shape, strict=True)]
    return x[tuple(slice(s, s + m) for s, m in zip(starts, shape, strict=True))]


def _ordered(who: str, x: Any, y: Any, mode: str, axes: Any = None) -> tuple[Any, Any]:
    """For "valid" the larger operand comes first."""
    axes = range(x.ndim) if axes is None else axes
    if mode != "valid" or all(x.shape[a] >= y.shape[a] for a in axes):
        return x, y
    if any(y.shape[a] < x.shape[a] for a in axes):
        raise ValueError(
            f"{who}: mode='valid' wants one operand at least as large as the other along every "
            f"axis; shapes are {x.shape} and {y.shape}"
        )
    return y, x


def _sums(x: Any, y: Any, mode: str) -> Any:
    """The convolution as a sum over the elements of y."""
    turned = y[(slice(None, None, -1),) * y.ndim]
    widths = [(m - 1, m - 1) if mode != "valid" else (0, 0) for m in y.shape]
    out = conv_general_dilated(x[None, None], turned[None, None], (1,) * x.ndim, widths)[0, 0]
    return out if mode != "same" else _middle(out, x.shape)


@_scipys
def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """``convolve`` through Fourier transforms, along ``axes``; other axes are broadcast.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.signal import fftconvolve
    >>> grad(lambda x: fftconvolve(x, np.array([1.0, 2.0]))[1])(np.zeros(3)).round(12) + 0.0
    array([2., 1., 0.])
    """
    x, y = _pair("fftconvolve", in1, in2, mode)
    axes = axes_of(axes, x.ndim)
    x, y = _ordered("fftconvolve", x, y, mode, axes)
    kind = x.dtype.kind
    if kind not in "fc":
        x, y = x.astype(float), y.astype(float)
    full = [x.shape[a] + y.shape[a] - 1 for a in axes]
    fast = importlib.import_module("scipy.fft").next_fast_len
    lengths = [fast(n, kind != "c") for n in full]
    if kind == "c":
        product = fourier.fftn(x, lengths, axes) * fourier.fftn(y, lengths, axes)
        z = fourier.ifftn(product, lengths, axes)
    else:
        product = fourier.rfftn(x, lengths, axes) * fourier.rfftn(y, lengths, axes)
        z = fourier.irfftn(product, lengths, axes)
    part = [slice(None)] * z.ndim
    for axis, n in zip(axes, full, strict=True):
        part[axis] = slice(0, n)
    z = z[tuple(part)]
    shape = list(z.shape)
    for axis in axes if mode != "full" else ():
        n, m = x.shape[axis], y.shape[axis]
        shape[axis] = n if mode == "same" else n - m + 1
    return z if mode == "full" else _middle(z, shape)


@_scipys
def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """``fftconvolve``; traced, the operands are not cut into blocks."""
    return fftconvolve(in1, in2, mode, axes)


@_scipys
def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """z_k = sum_l x_l y_(k-l), over all axes: all of it, "same" as in1, or where both overlap.

    ``method="auto"`` goes through Fourier transforms where the smaller has many elements.
    """
    x, y = _pair("convolve", in1, in2, mode)
    if x.ndim == 0:
        return x * y
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"convolve: method={method!r}; it is auto, direct or fft")
    x, y = _ordered("convolve", x, y, mode)
    small = min(prod(x.shape), prod(y.shape)) <= _DIRECT
    direct = method == "direct" or (method == "auto" and (small or x.dtype.kind not in "fc"))
    if not direct:
        return fftconvolve(x, y, mode)
    if prod(y.shape) > prod(x.shape) and mode == "full":
        x, y = y, x
    return _sums(x, y, mode)


def _turned(y: Any) -> Any:
    y = array_of(y)
    y = y[(slice(None, None, -1),) * y.ndim]
    return np.conj(y) if y.dtype.kind == "c" else y


@_scipys
def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """z_k = sum_l x_l conj(y_(l-k+n-1)), n the length of y: ``convolve`` with y turned round."""
    return convolve(array_of(in1), _turned(in2), mode, method)


_EDGES: dict[str, Any] = {"fill": "constant", "wrap": "wrap", "symm": "symmetric"}


@_scipys
def convolve2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0
) -> Any:
    """``convolve`` of matrices; outside of in1 is ``fillvalue``, or it goes on periodically
    ("wrap") or mirrored ("symm")."""
    x, y = _pair("convolve2d", in1, in2, mode)
    if x.ndim != 2:
        raise ValueError(f"convolve2d: matrices, not arrays of shapes {x.shape} and {y.shape}")
    if boundary not in _EDGES:
        raise ValueError(f"convolve2d: boundary={boundary!r}; it is {', '.join(_EDGES)}")
    x, y = _ordered("convolve2d", x, y, mode)
    if mode == "valid" or (boundary == "fill" and fillvalue == 0):
        return _sums(x, y, mode)
    widths = [(m - 1, m - 1) for m in y.shape]
    filled: Any = {"constant_values": fillvalue} if boundary == "fill" else {}
    z = _sums(np.pad(x, widths, _EDGES[boundary], **filled), y, "valid")
    return z if mode == "full" else _middle(z, x.shape)


@_scipys
def correlate2d(
    in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0
) -> Any:
    """``correlate`` of matrices, with the boundaries of ``convolve2d``."""
    x, y = _pair("correlate2d", in1, in2, mode)
    if mode == "same":  # centred on the other side of a kernel of even length
        full = convolve2d(x, _turned(y), "full", boundary, fillvalue)
        starts = [m // 2 for m in y.shape]
        return full[tuple(slice(s, s + n) for s, n in zip(starts, x.shape, strict=True))]
    return convolve2d(x, _turned(y), mode, boundary, fillvalue)


@_scipys
def hilbert(x: Any, N: Any = None, axis: int = -1) -> Any:
    """The analytic signal x + i H(x) of real x: negative frequencies 0, positive ones doubled."""
    x = array_of(x)
    if x.dtype.kind == "c":
        raise ValueError("hilbert: x is complex; it takes a real signal")
    n = x.shape[axis] if N is None else int(N)
    weights = np.zeros(n, dtype=x.dtype if x.dtype.kind == "f" else float)
    weights[0], weights[1 : (n + 1) // 2] = 1, 2
    if n % 2 == 0:
        weights[n // 2] = 1
    spectrum = np.moveaxis(fourier.fft(x, n, axis), axis, -1) * weights
    return np.moveaxis(fourier.ifft(spectrum), -1, axis)
