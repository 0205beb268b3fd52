"""Every wrong call gets an error at the user's line that names what was wrong and the way out.

The faulty lines bear the comment ``# here``; the tests check that the traceback ends there.
"""

import numpy as np
import pytest

from funcgrad import grad, hvp, jacrev, jit, jvp, vjp, vmap
from funcgrad.errors import BatchedDecisionError, DifferentiationError, ShapeError
from tests.blame import assert_here, assert_told

X = np.array([0.5, 1.5, 2.5])


# -- what grad is given and what comes out of it ----------------------------------------


def test_output_that_is_not_a_scalar():
    def loss(x):
        return np.sin(x)

    with pytest.raises(DifferentiationError) as caught:
        grad(loss)(np.ones(5))
    assert_told(caught, "grad", "scalar", "loss", "f64[5]", "jacrev")


def test_output_that_is_not_an_array():
    with pytest.raises(TypeError) as caught:
        grad(lambda x: "one")(1.0)
    assert_told(caught, "grad", "str")


def test_no_output():
    def forgets(x):
        x * 2

    with pytest.raises(TypeError) as caught:
        grad(forgets)(1.0)
    assert_told(caught, "forgets", "return")


def test_integer_output():
    with pytest.raises(DifferentiationError) as caught:
        grad(lambda x: np.argmax(x))(X)
    assert_told(caught, "grad", "i64")


@pytest.mark.parametrize("transform", [grad, jacrev], ids=["grad", "jacrev"])
@pytest.mark.parametrize(
    ("x", "dtype"), [(np.arange(3), "i64[3]"), (np.array([True, False]), "bool[2]")]
)
def test_input_that_has_no_derivative(transform, x, dtype):
    with pytest.raises(DifferentiationError) as caught:
        transform(lambda x: np.sum(x * 1.5))(x)
    assert_told(caught, transform.__name__, dtype, "float")


def test_input_that_is_not_a_number():
    with pytest.raises(TypeError) as caught:
        grad(lambda x: 1.0)("text")
    assert_told(caught, "grad", "str")


def test_missing_argument():
    with pytest.raises((TypeError, ValueError)) as caught:
        grad(lambda x, y: x * y, argnums=2)(1.0, 2.0)
    assert_told(caught, "argnums", "2")


def test_tangent_of_another_shape():
    with pytest.raises((TypeError, ValueError)) as caught:
        jvp(np.sin, (X,), (np.ones(2),))
    assert_told(caught, "jvp", "(3,)", "(2,)")


def test_cotangent_of_another_shape():
    _, pullback = vjp(np.sin, X)
    with pytest.raises((TypeError, ValueError)) as caught:
        pullback(np.ones(2))
    assert_told(caught, "(3,)", "(2,)")


def test_hvp_vector_of_another_structure():
    with pytest.raises((TypeError, ValueError)) as caught:
        hvp(lambda p: np.sum(p["a"] ** 2))({"a": X}, {"b": X})
    assert_told(caught, "hvp")


# -- shapes ----------------------------------------


def add(x):
    return np.sum(x + np.ones(4))  # here


def multiply_matrices(x):
    return np.sum(np.ones((2, 4)) @ x)  # here


def join(x):
    return np.sum(np.concatenate([x, np.ones((2, 2))]))  # here


def fold(x):
    return np.sum(x.reshape(2, 2))  # here


def solve(x):
    return np.sum(np.linalg.solve(np.eye(4), x))  # here


def choose(x):
    return np.sum(np.where(np.ones(2) > 0, x, 0.0))  # here


def fill(x):
    y = np.zeros_like(x)
    y[:2] = x  # here
    return np.sum(y)


SHAPE_FAULTS = [
    (add, ["add", "(3,)", "(4,)"]),
    (multiply_matrices, ["matmul", "(2, 4)", "(3,)"]),
    (join, ["concatenate", "(3,)", "(2, 2)"]),
    (fold, ["reshape", "(3,)", "(2, 2)"]),
    (solve, ["solve", "(4, 4)", "(3,)"]),
    (choose, ["where", "(2,)", "(3,)"]),
    (fill, ["(3,)", "(2,)"]),
]


@pytest.mark.parametrize(
    "prepare", [grad, jit, lambda f: jit(grad(f))], ids=["grad", "jit", "jit-grad"]
)
@pytest.mark.parametrize(
    ("function", "words"), SHAPE_FAULTS, ids=[f.__name__ for f, _ in SHAPE_FAULTS]
)
def test_shapes_that_do_not_fit(function, words, prepare):
    with pytest.raises(ValueError) as caught:
        prepare(function)(X)
    assert_told(caught, *words)
    assert_here(caught)


def test_shape_errors_have_their_class():
    with pytest.raises(ShapeError):
        grad(add)(X)


# -- vmap ----------------------------------------


def test_batch_sizes_that_differ():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(lambda x, y: x * y)(np.ones((3, 2)), np.ones(4))
    assert_told(caught, "vmap", "(3, 2)", "(4,)", "axis 0", "size 3", "size 4")


def test_batch_sizes_on_other_axes():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(lambda x, y: x * y, in_axes=(1, 0))(np.ones((3, 2)), np.ones(3))
    assert_told(caught, "(3, 2)", "axis 1", "size 2", "(3,)", "axis 0", "size 3")


def test_in_axes_for_another_number_of_arguments():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(lambda x, y: x * y, in_axes=(0, 0, 0))(np.ones(3), np.ones(3))
    assert_told(caught, "vmap", "in_axes", "3", "2")


def test_an_axis_that_is_not_there():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(np.sum, in_axes=2)(np.ones((3, 2)))
    assert_told(caught, "vmap", "axis 2", "(3, 2)")


def test_nothing_to_map_over():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(np.sum, in_axes=None)(np.ones(3))
    assert_told(caught, "vmap", "in_axes")


def test_a_scalar_has_no_axis():
    with pytest.raises((TypeError, ValueError)) as caught:
        vmap(np.sin)(1.0)
    assert_told(caught, "vmap", "axis 0", "()")


def test_a_decision_on_a_batched_value():
    def kinked(x):
        if x > 0:  # here
            return x
        return -x

    with pytest.raises(BatchedDecisionError) as caught:
        vmap(kinked, branches="error")(np.array([1.0, -1.0]))
    assert_told(caught, "vmap", "where")
    assert_here(caught)


# -- indices ----------------------------------------


def take_seventh(x):
    return x[7]  # here


def store_seventh(x):
    y = x.copy()
    y[7] = 1.0  # here
    return np.sum(y)


def gather_far(x):
    return np.sum(x[np.array([0, -4])])  # here


def too_many(x):
    return x[0, 0]  # here


@pytest.mark.parametrize(
    ("prepare", "x"),
    [(grad, X), (jit, X), (vmap, np.ones((2, 3)))],
    ids=["grad", "jit", "vmap"],
)
@pytest.mark.parametrize(
    ("function", "words"),
    [
        (take_seventh, ["index 7 is out of bounds for axis 0 with size 3"]),
        (store_seventh, ["index 7 is out of bounds for axis 0 with size 3"]),
        (gather_far, ["index -4 is out of bounds", "size 3"]),
        (too_many, ["too many indices", "1"]),
    ],
)
def test_an_index_out_of_bounds(function, words, prepare, x):
    with pytest.raises(IndexError) as caught:
        prepare(function)(x)
    assert_told(caught, *words)
    assert_here(caught)


@pytest.mark.parametrize("index", [3, -4])
@pytest.mark.parametrize("write", [False, True])
def test_a_traced_index_out_of_bounds(index, write):
    def pick(x, i):
        if not write:
            return np.sum(x[i] * 2)
        y = x.copy()
        y[i] = 0.0
        return np.sum(y)

    for compute in (pick, grad(pick), jit(pick), jit(grad(pick))):
        with pytest.raises(IndexError) as caught:
            compute(X, np.array(index))
        assert_told(caught, "out of bounds")
    with pytest.raises(IndexError):
        vmap(pick, in_axes=(None, 0))(X, np.array([0, index]))
    with pytest.raises(IndexError):
        vmap(grad(pick))(np.ones((2, 3)), np.array([0, index]))


def test_indices_at_the_bounds_are_fine():
    def pick(x, i):
        return x[i] ** 2

    np.testing.assert_allclose(jit(grad(pick))(X, np.array(-3)), [1.0, 0.0, 0.0])
    np.testing.assert_allclose(jit(grad(pick))(X, np.array(2)), [0.0, 0.0, 5.0])
