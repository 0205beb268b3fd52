"""Polynomials as arrays of coefficients, the highest power first."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.functions.common import array_of, as_dtype, covers, dtype_of, known, refuse
from funcgrad.ops.functions.creating import zeros
from funcgrad.ops.functions.diagonals import vander
from funcgrad.ops.functions.joining import concatenate
from funcgrad.ops.functions.numerics import convolve
from funcgrad.ops.functions.reducing import sum_
from funcgrad.ops.functions.sets import trim_zeros
from funcgrad.ops.functions.shaping import atleast_1d, reshape

# -- values and arithmetic -------------------------------------------------------------------------


@covers(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Horner's scheme."""
    p, x = array_of(p), array_of(x)
    out = e.multiply(x, 0)
    for k in range(p.shape[0]):
        out = out * x + p[k]
    return out


def _aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Both with as many coefficients, zeros first."""
    x, y = (atleast_1d(array_of(a)) for a in (a1, a2))
    n = max(x.shape[0], y.shape[0])
    return _lengthened(x, n), _lengthened(y, n)


def _lengthened(x: Any, n: int) -> Any:
    missing = n - x.shape[0]
    return concatenate((np.zeros(missing, x.dtype), x)) if missing else x


@covers(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    return e.add(*_aligned(a1, a2))


@covers(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    return e.subtract(*_aligned(a1, a2))


@covers(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    return convolve(atleast_1d(array_of(a1)), atleast_1d(array_of(a2)))


@covers(np.polydiv)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder by long division."""
    u, v = (atleast_1d(array_of(x)) + 0.0 for x in (u, v))
    m, n = u.shape[0] - 1, v.shape[0] - 1
    rest = as_dtype(u, dtype_of(u, v))
    scale, quotient = 1.0 / v[0], []
    for k in range(m - n + 1):
        d = scale * rest[k]
        quotient.append(reshape(d, (1,)))
        rest = concatenate((rest[:k], rest[k : k + n + 1] - d * v, rest[k + n + 1 :]))
    found = concatenate(quotient) if quotient else zeros(1, rest.dtype)
    return found, _without_leading_zeros(rest)


def _without_leading_zeros(rest: Any) -> Any:
    """As NumPy: what is zero up to rounding is left out, the last coefficient never."""
    plain = known(rest)
    small = np.isclose(plain, 0, rtol=1e-14)
    lead = int(np.argmin(small)) if not small.all() else len(plain) - 1
    return rest[min(lead, len(plain) - 1) :]


# -- calculus --------------------------------------------------------------------------------------


@covers(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    x, m = array_of(p), index(m)
    if m < 0:
        raise ValueError(f"polyder: the order of the derivative must not be negative, not {m}")
    for _ in range(m):
        x = x[:-1] * np.arange(x.shape[0] - 1, 0, -1)
    return x


@covers(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    x, m = array_of(p), index(m)
    if m < 0:
        raise ValueError(f"polyint: the order of the integral must not be negative, not {m}")
    constants = atleast_1d(array_of(0.0 if k is None else k))
    if constants.shape[0] not in (1, m):
        raise ValueError(f"polyint: {constants.shape[0]} constants for {m} integrations")
    for i in range(m):
        constant = constants[i if constants.shape[0] > 1 else 0]
        x = concatenate((x / np.arange(x.shape[0], 0, -1), reshape(constant, (1,))))
    return x


# -- roots -----------------------------------------------------------------------------------------


@covers(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """Coefficients from the zeros, or from a matrix's eigenvalues."""
    x = atleast_1d(array_of(seq_of_zeros))
    if len(x.shape) == 2 and x.shape[0] == x.shape[1] and x.shape[0]:
        x = np.linalg.eigvals(x)
    elif len(x.shape) != 1:
        raise ValueError(f"poly takes zeros, or a square matrix, not shape {tuple(x.shape)}")
    out: Any = np.ones(1, x.dtype)
    for k in range(x.shape[0]):
        ends = np.zeros(1, x.dtype)
        out = concatenate((out, ends)) - x[k] * concatenate((ends, out))
    if x.dtype.kind == "c":
        plain = known(x)
        if np.all(np.sort(plain) == np.sort(plain.conj())):
            out = e.real(out)
    return out


@covers(np.roots)
def roots(p: Any) -> Any:
    """The eigenvalues of the companion matrix."""
    x = atleast_1d(array_of(p))
    if len(x.shape) != 1:
        raise ValueError(f"roots takes one axis of coefficients, not shape {tuple(x.shape)}")
    core = trim_zeros(x)
    if not core.shape[0]:
        return np.array([])
    found: Any = np.array([])
    n = core.shape[0] - 1
    if n > 0:
        core = core if core.dtype.kind in "fc" else as_dtype(core, np.float64)
        first = reshape(-core[1:] / core[0], (1, n))
        found = np.linalg.eigvals(concatenate((first, np.eye(n - 1, n, dtype=core.dtype)), 0))
    at_zero = x.shape[0] - trim_zeros(x, "b").shape[0]
    return concatenate((found, np.zeros(at_zero, found.dtype))) if at_zero else found


# -- fits ------------------------------------------------------------------------------------------


@covers(np.polyfit)
def polyfit(
    x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None,
    cov: Any = False,
) -> Any:  # fmt: skip
    """Least squares on scaled powers of x, which conditions the problem better."""
    if np.ndim(deg):
        refuse("polyfit", deg=deg)
    x, y, order = array_of(x) + 0.0, array_of(y) + 0.0, index(deg) + 1
    if order < 1 or len(x.shape) != 1 or not x.size or x.shape[0] != y.shape[0]:
        raise ValueError(
            f"polyfit: degree {order - 1}, x of shape {tuple(x.shape)} and y of {tuple(y.shape)}: "
            "a degree of 0 or more, one axis, and as many values as places are needed"
        )
    powers = vander(x, order)
    if w is not None:
        weights = array_of(w) + 0.0
        powers = powers * weights[:, None]
        y = y * (weights[:, None] if len(y.shape) == 2 else weights)
    scale = np.sqrt(sum_(powers * powers, 0))
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    c, residuals, rank, singular = np.linalg.lstsq(powers / scale, y, rcond)
    c = (c.T / scale).T
    if full:
        return c, residuals, rank, singular, rcond
    return (c, _covariance(powers, scale, residuals, y, cov)) if cov else c


def _covariance(powers: Any, scale: Any, residuals: Any, y: Any, cov: Any) -> Any:
    """Of the coefficients; scaled by the residuals, unless told that weights are 1/sigma."""
    scaled = powers / scale
    base = np.linalg.inv(scaled.T @ scaled) / (scale[:, None] * scale)
    factor: Any = 1.0
    if cov != "unscaled":
        free = powers.shape[0] - powers.shape[1]
        if free <= 0:
            raise ValueError(
                f"polyfit: {powers.shape[0]} points leave nothing to scale the covariance of "
                f"{powers.shape[1]} coefficients by; cov='unscaled' needs no more points"
            )
        factor = residuals / free
    return base * factor if len(y.shape) == 1 else base[:, :, None] * factor
