"""Division by one number, as rows are divided by their sum: rounded as a division is."""

import numpy as np
import pytest

from funcgrad import jit
from funcgrad.backends.llvm.machine import available

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))

dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


@pytest.fixture(scope="module")
def divided():
    """x / y, (rows, n) by (rows, 1), natively."""
    return jit(lambda x, y: x / y, backend="llvm")


def numpys(x, y):
    with np.errstate(all="ignore"):
        return x / y


def test_it_is_done_by_the_reciprocal(divided):
    x = np.ones((3, 64))
    divided(x, np.ones((3, 1)))
    assert divided.llvm.count("llvm.fma") > 3


@dtypes
def test_the_bits_of_a_division(divided, dtype):
    rng = np.random.default_rng(5)
    for seed in range(40):
        x = rng.normal(size=(64, 1024)) * 2.0 ** rng.integers(-40, 40, size=(64, 1024))
        y = rng.normal(size=(64, 1)) * 2.0 ** rng.integers(-40, 40, size=(64, 1))
        if seed % 2:  # close to powers of two, where a reciprocal is least exact
            y = 2.0 ** rng.integers(-9, 9, size=(64, 1)) * (1 + rng.integers(-9, 9, (64, 1)) * eps(
                dtype))  # fmt: skip
        x, y = x.astype(dtype), y.astype(dtype)
        np.testing.assert_array_equal(divided(x, y), numpys(x, y))


def eps(dtype):
    return float(np.finfo(dtype).eps)


@pytest.mark.slow
def test_the_bits_of_many_divisions(divided):
    rng = np.random.default_rng(6)
    for _ in range(2000):
        y = rng.uniform(1.0, 2.0, size=(64, 1)).astype(np.float32)
        x = rng.uniform(1.0, 2.0, size=(64, 8192)).astype(np.float32)
        np.testing.assert_array_equal(divided(x, y), numpys(x, y))


@dtypes
def test_special_numbers(divided, dtype):
    info = np.finfo(dtype)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 3.0, info.max, -info.max,
                        info.tiny, info.max / 3, 1e-20, 1e20], dtype)  # fmt: skip
    rows = np.concatenate([special, special.repeat(2), np.full(22, -0.0, dtype)])
    x = np.broadcast_to(rows, (len(special), len(rows))).copy()
    got, wanted = divided(x, special[:, None]), numpys(x, special[:, None])
    np.testing.assert_array_equal(got, wanted)
    number = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got)[number], np.signbit(wanted)[number])


@dtypes
def test_the_smallest_numbers(divided, dtype):
    """Remainders are rounded there: off by one unit at most."""
    rng = np.random.default_rng(7)
    x = (rng.integers(-999, 999, size=(8, 64)) * np.finfo(dtype).smallest_subnormal).astype(dtype)
    y = rng.uniform(-9, 9, size=(8, 1)).astype(dtype)
    unit = np.finfo(dtype).smallest_subnormal
    assert np.all(np.abs(divided(x, y) - numpys(x, y)) <= unit)


@dtypes
def test_by_a_constant(dtype):
    x = np.random.default_rng(8).normal(size=4096).astype(dtype)
    found = jit(lambda x: x / dtype(3), backend="llvm")(x)
    np.testing.assert_array_equal(found, x / dtype(3))
