"""The page on coverage says what the checks found, and they found enough."""

import pytest

from tests.coverage.expressions import ALIASES, EXPRESSIONS, WITHOUT
from tests.coverage.table import COLUMNS, NO, PAGE, TRIED, checked, listed, page


@pytest.fixture(scope="module")
def found():
    return {}


@pytest.mark.parametrize("name", sorted(TRIED))
@pytest.mark.filterwarnings("ignore")
def test_function(found, name):
    found[name] = checked(name)
    assert NO not in found[name].values()


def test_every_callable_is_sorted():
    """A function that a later NumPy brings has to be given an expression, or a reason."""
    names = set().union(*listed().values())
    reasons = {n for text in WITHOUT.values() for n in text.split()}
    assert names - EXPRESSIONS.keys() - reasons - ALIASES.keys() == set()
    assert EXPRESSIONS.keys() & reasons == set()


def test_the_page_is_up_to_date(found):
    if len(found) < len(TRIED):
        pytest.skip("not all functions were checked in this process")
    assert PAGE.read_text(encoding="utf-8") == page(found), "python -m tests.coverage.table"


def test_almost_everything_differentiates(found):
    """Of what takes floats and has a derivative, 95 in 100; of linalg and fft, all."""
    marks = {n: m for n, m in found.items() if m[COLUMNS[1]] != "–"}
    bad = {n for n, m in marks.items() if NO in m.values()}
    assert len(bad) <= 0.05 * len(marks)
    assert not any(n.startswith(("linalg.", "fft.")) for n in bad)
