"""Mathieu, spheroidal and parabolic cylinder functions: slopes by their differential equations.

Those by their parameters are numerical.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import No, difference, several, special

_ORDER = No("it is an integer")
_APART = No("c and cv belong together; the function without _cv has a slope by c")
_ROUGH = No("SciPy's values and SciPy's slopes contradict each other")

# -- Mathieu's -----------------------------------------------------------------------------------


def _by_q(name: str, part: int | None = None, radial: bool = False) -> Any:
    """By difference; radial functions move as q^(m/2), and are singular at 0."""
    params = {} if part is None else {"part": part}

    def partial(z: Any, m: Any, q: Any, *x: Any) -> Any:
        rate = 1 + (1 + 0.5 * m) / e.absolute(q) if radial else 1 + 0 * q
        return difference(lambda u: getattr(ops, name)(m, u, *x, **params), q, z, rate)

    return partial


def _mathieu(name: str, characteristic: str, radial: bool) -> Any:
    """y'' = -+(a - 2q cos 2x) y; of the angular functions x counts degrees."""
    unit = 1.0 if radial else pi / 180

    def first(z: Any, m: Any, q: Any, x: Any) -> Any:
        return getattr(ops, name)(m, q, x, part=1) * unit

    def second(z: Any, m: Any, q: Any, x: Any) -> Any:
        wave = e.cosh(2 * x) if radial else e.cos(x * (pi / 90))
        y = getattr(ops, name)(m, q, x, part=0)
        inside = getattr(ops, characteristic)(m, q) - 2 * q * wave
        return inside * y * (unit if radial else -unit)

    by_q = [_by_q(name, part, radial) for part in (0, 1)]
    return several(name, [_ORDER, by_q[0], first], [_ORDER, by_q[1], second])


special("mathieu_a", _ORDER, _by_q("mathieu_a"))
special("mathieu_b", _ORDER, _by_q("mathieu_b"))
_mathieu("mathieu_cem", "mathieu_a", False)
_mathieu("mathieu_sem", "mathieu_b", False)
for _kind in ("1", "2"):
    _mathieu(f"mathieu_modcem{_kind}", "mathieu_a", True)
    _mathieu(f"mathieu_modsem{_kind}", "mathieu_b", True)

# -- spheroidal ----------------------------------------------------------------------------------


def _value(name: str, z: Any, *xs: Any) -> Any:
    """In double precision: SciPy's loop for float32 may not end."""
    found = getattr(ops, name)(*[e.convert(x, dtype=np.dtype(float)) for x in xs])
    return e.convert(found, dtype=z.dtype)


def _by_c(name: str, part: int | None = None, radial: bool = False) -> Any:
    """By difference; all but the radial functions, which move as (c x)^n, are even in c."""
    params = {} if part is None else {"part": part}

    def partial(z: Any, m: Any, n: Any, c: Any, *x: Any) -> Any:
        rate = 1 + e.absolute(x[0]) + 0.1 * n / e.absolute(c) if radial else 1 + 0 * c

        def f(u: Any) -> Any:
            return getattr(ops, name)(m, n, u if radial else e.absolute(u), *x, **params)

        return difference(f, c, z, rate)

    return partial


def _spheroidal(name: str, sign: float, radial: bool, given: bool) -> Any:
    """The angular equation, ((1-x^2) S')' + (cv - sign c^2 x^2 - m^2/(1-x^2)) S = 0.

    The radial one of prolate functions is the same; that of oblate ones has ix for x.
    """
    characteristic = "pro_cv" if sign > 0 else "obl_cv"
    turned = radial and sign < 0

    def first(z: Any, *xs: Any) -> Any:
        return getattr(ops, name)(*xs, part=1)

    def second(z: Any, *xs: Any) -> Any:
        m, n, c, x = *xs[:3], xs[-1]
        cv = xs[3] if given else _value(characteristic, z, m, n, c)
        y = getattr(ops, name)(*xs, part=0)
        if turned:
            w = 1 + x * x
            return ((cv - c * c * x * x - m * m / w) * y - 2 * x * z) / w
        w = 1 - x * x
        return (2 * x * z - (cv - sign * c * c * x * x - m * m / w) * y) / w

    if "_rad2" in name:
        rough = [_ORDER, _ORDER, *[_ROUGH] * (3 if given else 2)]
        return several(name, rough, rough)
    by_c = [[_APART] * 2 if given else [_by_c(name, part, radial)] for part in (0, 1)]
    return several(
        name, [_ORDER, _ORDER, *by_c[0], first], [_ORDER, _ORDER, *by_c[1], second]
    )  # fmt: skip


for _stem, _sign in (("pro", 1.0), ("obl", -1.0)):
    special(f"{_stem}_cv", _ORDER, _ORDER, _by_c(f"{_stem}_cv"))
    for _kind in ("ang1", "rad1", "rad2"):
        _spheroidal(f"{_stem}_{_kind}", _sign, _kind != "ang1", False)
        _spheroidal(f"{_stem}_{_kind}_cv", _sign, _kind != "ang1", True)

# -- parabolic cylinder --------------------------------------------------------------------------


def _parabolic(name: str, curvature: Any) -> Any:
    """y'' = (x^2/4 - v - 1/2) y; of pbwa y'' = (a - x^2/4) y."""

    def second(z: Any, v: Any, x: Any) -> Any:
        return curvature(v, x) * getattr(ops, name)(v, x, part=0)

    def by_order(part: int) -> Any:
        def partial(z: Any, v: Any, x: Any) -> Any:
            """By difference."""
            rate = 1 + e.absolute(e.log_(e.absolute(x))) + 0.5 * e.log1p(e.absolute(v))
            return difference(lambda u: getattr(ops, name)(u, x, part=part), v, z, rate)

        return partial

    return several(
        name, [by_order(0), lambda z, v, x: getattr(ops, name)(v, x, part=1)], [by_order(1), second]
    )


_parabolic("pbdv", lambda v, x: 0.25 * x * x - v - 0.5)
_parabolic("pbvv", lambda v, x: 0.25 * x * x - v - 0.5)
_parabolic("pbwa", lambda a, x: a - 0.25 * x * x)
