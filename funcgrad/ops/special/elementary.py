"""Elementary functions that SciPy computes without cancellation, and information theory's."""

from __future__ import annotations

from math import log, pi
from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import HANDLERS, special

HANDLERS.update({
    "erf": e.erf, "erfc": e.erfc, "expit": e.expit, "logit": e.logit, "gammaln": e.gammaln,
    "ndtr": e.ndtr, "ndtri": ops.ndtri, "erfinv": ops.erfinv, "psi": e.digamma, "xlogy": e.xlogy,
    "exp2": e.exp2, "expm1": e.expm1, "log1p": e.log1p, "cbrt": e.cbrt, "round": e.rint,
})  # fmt: skip

# -- exponentials and angles ---------------------------------------------------------------------


def exprel_slope(x: Any) -> Any:
    """((x-1) e^x + 1) / x^2, near 0 as 1F1(2; 3; x) / 2."""
    near = e.less(e.absolute(x), 1)
    small, large = e.select(near, x, 0.0), e.select(near, 1.0, x)
    direct = (e.exp(large) - ops.exprel(large)) / large
    return e.select(near, 0.5 * ops.hyp1f1(2.0, 3.0, small), direct)


def log_ratio(x: Any) -> Any:
    """log(1+x) / x, near 0 as 2F1(1, 1; 2; -x)."""
    near = e.less(e.absolute(x), 0.125)
    small, large = e.select(near, x, 0.0), e.select(near, 1.0, x)
    direct = (e.log_(1 + large) if x.dtype.kind == "c" else e.log1p(large)) / large
    return e.select(near, ops.hyp2f1(1.0, 1.0, 2.0, e.negative(small)), direct)


def _log_ratio_slope(x: Any) -> Any:
    """(1/(1+x) - log(1+x)/x) / x, near 0 as -2F1(2, 2; 3; -x) / 2."""
    near = e.less(e.absolute(x), 0.125)
    small, large = e.select(near, x, 0.0), e.select(near, 1.0, x)
    direct = (1 / (1 + large) - e.log1p(large) / large) / large
    return e.select(near, -0.5 * ops.hyp2f1(2.0, 2.0, 3.0, e.negative(small)), direct)


_DEGREE = pi / 180
exprel = special("exprel", lambda z, x: exprel_slope(x))
exp10 = special("exp10", lambda z, x: z * log(10))
cosm1 = special("cosm1", lambda z, x: e.negative(e.sin(x)))
sindg = special("sindg", lambda z, x: ops.cosdg(x) * _DEGREE)
cosdg = special("cosdg", lambda z, x: ops.sindg(x) * -_DEGREE)
tandg = special("tandg", lambda z, x: (1 + z * z) * _DEGREE)
cotdg = special("cotdg", lambda z, x: (1 + z * z) * -_DEGREE)
radian = special(
    "radian", lambda z, d, m, s: _DEGREE, lambda z, d, m, s: _DEGREE / 60,
    lambda z, d, m, s: _DEGREE / 3600,
)  # fmt: skip
log_expit = special("log_expit", lambda z, x: e.expit(e.negative(x)))


def _powm1_x(z: Any, x: Any, y: Any) -> Any:
    """y x^(y-1); 0 where y is 0, whatever x."""
    return e.select(e.equal(y, 0), 0.0, y * e.power(x, y - 1))


def _powm1_y(z: Any, x: Any, y: Any) -> Any:
    """(z + 1) log x; its limit 0 where x is 0 and y is positive."""
    at_zero = e.logical_and(e.equal(x, 0), e.greater(y, 0))
    return e.select(at_zero, 0.0, (z + 1) * e.log_(e.select(at_zero, 1.0, x)))


powm1 = special("powm1", _powm1_x, _powm1_y)


def _agm(z: Any, a: Any, b: Any) -> Any:
    """2 |a| z^2 R_D(0, b^2, a^2) / (3 pi), out of 1 / z = 2 R_F(0, a^2, b^2) / pi."""
    return e.absolute(a) * z * z * ops.elliprd(0.0, b * b, a * a) * (2 / (3 * pi))


agm = special("agm", lambda z, a, b: _agm(z, a, b), lambda z, a, b: _agm(z, b, a))


# -- Box and Cox ---------------------------------------------------------------------------------


def boxcox_slope(logx: Any, lam: Any) -> Any:
    """d/dlambda of (x^lambda - 1) / lambda = log x exprel(lambda log x)."""
    return logx * logx * exprel_slope(lam * logx)


def _inverse_lambda(scale: Any, y: Any, lam: Any) -> Any:
    """d/dlambda of exp(log1p(lambda y) / lambda)."""
    return scale * y * y * _log_ratio_slope(lam * y)


boxcox = special(
    "boxcox", lambda z, x, lam: e.exp(e.xlogy(lam - 1, x)),
    lambda z, x, lam: boxcox_slope(e.log_(x), lam),
)  # fmt: skip
boxcox1p = special(
    "boxcox1p", lambda z, x, lam: e.exp(ops.xlog1py(lam - 1, x)),
    lambda z, x, lam: boxcox_slope(e.log1p(x), lam),
)  # fmt: skip
inv_boxcox = special(
    "inv_boxcox", lambda z, y, lam: z / (1 + lam * y), lambda z, y, lam: _inverse_lambda(z, y, lam)
)
inv_boxcox1p = special(
    "inv_boxcox1p", lambda z, y, lam: (z + 1) / (1 + lam * y),
    lambda z, y, lam: _inverse_lambda(z + 1, y, lam),
)  # fmt: skip


def _tukey_density(p: Any, lam: Any) -> Any:
    """1 / Q'(p) of the quantile function Q = (p^lambda - (1-p)^lambda) / lambda."""
    return 1 / (e.power(p, lam - 1) + e.power(1 - p, lam - 1))


def _tukey(z: Any, x: Any, lam: Any, by_x: bool) -> Any:
    """0 outside of the support, where the probability is 0 or 1."""
    outside = e.logical_or(e.equal(z, 0), e.equal(z, 1))
    p = e.select(outside, 0.5, z)
    density = _tukey_density(p, lam)
    if not by_x:
        moved = boxcox_slope(e.log_(p), lam) - boxcox_slope(e.log1p(e.negative(p)), lam)
        density = e.negative(density * moved)
    return e.select(outside, 0.0, density)


tklmbda = special(
    "tklmbda", lambda z, x, lam: _tukey(z, x, lam, True), lambda z, x, lam: _tukey(z, x, lam, False)
)

# -- information, losses -------------------------------------------------------------------------


def _xlog1py_y(z: Any, x: Any, y: Any) -> Any:
    """x / (1 + y); 0 where x is 0, whatever y."""
    return e.select(e.equal(x, 0), 0.0, x / e.select(e.equal(x, 0), 1.0, 1 + y))


xlog1py = special("xlog1py", lambda z, x, y: e.log1p(y), _xlog1py_y)
entr = special("entr", lambda z, x: e.negative(e.log_(x)) - 1)
rel_entr = special("rel_entr", lambda z, x, y: e.log_(x / y) + 1, lambda z, x, y: e.negative(x / y))
kl_div = special("kl_div", lambda z, x, y: e.log_(x / y), lambda z, x, y: 1 - x / y)
huber = special(
    "huber", lambda z, delta, r: e.maximum(e.absolute(r) - delta, 0.0 * delta),
    lambda z, delta, r: e.maximum(e.minimum(r, delta), e.negative(delta)),
)  # fmt: skip


def _pseudo_huber(delta: Any, r: Any) -> tuple[Any, Any, Any, Any]:
    """Whether delta is 0, a delta that is not, u = r / delta and sqrt(1 + u^2)."""
    zero = e.equal(delta, 0)
    safe = e.select(zero, 1.0, delta)
    u = r / safe
    return zero, safe, u, e.hypot(u, 1.0)


def _pseudo_huber_delta(z: Any, delta: Any, r: Any) -> Any:
    """delta (s-1)^2 / s with s = sqrt(1 + (r/delta)^2); |r| at delta = 0."""
    zero, safe, u, s = _pseudo_huber(delta, r)
    gap = u * u / (1 + s)
    return e.select(zero, e.absolute(r), safe * gap * gap / s)


def _pseudo_huber_r(z: Any, delta: Any, r: Any) -> Any:
    """r / sqrt(1 + (r/delta)^2)."""
    zero, _, _, s = _pseudo_huber(delta, r)
    return e.select(zero, 0.0, r / s)


pseudo_huber = special("pseudo_huber", _pseudo_huber_delta, _pseudo_huber_r)
