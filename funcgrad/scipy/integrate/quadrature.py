"""Integrals of functions: Gauss and Gauss-Kronrod rules.

An adaptive rule finds its intervals by values alone; the integral is then a weighted sum of values
of the integrand, so that it is differentiated under the integral sign, to any order. Limits are
differentiated by Leibniz's rule, d/db of the integral up to b = f(b): an integral over
[b_0, b] is added, where b_0 is b held constant: it is 0, and has the derivatives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.control.while_loop import while_loop
from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of
from funcgrad.scipy.plain import alike, any_ours
from funcgrad.trace.core import running
from funcgrad.trace.tracer import is_traced
from funcgrad.transforms.stop_gradient import stop_gradient
from funcgrad.transforms.vmap import vmap

__all__ = ["fixed_quad", "quad"]

# Gauss's rule of 10 points and its extension to 21 (Kronrod; digits as in QUADPACK's qk21).
_NODES = (
    0.995657163025808080735527280689003, 0.973906528517171720077964012084452,
    0.930157491355708226001207180059508, 0.865063366688984510732096688423493,
    0.780817726586416897063717578345042, 0.679409568299024406234327365114874,
    0.562757134668604683339000099272694, 0.433395394129247190799265943165784,
    0.294392862701460198131126603103866, 0.148874338981631210884826001129720,
)  # fmt: skip
_KRONROD = (
    0.011694638867371874278064396062192, 0.032558162307964727478818972459390,
    0.054755896574351996031381300244580, 0.075039674810919952767043140916190,
    0.093125454583697605535065465083366, 0.109387158802297641899210590325805,
    0.123491976262065851077958109585166, 0.134709217311473325928054001771707,
    0.142775938577060080797094273138717, 0.147739104901338491374841515972068,
)  # fmt: skip
_MIDDLE = 0.149445554002916905664936468389821
_GAUSS = (
    0.066671344308688137593568809893332, 0.149451349150580593145863397657697,
    0.219086362515982043995534934228163, 0.269266719309996355091226921569469,
    0.295524224714752870173815619188769,
)  # fmt: skip


def _mirrored(half: Any, middle: Any, sign: float = 1.0) -> Any:
    half = np.asarray(half)
    return np.concatenate((sign * half, [middle], half[::-1]))


NODES = _mirrored(_NODES, 0.0, -1.0)
WEIGHTS = _mirrored(_KRONROD, _MIDDLE)
COARSE = _mirrored(np.where(np.arange(10) % 2, np.repeat(_GAUSS, 2), 0.0), 0.0)


def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    """(integral of func from a to b by Gauss's rule of n points, None).

    ``func(x, *args)`` takes x of shape (n,) and returns values along the last axis.

    >>> from funcgrad import grad
    >>> from funcgrad.scipy.integrate import fixed_quad
    >>> grad(lambda b: fixed_quad(lambda x: x**2, 0.0, b)[0])(3.0).round(12)
    np.float64(9.0)
    """
    nodes, weights = np.polynomial.legendre.leggauss(int(n))
    a, b = alike(a, b)
    half = 0.5 * (b - a)
    x = half * (nodes.astype(a.dtype) + 1) + a
    return half * np.sum(weights.astype(a.dtype) * func(x, *args), axis=-1), None


_REFUSED = ("weight", "wvar", "wopts", "maxp1", "limlst", "complex_func")


def quad(
    func: Callable[..., Any], a: Any, b: Any, args: Any = (), full_output: int = 0,
    epsabs: float = 1.49e-8, epsrel: float = 1.49e-8, limit: int = 50, points: Any = None,
    **options: Any,
) -> Any:  # fmt: skip
    """(integral of ``func(x, *args)`` from a to b, an estimate of its error).

    Where nothing is traced it is SciPy's. Traced: the interval of the largest error is halved until
    the sum of errors is below max(epsabs, epsrel |integral|) or there are ``limit`` intervals;
    func, which may close over what is differentiated, is traced once and may not decide on x.
    Infinite limits have to be plain numbers. Differentiable in args and limits, to any order.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.integrate import quad
    >>> grad(lambda s: quad(lambda x: np.exp(-s * x * x), -np.inf, np.inf)[0])(np.pi).round(9)
    np.float64(-0.159154943)
    """
    args = args if isinstance(args, tuple) else (args,)
    if running.get() is None and not any_ours((a, b, *args)):
        from scipy.integrate import quad as scipys_quad

        return scipys_quad(func, a, b, args, full_output, epsabs, epsrel, limit, points, **options)
    given = [name for name in _REFUSED if name in options] + ["full_output"] * bool(full_output)
    if given:
        raise NotTraceableError(
            f"quad: {', '.join(given)} not covered on traced values; write the weight into func"
        )

    def integrand(x: Any) -> Any:
        return func(x, *args)

    integrand.__wrapped__ = func  # type: ignore[attr-defined]  # the tree grows with its code
    unit, ends = _on_unit(integrand, a, b)
    breaks = _breaks(points, a, b)
    left, right, error = _intervals(unit, breaks, float(epsabs), float(epsrel), int(limit))
    total = np.sum(_rule(unit, left, right)[0])
    for end, sign in ends:
        total = total + sign * _beyond(integrand, end)
    return total, error


def _infinite(x: Any) -> bool:
    return not is_traced(x) and bool(np.isinf(x))


def _on_unit(f: Any, a: Any, b: Any) -> tuple[Any, list[tuple[Any, float]]]:
    """The integrand over u in [0, 1], limits held constant, and the limits that are traced."""
    ends = [(x, s) for x, s in ((a, -1.0), (b, 1.0)) if is_traced(x)]
    low, high = stop_gradient(a), stop_gradient(b)
    if _infinite(a) and _infinite(b):
        sign = float(np.sign(b) - np.sign(a)) / 2

        def whole(u: Any) -> Any:
            x = (1 - u) / u
            return sign * (f(x) + f(-x)) / (u * u)

        return whole, ends
    if _infinite(a) or _infinite(b):
        base, way = (low, np.sign(b)) if _infinite(b) else (high, np.sign(a))
        sign = float(way if _infinite(b) else -way)
        way = float(way)
        return lambda u: sign * f(base + way * (1 - u) / u) / (u * u), ends
    return lambda u: (high - low) * f(low + (high - low) * u), ends


def _beyond(f: Any, end: Any) -> Any:
    """The integral from ``end`` held constant to ``end``: 0, with the derivatives f, f', ….

    By a rule of 11 points, which is exact for powers up to 21: so are derivatives up to order 22.
    """
    start = stop_gradient(end)
    nodes, weights = np.polynomial.legendre.leggauss(11)
    width = end - start
    values = vmap(lambda s: f(start + width * s))(0.5 * (nodes + 1))
    return width * np.sum(0.5 * weights * values)


def _breaks(points: Any, a: Any, b: Any) -> Any:
    if points is None:
        return np.array([0.0, 1.0])
    if _infinite(a) or _infinite(b):
        raise ValueError("quad: points go with finite limits only")
    low, high = stop_gradient(a), stop_gradient(b)
    inner = np.sort((stop_gradient(array_of(points)) - low) / (high - low))
    return np.concatenate((np.zeros(1), np.clip(inner, 0.0, 1.0), np.ones(1)))


def _rule(f: Any, left: Any, right: Any) -> tuple[Any, Any]:
    """Integrals over intervals by Kronrod's rule, and errors as QUADPACK estimates them."""
    half = 0.5 * (right - left)
    u = half[:, None] * (NODES + 1) + left[:, None]
    inside = right > left  # intervals that are not in use are not evaluated at an end of f
    u = np.where(inside[:, None], u, 0.5)
    values = array_of(vmap(f)(u.reshape(-1))).reshape(u.shape)
    fine = half * np.sum(WEIGHTS * values, axis=1)
    held, width = stop_gradient(values), half
    coarse = width * np.sum(COARSE * held, axis=1)
    mean = stop_gradient(fine) / np.where(inside, 2 * half, 1.0)
    rough = width * np.sum(WEIGHTS * abs(held - mean[:, None]), axis=1)
    error = abs(stop_gradient(fine) - coarse)
    ratio = 200 * error / np.where(rough > 0, rough, 1.0)
    error = np.where(rough > 0, rough * np.minimum(1.0, ratio * np.sqrt(ratio)), error)
    size = width * np.sum(WEIGHTS * abs(held), axis=1)
    return fine, np.maximum(error, 50 * np.finfo(float).eps * size)


def _intervals(f: Any, breaks: Any, epsabs: float, epsrel: float, limit: int) -> Any:
    """Left and right ends of at most ``limit`` intervals, and the sum of their errors."""
    first = breaks.shape[0] - 1
    if limit < first:
        raise ValueError(f"quad: limit={limit} is less than the {first} intervals of points")
    spare = np.zeros(limit - first)
    left, right = (np.concatenate((x, spare)) for x in (breaks[:-1], breaks[1:]))
    values, errors = _rule(f, left, right)

    def going(state: Any) -> Any:
        n, _, _, values, errors = state
        goal = np.maximum(epsabs, epsrel * abs(np.sum(values)))
        return (n < limit) & (np.sum(errors) > goal)

    def halve(state: Any) -> Any:
        n, left, right, values, errors = state
        worst = np.argmax(errors)
        low, high = left[worst], right[worst]
        middle = 0.5 * (low + high)
        parts, off = _rule(f, np.stack([low, middle]), np.stack([middle, high]))
        parts = stop_gradient(parts)
        first, second = np.arange(limit) == worst, np.arange(limit) == n

        def placed(row: Any, a: Any, b: Any) -> Any:
            return np.where(first, a, np.where(second, b, row))

        return (n + 1, placed(left, low, middle), placed(right, middle, high),
                placed(values, parts[0], parts[1]), placed(errors, off[0], off[1]))  # fmt: skip

    halve.__wrapped__ = f  # type: ignore[attr-defined]
    state = (np.int64(first), left, right, stop_gradient(values), errors)
    _, left, right, _, errors = while_loop(going, halve, state)
    return left, right, np.sum(errors)
