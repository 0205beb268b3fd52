"""The methods and properties of ndarray on traced values, and x.at[...]."""

import copy

import numpy as np
import pytest

import funcgrad.numpy
from funcgrad import errors, grad
from tests.ops.laws import arguments, check, compiled

METHODS = """
x.T x.mT x.real x.imag x.sum() x.sum(0) x.sum(axis=1,keepdims=True) x.mean() x.mean(0) x.var()
x.var(1,ddof=1) x.std() x.std(axis=0) x.prod() x.prod(axis=1) x.max() x.max(1) x.min(axis=0)
(x>0).any() (x>0).all(axis=1) x.cumsum() x.cumsum(1) x.cumprod(axis=0) x.argmax() x.argmin(1)
x.argsort() x.argsort(axis=0) x.searchsorted x.reshape(4,3) x.reshape((4,3)) x.reshape(-1)
x.reshape(2,-1) x.reshape(4,3,order="F") x.ravel() x.ravel("F") x.flatten() x.flatten("F")
x.transpose() x.transpose(1,0) x.transpose((1,0)) x.transpose(None) x.swapaxes(0,1)
x[None].squeeze() x[None].squeeze(0) x.copy() x.astype(np.float64) x.astype(complex).real
x.astype(int) x.clip(-1,1) x.clip(max=0.5) x.round() x.round(0) x.conj() x.conjugate() x.repeat(2)
x.repeat([1,2,0],axis=0) x.take([0,5]) x.take([1,2],axis=1) (x>0).nonzero()
x.compress([True,False,True],axis=0) x.astype(float,copy=False) x.shape x.ndim x.size x.nbytes
x.itemsize len(x) x.partition [row.sum() for.row.in.x]
np.array([1.0,2.0,3.0]).clip(x[0,0],x[0,1]+9) x.real.imag x.T.T x.T.reshape(-1) x.T.ravel()
x.mT.sum(0)
"""


def codes(text):
    found = []
    for code in text.split():
        if code not in ("x.searchsorted", "x.partition"):
            found.append(code.replace(".for.row.in.x]", " for row in x]"))
    return found


@pytest.mark.parametrize(
    "code",
    [
        c.replace("sum() for", "sum() for")
        for c in codes(METHODS.replace("[row.sum() for.row.in.x]", "[row.sum().for.row.in.x]"))
    ],
)
def test_method(code):
    check(compiled(code, "x"), arguments([(3, 4)]))


def in_place(f):
    """The same code as a function that returns the array it worked on."""

    def run(x):
        y = x.copy()
        f(y)
        return y

    run.__name__ = f.__name__
    return run


@in_place
def sorts(y):
    y.sort()


@in_place
def sorts_columns(y):
    y.sort(axis=0)


@in_place
def fills(y):
    y[1].fill(3.0)
    y[:, 0].fill(y[0, 1])


@in_place
def partitions(y):
    y.sort()
    y.partition(1)


@pytest.mark.parametrize("f", [sorts, sorts_columns, fills, partitions], ids=lambda f: f.__name__)
def test_in_place(f):
    check(f, arguments([(3, 4)]))


def test_real_and_imaginary_parts_can_be_set():
    def f(x):
        z = x + 1j * x * x
        z.real = z.imag * 2
        z.imag[1:] = x[:-1]
        z.real[0] = 5 * x[2]
        return z.real * x, z.imag

    check(f, arguments([(4,)]))


def test_copies_are_copies():
    def f(x):
        y, z = copy.copy(x), copy.deepcopy(x)
        y[0], z[1] = 5.0, 6.0
        return x + y * z

    check(f, arguments([(3,)]))


AT = """
x.at[0].set(5.0) x.at[1:].set(y[1:]) x.at[[0,0,2]].add(y) x.at[[0,0,2]].multiply(y)
x.at[[0,0]].min(y[:2]) x.at[[0,0]].max(y[:2]) x.at[1].add(y[0]) x.at[1:].multiply(2.0)
x.at[:2].min(0.0) x.at[:2].max(0.3) x.at[1].divide(3.0) x.at[0].subtract(y[1]) x.at[0].power(2)
x.at[1:].get() x.at[:2].apply(np.exp) x.at[x>0].set(1.0)+x x.at[x>0].add(x) x.at[...].set(y)
"""


def at_reference(code):
    """NumPy's arrays have no ``at``: the same update on a copy."""

    class Array(np.ndarray):
        @property
        def at(self):
            return Updates(self)

    class Updates:
        def __init__(self, x, items=None):
            self.x, self.items = x, items

        def __getitem__(self, items):
            return Updates(self.x, items)

        def __getattr__(self, name):
            ufuncs = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply,
                      "divide": np.divide, "min": np.minimum, "max": np.maximum,
                      "power": np.power}  # fmt: skip

            def update(*value):
                out = np.array(self.x)
                if name == "get":
                    return out[self.items]
                if name == "set":
                    out[self.items] = value[0]
                elif name == "apply":
                    out[self.items] = value[0](out[self.items])
                elif np.shape(value[0]) == out.shape and np.asarray(self.items).dtype == bool:
                    out[self.items] += value[0][self.items]
                else:
                    ufuncs[name].at(out, self.items, *value)
                return out

            return update

    f = compiled(code)
    return lambda x, y: f(x.view(Array) if isinstance(x, np.ndarray) else x, y)


@pytest.mark.parametrize("code", [c for c in AT.split() if "add(x)" not in c])
def test_at(code):
    check(at_reference(code), arguments([(3,), (3,)]))


def test_at_leaves_x_alone():
    assert grad(lambda x: np.sum(x.at[0].set(7.0) * x))(np.array([2.0, 3.0])).tolist() == [7.0, 6.0]


# -- what a traced value cannot do ------------------------------------------------------------

REFUSED = {
    "x.view(int)": "astype", "x.flat": "reshape", "x.tobytes()": "memory", "x.resize(2)": "pad",
    "float(x[0])": "number", "round(x[0])": "rint", "x.tolist()": "list", "np.asarray(x)": "stack",
    "np.shares_memory(x,x)": "memory", "x.nothing": "nothing",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_refused_by_name(code):
    with pytest.raises((errors.FuncgradError, AttributeError), match=REFUSED[code]):
        grad(lambda x: np.sum(compiled(code, "x")(x)))(np.ones(3))


def test_array_namespace():
    def f(x):
        xp = x.__array_namespace__()
        assert xp is funcgrad.numpy
        return xp.sum(xp.exp(x))

    np.testing.assert_allclose(grad(f)(np.ones(2)), np.exp(np.ones(2)))
