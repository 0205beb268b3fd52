"""Products whose sums run over several axes, some of them beyond the cache."""

import numpy as np
import pytest

from funcgrad import jit
from funcgrad.backends.llvm import dots
from funcgrad.backends.llvm.machine import available

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))
RNG = np.random.default_rng(9)


CASES = {
    "window": ("bxycpq,bxypdr->cqdr", (4, 9, 9, 3, 4, 4), (4, 9, 9, 4, 8, 4)),
    "turned": ("bam,sabjn->smjn", (30, 60, 4), (3, 60, 30, 2, 24)),
    "batch": ("sbam,sabn->smn", (3, 30, 60, 5), (3, 60, 30, 24)),
    "small": ("abm,abn->mn", (3, 4, 5), (3, 4, 6)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("adds", [False, True], ids=["alone", "onto"])
@pytest.mark.parametrize("name", CASES)
def test_sums_over_several_axes(name, adds, dtype, monkeypatch):
    text, *shapes = CASES[name]
    a, b, c, d = (RNG.normal(size=s).astype(dtype) for s in (*shapes, *shapes))
    split = []

    def noted(product, original=dots._Product._split):
        split.append(original(product))
        return split[-1]

    monkeypatch.setattr(dots._Product, "_split", noted)

    def f(a, b, c, d):
        return np.einsum(text, a, b) + np.einsum(text, c, d) if adds else np.einsum(text, a, b)

    found = jit(f, backend="llvm")(a, b, c, d)
    wide = [x.astype(np.float64) for x in (a, b, c, d)]
    wanted = f(*wide)
    tolerance = 1e-12 if dtype == np.float64 else 3e-4
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * wanted.std())
    assert any(split) == (name != "small")
