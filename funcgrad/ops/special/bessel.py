"""Bessel functions and their kin: Kelvin, Struve, Airy, spherical; slopes by recurrences."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from funcgrad.errors import DifferentiationError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import broadcast_avals, elementwise, ops
from funcgrad.ops.scipys import scipy_function
from funcgrad.ops.special.common import HANDLERS, No, difference, real_dtype, several, special

INTEGER = No("it is an integer; the function with v in place of n takes any order")

# -- cylinder functions --------------------------------------------------------------------------


def _order(name: str) -> Any:
    """By the order v, numerically: small x makes it move as (x/2)^v / gamma(v+1)."""

    def partial(z: Any, v: Any, x: Any) -> Any:
        rate = 2 + e.absolute(e.log_(0.5 * e.absolute(x))) + e.log1p(e.absolute(v))
        return difference(lambda u: getattr(ops, name)(u, x), v, z, rate)

    return partial


def _between(name: str, below: float, above: float, own: Any = None) -> Any:
    """below f(v-1, x) + above f(v+1, x) + own(x) z."""

    def partial(z: Any, v: Any, x: Any) -> Any:
        f = getattr(ops, name)
        found = below * f(v - 1, x) + above * f(v + 1, x)
        return found if own is None else found + own(x) * z

    return partial


def _cylinder(name: str, below: float, above: float, own: Any = None, real: bool = False) -> Any:
    return special(name, _order(name), _between(name, below, above, own), real=real)


jv = _cylinder("jv", 0.5, -0.5)
yv = _cylinder("yv", 0.5, -0.5)
iv = _cylinder("iv", 0.5, 0.5)
kv = _cylinder("kv", -0.5, -0.5)
jve = _cylinder("jve", 0.5, -0.5, real=True)
yve = _cylinder("yve", 0.5, -0.5, real=True)
ive = _cylinder("ive", 0.5, 0.5, lambda x: e.negative(e.sign(x)), real=True)
kve = _cylinder("kve", -0.5, -0.5, lambda x: 1.0)
hankel1 = _cylinder("hankel1", 0.5, -0.5)
hankel2 = _cylinder("hankel2", 0.5, -0.5)
hankel1e = _cylinder("hankel1e", 0.5, -0.5, lambda x: -1j)
hankel2e = _cylinder("hankel2e", 0.5, -0.5, lambda x: 1j)
HANDLERS["jn"] = jv
yn = special("yn", INTEGER, _between("yn", 0.5, -0.5), degrees=True)
kn = special("kn", INTEGER, _between("kn", -0.5, -0.5), degrees=True)

j0 = special("j0", lambda z, x: e.negative(ops.j1(x)))
j1 = special("j1", lambda z, x: 0.5 * (ops.j0(x) - ops.jv(2.0, x)))
y0 = special("y0", lambda z, x: e.negative(ops.y1(x)))
y1 = special("y1", lambda z, x: 0.5 * (ops.y0(x) - ops.yv(2.0, x)))
i0 = special("i0", lambda z, x: ops.i1(x))
i1 = special("i1", lambda z, x: 0.5 * (ops.i0(x) + ops.iv(2.0, x)))
k0 = special("k0", lambda z, x: e.negative(ops.k1(x)))
k1 = special("k1", lambda z, x: -0.5 * (ops.k0(x) + ops.kv(2.0, x)))
i0e = special("i0e", lambda z, x: ops.i1e(x) - e.sign(x) * z)
i1e = special("i1e", lambda z, x: 0.5 * (ops.i0e(x) + ops.ive(2.0, x)) - e.sign(x) * z)
k0e = special("k0e", lambda z, x: z - ops.k1e(x))
k1e = special("k1e", lambda z, x: z - 0.5 * (ops.k0e(x) + ops.kve(2.0, x)))

# -- Kelvin's functions: J0 and K0 along the diagonals of the plane -------------------------------


def _turned(x: Any, angle: float) -> Any:
    return e.pair(x * float(np.cos(angle)), x * float(np.sin(angle)))


def _ber_second(x: Any) -> Any:
    """(ber + i bei)'' = -i J0''(x e^(3 pi i / 4)) = i (J0 - J2) / 2."""
    there = _turned(x, 0.75 * pi)
    return 0.5j * (ops.jv(0.0, there) - ops.jv(2.0, there))


def _ker_second(x: Any) -> Any:
    """(ker + i kei)'' = i K0''(x e^(pi i / 4)) = i (K0 + K2) / 2."""
    there = _turned(x, 0.25 * pi)
    return 0.5j * (ops.kv(0.0, there) + ops.kv(2.0, there))


ber = special("ber", lambda z, x: ops.berp(x))
bei = special("bei", lambda z, x: ops.beip(x))
ker = special("ker", lambda z, x: ops.kerp(x))
kei = special("kei", lambda z, x: ops.keip(x))
berp = special("berp", lambda z, x: e.real(_ber_second(x)))
beip = special("beip", lambda z, x: e.imag(_ber_second(x)))
kerp = special("kerp", lambda z, x: e.real(_ker_second(x)))
keip = special("keip", lambda z, x: e.imag(_ker_second(x)))
kelvin = several(
    "kelvin", [lambda z, x: ops.kelvin(x, part=2)], [lambda z, x: ops.kelvin(x, part=3)],
    [lambda z, x: _ber_second(x)], [lambda z, x: _ker_second(x)],
)  # fmt: skip

# -- Struve's functions --------------------------------------------------------------------------


def _struve(name: str, sign: float) -> Any:
    def partial(z: Any, v: Any, x: Any) -> Any:
        """(f(v-1) -+ f(v+1) + (x/2)^v / (sqrt(pi) gamma(v + 3/2))) / 2."""
        f = getattr(ops, name)
        source = e.power(0.5 * x, v) * ops.rgamma(v + 1.5) / sqrt(pi)
        return 0.5 * (f(v - 1, x) + sign * f(v + 1, x) + source)

    return special(name, _order(name), partial)


struve, modstruve = _struve("struve", -1.0), _struve("modstruve", 1.0)

# -- Airy's functions ----------------------------------------------------------------------------

airy = several(
    "airy", [lambda z, x: ops.airy(x, part=1)], [lambda z, x: x * ops.airy(x, part=0)],
    [lambda z, x: ops.airy(x, part=3)], [lambda z, x: x * ops.airy(x, part=2)],
)  # fmt: skip


def _growth(x: Any) -> Any:
    """The slope of |Re (2/3) x^(3/2)|: sqrt(x), or 0 left of 0."""
    right = e.greater(x, 0)
    return e.select(right, e.sqrt(e.select(right, x, 1.0)), 0.0)


airye = several(
    "airye",
    [lambda z, x: ops.airye(x, part=1) + e.sqrt(x) * z],
    [lambda z, x: x * ops.airye(x, part=0) + e.sqrt(x) * z],
    [lambda z, x: ops.airye(x, part=3) - _growth(x) * z],
    [lambda z, x: x * ops.airye(x, part=2) - _growth(x) * z],
    real=(2, 3),
)

# -- spherical Bessel functions: of SciPy's, functions that are no ufuncs --------------------------


def _spherical_type(n: Aval, z: Aval) -> Aval:
    dtype = np.result_type(z.dtype, np.float32) if not z.weak else z.dtype
    return array_aval(broadcast_avals("spherical", (n, z)), np.result_type(dtype, 0.0))


def spherical_slope(name: str, n: Any, x: Any) -> Any:
    """(below n f(n-1) + above (n+1) f(n+1)) / (2n+1)."""
    (below, above), f = _SPHERICAL[name], getattr(ops, name)
    n = e.convert(n, dtype=np.dtype(np.int64))
    m = e.convert(n, dtype=real_dtype(x))
    return (below * m * f(e.maximum(n - 1, 0), x) + above * (m + 1) * f(n + 1, x)) / (2 * m + 1)


_SPHERICAL = {
    "spherical_jn": (1.0, -1.0), "spherical_yn": (1.0, -1.0), "spherical_in": (1.0, 1.0),
    "spherical_kn": (-1.0, -1.0),
}  # fmt: skip


def _spherical(name: str) -> Any:
    def by_order(z: Any, n: Any, x: Any) -> Any:
        raise DifferentiationError(f"scipy.special.{name}: no derivative by n, an integer")

    def value(xp: Any, n: Any, x: Any) -> Any:
        found = scipy_function(xp, name)(n, x)
        single = getattr(x, "dtype", None) in (np.float32, np.complex64)  # SciPy widens by n
        return found.astype(x.dtype) if single else found

    return elementwise(
        name, by_order, lambda z, n, x: spherical_slope(name, n, x), type=_spherical_type,
        value=value,
    )  # fmt: skip


for _name in _SPHERICAL:
    _spherical(_name)
