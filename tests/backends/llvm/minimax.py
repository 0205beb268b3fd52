"""The polynomials of funcgrad.backends.llvm.maths, fitted by Remez's exchange with mpmath.

``python -m tests.backends.llvm.minimax > funcgrad/backends/llvm/maths/coefficients.py``

Every fit is the polynomial of the lowest degree whose weighted error stays under 2^-bits; the
weight turns an error of the polynomial into one of the function's value, relative to the latter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.dps = 45


class Fit(NamedTuple):
    function: Callable
    weight: Callable
    low: mpf
    high: mpf
    bits: dict[str, int]


def odd(f: Callable) -> Callable:
    """f(s) = s + s z g(z) with z = s²: this is g."""

    def g(z: mpf) -> mpf:
        s = mp.sqrt(z)
        return (f(s) / s - 1) / z

    return g


def stirling(v: mpf) -> mpf:
    x = 1 / mp.sqrt(v)
    return x * (mp.loggamma(x) - ((x - 0.5) * mp.log(x) - x + mp.log(2 * mp.pi) / 2))


def psi_tail(v: mpf) -> mpf:
    x = 1 / mp.sqrt(v)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) * x * x


def quotient(f: Callable, root: mpf) -> Callable:
    return lambda x: f(x) / (x - root)


def erfinv_factor(w: mpf) -> mpf:
    """z / y for y = erf z, by w = -log(1 - y²): Newton's method on log erfc z."""
    if not w:
        return mp.sqrt(mp.pi) / 2
    y = mp.sqrt(-mp.expm1(-w))
    wanted = mp.exp(-w) / (1 + y)
    z = mp.sqrt(w - mp.log(mp.pi * w) / 2) if w > 2 else y
    step = mpf(1)
    while abs(step) > z * mp.eps * 2**12:
        have = mp.erfc(z)
        step = mp.log(have / wanted) * have * mp.exp(z * z) * mp.sqrt(mp.pi) / 2
        z += step
    return z / y


def relative(f: Callable, low: float, high: float, bits: int) -> Fit:
    return Fit(f, lambda x: 1 / f(x), mpf(low), mpf(high), {"double": bits})


def of_root(c: float) -> Callable:
    """erfinv_factor / s by t = (s-c)/(s+c), where s = √w."""
    root = lambda t: c * (1 + t) / (1 - t)
    return lambda t: erfinv_factor(root(t) ** 2) / root(t)


PSI_ROOT = mp.findroot(mp.digamma, mpf("1.4616321449683623412626595423257"))
BOTH = {"double": 58, "float": 28}
SHORT = {"double": 55, "float": 26}
identity = lambda z: z
FITS = {
    # e^r = 1 + r + r² exp(r), weighed by r² but for small r, whose first coefficient is to be near
    # 1/2 also for e^r - 1; 2^r = 1 + r exp2(r)
    "exp": Fit(
        lambda r: (mp.expm1(r) - r) / r**2,
        lambda r: abs(r) * (abs(r) + mpf("0.02")),
        -mp.log(2) / 2,
        mp.log(2) / 2,
        SHORT,
    ),
    "exp2": Fit(lambda r: mp.expm1(r * mp.log(2)) / r, identity, mpf(-0.5), mpf(0.5), SHORT),
    # the same in doubles that are to be rounded to floats
    "exp2_single": Fit(
        lambda r: mp.expm1(r * mp.log(2)) / r, identity, mpf(-0.5), mpf(0.5), {"double": 36}
    ),
    # log (1+s)/(1-s) = 2s + s z log(z); for power one term more is split off
    "log": Fit(lambda z: 2 * odd(mp.atanh)(z), lambda z: z / 2, mpf(0), mpf("0.02944"), BOTH),
    "log_long": Fit(
        lambda z: (odd(mp.atanh)(z) - mpf(1) / 3) / z,
        lambda z: z * z,
        mpf(0),
        mpf("0.02944"),
        {"double": 67},
    ),
    "sin": Fit(odd(mp.sin), identity, mpf(0), (mp.pi / 4) ** 2, BOTH),
    "cos": Fit(
        lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2,
        lambda z: z * z,
        mpf(0),
        (mp.pi / 4) ** 2,
        BOTH,
    ),
    "atan": Fit(odd(mp.atan), identity, mpf(0), mpf(1), {"double": 56, "float": 27}),
    "asin": Fit(odd(mp.asin), identity, mpf(0), mpf(0.25), {"double": 57, "float": 27}),
    "sinh": Fit(odd(mp.sinh), identity, mpf(0), mpf(1), BOTH),
    "tanh": Fit(odd(mp.tanh), identity, mpf(0), mpf("0.3025"), BOTH),
    "cbrt": Fit(
        lambda x: x ** (-mpf(1) / 3),
        lambda x: x ** (mpf(1) / 3),
        mpf(1),
        mpf(2),
        {"double": 16, "float": 10},
    ),
    # erf x = x + x erf(z); erfc x = exp erf_tail(x - 1) for 1 <= x, as far as erf needs it
    "erf": Fit(
        lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: 1,
        mpf(0),
        mpf(1),
        {"double": 56, "float": 27},
    ),
    "erf_tail": Fit(
        lambda x: mp.log(mp.erfc(x + 1)), lambda x: mp.erfc(x + 1), mpf(0), mpf(5), {"double": 55}
    ),
    "erf_tail ": Fit(
        lambda x: mp.log(mp.erfc(x + 1)), lambda x: mp.erfc(x + 1), mpf(0), mpf(3), {"float": 26}
    ),
    # (1 + 2x) e^x² erfc x as a function of (x-4)/(x+4)
    "erfcx": Fit(
        lambda t: (lambda x: (1 + 2 * x) * mp.erfc(x) * mp.exp(x * x))(4 * (1 + t) / (1 - t)),
        lambda t: 0.8,
        mpf("-0.85"),
        mpf("0.7625"),
        {"double": 56},
    ),
    "lgamma": Fit(
        lambda w: mp.loggamma(2 + w) / (w * (w + 1)),
        lambda w: 2,
        mpf(-0.75),
        mpf(0.5),
        {"double": 56},
    ),
    "stirling": Fit(stirling, lambda v: mp.sqrt(v) / 8, mpf(0), mpf(1) / 64, {"double": 56}),
    "psi": Fit(
        lambda u: quotient(mp.digamma, PSI_ROOT)(u + 1.5),
        lambda u: 1,
        mpf(-0.5),
        mpf(0.5),
        {"double": 55},
    ),
    # erfinv y = y erfinv_near(w - 3.125), or y s times one of the others, of (s-4)/(s+4) or
    # (s-12)/(s+12), with s = √w
    "erfinv_near": relative(lambda x: erfinv_factor(x + 3.125), -3.125, 3.125, 57),
    "erfinv_tail": relative(of_root(4), -1.5 / 6.5, 2.1 / 10.1, 56),
    "erfinv_far": relative(of_root(12), -5.95 / 18.05, 15.5 / 39.5, 56),
    "psi_tail": Fit(psi_tail, lambda v: v / 2, mpf(0), mpf(1) / 64, {"double": 56}),
}


def remez(fit: Fit, degree: int, rounds: int = 12) -> tuple[list[mpf], mpf]:
    """Coefficients, lowest power first, and the largest weighted error."""
    n = degree + 2
    grid = [
        (fit.low + fit.high) / 2 - (fit.high - fit.low) / 2 * mp.cos(mp.pi * (i + 0.5) / (24 * n))
        for i in range(24 * n)
    ]
    weights = [mpf(fit.weight(x)) for x in grid]
    values = [fit.function(x) for x in grid]
    nodes = [12 + 24 * i for i in range(n)]
    for _ in range(rounds):
        A = mpmath.matrix(n, n)
        for i, j in enumerate(nodes):
            for k in range(n - 1):
                A[i, k] = weights[j] * grid[j] ** k
            A[i, n - 1] = (-1) ** i
        found = mpmath.lu_solve(A, mpmath.matrix([weights[j] * values[j] for j in nodes]))
        c = [found[k] for k in range(n - 1)]
        errors = [w * (mp.polyval(c[::-1], x) - y) for x, w, y in zip(grid, weights, values)]
        worst, level = max(map(abs, errors)), abs(found[n - 1])
        if worst < 1.02 * level:
            break
        nodes = alternating(errors, n) or nodes
    return c, worst


def alternating(errors: list[mpf], n: int) -> list[int]:
    """Where the error peaks with alternating signs: one point in each run of one sign."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if peaks and (errors[peaks[-1]] > 0) == (e > 0):
            peaks[-1] = i if abs(e) > abs(errors[peaks[-1]]) else peaks[-1]
        else:
            peaks.append(i)
    while len(peaks) > n:
        ends = (0, -1)
        peaks.pop(min(ends, key=lambda end: abs(errors[peaks[end]])))
    return peaks if len(peaks) == n else []


def best(fit: Fit, bits: int) -> list[mpf]:
    for degree in range(1, 32):
        c, worst = remez(fit, degree)
        if worst < mpf(2) ** -bits:
            return c
    raise AssertionError("no polynomial reaches this accuracy")


def written(c: list[mpf], type: str) -> str:
    cast = np.float64 if type == "double" else np.float32
    return ", ".join(repr(float(cast(mp.nstr(x, 30)))) for x in c)


HEAD = '''"""Coefficients of minimax polynomials, lowest power first.

Written by tests/backends/llvm/minimax.py, which also says what each approximates.
"""

POLYNOMIALS: dict[tuple[str, str], tuple[float, ...]] = {'''


def main() -> None:
    import sys

    print(HEAD)
    for name, fit in FITS.items():
        for type, bits in fit.bits.items():
            c = best(fit, bits)
            print(f'    ("{name.strip()}", "{type}"): ({written(c, type)},),')
            print(name, type, len(c), file=sys.stderr, flush=True)
    print("}")


if __name__ == "__main__":
    main()
