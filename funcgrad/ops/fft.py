"""Fourier transforms as primitives: fft, rfft, irfft, and the cosine and sine transforms.

    fft:  z_k = sum_j x_j w^(jk),  w = exp(-2 pi i / n);  the inverse conjugates w and divides by n

All are linear and unscaled but for the inverses' 1/n; lengths, scales and chains over several axes
are written around them (``ops.functions.fourier``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ct_like, ops, structural
from funcgrad.ops.shaping import iota, pad

__all__ = ["fft", "irfft", "rfft", "trigonometric"]


def _complex(x: Aval) -> Any:
    return np.result_type(x.dtype, np.complex64) if x.dtype.kind in "fc" else np.dtype(complex)


def _resized(x: Aval, axis: int, length: int) -> tuple[int, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


def filled(x: Any, axis: int, length: int) -> Any:
    """x with zeros behind the end of one axis, up to this length."""
    widths = tuple((0, length - n if i == axis else 0) for i, n in enumerate(x.shape))
    return pad(x, x.dtype.type(0), widths=widths)


def ends(rank: int, axis: int, length: int, dtype: Any, special: dict[int, float],
         usual: float) -> Any:  # fmt: skip
    """Weights along an axis: ``special`` ones by position, the usual one elsewhere."""
    shape = tuple(length if i == axis else 1 for i in range(rank))
    place = iota(shape=shape, axis=axis, dtype=np.dtype(np.intp))
    number = np.empty(0, dtype).real.dtype.type
    weights: Any = ops.full(number(usual), shape=shape, dtype=np.dtype(number))
    for position, weight in special.items():
        weights = e.select(e.equal(place, position % max(length, 1)), number(weight), weights)
    return weights


# -- fft: the matrix is symmetric, so the transform is its own transpose


def _fft_value(xp: Any, x: Any, axes: tuple[int, ...], inverse: bool) -> Any:
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=axes)


def _fft_batch(size: int, xs: Any, batched: Any, axes: tuple[int, ...], inverse: bool) -> Any:
    return fft(xs[0], axes=tuple(a + 1 for a in axes), inverse=inverse), True


fft = structural(
    "fft", type=lambda x, axes, inverse: x.with_dtype(_complex(x)), value=_fft_value,
    transpose=lambda cts, xs, axes, inverse: [
        ct_like(fft(cts[0], axes=axes, inverse=inverse), xs[0].aval)
    ],
    batch=_fft_batch,
)  # fmt: skip

# -- rfft: the first half of the fft of real numbers
# <ct, rfft(t)> = Re sum_k ct_k sum_j t_j w^(jk): the real part of the fft of ct, filled with zeros.


def _rfft_transpose(cts: Any, xs: Any, axis: int) -> Any:
    aval = xs[0].aval
    whole = fft(filled(cts[0], axis, aval.shape[axis]), axes=(axis,), inverse=False)
    return [ct_like(whole, aval)]


rfft = structural(
    "rfft", type=lambda x, axis: array_aval(_resized(x, axis, x.shape[axis] // 2 + 1), _complex(x)),
    value=lambda xp, x, axis: xp.fft.rfft(x, axis=axis), transpose=_rfft_transpose,
    batch=lambda size, xs, batched, axis: (rfft(xs[0], axis=axis + 1), True),
)  # fmt: skip

# -- irfft: z_j = 1/n sum_k c_k Re(x_k w^(-jk)), where c is 1 at both ends of the spectrum, else 2
# The factor of x_k in <ct, z> is c_k / n conj(rfft(ct))_k; at the ends it is real, so that the
# imaginary parts which irfft does not read get no cotangent.


def _irfft_transpose(cts: Any, xs: Any, axis: int, n: int) -> Any:
    ct = cts[0]
    found = e.conj(rfft(ct, axis=axis))
    special = {0: 1 / n, n // 2: 1 / n} if n % 2 == 0 else {0: 1 / n}
    weights = ends(ct.ndim, axis, n // 2 + 1, ct.dtype, special, 2 / n)
    return [ct_like(e.multiply(found, weights), xs[0].aval)]


def _irfft_type(x: Aval, axis: int, n: int) -> Aval:
    dtype = np.empty(0, _complex(x)).real.dtype
    return array_aval(_resized(x, axis, n), dtype)


irfft = structural(
    "irfft", type=_irfft_type, value=lambda xp, x, axis, n: xp.fft.irfft(x, n, axis=axis),
    transpose=_irfft_transpose,
    batch=lambda size, xs, batched, axis, n: (irfft(xs[0], axis=axis + 1, n=n), True),
)  # fmt: skip
"""Reads n // 2 + 1 numbers of the spectrum."""


# -- cosine and sine transforms, as SciPy defines them without scaling
# Types 1 (sine) and 4 are symmetric. Type 1 of the cosine counts both ends once and the others
# twice, so its transpose is the same between weights. The matrices of types 2 and 3 are each
# other's transposes, but for one weight: of the first number (cosine) or the last (sine).


def _trigonometric_value(xp: Any, x: Any, kind: str, type: int, axis: int) -> Any:
    if xp is np:
        from scipy import fft as module
    else:
        from cupyx.scipy import fft as module
    return getattr(module, kind)(x, type=type, axis=axis)


def _trigonometric_type(x: Aval, kind: str, type: int, axis: int) -> Aval:
    return x if x.dtype.kind in "fc" else x.with_dtype(np.dtype(float))


def _trigonometric_transpose(cts: Any, xs: Any, kind: str, type: int, axis: int) -> Any:
    ct = cts[0]
    end = 0 if kind == "dct" else -1

    def weighted(x: Any, special: dict[int, float], usual: float = 1.0) -> Any:
        row = ends(ct.ndim, axis, ct.shape[axis], ct.dtype, special, usual)
        return e.multiply(x, row)

    def moved(x: Any, type: int) -> Any:
        return trigonometric(x, kind=kind, type=type, axis=axis)

    if type == 2:
        return [moved(weighted(ct, {end: 2.0}), 3)]
    if type == 3:
        return [weighted(moved(ct, 2), {end: 0.5})]
    if type == 1 and kind == "dct":
        return [weighted(moved(weighted(ct, {0: 1.0, -1: 1.0}, 0.5), 1), {0: 1.0, -1: 1.0}, 2.0)]
    return [moved(ct, type)]


trigonometric = structural(
    "trigonometric", type=_trigonometric_type, value=_trigonometric_value,
    transpose=_trigonometric_transpose,
    batch=lambda size, xs, batched, kind, type, axis: (
        trigonometric(xs[0], kind=kind, type=type, axis=axis + 1), True
    ),
)  # fmt: skip
"""``scipy.fft.dct`` and ``dst`` of types 1 to 4 along one axis."""
