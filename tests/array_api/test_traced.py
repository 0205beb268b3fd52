"""The traced namespace itself, on which the conformance suite runs by hand (see ``run``)."""

import os
import subprocess
import sys

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import grad, jit
from funcgrad.testing import check_grads
from tests.array_api import run, traced


def test_expected_failures_have_reasons():
    assert run.expected() and all(run.expected().values())


def test_operators_and_functions_run_in_traces():
    x = traced.asarray([1.0, 2.0, 3.0])
    assert isinstance(x + 1, traced.Array) and isinstance(x[0], traced.Array)
    np.testing.assert_array_equal((2 - x).plain, [1, 0, -1])
    x[1] = 7.0
    np.testing.assert_array_equal(traced.cumulative_sum(x).plain, [1, 8, 11])
    found = traced.unique_counts(traced.asarray([1, 1, 2]))
    np.testing.assert_array_equal(found.counts.plain, [2, 1])
    assert traced.result_type(x, traced.float32) == np.float64


def softmax(x):
    """As a library writes it that takes arrays of any kind."""
    xp = x.__array_namespace__()
    e = xp.exp(x - xp.max(x, axis=-1, keepdims=True))
    return e / xp.sum(e, axis=-1, keepdims=True)


def test_array_agnostic_code_differentiates():
    x = np.array([0.1, 0.7, -0.3])
    p = softmax(x)
    found = grad(lambda x: softmax(x)[0])(x)
    np.testing.assert_allclose(found, p[0] * (np.eye(3)[0] - p), rtol=1e-12)
    np.testing.assert_allclose(jit(softmax)(x), p, rtol=1e-12)


SCIPYS = """
import numpy as np
from scipy import fft, integrate, special, stats
from funcgrad import grad, jit, vmap
from funcgrad.testing import check_grads
x = np.array([0.1, 0.7, 0.3, 0.4])
for f in (
    special.softmax, special.log_softmax, special.logsumexp, integrate.trapezoid,
    lambda x: special.rel_entr(x, x[::-1]),
    integrate.cumulative_trapezoid, lambda x: np.abs(fft.fft(x)) ** 2,
    lambda x: np.abs(fft.rfft(x)) ** 2, stats.gmean, stats.hmean, stats.skew, stats.kurtosis,
    stats.zscore, stats.variation, lambda x: stats.moment(x, 2),
):
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-12, atol=1e-14)
    check_grads(f, (x,), order=2)
"""


def test_scipy_functions_that_honour_the_standard():
    """They do where SCIPY_ARRAY_API says so before SciPy is imported; never by our doing."""
    pytest.importorskip("scipy")
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", SCIPYS], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_array_api_extra():
    xpx = pytest.importorskip("array_api_extra")
    x = np.array([0.1, 0.7, 0.3])

    def f(x):
        out = xpx.apply_where(x > 0.2, x, fnp.sqrt, fnp.square)
        return (
            fnp.sum(xpx.pad(out, 1) * 2) + fnp.sum(xpx.sinc(x)) + xpx.cov(fnp.stack([x, x]))[0, 1]
        )

    check_grads(f, (x,), order=2)
    np.testing.assert_allclose(jit(f)(x), f(x), rtol=1e-12)


def test_the_namespace_says_what_it_is():
    seen = []
    grad(lambda x: seen.append(x.__array_namespace__()) or x)(1.0)
    assert seen == [fnp] and fnp.__array_api_version__ == np.__array_api_version__
