"""``scipy.special`` for differentiable code.

Every ufunc of SciPy is here, and plain ``scipy.special`` ufuncs do the same on traced values.
Derivatives by arguments are SciPy's own functions again, so that all orders and both modes follow;
those by orders and parameters (of Bessel's, hypergeometric, Mathieu's functions, of polynomials,
degrees of freedom) are mostly differences of eighth order, to about 1e-12. An argument that has no
rule (integers, those of Wright's function) raises DifferentiationError. ``docs/special.md`` lists
them all.

>>> from funcgrad import grad
>>> from funcgrad.scipy import special
>>> grad(special.gammaln)(1.0)
np.float64(-0.5772156649015329)
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import wraps
from math import comb as _comb
from math import exp as _exp
from math import lgamma, pi
from operator import index
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.functions.common import array_of, known, refuse
from funcgrad.ops.special.bessel import spherical_slope
from funcgrad.ops.special.everything import HANDLERS
from funcgrad.scipy.plain import missing, scipys

_scipys = scipys("scipy.special")


def _integer(who: str, n: Any) -> int:
    """An argument that Python has to know."""
    try:
        return index(known(n))
    except TypeError as error:
        raise NotTraceableError(f"{who}: {n!r:.60} has to be one integer, not an array") from error


def _real(who: str, x: Any) -> Any:
    x = array_of(x)
    if x.dtype.kind == "c":
        raise NotTraceableError(f"{who}: complex operands ({x.dtype}) are not covered when traced")
    return x if x.dtype.kind == "f" else e.convert(x, dtype=np.dtype(float))


# -- sums of exponentials ------------------------------------------------------------------------


@_scipys
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b exp(a))); infinities of one sign share the slope evenly, as ties of max do."""
    a = _real("logsumexp", a)
    if b is not None:
        a = np.where(np.equal(b, 0), -np.inf, a)
    top = np.max(a, axis=axis, keepdims=True)
    finite = np.isfinite(top)
    number = a.dtype.type
    # masked inside too: inf - inf has no slope, not even one that is dropped
    gaps = np.where(finite, a, number(0)) - np.where(finite, top, number(0))
    terms = np.where(finite, np.exp(gaps), np.where(np.equal(a, top), number(1), number(0)))
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    out = np.log(np.abs(total)) + top
    if b is not None and not return_sign:
        out = np.where(np.less(total, 0), np.nan, out)
    outs = [out, np.sign(total)] if return_sign else [out]
    if not keepdims:
        outs = [np.squeeze(v, axis=axis) for v in outs]
    return tuple(outs) if return_sign else outs[0]


@_scipys
def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x))."""
    x = array_of(x)
    shares = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return shares / np.sum(shares, axis=axis, keepdims=True)


@_scipys
def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), finite where softmax is too small for a number."""
    x = array_of(x)
    gaps = x - np.max(x, axis=axis, keepdims=True)
    return gaps - np.log(np.sum(np.exp(gaps), axis=axis, keepdims=True))


@_scipys
def softplus(x: Any) -> Any:
    """log(1 + exp(x))."""
    return np.logaddexp(array_of(x), 0)


# -- gamma functions, counting -------------------------------------------------------------------


@_scipys
def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma, n one integer."""
    return e.polygamma(_real("polygamma", x), order=_integer("polygamma", n))


@_scipys
def multigammaln(a: Any, d: Any) -> Any:
    """log of the multivariate gamma function: d(d-1)/4 log pi + sum_j gammaln(a - j/2), j < d."""
    a, d = _real("multigammaln", a), _integer("multigammaln", d)
    terms = [e.gammaln(a - 0.5 * j) for j in range(d)]
    return sum(terms, d * (d - 1) * 0.25 * float(np.log(pi)))


@_scipys
def zeta(x: Any, q: Any = None, out: Any = None) -> Any:
    """sum over k >= 0 of (k + q)^-x; Riemann's for q = 1."""
    refuse("zeta", out=out)
    return ops.zeta(_real("zeta", x), 1.0 if q is None else q)


@_scipys
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """N! / (k! (N-k)!), by gamma functions; 0 outside of 0 <= k <= N."""
    refuse("comb", exact=exact or None)
    if repetition:
        N = N + k - 1
    inside = np.logical_and(np.less_equal(k, N), np.logical_and(N >= 0, k >= 0))
    return np.where(inside, ops.binom(N, k), 0.0)


@_scipys
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """N! / (N-k)!, by gamma functions; 0 outside of 0 <= k <= N."""
    refuse("perm", exact=exact or None)
    inside = np.logical_and(np.less_equal(k, N), np.logical_and(N >= 0, k >= 0))
    return np.where(inside, ops.poch(N - k + 1, k), 0.0)


@_scipys
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """gamma(n + 1); 0 for negative n."""
    refuse("factorial", exact=exact or None, extend=None if extend == "zero" else extend)
    n = _real("factorial", n)
    return np.where(n < 0, 0.0, ops.gamma(np.where(n < 0, 0.0, n) + 1))


# -- Bessel functions ----------------------------------------------------------------------------


def _derived(name: str, base: str, phase: int) -> Callable[..., Any]:
    """n-th derivative: 2^-n sum_k phase^k C(n, k) f(v - n + 2k, z), exp(i pi v) aside for kv."""

    def derivative(v: Any, z: Any, n: int = 1) -> Any:
        n, z = _integer(name, n), array_of(z)
        if n < 0:
            raise ValueError(f"{name}: the order of the derivative, n={n}, is negative")
        sign = (-1.0) ** n if base == "kv" else 1.0
        f = getattr(ops, base)
        terms = [phase**k * _comb(n, k) * f(v - n + 2 * k, z) for k in range(n + 1)]
        return sum(terms[1:], terms[0]) * (sign / 2**n)

    derivative.__name__ = derivative.__qualname__ = name
    derivative.__doc__ = f"The n-th derivative of ``{base}`` by z."
    return _scipys(derivative)  # type: ignore[no-any-return]


jvp, yvp = _derived("jvp", "jv", -1), _derived("yvp", "yv", -1)
ivp, kvp = _derived("ivp", "iv", 1), _derived("kvp", "kv", 1)
h1vp, h2vp = _derived("h1vp", "hankel1", -1), _derived("h2vp", "hankel2", -1)


def _spherical(name: str, doc: str) -> Callable[..., Any]:
    def function(n: Any, z: Any, derivative: bool = False) -> Any:
        z = array_of(z)
        n = known(n) if not isinstance(n, int) else n
        z = z if z.dtype.kind in "fc" else e.convert(z, dtype=np.dtype(float))
        return spherical_slope(name, n, z) if derivative else getattr(ops, name)(n, z)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return _scipys(function)  # type: ignore[no-any-return]


spherical_jn = _spherical("spherical_jn", "sqrt(pi / 2z) J(n + 1/2, z), or its slope.")
spherical_yn = _spherical("spherical_yn", "sqrt(pi / 2z) Y(n + 1/2, z), or its slope.")
spherical_in = _spherical("spherical_in", "sqrt(pi / 2z) I(n + 1/2, z), or its slope.")
spherical_kn = _spherical("spherical_kn", "sqrt(pi / 2z) K(n + 1/2, z), or its slope.")

# -- Legendre functions and others ---------------------------------------------------------------


def _associated(n: int, m: int, cosine: Any, sine: Any) -> Any:
    """P_n^m = (-1)^m (n+m)! / (2^m n!) sin^m P_(n-m)^(m,m)(cos), smooth at the poles; m >= 0."""
    if m > n:
        return 0.0 * cosine
    scale = (-1.0) ** m * _exp(lgamma(n + m + 1) - lgamma(n + 1)) / 2.0**m
    return scale * sine**m * ops.eval_jacobi(n - m, float(m), float(m), cosine)


def _normed(n: int, m: int, cosine: Any, sine: Any, turn: float) -> Any:
    """With the norm 1: times sqrt((n + 1/2) (n-m)! / (n+m)!); -m has the sign (-1)^m."""
    size = abs(m)
    if size > n:
        return 0.0 * cosine
    ratio = _exp(0.5 * (lgamma(n - size + 1) - lgamma(n + size + 1)))
    sign = (-1.0) ** size if m < 0 else 1.0
    return sign * turn * (n + 0.5) ** 0.5 * ratio * _associated(n, size, cosine, sine)


def _first_only(who: str, diff_n: Any) -> None:
    if diff_n:
        raise NotTraceableError(
            f"{who}: diff_n={diff_n!r} is not covered on traced values; use funcgrad.jacfwd"
        )


@_scipys
def legendre_p(n: Any, z: Any, *, diff_n: int = 0) -> Any:
    """Legendre's polynomial of degree n, one integer; behind an axis of length 1, as SciPy's."""
    _first_only("legendre_p", diff_n)
    return ops.eval_legendre(_integer("legendre_p", n), _real("legendre_p", z))[None]


@_scipys
def sph_legendre_p(n: Any, m: Any, theta: Any, *, diff_n: int = 0) -> Any:
    """The associated Legendre function of cos(theta), normed on the sphere; n and m integers.

    It stands behind an axis of length 1, as SciPy's.
    """
    _first_only("sph_legendre_p", diff_n)
    n, m = _integer("sph_legendre_p", n), _integer("sph_legendre_p", m)
    theta = _real("sph_legendre_p", theta)
    return _normed(n, m, np.cos(theta), np.sin(theta), (2 * pi) ** -0.5)[None]


@_scipys
def sph_harm_y(n: Any, m: Any, theta: Any, phi: Any, *, diff_n: int = 0) -> Any:
    """Spherical harmonics: the polar part at theta times exp(i m phi); n and m integers."""
    _first_only("sph_harm_y", diff_n)
    m, phi = _integer("sph_harm_y", m), _real("sph_harm_y", phi)
    polar = _normed(_integer("sph_harm_y", n), m, np.cos(theta), np.sin(theta), (2 * pi) ** -0.5)
    return e.pair(polar * np.cos(m * phi), polar * np.sin(m * phi))


@_scipys
def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """The branch k, one integer, of the w with w exp(w) = z; complex."""
    return ops.lambertw(array_of(z), k=_integer("lambertw", k), tol=float(tol))


@_scipys
def diric(x: Any, n: Any) -> Any:
    """sin(n x/2) / (n sin(x/2)) = U_(n-1)(cos(x/2)) / n, smooth at its period; n an integer."""
    n = _integer("diric", n)
    if n <= 0:
        raise ValueError(f"diric: n={n} has to be positive")
    return ops.eval_chebyu(n - 1, np.cos(0.5 * _real("diric", x))) / n


@_scipys
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), as ``np.sinc``."""
    return np.sinc(x)


# -- ufuncs, and the rest of SciPy's names -------------------------------------------------------


def _ufunc(name: str, ufunc: Any) -> Any:
    """SciPy's ufunc; given CuPy arrays or lists of traced values, its primitive."""

    @wraps(ufunc)
    def function(*args: Any, **kwargs: Any) -> Any:
        return ufunc(*args, **kwargs) if kwargs else HANDLERS[ufunc.__name__](*map(array_of, args))

    function.__name__ = name
    return _scipys(function)


_PLAIN = {
    "SpecialFunctionError", "SpecialFunctionWarning", "errstate", "geterr", "seterr", "ai_zeros",
    "bi_zeros", "bernoulli", "euler", "stirling2", "factorial2", "factorialk", "ellip_normal",
    "mathieu_even_coef", "mathieu_odd_coef", "obl_cv_seq", "pro_cv_seq", "lmbda", "riccati_jn",
    "riccati_yn", "lqn", "lqmn", "pbdn_seq", "pbdv_seq", "pbvv_seq", "ellip_harm", "ellip_harm_2",
    "assoc_legendre_p", "assoc_legendre_p_all", "legendre_p_all", "sph_harm_y_all",
    "sph_legendre_p_all", "assoc_laguerre",
}  # fmt: skip
"""SciPy's own, for plain numbers alone: constants, and sequences that have no rule."""


def _is_plain(name: str) -> bool:
    if name in _PLAIN or name.endswith(("_zeros", "_roots")) or name.startswith("roots_"):
        return True
    orthogonal = importlib.import_module("scipy.special").orthogonal
    return name in getattr(orthogonal, "__all__", ())


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    ufunc = getattr(importlib.import_module("scipy.special"), name, None)
    if isinstance(ufunc, np.ufunc):
        globals()[name] = found = _ufunc(name, ufunc)
        return found
    return missing("scipy.special", name, [name] if _is_plain(name) else ())
