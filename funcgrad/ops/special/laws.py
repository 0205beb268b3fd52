"""Distribution functions that ``scipy.stats`` has and ``scipy.special`` has not.

Values are SciPy's own. Quantiles of whole numbers are steps, without a derivative; slopes of the
others are those of inverse functions.
"""

from __future__ import annotations

import importlib
from math import pi
from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import (
    broadcast_avals,
    elementwise,
    nondifferentiable,
    result_dtype,
    shape_of,
)
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import reshape
from funcgrad.ops.special.bessel import i0e, i1e
from funcgrad.ops.special.variates import fejer

__all__ = ["inverse_cdf", "steps", "vonmises_cdf"]


def _type(*avals: Aval, law: str, method: str) -> Aval:
    dtype = np.result_type(result_dtype(*avals), np.float32)
    return array_aval(broadcast_avals(f"{law}.{method}", avals), dtype)


def _value(xp: Any, *xs: Any, law: str, method: str) -> Any:
    if xp is not np:
        raise NotImplementedError(
            f"{law}.{method}: CuPy has no such function; move its operands to NumPy, "
            "cupy.asnumpy(x)"
        )
    found = getattr(getattr(importlib.import_module("scipy.stats"), law), method)(*xs)
    dtype = np.result_type(*xs)
    return np.asarray(found, dtype if dtype.kind == "f" else np.float64)[()]


steps = nondifferentiable("steps", type=_type, value=_value)
"""A method of a law of whole numbers that is constant but for jumps: its quantiles."""

# -- von Mises' distribution ---------------------------------------------------------------------

_END = 40.0  # e^-40 is nothing beside 1


def _vonmises_density(x: Any, kappa: Any) -> Any:
    size = -2 * kappa * e.square(e.sin(0.5 * x))
    return e.exp(size) / (2 * pi * i0e(kappa))


def _vonmises_slope(x: Any, kappa: Any) -> Any:
    """dF/dkappa = ∫ (cos t - A) p(t) dt from -pi to x, A = I1/I0; over all angles it is 0.

    For x < 0 (it is odd) from -pi to x where cos x < A, else minus that from x to 0: on neither
    does the first factor change its sign, so that no digits are lost.
    """
    turned = x - 2 * pi * e.rint(x / (2 * pi))
    y, mean = e.absolute(turned), i1e(kappa) / i0e(kappa)
    outer = e.less(e.cos(y), mean)
    begin = e.select(outer, y, 0.0)
    span = e.select(outer, _reach(y, kappa), y)
    nodes, weights = fejer(x.dtype)
    begin, span, mean, kappa = (
        reshape(v, shape=(*shape_of(v), 1)) for v in (begin, span, mean, kappa)
    )
    t = begin + span * nodes
    found = reduce_sum(
        span * (e.cos(t) - mean) * _vonmises_density(t, kappa) * weights, axes=(len(t.shape) - 1,)
    )
    return e.sign(turned) * e.select(outer, e.negative(found), found)


def _reach(y: Any, kappa: Any) -> Any:
    """From y to pi, or to where the exponent has fallen by 40: the latter without a derivative."""
    height = e.minimum(e.square(e.sin(0.5 * y)) + 0.5 * _END / kappa, 1.0)
    near = 2 * e.arcsin(e.sqrt(height)) - y
    near = e.exp2(e.ceil(e.log2(near) * 8) * 0.125)
    return e.minimum(near, pi - y)


vonmises_cdf = elementwise(
    "vonmises_cdf", lambda z, x, kappa, **_: _vonmises_density(x, kappa),
    lambda z, x, kappa, **_: _vonmises_slope(x, kappa), type=_type, value=_value,
)  # fmt: skip

# -- quantiles -----------------------------------------------------------------------------------


def _skewnorm_density(x: Any, a: Any) -> Any:
    return e.exp(-0.5 * x * x) * e.ndtr(a * x) * (2 / pi) ** 0.5


def _skewnorm_slope(x: Any, a: Any) -> Any:
    """dF/da = -2 dT(x, a)/da, T Owen's function."""
    spread = 1 + a * a
    return e.negative(e.exp(-0.5 * x * x * spread) / (pi * spread))


_SLOPES = {
    "vonmises": (_vonmises_density, _vonmises_slope),
    "skewnorm": (_skewnorm_density, _skewnorm_slope),
}


def _by_q(z: Any, q: Any, a: Any, law: str, method: str) -> Any:
    return (1.0 if method == "ppf" else -1.0) / _SLOPES[law][0](z, a)


def _by_shape(z: Any, q: Any, a: Any, law: str, method: str) -> Any:
    density, slope = _SLOPES[law]
    return e.negative(slope(z, a) / density(z, a))


inverse_cdf = elementwise("inverse_cdf", _by_q, _by_shape, type=_type, value=_value)
"""The quantile z of a law with one shape parameter, by ``ppf`` or ``isf``."""
