"""``np.fft`` on traced values: lengths, axes and norms around the transforms of ``ops.fft``."""

from __future__ import annotations

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import known_aval, ops
from funcgrad.ops.fft import fft as fft_op
from funcgrad.ops.fft import filled
from funcgrad.ops.fft import irfft as irfft_op
from funcgrad.ops.fft import rfft as rfft_op
from funcgrad.ops.functions.common import array_of, axes_of, axis_of, covers
from funcgrad.ops.functions.shaping import roll
from funcgrad.ops.shaping import ALL

__all__ = [
    "axes_and_lengths",
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
    "scaled",
    "sized",
    "swapped",
]  # fmt: skip

_POWERS = {
    False: {None: 0.0, "backward": 0.0, "ortho": -0.5, "forward": -1.0},
    True: {None: 0.0, "backward": 0.0, "ortho": 0.5, "forward": 1.0},
}
"""What is missing to a norm: this power of the number of points."""


def scaled(z: Any, count: int, norm: str | None, inverse: bool) -> Any:
    if norm not in _POWERS[inverse]:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    power = _POWERS[inverse][norm]
    if not power:
        return z
    scale = {0.5: sqrt(count), 1.0: count, -0.5: 1 / sqrt(count), -1.0: 1 / count}[power]
    return e.multiply(z, np.empty(0, z.dtype).real.dtype.type(scale))


def sized(x: Any, axis: int, length: int | None) -> Any:
    """x cut, or filled with zeros, to a length along one axis."""
    if length is None or length == x.shape[axis]:
        n = x.shape[axis]
    else:
        n = int(length)
    if n < 1:
        raise ValueError(f"Invalid number of data points ({n}) specified.")
    if n < x.shape[axis]:
        return ops.index(x, items=(*(ALL,) * axis, (None, n, None)))
    return x if n == x.shape[axis] else filled(x, axis, n)


def axes_and_lengths(x: Any, s: Any, axes: Any) -> tuple[list[int], list[int | None]]:
    """The axes of a transform in several dimensions, and the length along each."""
    rank = len(x.shape)
    if s is None:
        chosen = list(range(rank)) if axes is None else [axis_of(a, rank) for a in axes]
        return chosen, [None] * len(chosen)
    s = [None if n is None or n == -1 else int(n) for n in s]
    chosen = list(range(-len(s), 0)) if axes is None else list(axes)
    if len(s) != len(chosen):
        raise ValueError("Shape and axes have different lengths.")
    return [axis_of(a, rank) for a in chosen], s


def _many(x: Any, s: Any, axes: Any, norm: Any, inverse: bool) -> Any:
    x = array_of(x)
    chosen, lengths = axes_and_lengths(x, s, axes)
    for axis, n in zip(chosen, lengths, strict=True):
        x = sized(x, axis, n)
    if len(set(chosen)) < len(chosen):  # an axis that is named twice is transformed twice
        for axis in chosen:
            x = fft_op(x, axes=(axis,), inverse=inverse)
    else:
        x = fft_op(x, axes=tuple(chosen), inverse=inverse) if chosen else _as_complex(x)
    return scaled(x, prod(x.shape[a] for a in chosen), norm, inverse)


def _as_complex(x: Any) -> Any:
    return e.convert(x, dtype=np.result_type(known_aval(x).dtype, np.complex64))


@covers(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return _many(a, s, axes, norm, False)


@covers(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    return _many(a, s, axes, norm, True)


@covers(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return fftn(a, s, axes, norm)


@covers(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return ifftn(a, s, axes, norm)


@covers(np.fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _many(a, None if n is None else (n,), (axis,), norm, False)


@covers(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return _many(a, None if n is None else (n,), (axis,), norm, True)


# -- real numbers --------------------------------------------------------------------------------


@covers(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    x = array_of(a)
    if x.dtype.kind == "c":
        raise TypeError(f"rfft: real numbers, not {x.dtype}; np.fft.fft takes complex ones")
    axis = axis_of(axis, len(x.shape))
    x = sized(x, axis, n)
    return scaled(rfft_op(x, axis=axis), x.shape[axis], norm, False)


@covers(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    x = array_of(a)
    axis = axis_of(axis, len(x.shape))
    n = 2 * (x.shape[axis] - 1) if n is None else int(n)
    if n < 1:
        raise ValueError(f"Invalid number of data points ({n}) specified.")
    x = sized(x, axis, n // 2 + 1)
    return scaled(irfft_op(x, axis=axis, n=n), n, norm, True)


@covers(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The fft of a sequence of which half is given, since the rest mirrors it: real numbers."""
    x = array_of(a)
    n = 2 * (x.shape[axis] - 1) if n is None else int(n)
    return irfft(ops.conj(x), n, axis, swapped(norm))


@covers(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    return ops.conj(rfft(a, n, axis, swapped(norm)))


def swapped(norm: Any) -> Any:
    """The norm that the transform the other way has to take."""
    if norm not in _POWERS[True]:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')
    return {None: "forward", "backward": "forward", "forward": "backward"}.get(norm, norm)


@covers(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    x = array_of(a)
    chosen, lengths = axes_and_lengths(x, s, axes)
    if not chosen:
        raise ValueError("at least 1 axis must be transformed")
    x = rfft(x, lengths[-1], chosen[-1], norm)
    return _each(fft, x, chosen[:-1], lengths[:-1], norm)


@covers(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    x = array_of(a)
    chosen, lengths = axes_and_lengths(x, s, axes)
    if not chosen:
        raise ValueError("at least 1 axis must be transformed")
    x = _each(ifft, x, chosen[:-1], lengths[:-1], norm)
    return irfft(x, lengths[-1], chosen[-1], norm)


def _each(one: Callable[..., Any], x: Any, axes: Any, lengths: Any, norm: Any) -> Any:
    for axis, n in zip(axes, lengths, strict=True):
        x = one(x, n, axis, norm)
    return x


@covers(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return rfftn(a, s, axes, norm)


@covers(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    return irfftn(a, s, axes, norm)


# -- order ---------------------------------------------------------------------------------------


@covers(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The zero frequency in the middle."""
    return _rolled(x, axes, lambda n: n // 2)


@covers(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    return _rolled(x, axes, lambda n: -(n // 2))


def _rolled(x: Any, axes: Any, by: Callable[[int], int]) -> Any:
    x = array_of(x)
    chosen = axes_of(axes, len(x.shape))
    return roll(x, tuple(by(x.shape[a]) for a in chosen), chosen)
