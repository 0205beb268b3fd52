"""Which function is compared with what, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

from tests.backends.llvm.minimax import erfinv_factor


class Case(NamedTuple):
    exact: Callable
    ranges: list[tuple[float, float]]  # where the points are dense
    operands: int = 1
    domain: tuple[float, float] = (-np.inf, np.inf)
    scale: Callable = lambda *xs: 0  # the error is relative to this where it is the larger


def erfc(x: mpf) -> Any:
    """mpmath's overflows far away."""
    return mp.erfc(x) if abs(x) < 60 else mpf(0 if x > 0 else 2)


def erfinv(y: mpf) -> Any:
    return mp.sign(y) * mp.inf if abs(y) == 1 else abs_erfinv(abs(y), 1 - abs(y)) * mp.sign(y)


def ndtri(p: mpf) -> Any:
    if p in (0, 1):
        return mp.inf if p else -mp.inf
    low = min(p, 1 - p)
    return abs_erfinv(1 - 2 * low, 2 * low) * mp.sqrt(2) * mp.sign(p - 0.5)


def abs_erfinv(y: mpf, rest: mpf) -> Any:
    """z >= 0 with erf z = y, erfc z = rest."""
    if y < 1e-10:
        return mp.sqrt(mp.pi) / 2 * (y + mp.pi / 12 * y**3)
    w = -mp.log(rest * (2 - rest)) if y > 0.1 else -mp.log1p(-y * y)
    return y * erfinv_factor(w)


CASES: dict[str, Case] = {
    "exp": Case(mp.exp, [(-1, 1), (-750, 715), (-110, 90)]),
    "exp2": Case(lambda x: mp.power(2, x), [(-1, 1), (-1080, 1030), (-152, 130)]),
    "expm1": Case(mp.expm1, [(-1, 1), (-45, 100), (700, 710), (-0.6, -0.2), (0.3, 1.2)]),
    "log": Case(mp.log, [(0.5, 2), (0.99, 1.01), (0, 100)], domain=(0, np.inf)),
    "log2": Case(
        lambda x: mp.log(x) / mp.ln2, [(0.5, 2), (0.99, 1.01), (0, 100)], domain=(0, np.inf)
    ),
    "log10": Case(mp.log10, [(0.5, 2), (0.99, 1.01), (0, 100)], domain=(0, np.inf)),
    "log1p": Case(mp.log1p, [(-1, 1), (-0.6, 0.6), (0, 100)], domain=(-1, np.inf)),
    "sin": Case(mp.sin, [(-1, 1), (-7, 7), (-1e3, 1e3), (-1e6, 1e6)]),
    "cos": Case(mp.cos, [(-1, 1), (-7, 7), (-1e3, 1e3), (-1e6, 1e6)]),
    "tan": Case(mp.tan, [(-1, 1), (-7, 7), (-1e3, 1e3), (-1e6, 1e6)]),
    "arcsin": Case(mp.asin, [(-1, 1), (0.4, 0.6), (0.99, 1)], domain=(-1, 1)),
    "arccos": Case(mp.acos, [(-1, 1), (0.4, 0.6), (0.99, 1)], domain=(-1, 1)),
    "arctan": Case(mp.atan, [(-1, 1), (0.9, 1.1), (-10, 10)]),
    "arctan2": Case(mp.atan2, [(-1, 1), (-10, 10)], 2),
    "sinh": Case(mp.sinh, [(-1, 1), (0.9, 3), (-720, 720)]),
    "cosh": Case(mp.cosh, [(-1, 1), (0.9, 3), (-720, 720)]),
    "tanh": Case(mp.tanh, [(-1, 1), (0.5, 0.6), (-25, 25)]),
    "arcsinh": Case(mp.asinh, [(-1, 1), (-10, 10), (0.3, 0.8)]),
    "arccosh": Case(mp.acosh, [(1, 2), (1, 1.01), (1, 100)], domain=(1, np.inf)),
    "arctanh": Case(mp.atanh, [(-1, 1), (0.1, 0.5), (0.99, 1)], domain=(-1, 1)),
    "power": Case(mp.power, [(0, 2), (0, 40), (0.9, 1.1)], 2, (0, np.inf)),
    "cbrt": Case(lambda x: mp.sign(x) * mp.cbrt(abs(x)), [(-1, 1), (1, 8), (-100, 100)]),
    "hypot": Case(mp.hypot, [(-1, 1), (-100, 100)], 2),
    "sqrt": Case(mp.sqrt, [(0, 1), (0, 100)], domain=(0, np.inf)),
    "erf": Case(mp.erf, [(-1, 1), (0.9, 1.3), (-6.5, 6.5)]),
    "erfc": Case(erfc, [(-1, 1), (0.4, 1.5), (-7, 28)]),
    "ndtr": Case(lambda x: erfc(-x / mp.sqrt(2)) / 2, [(-1, 1), (-2, 2), (-39, 9)]),
    "erfinv": Case(erfinv, [(-1, 1), (-0.01, 0.01), (0.9, 1)], domain=(-1, 1)),
    "ndtri": Case(ndtri, [(0, 1), (0.499, 0.501), (0, 0.01)], domain=(0, 1)),
    "expit": Case(lambda x: 1 / (1 + mp.exp(-x)), [(-1, 1), (-40, 40), (-750, 40)]),
    "softplus": Case(lambda x: mp.log1p(mp.exp(x)), [(-1, 1), (-40, 40), (-750, 40)]),
    "logaddexp": Case(
        lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))),
        [(-1, 1), (-40, 40)],
        2,
        scale=lambda x, y: max(abs(x), abs(y)),
    ),
    "logaddexp2": Case(
        lambda x, y: max(x, y) + mp.log1p(mp.power(2, -abs(x - y))) / mp.ln2,
        [(-1, 1), (-40, 40)],
        2,
        scale=lambda x, y: max(abs(x), abs(y)),
    ),
    "logit": Case(lambda x: mp.log(x) - mp.log1p(-x), [(0, 1), (0.45, 0.55)], domain=(0, 1)),
    "xlogy": Case(lambda x, y: x * mp.log(y), [(0, 2), (0, 50)], 2, (0, np.inf)),
    "gammaln": Case(mp.loggamma, [(0, 3), (0, 12), (0.9, 1.1), (1.9, 2.1)], domain=(0, np.inf)),
    "digamma": Case(
        mp.digamma, [(0, 3), (0, 12), (1.4, 1.5)], domain=(0, np.inf), scale=lambda x: 0.01
    ),
}


# Where results overflow, become subnormal or vanish, and where one formula follows another.
THRESHOLDS: dict[str, list[float]] = {
    "exp": [709.7827128933841, -708.396418532264, -745.1332191019411,
            88.72284, -87.33655, -103.97208],
    "exp2": [1024, -1022, -1074, -1075, 128, -126, -149, -150, 0.5],
    "expm1": [709.7827128933841, 88.72284, -37.5, -17.4, 0.34657359, -0.34657359],
    "log": [1, 0.7071067811865476, 1.4142135623730951, 2.0**-1022, 2.0**-126],
    "sin": [2.0**26, 2.0**15, 0.7853981633974483, 3.141592653589793, 6381956970095103 * 2.0**797],
    "arcsin": [0.5, 1],
    "arctan": [1],
    "sinh": [1, 710.4758600739439, 89.41599],
    "tanh": [0.55, 19.06, 9.01],
    "arcsinh": [2.0**30, 2.0**14],
    "arccosh": [1, 2.0**30, 2.0**14],
    "arctanh": [1, 2.0**-54],
    "erf": [1, 5.92, 3.92],
    "erfc": [0.5, 0.75, 26.543258, 27.226017, 9.19, 10.05],
    "ndtr": [1.0606601717798212, -37.519379, -38.48, -12.9, -14.1],
    "erfinv": [0.9990340, 1 - 2.0**-53, 1 - 2.0**-24],
    "ndtri": [0.5, 0.00048322, 3.1e-17, 5e-324],
    "gammaln": [0.5, 1, 1.25, 2, 2.5, 8],
    "digamma": [1, 1.4616321449683623, 2, 8],
}  # fmt: skip
SAME = {"log2": "log", "log10": "log", "log1p": "log", "cos": "sin", "tan": "sin", "cosh": "sinh",
        "arccos": "arcsin", "expit": "exp", "softplus": "exp"}  # fmt: skip


def thresholds(name: str, dtype: Any) -> np.ndarray:
    """Each with its neighbours, and its negative."""
    dtype = np.dtype(dtype)
    middle = np.array(THRESHOLDS.get(SAME.get(name, name), []), dtype)
    near = [middle]
    for end in (np.inf, -np.inf):
        x = middle
        for _ in range(2):
            x = np.nextafter(x, dtype.type(end))
            near.append(x)
    x = np.concatenate(near)
    return np.concatenate([x, -x])


def any_bits(rng: np.random.Generator, dtype: Any, count: int) -> np.ndarray:
    """Random patterns of bits: every exponent, subnormals among them, is as likely."""
    dtype = np.dtype(dtype)
    ints = rng.integers(0, 2 ** (8 * dtype.itemsize), count, dtype=f"u{dtype.itemsize}")
    return ints.view(dtype)


def points(name: str, dtype: Any, count: int, seed: int = 0) -> list[np.ndarray]:
    """One array for each operand: half bit patterns, half dense points; within the domain."""
    with np.errstate(all="ignore"):  # from doubles to floats
        return _points(CASES[name], thresholds(name, dtype), dtype, count, seed)


def _points(case: Case, edges: Any, dtype: Any, count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    edges = edges if case.operands == 1 else []
    share = count // (2 * len(case.ranges)) + 1
    out = []
    for _ in range(case.operands):
        dense = [rng.uniform(*limits, share) for limits in case.ranges]
        x = np.concatenate([any_bits(rng, dtype, count // 2), *dense, edges]).astype(dtype)
        low, high = case.domain
        x = np.where((x < low) | (x > high), np.abs(x) if high == np.inf else 1 / x, x)
        out.append(x[rng.permutation(len(x))] if case.operands > 1 else x)
    keep = np.logical_and.reduce(
        [np.isfinite(x) & (x >= case.domain[0]) & (x <= case.domain[1]) for x in out]
    )
    return [np.where(keep, x, np.dtype(dtype).type(1)).astype(dtype) for x in out]


def exact(name: str, xs: tuple[float, ...]) -> Any:
    """The value to 40 digits; more where it is close to a zero or an argument is huge."""
    case = CASES[name]
    with mp.workprec(140):
        try:
            return case.exact(*map(mpf, xs))
        except ZeroDivisionError:
            return mpmath.nan
