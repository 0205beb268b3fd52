"""``funcgrad.scipy.integrate``: SciPy's numbers; derivatives against closed forms, both modes."""

import numpy as np
import pytest
import scipy.integrate

from funcgrad import grad, hessian, jacfwd, jacrev, jit, jvp, vmap
from funcgrad.errors import NotTraceableError
from funcgrad.scipy import integrate
from funcgrad.testing import check_grads

RNG = np.random.default_rng(3)
X = np.cumsum(RNG.uniform(0.2, 1.0, size=9))
Y = RNG.normal(size=(2, 9))


@pytest.mark.parametrize("n", [2, 3, 4, 8, 9])
@pytest.mark.parametrize("with_x", [False, True])
@pytest.mark.parametrize(
    "name", ["trapezoid", "simpson", "cumulative_trapezoid", "cumulative_simpson"]
)
def test_samples(name, with_x, n):
    ours, theirs = getattr(integrate, name), getattr(scipy.integrate, name)
    if name == "cumulative_simpson" and n < 3:
        with pytest.raises(ValueError, match="three"):
            jit(ours)(Y[:, :n])
        return
    y = Y[:, :n]
    for options in ({}, {"axis": 0}):
        y_ = y.T if options else y
        if with_x:
            found = jit(lambda y, x, o=options: ours(y, x=x, **o))(y_, X[:n])
            wanted = theirs(y_, x=X[:n], **options)
            check_grads(lambda y, x, o=options: ours(y, x=x, **o), (y_, X[:n]), 2, rtol=1e-6)
        else:
            found, wanted = (
                jit(lambda y, o=options: ours(y, dx=0.3, **o))(y_),
                theirs(y_, dx=0.3, **options),
            )
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
    if "cumulative" in name:
        found = jit(lambda y: ours(y, initial=0))(y)
        np.testing.assert_allclose(found, theirs(y, initial=0), rtol=1e-12, atol=1e-13)


def test_romb_and_single_precision():
    found = jit(lambda y: integrate.romb(y, dx=0.5))(Y)
    np.testing.assert_allclose(found, scipy.integrate.romb(Y, dx=0.5))
    assert jit(integrate.simpson)(Y.astype(np.float32)).dtype == np.float32
    with pytest.raises(ValueError, match="2\\^k"):
        jit(integrate.romb)(Y[:, :4])


# -- quad ----------------------------------------------------------------------------------------

INTEGRALS = [
    (lambda x, p: np.exp(-p * x), 0.0, 2.0),
    (lambda x, p: np.sqrt(abs(x - 0.3)) * p, 0.0, 1.0),
    (lambda x, p: np.cos(30 * p * x), -1.0, 2.0),
    (lambda x, p: np.exp(-p * x * x), -np.inf, np.inf),
    (lambda x, p: 1 / (p + x * x), 1.0, np.inf),
    (lambda x, p: np.exp(p * x), -np.inf, 0.5),
    (lambda x, p: np.exp(p * x), 2.0, -1.0),
    (lambda x, p: np.log(x) * p, 0.0, 1.0),
    (lambda x, p: np.exp(-p * x * x), np.inf, -np.inf),
    (lambda x, p: np.exp(-p * x), np.inf, 1.0),
    (lambda x, p: p + 0 * x, 0.0, 1.0),
]


@pytest.mark.parametrize("f, a, b", INTEGRALS)
def test_quad(f, a, b):
    p = 1.3
    wanted = scipy.integrate.quad(f, a, b, (p,))[0]
    value, error = jit(lambda p: integrate.quad(f, a, b, (p,)))(p)
    assert abs(value - wanted) <= 1e-8 * max(1.0, abs(wanted)) and error < 1e-7
    h = 1e-3
    ends = [scipy.integrate.quad(f, a, b, (p + k * h,), epsabs=1e-12)[0] for k in (-2, -1, 1, 2)]
    slope = (8 * (ends[2] - ends[1]) - (ends[3] - ends[0])) / (12 * h)
    for derivative in (grad, jacfwd):
        found = derivative(lambda p: integrate.quad(lambda x: f(x, p), a, b)[0])(p)
        np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-7)


def test_limits_by_leibniz():
    def between(a, b, p):
        return integrate.quad(lambda x: np.exp(p * x), a, b)[0]

    check_grads(between, (0.2, 1.5, 0.7), order=3, rtol=1e-6)
    step = grad(lambda b: integrate.quad(lambda x: np.where(x > 0.5, 2.0, 0.0), 0.0, b)[0])
    assert abs(step(1.0) - 2.0) < 1e-14  # not the rate at which nodes cross the step
    tail = grad(lambda a: integrate.quad(lambda x: np.exp(-x), a, np.inf)[0])
    assert abs(tail(0.0) + 1.0) < 1e-14


def test_quad_batched_with_points_and_fixed():
    ps = np.array([0.5, 1.0, 4.0])
    f = lambda x, p: abs(x - 0.3) * np.exp(-p * x)
    wanted = [scipy.integrate.quad(f, 0.0, 1.0, (p,), points=[0.3])[0] for p in ps]
    found = vmap(lambda p: integrate.quad(f, 0.0, 1.0, p, points=[0.3])[0])(ps)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(
        vmap(lambda p: integrate.quad(f, 0.0, 1.0, p)[0])(ps), wanted, rtol=1e-8
    )
    wanted = scipy.integrate.fixed_quad(np.sin, 0.0, 2.0, n=4)[0]
    np.testing.assert_allclose(
        jit(lambda b: integrate.fixed_quad(np.sin, 0.0, b, n=4)[0])(2.0), wanted
    )
    check_grads(lambda a, b: integrate.fixed_quad(np.exp, a, b)[0], (0.1, 0.9))
    assert integrate.quad(np.sin, 0.0, 1.0) == scipy.integrate.quad(np.sin, 0.0, 1.0)


# -- differential equations ----------------------------------------------------------------------

T = np.array([0.0, 0.4, 1.1, 2.0])
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


def lotka(y, t, a, b):
    return np.stack([a * y[0] - b * y[0] * y[1], b * y[0] * y[1] - y[1]])


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853"])
def test_steps_are_scipys(method):
    y0, args = np.array([1.0, 0.5]), (1.5, 0.8)
    f = lambda t, y, a, b: lotka(y, t, a, b)
    for span, t_eval in (((0.0, 2.0), T), ((2.0, -1.0), [1.5, 0.0, -1.0])):
        wanted = scipy.integrate.solve_ivp(f, span, y0, method, t_eval, args=args)
        found = jit(
            lambda y0, s=span, e=t_eval: integrate.solve_ivp(f, s, y0, method, e, args=args)
        )(y0)
        np.testing.assert_allclose(found.y, wanted.y, rtol=1e-12)
        assert found.success


def test_high_order():
    """Order 8 and its dense output of order 7; and derivatives through the steps."""
    y0 = np.array([1.0, 0.0])
    f = lambda t, y, w: np.stack([y[1], -w * w * y[0]])
    at = np.linspace(0.0, 10.0, 7)

    def ours(w, **options):
        return integrate.solve_ivp(
            f, (0.0, 10.0), y0, "DOP853", at, args=(w,), rtol=1e-12, atol=1e-12, **options
        ).y[0]

    exact = lambda w: np.cos(w * at)
    for adjoint in (False, True):
        for ask in (jit, jacfwd, jacrev):
            found = ask(lambda w, on=adjoint: ours(w, adjoint=on))(1.3)
            np.testing.assert_allclose(found, ask(exact)(1.3), atol=1e-9)


@pytest.mark.parametrize("adjoint", [False, True])
@pytest.mark.parametrize("span", [(0.0, 2.0), (2.0, -1.0)])
def test_dense_output(span, adjoint):
    f = lambda t, y, k: np.stack([y[1], -k * y[0]])
    y0, ts = np.array([1.0, 0.3]), np.array([1.7, 0.2, 0.2, 1.1])
    theirs = scipy.integrate.solve_ivp(
        f, span, y0, dense_output=True, args=(1.3,), rtol=1e-8, atol=1e-8
    )

    def sol(k, t):
        options = {"rtol": 1e-8, "atol": 1e-8, "adjoint": adjoint, "dense_output": True}
        solved = integrate.solve_ivp(f, span, y0, args=(k,), **options)
        assert isinstance(solved.success, bool) or solved.y.shape == (2, 2)  # SciPy's, or both ends
        return solved.sol(t)

    rtol = 1e-6 if adjoint else 1e-11  # the last step ends at the last time asked for
    np.testing.assert_allclose(jit(sol)(1.3, ts), theirs.sol(ts), rtol=rtol)
    np.testing.assert_allclose(jit(sol)(1.3, 0.7), theirs.sol(0.7), rtol=rtol)
    moved = jvp(lambda t: sol(1.3, t), (ts,), (np.ones(4),))[1]
    np.testing.assert_allclose(moved, f(ts, theirs.sol(ts), 1.3), rtol=1e-6)

    def exact(k, t):
        w, s = np.sqrt(k), t - span[0]
        return y0[0] * np.cos(w * s) + y0[1] / w * np.sin(w * s)

    for ask in (jacfwd, jacrev):
        found = ask(lambda k, t: sol(k, t)[0], argnums=(0, 1))(1.3, ts)
        for one, other in zip(found, ask(exact, argnums=(0, 1))(1.3, ts), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
    with pytest.raises(ValueError, match="lies outside of t_span"):
        jit(lambda k: sol(k, np.array([3.0])))(1.3)
    with pytest.raises(ValueError, match="a time or a row"):
        jit(lambda k: sol(k, np.ones((2, 2))))(1.3)


def test_odeint_against_lsoda():
    y0, args = np.array([1.0, 0.5]), (1.5, 0.8)
    wanted = scipy.integrate.odeint(lotka, y0, T, args, **TIGHT)
    for given in (args, (args,)):
        found = jit(lambda y0, g=given: integrate.odeint(lotka, y0, T, *g, **TIGHT))(y0)
        np.testing.assert_allclose(found, wanted, rtol=1e-7)
    np.testing.assert_array_equal(integrate.odeint(lotka, y0, T, *args, **TIGHT), wanted)


def end(y0, a, b, t=T):
    return integrate.odeint(lotka, y0, t, a, b, **TIGHT)


def test_derivatives_of_both_modes_and_orders():
    args = (np.array([1.0, 0.5]), np.float64(1.5), np.float64(0.8))
    check_grads(end, args, order=2, rtol=1e-5)


def linear(rate, t0, t1, y0):
    """y0 exp(rate (t - t0)) at t1."""
    ts = np.stack([t0, 0.5 * (t0 + t1), t1])
    return integrate.odeint(lambda y, t: rate * y, y0, ts, **TIGHT)[-1, 0]


def test_times_and_closures_against_the_closed_form():
    exact = lambda p: p[3] * np.exp(p[0] * (p[2] - p[1]))
    ours = lambda p: linear(p[0], p[1], p[2], p[3])
    p = np.array([-0.7, 0.2, 1.4, 2.0])
    for derivative in (jacfwd, jacrev, hessian):
        np.testing.assert_allclose(derivative(ours)(p), derivative(exact)(p), rtol=2e-7, atol=1e-7)
    third = jvp(hessian(ours), (p,), (np.ones(4),))[1]
    np.testing.assert_allclose(
        third, jvp(hessian(exact), (p,), (np.ones(4),))[1], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(jit(jacrev(ours))(p), jacrev(exact)(p), rtol=2e-7)


def relaxing(p, method="Radau", t=(0.25, 1.0)):
    """y' = k (y - cos t), from y0."""
    slope = lambda t, y: p[0] * (y - np.cos(t))
    return integrate.solve_ivp(
        slope, (0.0, 1.0), np.stack([p[1]]), method, np.array(t), rtol=1e-9, atol=1e-9
    ).y[0]


def relaxed(p, t=(0.25, 1.0)):
    k, y0 = p[0], p[1]
    t = np.array(t)
    across = 1 + k * k
    kept = (y0 - k * k / across) * np.exp(k * t)
    return k * k / across * np.cos(t) - k / across * np.sin(t) + kept


@pytest.mark.parametrize("method, atol", [("Radau", 2e-9), ("BDF", 5e-8)])
@pytest.mark.parametrize("k", [-2.0, -2000.0])
def test_stiff_equations(k, method, atol):
    p, ours = np.array([k, 2.0]), lambda p: relaxing(p, method)
    for ask in (jit, jacfwd, jacrev, lambda f: jacfwd(jacrev(f))):
        np.testing.assert_allclose(ask(ours)(p), ask(relaxed)(p), atol=atol)


def test_a_stiff_oscillator():
    def f(t, y, mu):
        return np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])

    def at_end(mu, rtol=1e-6):
        options = {"rtol": rtol, "atol": 1e-2 * rtol, "args": (mu,)}
        return integrate.solve_ivp(
            f, (0.0, 1000.0), np.array([2.0, 0.0]), "Radau", np.array([600.0, 1000.0]), **options
        )

    wanted = at_end(500.0, 1e-10)  # SciPy's
    found = jit(at_end)(500.0)
    np.testing.assert_allclose(found.y, wanted.y, rtol=1e-5)
    assert found.nfev < wanted.nfev
    slope = grad(lambda mu: at_end(mu).y[0, 1])(500.0)
    near = at_end(500.1, 1e-10).y[0, 1] - at_end(499.9, 1e-10).y[0, 1]
    np.testing.assert_allclose(slope, near / 0.2, rtol=5e-3)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_bdf_is_as_accurate_as_scipys(tolerance):
    """On van der Pol's oscillator, through all orders and forwards and backwards in time."""
    f = lambda t, y, mu: np.stack([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])
    for span, at, mu in (
        ((0.0, 200.0), [50.0, 150.0, 200.0], 100.0),
        ((1.0, -1.0), [0.3, -1], 0.5),
    ):
        options = {"t_eval": at, "rtol": tolerance, "atol": 1e-2 * tolerance, "args": (mu,)}
        ours = jit(lambda y0, s=span, o=options: integrate.solve_ivp(f, s, y0, "BDF", **o))
        found = ours(np.array([2.0, 0.0]))
        theirs = scipy.integrate.solve_ivp(f, span, [2.0, 0.0], "BDF", **options)
        tight = options | {"rtol": 1e-11, "atol": 1e-12}
        exact = scipy.integrate.solve_ivp(f, span, [2.0, 0.0], "Radau", **tight).y
        assert found.success
        assert np.max(abs(found.y - exact)) < 4 * np.max(abs(theirs.y - exact)) + tolerance


def test_batches_and_single_precision():
    y0s = RNG.uniform(0.5, 1.5, size=(3, 2))
    found = vmap(lambda y0: end(y0, 1.5, 0.8))(y0s)
    np.testing.assert_allclose(found, [end(y0, 1.5, 0.8) for y0 in y0s], rtol=1e-6)
    slopes = vmap(grad(lambda y0, a: np.sum(end(y0, a, 0.8)), argnums=1), in_axes=(0, None))(
        y0s, 1.5
    )
    wanted = [grad(lambda a, y0=y0: np.sum(end(y0, a, 0.8)))(1.5) for y0 in y0s]
    np.testing.assert_allclose(slopes, wanted, rtol=1e-7)
    small = jit(
        lambda y: integrate.odeint(lotka, y, T.astype(np.float32), 1.5, 0.8, rtol=1e-4, atol=1e-4)
    )
    assert small(np.float32([1.0, 0.5])).dtype == np.float32


def test_what_cannot_be_solved_is_nan_and_said():
    blow = lambda y0: integrate.solve_ivp(lambda t, y: y * y, (0.0, 2.0), y0, t_eval=[0.5, 2.0])
    found = jit(blow)(np.ones(1))
    assert not found.success
    np.testing.assert_allclose(found.y[0, 0], 2.0, rtol=1e-2)
    assert np.isnan(found.y[0, 1])
    few = jit(lambda y0: integrate.odeint(lotka, y0, T, 1.5, 0.8, mxstep=3))(np.ones(2))
    assert np.isnan(few[-1]).all()


def grow(t, y):
    return y


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda y: integrate.solve_ivp(grow, (0, 1), y), NotTraceableError, "t_eval"),
        (lambda y: integrate.solve_ivp(grow, (0, 1), y, "LSODA", [1]), NotTraceableError, "LSODA"),
        (lambda y: integrate.solve_ivp(grow, (0, 1), y, t_eval=[2.0]), ValueError, "outside"),
        (lambda y: integrate.solve_ivp(grow, (0, 1), y, t_eval=[1], events=len), NotTraceableError,
         "events"),
        (lambda y: integrate.odeint(lambda y, t: y[:1], y, T), ValueError, "shape of y"),
        (lambda y: integrate.odeint(lambda y, t: y, y, T[[0, 2, 1]]), ValueError, "rise"),
        (lambda y: integrate.odeint(lambda y, t: y, 1j * y, T), TypeError, "complex"),
        (lambda y: integrate.odeint(lambda y, t: y, y, T, Dfun=len), NotTraceableError, "Dfun"),
        (lambda y: integrate.quad(lambda x: y[0], 0, 1, weight="cos"), NotTraceableError, "weight"),
        (lambda y: integrate.trapezoid(y, x=T), ValueError, "x has 4 points"),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        jit(call)(np.ones(2))


def test_missing_names():
    with pytest.raises(AttributeError, match=r"no 'dblquad': nest quad"):
        integrate.dblquad
    public = {n for n in dir(integrate) if not n.startswith("_")}
    assert {"odeint", "solve_ivp", "quad", "simpson"} <= public
