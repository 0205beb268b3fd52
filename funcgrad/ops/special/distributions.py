"""Distribution functions and their inverses, out of the incomplete gamma and beta functions."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ops
from funcgrad.ops.special.common import PARTIALS, No, inverse, special

COUNT = No("it counts, and the function is constant between its integers")


def _of(name: str, place: int, *xs: Any) -> Any:
    """A partial derivative of one of SciPy's functions."""
    return PARTIALS[name][place](getattr(ops, name)(*xs), *xs)


def _through(name: str, operands: Callable[..., Any], *slopes: Any) -> Any:
    """Partials of name(*operands(xs)); a slope lists (place, factor(xs)) of the chain rule."""

    def partial(terms: Any) -> Any:
        if isinstance(terms, No):
            return terms

        def rule(z: Any, *xs: Any) -> Any:
            given = operands(*xs)
            found = [factor(*xs) * _of(name, place, *given) for place, factor in terms]
            return sum(found[1:], found[0])

        return rule

    return [partial(terms) for terms in slopes]


def _half(*xs: Any) -> float:
    return 0.5


def _minus(*xs: Any) -> float:
    return -1.0


# -- chi-square, gamma, Poisson ------------------------------------------------------------------

for _name, _of_gamma in (("chdtr", "gammainc"), ("chdtrc", "gammaincc")):
    special(
        _name,
        *_through(_of_gamma, lambda v, x: (0.5 * v, 0.5 * x), [(0, _half)], [(1, _half)]),
    )
special("chdtri", *inverse("chdtrc", 1, (0,)))
special("chdtriv", *inverse("chdtr", 0, (1,)))
for _name, _of_gamma in (("gdtr", "gammainc"), ("gdtrc", "gammaincc")):
    special(
        _name,
        *_through(
            _of_gamma, lambda a, b, x: (b, a * x), [(1, lambda a, b, x: x)],
            [(0, lambda a, b, x: 1.0)], [(1, lambda a, b, x: a)],
        ),
    )  # fmt: skip
special("gdtria", *inverse("gdtr", 0, (1, 2)))
special("gdtrib", *inverse("gdtr", 1, (0, 2)))
special("gdtrix", *inverse("gdtr", 2, (0, 1)))
for _name, _of_gamma in (("pdtr", "gammaincc"), ("pdtrc", "gammainc")):
    special(
        _name,
        *_through(_of_gamma, lambda k, m: (e.floor(k) + 1, m), COUNT, [(1, lambda k, m: 1.0)]),
    )
special("pdtri", COUNT, lambda z, k, p: 1 / _of("pdtr", 1, k, z), degrees=True)


def _poisson_k(z: Any, p: Any, m: Any) -> Any:
    return _of("gammaincc", 0, z + 1, m)


special(
    "pdtrik", lambda z, p, m: 1 / _poisson_k(z, p, m),
    lambda z, p, m: e.negative(_of("gammaincc", 1, z + 1, m)) / _poisson_k(z, p, m),
)  # fmt: skip

# -- F, binomial, negative binomial --------------------------------------------------------------


def _share(n: Any, d: Any, x: Any) -> Any:
    return n * x / (d + n * x)


def _f_operands(n: Any, d: Any, x: Any) -> Any:
    return 0.5 * n, 0.5 * d, _share(n, d, x)


def _share_slopes() -> Any:
    """By n, d, x: of n x / (d + n x)."""
    return (
        lambda n, d, x: d * x / e.square(d + n * x),
        lambda n, d, x: e.negative(n * x) / e.square(d + n * x),
        lambda n, d, x: n * d / e.square(d + n * x),
    )


for _name, _of_beta in (("fdtr", "betainc"), ("fdtrc", "betaincc")):
    _n, _d, _x = _share_slopes()
    special(
        _name,
        *_through(_of_beta, _f_operands, [(0, _half), (2, _n)], [(1, _half), (2, _d)], [(2, _x)]),
    )
special("fdtri", *inverse("fdtr", 2, (0, 1)))
special("fdtridfd", *inverse("fdtr", 1, (0, 2)))


def _binomial(name: str, of: str) -> Any:
    """The slope of the incomplete beta function of (n-k, k+1; 1-p), k rounded down."""

    def rule(z: Any, k: Any, n: Any, p: Any) -> Any:
        k = e.floor(k)
        return e.negative(_of(of, 2, n - k, k + 1, 1 - p))

    return special(name, COUNT, COUNT, rule, degrees=True)


_binomial("bdtr", "betainc")
_binomial("bdtrc", "betaincc")
special("bdtri", COUNT, COUNT, lambda z, k, n, y: 1 / _of("bdtr", 2, k, n, z), degrees=True)


def _smooth_binomial(z: Any, k: Any, n: Any, p: Any) -> tuple[Any, Any, Any]:
    """Slopes of I(n-k, k+1; 1-p) by k, n and p."""
    xs = (n - k, k + 1, 1 - p)
    first, second = _of("betainc", 0, *xs), _of("betainc", 1, *xs)
    return second - first, first, e.negative(_of("betainc", 2, *xs))


def _found(slopes: Any, unknown: int, given: Callable[..., Any], order: Any) -> list[Any]:
    """Partials of the root of slopes' function in its argument ``unknown``; None stands for y."""

    def partial(which: int | None) -> Any:
        def rule(z: Any, *xs: Any) -> Any:
            found = slopes(z, *given(z, *xs))
            return 1 / found[unknown] if which is None else -1.0 * found[which] / found[unknown]

        return rule

    return [partial(which) for which in order]


special("bdtrik", *_found(_smooth_binomial, 0, lambda z, y, n, p: (z, n, p), (None, 1, 2)))
special("bdtrin", *_found(_smooth_binomial, 1, lambda z, k, y, p: (k, z, p), (0, None, 2)))


def _negative_binomial(name: str, of: str) -> Any:
    """The slope of the incomplete beta function of (n, k+1; p), k rounded down."""

    def rule(z: Any, k: Any, n: Any, p: Any) -> Any:
        return _of(of, 2, n, e.floor(k) + 1, p)

    return special(name, COUNT, COUNT, rule, degrees=True)


_negative_binomial("nbdtr", "betainc")
_negative_binomial("nbdtrc", "betaincc")
special("nbdtri", COUNT, COUNT, lambda z, k, n, y: 1 / _of("nbdtr", 2, k, n, z), degrees=True)


def _smooth_negative(z: Any, k: Any, n: Any, p: Any) -> tuple[Any, Any, Any]:
    """Slopes of I(n, k+1; p) by k, n and p."""
    xs = (n, k + 1, p)
    return _of("betainc", 1, *xs), _of("betainc", 0, *xs), _of("betainc", 2, *xs)


special("nbdtrik", *_found(_smooth_negative, 0, lambda z, y, n, p: (z, n, p), (None, 1, 2)))
special("nbdtrin", *_found(_smooth_negative, 1, lambda z, k, y, p: (k, z, p), (0, None, 2)))

# -- Student's t, normal -------------------------------------------------------------------------


def _t_density(df: Any, t: Any) -> Any:
    """(1 + t^2/df)^(-(df+1)/2) / (sqrt(df) B(df/2, 1/2))."""
    power = -0.5 * (df + 1) * e.log1p(t * t / df)
    return e.exp(power - ops.betaln(0.5 * df, 0.5 + 0 * df)) / e.sqrt(df)


def _t_df(z: Any, df: Any, t: Any) -> Any:
    """F = 1 - I(df/2, 1/2; df/(df+t^2)) / 2 for t > 0, of which t moves the last argument."""
    inner = _of("betainc", 0, 0.5 * df, 0.5 + 0 * df, df / (df + t * t))
    return -0.25 * e.sign(t) * inner - _t_density(df, t) * t / (2 * df)


special("stdtr", _t_df, lambda z, df, t: _t_density(df, t))
special("stdtrit", *inverse("stdtr", 1, (0,)))
special("stdtridf", *inverse("stdtr", 0, (1,)))
special(
    "nrdtrimn", lambda z, p, std, x: e.negative(std) * _of_ndtri(p),
    lambda z, p, std, x: e.negative(ops.ndtri(p)), lambda z, p, std, x: 1.0,
)  # fmt: skip
special(
    "nrdtrisd", lambda z, mn, p, x: e.negative(1 / ops.ndtri(p)),
    lambda z, mn, p, x: e.negative(z) * _of_ndtri(p) / ops.ndtri(p),
    lambda z, mn, p, x: 1 / ops.ndtri(p),
)  # fmt: skip


def _of_ndtri(p: Any) -> Any:
    """The slope of the normal quantile, sqrt(2 pi) exp(x^2 / 2)."""
    x = ops.ndtri(p)
    return e.exp(0.5 * x * x) * (2 * pi) ** 0.5


# -- Kolmogorov and Smirnov ----------------------------------------------------------------------


def _kolmogorov_x(z: Any, x: Any) -> Any:
    """-8x sum (-1)^(k-1) k^2 exp(-2 k^2 x^2); below 1 by the other form of the theta function.

    1 - K = sqrt(2 pi) / x sum exp(-c_k / x^2) with c_k = (2k-1)^2 pi^2 / 8.
    """
    low = e.less(x, 1)
    small, large = e.select(low, x, 0.5), e.select(low, 1.0, x)
    nothing = e.less_equal(small, 0.03)  # where exp(-c / x^2) is below all numbers
    small = e.select(nothing, 0.5, small)
    tail = [(-1) ** (k - 1) * k * k * e.exp(-2.0 * k * k * large * large) for k in range(1, 7)]
    y = 1 / (small * small)
    head = [
        (2 * c * y - 1) * e.exp(-c * y) for c in ((2 * k - 1) ** 2 * pi**2 / 8 for k in (1, 2, 3))
    ]
    below = (2 * pi) ** 0.5 * y * -1.0 * (head[0] + head[1] + head[2])
    above = -8 * large * sum(tail[1:], tail[0])
    return e.select(low, e.select(nothing, 0.0, below), above)


special("kolmogorov", _kolmogorov_x)
special("kolmogi", *inverse("kolmogorov", 0, ()))
_STEPS = No("SciPy's sum has n terms, n an array: no rule is known")
special("smirnov", COUNT, _STEPS, degrees=True)
special("smirnovi", COUNT, _STEPS, degrees=True)
