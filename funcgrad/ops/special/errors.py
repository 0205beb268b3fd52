"""Error functions, the Faddeeva function, and what is made of them."""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import polynomial, several, special

_FAR = 8.0  # from here on the series in 1 / 2x^2 is exact to rounding


def _double_factorials(sign: int) -> list[float]:
    found, term = [], 1.0
    for k in range(1, 17):
        term *= sign * (2 * k - 1)
        found.append(term)
    return found


def _gap(y: Any, sign: int) -> Any:
    """sum over k >= 1 of (sign y)^k (2k-1)!!, for y = 1 / 2x^2: what 2x F(x) differs from 1 by."""
    return y * polynomial(_double_factorials(sign), y)


def _near_and_far(x: Any) -> tuple[Any, Any, Any]:
    far = e.greater(e.real(x), _FAR)
    return far, e.select(far, 0.0, x), e.select(far, x, _FAR)


def _erfcx_x(z: Any, x: Any) -> Any:
    """2x z - 2 / sqrt(pi), which cancels for large x: there by its asymptotic series."""
    far, near, large = _near_and_far(x)
    series = _gap(0.5 / (large * large), -1) * (2 / sqrt(pi))
    return e.select(far, series, 2 * near * ops.erfcx(near) - 2 / sqrt(pi))


def _dawsn_x(z: Any, x: Any) -> Any:
    """1 - 2x z, which cancels for large x: there by its asymptotic series."""
    size = x if x.dtype.kind == "c" else e.absolute(x)
    far, near, large = _near_and_far(size)
    series = e.negative(_gap(0.5 / (large * large), 1))
    return e.select(far, series, 1 - 2 * near * ops.dawsn(near))


def _faddeeva(x: Any) -> tuple[Any, Any]:
    """w' = -2x w + 2i / sqrt(pi) and w'' = -2w - 2x w'; far out, where they cancel, by series."""
    far = e.logical_and(e.greater(e.absolute(x), _FAR), e.greater_equal(e.imag(x), 0))
    near, large = e.select(far, 0.0, x), e.select(far, x, _FAR)
    w = ops.wofz(near)
    first = 2j / sqrt(pi) - 2 * near * w
    second = -2 * w - 2 * near * first
    y = 0.5 / (large * large)
    terms = _double_factorials(1)
    slopes = [-2 * (k + 1) * c for k, c in enumerate(terms)]
    scale = -2j / sqrt(pi)
    return (
        e.select(far, scale * _gap(y, 1), first),
        e.select(far, scale * y * polynomial(slopes, y) / large, second),
    )


erfcx = special("erfcx", _erfcx_x)
erfi = special("erfi", lambda z, x: 2 / sqrt(pi) * e.exp(x * x))
dawsn = special("dawsn", _dawsn_x)
wofz = special("wofz", lambda z, x: _faddeeva(x)[0])
erfcinv = special("erfcinv", lambda z, y: -sqrt(pi) / 2 * e.exp(z * z))
log_ndtr = special("log_ndtr", lambda z, x: sqrt(2 / pi) / ops.erfcx(x * -sqrt(0.5)))
ndtri_exp = special("ndtri_exp", lambda z, y: sqrt(pi / 2) * ops.erfcx(z * -sqrt(0.5)))


def _voigt(which: int) -> Any:
    """V = Re w(u) / (s sqrt(2 pi)) with u = (x + i gamma) / (s sqrt 2); V_s = s V_xx."""

    def partial(z: Any, x: Any, sigma: Any, gamma: Any) -> Any:
        scale = 1 / (sigma * sqrt(2))
        first, second = _faddeeva(e.pair(x * scale, gamma * scale))
        if which == 1:
            return e.real(second) * scale * scale * (1 / sqrt(2 * pi))
        slope = e.real(first) if which == 0 else e.negative(e.imag(first))
        return slope * scale * scale * (1 / sqrt(pi))

    return partial


voigt_profile = special("voigt_profile", _voigt(0), _voigt(1), _voigt(2))
owens_t = special(
    "owens_t",
    lambda z, h, a: e.exp(-0.5 * h * h) * e.erf(a * h * sqrt(0.5)) * (-0.5 / sqrt(2 * pi)),
    lambda z, h, a: e.exp(-0.5 * h * h * (1 + a * a)) / (1 + a * a) * (0.5 / pi),
)

# -- Fresnel's integrals -------------------------------------------------------------------------

fresnel = several(
    "fresnel", [lambda z, x: e.sin(pi / 2 * x * x)], [lambda z, x: e.cos(pi / 2 * x * x)]
)


def _modified(name: str, sign: int) -> Any:
    """F' = -exp(+-i x^2), K' = -+2ix K - exp(-+i pi/4) / sqrt(pi)."""
    turn = complex(sqrt(0.5 / pi), -sign * sqrt(0.5 / pi))

    def f_slope(z: Any, x: Any) -> Any:
        return e.pair(e.negative(e.cos(x * x)), -sign * e.sin(x * x))

    return several(name, [f_slope], [lambda z, x: -2j * sign * x * z - turn])


modfresnelp, modfresnelm = _modified("modfresnelp", 1), _modified("modfresnelm", -1)
