"""Control flow equals plain Python: values, both modes, three orders, batched, jitted.

Covers the primitives cond, scan and while_loop.
"""

import numpy as np
import pytest

from funcgrad import (
    cond,
    grad,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    make_jaxpr,
    map,
    scan,
    switch,
    vjp,
    vmap,
    while_loop,
)
from funcgrad.errors import ConcretizationError, StructureError
from funcgrad.ir.check import check_jaxpr
from funcgrad.testing import check_grads
from tests.control.programs import PAIRS

POINTS = np.array([0.45, 0.7, 1.3, 2.2])
every_pair = pytest.mark.parametrize(("structured", "python"), PAIRS.values(), ids=list(PAIRS))

DERIVATIVES = {
    "grad": grad,
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "grad-grad": lambda f: grad(grad(f)),
    "jvp-grad": lambda f: lambda x: jvp(grad(f), (x,), (1.0,))[1],
    "grad-jvp": lambda f: grad(lambda x: jvp(f, (x,), (1.0,))[1]),
    "hvp": lambda f: lambda x: hvp(f)(x, 1.0),
    "linearize": lambda f: lambda x: linearize(f, x)[1](1.0),
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    "third": lambda f: grad(grad(grad(f))),
    "fwd-rev-fwd": lambda f: jacfwd(jacrev(jacfwd(f))),
}
every_derivative = pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=list(DERIVATIVES))


@every_pair
def test_value(structured, python):
    for x in POINTS:
        np.testing.assert_allclose(structured(x), python(x), rtol=1e-14)
        np.testing.assert_allclose(jit(structured)(x), python(x), rtol=1e-14)


@every_pair
@every_derivative
def test_derivatives(structured, python, derive):
    for x in POINTS:
        np.testing.assert_allclose(derive(structured)(x), derive(python)(x), rtol=1e-11)


@every_pair
@every_derivative
def test_batched(structured, python, derive):
    expected = [derive(python)(x) for x in POINTS]
    np.testing.assert_allclose(vmap(derive(structured))(POINTS), expected, rtol=1e-11)
    np.testing.assert_allclose(jit(vmap(derive(structured)))(POINTS), expected, rtol=1e-11)


@every_pair
def test_derivative_of_a_batch(structured, python):
    slopes = grad(lambda xs: np.sum(vmap(structured)(xs) ** 2))(POINTS)
    np.testing.assert_allclose(
        slopes, [2 * python(x) * grad(python)(x) for x in POINTS], rtol=1e-11
    )


@every_pair
def test_jaxprs_type_check(structured, python):
    for derive in (lambda f: f, grad, lambda f: grad(grad(f)), DERIVATIVES["hvp"]):
        check_jaxpr(make_jaxpr(derive(structured))(0.7).jaxpr)
        check_jaxpr(make_jaxpr(vmap(derive(structured)))(POINTS).jaxpr)


def test_arrays_pytrees_and_closures():
    matrix = np.array([[0.2, 0.5], [-0.3, 0.4]])
    drive = np.arange(6.0).reshape(3, 2)

    def run(p):
        def step(carry, u):
            h = np.tanh(matrix @ carry["h"] * p["gain"] + u)
            return {"h": h, "n": carry["n"] + 1}, (h, np.sum(h))

        last, (hs, sums) = scan(step, {"h": np.zeros(2), "n": 0}, drive)
        return np.sum(last["h"]) + np.sum(hs**2) + np.sum(sums)

    check_grads(run, ({"gain": np.array([0.7, 1.1])},), order=2)


@pytest.mark.parametrize("length", [0, 1])
def test_short_scans(length):
    def f(x):
        c, ys = scan(lambda c, t: (c * t, c), x, np.full(length, 3.0))
        return c + np.sum(ys)

    expected = [1.0, 4.0][length]
    np.testing.assert_allclose(grad(f)(2.0), expected)
    np.testing.assert_allclose(vmap(grad(f))(np.ones(2)), [expected] * 2)


def test_a_while_loop_that_never_runs():
    f = lambda x: while_loop(lambda c: c < 0, lambda c: c * x, x)
    np.testing.assert_allclose(grad(f)(2.0), 1.0)
    np.testing.assert_allclose(vmap(grad(f))(np.array([1.0, 2.0])), [1.0, 1.0])


def test_the_carry_is_promoted():
    total, _ = scan(lambda c, x: (c + x, None), 0, np.array([0.5, 1.0]))
    assert total == 1.5
    single, _ = scan(lambda c, x: (c + x, None), np.float32(0), np.ones(2, np.float32))
    assert np.asarray(single).dtype == np.float32


def test_float32_stays():
    def f(x):
        return scan(lambda c, t: (c * x + t, c), x, np.ones(3, np.float32))[0]

    assert np.asarray(grad(f)(np.float32(2))).dtype == np.float32


def test_map_equals_vmap():
    xs = np.linspace(0, 1, 4)
    f = lambda x: {"a": np.sin(x), "b": x * np.ones(2)}
    np.testing.assert_allclose(map(f, xs)["b"], vmap(f)(xs)["b"])
    np.testing.assert_allclose(jacrev(lambda z: map(np.sin, z))(xs), np.diag(np.cos(xs)))


# -- bad input -----------------------------------------------------------------------------------


def test_branches_that_disagree():
    with pytest.raises(StructureError, match=r"cond.*f64\[2\]"):
        grad(lambda x: np.sum(cond(x > 0, lambda y: y, lambda y: y * np.ones(2), x)))(1.0)
    with pytest.raises(StructureError, match="cond"):
        grad(lambda x: cond(x > 0, lambda y: y, lambda y: (y, y), x))(1.0)
    with pytest.raises(StructureError, match="scalar"):
        grad(lambda x: np.sum(cond(x > 0, np.sin, np.cos, x)))(np.ones(2))
    with pytest.raises(StructureError, match="no branches"):
        switch(0, [], 1.0)


def test_carries_that_change():
    with pytest.raises(StructureError, match=r"scan.*carry from f64\[\] to f64\[2\]"):
        scan(lambda c, x: (c * np.ones(2), None), 0.0, np.ones(2))
    with pytest.raises(StructureError, match="while_loop"):
        while_loop(lambda c: c < 3, lambda c: (c, c), 0.0)
    with pytest.raises(StructureError, match="pair"):
        scan(lambda c, x: c, 0.0, np.ones(2))
    with pytest.raises(StructureError, match="lengths differ"):
        scan(lambda c, x: (c, None), 0.0, (np.ones(2), np.ones(3)))
    with pytest.raises(StructureError, match="pass length"):
        scan(lambda c, x: (c, None), 0.0)


def test_python_may_not_decide_inside_a_body():
    def step(c, x):
        return (c if c > 0 else -c), None

    with pytest.raises(ConcretizationError, match=r"scan: step.*test_control\.py"):
        scan(step, 0.5, np.ones(2))


def test_what_nothing_reads_keeps_nothing():
    """The slope of the root is infinite, and no output needs it: nor does any derivative."""

    def f(x):
        def body(y, r):
            return np.where(np.sqrt(y - x) < 1.0, y * r + x - x * r, y), y * y

        return np.sum(scan(body, x, np.array([0.5, 2.0]))[1])

    plain = lambda x: 2 * x * x
    for ask in (grad, lambda f: grad(grad(f)), lambda f: grad(grad(grad(f)))):
        np.testing.assert_allclose(ask(f)(1.5), ask(plain)(1.5), atol=1e-12)
