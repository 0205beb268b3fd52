"""What deferring must not change: plain NumPy code that depends on *when* things are computed.

A gradient runs the function's arithmetic after the function has returned. None of these programs
may notice: buffers that are overwritten, arithmetic that fails, random draws, arrays that change
between calls.
"""

import numpy as np
import pytest

from funcgrad import grad, hvp, jit, value_and_grad, vjp, vmap
from funcgrad.errors import ImpureCallError
from tests.blame import assert_here, assert_told

X = np.array([0.5, 1.5, 2.5])
LARGE = 50_000  # 400 kB: copying such an array at every use would be felt

# -- buffers that are overwritten ----------------------------------------


def through_a_buffer(x):
    buffer = np.ones(3)
    total = np.sum(buffer * x**2)
    buffer *= 5.0
    total = total + np.sum(buffer * x)
    buffer[:] = np.nan
    return total


def through_one_buffer_in_a_loop(x):
    buffer, total = np.empty(3), 0.0
    for k in range(4):
        buffer[:] = k
        total = total + np.sum(buffer * x**2)
    return total


def through_a_view_of_a_buffer(x):
    base = np.arange(6.0)
    total = np.sum(base[::2] * x**2)
    base[:] = 100.0
    return total


def through_a_buffer_of_scalars(x):
    weights = np.array([1.0, 2.0])
    total = weights[0] * x[0] ** 2 + weights[1] * x[1]
    weights += 1.0
    return total + weights[0] * x[0] + weights[1] * x[1] ** 2


def indexed_by_a_buffer(x):
    order = np.array([0, 1])
    total = np.sum(x[order] ** 2)
    order += 1
    return total + 3 * np.sum(x[order] ** 2)


BUFFERS = [
    (through_a_buffer, 2 * X + 5, [2, 2, 2]),
    (through_one_buffer_in_a_loop, 12 * X, [12, 12, 12]),
    (through_a_view_of_a_buffer, 2 * X * [0, 2, 4], [0, 4, 8]),
    (through_a_buffer_of_scalars, [2 * X[0] + 2, 2 + 6 * X[1], 0], [2, 6, 0]),
    (indexed_by_a_buffer, 2 * X * [1, 4, 3], [2, 8, 6]),
]
each_buffer = pytest.mark.parametrize(
    ("function", "slope", "curvature"), BUFFERS, ids=[f.__name__ for f, _, _ in BUFFERS]
)


@each_buffer
def test_an_overwritten_buffer_counts_as_it_was_when_used(function, slope, curvature):
    for _ in range(3):  # the later calls take the remembered path
        value, gradient = value_and_grad(function)(X)
        np.testing.assert_allclose(value, function(X))
        np.testing.assert_allclose(gradient, slope)


@each_buffer
def test_an_overwritten_buffer_under_jit(function, slope, curvature):
    compiled = jit(value_and_grad(function))
    for _ in range(3):
        value, gradient = compiled(X)
        np.testing.assert_allclose(value, function(X))
        np.testing.assert_allclose(gradient, slope)


@each_buffer
def test_an_overwritten_buffer_to_second_order(function, slope, curvature):
    for compute in (hvp(function), jit(hvp(function))):
        np.testing.assert_allclose(compute(X, np.ones(3)), curvature)


def overwrite(buffer):
    buffer *= 2.0  # here


def overwrite_through_out(buffer):
    np.add(buffer, 1.0, out=buffer)  # here


def overwrite_a_part(buffer):
    buffer[0] = 7.0  # here


@pytest.mark.parametrize("write", [overwrite, overwrite_through_out, overwrite_a_part])
@pytest.mark.parametrize("part", [slice(None), slice(1, None, 2)], ids=["whole", "through-a-view"])
def test_a_large_buffer_is_right_or_refuses_the_write(write, part):
    """Large arrays are not copied: the write itself raises, and no wrong number comes out."""
    buffer = np.ones(LARGE)

    def function(x):
        total = np.sum(buffer[part] * x**2)
        write(buffer)
        return total

    with pytest.raises(ValueError) as caught:
        grad(function)(2.0)
    assert_told(caught, "read-only", "copy")
    assert_here(caught)
    buffer[:] = 3.0  # the run is over: the array is the user's again
    assert buffer.flags.writeable


def test_a_large_array_is_writeable_again_after_a_good_run():
    weights = np.ones(LARGE)
    np.testing.assert_allclose(grad(lambda x: np.sum(weights * x))(1.0), LARGE)
    weights *= 2.0
    np.testing.assert_allclose(grad(lambda x: np.sum(weights * x))(1.0), 2 * LARGE)


def test_an_array_that_was_read_only_stays_so():
    weights = np.ones(LARGE)
    weights.flags.writeable = False
    grad(lambda x: np.sum(weights * x))(1.0)
    assert not weights.flags.writeable


def double_in_place(x):
    x *= 2
    x[0] = 1.0
    return np.sum(x**2)


@pytest.mark.parametrize("size", [3, LARGE])
def test_an_argument_is_not_written_to(size):
    x = np.full(size, 2.0)
    expected = np.where(np.arange(size) == 0, 0.0, 16.0)
    for compute in (grad(double_in_place), jit(grad(double_in_place))):
        np.testing.assert_allclose(compute(x), expected)
        assert np.all(x == 2.0)
    np.testing.assert_allclose(vmap(grad(double_in_place))(np.stack([x, x])), [expected] * 2)
    jit(double_in_place)(x)
    assert np.all(x == 2.0)


# -- arithmetic that fails -----------------------------------------------


def with_growing_jitter(s):
    """The usual loop around a covariance matrix that may be singular."""
    k, jitter = s * np.ones((3, 3)) - 1e-4 * np.eye(3), 0.0
    while True:
        try:
            factor = np.linalg.cholesky(k + jitter * np.eye(3))
        except np.linalg.LinAlgError:
            jitter = max(10 * jitter, 1e-5)
        else:
            return np.sum(np.log(np.diag(factor)))


def solve_or_fall_back(s):
    matrix = s * np.diag([1.0, 0.0])
    try:
        return np.sum(np.linalg.solve(matrix, np.ones(2)))
    except np.linalg.LinAlgError:
        return s**3


def central(function, x, h=1e-4):
    return (function(x + h) - function(x - h)) / (2 * h)


def test_growing_jitter():
    for s in (0.7, 1.3):
        value, slope = value_and_grad(with_growing_jitter)(s)
        np.testing.assert_allclose(value, with_growing_jitter(s))
        np.testing.assert_allclose(slope, central(with_growing_jitter, s), rtol=1e-5)
        curvature = central(grad(with_growing_jitter), s)
        np.testing.assert_allclose(hvp(with_growing_jitter)(s, 1.0), curvature, rtol=1e-5)


def test_fall_back_from_a_singular_matrix():
    np.testing.assert_allclose(grad(solve_or_fall_back)(2.0), 12.0)
    np.testing.assert_allclose(grad(grad(solve_or_fall_back))(2.0), 12.0)


@pytest.mark.parametrize("function", [with_growing_jitter, solve_or_fall_back])
def test_failing_arithmetic_under_jit_is_never_silently_wrong(function):
    """A compiled program cannot re-enter an ``except`` clause; it is right or it raises."""
    compiled = jit(grad(function))
    for s in (0.7, 1.3, 2.0):
        try:
            slope = compiled(s)
        except np.linalg.LinAlgError:
            continue
        np.testing.assert_allclose(slope, grad(function)(s))


def test_a_failure_that_nobody_catches_is_raised_at_its_line():
    def factor(k):
        return np.sum(np.linalg.cholesky(k))  # here

    with pytest.raises(np.linalg.LinAlgError) as caught:
        grad(factor)(-np.eye(2))
    assert_here(caught)


def test_no_floating_point_warnings():
    """Deferred arithmetic is out of reach of ``np.errstate``, so it stays silent."""

    def quiet(x):
        with np.errstate(divide="ignore"):
            return np.sum(np.where(x > 0, np.log(x), 0.0))

    np.testing.assert_allclose(grad(quiet)(np.array([0.0, 2.0])), [0.0, 0.5])


# -- randomness ----------------------------------------------------------


def noisy(x):
    return np.sum(np.random.standard_normal(3) * x**2)


def test_draws_are_fresh_in_every_call():
    np.random.seed(7)
    expected = [2 * X * np.random.standard_normal(3) for _ in range(3)]
    np.random.seed(7)
    for row in expected:
        np.testing.assert_allclose(grad(noisy)(X), row)
    np.random.seed(7)
    np.testing.assert_allclose(hvp(noisy)(X, X), expected[0])


def test_draws_from_a_generator_are_fresh_in_every_call():
    generator = np.random.default_rng(3)
    slope = grad(lambda x: generator.uniform() * x)
    assert len({slope(1.0) for _ in range(5)}) == 5


def legacy_draw(x):
    return x * np.random.standard_normal()  # here


def new_generator(x):
    return x * np.random.default_rng().standard_normal()  # here


@pytest.mark.parametrize("function", [legacy_draw, new_generator])
@pytest.mark.parametrize("prepare", [jit, lambda f: jit(grad(f))], ids=["jit", "jit-grad"])
def test_draws_under_jit_raise(function, prepare):
    with pytest.raises(ImpureCallError) as caught:
        prepare(function)(1.0)
    assert_told(caught, "random")
    assert_here(caught)
    assert np.isfinite(legacy_draw(1.0))  # outside, drawing works as ever


# -- arrays that change between calls ------------------------------------


@pytest.mark.parametrize("prepare", [lambda f: f, jit], ids=["plain", "jit"])
@pytest.mark.parametrize("size", [3, LARGE])
def test_a_closed_over_array_changed_in_place(prepare, size):
    weights = np.ones(size)
    slope = prepare(grad(lambda x: np.sum(weights * x**2)))
    for factor in (1.0, 4.0, 9.0):
        weights[:] = factor
        np.testing.assert_allclose(slope(1.5), 3.0 * factor * size)


@pytest.mark.parametrize("prepare", [lambda f: f, jit], ids=["plain", "jit"])
def test_a_closed_over_name_bound_anew(prepare):
    weights, power = np.ones(3), 2

    def function(x):
        return np.sum(weights * x**power)

    slope, curve = prepare(grad(function)), prepare(hvp(function))
    np.testing.assert_allclose(slope(X), 2 * X)
    np.testing.assert_allclose(curve(X, np.ones(3)), [2, 2, 2])
    weights, power = 2 * np.ones(3), 3
    np.testing.assert_allclose(slope(X), 6 * X**2)
    np.testing.assert_allclose(curve(X, np.ones(3)), 12 * X)


SCALE = 2.0


@pytest.mark.parametrize("prepare", [lambda f: f, jit], ids=["plain", "jit"])
def test_a_global_bound_anew(prepare, monkeypatch):
    slope = prepare(grad(lambda x: SCALE * x**2))
    assert slope(1.0) == 4.0
    monkeypatch.setitem(globals(), "SCALE", 10.0)
    assert slope(1.0) == 20.0


def test_a_pullback_keeps_the_point_it_was_made_at():
    x, weights = X.copy(), np.ones(3)
    _, pullback = vjp(lambda x: np.sum(weights * x**2), x)
    x[:], weights[:] = 0.0, 0.0
    np.testing.assert_allclose(pullback(1.0)[0], 2 * X)


# -- values demanded while tracing ---------------------------------------


@pytest.fixture
def factorizations(monkeypatch):
    """Counts how often a Cholesky factorization is really computed."""
    counted, original = [], np.linalg.cholesky

    def counting(a, *args, **kwargs):
        counted.append(np.shape(a))
        return original(a, *args, **kwargs)

    monkeypatch.setattr(np.linalg, "cholesky", counting)
    return counted, original


def demanding(cholesky):
    """The user's code holds NumPy's own function; only computed values pass the counter."""

    def function(a):
        factor = cholesky(a @ a.T + 3 * np.eye(3))
        if factor[0, 0] > 0:
            return np.sum(np.log(np.diag(factor))) + float(f"{1.0:.1f}")
        return np.sum(factor)

    return function


@pytest.mark.parametrize("transform", [grad, value_and_grad], ids=["grad", "value_and_grad"])
def test_a_demanded_value_is_computed_once(factorizations, transform):
    counted, cholesky = factorizations
    matrix = np.arange(9.0).reshape(3, 3) / 10
    function = demanding(cholesky)
    for calls in range(1, 4):
        transform(function)(matrix)
        assert len(counted) == calls


def test_printing_while_tracing(capsys):
    def talkative(x):
        y = x**2
        print(f"y = {y:.3f}")
        return y * x

    assert grad(talkative)(2.0) == pytest.approx(12.0)
    assert hvp(talkative)(2.0, 1.0) == pytest.approx(12.0)
    assert capsys.readouterr().out == "y = 4.000\n" * 2
