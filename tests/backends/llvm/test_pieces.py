"""Paddings, embeddings and sums into parts, read through every kind of view."""

import numpy as np
import pytest

from funcgrad import grad, make_jaxpr, vmap
from funcgrad.backends.llvm import scope
from funcgrad.compiler.kernels import Init, Nest, Rules, Schedule
from funcgrad.compiler.simplify import simplify
from funcgrad.ops.families import ops
from tests import laws
from tests.backends.llvm.natively import natively, needed

pytestmark = needed


def padded(x):
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(1, 1)])[..., 2:] * 2.0 + x[..., :1]


def padded_by_a_number(x):
    return np.sin(np.pad(x, [(0, 0)] * (x.ndim - 1) + [(3, 2)], constant_values=0.5))


def turned(x):
    return np.flip(np.pad(x, 1), -1).T * 3.0


def laplacian(x):
    y = np.pad(x, 1)
    inner = (slice(1, -1),) * x.ndim
    total = -2.0 * x.ndim * y[inner]
    for axis in range(x.ndim):
        for part in (slice(2, None), slice(None, -2)):
            where = list(inner)
            where[axis] = part
            total = total + y[tuple(where)]
    return total


def differences(x):
    return np.sum((x[..., 1:] - 0.1 * x[..., :-1] ** 2) ** 2) * 0.01


def assigned(x):
    y = x * 1.5
    y[..., 1:] = x[..., :-1] * x[..., 1:]
    return y + 1.0


def added(x):
    y = x * 1.5
    y[..., :-1] += x[..., 1:]
    y[..., 1:] += x[..., :-1]
    return np.tanh(y)


def rows_of_paddings(x):
    y = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(2, 1)])
    e = np.exp(y - np.max(y, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def kept_and_read(x):
    y = np.pad(x, 1)
    return y, y[..., 1:] * y[..., :-1]


FUNCTIONS = [padded, padded_by_a_number, turned, laplacian, assigned, added, rows_of_paddings,
             kept_and_read]  # fmt: skip
SHAPES = [(2,), (3,), (17,), (40,), (5, 9), (18, 33), (3, 4, 21)]


def agree(f, *args):
    closed = make_jaxpr(f)(*args)
    values = [*args, *closed.consts]
    status, outs = natively(closed.jaxpr, values)
    assert status == 0
    for found, wanted in zip(outs, laws.evaluate(simplify(closed.jaxpr), values), strict=True):
        laws.close(found, wanted, 1e-13)


@pytest.fixture(autouse=True)
def nests(monkeypatch):
    monkeypatch.setattr(scope, "SMALL", 1)


def array(shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values(f, shape):
    agree(f, array(shape))


@pytest.mark.parametrize("shape", [(3,), (40,), (18, 33)], ids=str)
@pytest.mark.parametrize("f", [*FUNCTIONS, differences], ids=lambda f: f.__name__)
def test_gradients(f, shape):
    def loss(x):
        out = f(x)
        return sum(np.sum(np.cos(y)) for y in (out if isinstance(out, tuple) else (out,)))

    x = array(shape)
    agree(grad(loss), x)
    agree(vmap(grad(loss)), np.stack([x, x + 0.5]))
    agree(grad(lambda x: np.sum(np.sin(grad(loss)(x)))), x)


def test_a_stencil_and_its_gradient_are_one_pass_each():
    """No memory is set up for a padding, or for the terms of a transposed one."""
    for f in (laplacian, grad(lambda x: np.sum(laplacian(x) * 0.5))):
        jaxpr = simplify(make_jaxpr(f)(array((18, 33))).jaxpr)
        schedule = Schedule(jaxpr, Rules(scope._fusible, lambda eqn: 1, 1))
        begun = [step.start for step in schedule.steps if isinstance(step, Init)]
        assert sum(isinstance(step, Nest) for step in schedule.steps) == 1
        assert begun in ([], [None])  # at most the output's own memory, written once


def test_a_piece_that_fills_little_is_written_in_place():
    """One row of many: its readers do not ask at every element whether they are in it."""

    def f(x):
        y = x * 2.0
        y[3:4] = 0.0
        return np.sum(y * y, axis=1)

    agree(f, array((40, 40)))


@pytest.mark.parametrize(
    "dtype, start", [("f8", 0), ("f8", -0.0), ("f4", 2.5), ("i4", 1.5), ("u1", 0), ("bool", 1)]
)
def test_filled_arrays_are_no_pass_of_their_own(dtype, start):
    """What scatters, products and nests find where an array holds one number everywhere."""

    def f(x):
        places = ops.convert(ops.iota(shape=(7,), axis=0, dtype=np.dtype(np.intp)), dtype="i8")
        filled = ops.full(start, shape=(5, 30), dtype=np.dtype(dtype))
        part = ops.convert(x, dtype=np.dtype(dtype))
        set_ = ops.scatter(filled, part, places, items=((1, 4, None), "array"), mode="set")
        return set_, filled, filled[1:, ::-1].T, ops.cumsum(filled, axis=1), ops.add(filled, 1)

    values = [np.linspace(0.0, 3.0, 21).reshape(3, 7)]
    jaxpr = laws.build(f, values)
    status, outs = natively(jaxpr, values)
    assert status == 0
    for found, wanted in zip(outs, laws.evaluate(jaxpr, values), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert np.array_equal(np.signbit(found), np.signbit(wanted)) or dtype[0] != "f"
