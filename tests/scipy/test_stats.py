"""``funcgrad.scipy.stats``: SciPy's numbers at many points and at the ends, and derivatives."""

import mpmath as mp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from funcgrad import grad, hessian, jacfwd, jacrev, jit, vmap
from funcgrad import scipy as names
from funcgrad.errors import NotTraceableError
from funcgrad.scipy import stats
from funcgrad.testing import check_grads

RNG = np.random.default_rng(5)
SHAPES = {
    "norm": (), "uniform": (), "cauchy": (), "laplace": (), "logistic": (), "gumbel_r": (),
    "gumbel_l": (), "t": (3.5,), "skewnorm": (-1.5,), "gennorm": (1.7,), "vonmises": (2.5,),
    "wrapcauchy": (0.4,), "triang": (0.3,), "beta": (1.5, 2.5), "truncnorm": (-0.5, 1.8),
    "expon": (), "gamma": (2.3,), "chi2": (3.1,), "invgamma": (2.2,), "lognorm": (0.7,),
    "f": (3.5, 5.5), "pareto": (2.5,), "weibull_min": (1.6,), "weibull_max": (1.6,),
    "halfnorm": (), "halfcauchy": (), "rayleigh": (), "maxwell": (),
}  # fmt: skip
COUNTS = {
    "bernoulli": (0.3,), "binom": (7.0, 0.4), "nbinom": (3.5, 0.4), "geom": (0.3,),
    "poisson": (2.7,), "betabinom": (6.0, 1.5, 2.5), "hypergeom": (20.0, 7.0, 9.0),
}  # fmt: skip
LOC, SCALE = 0.3, 1.7


def needing(call):
    """The result, or a skip where a special function that it needs does not stand yet."""
    try:
        return call()
    except (AttributeError, NotTraceableError) as error:
        if "'special'" in str(error) or "scipy.special" in str(error):
            pytest.skip(f"waits for funcgrad.scipy.special: {error}"[:100])
        raise


def points(name):
    law = getattr(scipy.stats, name)(*SHAPES[name], LOC, SCALE)
    low, high = law.support()
    inner = law.ppf(np.array([1e-9, 0.003, 0.2, 0.47, 0.77, 0.96, 1 - 1e-7]))
    return np.array([*inner, low, high, low - 1.0, high + 1.0, -np.inf, np.inf, np.nan])


def traced(function, *args):
    return jit(lambda xs: function(*xs))(args)


def covered(names, density):
    """(name, method) of all that has a formula."""
    tails = ("cdf", "sf", "logcdf", "logsf")
    found = [(name, m) for name in names for m in (density, f"log{density}")]
    return found + [(name, m) for name in names for m in tails]


@pytest.mark.parametrize("name, method", covered(SHAPES, "pdf"))
def test_values(name, method):
    x, rest = points(name), (*SHAPES[name], LOC, SCALE)
    if name == "vonmises":
        x = np.array([-3.0, 0.0, 2.0, 9.0, np.nan])
    with np.errstate(all="ignore"):
        wanted = getattr(getattr(scipy.stats, name), method)(x, *rest)
    if "pdf" in method:  # where SciPy's formulas are inf - inf
        wanted = np.where(np.isinf(x), -np.inf if method == "logpdf" else 0.0, wanted)
    found = needing(lambda: traced(getattr(getattr(stats, name), method), x, *rest))
    np.testing.assert_allclose(found, wanted, rtol=2e-10, atol=1e-14)


@pytest.mark.parametrize("method", ["ppf", "isf"])
@pytest.mark.parametrize("name", sorted(SHAPES))
def test_quantiles(name, method):
    q = np.array([1e-9, 0.01, 0.3, 0.55, 0.9, 0.9999, 0.0, 1.0, -0.1, 1.1, np.nan])
    rest = (*SHAPES[name], LOC, SCALE)
    # of some laws SciPy's isf(q) is ppf(1 - q), which loses digits
    wanted = getattr(getattr(scipy.stats, name), method)(q, *rest)
    found = needing(lambda: traced(getattr(getattr(stats, name), method), q, *rest))
    np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", SHAPES)
def test_derivatives(name):
    law, rest = getattr(stats, name), (*SHAPES[name], LOC, SCALE)
    x = getattr(scipy.stats, name)(*rest).ppf([0.15, 0.45, 0.8])
    args = (x, *map(np.float64, rest))
    needing(lambda: check_grads(law.logpdf, args, order=2, rtol=1e-6))
    needing(lambda: check_grads(law.pdf, args, order=1, rtol=1e-6))
    needing(lambda: check_grads(law.cdf, args, order=1, rtol=1e-6))
    needing(lambda: check_grads(law.logsf, args, order=1, rtol=1e-6))
    q = np.array([0.2, 0.6, 0.9])
    needing(lambda: check_grads(law.ppf, (q, *args[1:]), order=1, rtol=1e-6))


ENDING = ["uniform", "wrapcauchy", "triang", "beta", "truncnorm", "expon", "gamma", "chi2",
          "invgamma", "lognorm", "f", "pareto", "weibull_min", "weibull_max", "halfnorm",
          "halfcauchy", "rayleigh", "maxwell"]  # fmt: skip


@pytest.mark.parametrize("name", ENDING)
def test_nothing_leaks_from_outside(name):
    """Slopes are 0 where the density is, and NaN nowhere but where the value is."""
    low, high = getattr(scipy.stats, name)(*SHAPES[name], LOC, SCALE).support()
    x = np.array([low - 1.0, high + 1.0])
    x = x[np.isfinite(x)]
    assert len(x)
    rest = np.array([*SHAPES[name], LOC, SCALE])
    for method in ("pdf", "logpdf", "cdf", "sf"):
        function = getattr(getattr(stats, name), method)

        def call(x, p, function=function):
            return function(x, *p)

        for jacobian in (jacfwd, jacrev):
            found = needing(lambda j=jacobian, f=call: j(f, argnums=(0, 1))(x, rest))
            for part in found:
                np.testing.assert_array_equal(part, 0.0)


@pytest.mark.parametrize(
    "name, shapes, x",
    [("gamma", (2.0,), 0.0), ("rayleigh", (), 0.0), ("maxwell", (), 0.0),
     ("weibull_min", (2.0,), 0.0), ("triang", (0.3,), 1.0), ("lognorm", (0.5,), 0.0),
     ("invgamma", (2.0,), 0.0),
     ("beta", (2.0, 3.0), 1.0), ("norm", (), 1e200), ("cauchy", (), 1e200)],
)  # fmt: skip
def test_ends_where_the_density_is_zero(name, shapes, x):
    p = np.array([x, *shapes, 0.0, 1.0])
    for method, value in (("pdf", 0.0), ("logpdf", -np.inf)):
        call = lambda p, m=method: getattr(getattr(stats, name), m)(*p)
        assert needing(lambda c=call: jit(c)(p)) == value
        np.testing.assert_array_equal(jacfwd(call)(p), 0.0)
        np.testing.assert_array_equal(jacrev(call)(p), 0.0)


def test_far_tails():
    found = jit(lambda x: (stats.gumbel_r.logsf(x), stats.gumbel_l.logcdf(-x)))(800.0)
    assert found == (-800.0, -800.0)
    assert grad(stats.gumbel_r.logsf)(800.0) == -1.0
    density = needing(lambda: grad(lambda x: stats.gennorm.cdf(x, 1.5))(0.0))
    np.testing.assert_allclose(density, scipy.stats.gennorm.pdf(0.0, 1.5))


@pytest.mark.parametrize("name, method", covered(COUNTS, "pmf"))
def test_counts(name, method):
    k = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 6.0, 7.0, 8.0, 30.0, -1.0, 2.5]) + 1
    rest = (*COUNTS[name], 1)
    # SciPy's hypergeom.cdf gives NaN between whole numbers
    whole = k if "pmf" in method else np.floor(k)
    with np.errstate(all="ignore"):
        wanted = getattr(getattr(scipy.stats, name), method)(whole, *rest)
    found = needing(lambda: traced(getattr(getattr(stats, name), method), k, *rest))
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-13)


MOVES = {"bernoulli": (0,), "binom": (1,), "nbinom": (0, 1), "geom": (0,), "poisson": (0,),
         "betabinom": (1, 2)}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_counts_by_their_parameters(name):
    law, rest = getattr(stats, name), COUNTS[name]
    k = np.array([1.0, 0.0]) if name == "bernoulli" else np.array([1.0, 2.0, 4.0])

    def moved(function):
        def call(*given):
            full = list(rest)
            for i, p in zip(MOVES[name], given, strict=True):
                full[i] = p
            return function(k, *full)

        return call

    given = tuple(np.float64(rest[i]) for i in MOVES[name])
    needing(lambda: check_grads(moved(law.logpmf), given, order=2, rtol=1e-6))
    needing(lambda: check_grads(moved(law.cdf), given, order=2, rtol=1e-6))
    needing(lambda: check_grads(moved(law.sf), given, order=1, rtol=1e-6))
    x = np.array([1.5, -3.0])
    slopes = needing(lambda: grad(lambda p: np.sum(law.pmf(x, *rest[:-1], p)))(rest[-1]))
    assert slopes == 0.0


@pytest.mark.parametrize("method", ["ppf", "isf"])
@pytest.mark.parametrize("name", COUNTS)
def test_quantiles_of_counts(name, method):
    """SciPy's, step by step: no slope by q and the parameters, slope 1 by loc."""
    q = np.array([1e-9, 0.01, 0.3, 0.55, 0.9, 0.9999, 0.0, 1.0, -0.1, 1.1, np.nan])
    ours, theirs = (getattr(getattr(s, name), method) for s in (stats, scipy.stats))
    rest = (*COUNTS[name], 2.0)
    np.testing.assert_array_equal(traced(ours, q, *rest), theirs(q, *rest))
    rows = np.array([[0.1, 0.7], [0.4, 0.9]])
    np.testing.assert_array_equal(vmap(lambda q: ours(q, *rest))(rows), theirs(rows, *rest))
    call = lambda q, *p: np.sum(ours(q, *p))
    *slopes, by_loc = grad(call, argnums=tuple(range(len(rest) + 1)))(rows, *rest)
    assert all(np.all(slope == 0.0) for slope in slopes) and by_loc == 4.0


def _vonmises(x, kappa):
    """x / 2 pi + 1/2 + sum of I_j sin(j x) / (j I_0 pi)."""
    waves = (mp.besseli(j, kappa) * mp.sin(j * x) / j for j in range(1, 99))
    return x / (2 * mp.pi) + mp.fsum(waves) / (mp.pi * mp.besseli(0, kappa))


@pytest.mark.parametrize("kappa", [0.01, 2.5, 30.0])
@pytest.mark.parametrize("x", [-3.0, -1e-3, 0.4, 1.7])
def test_vonmises_by_its_concentration(x, kappa):
    """Against a series in mpmath: the quadrature loses no digits in the tails or at the centre."""
    cdf = stats.vonmises.cdf
    with mp.workdps(30):
        wanted = [float(mp.diff(_vonmises, (mp.mpf(x), mp.mpf(kappa)), n))
                  for n in ((0, 1), (1, 1), (0, 2))]  # fmt: skip
    by_kappa = grad(cdf, 1)
    found = by_kappa(x, kappa), grad(by_kappa, 0)(x, kappa), grad(by_kappa, 1)(x, kappa)
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("name", ["norm", "gamma", "logistic", "weibull_min", "poisson"])
def test_single_precision_batches_and_broadcasting(name):
    law, rest = getattr(stats, name), (SHAPES | COUNTS)[name]
    log = "logpmf" if name == "poisson" else "logpdf"
    x = np.arange(1, 4, dtype=np.float32)
    found = jit(lambda x: getattr(law, log)(x, *rest))(x)
    assert found.dtype == np.float32
    wanted = getattr(getattr(scipy.stats, name), log)
    np.testing.assert_allclose(found, wanted(x, *rest), rtol=2e-6)
    locs = np.array([[0.0], [1.0]]) if name == "poisson" else np.array([[0.0], [0.5]])
    np.testing.assert_allclose(
        jit(lambda x: getattr(law, log)(x, *rest, locs))(x), wanted(x, *rest, locs), rtol=1e-6
    )
    rows = np.arange(1.0, 7.0).reshape(2, 3)
    batch = vmap(lambda r: getattr(law, log)(r, *rest))(rows)
    np.testing.assert_allclose(batch, wanted(rows, *rest))


def test_parameters_by_name_and_frozen():
    x = np.array([0.4, 2.0])
    wanted = scipy.stats.gamma.pdf(x, a=2.0, scale=3.0)
    np.testing.assert_allclose(jit(lambda a: stats.gamma.pdf(x, a=a, scale=3.0))(2.0), wanted)
    np.testing.assert_allclose(jit(lambda a: stats.gamma(a, scale=3.0).pdf(x))(2.0), wanted)
    assert stats.gamma(2.0).mean() == scipy.stats.gamma.mean(2.0)
    assert stats.norm.pdf(0.5) == scipy.stats.norm.pdf(0.5)
    assert np.isnan(jit(lambda s: stats.norm.pdf(0.5, 0.0, s))(-1.0))
    assert np.isnan(jit(lambda b: stats.pareto.pdf(2.0, b))(-1.0))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: stats.norm.pdf(x, 0.0, 1.0, 2.0), TypeError, "norm.pdf.x, loc, scale"),
        (lambda x: stats.gamma.pdf(x), TypeError, "a missing"),
        (lambda x: stats.norm.pdf(x, width=2.0), TypeError, "width"),
        (lambda x: stats.norm.rvs(x), NotTraceableError, "norm.rvs is not covered"),
        (lambda x: stats.vonmises.entropy(x), NotTraceableError, "vonmises.entropy"),
        (lambda x: stats.skew(x, nan_policy="omit"), NotTraceableError, "nan_policy"),
        (lambda x: stats.rankdata(x, "best"), ValueError, "best"),
        (lambda x: stats.pearsonr(x, x[1:]), ValueError, "one length"),
        (lambda x: stats.dirichlet.logpdf(x, np.ones(5)), ValueError, "first axis"),
        (lambda x: stats.multivariate_normal.cdf(x), NotTraceableError, "logpdf"),
        (lambda x: stats.gaussian_kde(x, "wide"), ValueError, "wide"),
        (lambda x: stats.norm.pdf(x + 1j), TypeError, "complex"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        jit(call)(np.ones(3))


def test_missing_names():
    with pytest.raises(AttributeError, match="no 'burr'"):
        stats.burr
    assert "stats" in dir(names)


# -- vectors -------------------------------------------------------------------------------------

X3, MEAN = RNG.normal(size=(4, 3)), np.array([0.1, -0.2, 0.3])
COV = np.cov(RNG.normal(size=(3, 9)))


@pytest.mark.parametrize("cov", [COV, np.diag(COV), np.float64(1.3)], ids=lambda c: str(c.ndim))
def test_multivariate_normal(cov):
    ours, theirs = stats.multivariate_normal, scipy.stats.multivariate_normal
    for x in (X3, X3[0]):
        np.testing.assert_allclose(traced(ours.logpdf, x, MEAN, cov), theirs.logpdf(x, MEAN, cov))
    np.testing.assert_allclose(traced(ours.pdf, X3, MEAN, cov), theirs.pdf(X3, MEAN, cov))
    check_grads(ours.logpdf, (X3, MEAN, cov), order=2)
    np.testing.assert_allclose(jit(lambda m: ours(m, cov).pdf(X3))(MEAN), theirs(MEAN, cov).pdf(X3))


def test_multivariate_t_and_one_dimension():
    ours, theirs = stats.multivariate_t, scipy.stats.multivariate_t
    np.testing.assert_allclose(
        traced(ours.logpdf, X3, MEAN, COV, 3.5), theirs.logpdf(X3, MEAN, COV, 3.5)
    )
    check_grads(ours.logpdf, (X3, MEAN, COV, np.float64(3.5)), order=1)
    x = X3[0]
    np.testing.assert_allclose(
        jit(lambda x: stats.multivariate_normal.logpdf(x, 0.5, 2.0))(x),
        scipy.stats.multivariate_normal.logpdf(x, 0.5, 2.0),
    )


def test_dirichlet_and_multinomial():
    alpha, x = np.array([1.5, 2.0, 0.7]), np.array([0.2, 0.5, 0.3])
    for given in (x, x[:-1], np.stack([x, x[::-1]], axis=1)):
        np.testing.assert_allclose(
            traced(stats.dirichlet.logpdf, given, alpha),
            scipy.stats.dirichlet.logpdf(given, alpha),
        )
    check_grads(stats.dirichlet.logpdf, (x[:-1], alpha), order=2)
    counts = np.array([[1, 2, 3], [6, 0, 0], [1, 1, 1]])
    np.testing.assert_allclose(
        jit(lambda p: stats.multinomial.logpmf(counts, 6, p))(x),
        scipy.stats.multinomial.logpmf(counts, 6, x),
    )
    check_grads(
        lambda p: stats.multinomial.pmf(counts[:2], 6, np.append(p, 1 - np.sum(p))), (x[:2],), 1
    )


# -- samples -------------------------------------------------------------------------------------

SUMMARIES = [
    ("sem", {}), ("sem", {"axis": 1, "ddof": 0}), ("zscore", {}), ("zscore", {"axis": None}),
    ("skew", {}), ("skew", {"axis": 1, "bias": False}), ("kurtosis", {}),
    ("kurtosis", {"fisher": False, "bias": False}), ("moment", {"order": 3}),
    ("moment", {"order": 2, "center": 0.5, "axis": 1}), ("gmean", {}), ("hmean", {"axis": None}),
]  # fmt: skip


@pytest.mark.parametrize("name, options", SUMMARIES, ids=str)
def test_summaries(name, options):
    a = RNG.uniform(0.5, 2.0, size=(5, 6))
    ours, theirs = getattr(stats, name), getattr(scipy.stats, name)
    np.testing.assert_allclose(jit(lambda a: ours(a, **options))(a), theirs(a, **options))
    np.testing.assert_array_equal(ours(a, **options), theirs(a, **options))
    power = 3 if name == "zscore" else 1  # sums of scores are 0
    check_grads(lambda a: ours(a, **options) ** power, (a,), order=2, rtol=1e-6)


def test_pearsonr_and_ranks():
    x, y = X3[:, 0], X3[:, 1] + 0.2 * X3[:, 0]
    found = grad(lambda x: stats.pearsonr(x, y).statistic)(x)
    check_grads(lambda x: stats.pearsonr(x, y).statistic, (x,), order=2)
    assert abs(found @ (x - x.mean())) < 1e-12
    wanted = scipy.stats.pearsonr(x, y)
    np.testing.assert_allclose(jit(lambda x: stats.pearsonr(x, y).statistic)(x), wanted.statistic)
    p = needing(lambda: jit(lambda x: stats.pearsonr(x, y).pvalue)(x))
    np.testing.assert_allclose(p, wanted.pvalue)
    a = np.array([[3.0, 1.0, 3.0, 2.0], [0.0, 0.0, 5.0, 0.0]])
    for method in ("average", "min", "max", "dense", "ordinal"):
        for axis in (None, 0, 1):
            ranked = jit(lambda a, m=method, x=axis: stats.rankdata(a, m, axis=x))(a)
            wanted = scipy.stats.rankdata(a, method, axis=axis)
            np.testing.assert_array_equal(ranked, wanted.reshape(ranked.shape))


@pytest.mark.parametrize("method", [None, "silverman", 0.4])
@pytest.mark.parametrize("d", [1, 2])
def test_gaussian_kde(method, d):
    data, w = RNG.normal(size=(d, 8)), RNG.uniform(0.5, 1.0, size=8)
    where = RNG.normal(size=(d, 5))
    theirs = scipy.stats.gaussian_kde(data, method, w)
    ours = stats.gaussian_kde(data, method, w)
    np.testing.assert_allclose(ours(where), theirs(where))
    np.testing.assert_allclose(jit(lambda x: ours.logpdf(x))(where), theirs.logpdf(where))
    check_grads(
        lambda x, data, w: stats.gaussian_kde(data, method, w).logpdf(x), (where, data, w), 1
    )


def test_hessian_of_a_likelihood():
    """At the maximum of a normal likelihood: n / s^2 and 2 n / s^2."""
    x = RNG.normal(size=50)
    best = np.array([x.mean(), x.std()])
    found = hessian(lambda p: -np.sum(stats.norm.logpdf(x, p[0], p[1])))(best)
    np.testing.assert_allclose(found, np.diag([50, 100]) / x.var(), atol=1e-10)


def test_parameters_of_different_shapes():
    """One an array, one a number: each broadcasts by itself."""
    x, a = np.array([0.2, 0.5]), np.array([2.0, 3.0])
    expected = scipy.stats.beta.logpdf(x, a, 3.0)
    np.testing.assert_allclose(jit(lambda a: stats.beta.logpdf(x, a, 3.0))(a), expected)
    check_grads(lambda a: stats.beta.logpdf(x, a, 3.0), (a,), order=2)
