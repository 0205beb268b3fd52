"""Numbers at the edges, natively and by NumPy: NaN, infinities, signed zeros, integers that wrap.

Where an operation is exact, the bits are NumPy's; where it rounds, zeros, infinities and NaN are,
and numbers within some units of the last place.
"""

import numpy as np
import pytest

from funcgrad import jit
from funcgrad.backends.llvm.machine import machine
from tests import laws
from tests.backends.llvm.natively import natively, needed, refusal
from tests.backends.llvm.test_programs_native import written
from tests.backends.llvm.test_safety import both, same
from tests.op_table import ROWS
from tests.test_edges import floats, numbered

pytestmark = needed

ROUNDED = {
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "arcsin",
    "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh", "cbrt",
    "hypot", "erf", "erfc", "ndtr", "expit", "logaddexp", "logaddexp2", "logit", "xlogy",
    "gammaln", "erfinv", "ndtri", "polygamma", "power", "raise_to", "deg2rad", "rad2deg",
    "remainder",
}  # fmt: skip
EITHER_ZERO = {"maximum", "minimum", "fmax", "fmin"}  # of 0.0 and -0.0, NumPy takes either
TWICE_MEANT = {  # operands of which the reference is another opinion
    "gammaln": lambda x: (np.abs(x) < 1e-300) & (x != 0),  # log 1/|x|, where SciPy overflows
    "erfinv": lambda x: x == 0,  # SciPy's forgets the sign of zero
    "real": lambda x: x == 0,  # the rule copies by adding 0
}
FLOATS = [r for r in ROWS if floats(r)]


def specials(dtype):
    info = np.finfo(dtype)
    return np.array(
        [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, info.smallest_subnormal,
         -info.smallest_subnormal, info.max, info.min, info.tiny, 0.5, -2.5, 3.0, 1e5], dtype,
    )  # fmt: skip


def close_bits(found, wanted, exact):
    """The same kind of number in every place; and the same number, where it is exact."""
    assert found.dtype == wanted.dtype
    if exact or wanted.dtype.kind != "f":
        same(found, wanted)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted))
    real = ~np.isnan(wanted)
    found, wanted = found[real], wanted[real]
    np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))
    info = np.finfo(wanted.dtype)
    near = np.isfinite(wanted) & (np.abs(wanted) < info.max / 2)
    np.testing.assert_array_equal(np.isinf(found[near]), False)
    np.testing.assert_allclose(found[near], wanted[near], rtol=40 * info.eps, atol=2 * info.tiny)
    assert (np.abs(found[~near]) >= info.max / 4).all()


@pytest.mark.parametrize("way", ["registers", "nests"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("row", FLOATS, ids=lambda r: r.name)
def test_special_numbers_of_elementwise_rows(row, dtype, way):
    grid = np.meshgrid(*[specials(dtype)] * len(row.operands))
    args = [g.ravel() for g in grid]
    if way == "registers":  # a few at a time
        args = [np.resize(a, 272).reshape(17, 16)[::3] for a in args]
    jaxpr = laws.build(lambda *xs: numbered(row, *xs), [a[0] if a.ndim > 1 else a for a in args])
    if refusal(jaxpr) is not None:
        pytest.skip(refusal(jaxpr))
    with written(way):
        for given in zip(*args) if way == "registers" else [args]:
            status, (found,) = natively(jaxpr, list(given))
            (wanted,) = laws.evaluate(jaxpr, list(given))
            assert status == 0
            wanted = np.asarray(wanted)
            if row.prim in TWICE_MEANT:
                kept = ~TWICE_MEANT[row.prim](given[0])
                found, wanted = found[kept], wanted[kept]
            if row.prim in EITHER_ZERO:
                found, wanted = found + 0.0, wanted + 0.0
            close_bits(found, wanted, row.prim not in ROUNDED)


# -- reductions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5,), (7, 5), (33, 18)])
@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, -0.0])
def test_reductions_of_special_numbers(shape, special):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    x.flat[x.size // 2] = special
    zeros = np.full(shape, -0.0)

    def f(x):
        return tuple(
            reduce(x, axis=axis)
            for axis in (None, 0, -1)
            for reduce in (np.max, np.min, np.any, np.all, np.argmax, np.argmin)
        )

    both(f, x)
    both(f, zeros)
    both(lambda x: np.prod(x, axis=-1), zeros)
    both(lambda x: np.sum(x, axis=0), zeros)
    with np.errstate(all="ignore"):
        for name in ("sum", "prod", "cumsum", "cumprod", "sort", "argsort"):
            f = lambda x, name=name: getattr(np, name)(x, axis=-1)
            found, wanted = jit(f, backend="llvm")(x), f(x)
            np.testing.assert_allclose(found, wanted, rtol=1e-12)


# -- integers --------------------------------------------------------------------------------------

INTEGERS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]


def edges(dtype):
    info = np.iinfo(dtype)
    found = [info.min, info.min + 1, -1, 0, 1, 2, 3, 7, info.max // 2, info.max - 1, info.max]
    return np.array([k for k in found if info.min <= k], dtype)


def pairs(dtype):
    x, y = np.meshgrid(edges(dtype), edges(dtype))
    return x.ravel(), y.ravel()


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
def test_integers_wrap_and_divide_as_numpys(dtype):
    def f(x, y):
        with np.errstate(all="ignore"):
            return (
                x + y, x - y, x * y, -x, np.abs(x), np.sign(x), x * x, x**3, x // y, x % y,
                np.fmod(x, y), np.maximum(x, y), np.minimum(x, y), x & y, x | y, x ^ y, ~x,
                x < y, x <= y, x == y, x != y, x > y, x >= y, x / y, np.sum(x), np.prod(y),
                np.cumsum(x), np.max(x), np.min(y), np.argmax(x), np.logical_xor(x, y),
                np.isnan(x), np.isinf(y), np.isfinite(x), np.floor(x), np.rint(y), np.signbit(x),
            )  # fmt: skip

    both(f, *pairs(dtype))
    both(f, *[x[:3] for x in pairs(dtype)])


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
def test_shifts_beyond_the_width(dtype):
    bits = np.iinfo(dtype).bits
    x, n = np.meshgrid(edges(dtype), np.array([0, 1, bits - 1, bits, bits + 1, 100], dtype))
    both(lambda x, n: (x << n, x >> n), x.ravel(), n.ravel())
    if np.iinfo(dtype).min < 0:
        both(lambda x: (x << np.array(-1, dtype), x >> np.array(-1, dtype)), edges(dtype))


FLOATS_TO_INTS = [0.0, -0.0, 0.9, -0.9, 1.5, -1.5, 127.0, 128.0, 255.0, 256.0, -129.0, 3e4, 7e4,
                  2.0**31, 2.0**32, -(2.0**31) - 1, 2.0**63, -(2.0**63), 2.0**64, 1e300, -1e300,
                  np.nan, np.inf, -np.inf]  # fmt: skip


@pytest.mark.parametrize("source", [np.float64, np.float32])
@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_], ids=lambda d: d.__name__)
def test_conversions_of_floats(source, dtype):
    """What C leaves open is what this processor does, and NumPy shows that."""
    with np.errstate(all="ignore"):
        x = np.array(FLOATS_TO_INTS).astype(source)
    both(lambda x: x.astype(dtype), x)
    both(lambda x: x.astype(dtype), x[:4])


@pytest.mark.parametrize("source", INTEGERS, ids=lambda d: d.__name__)
def test_conversions_of_integers(source):
    x = edges(source)
    both(lambda x: tuple(x.astype(d) for d in (*INTEGERS, np.float32, np.float64, np.bool_)), x)


# -- dtypes that meet ----------------------------------------------------------------------------

MIXED = [np.float64, np.float32, np.int64, np.int32, np.int8, np.uint64, np.uint8, np.bool_]


@pytest.mark.parametrize("one", MIXED, ids=lambda d: d.__name__)
@pytest.mark.parametrize("two", MIXED, ids=lambda d: d.__name__)
def test_promotion(one, two):
    x, y = np.arange(1, 31).astype(one), np.arange(30, 0, -1).astype(two)

    def f(x, y):
        return x + y, x * y, x / y, np.maximum(x, y), np.where(x > 2, x, y), x < y

    both(f, x, y)
    both(f, x[:4], y[:4])
    both(f, x[0], y)


@pytest.mark.parametrize("dtype", MIXED, ids=lambda d: d.__name__)
def test_python_numbers_take_the_arrays_dtype(dtype):
    x = np.arange(1, 31).astype(dtype)
    both(lambda x: (x + 2, x * 2.5, x / 2, 3 - (x + 1), np.maximum(x, 2)), x)
    both(lambda x, a, b: (x * b, x + a, a * b), x, 2, 1.5)
    both(lambda x, a, b: (x * b, x + a, a * b), x[:3], 2, 1.5)


def test_single_precision_stays_single():
    x = np.linspace(0.1, 2.0, 37, dtype=np.float32)
    f = jit(lambda x: (np.sum(np.sin(x)), x * 2.5 / np.float32(3), np.mean(x), np.exp(x)),
            backend="llvm")  # fmt: skip
    for z in f(x):
        assert z.dtype == np.float32
    wide = f(x)[0]
    np.testing.assert_allclose(wide, np.sum(np.sin(x)), rtol=1e-6)


def test_truth_values():
    x, y = np.array([True, False, True, False] * 9), np.array([True, True, False, False] * 9)
    f = lambda x, y: (
        x + y, x * y, x & y, x | y, x ^ y, ~x, np.logical_not(y), np.sum(x), np.any(x), np.all(y),
        np.maximum(x, y), x < y, x == y, np.cumsum(x), x * 2.5, x.astype(np.float32),
        np.where(x, y, x),
    )  # fmt: skip
    both(f, x, y)
    both(f, x[:5], y[:5])


def test_python_integers_that_do_not_fit():
    f = jit(lambda n: n + 1, backend="llvm")
    assert f(2) == 3 and f(2) == 3
    with pytest.raises(OverflowError):
        jit(lambda x, n: x * n, backend="numpy")(np.arange(3), 2**70)
    with pytest.raises(OverflowError):
        jit(lambda x, n: x * n, backend="llvm")(np.arange(3), 2**70)
    g = jit(lambda x, n: x * n, backend="llvm")
    g(np.arange(3), 2)
    with pytest.raises(OverflowError):
        g(np.arange(3), 2**70)
    assert g(np.arange(3), 3).tolist() == [0, 3, 6]


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize("n", [3, 16, 37, 96])
def test_extremes_keep_nan_from_every_place(n, bits, dtype, monkeypatch):
    """One NaN in every place of a row in turn; rows with infinities, and of nothing else."""
    if bits > machine().vector_bits:
        pytest.skip(f"vectors of {bits} bits")
    monkeypatch.setattr(machine(), "vector_bits", bits)
    x = np.random.default_rng(n).normal(size=(2 * n + 4, n)).astype(dtype)
    for k in range(n):
        x[k, k] = np.nan
        x[n + k, k] = np.inf if k % 2 else -np.inf
    x[-1], x[-2], x[-3], x[-4] = np.nan, np.inf, -np.inf, -0.0

    def f(x):
        top, low = np.max(x, axis=1, keepdims=True), np.min(x, axis=1, keepdims=True)
        return x - top, x - low, np.max(x), np.max(x[n:-1]), np.min(x[n:-1])

    with np.errstate(invalid="ignore"):
        for found, wanted in zip(jit(f, backend="llvm")(x), f(x), strict=True):
            np.testing.assert_array_equal(found, wanted)
            assert found.dtype == dtype
