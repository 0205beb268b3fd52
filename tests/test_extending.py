"""primitive: a function from outside, with rules, in every transform."""

import numpy as np
import pytest

from funcgrad import ShapeDtype, grad, hvp, jacfwd, jit, jvp, primitive, testing, vmap
from funcgrad.errors import DifferentiationError, ShapeError
from funcgrad.extending import primitive as Primitive

X = np.array([0.5, 2.0, 3.3])


def by_vjp():
    @primitive
    def f(x, y, power=2):
        assert type(x) is not Primitive
        return np.sin(x) * y**power

    f.defvjps(
        lambda ct, z, x, y, power=2: ct * np.cos(x) * y**power,
        lambda ct, z, x, y, power=2: ct * power * z / y,
    )
    return f


def by_jvp():
    @primitive
    def f(x, y, power=2):
        return np.sin(x) * y**power

    f.defjvps(
        lambda t, z, x, y, power=2: t * np.cos(x) * y**power,
        lambda t, z, x, y, power=2: t * power * z / y,
    )
    return f


@pytest.mark.parametrize("make", [by_vjp, by_jvp])
def test_every_transform(make):
    f = make()
    testing.check_grads(f, (X, X + 1), order=2)
    testing.check_grads(lambda x, y: f(x, y, power=3), (X, X + 1), order=2)

    def plain(x):
        return np.sum(np.sin(x) * (x + 1) ** 2)

    def total(x):
        return np.sum(f(x, x + 1))

    for take in (grad, lambda g: jit(grad(g)), lambda g: lambda x: hvp(g)(x, X), jacfwd,
                 lambda g: jacfwd(grad(g))):  # fmt: skip
        np.testing.assert_allclose(take(total)(X), take(plain)(X), rtol=1e-12, atol=1e-12)
    both = vmap(lambda x, y: f(x, y), (0, None))
    np.testing.assert_allclose(both(X, 2.0), np.sin(X) * 4)
    assert f(X.astype(np.float32), np.float32(2)).dtype == np.float32
    assert jit(f)(X.astype(np.float32), np.float32(2)).dtype == np.float32


def test_a_rule_that_calls_its_function_reaches_order_three():
    @primitive
    def e(x):
        return np.exp(x)

    e.defvjps(lambda ct, z, x: ct * e(x))
    f = e
    for _ in range(3):
        f = grad(f)
        assert f(0.5) == pytest.approx(np.exp(0.5), rel=1e-15)
    with pytest.raises(DifferentiationError, match="callback e"):
        grad(f)(0.5)


def test_an_argument_without_a_rule():
    @primitive
    def product(x, y):
        return x * y

    with pytest.raises(DifferentiationError, match="callback product"):
        grad(product)(2.0, 3.0)
    product.defvjps(lambda ct, z, x, y: ct * y)
    assert grad(product)(2.0, 3.0) == 3.0
    for f in (lambda y: product(2.0, y), lambda y: product(y, y)):
        with pytest.raises(DifferentiationError, match="product"):
            grad(f)(3.0)
    product.defvjps(lambda ct, z, x, y: ct * y, None)
    assert grad(lambda y: product(y, y))(3.0) == 3.0


def test_several_results_and_trees():
    @primitive
    def both(p):
        return {"s": np.sin(p["x"]), "c": np.cos(p["x"])}

    both.defvjps(lambda ct, z, p: {"x": ct["s"] * z["c"] - ct["c"] * z["s"]})

    def f(x):
        out = both({"x": x})
        return np.sum(out["s"] * 2 + out["c"] * 3)

    np.testing.assert_allclose(grad(f)(X), 2 * np.cos(X) - 3 * np.sin(X))
    np.testing.assert_allclose(jacfwd(grad(f))(X), np.diag(-2 * np.sin(X) - 3 * np.cos(X)))


def test_static_arguments():
    @primitive
    def along(x, axis, how="sum"):
        return getattr(np, how)(x, axis=axis)

    along.defvjps(lambda ct, z, x, axis, how="sum": np.expand_dims(ct, axis) + 0 * x, None)
    x = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(grad(lambda x: np.sum(along(x, 1) ** 2))(x), [[6] * 3, [24] * 3])
    assert jit(lambda x: along(x, 0, how="max"))(x).tolist() == [3, 4, 5]


def test_shapes_by_trial_and_by_declaration():
    calls = []

    @primitive
    def positive(x):
        calls.append(x)
        if np.all(x == 1):
            raise ValueError("no ones, please")
        return np.sqrt(x)

    with pytest.raises(ValueError, match="no ones") as caught:
        jit(positive)(X)
    assert "def_abstract" in caught.value.__notes__[0]
    positive.def_abstract(lambda x: ShapeDtype(x.shape, x.dtype))
    np.testing.assert_array_equal(jit(positive)(X), np.sqrt(X))
    positive.def_abstract(lambda x: ShapeDtype((2,), x.dtype))
    with pytest.raises(ShapeError, match="positive"):
        jit(lambda x: positive(2 * x))(np.ones(4))


def test_a_trial_is_made_once_per_signature():
    calls = []

    @primitive
    def f(x):
        calls.append(np.shape(x))
        return x + 1

    f.defjvps(lambda t, z, x: t)
    for _ in range(3):
        jvp(f, (X,), (X,))
    assert calls == [(3,)] * 4
