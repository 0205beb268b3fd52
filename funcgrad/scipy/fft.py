"""``scipy.fft`` for differentiable code: Fourier, cosine and sine transforms, all linear.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import fft
>>> grad(lambda x: fft.dct(x)[0])(np.ones(3))
array([2., 2., 2.])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.fft import ends, trigonometric
from funcgrad.ops.functions import fourier
from funcgrad.ops.functions.common import array_of, axis_of
from funcgrad.scipy.plain import missing, scipys

_scipys = scipys("scipy.fft")

# -- Fourier transforms --------------------------------------------------------------------------


def _one(name: str, doc: str) -> Any:
    """A transform along one axis, with SciPy's signature."""
    inner = getattr(fourier, name)

    def transform(
        x: Any, n: Any = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return inner(x, n, axis, norm)

    return _named(transform, name, doc)


def _many(name: str, doc: str, axes: Any = None) -> Any:
    """A transform along several axes."""
    inner = globals().get(f"_{name}") or getattr(fourier, name)
    default = axes

    def transform(
        x: Any, s: Any = None, axes: Any = default, norm: Any = None, overwrite_x: bool = False,
        workers: Any = None, *, plan: Any = None,
    ) -> Any:  # fmt: skip
        return inner(x, s, axes, norm)

    return _named(transform, name, doc)


def _named(function: Any, name: str, doc: str) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return _scipys(function)


def _hfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    return fourier.irfftn(e.conj(array_of(x)), s, axes, fourier.swapped(norm))


def _ihfftn(x: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    return e.conj(fourier.rfftn(x, s, axes, fourier.swapped(norm)))


_hfft2, _ihfft2 = _hfftn, _ihfftn
_LAST = (-2, -1)

fft = _one("fft", "z_k = sum_j x_j exp(-2 pi i j k / n) along one axis.")
ifft = _one("ifft", "The inverse of ``fft``.")
rfft = _one("rfft", "The first n // 2 + 1 numbers of the ``fft`` of real x.")
irfft = _one("irfft", "The inverse of ``rfft``: n real numbers, 2 (m - 1) unless n is given.")
hfft = _one("hfft", "The ``fft``, real numbers, of a sequence whose half x mirrors the rest.")
ihfft = _one("ihfft", "The inverse of ``hfft``.")
fft2 = _many("fft2", "``fft`` along two axes.", _LAST)
ifft2 = _many("ifft2", "The inverse of ``fft2``.", _LAST)
rfft2 = _many("rfft2", "``rfft`` along the last of two axes, ``fft`` along the other.", _LAST)
irfft2 = _many("irfft2", "The inverse of ``rfft2``.", _LAST)
hfft2 = _many("hfft2", "``hfft`` in two dimensions.", _LAST)
ihfft2 = _many("ihfft2", "The inverse of ``hfft2``.", _LAST)
fftn = _many("fftn", "``fft`` along several axes, all of them unless they are named.")
ifftn = _many("ifftn", "The inverse of ``fftn``.")
rfftn = _many("rfftn", "``rfft`` along the last axis, ``fft`` along the others.")
irfftn = _many("irfftn", "The inverse of ``rfftn``.")
hfftn = _many("hfftn", "``hfft`` in several dimensions.")
ihfftn = _many("ihfftn", "The inverse of ``hfftn``.")
fftshift = _scipys(fourier.fftshift)
ifftshift = _scipys(fourier.ifftshift)

# -- cosine and sine transforms ------------------------------------------------------------------
# The inverse of type 2 is type 3, and the other way round; types 1 and 4 are their own inverses,
# but for the scale: the number of points of the sequence that the transform extends x to. Made
# orthogonal, type 1 of the cosine scales both ends, types 2 and 3 one end, of output and input.


def _scale(count: int, norm: Any, inverse: bool) -> float:
    found = {
        None: (1.0, 1 / count), "backward": (1.0, 1 / count), "forward": (1 / count, 1.0),
        "ortho": (count**-0.5, count**-0.5),
    }.get(norm)  # fmt: skip
    if found is None:
        raise ValueError(f'norm={norm!r}: it is "backward", "ortho" or "forward"')
    return found[inverse]


def _along(kind: str, x: Any, type: int, axis: int, norm: Any, orthogonal: Any,
           inverse: bool) -> Any:  # fmt: skip
    if type not in (1, 2, 3, 4):
        raise ValueError(f"{kind}: type={type!r}: there are types 1, 2, 3 and 4")
    n = x.shape[axis]
    if kind == "dct" and type == 1 and n < 2:
        raise ValueError(f"dct of type 1: at least two points along axis {axis}, not {n}")
    own = {2: 3, 3: 2}.get(type, type) if inverse else type
    orthogonal = norm == "ortho" if orthogonal is None else orthogonal
    count = 2 * (n + {"dct": -1, "dst": 1}[kind] * (type == 1))
    end = {0: 2**0.5} if kind == "dct" else {-1: 2**0.5}
    if own == 1:
        end = {0: 2**0.5, -1: 2**0.5} if kind == "dct" else {}
    weigh = orthogonal and own != 4 and end
    if weigh and own != 2:
        x = e.multiply(x, ends(len(x.shape), axis, n, x.dtype, end, 1.0))
    z = trigonometric(x, kind=kind, type=own, axis=axis)
    if weigh and own != 3:
        inverted = {k: 1 / v for k, v in end.items()}
        z = e.multiply(z, ends(len(x.shape), axis, n, z.dtype, inverted, 1.0))
    scale = _scale(count, norm, inverse)
    return z if scale == 1 else e.multiply(z, np.empty(0, z.dtype).real.dtype.type(scale))


def _floats(x: Any) -> Any:
    x = array_of(x)
    return x if x.dtype.kind in "fc" else e.convert(x, dtype=np.dtype(float))


def _wave(name: str, doc: str) -> Any:
    kind, inverse = name.removeprefix("i"), name.startswith("i")

    def transform(
        x: Any, type: int = 2, n: Any = None, axis: int = -1, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _floats(x)
        axis = axis_of(axis, len(x.shape))
        return _along(kind, fourier.sized(x, axis, n), type, axis, norm, orthogonalize, inverse)

    return _named(transform, name, doc)


def _waves(name: str, doc: str) -> Any:
    kind, inverse = name.removeprefix("i").removesuffix("n"), name.startswith("i")

    def transform(
        x: Any, type: int = 2, s: Any = None, axes: Any = None, norm: Any = None,
        overwrite_x: bool = False, workers: Any = None, *, orthogonalize: Any = None,
    ) -> Any:  # fmt: skip
        x = _floats(x)
        chosen, lengths = fourier.axes_and_lengths(x, s, axes)
        for axis, n in zip(chosen, lengths, strict=True):
            x = fourier.sized(x, axis, n)
            x = _along(kind, x, type, axis, norm, orthogonalize, inverse)
        return x

    return _named(transform, name, doc)


dct = _wave("dct", "The cosine transform of types 1 to 4; 2: 2 sum_j x_j cos(pi k (2j+1) / 2n).")
idct = _wave("idct", "The inverse of ``dct`` of the same type.")
dst = _wave("dst", "The sine transform of types 1 to 4; 2: 2 sum_j x_j sin(pi (k+1)(2j+1) / 2n).")
idst = _wave("idst", "The inverse of ``dst`` of the same type.")
dctn = _waves("dctn", "``dct`` along several axes, all of them unless they are named.")
idctn = _waves("idctn", "The inverse of ``dctn``.")
dstn = _waves("dstn", "``dst`` along several axes, all of them unless they are named.")
idstn = _waves("idstn", "The inverse of ``dstn``.")

_PLAIN = {"fftfreq", "rfftfreq", "next_fast_len", "prev_fast_len", "get_workers", "set_workers"}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.fft", name, _PLAIN)
