"""Draws are differentiable in their parameters."""

import mpmath
import numpy as np
import pytest
from scipy import special, stats

from funcgrad import grad, jit, jvp, random, vmap
from funcgrad.ops.special.variates import gamma_slope, variate, wald_slope

N = 20_000


def key(seed=0):
    return random.key(seed)


@pytest.mark.parametrize("a", [1.0, 1.3, 2.5, 7.0, 60.0])
def test_gamma_slope_is_that_of_the_quantile_function(a):
    u = np.array([1e-6, 0.01, 0.2, 0.4, 0.5, 0.6, 0.8, 0.99, 1 - 1e-6])
    x = special.gammaincinv(a, u)
    h = 1e-4 * a
    ppf = lambda s: special.gammaincinv(a + s * h, u)
    wanted = (8 * (ppf(1) - ppf(-1)) - (ppf(2) - ppf(-2))) / (12 * h)
    np.testing.assert_allclose(gamma_slope(np.full(9, a), x), wanted, rtol=1e-8)
    found = grad(lambda b: np.sum(variate(b, x, law="gamma")))(np.full(9, a))
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


@pytest.mark.parametrize("a", [1.2, 5.0])
def test_second_and_third_derivative_of_gamma_variates(a):
    """The variate as a function of a at a fixed probability solves dx/da = slope(a, x)."""
    u, h = np.array([0.1, 0.45, 0.9]), 2e-2
    x = special.gammaincinv(a, u)
    f = lambda b: np.sum(variate(b * np.ones(3), x, law="gamma"))
    steps = np.arange(-4, 5)
    values = [np.sum(special.gammaincinv(a + k * h, u)) for k in steps]
    coefficients = np.polynomial.polynomial.polyfit(steps * h, values, 8)
    assert grad(f)(a) == pytest.approx(coefficients[1], rel=1e-7)
    assert grad(grad(f))(a) == pytest.approx(2 * coefficients[2], rel=1e-4)
    assert grad(grad(grad(f)))(a) == pytest.approx(6 * coefficients[3], rel=1e-2)
    forward = jvp(lambda b: jvp(f, (b,), (1.0,))[1], (a,), (1.0,))[1]
    assert forward == pytest.approx(grad(grad(f))(a), rel=1e-12)


def test_wald_slope_to_rounding():
    """Against 40 digits, where √x/m + 1/√x is small, near the continued fraction, and large."""
    m, x = np.array([500.0, 3.0, 0.62, 0.61, 1e-3]), np.array([900.0, 2.0, 0.5, 0.5, 1.1e-3])
    with mpmath.workdps(40):
        b = [mpmath.sqrt(v) / u + 1 / mpmath.sqrt(v) for u, v in zip(m.tolist(), x.tolist())]
        mills = [mpmath.ncdf(-v) / mpmath.npdf(v) for v in b]
        wanted = [2 * v**1.5 / u**2 * float(w) for u, v, w in zip(m, x, mills)]
    np.testing.assert_allclose(wald_slope(m, x), wanted, rtol=1e-14)


@pytest.mark.parametrize("m", [0.05, 0.7, 3.0, 50.0])
def test_wald_slope_is_that_of_the_quantile_function(m):
    u = np.array([0.01, 0.3, 0.6, 0.95])
    law = stats.invgauss
    x, h = law.ppf(u, m), 1e-3 * m
    wanted = (8 * (law.ppf(u, m + h) - law.ppf(u, m - h))
              - (law.ppf(u, m + 2 * h) - law.ppf(u, m - 2 * h))) / (12 * h)  # fmt: skip
    np.testing.assert_allclose(wald_slope(np.full(4, m), x), wanted, rtol=1e-6)
    np.testing.assert_allclose(
        grad(lambda b: np.sum(variate(b, x, law="wald")))(np.full(4, m)), wanted, rtol=1e-6
    )


def test_variates_batch_and_run_natively():
    a, x = np.array([1.5, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    f = lambda b, y: np.sum(variate(b, y, law="gamma"))
    wanted = gamma_slope(a, x)
    np.testing.assert_allclose(vmap(grad(f))(a, x), wanted, rtol=1e-13)
    np.testing.assert_allclose(vmap(lambda b: grad(f)(b, 2.0))(a), gamma_slope(a, x * 0 + 2),
                               rtol=1e-13)  # fmt: skip
    np.testing.assert_allclose(jit(grad(f), backend="llvm")(a, x), wanted, rtol=1e-12)
    single = grad(f)(a.astype(np.float32), x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=1e-4)


PATHWISE = {  # draw, derivative of the mean by the parameter, its value
    "gamma": (lambda k, p: random.gamma(k, p, (N,)), 1.0, 2.5),
    "gamma small": (lambda k, p: random.gamma(k, p, (N,)), 1.0, 0.4),
    "chisquare": (lambda k, p: random.chisquare(k, p, (N,)), 1.0, 3.0),
    "loggamma": (lambda k, p: random.loggamma(k, p, (N,)), special.polygamma(1, 0.8), 0.8),
    "beta": (lambda k, p: random.beta(k, p, 2.0, (N,)), 2.0 / 3.5**2, 1.5),
    "dirichlet": (lambda k, p: random.dirichlet(k, p * np.array([1.0, 0.0]) + np.array([0, 2.0]),
                                                (N,))[:, 0], 2.0 / 3.5**2, 1.5),
    "lognormal": (lambda k, p: random.lognormal(k, p, (N,)), 0.5 * np.exp(0.125), 0.5),
    "pareto": (lambda k, p: random.pareto(k, p, (N,)), -1 / 9, 4.0),
    "weibull": (lambda k, p: random.weibull_min(k, p, 2.0, (N,)), special.gamma(1.5), 1.3),
    "rayleigh": (lambda k, p: random.rayleigh(k, p, (N,)), np.sqrt(np.pi / 2), 1.3),
    "wald": (lambda k, p: random.wald(k, p, (N,)), 1.0, 0.8),
    "triangular": (lambda k, p: random.triangular(k, 0.0, p, 1.0, (N,)), 1 / 3, 0.3),
    "uniform": (lambda k, p: random.uniform(k, (N,), minval=0.0, maxval=p), 0.5, 2.0),
    "t": (lambda k, p: random.t(k, p, (N,)) ** 2, -2 / 16, 6.0),
    "f": (lambda k, p: random.f(k, 4.0, p, (N,)), -2 / 36, 8.0),
}  # fmt: skip


@pytest.mark.parametrize("name", PATHWISE)
def test_pathwise_derivatives_are_unbiased(name):
    draw, wanted, p = PATHWISE[name]
    slopes = jvp(lambda q: draw(key(9), q), (p,), (1.0,))[1]
    assert np.isfinite(slopes).all()
    assert abs(slopes.mean() - wanted) < 4.5 * slopes.std() / np.sqrt(N)
    back = grad(lambda q: np.mean(draw(key(9), q)))(p)
    assert back == pytest.approx(slopes.mean(), rel=1e-9)


def test_derivatives_at_bounds_and_through_covariances():
    lower = jvp(lambda v: random.truncated_normal(key(2), v, 2.0, (N,)), (-1.0,), (1.0,))[1]
    h = 1e-6
    moved = [random.truncated_normal(key(2), -1.0 + s * h, 2.0, (N,)) for s in (1, -1)]
    np.testing.assert_allclose(lower, (moved[0] - moved[1]) / (2 * h), rtol=1e-5, atol=1e-8)
    cov, mean = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([1.0, -1.0])
    f = lambda m, c: np.mean(random.multivariate_normal(key(2), m, c, (N,))[:, 1] ** 2)
    dm, dc = grad(f, argnums=(0, 1))(mean, cov)
    np.testing.assert_allclose(dm, [0, -2], atol=0.05)
    assert dc[1, 1] == pytest.approx(1.0, abs=0.05)


def test_discrete_draws_carry_no_derivative():
    def f(p):
        counts = random.poisson(key(1), p, (3,)) + random.binomial(key(2), 5, p / 9, (3,))
        return p * np.sum(counts + random.bernoulli(key(3), p / 9, (3,)))

    assert grad(f)(2.0) == f(2.0) / 2
