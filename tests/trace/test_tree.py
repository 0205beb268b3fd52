"""The trace tree: what grows it, what does not, and how it is bounded and freed."""

import gc

import numpy as np
import pytest

from funcgrad import config, grad, hvp
from funcgrad.trace.tree import roots_of

X = np.array([0.5, -1.0, 2.0])


def nodes(function):
    """How many nodes the trees of a function have."""
    found, todo = 0, list(roots_of(function).values())
    while todo:
        node = todo.pop()
        found += 1
        todo += node.edges.values()
    return found


def test_the_same_program_adds_nothing():
    f = lambda x: np.sum(np.sin(x) * x**2 + 1.5)
    slope, curvature = grad(f), hvp(f)
    slope(X)
    curvature(X, X)
    first = nodes(f)
    for k in range(5):
        slope(X * k)
        curvature(X + k, X)
    assert nodes(f) == first


def test_numbers_and_arrays_are_inputs_not_labels():
    def descend(x, rate, shift):
        return grad(lambda v: np.sum((v - shift) ** 2) * rate)(x)

    inner = descend.__code__.co_consts
    sizes = set()
    for k in range(5):
        np.testing.assert_allclose(descend(X, 0.1 * k, X * k), 0.2 * k * (X - X * k))
        sizes.add(len(inner))
    assert len(sizes) == 1

    rates = []
    f = lambda x: np.sum(x * rates[-1])
    for k in range(5):
        rates.append(float(k))
        grad(f)(X)
    assert nodes(f) == 3  # the root, the product, the sum


def test_masks_of_other_content_add_nothing():
    f = lambda x: np.sum(x[x > 0] ** 2)
    slope = grad(f)
    slope(X)
    first = nodes(f)
    for x in (X * np.array([-1, -1, 1]), X[::-1].copy(), np.roll(X, 1)):  # two elements each
        np.testing.assert_allclose(slope(x), np.where(x > 0, 2 * x, 0))
    assert nodes(f) == first


def test_new_behaviour_is_a_new_branch():
    f = lambda x: x**2 if x > 0 else np.sin(x)
    grad(f)(1.0)
    first = nodes(f)
    assert grad(f)(-1.0) == np.cos(-1.0)
    grown = nodes(f)
    assert grown > first
    assert grad(f)(2.0) == 4.0 and grad(f)(-2.0) == np.cos(-2.0)
    assert nodes(f) == grown


def test_closures_share_the_tree_of_their_code():
    def make(a):
        return lambda x: np.sum(a * x)

    for k in range(4):
        np.testing.assert_allclose(grad(make(k * np.ones(3)))(X), k)
    assert roots_of(make(X)) is roots_of(make(-X))
    assert nodes(make(X)) == 3


@pytest.mark.parametrize("bound", [5, 50])
def test_a_tree_past_its_bound_is_cut(monkeypatch, bound):
    monkeypatch.setattr(config, "tree_nodes", bound)
    length = [1]

    def f(x):
        for k in range(length[0]):
            x = x[k % 3 :] if x.shape[0] > 1 and k % 3 else x * (k + 1.0)
        return np.sum(x)

    expected = []
    for n in (1, 2, 3, 8, 20, 40, 3, 20):
        length[0] = n
        expected.append(grad(f)(X))
    monkeypatch.setattr(config, "tree_nodes", 100_000)
    for n, slope in zip((1, 2, 3, 8, 20, 40, 3, 20), expected, strict=True):
        length[0] = n
        np.testing.assert_allclose(grad(f)(X), slope)


def test_trees_are_freed_with_the_code():
    from funcgrad.trace import tree

    def once():
        names = {}
        exec("def f(x):\n    return x * x + 1.0", names)
        assert grad(names["f"])(3.0) == 6.0
        return id(names["f"].__code__)

    key = once()
    gc.collect()
    assert key not in tree._stores
