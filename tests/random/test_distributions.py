"""Distributions by tests of fit, their shapes and dtypes."""

import numpy as np
import pytest
from scipy import stats

from funcgrad import jit, random, vmap

N = 20_000


def key(seed=0):
    return random.key(seed)


a2, b3 = 2.2, 3.1
CONTINUOUS = {
    "uniform": (lambda k, s: random.uniform(k, s, minval=-1.0, maxval=3.0), stats.uniform(-1, 4)),
    "uniform32": (lambda k, s: random.uniform(k, s, np.float32), stats.uniform()),
    "normal": (random.normal, stats.norm()),
    "normal32": (lambda k, s: random.normal(k, s, np.float32), stats.norm()),
    "lognormal": (lambda k, s: random.lognormal(k, 0.7, s), stats.lognorm(0.7)),
    "truncated": (lambda k, s: random.truncated_normal(k, -1.0, 2.0, s), stats.truncnorm(-1, 2)),
    "tail": (lambda k, s: random.truncated_normal(k, 9.0, 11.0, s), stats.truncnorm(9, 11)),
    "low tail": (lambda k, s: random.truncated_normal(k, -30, -29.5, s),
                 stats.truncnorm(-30, -29.5)),
    "exponential": (random.exponential, stats.expon()),
    "gumbel": (random.gumbel, stats.gumbel_r()),
    "laplace": (random.laplace, stats.laplace()),
    "logistic": (random.logistic, stats.logistic()),
    "cauchy": (random.cauchy, stats.cauchy()),
    "pareto": (lambda k, s: random.pareto(k, a2, s), stats.pareto(a2)),
    "weibull": (lambda k, s: random.weibull_min(k, 2.0, 1.5, s), stats.weibull_min(1.5, scale=2)),
    "rayleigh": (lambda k, s: random.rayleigh(k, 2.0, s), stats.rayleigh(scale=2)),
    "triangular": (lambda k, s: random.triangular(k, -1.0, 0.5, 2.0, s), stats.triang(0.5, -1, 3)),
    "edge": (lambda k, s: random.triangular(k, 0.0, 0.0, 2.0, s), stats.triang(0, 0, 2)),
    "wald": (lambda k, s: random.wald(k, 0.7, s), stats.invgauss(0.7)),
    "wald long": (lambda k, s: random.wald(k, 40.0, s), stats.invgauss(40)),
    "maxwell": (random.maxwell, stats.maxwell()),
    "double maxwell": (lambda k, s: np.abs(random.double_sided_maxwell(k, 0.0, 2.0, s)),
                       stats.maxwell(scale=2)),
    "gamma": (lambda k, s: random.gamma(k, a2, s), stats.gamma(a2)),
    "gamma one": (lambda k, s: random.gamma(k, 1.0, s), stats.gamma(1)),
    "gamma small": (lambda k, s: random.gamma(k, 0.05, s), stats.gamma(0.05)),
    "gamma large": (lambda k, s: random.gamma(k, 1e6, s), stats.gamma(1e6)),
    "loggamma": (lambda k, s: random.loggamma(k, 0.3, s), stats.loggamma(0.3)),
    "beta": (lambda k, s: random.beta(k, a2, 0.4, s), stats.beta(a2, 0.4)),
    "dirichlet": (lambda k, s: random.dirichlet(k, np.array([1.0, 0.5, 2.0]), s)[:, 1],
                  stats.beta(0.5, 3.0)),
    "chisquare": (lambda k, s: random.chisquare(k, b3, s), stats.chi2(b3)),
    "t": (lambda k, s: random.t(k, b3, s), stats.t(b3)),
    "f": (lambda k, s: random.f(k, b3, 5.0, s), stats.f(b3, 5)),
    "gennorm": (lambda k, s: random.generalized_normal(k, 3.0, s), stats.gennorm(3)),
    "mixture": (lambda k, s: random.multivariate_normal(
        k, np.ones(2), np.array([[2.0, 0.6], [0.6, 1.0]]), s) @ np.array([1.0, -1.0]),
        stats.norm(0, np.sqrt(1.8))),
    "ball": (lambda k, s: np.linalg.norm(random.ball(k, 3, 2, s), axis=-1),
             stats.powerlaw(3)),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTINUOUS)
def test_distribution(name):
    f, law = CONTINUOUS[name]
    x = f(key(11), (N,))
    assert x.shape == (N,) and np.isfinite(x).all()
    assert stats.kstest(x, law.cdf).pvalue > 1e-3


COUNTS = {
    "randint": (lambda k, s: random.randint(k, s, 3, 13), stats.randint(3, 13)),
    "bernoulli": (lambda k, s: random.bernoulli(k, 0.3, s).astype(int), stats.bernoulli(0.3)),
    "geometric": (lambda k, s: random.geometric(k, 0.25, s), stats.geom(0.25)),
    "poisson few": (lambda k, s: random.poisson(k, 2.5, s), stats.poisson(2.5)),
    "poisson some": (lambda k, s: random.poisson(k, 10.0, s), stats.poisson(10)),
    "poisson many": (lambda k, s: random.poisson(k, 400.0, s), stats.poisson(400)),
    "binomial few": (lambda k, s: random.binomial(k, 12, 0.3, s), stats.binom(12, 0.3)),
    "binomial some": (lambda k, s: random.binomial(k, 50, 0.45, s), stats.binom(50, 0.45)),
    "binomial many": (lambda k, s: random.binomial(k, 4000, 0.8, s), stats.binom(4000, 0.8)),
    "categorical": (
        lambda k, s: random.categorical(k, np.log(np.array([0.1, 0.2, 0.7])), shape=s),
        stats.rv_discrete(values=([0, 1, 2], [0.1, 0.2, 0.7])),
    ),
    "choice": (lambda k, s: random.choice(k, 4, s, p=np.array([0.0, 0.5, 0.2, 0.3])),
               stats.rv_discrete(values=([1, 2, 3], [0.5, 0.2, 0.3]))),
    "any": (lambda k, s: random.choice(k, 7, s), stats.randint(0, 7)),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name):
    f, law = COUNTS[name]
    x = f(key(12), (N,))
    assert x.dtype == np.int64
    values, seen = np.unique(x, return_counts=True)
    expected = law.pmf(values) * N
    assert law.pmf(values).min() > 0
    kept = expected > 5
    seen = np.append(seen[kept], N - seen[kept].sum())
    expected = np.append(expected[kept], N - expected[kept].sum())
    keep = expected > 1e-6
    statistic = np.sum((seen[keep] - expected[keep]) ** 2 / expected[keep])
    assert stats.chi2.sf(statistic, keep.sum() - 1) > 1e-3


@pytest.mark.parametrize("lam", [1e6, 1e12])
def test_large_counts(lam):
    """Moments to within four standard errors."""
    for x, mean, var in [
        (random.poisson(key(2), lam, (N,)), lam, lam),
        (random.binomial(key(2), int(lam), 0.3, (N,)), 0.3 * lam, 0.21 * lam),
    ]:
        z = (x - mean) / np.sqrt(var)
        assert abs(z.mean()) < 4 / np.sqrt(N)
        assert abs(z.var() - 1) < 4 * np.sqrt(2 / N)
        assert stats.kstest(z, stats.norm.cdf).pvalue > 1e-3


def test_wide_integers():
    low, high = -(2**63), 2**63
    x = random.randint(key(1), (N,), low, high)
    assert stats.kstest(x / 2.0**63, stats.uniform(-1, 2).cdf).pvalue > 1e-3
    span = 3 * 2**61  # a remainder of 64 bits would take its first third twice as often
    x = random.randint(key(1), (N,), 0, span, np.uint64)
    assert stats.kstest(x / span, stats.uniform().cdf).pvalue > 1e-3
    x = random.randint(key(1), (N,), 0, 256, np.uint8)
    assert x.dtype == np.uint8 and np.unique(x).size == 256


def test_integers_are_exact_products():
    """floor(u span / 2^128) by Python's integers."""
    first, second = random.split(key(6))
    span = 10**19
    found = random.randint(key(6), (20,), 0, span, np.uint64)
    upper, lower = (random.bits(k, (20,), np.uint64).tolist() for k in (first, second))
    wanted = [(u << 64 | v) * span >> 128 for u, v in zip(upper, lower)]
    assert found.tolist() == wanted


def test_orders_and_choices():
    x = np.arange(24).reshape(4, 6)
    moved = random.permutation(key(), x, axis=1)
    assert sorted(map(tuple, moved.T.tolist())) == sorted(map(tuple, x.T.tolist()))
    apart = random.permutation(key(), x, axis=1, independent=True)
    np.testing.assert_array_equal(np.sort(apart, axis=1), x)
    assert len({tuple(row - row.min()) for row in apart}) > 1
    picked = random.choice(key(), x, (2,), replace=False, axis=1)
    assert picked.shape == (4, 2)
    orders = vmap(lambda k: random.permutation(k, 3))(random.split(key(), 6000))
    _, seen = np.unique(orders @ np.array([9, 3, 1]), return_counts=True)
    assert len(seen) == 6 and stats.chisquare(seen).pvalue > 1e-3
    firsts = vmap(lambda k: random.choice(k, 3, (2,), False, np.array([0.5, 0.3, 0.2])))(
        random.split(key(4), 6000)
    )
    assert (firsts[:, 0] != firsts[:, 1]).all()
    seen = np.bincount(firsts[:, 0])
    assert stats.chisquare(seen, np.array([0.5, 0.3, 0.2]) * 6000).pvalue > 1e-3


def test_orthogonal_matrices_are_uniform():
    q = random.orthogonal(key(), 3, (4000,))
    np.testing.assert_allclose(q @ np.swapaxes(q, -1, -2), np.broadcast_to(np.eye(3), q.shape),
                               atol=1e-14)  # fmt: skip
    assert stats.kstest(q[:, 0, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_streams_are_independent():
    keys = random.split(key(), 4)
    x = np.stack([random.normal(k, (N,)) for k in keys])
    assert np.abs(np.corrcoef(x) - np.eye(4)).max() < 4 / np.sqrt(N)


# -- shapes and dtypes ----------------------------------------------------------------------------

FLOATS = {
    "uniform": (), "normal": (), "exponential": (), "gumbel": (), "laplace": (), "logistic": (),
    "cauchy": (), "maxwell": (), "lognormal": (1.0,), "truncated_normal": (-1.0, 1.0),
    "pareto": (2.0,), "weibull_min": (1.0, 2.0), "rayleigh": (1.0,), "wald": (1.0,),
    "triangular": (0.0, 0.5, 1.0), "double_sided_maxwell": (0.0, 1.0), "gamma": (2.0,),
    "loggamma": (0.5,), "beta": (1.0, 2.0), "chisquare": (3.0,), "t": (3.0,), "f": (3.0, 4.0),
    "generalized_normal": (2.0,),
}  # fmt: skip
INTEGERS = {"poisson": (3.0,), "binomial": (5, 0.5), "geometric": (0.5,)}


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_shapes_and_dtypes_of_floats(name, dtype):
    f, args = getattr(random, name), FLOATS[name]
    for shape in [(), (3,), (2, 0), (2, 3), 4]:
        x = f(key(), *args, shape=shape, dtype=dtype)
        assert np.shape(x) == ((4,) if shape == 4 else shape) and x.dtype == dtype
        made = jit(lambda k, s=shape: f(k, *args, shape=s, dtype=dtype))(key())
        assert made.dtype == dtype
        np.testing.assert_allclose(made, x, rtol=1e-5 if dtype == np.float32 else 1e-13)
    if args:
        rows = [np.array([[v], [v + (v > 0) * 0.25]]) if k == len(args) - 1 else v
                for k, v in enumerate(args)]  # fmt: skip
        assert f(key(), *rows).shape == (2, 1)
        assert f(key(), *rows, shape=(2, 5), dtype=dtype).dtype == dtype


@pytest.mark.parametrize("name", INTEGERS)
def test_shapes_and_dtypes_of_counts(name):
    f, args = getattr(random, name), INTEGERS[name]
    for shape in [(), (3,), (2, 0)]:
        assert np.shape(f(key(), *args, shape=shape)) == shape
        assert f(key(), *args, shape=shape, dtype=np.int32).dtype == np.int32
    assert f(key(), *args).dtype == np.int64


def test_other_empty_draws():
    assert random.bits(key(), (0,)).shape == (0,)
    assert random.split(key(), 0).shape == (0, 2)
    assert random.permutation(key(), 0).shape == (0,)
    assert random.choice(key(), 3, (0,)).shape == (0,)
    assert random.dirichlet(key(), np.ones(2), (0,)).shape == (0, 2)
    assert random.randint(key(), (0, 2), 0, 3).shape == (0, 2)
