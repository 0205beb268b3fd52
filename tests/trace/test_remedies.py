"""Code that never asks NumPy's protocol: an error at the line, with what to call instead."""

import numpy as np
import pytest
import scipy.fft
import scipy.integrate
import scipy.interpolate
import scipy.linalg
import scipy.special
import scipy.stats

from funcgrad import grad
from funcgrad.errors import ConcretizationError

A, V = np.eye(3) + 1.0, np.arange(3.0)

CASES = {
    "A.dot": (lambda t: A.dot(t), r"a @ x or np\.dot\(a, x\)"),
    "A.repeat": (lambda t: A.repeat(t), r"np\.repeat\(a, x\)"),
    "A.searchsorted": (lambda t: V.searchsorted(t), r"np\.searchsorted\(a, x\)"),
    "np.full": (lambda t: np.full(3, t[0]), r"funcgrad\.numpy\.full"),
    "np.arange": (lambda t: np.arange(t[0]), r"funcgrad\.numpy\.arange"),
    "np.vectorize": (lambda t: np.vectorize(np.sin)(t), r"funcgrad\.numpy\.vectorize"),
    "np.r_": (lambda t: np.r_[t, 1.0], r"funcgrad\.numpy\.r_"),
    "np.fill_diagonal": (lambda t: np.fill_diagonal(A, t[0]), r"funcgrad\.numpy"),
    "np.array": (lambda t: np.array([t[0], 1.0]), r"funcgrad\.numpy\.array"),
    "np.random": (lambda t: np.random.default_rng(0).normal(t[0]), r"funcgrad\.random"),
    "linalg": (lambda t: scipy.linalg.solve(A, t), r"funcgrad\.scipy\.linalg\.solve"),
    "special": (lambda t: scipy.special.logsumexp(t), r"funcgrad\.scipy\.special\.logsumexp"),
    "stats": (lambda t: scipy.stats.norm.logpdf(t), r"funcgrad\.scipy\.stats\.logpdf"),
    "fft": (lambda t: scipy.fft.fft(t), r"funcgrad\.scipy\.fft"),
    "integrate": (lambda t: scipy.integrate.trapezoid(t), r"funcgrad\.scipy\.integrate\.trapezoid"),
    "interpolate": (lambda t: scipy.interpolate.CubicSpline(V, t), r"funcgrad\.scipy\.interpolate"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_replacement_is_named(name):
    call, words = CASES[name]
    with pytest.raises(ConcretizationError, match=words):
        grad(lambda t: np.sum(call(t) * 1.0))(np.array([0.5, 1.5, 2.5]))


STORED = {
    "item": lambda t: V.__setitem__(0, t[0]),
    "row": lambda t: A.__setitem__(0, t),
    "fill": lambda t: V.fill(t[0]),
    "fromiter": lambda t: np.fromiter(t, float),
    "initial": lambda t: np.sum(V, initial=t[0]),
}


@pytest.mark.parametrize("name", STORED)
def test_storing_says_why(name):
    """NumPy may put an error of its own on top; ours is its cause."""
    with pytest.raises((ConcretizationError, ValueError)) as caught:
        grad(lambda t: STORED[name](t) or t[0])(np.array([0.5, 1.5, 2.5]))
    error = caught.value
    ours = error if isinstance(error, ConcretizationError) else error.__cause__
    assert isinstance(ours, ConcretizationError) and "instead" in str(ours)
