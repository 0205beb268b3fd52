"""custom_jvp, custom_vjp and checkpoint: one rule serves both modes, to every order."""

import numpy as np
import pytest

from funcgrad import (
    checkpoint,
    custom_jvp,
    custom_vjp,
    grad,
    hvp,
    jacfwd,
    jacrev,
    jit,
    jvp,
    linearize,
    make_jaxpr,
    vjp,
    vmap,
)
from funcgrad.errors import DifferentiationError

POINTS = np.array([0.3, -1.2, 2.0])


def plain(x, y):
    return np.sin(x) * y**2


def with_jvp():
    @custom_jvp
    def f(x, y):
        return np.sin(x) * y**2

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return f(x, y), np.cos(x) * y**2 * tx + 2 * np.sin(x) * y * ty

    return f


def with_jvps():
    f = custom_jvp(lambda x, y: np.sin(x) * y**2)
    f.defjvps(lambda t, z, x, y: t * np.cos(x) * y**2, lambda t, z, x, y: t * 2 * z / y)
    return f


def with_vjp():
    @custom_vjp
    def f(x, y):
        return np.sin(x) * y**2

    f.defvjp(
        lambda x, y: (f(x, y), (x, y)),
        lambda saved, ct: (
            ct * np.cos(saved[0]) * saved[1] ** 2,
            ct * 2 * np.sin(saved[0]) * saved[1],
        ),
    )
    return f


def checkpointed():
    return checkpoint(plain)


KINDS = {"jvp": with_jvp, "jvps": with_jvps, "vjp": with_vjp, "checkpoint": checkpointed}
DERIVATIVES = {
    "grad": grad,
    "grad-y": lambda f: grad(f, 1),
    "jvp": lambda f: lambda x, y: jvp(f, (x, y), (1.0, 0.5))[1],
    "vjp": lambda f: lambda x, y: vjp(f, x, y)[1](1.0)[1],
    "linearize": lambda f: lambda x, y: linearize(f, x, y)[1](1.0, 0.5),
    "hvp": lambda f: lambda x, y: hvp(f)(x, y, 1.0),
    "grad-grad": lambda f: grad(grad(f), 1),
    "fwd-rev": lambda f: jacfwd(jacrev(f), 1),
    "rev-fwd": lambda f: jacrev(jacfwd(f, 1)),
    "fwd-fwd": lambda f: jacfwd(jacfwd(f)),
    "third": lambda f: grad(grad(grad(f))),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize("derive", DERIVATIVES.values(), ids=list(DERIVATIVES))
def test_every_mode_and_order(make, derive):
    f = make()
    expected = [derive(plain)(x, 1.5) for x in POINTS]
    np.testing.assert_allclose([derive(f)(x, 1.5) for x in POINTS], expected)
    np.testing.assert_allclose([jit(derive(f))(x, 1.5) for x in POINTS], expected)
    np.testing.assert_allclose(vmap(derive(f), in_axes=(0, None))(POINTS, 1.5), expected)


@pytest.mark.parametrize("make", KINDS.values(), ids=list(KINDS))
def test_shared_arguments_of_a_batch(make):
    f = make()
    total = grad(lambda y: np.sum(vmap(f, in_axes=(0, None))(POINTS, y)))(1.5)
    np.testing.assert_allclose(total, np.sum(2 * np.sin(POINTS) * 1.5))


def test_the_rule_is_what_counts():
    f = custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: (primals[0], 7.0 * tangents[0]))
    assert grad(f)(1.0) == 7.0 and jvp(f, (1.0,), (1.0,))[1] == 7.0
    assert jit(grad(f))(1.0) == 7.0 and f(3.0) == 3.0

    g = custom_vjp(lambda x: x)
    g.defvjp(lambda x: (x, None), lambda _, ct: (7.0 * ct,))
    assert grad(g)(1.0) == 7.0 and jvp(g, (1.0,), (1.0,))[1] == 7.0


def test_arguments_that_are_not_differentiated():
    def power(n, x):
        return x**n

    f = custom_jvp(power, nondiff_argnums=(0,))
    f.defjvp(lambda n, primals, tangents: (f(n, *primals), -tangents[0]))
    assert grad(f, 1)(3, 2.0) == -1.0
    g = custom_vjp(power, nondiff_argnums=(0,))
    g.defvjp(lambda n, x: (x**n, x), lambda n, x, ct: (ct * n * x,))
    assert grad(g, 1)(3, 2.0) == 6.0


def test_trees_and_residuals_of_any_kind():
    @custom_vjp
    def f(p):
        return {"out": np.sum(p["w"] ** 2)}

    f.defvjp(
        lambda p: (f(p), (p, "label", None)),
        lambda saved, ct: ({"w": 2 * saved[0]["w"] * ct["out"], "b": np.zeros(2)},),
    )
    slopes = grad(lambda p: f(p)["out"])({"w": POINTS, "b": np.ones(2)})
    np.testing.assert_allclose(slopes["w"], 2 * POINTS)
    np.testing.assert_allclose(slopes["b"], 0.0)


def test_rules_may_close_over_what_is_traced():
    def outer(scale):
        f = custom_jvp(np.sin)
        f.defjvp(lambda primals, tangents: (np.sin(primals[0]), scale * tangents[0]))
        return grad(f)(0.3)

    assert outer(5.0) == 5.0
    assert grad(outer)(5.0) == 1.0


def test_a_function_that_closes_over_what_is_differentiated():
    def outer(w):
        f = custom_jvp(lambda x: x * w)
        f.defjvp(lambda primals, tangents: (f(*primals), tangents[0]))
        return f(2.0)

    with pytest.raises(DifferentiationError, match="pass that value as an argument"):
        grad(outer)(3.0)


def test_branches_and_values_inside():
    @custom_jvp
    def f(x):
        return x**2 if x > 0 else -x

    f.defjvps(lambda t, z, x: t * (2 * x if x > 0 else -1.0))
    assert grad(f)(3.0) == 6.0 and grad(f)(-3.0) == -1.0


def test_checkpoint_repeats_the_function():
    """The residuals inside are not kept: the backward pass holds a program that runs f again."""
    inner = lambda x: np.exp(np.sin(np.exp(x)))
    text = str(make_jaxpr(grad(checkpoint(inner)))(0.3))
    kept = str(make_jaxpr(grad(inner))(0.3))
    assert text.count("checkpoint[") == 1 and "checkpoint[" not in kept
    np.testing.assert_allclose(grad(checkpoint(inner))(0.3), grad(inner)(0.3))
