"""Least squares with exact Jacobians: a SciPy solver, then Gauss-Newton steps to the last digit.

One procedure serves every problem. MINPACK's Levenberg-Marquardt goes first and the trust-region
solver second, both scaled by the columns of the Jacobian; the first result that passes the
convergence test is kept. The test does not take the solver's word: it asks how far the residual
is from being orthogonal to the columns of the Jacobian, which is what a minimum means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from funcgrad import jacfwd, jit
from funcgrad.nist.models import MODELS
from funcgrad.nist.parse import Problem

__all__ = ["Fit", "fit_problem", "half_sum_of_squares", "jacobian_of", "residuals_of"]

METHODS = ("lm", "trf")
MAX_EVALUATIONS = 5000
MAX_POLISH = 100
# A residual orthogonal to the Jacobian's columns to eight digits fixes the parameters far beyond
# their standard deviations; rounding leaves 1e-10 on the problems with the smallest residuals.
OFFSET_TOLERANCE = 1e-8
EPSILON = float(np.finfo(np.float64).eps)

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Fit:
    """The outcome of one fit, converged or not, and how it was reached."""

    b: np.ndarray
    deviations: np.ndarray
    rss: float
    residual_deviation: float
    converged: bool
    offset: float
    method: str
    evaluations: int
    polish_steps: int
    message: str


def residuals_of(problem: Problem) -> Function:
    """The function ``b -> model(b, x) - y`` of a problem."""
    if problem.name not in MODELS:
        raise ValueError(f"no model for problem {problem.name!r}; known: {', '.join(MODELS)}")
    model, x, y = MODELS[problem.name], problem.x, problem.y

    def residuals(b):
        return model(b, x) - y

    return residuals


def jacobian_of(residuals: Function) -> Function:
    """The exact Jacobian, in forward mode: there are far fewer parameters than residuals."""
    return jit(jacfwd(residuals))


def half_sum_of_squares(residuals: Function) -> Callable:
    """The scalar loss whose gradient is ``J.T @ residuals``."""

    def loss(b):
        return 0.5 * np.sum(residuals(b) ** 2)

    return loss


def fit_problem(problem: Problem, start: np.ndarray) -> Fit:
    """The least-squares fit from ``start``; an unconverged one is returned marked as such."""
    residuals = residuals_of(problem)
    jacobian = jacobian_of(residuals)
    fits = []
    for method in METHODS:
        fits.append(attempt(method, residuals, jacobian, start))
        if fits[-1].converged:
            return fits[-1]
    return min(fits, key=lambda fit: fit.rss if np.isfinite(fit.rss) else np.inf)


def attempt(method: str, residuals: Function, jacobian: Function, start: np.ndarray) -> Fit:
    # Trial steps may overflow; the solvers see the infinite residual and shorten the step.
    with np.errstate(all="ignore"):
        try:
            b, success, evaluations, message = solve(method, residuals, jacobian, start)
        except (ValueError, np.linalg.LinAlgError) as error:
            b, success, evaluations, message = start, False, 0, f"{type(error).__name__}: {error}"
        b, steps = polish(residuals, jacobian, b)
        r, j = residuals(b), jacobian(b)
        offset = relative_offset(r, j)
    return Fit(
        b=b,
        deviations=standard_deviations(r, j),
        rss=float(r @ r),
        residual_deviation=float(residual_deviation(r, j)),
        converged=bool(success and offset <= OFFSET_TOLERANCE),
        offset=offset,
        method=method,
        evaluations=evaluations,
        polish_steps=steps,
        message=message,
    )


def solve(method: str, residuals: Function, jacobian: Function, start: np.ndarray) -> tuple:
    """SciPy's ``least_squares``, asked for all the digits that float64 holds."""
    from scipy.optimize import least_squares  # lazily: importing funcgrad must not load SciPy

    tight = dict.fromkeys(("ftol", "xtol", "gtol"), 2 * EPSILON)
    options = {"x_scale": "jac", "max_nfev": MAX_EVALUATIONS, **tight}
    result = least_squares(residuals, start, jac=jacobian, method=method, **options)
    return result.x, result.success, int(result.nfev), str(result.message)


def polish(residuals: Function, jacobian: Function, b: np.ndarray) -> tuple[np.ndarray, int]:
    """Gauss-Newton steps for as long as each one shrinks the relative offset.

    The solvers watch the sum of squares, which is flat at its minimum: half of the digits of the
    parameters lie below its rounding. The offset is linear in the error and sees them all.
    """
    best = relative_offset(residuals(b), jacobian(b))
    for steps in range(MAX_POLISH):
        candidate = b + gauss_newton_step(residuals(b), jacobian(b))
        offset = relative_offset(residuals(candidate), jacobian(candidate))
        if not offset < best:
            return b, steps
        b, best = candidate, offset
    return b, MAX_POLISH


def gauss_newton_step(r: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The least-squares solution of ``j @ step = -r``, by QR of the scaled columns."""
    if not finite(r, j):
        return np.full(j.shape[1], np.nan)
    scale = column_norms(j)
    return np.linalg.lstsq(j / scale, -r, rcond=None)[0] / scale


def relative_offset(r: np.ndarray, j: np.ndarray) -> float:
    """The cosine of the angle between the residual and the columns' span; 0 at a minimum.

    A rank-deficient Jacobian gives infinity: there the data do not determine the parameters,
    which is how a "minimum" at infinity shows itself.
    """
    if not finite(r, j):
        return np.inf
    q, triangle = np.linalg.qr(j / column_norms(j))
    diagonal = np.abs(np.diag(triangle))
    if diagonal.min() <= len(r) * EPSILON * diagonal.max():
        return np.inf
    return float(np.linalg.norm(q.T @ r) / max(np.linalg.norm(r), np.finfo(np.float64).tiny))


def standard_deviations(r: np.ndarray, j: np.ndarray) -> np.ndarray:
    """The square roots of the diagonal of ``s**2 inv(j.T @ j)``, without forming ``j.T @ j``."""
    if not np.isfinite(relative_offset(r, j)):
        return np.full(j.shape[1], np.nan)
    scale = column_norms(j)
    inverse = np.linalg.inv(np.linalg.qr(j / scale)[1])
    return residual_deviation(r, j) * np.linalg.norm(inverse, axis=1) / scale


def residual_deviation(r: np.ndarray, j: np.ndarray) -> float:
    return np.sqrt(r @ r / (len(r) - j.shape[1]))


def column_norms(j: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(j, axis=0)
    return np.where(norms > 0, norms, 1.0)


def finite(*arrays: np.ndarray) -> bool:
    return all(np.isfinite(array).all() for array in arrays)
