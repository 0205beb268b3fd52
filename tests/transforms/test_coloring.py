"""Jacobians by colors: the same numbers as one sweep per column, inside every transform."""

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import funcgrad
from funcgrad import grad, hessian, jacfwd, jacobian, jacrev, jit, jvp, make_jaxpr, vmap
from funcgrad.backends.program import Program
from funcgrad.transforms import coloring
from tests import laws
from tests.backends.fake_cupy import fake_cupy
from tests.test_programs import program, programs

N = 48
X = np.random.default_rng(5).normal(size=N)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def banded(x: Any) -> Any:
    """Five diagonals."""
    return np.sum(np.sin(x[2:] * x[:-2]) + x[1:-1] ** 3)


def pairs(x: Any) -> Any:
    """Entries far from the diagonal."""
    return np.sum(np.exp(0.1 * x * x[::-1]))


def rows(x: Any) -> Any:
    """Blocks: each row of a matrix by itself."""
    a = x.reshape(12, 4)
    return np.sum(np.log(np.sum(np.exp(a), axis=1)))


def logistic(x: Any) -> Any:
    a = np.sin(np.arange(200.0 * len(x)).reshape(200, len(x)))
    return np.sum(np.logaddexp(0.0, a @ x))


@pytest.fixture
def dense(monkeypatch):
    """A function that computes without colors."""

    def call(transform: Any, f: Any, *args: Any) -> Any:
        with monkeypatch.context() as m:
            m.setattr(coloring, "_FEWEST", 1 << 40)
            return transform(lambda *xs: f(*xs))(*args)

    return call


def colors(f: Any, x: Any) -> int | None:
    """How many colors the derivative of f takes; None where it is dense."""
    found = coloring.coloring(laws.build(lambda x: (f(x),), [x]), 0, 1)
    return None if found is None else found.colors


@pytest.mark.parametrize("f, count", [(rosenbrock, 3), (banded, 3), (pairs, 2), (rows, 4)])
def test_hessian(f, count, dense):
    assert colors(grad(f), X) == count
    wanted = dense(hessian, f, X)
    for found in (hessian(f)(X), jit(hessian(f))(X), jit(hessian(f), backend="llvm")(X)):
        np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)
        assert not np.any(found[wanted == 0])


def test_dense_stays_dense(dense):
    assert colors(grad(lambda x: np.log(np.sum(np.exp(x)))), X) is None
    assert colors(np.cumsum, X) is None
    assert colors(lambda x: 2.0 * x, X[:9]) is None  # too few columns
    assert colors(lambda x: x * x[0], X) == 2  # a full column is a color of its own
    np.testing.assert_array_equal(hessian(logistic)(X), dense(hessian, logistic, X))


def test_wide_and_tall(dense):
    def wide(x):
        return x[3:] * x[:-3]

    for transform in (jacfwd, jacobian):
        np.testing.assert_array_equal(transform(wide)(X), dense(transform, wide, X))
    np.testing.assert_array_equal(jacobian(wide)(X), jacrev(wide)(X))
    tall = lambda x: np.outer(x, np.arange(1.0, 4.0))
    found = jacobian(tall)(X)
    assert found.shape == (N, 3, N)
    np.testing.assert_array_equal(found, dense(jacobian, tall, X))


def test_trees_of_arguments_and_outputs(dense):
    def f(p, q):
        return {"a": p["w"][1:] - p["w"][:-1] * q, "b": np.sum(p["w"] ** 2), "c": np.cos(q) * 2.0}

    q = np.linspace(0.0, 1.0, N - 1)
    for transform in (
        lambda f: jacfwd(f, argnums=(0, 1)),
        lambda f: jacobian(f, argnums=(0, 1)),
        lambda f: jit(jacfwd(f, argnums=1)),
    ):
        found, wanted = transform(f)({"w": X}, q), dense(transform, f, {"w": X}, q)
        left, right = funcgrad.tree.flatten(found), funcgrad.tree.flatten(wanted)
        assert left[1] == right[1]
        for x, y in zip(left[0], right[0], strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-14)


def test_blocks_without_entries():
    """An output that moves with x in name only."""
    some, none = jit(jacfwd(lambda x: (np.sin(x), np.zeros_like(x[:4]) * 1.0 + x[:0].sum())))(X)
    np.testing.assert_array_equal(some, np.diag(np.cos(X)))
    assert none.shape == (4, N) and not none.any()


def test_aux_and_shapes():
    def f(x):
        y = np.sin(x)
        return y, (np.sum(y), "name")

    x = X.reshape(6, 8)
    found, (total, name) = jacfwd(f, has_aux=True)(x)
    assert found.shape == (6, 8, 6, 8) and name == "name"
    np.testing.assert_allclose(found.reshape(N, N), np.diag(np.cos(X)), rtol=1e-15)
    assert total == np.sum(np.sin(x))


def test_single_precision_and_complex():
    found = jacfwd(lambda x: x**2)(X.astype(np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.diag(2 * X.astype(np.float32)))
    z = X + 1j * X[::-1]
    np.testing.assert_array_equal(jacfwd(lambda z: z * z, holomorphic=True)(z), np.diag(2 * z))


def of_sweeps(f: Any) -> Any:
    """The Hessian without colors: rows of rows."""
    return jacrev(jacrev(f))


@pytest.mark.parametrize("wrap", [lambda f: f, jit])
def test_inside_other_transforms(wrap):
    weights = np.random.default_rng(6).normal(size=(N, N))

    def score(curvature, x):
        return np.sum(weights * curvature(rosenbrock)(x))

    for transform in (grad, lambda f: grad(lambda x: np.sum(grad(f)(x) ** 2)), hessian):
        found = wrap(transform(lambda x: score(hessian, x)))(X)
        wanted = transform(lambda x: score(of_sweeps, x))(X)
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-9)
    xs = np.stack([X, 2 * X, X**2])
    np.testing.assert_allclose(
        wrap(vmap(hessian(rosenbrock)))(xs), [of_sweeps(rosenbrock)(x) for x in xs], rtol=1e-13
    )
    found = wrap(lambda x: jvp(hessian(banded), (x,), (weights[0],)))(X)
    wanted = jvp(of_sweeps(banded), (X,), (weights[0],))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


@given(programs())
def test_random_programs(drawn):
    """Colors even where they do not pay."""
    steps, args = drawn
    f, which = program(steps), tuple(range(len(args)))
    with (
        pytest.MonkeyPatch.context() as m,
        np.errstate(all="ignore"),
    ):
        m.setattr(coloring, "_FEWEST", 1)
        m.setattr(coloring, "_WORTH", 0.5)
        found = jacfwd(lambda *xs: f(*xs), which)(*args)
    for blocks, rows in zip(found, jacrev(lambda *xs: f(*xs), which)(*args), strict=True):
        for a, b in zip(blocks, rows, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_collectives():
    """What an axis gives has no value while the pattern is sought."""

    def f(x):
        return np.sum((x[1:] * funcgrad.axis_index("i") + x[:-1] ** 2) ** 2)

    xs = np.stack([X, -X, 2 * X])
    for transform in (vmap, funcgrad.pmap):
        found = transform(hessian(f), axis_name="i")(xs)
        np.testing.assert_allclose(
            found, transform(of_sweeps(f), axis_name="i")(xs), rtol=1e-13, atol=1e-13
        )
        found = transform(jacfwd(lambda x: funcgrad.psum(x * x, "i")), axis_name="i")(xs)
        np.testing.assert_allclose(found, [np.diag(2 * xs.sum(axis=0))] * 3, rtol=1e-13)


def test_structure_follows_the_path():
    """A branch that Python takes has a pattern of its own."""

    def f(x):
        return x[1:] * x[:-1] if x[0] > 0 else x[1:] ** 2

    jitted = jit(jacfwd(f))
    for x in (np.abs(X), -np.abs(X), np.abs(X)):
        np.testing.assert_array_equal(jacfwd(f)(x), jacrev(f)(x))
        np.testing.assert_array_equal(jitted(x), jacrev(f)(x))


def test_zeros_are_exact():
    """Outside the pattern nothing is computed: an infinite slope next door is no NaN here."""
    x = np.concatenate([[0.0], np.ones(N - 1)])
    found = jacfwd(np.sqrt)(x)
    assert found[0, 0] == np.inf
    np.testing.assert_array_equal(found[1:], np.diag(0.5 * np.ones(N))[1:])
    assert not np.any(found[0, 1:])


def test_colors_share_no_row():
    rng = np.random.default_rng(8)
    mask = rng.random((60, 80)) < 0.03
    rows_, columns = np.nonzero(mask)
    found = coloring._colors(rows_, columns, 80)
    assert found is not None and found.max() < 20
    for row in mask:
        assert len(set(found[row])) == row.sum()
    assert coloring._colors(np.zeros(80, int), np.arange(80), 80) is None


def test_places_are_where_the_arrays_are(monkeypatch):
    """A program with colors runs in CuPy's namespace, and gets its places from there."""
    closed = make_jaxpr(hessian(rosenbrock))(X)
    values = [X, *closed.consts]
    assert len(values) == 4
    (found,) = Program(closed.jaxpr, fake_cupy).call(*values)
    np.testing.assert_allclose(found, of_sweeps(rosenbrock)(X), rtol=1e-13)

    class OnDevice:
        __module__ = "cupy"

        def __init__(self, x: Any):
            self.x = x

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(asarray=OnDevice))
    places = (np.arange(3),)
    assert coloring.beside(places, [X, 1.0]) is places
    (moved,) = coloring.beside(places, [X, OnDevice(X)])
    assert moved.x is places[0]
