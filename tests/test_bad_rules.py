"""Wrong rules, functions without one, and what an exception must not leave behind."""

import numpy as np
import pytest

from funcgrad import custom_jvp, custom_vjp, grad, hvp, jit, vmap
from funcgrad.errors import (
    ConcretizationError,
    NotTraceableError,
    ShapeError,
    StructureError,
)
from funcgrad.trace.core import running
from tests.blame import assert_here, assert_told

X = np.array([0.5, 1.5, 2.5])


# -- jit and custom rules ----------------------------------------


def test_a_static_argument_must_be_hashable():
    def scaled(x, factors):
        return x * factors[0]

    with pytest.raises((TypeError, ValueError)) as caught:
        jit(scaled, static_argnums=1)(X, [2.0])
    assert_told(caught, "static", "hash", "list")


def test_a_jvp_rule_that_forgets_the_value():
    @custom_jvp
    def square(x):
        return x**2

    @square.defjvp
    def rule(primals, tangents):
        return 2 * primals[0] * tangents[0]

    with pytest.raises(StructureError) as caught:
        grad(square)(2.0)
    assert_told(caught, "custom_jvp", "square", "rule")


def test_a_jvp_rule_with_a_tangent_of_another_shape():
    @custom_jvp
    def doubled(x):
        return 2 * x

    @doubled.defjvp
    def rule(primals, tangents):
        return 2 * primals[0], np.sum(tangents[0])

    with pytest.raises(StructureError) as caught:
        grad(lambda x: np.sum(doubled(x)))(X)
    assert_told(caught, "custom_jvp", "doubled", "f64[3]", "f64[]")


def test_a_vjp_rule_with_too_few_cotangents():
    @custom_vjp
    def product(x, y):
        return x * y

    product.defvjp(lambda x, y: (x * y, (x, y)), lambda kept, ct: (ct * kept[1],))
    with pytest.raises(StructureError) as caught:
        grad(product)(2.0, 3.0)
    assert_told(caught, "custom_vjp", "product", "1", "2")


def test_a_vjp_rule_with_a_cotangent_of_another_shape():
    @custom_vjp
    def total(x):
        return np.sum(x)

    total.defvjp(lambda x: (np.sum(x), None), lambda kept, ct: (ct,))
    with pytest.raises(StructureError) as caught:
        grad(total)(X)
    assert_told(caught, "custom_vjp", "total", "f64[3]", "f64[]")


@pytest.mark.parametrize("custom", [custom_jvp, custom_vjp], ids=["custom_jvp", "custom_vjp"])
def test_a_custom_function_without_its_rule(custom):
    @custom
    def unruled(x):
        return x**2

    with pytest.raises((AttributeError, TypeError)) as caught:
        grad(unruled)(2.0)
    assert_told(caught, "unruled", custom.__name__.replace("custom_", "def"))


# -- what NumPy has and funcgrad lacks ----------------------------------------


UNCOVERED = {
    "numpy.datetime_as_string": np.datetime_as_string,
    "numpy.is_busday": np.is_busday,
}


@pytest.mark.parametrize(("name", "function"), UNCOVERED.items(), ids=list(UNCOVERED))
def test_an_uncovered_function_names_itself(name, function):
    def user(x):
        return np.sum(function(x)[0])  # here

    with pytest.raises(NotTraceableError) as caught:
        grad(user)(X)
    assert_told(caught, name, "custom_jvp")
    assert_here(caught)


# -- no state is left behind ----------------------------------------


def endless(x):
    return endless(x * 1.0)


def divide_by_zero(x):
    return np.sum(x) * (1 / 0)


def interrupted(x):
    np.sum(np.exp(x))
    raise KeyboardInterrupt


def fails_inside(x):
    return grad(lambda y: divide_by_zero(x * y))(x)


def misfit(x):
    return np.sum(x + np.ones(4))


def cut(x):
    return float(x[0]) * x[1]


FAILURES = [
    (endless, RecursionError),
    (divide_by_zero, ZeroDivisionError),
    (interrupted, KeyboardInterrupt),
    (fails_inside, ZeroDivisionError),
    (misfit, ShapeError),
    (cut, ConcretizationError),
]
TRANSFORMS = {
    "grad": grad,
    "jit": jit,
    "vmap": lambda f: lambda x: vmap(f)(np.stack([x, x])),
    "hvp": lambda f: lambda x: hvp(f)(x, x),
    "grad-grad": lambda f: grad(lambda x: np.sum(grad(f)(x))),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=list(TRANSFORMS))
@pytest.mark.parametrize(("function", "error"), FAILURES, ids=[f.__name__ for f, _ in FAILURES])
def test_an_exception_leaves_no_state(function, error, transform):
    if error is ConcretizationError and transform in (jit, TRANSFORMS["vmap"]):
        pytest.skip("without a derivative there is nothing to cut")
    for _ in range(2):
        with pytest.raises(error):
            transform(function)(X)
    assert_undisturbed()


def assert_undisturbed():
    assert running.get() is None
    np.testing.assert_allclose(grad(lambda x: np.sum(x**3))(X), 3 * X**2)
    confusing = grad(lambda x: x * grad(lambda y: x * y**2)(2.0))
    assert confusing(3.0) == pytest.approx(24.0)


def test_an_exception_caught_inside_does_not_disturb_the_outer_function():
    def outer(x):
        for function in (endless, divide_by_zero, misfit):
            with pytest.raises((RecursionError, ZeroDivisionError, ShapeError)):
                grad(function)(x)
        return np.sum(x**3)

    np.testing.assert_allclose(grad(outer)(X), 3 * X**2)
    np.testing.assert_allclose(hvp(outer)(X, np.ones(3)), 6 * X)
    assert_undisturbed()
