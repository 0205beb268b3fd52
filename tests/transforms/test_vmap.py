"""vmap: axes by position and name, keyword arguments, decisions, sizes, what is not mapped."""

import collections

import numpy as np
import pytest

from funcgrad import grad, hessian, jacfwd, jit, vmap
from funcgrad.errors import BatchedDecisionError, StructureError

X = np.arange(12.0).reshape(4, 3) / 7 + 0.1
W = np.array([0.5, -1.0, 2.0])


def loss(x, w, scale=1.0):
    return np.sum(np.sin(x * w)) * scale


def test_axes_by_position():
    expected = [loss(x, W) for x in X]
    np.testing.assert_allclose(vmap(loss, in_axes=(0, None))(X, W), expected)
    np.testing.assert_allclose(vmap(loss, in_axes=(1, None))(X.T, W), expected)
    np.testing.assert_allclose(vmap(loss, in_axes=(-2, None))(X, W), expected)
    np.testing.assert_allclose(vmap(loss)(X, X), [loss(x, x) for x in X])


def test_axes_by_name_and_keyword():
    expected = [loss(x, W, s) for x, s in zip(X, range(4), strict=True)]
    scales = np.arange(4.0)
    np.testing.assert_allclose(vmap(loss, in_axes={"w": None})(X, W, scale=scales), expected)
    fixed = vmap(loss, in_axes={"w": None, "scale": None})(X, W, scale=2.0)
    np.testing.assert_allclose(fixed, [loss(x, W, 2.0) for x in X])
    with pytest.raises(StructureError, match="'weights'"):
        vmap(loss, in_axes={"weights": None})(X, W)


Point = collections.namedtuple("Point", "a b")


def test_trees_in_and_out():
    def f(p, extra):
        return Point(a=np.sum(p.a) + extra["k"], b=(p.b * 2,))

    out = vmap(f, in_axes=(Point(0, 1), None))(Point(X, X.T), {"k": 1.0})
    np.testing.assert_allclose(out.a, X.sum(1) + 1)
    np.testing.assert_allclose(out.b[0], X * 2)


def test_out_axes():
    np.testing.assert_allclose(vmap(np.sin, out_axes=1)(X), np.sin(X).T)
    np.testing.assert_allclose(vmap(lambda x: (x, 3.0), out_axes=(-1, None))(X)[0], X.T)


def test_nested():
    np.testing.assert_allclose(vmap(vmap(lambda a: a**2))(X), X**2)
    table = vmap(vmap(lambda a, b: a * b, in_axes=(None, 0)), in_axes=(0, None))(W, W)
    np.testing.assert_allclose(table, np.outer(W, W))
    outer = vmap(lambda x: vmap(lambda y: np.sum(x * y))(X))(X)  # closes over the outer example
    np.testing.assert_allclose(outer, X @ X.T)


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_sizes(rows):
    out = vmap(grad(loss), in_axes=(0, None))(X[:rows], W)
    np.testing.assert_allclose(out, (np.cos(X * W) * W)[:rows])
    assert out.shape == (rows, 3)


def test_derivatives_of_and_in_a_map():
    expected = np.stack([hessian(loss)(x, W) for x in X])
    np.testing.assert_allclose(vmap(hessian(loss), in_axes=(0, None))(X, W), expected)
    total = grad(lambda w: np.sum(vmap(loss, in_axes=(0, None))(X, w)))(W)
    np.testing.assert_allclose(total, np.sum(np.cos(X * W) * X, axis=0))
    np.testing.assert_allclose(jacfwd(vmap(np.sum))(X)[2, 2], np.ones(3))


# -- decisions -----------------------------------------------------------------------------------


def newton_root(a):
    x = a
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def piecewise(x):
    if x > 1:
        return np.log(x)
    if x > 0:
        return x**2
    return -x


def test_only_the_taken_branch_runs():
    xs = np.array([2.0, 0.5, -1.0, 3.0])
    np.testing.assert_allclose(vmap(piecewise)(xs), [piecewise(x) for x in xs])
    np.testing.assert_allclose(vmap(grad(piecewise))(xs), [grad(piecewise)(x) for x in xs])
    slopes = grad(lambda v: np.sum(vmap(piecewise)(v)))(xs)  # log of a negative number never ran
    np.testing.assert_allclose(slopes, [0.5, 1.0, -1.0, 1 / 3])
    np.testing.assert_allclose(jit(vmap(grad(piecewise)))(xs), slopes)


def test_loops_end_when_each_example_does():
    squares = np.array([1.1, 4.0, 9.0, 2.0])
    np.testing.assert_allclose(vmap(newton_root)(squares), np.sqrt(squares))
    np.testing.assert_allclose(vmap(grad(newton_root))(squares), 0.5 / np.sqrt(squares))
    np.testing.assert_allclose(
        vmap(grad(grad(newton_root)))(squares), -0.25 * squares**-1.5, rtol=1e-6
    )


def test_integers_split_too():
    f = lambda x, n: sum((x**k for k in range(int(n))), x * 0)
    np.testing.assert_allclose(vmap(f)(np.ones(3) * 2, np.array([0, 2, 3])), [0.0, 3.0, 7.0])


def test_a_decision_that_all_share_needs_no_split():
    f = lambda x: x * 2 if np.sum(x) > -100 else x
    np.testing.assert_allclose(vmap(f, branches="error")(X), X * 2)


def test_strict_branches():
    with pytest.raises(BatchedDecisionError, match=r"4 examples.*test_vmap\.py"):
        vmap(piecewise, branches="error")(np.array([2.0, 0.5, -1.0, 3.0]))
    with pytest.raises(ValueError, match="branches"):
        vmap(np.sin, branches="select")


def test_many_parts_warn():
    with pytest.warns(UserWarning, match="more than 64 parts"):
        vmap(lambda x, n: x * int(n))(np.ones(80), np.arange(80))


# -- bad input -------------------------------------------------------------------------------------


def test_sizes_that_differ_are_a_table():
    with pytest.raises(StructureError) as caught:
        vmap(lambda p, y: np.sum(p["w"]) + y)({"w": np.ones((4, 2)), "b": np.ones(4)}, np.ones(3))
    text = str(caught.value)
    for words in ("p['w']", "p['b']", "(4, 2)", "axis 0", "size 4", "size 3   <--"):
        assert words in text


def test_axes_that_do_not_exist():
    with pytest.raises(StructureError, match="no axis 2"):
        vmap(np.sum, in_axes=2)(X)
    with pytest.raises(StructureError, match=r"2 entries.*1 positional"):
        vmap(np.sum, in_axes=(0, 0))(X)
    with pytest.raises(StructureError, match="no prefix"):
        vmap(lambda p: p[0], in_axes=((0, 0, 0),))((X, X))
    with pytest.raises(StructureError, match="axis_size"):
        vmap(lambda: 1.0)()
    np.testing.assert_allclose(vmap(lambda: 1.0, axis_size=3)(), np.ones(3))
