"""Elliptic integrals and functions; Carlson's symmetric forms carry the derivatives."""

from __future__ import annotations

from math import pi
from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import known_aval, like, ops
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import iota, reshape
from funcgrad.ops.special.common import several, special

# -- Carlson's forms -----------------------------------------------------------------------------
# R_F = 1/2 int dt / s, R_D = 3/2 int dt / (s (t+z)), R_J = 3/2 int dt / (s (t+p)), s^2 the
# product of t+x, t+y, t+z. A derivative adds one more factor; a quotient of two factors is
# split into partial fractions, unless they are nearly the same: then it is integrated.

_BELOW, _ABOVE, _STEP = 44, 32, 0.09375  # nodes: exact to rounding, arguments alike or not


def _quadrature(x: Any, factors: Any, dtype: Any, shape: Any) -> Any:
    """int over t > 0 of the product of (t+v)^-power, by t = x exp(pi/2 sinh u), trapezoidal."""
    u = (iota(shape=(_BELOW + _ABOVE + 1,), axis=0, dtype=dtype) - _BELOW) * _STEP
    size, lengths = e.exp(e.sinh(u) * (pi / 2)), e.cosh(u) * (pi / 2 * _STEP)
    t = reshape(x, shape=(*shape, 1)) * size
    total = t * lengths
    for v, power in factors:
        total = total * e.power(t + reshape(v, shape=(*shape, 1)), -power)
    return reduce_sum(total, axes=(len(shape),))


def _close(x: Any, z: Any) -> Any:
    return e.less(e.absolute(x - z), 0.25 * (e.absolute(x) + e.absolute(z)))


def _split(z: Any, x: Any, p: Any, apart: Any, factors: Any) -> Any:
    """-3/4 int dt / (... (t+x) (t+p)): by ``apart``, or where x is near p by quadrature."""
    x, p, *rest = (like(v, known_aval(z)) for v in (x, p, *[v for v, _ in factors]))
    if z.dtype.kind == "c":
        return apart / (2 * (x - p))
    near = _close(x, p)
    safe = [e.select(near, v, 1.0) for v in (x, p, *rest)]
    powers = [1.5, 1.0, *[power for _, power in factors]]
    if len(powers) == 3:
        powers[1] = 1.5
    found = -0.75 * _quadrature(safe[0], list(zip(safe, powers, strict=True)), z.dtype, z.shape)
    return e.select(near, found, apart / e.select(near, 1.0, 2 * (x - p)))


def _rd_x(z: Any, x: Any, y: Any, last: Any) -> Any:
    """(R_D(y,z,x) - R_D(x,y,z)) / (2 (x-z))."""
    return _split(z, x, last, ops.elliprd(y, last, x) - z, [(y, 0.5)])


def _rd_z(z: Any, x: Any, y: Any, last: Any) -> Any:
    """By homogeneity: the three slopes, each times its argument, sum to -3/2 R_D."""
    slopes = _times(x, _rd_x(z, x, y, last)) + _times(y, _rd_x(z, y, x, last))
    return e.negative(1.5 * z + slopes) / last


def _times(x: Any, slope: Any) -> Any:
    """x times a slope that grows as x^(-1/2): 0 at 0."""
    return e.select(e.equal(x, 0), 0.0, x * e.select(e.equal(x, 0), 0.0, slope))


def _rj_x(z: Any, x: Any, y: Any, last: Any, p: Any) -> Any:
    """(R_D(y,z,x) - R_J(x,y,z,p)) / (2 (x-p))."""
    return _split(z, x, p, ops.elliprd(y, last, x) - z, [(y, 0.5), (last, 0.5)])


def _rj_p(z: Any, x: Any, y: Any, last: Any, p: Any) -> Any:
    """By homogeneity of degree -3/2."""
    slopes = _times(x, _rj_x(z, x, y, last, p)) + _times(y, _rj_x(z, y, x, last, p))
    return e.negative(1.5 * z + slopes + _times(last, _rj_x(z, last, x, y, p))) / p


def _rc_x(z: Any, x: Any, y: Any) -> Any:
    """-R_D(y, y, x) / 6; for y < 0 (z - 1/sqrt(x)) / (2 (y-x))."""
    if z.dtype.kind == "c":
        return ops.elliprd(y, y, x) / -6
    below = e.less(y, 0)
    safe = e.select(below, 1.0, y)
    apart = (z - 1 / e.sqrt(x)) / (2 * e.select(below, y - x, 1.0))
    return e.select(below, apart, ops.elliprd(safe, safe, x) / -6)


def _rc_y(z: Any, x: Any, y: Any) -> Any:
    """-R_D(x, y, y) / 3; for y < 0 by homogeneity of degree -1/2."""
    if z.dtype.kind == "c":
        return ops.elliprd(x, y, y) / -3
    below = e.less(y, 0)
    safe = e.select(below, 1.0, y)
    other = e.negative(0.5 * z + x * _rc_x(z, x, y)) / e.select(below, y, 1.0)
    return e.select(below, other, ops.elliprd(x, safe, safe) / -3)


elliprc = special("elliprc", _rc_x, _rc_y)
elliprf = special(
    "elliprf", lambda z, x, y, w: ops.elliprd(y, w, x) / -6,
    lambda z, x, y, w: ops.elliprd(x, w, y) / -6, lambda z, x, y, w: ops.elliprd(x, y, w) / -6,
)  # fmt: skip
elliprd = special("elliprd", _rd_x, lambda z, x, y, w: _rd_x(z, y, x, w), _rd_z)
elliprg = special(
    "elliprg",
    lambda z, x, y, w: (3 * ops.elliprf(x, y, w) - x * ops.elliprd(y, w, x)) / 12,
    lambda z, x, y, w: (3 * ops.elliprf(x, y, w) - y * ops.elliprd(x, w, y)) / 12,
    lambda z, x, y, w: (3 * ops.elliprf(x, y, w) - w * ops.elliprd(x, y, w)) / 12,
)
elliprj = special(
    "elliprj", _rj_x, lambda z, x, y, w, p: _rj_x(z, y, x, w, p),
    lambda z, x, y, w, p: _rj_x(z, w, x, y, p), _rj_p,
)  # fmt: skip

# -- Legendre's forms ----------------------------------------------------------------------------


def _slope_k(m: Any) -> Any:
    """K'(m) = (K - R_D(0, 1-m, 1) / 3) / (2 (1-m)); near 0 as pi/8 2F1(3/2, 3/2; 2; m)."""
    near = e.less(e.absolute(m), 0.5)
    small, large = e.select(near, m, 0.0), e.select(near, 0.5, m)
    rest = 1 - large
    apart = (ops.ellipk(large) - ops.elliprd(0.0, rest, 1.0) / 3) / (2 * rest)
    return e.select(near, pi / 8 * ops.hyp2f1(1.5, 1.5, 2.0, small), apart)


def _slope_e(m: Any) -> Any:
    """E'(m) = -R_D(0, 1-m, 1) / 6; near 0 as -pi/8 2F1(1/2, 3/2; 2; m)."""
    near = e.less(e.absolute(m), 0.5)
    small, large = e.select(near, m, 0.0), e.select(near, 0.5, m)
    apart = ops.elliprd(0.0, 1 - large, 1.0) / -6
    return e.select(near, -pi / 8 * ops.hyp2f1(0.5, 1.5, 2.0, small), apart)


def _slope_km1(p: Any) -> Any:
    """-K'(1-p), without a difference from 1 where p is small."""
    near = e.less(e.absolute(1 - p), 0.5)
    small, large = e.select(near, 1 - p, 0.0), e.select(near, 0.5, p)
    apart = (ops.ellipkm1(large) - ops.elliprd(0.0, large, 1.0) / 3) / (2 * large)
    return e.negative(e.select(near, pi / 8 * ops.hyp2f1(1.5, 1.5, 2.0, small), apart))


ellipk = special("ellipk", lambda z, m: _slope_k(m))
ellipe = special("ellipe", lambda z, m: _slope_e(m))
ellipkm1 = special("ellipkm1", lambda z, p: _slope_km1(p))


def _delta(phi: Any, m: Any) -> Any:
    """1 - m sin^2 phi."""
    return 1 - m * e.square(e.sin(phi))


def _incomplete(phi: Any, m: Any, kind: str) -> Any:
    """By m: sin^3 R_D(cos^2, 1, delta) / 6 for F, -sin^3 R_D(cos^2, delta, 1) / 6 for E.

    phi is taken to [-pi/2, pi/2]; each half turn adds twice the complete integral's slope.
    """
    turns = e.rint(phi / pi)
    s, c = e.sin(phi), e.cos(phi)
    s = e.select(e.equal(e.remainder(turns, 2), 0), s, e.negative(s))
    delta = _delta(phi, m)
    if kind == "F":
        found = s * s * s * ops.elliprd(c * c, 1.0, delta) / 6
    else:
        found = s * s * s * ops.elliprd(c * c, delta, 1.0) / -6
    whole = e.equal(turns, 0)
    there = e.select(whole, 0.0, m)
    complete = _slope_k(there) if kind == "F" else _slope_e(there)
    return found + e.select(whole, 0.0, 2 * turns * complete)


ellipkinc = special(
    "ellipkinc", lambda z, phi, m: 1 / e.sqrt(_delta(phi, m)),
    lambda z, phi, m: _incomplete(phi, m, "F"),
)  # fmt: skip
ellipeinc = special(
    "ellipeinc", lambda z, phi, m: e.sqrt(_delta(phi, m)),
    lambda z, phi, m: _incomplete(phi, m, "E"),
)  # fmt: skip

# -- Jacobi's functions --------------------------------------------------------------------------


def _jacobi(u: Any, m: Any) -> list[Any]:
    return [ops.ellipj(u, m, part=k) for k in range(4)]


def _amplitude_m(u: Any, m: Any) -> Any:
    """-dn dF/dm(phi, m), out of F(phi, m) = u."""
    _, _, dn, phi = _jacobi(u, m)
    return e.negative(dn * _incomplete(phi, m, "F"))


def _dn_m(z: Any, u: Any, m: Any) -> Any:
    """-(sn^2 / 2 + m sn cn dphi/dm) / dn."""
    sn, cn, dn, _ = _jacobi(u, m)
    return e.negative(0.5 * sn * sn + m * sn * cn * _amplitude_m(u, m)) / dn


ellipj = several(
    "ellipj",
    [lambda z, u, m: ops.ellipj(u, m, part=1) * ops.ellipj(u, m, part=2),
     lambda z, u, m: ops.ellipj(u, m, part=1) * _amplitude_m(u, m)],
    [lambda z, u, m: e.negative(ops.ellipj(u, m, part=0) * ops.ellipj(u, m, part=2)),
     lambda z, u, m: e.negative(ops.ellipj(u, m, part=0) * _amplitude_m(u, m))],
    [lambda z, u, m: e.negative(m * ops.ellipj(u, m, part=0) * ops.ellipj(u, m, part=1)), _dn_m],
    [lambda z, u, m: ops.ellipj(u, m, part=2), lambda z, u, m: _amplitude_m(u, m)],
)  # fmt: skip
