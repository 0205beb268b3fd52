"""What ``python -m funcgrad`` prints: the fits beside the certified values, then the derivatives.

Digits are counted as NIST counts them: the log relative error, ``-log10(|b - c| / |c|)``, capped
at the eleven digits to which the values are certified.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from funcgrad import grad, hvp, jit, make_jaxpr, vmap
from funcgrad.nist.fit import Fit, fit_problem, half_sum_of_squares, residuals_of
from funcgrad.nist.models import MODELS
from funcgrad.nist.parse import Problem

__all__ = ["REQUIRED_DIGITS", "digits", "fit_lines", "fits_of", "reached", "show_derivatives"]

CERTIFIED_DIGITS = 11.0
REQUIRED_DIGITS = 8.0
HEADER = f"{'':6}{'fitted':>19}{'certified':>19}{'digits':>8}{'std. dev.':>15}{'digits':>8}"


def digits(value, certified):
    """The number of matching decimal digits, elementwise; 0 for nan and for a wrong sign."""
    with np.errstate(divide="ignore"):
        matching = -np.log10(np.abs(np.subtract(value, certified)) / np.abs(certified))
    return np.clip(np.nan_to_num(matching, nan=0.0), 0.0, CERTIFIED_DIGITS)


def reached(fit: Fit, problem: Problem) -> bool:
    """Whether a fit converged and has the required digits in every parameter."""
    return fit.converged and bool(digits(fit.b, problem.certified).min() >= REQUIRED_DIGITS)


def fits_of(problem: Problem, starts: tuple[int, ...]) -> dict[int, Fit]:
    return {start: fit_problem(problem, problem.starts[start - 1]) for start in starts}


def fit_lines(problem: Problem, fits: dict[int, Fit]) -> Iterator[str]:
    """The report on one problem, line by line."""
    yield f"{problem.name}: {len(problem.certified)} parameters, {len(problem.y)} observations"
    for start, fit in fits.items():
        yield ""
        yield from start_lines(start, fit)
        yield HEADER
        yield from value_lines(fit, problem)
    yield ""


def start_lines(start: int, fit: Fit) -> Iterator[str]:
    state = "converged" if fit.converged else "DID NOT CONVERGE"
    counts = f"{fit.evaluations} evaluations, final Gauss-Newton steps: {fit.polish_steps}"
    yield f"  start {start}: {state}; method {fit.method}, {counts}"
    yield f"  residual orthogonal to the Jacobian's columns within {fit.offset:.1e}"
    if not fit.converged:
        yield f"  the solver says: {fit.message}"


def value_lines(fit: Fit, problem: Problem) -> Iterator[str]:
    rows = zip(fit.b, problem.certified, fit.deviations, problem.deviations, strict=True)
    for number, (b, certified, deviation, certified_deviation) in enumerate(rows, start=1):
        values = f"  b{number:<3} {b:19.10e}{certified:19.10e}{digits(b, certified):8.1f}"
        yield f"{values}{deviation:15.6e}{digits(deviation, certified_deviation):8.1f}"
    yield total_line("RSS", fit.rss, problem.rss)
    yield total_line("s", fit.residual_deviation, problem.residual_deviation)


def total_line(label: str, value: float, certified: float) -> str:
    return f"  {label:<4} {value:19.10e}{certified:19.10e}{digits(value, certified):8.1f}"


def show_derivatives(problem: Problem) -> Iterator[str]:
    """Four uses of the derivatives of one problem's loss, each with its check."""
    yield f"Derivatives of the loss of {problem.name}"
    yield ""
    loss = half_sum_of_squares(residuals_of(problem))
    yield from time_gradient(loss, problem)
    yield from show_jaxpr(loss, problem)
    yield from newton_cg(problem)
    yield from per_example_gradients(problem)


def time_gradient(loss: Callable, problem: Problem) -> Iterator[str]:
    first, again = [timed(lambda: grad(loss)(problem.starts[1])) for _ in range(2)]
    yield f"  time to the first gradient: {1e3 * first:.2f} ms; to the second: {1e3 * again:.3f} ms"
    yield ""


def timed(function: Callable) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def show_jaxpr(loss: Callable, problem: Problem) -> Iterator[str]:
    yield "  make_jaxpr(grad(loss))(b) is the program that computes it:"
    yield ""
    yield from (
        f"    {line}" for line in str(make_jaxpr(grad(loss))(problem.starts[1])).split("\n")
    )
    yield ""


def newton_cg(problem: Problem) -> Iterator[str]:
    """Newton-CG needs the Hessian only as a product with vectors; ``hvp`` is that product."""
    from scipy.optimize import minimize  # lazily: importing funcgrad must not load SciPy

    start = problem.starts[1]
    loss = half_sum_of_squares(residuals_of(problem))

    def scaled(u):  # parameters of order one: the raw ones differ by six orders of magnitude
        return loss(u * start)

    slope, product = jit(grad(scaled)), jit(hvp(scaled))
    options = {"jac": slope, "hessp": product, "options": {"xtol": 1e-12}}
    result = minimize(scaled, np.ones_like(start), method="Newton-CG", **options)
    fewest = digits(result.x * start, problem.certified).min()
    yield "  scipy.optimize.minimize(method='Newton-CG', hessp=hvp(loss)) from start 2:"
    yield f"    {result.nit} iterations, {result.nhev} Hessian-vector products, {result.message}"
    yield f"    {fewest:.1f} digits in every parameter, RSS {2 * result.fun:.10e}"
    yield ""


def per_example_gradients(problem: Problem) -> Iterator[str]:
    """One gradient per observation, by vmap over the observations alone."""
    model, b = MODELS[problem.name], problem.starts[1]

    def example_loss(b, x, y):
        return 0.5 * (model(b, x) - y) ** 2

    rows = vmap(grad(example_loss), in_axes=(None, 0, 0))(b, problem.x, problem.y)
    total = grad(half_sum_of_squares(residuals_of(problem)))(b)
    gap = np.max(np.abs(rows.sum(axis=0) - total) / np.abs(total))
    verdict = "they add up" if gap < 1e-10 else "THEY DO NOT ADD UP"
    yield "  vmap(grad(example_loss), in_axes=(None, 0, 0)): one gradient per observation:"
    yield f"    shape {rows.shape}; {verdict} to grad(loss) within {gap:.1e}, relatively"
