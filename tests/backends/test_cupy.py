"""Programs for CuPy: bound through the namespace alone; on a device, where there is one."""

import numpy as np
import pytest

from funcgrad import config, grad, jit, make_jaxpr
from funcgrad.backends.program import Program
from tests import laws
from tests.backends.fake_cupy import fake_cupy

X = np.linspace(0.2, 2.0, 12).reshape(3, 4)
FUNCTIONS = {
    "elementwise": lambda x: np.sum(np.tanh(x) * np.exp(-(x**2)) + np.maximum(x, 1.0)),
    "mean": lambda x: np.mean(x, axis=0).sum() + np.max(x),
    "product": lambda x: np.prod(x[0]) + np.min(x, axis=1)[0],
    "cumulative": lambda x: np.sum(np.cumsum(x, axis=1) * np.cumprod(x, axis=0)),
    "indexing": lambda x: np.sum(x[1:, ::-1] * x[0]) + x[np.array([0, 0, 2])].sum(),
    "where": lambda x: np.sum(np.where(x > 1, x, 0.0)),
    "matrices": lambda x: np.sum(x @ x.T),
    "shapes": lambda x: np.sum(np.concatenate([x.reshape(-1), x.T.ravel()]) ** 3),
    "numbers": lambda x: np.sin(x[0, 0]) / x[1, 1] + x[2, 2] ** 2,
    "power": lambda x: np.sum(x**2.5) + np.sum(np.abs(x) ** -1.5),
}


@pytest.mark.parametrize("transform", [lambda f: f, grad], ids=["value", "grad"])
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_a_namespace_without_numpys_extras(function, transform):
    closed = make_jaxpr(transform(function))(X)
    values = [X, *closed.consts]
    program = Program(closed.jaxpr, fake_cupy)
    with np.errstate(all="ignore"):
        found = program.call(*values)
        wanted = laws.evaluate(closed.jaxpr, values)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
        assert not np.shares_memory(a, X)


def test_no_blocks_on_a_device(monkeypatch):
    monkeypatch.setattr(config, "block_minimum", 1)
    closed = make_jaxpr(grad(lambda x: np.sum(np.sin(np.exp(x)))))(X)
    assert "for " in Program(closed.jaxpr, np).source
    assert "for " not in Program(closed.jaxpr, fake_cupy).source


def test_running_extremes():
    from funcgrad.backends.cupy import reducer

    for name in ("maximum", "minimum"):
        run = reducer(fake_cupy, name, "accumulate")
        for axis in (0, 1):
            wanted = getattr(np, name).accumulate(np.sin(9 * X), axis)
            np.testing.assert_array_equal(run(np.sin(9 * X), axis), wanted)


@pytest.mark.gpu
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_on_a_device(function):
    cupy = pytest.importorskip("cupy")
    for made in (jit(function), jit(grad(function))):
        found = made(cupy.asarray(X))
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_allclose(cupy.asnumpy(found), made(X), rtol=1e-9)
