"""psum, pmean, pmax, pmin, all_gather, all_to_all, ppermute, axis_index under vmap and pmap."""

import numpy as np
import pytest

from funcgrad import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    grad,
    jacfwd,
    jacrev,
    jit,
    pmap,
    pmax,
    pmean,
    pmin,
    ppermute,
    psum,
    vmap,
)
from funcgrad.errors import StructureError

X = np.array([[1.0, 4.0, 2.0], [3.0, 0.5, 7.0], [2.0, 2.5, 1.5]])
SHIFT = [(0, 1), (1, 2), (2, 0)]

# The collective, and the same on the whole batch at once.
CASES = {
    "psum": (lambda x: x * psum(x, "i"), lambda b: b * b.sum(0)),
    "pmean": (lambda x: x * pmean(x, "i"), lambda b: b * b.mean(0)),
    "pmax": (lambda x: x * pmax(x, "i"), lambda b: b * b.max(0)),
    "pmin": (lambda x: x * pmin(x, "i"), lambda b: b * b.min(0)),
    "all_gather": (
        lambda x: np.sum(all_gather(x, "i") ** 2, axis=0) * x, lambda b: b * (b**2).sum(0)
    ),
    "all_gather-axis": (
        lambda x: x @ all_gather(x, "i", axis=1), lambda b: np.stack([r @ b.T for r in b])
    ),
    "ppermute": (lambda x: x * ppermute(x, "i", SHIFT), lambda b: b * np.roll(b, 1, axis=0)),
    "all_to_all": (lambda x: x * all_to_all(x, "i", 0, 0), lambda b: b * b.T),
    "axis_index": (
        lambda x: x * (1 + axis_index("i")), lambda b: b * (1 + np.arange(3))[:, None]
    ),
}  # fmt: skip
every_case = pytest.mark.parametrize(("local", "whole"), CASES.values(), ids=list(CASES))


@every_case
@pytest.mark.parametrize("mapping", [vmap, pmap])
def test_value(local, whole, mapping):
    mapped = mapping(local, axis_name="i")
    np.testing.assert_allclose(mapped(X), whole(X))
    np.testing.assert_allclose(jit(mapped)(X), whole(X))


@every_case
def test_derivatives_of_the_mapped_function(local, whole):
    mapped = vmap(local, axis_name="i")
    expected = jacfwd(whole)(X)
    np.testing.assert_allclose(jacfwd(mapped)(X), expected)
    np.testing.assert_allclose(jacrev(mapped)(X), expected)
    np.testing.assert_allclose(jacfwd(jacrev(mapped))(X), jacfwd(jacfwd(whole))(X))


@every_case
def test_inside_another_map(local, whole):
    batch = np.stack([X, X + 1.0])
    nested = vmap(vmap(local, axis_name="i"))(batch)
    np.testing.assert_allclose(nested, np.stack([whole(b) for b in batch]))


def test_gradients_inside_the_map_are_summed():
    """pmap(grad(psum(x**2))): every member's x counts in every member's value."""
    slopes = pmap(grad(lambda x: psum(x**2, "i")), axis_name="i")(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(slopes, 3 * 2 * np.array([1.0, 2.0, 3.0]))


def test_trees_of_parameters():
    """The usual line of data-parallel training: the mean of the gradients of a dict."""
    f = lambda p, x: np.sum((p["w"] * x + p["b"]) ** 2)
    params = {"w": np.ones(3), "b": 0.5}
    local = vmap(lambda x: pmean(grad(f)(params, x), "i"), axis_name="i")(X)
    whole = grad(lambda p: np.mean(vmap(f, in_axes=(None, 0))(p, X)))(params)
    np.testing.assert_allclose(local["w"][0], whole["w"])
    np.testing.assert_allclose(local["b"], [whole["b"]] * 3)


def test_two_named_axes():
    f = vmap(vmap(lambda x: x / psum(psum(x, "i"), "j"), axis_name="j"), axis_name="i")
    np.testing.assert_allclose(f(X), X / X.sum())


def test_constants_and_unmapped_values():
    np.testing.assert_allclose(
        vmap(lambda x: x * psum(2.0, "i"), axis_name="i")(np.ones(3)), [6.0] * 3
    )
    assert vmap(lambda x: x * axis_size("i"), axis_name="i")(np.ones(2)).tolist() == [2.0, 2.0]


def test_who_receives_nothing_has_zeros():
    moved = vmap(lambda x: ppermute(x, "i", [(0, 1)]), axis_name="i")(np.array([5.0, 6.0]))
    np.testing.assert_allclose(moved, [0.0, 5.0])


def test_pmap_is_vmap():
    f = lambda x, w: np.sin(x) @ w
    w = np.ones(3)
    np.testing.assert_allclose(pmap(f, in_axes=(0, None))(X, w), vmap(f, in_axes=(0, None))(X, w))


def test_errors():
    with pytest.raises(StructureError, match="axis_name='j'"):
        vmap(lambda x: psum(x, "j"), axis_name="i")(X)
    with pytest.raises(StructureError, match="no running vmap"):
        psum(1.0, "i")
    with pytest.raises(StructureError, match="twice"):
        vmap(lambda x: ppermute(x, "i", [(0, 1), (2, 1)]), axis_name="i")(X)
    with pytest.raises(StructureError, match="leaves the axis"):
        vmap(lambda x: ppermute(x, "i", [(0, 3)]), axis_name="i")(X)
    with pytest.raises(StructureError, match="2 parts"):
        vmap(lambda x: all_to_all(x[:2], "i", 0, 0), axis_name="i")(X)
