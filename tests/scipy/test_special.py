"""``scipy.special``: every ufunc classified, values SciPy's, derivatives against mpmath."""

import subprocess
import sys

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from funcgrad import grad, jacrev, jit, jvp, vmap
from funcgrad.errors import DifferentiationError, NotTraceableError
from funcgrad.ops.special.common import No
from funcgrad.ops.special.everything import HANDLERS, PARTIALS
from funcgrad.scipy import special as ours
from tests import special_table
from tests.ops.laws import check, check_batched, check_float32
from tests.special_cases import CASES

POINTS = 3
CLOSED = [c for c in CASES if c.mp is not None]
IDS = [f"{c.name}-{c.note}".rstrip("-") for c in CLOSED]


def points(case, kind=float):
    """Columns of operands; numbers stay numbers."""
    rng = np.random.default_rng(sum(map(ord, case.name)))
    columns = [rng.uniform(*a, POINTS) if isinstance(a, tuple) else a for a in case.args]
    if kind is complex or case.name == "wofz":
        columns[-1] = columns[-1] + 0.3j * rng.uniform(0.5, 1.0, POINTS)
    return columns


def results(case, outs):
    return outs if case.results > 1 else (outs,)


def number(x):
    return complex(x) if mp.im(x) else float(mp.re(x))


def slopes(f, columns, place):
    """Value, first and second derivative by one argument."""
    one = np.ones_like(columns[place])

    def at(x):
        return f(*columns[:place], x, *columns[place + 1 :])

    value, first = jvp(at, (columns[place],), (one,))
    second = jvp(lambda x: jvp(at, (x,), (one,))[1], (columns[place],), (one,))[1]
    return value, first, second


def agree(found, wanted, rtol):
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=1e-14)


def against_mpmath(case, columns, place):
    f = getattr(special, case.name)
    found = [results(case, v) for v in slopes(f, columns, place)]
    for part, closed in enumerate(case.mp if isinstance(case.mp, list) else [case.mp]):
        for j in range(POINTS):
            xs = [c[j] if isinstance(c, np.ndarray) else c for c in columns]
            wanted = exact(
                closed, [x if isinstance(x, int) else mp.mpmathify(x) for x in xs], place
            )
            for v, w, rtol in zip(found, wanted, (case.value, case.rtol, case.second)):
                agree(v[part][j], w, rtol)


def exact(f, xs, place):
    def at(x):
        return f(*xs[:place], x, *xs[place + 1 :])

    with mp.workdps(30):
        value, first = at(xs[place]), mp.diff(at, xs[place])
    with mp.workdps(40):
        return [number(v) for v in (value, first, mp.diff(at, xs[place], 2))]


@pytest.mark.parametrize("case", CLOSED, ids=IDS)
def test_closed_form(case):
    """Value, first and second derivative in each argument alone."""
    for place in case.moving:
        against_mpmath(case, points(case), place)


@pytest.mark.parametrize("case", [c for c in CLOSED if c.complex], ids=lambda c: c.name)
def test_complex(case):
    """The complex derivative; polygamma of complex numbers ends the chain of gamma functions."""
    columns, place = points(case, complex), len(case.args) - 1
    f = getattr(special, case.name)
    one = np.ones_like(columns[place])
    _, first = jvp(lambda x: f(*columns[:place], x), (columns[place],), (one,))
    for part, closed in enumerate(case.mp if isinstance(case.mp, list) else [case.mp]):
        for j in range(POINTS):
            xs = [c[j] if isinstance(c, np.ndarray) else c for c in columns]
            at = lambda x, closed=closed, xs=xs: closed(*map(mp.mpmathify, xs[:place]), x)
            with mp.workdps(30):
                wanted = number(mp.diff(at, mp.mpmathify(xs[place])))
            agree(results(case, first)[part][j], wanted, max(case.rtol, 1e-9))


OPEN = [c for c in CASES if c.mp is None and c.name.startswith(("mathieu", "pro", "obl", "pbwa"))]


@pytest.mark.parametrize("case", OPEN, ids=lambda c: c.name)
def test_parameters_by_differences_of_values(case):
    """Fourth order, of SciPy's values and of first derivatives."""
    f, columns, h = getattr(special, case.name), points(case), 2.0**-8
    for place in case.moving:
        at = lambda x, p=place: f(*columns[:p], x, *columns[p + 1 :])
        first = lambda x, at=at: jvp(at, (x,), (np.ones_like(x),))[1]
        x = columns[place]
        _, *found = slopes(f, columns, place)
        for g, slope, rtol in zip((at, first), found, (1e-6, 1e-5), strict=True):
            near, far = ([(a - b) / (2 * k * h) for a, b in zip(g(x + k * h), g(x - k * h))]
                         for k in (1, 2))  # fmt: skip
            for part in range(case.results):
                wanted = (4 * near[part] - far[part]) / 3
                np.testing.assert_allclose(slope[part], wanted, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("case", CASES, ids=[f"{c.name}-{c.note}".rstrip("-") for c in CASES])
def test_ufunc_dispatch_modes_and_transforms(case):
    """SciPy's own ufunc on traced values: its numbers, both modes, vmap a loop, jit the same."""
    f, columns = getattr(special, case.name), points(case)
    plain = results(case, f(*columns))
    moving = [columns[k] for k in case.moving]

    def g(*xs):
        it = iter(xs)
        return f(*[next(it) if k in case.moving else c for k, c in enumerate(columns)])

    tangents = [np.linspace(0.5, 1.0, POINTS) + 0 * x for x in moving]
    outs, moved = jvp(g, moving, tangents)
    compiled = results(case, jit(g)(*moving))
    mapped = results(case, vmap(g)(*moving))
    for part, wanted in enumerate(plain):
        for found in (results(case, outs), compiled, mapped):
            np.testing.assert_allclose(found[part], wanted, rtol=1e-13)
            assert np.asarray(found[part]).dtype == np.asarray(wanted).dtype
        back = jacrev(lambda *xs, part=part: np.real(results(case, g(*xs))[part]),
                      argnums=tuple(range(len(moving))))(*moving)  # fmt: skip
        if case.name == "wofz":
            continue
        pulled = sum(np.real(np.asarray(b) @ t) for b, t in zip(back, tangents))
        np.testing.assert_allclose(pulled, np.real(results(case, moved)[part]), rtol=1e-10)


# -- every ufunc has its place -------------------------------------------------------------------


def test_every_ufunc_is_classified():
    named = special_table.classified()
    assert set(named.values()) <= HANDLERS.keys()
    tried = {c.name for c in CASES}
    untried = {n for n in set(named.values()) & PARTIALS.keys() - tried if differentiable(n)}
    assert untried == set()


def differentiable(name):
    rules = PARTIALS[name]
    flat = [r for row in rules for r in row] if isinstance(rules[0], tuple) and not isinstance(
        rules[0], No) else rules  # fmt: skip
    return any(not isinstance(r, No) for r in flat)


def test_the_table_is_up_to_date():
    assert special_table.PATH.read_text() == special_table.text(), "python -m tests.special_table"


@pytest.mark.parametrize(
    "f, x, name",
    [
        (lambda n: special.eval_legendre(n, 0.3), 2.0, "n"),
        (lambda m: special.mathieu_a(m, 1.0), 2.0, "m"),
        (lambda c: special.pro_ang1_cv(1, 2, c, 6.5, 0.5)[0], 1.5, "c"),
        (lambda a: special.wright_bessel(a, 1.0, 2.0), 2.0, "a"),
        (lambda x: special.obl_rad2(1, 2, 1.5, x)[0], 1.5, "x"),
        (lambda k: special.pdtr(k, 1.0), 2.0, "k"),
        (lambda d: special.smirnov(3, d), 0.2, "d"),
    ],
)
def test_arguments_without_a_rule_raise(f, x, name):
    with pytest.raises(DifferentiationError, match=rf"argument \d \({name}\).*custom_jvp"):
        grad(f)(x)


def test_what_is_not_holomorphic_raises():
    z = np.array([1.0 + 0.5j])
    for f in (lambda z: special.jve(1.0, z), lambda z: special.airye(z)[2]):
        with pytest.raises(DifferentiationError, match="not holomorphic"):
            jvp(f, (z,), (z,))


def test_ufuncs_keep_out_where_and_names():
    x = np.array([0.5, 1.5])
    slope = grad(lambda x: np.sum(special.j0(x, where=np.array([True, False]))))(x)
    np.testing.assert_allclose(slope, [-special.j1(0.5), 0.0])
    assert ours.j0.__name__ == "j0" and ours.digamma(1.0) == special.psi(1.0)
    np.testing.assert_allclose(grad(lambda x: np.sum(ours.jv(1.5, [x, 2 * x])))(0.7),
                               special.jvp(1.5, 0.7) + 2 * special.jvp(1.5, 1.4))  # fmt: skip


# -- singular points -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f, x, wanted",
    [
        (special.rgamma, -2.0, 2.0),  # (-1)^n n!
        (special.spence, 1.0, -1.0),
        (lambda x: special.boxcox(2.0, x), 0.0, np.log(2.0) ** 2 / 2),
        (lambda x: special.inv_boxcox(0.5, x), 0.0, -np.exp(0.5) / 8),
        (special.exprel, 0.0, 0.5),
        (special.ellipk, 0.0, np.pi / 8),
        (lambda m: special.ellipkinc(0.7, m), 0.0, (0.7 - np.sin(1.4) / 2) / 4),
        (lambda x: special.sici(x)[0], 0.0, 1.0),
        (lambda y: special.xlog1py(0.0, y), -1.0, 0.0),
        (special.bei, 0.0, 0.0),
        (special.beip, 0.0, 0.5),
        (special.j1, 0.0, 0.5),
        (lambda n: ours.diric(n, 5), 0.0, 0.0),
        (lambda z: np.real(ours.lambertw(z)), 0.0, 1.0),
        (special.kolmogorov, 0.02, 0.0),
        (lambda d: special.pseudo_huber(d, 2.0), 0.0, 2.0),
        (lambda k: special.binom(3.0, k), 5.0, 1 / 20),  # 3! 5!^-1 (1/gamma)'(-1) (-1)
        (lambda t: special.stdtr(3.0, t), 0.0, 2 / (np.pi * np.sqrt(3))),
    ],
)
def test_limits(f, x, wanted):
    np.testing.assert_allclose(grad(f)(x), wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("a, b, x", [
    (0.1, 0.5, 1e-3), (0.1, 50.0, 99.0), (50.0, -50.0, 1e-3), (50.0, -50.0, 100.0),
    (50.0, 50.0, 100.0), (0.4, -20.0, 2.0),
])  # fmt: skip
def test_tricomis_function_by_its_parameters(a, b, x):
    """To the corners of the range that is stated; beyond it NaN, not a wrong number."""
    found = [grad(special.hyperu, k)(a, b, x) for k in (0, 1)]
    with mp.workdps(30):
        at = lambda a, b: mp.hyperu(a, b, mp.mpf(x))
        wanted = [float(mp.diff(at, (mp.mpf(a), mp.mpf(b)), n)) for n in ((1, 0), (0, 1))]
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    for outside in ((0.05, b, x), (51.0, b, x), (a, -60.0, x), (a, b, 1e-4), (a, b, 200.0)):
        assert all(np.isnan(grad(special.hyperu, k)(*outside)) for k in (0, 1))


def test_far_out_nothing_cancels():
    x = 1e5
    np.testing.assert_allclose(grad(special.erfcx)(x), -1 / (np.sqrt(np.pi) * x * x), rtol=1e-9)
    np.testing.assert_allclose(grad(special.dawsn)(x), -0.5 / (x * x), rtol=1e-9)
    np.testing.assert_allclose(grad(grad(special.log_ndtr))(-x), -1 + 1 / (x * x), rtol=1e-12)


# -- functions that are no ufuncs ----------------------------------------------------------------

X = np.array([[0.3, 0.7, 1.2], [0.5, 1.1, 0.2]])
B = np.array([1.0, 2.0, 0.5])
FUNCTIONS = {
    "logsumexp": lambda x: ours.logsumexp(x),
    "logsumexp b": lambda x: ours.logsumexp(x, axis=1, b=B, keepdims=True),
    "logsumexp sign": lambda x: ours.logsumexp(
        x, axis=0, b=np.array([[1.0], [-3.0]]), return_sign=True
    )[0],
    "softmax": lambda x: ours.softmax(x, axis=1),
    "log_softmax": lambda x: ours.log_softmax(x, axis=0),
    "softplus": lambda x: ours.softplus(x),
    "polygamma": lambda x: ours.polygamma(2, x),
    "multigammaln": lambda x: ours.multigammaln(x + 2, 3),
    "zeta": lambda x: ours.zeta(x + 2),
    "zeta q": lambda x: ours.zeta(2.5, x),
    "comb": lambda x: ours.comb(x + 4, 2),
    "comb repetition": lambda x: ours.comb(x + 4, 2, repetition=True),
    "perm": lambda x: ours.perm(x + 4, 2),
    "factorial": lambda x: ours.factorial(x),
    "jvp": lambda x: ours.jvp(1.5, x, 2),
    "kvp": lambda x: ours.kvp(1.5, x, 3),
    "ivp": lambda x: ours.ivp(1, x, 1),
    "yvp": lambda x: ours.yvp(1, x, 0),
    "h1vp": lambda x: np.imag(ours.h1vp(1, x, 2)),
    "spherical_jn": lambda x: ours.spherical_jn(2, x),
    "spherical_kn": lambda x: ours.spherical_kn(0, x, derivative=True),
    "spherical_yn": lambda x: ours.spherical_yn(np.array([0, 1, 2]), x, True),
    "legendre_p": lambda x: ours.legendre_p(3, x / 2),
    "sph_legendre_p": lambda x: ours.sph_legendre_p(3, -2, x),
    "sph_harm_y": lambda x: np.real(ours.sph_harm_y(3, 2, x, 0.4)),
    "sph_harm_y phi": lambda x: np.imag(ours.sph_harm_y(3, -1, 0.4, x)),
    "lambertw": lambda x: np.real(ours.lambertw(x)),
    "lambertw k": lambda x: np.imag(ours.lambertw(x, -1)),
    "diric": lambda x: ours.diric(x, 4),
    "sinc": lambda x: ours.sinc(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name):
    check(FUNCTIONS[name], [X])
    check_batched(FUNCTIONS[name], [X])


@pytest.mark.parametrize("name", ["logsumexp", "logsumexp b", "softmax", "softplus", "sinc"])
def test_functions_in_single_precision(name):
    check_float32(FUNCTIONS[name], [X])


@pytest.mark.parametrize(
    "a, share",
    [
        ([-np.inf, -np.inf], [0.5, 0.5]),
        ([np.inf, 1.0, np.inf], [0.5, 0.0, 0.5]),
        ([-np.inf, 0.0, 0.0], [0.0, 0.5, 0.5]),
        ([1000.0, 1000.0], [0.5, 0.5]),
    ],
)
def test_logsumexp_of_infinities(a, share):
    a = np.array(a)
    assert jvp(ours.logsumexp, (a,), (np.zeros_like(a),))[0] == special.logsumexp(a)
    np.testing.assert_allclose(grad(ours.logsumexp)(a), share, rtol=1e-15)


def test_names():
    """Plain arrays are SciPy's; constants are there; what is missing says so."""
    np.testing.assert_array_equal(ours.jn_zeros(0, 3), special.jn_zeros(0, 3))
    assert ours.roots_legendre(3)[0].shape == (3,) and ours.comb(5, 2, exact=True) == 10
    with pytest.raises(AttributeError, match=r"no 'gamow'.*custom_jvp"):
        ours.gamow
    with pytest.raises(NotTraceableError, match="one integer"):
        grad(lambda x: ours.polygamma(np.array([1, 2]), x))(1.0)
    with pytest.raises(NotTraceableError, match="jacfwd"):
        grad(lambda x: ours.sph_legendre_p(2, 1, x, diff_n=1))(1.0)


def test_single_precision_differences():
    """The numerical rule in float32, to its stated accuracy."""
    v, x = np.float32(1.3), np.float32(2.1)
    slope = grad(lambda v: special.jv(v, x))(v)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope, grad(lambda v: special.jv(v, 2.1))(1.3), rtol=2e-5)


def test_families_load_late():
    code = (
        "import sys, numpy, funcgrad; "
        "print([m for m in ('scipy', 'funcgrad.ops.special.everything') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
