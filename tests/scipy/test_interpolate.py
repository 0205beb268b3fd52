"""``funcgrad.scipy.interpolate``: SciPy's numbers; derivatives by points, values and abscissae."""

import numpy as np
import pytest
import scipy.interpolate

from funcgrad import grad, jit, vmap
from funcgrad.errors import NotTraceableError
from funcgrad.scipy import interpolate
from funcgrad.testing import check_grads

RNG = np.random.default_rng(8)
X = np.cumsum(RNG.uniform(0.3, 1.0, size=7))
Y = RNG.normal(size=(7, 2))
AT = np.array([[X[0], X[2], X[-1], 2.2], [X[0] - 0.5, X[-1] + 0.7, 1.1, X[3] + 0.01]])
INSIDE = np.array([X[0] + 0.1, X[3] + 0.2, X[-1] - 0.05])

TWO = np.array([0.5, -0.2])
CUBICS = [
    ("CubicSpline", {}), ("CubicSpline", {"bc_type": "natural"}),
    ("CubicSpline", {"bc_type": "clamped"}),
    ("CubicSpline", {"bc_type": ((1, TWO), (2, -TWO))}),
    ("CubicSpline", {"bc_type": ((2, TWO), "not-a-knot")}),
    ("CubicSpline", {"extrapolate": False}), ("PchipInterpolator", {}),
    ("Akima1DInterpolator", {"extrapolate": True}), ("Akima1DInterpolator", {}),
    ("Akima1DInterpolator", {"method": "makima"}), ("make_interp_spline", {"k": 2}),
    ("make_interp_spline", {"k": 3}), ("make_interp_spline", {"k": 1}),
    ("make_interp_spline", {"k": 5}),
]  # fmt: skip


@pytest.mark.parametrize("n", [2, 3, 4, 7])
@pytest.mark.parametrize("name, options", CUBICS, ids=str)
def test_values(name, options, n):
    if n <= options.get("k", 1):
        pytest.skip("too few points for the degree")
    ours, theirs = getattr(interpolate, name), getattr(scipy.interpolate, name)
    for axis, y in ((0, Y[:n]), (1, Y[:n].T)):
        wanted = theirs(X[:n], y, axis=axis, **options)
        for nu in range(options.get("k", 3) + 1):
            found = jit(lambda at, x, y, a=axis, nu=nu: ours(x, y, axis=a, **options)(at, nu))(
                AT, X[:n], y
            )
            np.testing.assert_allclose(found, wanted(AT, nu), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name, options", CUBICS, ids=str)
def test_derivatives(name, options):
    ours = getattr(interpolate, name)

    def at(points, x, y):
        return ours(x, y, **options)(points)

    check_grads(at, (INSIDE, X, Y), order=2, rtol=1e-5)
    spline = ours(X, Y, **options)
    np.testing.assert_allclose(
        grad(lambda p: np.sum(spline(p)))(INSIDE), spline(INSIDE, 1).sum(1), rtol=1e-9
    )
    np.testing.assert_allclose(vmap(lambda p: spline(p))(INSIDE), spline(INSIDE))


def test_periodic():
    y = np.concatenate((Y[:-1], Y[:1]))
    for n_y in (y, y[[0, 3, 0]]):
        x = X[: len(n_y)]
        wanted = scipy.interpolate.CubicSpline(x, n_y, bc_type="periodic")(AT)
        found = jit(lambda y, x=x: interpolate.CubicSpline(x, y, bc_type="periodic")(AT))(n_y)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


def test_polynomials_between_breakpoints():
    wanted = scipy.interpolate.CubicSpline(X, Y)
    found = interpolate.PPoly(wanted.c, X)
    np.testing.assert_allclose(found(AT), wanted(AT), rtol=1e-12)
    np.testing.assert_allclose(found.integrate(1.0, 2.5), wanted.integrate(1.0, 2.5), rtol=1e-12)
    np.testing.assert_allclose(found.antiderivative(2)(AT), wanted.antiderivative(2)(AT))
    np.testing.assert_allclose(found.derivative(5)(AT), 0.0)
    wanted = scipy.interpolate.CubicHermiteSpline(X, Y, Y[::-1])(AT)
    np.testing.assert_allclose(interpolate.CubicHermiteSpline(X, Y, Y[::-1])(AT), wanted)
    spline = scipy.interpolate.make_interp_spline(X, Y)
    ours = interpolate.BSpline(spline.t, spline.c, 3)
    np.testing.assert_allclose(
        ours.derivative(2)(AT), spline.derivative(2)(AT), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(ours(AT, extrapolate=False), spline(AT, extrapolate=False))


@pytest.mark.parametrize(
    "kind",
    ["linear", "nearest", "nearest-up", "zero", "previous", "next", "slinear", "quadratic", "cubic",
     2],
)  # fmt: skip
@pytest.mark.parametrize("fill", [np.nan, 3.0, (1.0, 2.0), "extrapolate"], ids=str)
def test_interp1d(kind, fill):
    order = np.array([3, 0, 6, 2, 5, 1, 4])
    middle = 0.5 * (X[1] + X[2])
    at = np.array([*AT.ravel(), middle])
    for axis, y in ((0, Y), (-1, Y.T)):
        y = np.take(y, order, axis)
        wanted = scipy.interpolate.interp1d(
            X[order], y, kind, axis, bounds_error=False, fill_value=fill
        )(at)
        found = jit(lambda at, y, a=axis: interpolate.interp1d(
            X[order], y, kind, a, bounds_error=False, fill_value=fill)(at))(at, y)  # fmt: skip
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    check_grads(lambda p, y: interpolate.interp1d(X, y, kind, 0)(p), (INSIDE, Y), rtol=1e-6)


def test_out_of_range():
    line = interpolate.interp1d(X, Y[:, 0])
    with pytest.raises(ValueError, match="out of range"):
        line(X[0] - 1)
    assert np.isnan(jit(line)(X[0] - 1)) and grad(lambda p: np.sum(line(p)))(X[0] - 1) == 0.0
    grid = interpolate.RegularGridInterpolator((X,), Y)
    with pytest.raises(ValueError, match="out of range"):
        grid([X[0] - 1])


GRID = (X[:4], X[:3] ** 2)
VALUES = RNG.normal(size=(4, 3, 2))
SPOTS = np.array([[0.9, 0.8], [1.5, 2.0], [X[0], X[0] ** 2], [X[3], X[2] ** 2]])


@pytest.mark.parametrize("method", ["linear", "nearest"])
@pytest.mark.parametrize("fill", [np.nan, None, 7.0])
def test_grids(method, fill):
    spots = np.concatenate((SPOTS, [[-1.0, 1.0], [9.0, 9.0]]))
    options = {"method": method, "bounds_error": False, "fill_value": fill}
    for values in (VALUES, VALUES[..., 0]):
        wanted = scipy.interpolate.RegularGridInterpolator(GRID, values, **options)(spots)
        found = jit(lambda at, v: interpolate.RegularGridInterpolator(GRID, v, **options)(at))(
            spots, values
        )
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(
        jit(lambda v: interpolate.interpn(GRID, v, SPOTS[:2], method))(VALUES),
        scipy.interpolate.interpn(GRID, VALUES, SPOTS[:2], method),
    )
    check_grads(lambda at, v: interpolate.interpn(GRID, v, at, method), (SPOTS[:2], VALUES))


def test_single_precision():
    x, y = X.astype(np.float32), Y.astype(np.float32)
    axis = {"axis": 0}
    for name in ("CubicSpline", "PchipInterpolator", "make_interp_spline", "interp1d"):
        found = jit(lambda p, n=name: getattr(interpolate, n)(x, y, **axis)(p))(
            INSIDE.astype(np.float32)
        )
        assert found.dtype == np.float32
        np.testing.assert_allclose(
            found, getattr(scipy.interpolate, name)(X, Y, **axis)(INSIDE), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda y: interpolate.CubicSpline(X[::-1], y), ValueError, "rise"),
        (lambda y: interpolate.CubicSpline(X[:3], y), ValueError, "3 points"),
        (lambda y: interpolate.CubicSpline(X, y, bc_type="loose"), ValueError, "loose"),
        (lambda y: interpolate.interp1d(X, y, "best"), NotTraceableError, "best"),
        (lambda y: interpolate.interpn((X,), y, [[1.0]], "cubic"), NotTraceableError, "cubic"),
        (lambda y: interpolate.make_interp_spline(X, y, bc_type="natural"), NotTraceableError,
         "CubicSpline"),
        (lambda y: interpolate.PchipInterpolator(X, y).roots(), AttributeError, "no 'roots'"),
        (lambda y: interpolate.splev, AttributeError, "use BSpline"),
    ],
)  # fmt: skip
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(np.ones(7))
