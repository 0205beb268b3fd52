"""grad, value_and_grad, the Jacobians and linear_transpose: arguments, structures, options."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

from funcgrad import (
    ShapeDtype,
    eval_shape,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linear_transpose,
    linearize,
    make_jaxpr,
    value_and_grad,
    vjp,
)
from funcgrad.errors import DifferentiationError, StructureError

X = np.array([0.5, -1.0, 2.0])
Y = np.array([1.0, 3.0, -2.0])


def f(x, y, scale=1.0):
    return np.sum(np.sin(x) * y**2) * scale


FX, FY = np.cos(X) * Y**2, 2 * np.sin(X) * Y


def test_argnums():
    np.testing.assert_allclose(grad(f)(X, Y), FX)
    np.testing.assert_allclose(grad(f, 1)(X, Y), FY)
    np.testing.assert_allclose(grad(f, -1)(X, Y), FY)
    both = grad(f, (1, 0))(X, Y)
    np.testing.assert_allclose(both[0], FY)
    np.testing.assert_allclose(both[1], FX)
    assert isinstance(grad(f, (0,))(X, Y), tuple)
    with pytest.raises(TypeError, match=r"argnums=2.*2 positional"):
        grad(f, 2)(X, Y)


def test_argnames():
    np.testing.assert_allclose(grad(f, argnums=None, argnames="y")(X, y=Y), FY)
    np.testing.assert_allclose(grad(f, argnums=None, argnames="scale")(X, Y, scale=2.0), f(X, Y))
    x_slope, y_slope = grad(f, 0, ("y",))(X, y=Y)
    np.testing.assert_allclose(x_slope, FX)
    np.testing.assert_allclose(y_slope, FY)
    with pytest.raises(TypeError, match="by keyword"):
        grad(f, argnums=None, argnames="y")(X, Y)


def test_values_and_aux():
    value, slope = value_and_grad(f)(X, Y)
    np.testing.assert_allclose(value, f(X, Y))
    np.testing.assert_allclose(slope, FX)
    aux = lambda x: (np.sum(x**2), {"twice": x * 2, "label": "kept", "n": 3})
    slope, extra = grad(aux, has_aux=True)(X)
    np.testing.assert_allclose(extra["twice"], X * 2)
    assert extra["label"] == "kept" and extra["n"] == 3
    (value, extra), slope = value_and_grad(aux, has_aux=True)(X)
    np.testing.assert_allclose(slope, 2 * X)
    assert float(value) == 5.25
    value, pullback, extra = vjp(lambda x: (x**2, x + 1), X, has_aux=True)
    np.testing.assert_allclose(extra, X + 1)
    out, tangent, extra = jvp(lambda x: (x**2, x + 1), (X,), (X,), has_aux=True)
    np.testing.assert_allclose(tangent, 2 * X**2)
    jac, extra = jacrev(lambda x: (x**2, x), has_aux=True)(X)
    np.testing.assert_allclose(jac, np.diag(2 * X))
    with pytest.raises(StructureError, match="pair"):
        grad(lambda x: np.sum(x), has_aux=True)(X)


class Pair(NamedTuple):
    a: object
    b: object


@dataclasses.dataclass
class Model:
    w: np.ndarray
    b: float


def test_structures():
    tree = {"p": Pair(X, [2.0, None]), "m": Model(Y, 0.5), "t": (X,)}
    loss = lambda t: (
        np.sum(t["p"].a ** 2) * t["p"].b[0] + np.sum(t["m"].w) * t["m"].b + t["t"][0][0]
    )
    slope = grad(loss)(tree)
    np.testing.assert_allclose(slope["p"].a, 4 * X)
    assert slope["p"].b[1] is None and isinstance(slope["m"], Model)
    np.testing.assert_allclose(slope["p"].b[0], np.sum(X**2))
    np.testing.assert_allclose(slope["m"].w, 0.5)
    np.testing.assert_allclose(slope["t"][0], [1.0, 0.0, 0.0])
    twice = hvp(loss)(tree, tree)
    np.testing.assert_allclose(twice["p"].a, 2 * X * 2.0 + 2 * X * 2.0)


def test_numbers_and_dtypes():
    assert grad(lambda x: x**2)(3) == 6.0
    assert np.asarray(grad(lambda x: np.sum(x * 2.0))(X.astype(np.float32))).dtype == np.float32
    assert np.asarray(grad(lambda x: np.sum(x * Y))(X.astype(np.float32))).dtype == np.float32
    zeros = grad(lambda x, n: np.sum(x * n), 1, allow_int=True)(X, np.arange(3))
    np.testing.assert_allclose(zeros, np.zeros(3))
    mixed = grad(lambda x, n: np.sum(x**n))(X, np.arange(3))
    np.testing.assert_allclose(mixed, [0.0, 1.0, 4.0])


def test_complex():
    z = np.array([1.0 + 2.0j, -0.5j])
    slope = grad(lambda z: np.sum(np.abs(z) ** 2))(z)  # df/dx - i df/dy of x^2 + y^2
    np.testing.assert_allclose(slope, 2 * z.conj())
    holomorphic = grad(lambda z: np.sum(z**3), holomorphic=True)(z)
    np.testing.assert_allclose(holomorphic, 3 * z**2)
    through = grad(lambda x: np.real(np.exp(1j * x) * (1 + 2j)))(0.3)
    np.testing.assert_allclose(through, -np.sin(0.3) - 2 * np.cos(0.3))
    with pytest.raises(DifferentiationError, match="holomorphic"):
        grad(lambda z: np.sum(z))(z)


def test_jacobians_agree():
    g = lambda x, y: {"u": np.outer(x, y), "v": np.sum(x) * y[:2]}
    forward, reverse = jacfwd(g, (0, 1))(X, Y), jacrev(g, (0, 1))(X, Y)
    counted = jacobian(g, (0, 1))(X, Y)
    for jac in (forward, reverse, counted, jit(jacfwd(g, (0, 1)))(X, Y)):
        np.testing.assert_allclose(jac["u"][0], np.einsum("ik,j->ijk", np.eye(3), Y))
        np.testing.assert_allclose(jac["u"][1], np.einsum("i,jk->ijk", X, np.eye(3)))
        np.testing.assert_allclose(jac["v"][1], np.sum(X) * np.eye(3)[:2])


def test_hessian_blocks():
    blocks = hessian(f, (0, 1))(X, Y)
    np.testing.assert_allclose(blocks[0][0], np.diag(-np.sin(X) * Y**2))
    np.testing.assert_allclose(blocks[0][1], np.diag(2 * np.cos(X) * Y))
    np.testing.assert_allclose(blocks[1][0], blocks[0][1].T)
    along = hvp(f, (0, 1))(X, Y, (X, Y))
    np.testing.assert_allclose(along[0], blocks[0][0] @ X + blocks[0][1] @ Y)
    with pytest.raises(TypeError, match=r"hvp\(f\)\(\*args, v\)"):
        hvp(f)(X)


def test_linear_functions():
    y, along = linearize(np.sin, X)
    np.testing.assert_allclose(y, np.sin(X))
    np.testing.assert_allclose(along(Y), np.cos(X) * Y)
    matrix = np.arange(6.0).reshape(2, 3)
    (back,) = linear_transpose(lambda x: matrix @ x, X)(np.array([1.0, 2.0]))
    np.testing.assert_allclose(back, matrix.T @ [1.0, 2.0])
    nested = grad(lambda a: np.sum(linearize(lambda x: a * x**2, X)[1](Y)))(2.0)
    np.testing.assert_allclose(nested, np.sum(2 * X * Y))


def test_shapes_without_values():
    shape = eval_shape(f, ShapeDtype((3,), np.float32), ShapeDtype((3,), np.float32))
    assert shape == ShapeDtype((), np.float32)
    assert "reduce_sum" in str(make_jaxpr(grad(lambda x: np.sum(x) ** 2))(ShapeDtype((4,), "f8")))


def test_tangents_that_do_not_fit():
    with pytest.raises(StructureError, match=r"shape \(2,\).*\(3,\)"):
        jvp(np.sin, (X,), (X[:2],))
    with pytest.raises(StructureError, match="structure"):
        jvp(lambda d: d["a"], ({"a": X},), ({"b": X},))
    with pytest.raises(StructureError, match=r"\(2,\).*\(3,\)"):
        vjp(np.sin, X)[1](X[:2])
