"""Sums of products: fewer arrays, the same numbers."""

import numpy as np
import pytest

from funcgrad import grad, make_jaxpr
from funcgrad.compiler.accumulate import accumulated
from funcgrad.compiler.simplify import simplify
from tests import laws
from tests.backends.llvm.natively import natively, needed


def convolution(x, w):
    """A 3-window by shifted products, as people write it."""
    total = 0
    for k in range(3):
        total = total + np.einsum("bip,ipq->biq", x[:, k : k + 5], w[k : k + 5])
    return total


def plain_sum(x, w):
    y = x[:, 0]
    return y @ w[0] + y @ w[1] + y @ w[2]


def in_place_of_an_operand(x, w):
    """The first product is itself a factor of the second: it must outlive the sum's memory."""
    y = x[:, 0] @ w[0]
    return y + y @ w[1]


RNG = np.random.default_rng(5)
X, W = RNG.normal(size=(4, 7, 6)), RNG.normal(size=(7, 6, 6))


def programs(f):
    yield make_jaxpr(f)(X, W)
    yield make_jaxpr(grad(lambda x, w: np.sum(np.sin(f(x, w))), argnums=(0, 1)))(X, W)


@pytest.mark.parametrize("f", [convolution, plain_sum, in_place_of_an_operand])
def test_the_same_numbers(f):
    for closed in programs(f):
        jaxpr = simplify(closed.jaxpr)
        values = [X, W, *closed.consts]
        for found, wanted in zip(
            laws.evaluate(accumulated(jaxpr), values), laws.evaluate(jaxpr, values), strict=True
        ):
            laws.close(found, wanted, 1e-13)


@needed
@pytest.mark.parametrize("f", [convolution, plain_sum, in_place_of_an_operand])
def test_natively(f):
    for closed in programs(f):
        values = [X, W, *closed.consts]
        status, outs = natively(closed.jaxpr, values)
        assert status == 0
        for found, wanted in zip(outs, laws.evaluate(simplify(closed.jaxpr), values), strict=True):
            laws.close(found, wanted, 1e-13)


def test_every_term_but_the_first_is_added_in_place():
    jaxpr = accumulated(simplify(make_jaxpr(plain_sum)(X, W).jaxpr))
    names = [eqn.prim.name for eqn in jaxpr.eqns]
    assert names.count("dot_onto") == 2
    assert names.count("dot_general") == 1
    assert "add" not in names


def test_what_is_read_twice_stays():
    closed = make_jaxpr(in_place_of_an_operand)(X, W)
    jaxpr = accumulated(simplify(closed.jaxpr))
    assert "dot_onto" not in [eqn.prim.name for eqn in jaxpr.eqns]


def capsules(x, w):
    """Matrices times matrices over a window: columns of the image's gradient lie in short runs."""
    terms = [np.einsum("bxcpq,cdqr->bxdpr", x[:, i : i + 4], w[i]) for i in range(3)]
    return sum(terms[1:], terms[0])


@needed
@pytest.mark.parametrize("q", [1, 2, 3, 4, 8, 16])
@pytest.mark.parametrize("c", [1, 3, 8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
def test_products_into_parts(c, q, dtype):
    x = RNG.normal(size=(2, 6, c, 4, q)).astype(dtype)
    w = RNG.normal(size=(3, c, 5, q, 4)).astype(dtype)
    closed = make_jaxpr(grad(lambda x, w: np.sum(np.sin(capsules(x, w))), argnums=(0, 1)))(x, w)
    values = [x, w, *closed.consts]
    jaxpr = accumulated(simplify(closed.jaxpr))
    assert sum(eqn.prim.name == "dot_into" for eqn in jaxpr.eqns) >= 3
    wanted = laws.evaluate(simplify(closed.jaxpr), values)
    status, outs = natively(closed.jaxpr, values)
    assert status == 0
    for found, again, number in zip(outs, laws.evaluate(jaxpr, values), wanted, strict=True):
        tolerance = 1e-12 if dtype == np.float64 else 2e-4
        laws.close(again, number, tolerance)
        laws.close(found, number, tolerance)


def test_parts_that_repeat_a_product_stay():
    """A product that is broadcast into the part, or is read elsewhere, is computed by itself."""

    def broadcast(x, w):
        y = np.zeros_like(x)
        y[:, :5] += x[0, :1] @ w[0]
        return y

    def twice(x, w):
        y, z = np.zeros_like(x), x[:, :5] @ w[0]
        y[:, 1:6] += z
        return y[:, :5] * z

    for f in (broadcast, twice):
        closed = make_jaxpr(f)(X, W)
        jaxpr = accumulated(simplify(closed.jaxpr))
        assert "dot_into" not in [eqn.prim.name for eqn in jaxpr.eqns]
        values = [X, W, *closed.consts]
        laws.close(laws.evaluate(jaxpr, values)[0], f(X, W), 1e-13)


# -- work on transposed sums ---------------------------------------------------------------------


def layer(x, w):
    """Its products have the axes q and p the other way round."""
    return sum(np.einsum("bpc,cq->bqp", x[:, k : k + 5], w[k]) for k in range(3))


def transposes(jaxpr):
    return sum(eqn.prim.name == "transpose" for eqn in jaxpr.eqns)


TURNED = {
    "energy": (lambda x, w: 0.5 * np.sum(np.sin(layer(x, w)) ** 2), 0),
    "turned back": (lambda x, w: np.swapaxes(2.0 * layer(x, w), 1, 2), 2),  # of one array
    "output": (lambda x, w: 2.0 * layer(x, w), 1),
    "turned otherwise": (lambda x, w: np.transpose(2.0 * layer(x, w), (2, 0, 1)), 2),
    "another array": (lambda x, w: np.swapaxes(layer(x, w) + w[:4, :, :5], 1, 2), 2),
    "rows": (lambda x, w: np.sum(2.0 * layer(x, w), axis=1), 1),
}


@pytest.mark.parametrize("name", TURNED)
def test_work_on_transposed_sums(name):
    """The transposition goes where nothing needs it, and only there."""
    f, left = TURNED[name]
    closed = make_jaxpr(f)(X, W)
    jaxpr = simplify(closed.jaxpr)
    made = accumulated(jaxpr)
    values = [X, W, *closed.consts]
    wanted = laws.evaluate(jaxpr, values)
    for found, value in zip(laws.evaluate(made, values), wanted, strict=True):
        laws.close(found, value, 1e-13)
    assert transposes(made) == left
    assert transposes(jaxpr) >= 3


@needed
@pytest.mark.parametrize("name", TURNED)
def test_work_on_transposed_sums_natively(name):
    f, _ = TURNED[name]
    closed = make_jaxpr(grad(lambda x, w: np.sum(np.cos(f(x, w))), (0, 1)))(X, W)
    values = [X, W, *closed.consts]
    status, outs = natively(closed.jaxpr, values)
    assert status == 0
    for found, wanted in zip(outs, laws.evaluate(simplify(closed.jaxpr), values), strict=True):
        laws.close(found, wanted, 1e-12)
