"""funcgrad.numpy: creation functions are NumPy's, and traced while a function is traced."""

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import grad, jvp
from funcgrad.trace.tracer import is_traced
from tests.ops.laws import arguments, check_gradient

CREATIONS = """
np.zeros(3) np.zeros((2,3)) np.zeros((),dtype=int) np.ones(2) np.ones((2,2),np.float32)
np.ones(3,bool) np.full((2,2),7) np.full(3,2.5) np.full((2,3),[1.0,2.0,3.0]) np.full(2,True)
np.full(2,1,dtype=float) np.full((),3j) np.eye(3) np.eye(2,3) np.eye(3,k=1)
np.eye(3,k=-2,dtype=int) np.identity(3) np.arange(5) np.arange(2,5) np.arange(5,2,-1)
np.arange(0.0,1.0,0.1) np.arange(1.5,3.0,0.3) np.arange(3.0) np.arange(1,10,3) np.arange(0)
np.arange(3,dtype=float) np.arange(start=1,stop=4) np.linspace(0,1,5)
np.linspace(0,1,5,endpoint=False) np.linspace(0,10,4,dtype=int) np.linspace(2,3,1)
np.linspace(2,3,0) np.linspace([0,1],[2,3],3) np.linspace(1,0,7,retstep=True)[1]
np.logspace(0,2,3) np.array([1,2,3]) np.array([[1.0,2],[3,4]]) np.array(2.5)
np.array([1,2],dtype=np.float32) np.array([True,False]) np.array(3,ndmin=2) np.asarray([1.0,2.0])
np.pi np.sin(0.5) np.float32(1) np.linalg.norm([3.0,4.0]) np.array([])
"""


@pytest.mark.parametrize("code", CREATIONS.split())
def test_creation(code):
    expected = np.asarray(eval(code, {"np": np}))
    outside = eval(code, {"np": fnp})
    assert not is_traced(outside)
    inside, _ = jvp(
        lambda x: eval(code, {"np": fnp}) + np.zeros_like(x, dtype=bool), (1.0,), (0.0,)
    )
    for found in (np.asarray(outside), np.asarray(inside)):
        assert found.shape == expected.shape
        np.testing.assert_array_equal(found, expected)
    assert np.asarray(outside).dtype == expected.dtype


def test_creations_are_traced_inside():
    def f(x):
        made = [
            fnp.zeros(2), fnp.ones((2,)), fnp.full(2, 1.0), fnp.empty(2), fnp.eye(2),
            fnp.arange(2), fnp.linspace(0, 1, 2), fnp.array([1.0, 2.0]), fnp.asarray([1.0, 2.0]),
            fnp.identity(2),
        ]  # fmt: skip
        assert all(map(is_traced, made))
        return np.sum(x)

    grad(f)(np.ones(2))


def filled(x):
    out = fnp.zeros((3, 3))
    for i in range(3):
        for j in range(i + 1):
            out[i, j] = x[i] * x[j] + (out[i - 1, j] if i else 0.0)
    return out


def nested(x):
    a = fnp.array([[x[0], 1.0], [2, x[1] * x[2]]])
    b = fnp.array([x, [1.0, 2.0, 3.0]])
    return a, b, fnp.array([[[x[0]]]]), fnp.asarray((x[1], x[2])), fnp.stack([x, x])


def constants_change(x):
    table = fnp.array([1.0, 2.0, 3.0])
    table[1] = x[0]
    table *= x
    return table, fnp.arange(3) * x, fnp.eye(3) * x


def traced_arguments(x):
    return fnp.linspace(x[0], x[1], 5), fnp.full((2, 2), x[2]), fnp.arange(x[0], x[0] + 2.5)


@pytest.mark.parametrize("f", [filled, nested, constants_change, traced_arguments])
def test_filled_arrays_differentiate(f):
    args = arguments([(3,)])
    swapped = {"fnp": NumPy()}
    plain = type(f)(f.__code__, {**f.__globals__, **swapped})
    found, _ = jvp(lambda x: tuple(np.sum(np.sin(v)) for v in listed(f(x))), args, (np.zeros(3),))
    expected = [np.sum(np.sin(v)) for v in listed(plain(args[0].copy()))]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    check_gradient(lambda x: f(x) if is_traced(x) else plain(x), args)


def listed(out):
    return out if isinstance(out, tuple) else (out,)


class NumPy:
    """NumPy itself under the other name, for the reference."""

    def __getattr__(self, name):
        return getattr(np, name)


def test_lists_of_different_shapes():
    with pytest.raises(ValueError, match="different shapes"):
        grad(lambda x: np.sum(fnp.array([[x[0]], [x[1], x[2]]])))(np.ones(3))


def test_every_name_of_numpy_is_there():
    assert fnp.sin is np.sin and fnp.float64 is np.float64 and fnp.newaxis is None
    assert set(dir(np)) <= set(dir(fnp))
    with pytest.raises(AttributeError):
        fnp.no_such_name
