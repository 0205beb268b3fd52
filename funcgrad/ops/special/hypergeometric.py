"""Hypergeometric functions, orthogonal polynomials, Lambert's and Wright's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import elementwise, ops, shape_of
from funcgrad.ops.functions.common import as_dtype
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.scipys import scipy_function
from funcgrad.ops.shaping import iota, reshape
from funcgrad.ops.special.common import No, difference, real_dtype, special, to_pole

# -- hypergeometric ------------------------------------------------------------------------------


def _rate(x: Any, pole: Any = None) -> Any:
    """How fast a series in x moves with its parameter, poles at 0, -1, -2, ... included."""
    rate = 2 + e.log1p(e.absolute(x))
    return rate if pole is None else rate + 4 / to_pole(pole)


hyp0f1 = special(
    "hyp0f1", lambda z, v, x: difference(lambda u: ops.hyp0f1(u, x), v, z, _rate(x, v)),
    lambda z, v, x: ops.hyp0f1(v + 1, x) / v,
)  # fmt: skip
hyp1f1 = special(
    "hyp1f1",
    lambda z, a, b, x: difference(lambda u: ops.hyp1f1(u, b, x), a, z, _rate(x)),
    lambda z, a, b, x: difference(lambda u: ops.hyp1f1(a, u, x), b, z, _rate(x, b)),
    lambda z, a, b, x: a / b * ops.hyp1f1(a + 1, b + 1, x),
)
_ROUGH = No("SciPy's values are not smooth enough in it for a numerical rule")
_NODES, _FIRST, _STEP = 400, -8.0, 0.05  # of the trapezoidal rule for Tricomi's function


def _tricomi(a: Any, b: Any, x: Any, factor: Any) -> Any:
    """1/gamma(a) ∫ factor(t) e^(-x t) t^(a-1) (1+t)^(b-a-1) dt over t > 0, t = e^(s - e^-s).

    It is U for the factor 1, to about 1e-12 for 0.1 <= a <= 50, |b| <= 50, 0.001 <= x <= 100; NaN
    outside. (SciPy's values of U are too rough for differences.)
    """
    known = e.logical_and(_within(a, 0.1, 50), _within(x, 0.001, 100))
    known = e.logical_and(known, _within(b, -50, 50))
    scale = e.gammaln(a)
    a, b, x, scale = (reshape(v, shape=(*shape_of(v), 1)) for v in (a, b, x, scale))
    s = iota(shape=(_NODES,), axis=0, dtype=x.dtype) * _STEP + _FIRST
    pole = e.exp(e.negative(s))
    t = e.exp(s - pole)
    size = a * (s - pole) - x * t + (b - a - 1) * e.log1p(t) - scale
    terms = e.exp(size) * (1 + pole) * factor(t, s - pole)
    found = reduce_sum(terms, axes=(len(terms.shape) - 1,)) * _STEP
    return e.select(known, found, float("nan"))


def _within(x: Any, low: float, high: float) -> Any:
    return e.logical_and(e.greater_equal(x, low), e.less_equal(x, high))


def _tricomi_a(z: Any, a: Any, b: Any, x: Any) -> Any:
    """By Laplace's integral; NaN unless 0.1 <= a <= 50, |b| <= 50 and 0.001 <= x <= 100."""
    mean = e.digamma(a)
    mean = reshape(mean, shape=(*shape_of(mean), 1))
    return _tricomi(a, b, x, lambda t, log_t: log_t - e.log1p(t) - mean)


def _tricomi_b(z: Any, a: Any, b: Any, x: Any) -> Any:
    """By Laplace's integral; NaN unless 0.1 <= a <= 50, |b| <= 50 and 0.001 <= x <= 100."""
    return _tricomi(a, b, x, lambda t, log_t: e.log1p(t))


hyperu = special(
    "hyperu", _tricomi_a, _tricomi_b,
    lambda z, a, b, x: e.negative(a) * ops.hyperu(a + 1, b + 1, x),
)  # fmt: skip


def _gauss_rate(x: Any) -> Any:
    """It moves as (1-x)^(c-a-b) near 1, and as x^-a far out."""
    return 1 + e.absolute(e.log1p(e.negative(x)))


hyp2f1 = special(
    "hyp2f1",
    lambda z, a, b, c, x: difference(lambda u: ops.hyp2f1(u, b, c, x), a, z, _gauss_rate(x)),
    lambda z, a, b, c, x: difference(lambda u: ops.hyp2f1(a, u, c, x), b, z, _gauss_rate(x)),
    lambda z, a, b, c, x: difference(
        lambda u: ops.hyp2f1(a, b, u, x), c, z, _gauss_rate(x) + 4 / to_pole(c)
    ),
    lambda z, a, b, c, x: a * b / c * ops.hyp2f1(a + 1, b + 1, c + 1, x),
)

# -- Wright's functions --------------------------------------------------------------------------

wright_bessel = special(
    "wright_bessel", _ROUGH, _ROUGH, lambda z, a, b, x: ops.wright_bessel(a, a + b, x)
)
log_wright_bessel = special(
    "log_wright_bessel", _ROUGH, _ROUGH,
    lambda z, a, b, x: e.exp(ops.log_wright_bessel(a, a + b, x) - z),
)  # fmt: skip
wrightomega = special("wrightomega", lambda z, x: z / (1 + z))


def _lambertw_type(z: Aval, k: int, tol: float) -> Aval:
    return array_aval(z.shape, np.result_type(z.dtype, np.complex64))


def _lambertw_value(xp: Any, z: Any, k: int, tol: float) -> Any:
    dtype = np.result_type(getattr(z, "dtype", np.float64), np.complex64)
    found = xp.asarray(scipy_function(xp, "lambertw")(z, k, tol), dtype)
    return found[()] if xp is np else found


lambertw = elementwise(
    "lambertw", lambda w, z, k, tol: e.exp(e.negative(w)) / (1 + w),
    type=_lambertw_type, value=_lambertw_value,
)  # fmt: skip

# -- orthogonal polynomials ----------------------------------------------------------------------

_DEGREE = No("a polynomial has no derivative by its degree")


def _lower(n: Any, f: Any) -> Any:
    """f(n - 1), and 0 for the constant of degree 0."""
    constant = e.equal(n, 0)
    return e.select(constant, 0.0, f(e.select(constant, n, n - 1)))


def _polynomial(name: str, slope: Any, *pole: Any) -> Any:
    """``pole``, for each parameter: at whose whole numbers up to 0 a real degree has poles."""
    shapes = [_by_parameter(name, place, near) for place, near in enumerate(pole)]
    return special(name, _DEGREE, *shapes, slope, degrees=True)


def _by_parameter(name: str, place: int, pole: Any) -> Any:
    def partial(z: Any, n: Any, *xs: Any) -> Any:
        """By difference: of degree n in the parameter; for real n a ratio of gamma functions."""
        n_real = as_dtype(n, real_dtype(z))
        near = 0.1 / e.maximum(to_pole(pole(n_real, *xs[:-1])), 0.1)
        rate = 0.5 + 0.25 * e.log1p(e.absolute(n_real)) + near

        def f(u: Any) -> Any:
            return getattr(ops, name)(n, *xs[:place], u, *xs[place + 1 :])

        return difference(f, xs[place], z, rate)

    return partial


def _gegenbauer(n: Any, alpha: Any, x: Any) -> Any:
    return _lower(n, lambda m: ops.eval_gegenbauer(m, alpha, x))


def _legendre(n: Any, x: Any) -> Any:
    """P_n' = (n+1)/2 P_(n-1)^(1,1)."""
    return 0.5 * (n + 1) * _lower(n, lambda m: ops.eval_jacobi(m, 1.0, 1.0, x))


def _chebyt(n: Any, x: Any) -> Any:
    """T_n' = n U_(n-1)."""
    return n * _lower(n, lambda m: ops.eval_chebyu(m, x))


_polynomial("eval_legendre", lambda z, n, x: _legendre(n, x))
_polynomial("eval_sh_legendre", lambda z, n, x: 2 * _legendre(n, 2 * x - 1))
_polynomial("eval_chebyt", lambda z, n, x: _chebyt(n, x))
_polynomial("eval_sh_chebyt", lambda z, n, x: 2 * _chebyt(n, 2 * x - 1))
_polynomial("eval_chebyc", lambda z, n, x: _chebyt(n, 0.5 * x))
_polynomial("eval_chebyu", lambda z, n, x: 2 * _gegenbauer(n, 2.0, x))
_polynomial("eval_sh_chebyu", lambda z, n, x: 4 * _gegenbauer(n, 2.0, 2 * x - 1))
_polynomial("eval_chebys", lambda z, n, x: _gegenbauer(n, 2.0, 0.5 * x))
_polynomial("eval_hermite", lambda z, n, x: 2 * n * _lower(n, lambda m: ops.eval_hermite(m, x)))
_polynomial("eval_hermitenorm", lambda z, n, x: n * _lower(n, lambda m: ops.eval_hermitenorm(m, x)))
_polynomial(
    "eval_laguerre",
    lambda z, n, x: e.negative(_lower(n, lambda m: ops.eval_genlaguerre(m, 1.0, x))),
)
_polynomial(
    "eval_genlaguerre",
    lambda z, n, alpha, x: e.negative(_lower(n, lambda m: ops.eval_genlaguerre(m, alpha + 1, x))),
    lambda n, alpha: n + alpha + 1,
)
_polynomial(
    "eval_gegenbauer", lambda z, n, alpha, x: 2 * alpha * _gegenbauer(n, alpha + 1, x),
    lambda n, alpha: n + 2 * alpha,
)  # fmt: skip
_polynomial(
    "eval_jacobi",
    lambda z, n, alpha, beta, x: 0.5 * (n + alpha + beta + 1)
    * _lower(n, lambda m: ops.eval_jacobi(m, alpha + 1, beta + 1, x)),
    lambda n, alpha, beta: n + alpha + 1, lambda n, alpha, beta: n + alpha + 1,
)  # fmt: skip
_polynomial(
    "eval_sh_jacobi",
    lambda z, n, p, q, x: n * _lower(n, lambda m: ops.eval_sh_jacobi(m, p + 2, q + 1, x)),
    lambda n, p, q: n + p, lambda n, p, q: n + p - q + 1,
)  # fmt: skip


def _lpmv_x(z: Any, m: Any, v: Any, x: Any) -> Any:
    """((v+1) x P_v^m - (v-m+1) P_(v+1)^m) / (1 - x^2)."""
    return ((v + 1) * x * z - (v - m + 1) * ops.lpmv(m, v + 1, x)) / (1 - x * x)


lpmv = special("lpmv", _DEGREE, _DEGREE, _lpmv_x)
