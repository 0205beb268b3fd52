"""Results belong to the caller: they share memory with no input, capture, or other result.

Plain NumPy hands out views; a transformed function computes later and keeps its arrays for the
next call, so that writing to a view could change an answer long after.
"""

import numpy as np
import pytest

from funcgrad import grad, jit, jvp, vjp, vmap

X = np.array([0.5, 1.5, 2.5])


def outputs_of(result):
    return result if isinstance(result, tuple) else (result,)


IDENTITIES = {
    "identity": lambda x: x,
    "slice": lambda x: x[1:],
    "reversed": lambda x: x[::-1],
    "reshape": lambda x: x.reshape(3, 1),
    "transpose": lambda x: x[:, None].T,
    "twice": lambda x: (x, x),
    "same result twice": lambda x: (x * 2,) * 2,
    "diagonal": lambda x: np.diag(np.diag(x)),
    "broadcast": lambda x: np.broadcast_to(x, (2, 3)),
}
RUNS = {
    "jit": lambda f, x: jit(f)(x),
    "jvp": lambda f, x: (*outputs_of(jvp(f, (x,), (x,))[0]), *outputs_of(jvp(f, (x,), (x,))[1])),
    "vjp": lambda f, x: vjp(f, x)[0],
    "vmap": lambda f, x: vmap(f)(x[None]),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=list(RUNS))
@pytest.mark.parametrize("function", IDENTITIES.values(), ids=list(IDENTITIES))
def test_outputs_share_memory_with_nothing(function, run):
    x = X.copy()
    outputs = outputs_of(run(function, x))
    for i, output in enumerate(outputs):
        assert output.flags.writeable
        assert not np.shares_memory(output, x)
        assert not any(np.shares_memory(output, other) for other in outputs[:i])


@pytest.mark.parametrize("prepare", [lambda f: f, jit], ids=["plain", "jit"])
def test_gradients_share_memory_with_nothing(prepare):
    weights = np.array([1.0, 2.0, 3.0])
    slope = prepare(grad(lambda x: np.sum(weights * x)))
    for _ in range(3):
        gradient = slope(X)
        np.testing.assert_array_equal(gradient, [1, 2, 3])
        gradient[:] = 99.0
    np.testing.assert_array_equal(weights, [1, 2, 3])


@pytest.mark.parametrize("prepare", [lambda f: f, jit], ids=["plain", "jit"])
def test_gradients_of_two_arguments_are_two_arrays(prepare):
    first, second = prepare(grad(lambda x, y: np.sum(x + y), argnums=(0, 1)))(X, X)
    assert not np.shares_memory(first, second)


def test_a_captured_array_that_is_returned_is_a_copy():
    weights = np.array([1.0, 2.0, 3.0])
    for compute in (jit(lambda x: (x, weights)), lambda x: vjp(lambda x: (x, weights), x)[0]):
        _, output = compute(X)
        output[:] = 0.0
        np.testing.assert_array_equal(weights, [1, 2, 3])


def test_a_constant_result_can_be_written_to():
    compiled = jit(lambda x: np.zeros(3) + 0 * x)
    for _ in range(3):
        output = compiled(X)
        np.testing.assert_array_equal(output, np.zeros(3))
        output += 1.0
