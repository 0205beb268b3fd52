"""Large triangles natively: block by block, with every number of rows left for the last block."""

import numpy as np
import pytest
import scipy.linalg

from funcgrad import jit
from funcgrad.backends.llvm.machine import available
from funcgrad.scipy.linalg import solve_triangular

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))
SIZES = [64, 127, 128, 129, 191, 192, 200, 321]
BOTH = pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])


def near(found, wanted):
    tolerance = 1e-12 if found.dtype == np.float64 else 3e-5
    np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerance * np.abs(wanted).max())


def matrix(n, *lead, seed=0):
    return np.random.default_rng(seed).normal(size=(*lead, n, n)) / n + 3.0 * np.eye(n)


def definite(n, *lead):
    a = matrix(n, *lead)
    return a @ np.swapaxes(a, -1, -2) + np.eye(n)


@BOTH
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("trans", [0, 1])
def test_triangular_systems(trans, lower, n, dtype):
    """The other triangle holds numbers that nobody may read."""
    a, b = matrix(n).astype(dtype), np.random.default_rng(1).normal(size=(n, 17)).astype(dtype)
    for unit in (False, True):
        options = {"lower": lower, "trans": trans, "unit_diagonal": unit}
        found = jit(lambda a, b, o=options: solve_triangular(a, b, **o), backend="llvm")(a, b)
        wide = (a.astype(np.float64), b.astype(np.float64))
        near(found, scipy.linalg.solve_triangular(*wide, **options))
        assert found.dtype == dtype


@BOTH
@pytest.mark.parametrize("n", SIZES)
def test_factors(n, dtype):
    a = definite(n).astype(dtype)
    found = jit(np.linalg.cholesky, backend="llvm")(a)
    near(found, np.linalg.cholesky(a.astype(np.float64)))
    assert not np.triu(found, 1).any()
    assert found.dtype == dtype


def test_several_at_once():
    a, b = definite(130, 3), np.random.default_rng(2).normal(size=(130, 20))
    near(jit(np.linalg.cholesky, backend="llvm")(a), np.linalg.cholesky(a))
    found = jit(lambda a, b: np.linalg.solve(np.linalg.cholesky(a), b), backend="llvm")(a, b)
    near(found, np.linalg.solve(np.linalg.cholesky(a), b))


@pytest.mark.parametrize("place", [3, 100, 199])
def test_what_has_no_answer_raises(place):
    """Whichever block it is found in."""
    a, b = definite(200), np.ones((200, 16))
    bad = a.copy()
    bad[place, place] = -1.0
    factor = jit(np.linalg.cholesky, backend="llvm")
    factor(a)
    with pytest.raises(np.linalg.LinAlgError):
        factor(bad)
    near(factor(a), np.linalg.cholesky(a))
    solve = jit(lambda a, b: solve_triangular(a, b, lower=True), backend="llvm")
    solve(a, b)
    bad[place, place] = 0.0
    with pytest.raises(np.linalg.LinAlgError):
        solve(bad, b)
