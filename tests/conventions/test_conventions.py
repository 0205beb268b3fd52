"""Every row of the page on conventions, in both modes and to second order."""

import numpy as np
import pytest

from funcgrad import grad, jit, jvp
from tests.conventions.table import PAGE, ROWS, page

pytestmark = pytest.mark.filterwarnings("ignore")


def along(row, k):
    """The function of one variable alone, the others held."""

    def f(t):
        return row.f(*[t if i == k else np.float64(v) for i, v in enumerate(row.at)])

    return f


def pushed(f):
    return lambda t: jvp(f, (t,), (1.0,))[1]


def pulled(f):
    return grad(f)


MODES = {"forward": pushed, "reverse": pulled}


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("row", ROWS, ids=lambda r: f"{r.text} at {r.at}")
def test_row(row):
    same(row.f(*map(np.float64, row.at)), row.value)
    for k, x in enumerate(row.at):
        f = along(row, k)
        same(jit(f)(x), row.value)
        for name, mode in MODES.items():
            same(mode(f)(x), row.first[k])
            same(jit(mode(f))(x), row.first[k])
            for outer in MODES.values():
                np.testing.assert_allclose(
                    outer(mode(f))(x), row.second[k], rtol=1e-12, atol=1e-15,
                    err_msg=f"by variable {k}, {name} first",
                )  # fmt: skip


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.conventions.table"
