"""map_coordinates: an image between its elements, by splines of order 0, 1 or 3."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.ndimage.borders import folded, known_mode
from funcgrad.scipy.plain import alike, scipys

__all__ = ["map_coordinates", "spline_filter1d"]

_scipys = scipys("scipy.ndimage")


def _matrix(n: int, mode: str, dtype: Any) -> Any:
    """Cubic B-splines of coefficients c at the elements: (c_(i-1) + 4 c_i + c_(i+1)) / 6."""
    kind = {"grid-mirror": "reflect", "grid-wrap": "wrap"}.get(mode, mode)
    kind = kind if kind in ("reflect", "wrap") and mode != "wrap" else "mirror"
    rows = np.arange(n)
    found = np.zeros((n, n))
    for offset, weight in ((-1, 1 / 6), (0, 4 / 6), (1, 1 / 6)):
        np.add.at(found, (rows, folded(rows + offset, n, kind)), weight)
    return found.astype(dtype)


@_scipys
def spline_filter1d(
    input: Any, order: int = 3, axis: int = -1, output: Any = None, mode: str = "mirror"
) -> Any:
    """The coefficients of the cubic spline through the elements along an axis: linear in them.

    Solved as a full system of as many equations as the axis is long.
    """
    (x,) = alike(array_of(input))
    if order in (0, 1):
        return x
    if order != 3:
        raise NotTraceableError(f"spline_filter1d: order={order}; 0, 1 and 3 are covered")
    rows = np.moveaxis(x, axis, 0)
    n = rows.shape[0]
    if n == 1:
        return x
    inverse = np.linalg.inv(_matrix(n, known_mode("spline_filter1d", mode), float))
    solved = inverse.astype(x.dtype) @ rows.reshape((n, -1))
    return np.moveaxis(solved.reshape(rows.shape), 0, axis)


def _nodes(at: Any, order: int) -> list[tuple[Any, Any]]:
    """Indices and weights of the elements that a coordinate lies between."""
    if order == 0:
        return [(np.floor(at + 0.5), 1.0)]
    low = np.floor(at)
    s = at - low
    if order == 1:
        return [(low, 1 - s), (low + 1, s)]
    r = 1 - s
    return [
        (low - 1, r**3 / 6), (low, (4 - 6 * s * s + 3 * s**3) / 6),
        (low + 1, (4 - 6 * r * r + 3 * r**3) / 6), (low + 2, s**3 / 6),
    ]  # fmt: skip


_PADDED = 12  # a cubic spline's coefficients have forgotten its end after so many elements


@_scipys
def map_coordinates(
    input: Any, coordinates: Any, output: Any = None, order: int = 3, mode: str = "constant",
    cval: float = 0.0, prefilter: bool = True,
) -> Any:  # fmt: skip
    """The image at coordinates (rank, …): nearest (0), multilinear (1) or cubic (3) in between.

    Differentiable in the image and, order 0 apart, in the coordinates. Outside of the image is
    ``cval`` ("constant"), or it goes on: by its last element ("nearest"), mirrored about it
    ("mirror"), about its edge ("reflect", "grid-mirror"), periodically ("grid-wrap"; "wrap" is
    shorter by an element). "grid-constant" fades into ``cval`` over one element.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.ndimage import map_coordinates
    >>> image = np.array([0.0, 1.0, 4.0])
    >>> grad(lambda x: map_coordinates(image, x[None], order=1))(1.5)
    np.float64(3.0)
    """
    if output is not None:
        raise NotTraceableError("map_coordinates: output= is not covered on traced values")
    if order not in (0, 1, 3):
        raise NotTraceableError(f"map_coordinates: order={order}; 0, 1 and 3 are covered")
    mode = known_mode("map_coordinates", mode)
    x, at = alike(array_of(input), array_of(coordinates))
    if at.shape[:1] != (x.ndim,):
        raise ValueError(f"map_coordinates: {at.shape} are no coordinates of a {x.ndim}-d image")
    shape = x.shape
    shift = 0
    if order == 3 and prefilter:
        x, shift = _filtered(x, mode, cval)
    outside: Any = False
    axes = []
    for axis, n in enumerate(shape):
        place = at[axis]
        if mode == "constant":
            outside = outside | (place < 0) | (place > n - 1)
        elif mode == "wrap":  # elements 0 and n - 1 are the same place
            place = place - (n - 1) * np.floor(place / (n - 1)) if n > 1 else 0 * place
            far = abs(at[axis] - (n - 1)) == 0
            place = np.where(far, n - 1.0, place).astype(at.dtype)
        axes.append(_looked_up(place, n, order, mode, shift))
    total: Any = 0
    for nodes in product(*axes):
        value = x[tuple(i for i, _, _ in nodes)]
        for _, _, lost in nodes if mode == "grid-constant" else ():
            value = np.where(lost, x.dtype.type(cval), value)
        for _, weight, _ in nodes:
            value = value * weight
        total = total + value
    return total if mode != "constant" else np.where(outside, x.dtype.type(cval), total)


def _filtered(x: Any, mode: str, cval: float) -> tuple[Any, int]:
    """Spline coefficients; for modes that no mirror describes, of the image continued a little."""
    shift = 0
    if mode in ("nearest", "grid-constant"):
        shift = _PADDED
        name: Any = "edge" if mode == "nearest" else "constant"
        filled: Any = {} if mode == "nearest" else {"constant_values": cval}
        x = np.pad(x, shift, name, **filled)
    for axis in range(x.ndim):
        x = spline_filter1d(array_of(x), 3, axis, mode=mode if not shift else "mirror")
    return x, shift


def _looked_up(place: Any, n: int, order: int, mode: str, shift: int) -> list[Any]:
    """(index, weight, whether it lies outside) of the elements that a coordinate looks at."""
    found = []
    if shift and mode == "nearest":
        place = np.clip(place, -shift + 2, n + shift - 3)
    for i, weight in _nodes(place, order):
        kind = "mirror" if mode in ("constant", "wrap") and order == 3 else mode
        lost = (i < -shift) | (i > n - 1 + shift)
        index = folded(i.astype(np.int64) + shift, n + 2 * shift, kind)
        found.append((index, weight, lost))
    return found
