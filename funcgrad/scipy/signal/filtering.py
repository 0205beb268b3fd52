"""Recursive filters, as scans along an axis, and trends taken away."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from funcgrad.control.scan import scan
from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.plain import alike, scipys

__all__ = ["detrend", "filtfilt", "lfilter", "lfilter_zi", "sosfilt"]

_scipys = scipys("scipy.signal")


def _coefficients(b: Any, a: Any) -> tuple[Any, Any]:
    """b and a of one length, divided by a_0."""
    b, a = (v.reshape(-1) for v in (b, a))
    n = max(b.shape[0], a.shape[0])
    b, a = (np.concatenate((v, np.zeros(n - v.shape[0], v.dtype))) for v in (b / a[0], a / a[0]))
    return b, a


def _filtered(b: Any, a: Any, x: Any, z: Any) -> tuple[Any, Any]:
    """Along the first axis, in the transposed direct form II; z: (order, …)."""
    if not z.shape[0]:
        return b[0] * x, z
    tall = (-1,) + (1,) * (x.ndim - 1)
    forward, back = b[1:].reshape(tall), a[1:].reshape(tall)

    def step(z: Any, now: Any) -> Any:
        y = b[0] * now + z[0]
        shifted = np.concatenate((z[1:], 0 * z[:1]))
        return shifted + forward * now - back * y, y

    z, y = scan(step, z, x)
    return y, z


@_scipys
def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """y with a_0 y_n = b_0 x_n + b_1 x_(n-1) + … - a_1 y_(n-1) - …, along an axis.

    With the initial state ``zi`` it returns (y, the state at the end). Differentiable in b, a, x
    and zi.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.signal import lfilter
    >>> grad(lambda a: lfilter(np.ones(1), np.stack([1.0, a]), np.ones(3))[2])(-0.5)
    np.float64(-2.0)
    """
    b, a, x, *rest = alike(b, a, x, *(() if zi is None else (zi,)))
    b, a = _coefficients(b, a)
    x = np.moveaxis(x, axis, 0)
    order = b.shape[0] - 1
    state = np.zeros((order, *x.shape[1:]), x.dtype)
    if rest:
        given = np.moveaxis(rest[0], axis, 0)
        if given.shape[0] != order:
            raise ValueError(
                f"lfilter: zi has {given.shape[0]} numbers along the axis, not {order}"
            )
        state = state + given
    y, z = _filtered(b, a, x, state)
    y = np.moveaxis(y, 0, axis)
    return y if zi is None else (y, np.moveaxis(z, 0, axis))


@_scipys
def lfilter_zi(b: Any, a: Any) -> Any:
    """The state in which a filter answers a constant 1 with a constant."""
    b, a = _coefficients(*alike(b, a))
    n = b.shape[0] - 1
    if not n:
        return np.zeros(0, b.dtype)
    unit, up = np.eye(n, dtype=b.dtype), np.eye(n, k=1, dtype=b.dtype)
    first = np.concatenate((np.ones((1,), b.dtype), np.zeros(n - 1, b.dtype)))
    return np.linalg.solve(unit - up + a[1:, None] * first, b[1:] - a[1:] * b[0])


@_scipys
def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """``lfilter`` by second-order sections, rows (b_0, b_1, b_2, a_0, a_1, a_2), one after another.

    ``zi`` has shape (sections, …, 2, …), 2 along the axis.
    """
    sos, x, *rest = alike(sos, x, *(() if zi is None else (zi,)))
    if sos.ndim != 2 or sos.shape[1] != 6:
        raise ValueError(f"sosfilt: sections are rows of six numbers, not of shape {sos.shape}")
    y, ends = np.moveaxis(x, axis, 0), []
    for i in range(sos.shape[0]):
        b, a = _coefficients(sos[i, :3], sos[i, 3:])
        z = np.zeros((2, *y.shape[1:]), y.dtype)
        y, z = _filtered(b, a, y, z + np.moveaxis(rest[0][i], axis, 0) if rest else z)
        ends.append(np.moveaxis(z, 0, axis))
    y = np.moveaxis(y, 0, axis)
    return (y, np.stack(ends)) if rest else y


def _extended(x: Any, kind: Any, n: int) -> Any:
    """n samples more at both ends of the first axis: mirrored ("even"), also in value ("odd")."""
    if not n or kind is None:
        return x
    left, right = x[n:0:-1], x[-2 : -n - 2 : -1]
    if kind == "odd":
        left, right = 2 * x[:1] - left, 2 * x[-1:] - right
    elif kind == "constant":
        left, right = 0 * left + x[:1], 0 * right + x[-1:]
    return np.concatenate((left, x, right))


@_scipys
def filtfilt(
    b: Any, a: Any, x: Any, axis: int = -1, padtype: Any = "odd", padlen: Any = None,
    method: str = "pad", irlen: Any = None,
) -> Any:  # fmt: skip
    """``lfilter`` forwards and then backwards: no phase, the magnitude squared."""
    if method != "pad" or padtype not in ("odd", "even", "constant", None):
        raise NotTraceableError(
            f"filtfilt: method={method!r}, padtype={padtype!r}: method is pad, padtype odd, even, "
            "constant or None on traced values"
        )
    b, a, x = alike(b, a, x)
    order = max(b.shape[0], a.shape[0])
    edge = 0 if padtype is None else 3 * order if padlen is None else int(padlen)
    x = np.moveaxis(x, axis, 0)
    if x.shape[0] <= edge:
        raise ValueError(f"filtfilt: {x.shape[0]} samples; there have to be more than {edge}")
    longer = _extended(x, padtype, edge)
    zi = lfilter_zi(b, a) if order > 1 else np.zeros(0, x.dtype)
    b, a = _coefficients(b, a)
    zi = zi.reshape((order - 1,) + (1,) * (x.ndim - 1)) + np.zeros((1, *x.shape[1:]), x.dtype)
    y, _ = _filtered(b, a, longer, zi * longer[:1])
    y, _ = _filtered(b, a, y[::-1], zi * y[-1:])
    return np.moveaxis(y[::-1][edge : edge + x.shape[0]], 0, axis)


@_scipys
def detrend(
    data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False
) -> Any:
    """What the mean ("constant") or a line of least squares leaves; lines break at ``bp``."""
    if type not in ("linear", "l", "constant", "c"):
        raise ValueError(f"detrend: type={type!r}; it is linear or constant")
    (x,) = alike(array_of(data))
    x = np.moveaxis(x, axis, -1)
    if type[0] == "c":
        return np.moveaxis(x - np.mean(x, axis=-1, keepdims=True), -1, axis)
    n = x.shape[-1]
    ends = sorted({0, n, *(int(i) for i in np.atleast_1d(bp))})
    if ends[0] < 0 or ends[-1] > n:
        raise ValueError(f"detrend: breakpoints {bp} lie outside of 0 to {n}")
    parts = []
    for start, stop in pairwise(ends):
        part = x[..., start:stop]
        ramp = np.arange(stop - start, dtype=x.dtype) - x.dtype.type(0.5 * (stop - start - 1))
        part = part - np.mean(part, axis=-1, keepdims=True)
        slope = np.sum(part * ramp, axis=-1, keepdims=True) / max(float(np.sum(ramp**2)), 1e-30)
        parts.append(part - slope * ramp)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)
