"""docs/migration.md says what its data say, and the names that it promises are there."""

import pytest

from tests.migration import PAGE, PEERS, resolved, rows, written

ROWS = rows()


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == written(), "run python -m tests.migration"


@pytest.mark.parametrize("peer", PEERS)
def test_names_are_there(peer):
    missing = []
    for row in ROWS:
        if row.peer == peer and row.here:
            try:
                resolved(row.here)
            except AttributeError:
                missing.append(row.here)
    assert missing == []


def test_every_absent_name_has_an_answer():
    assert [row for row in ROWS if not row.here and not row.note] == []
    assert len({(row.peer, row.name) for row in ROWS}) == len(ROWS)


def test_a_name_that_is_not_there_is_noticed():
    for path in (
        "funcgrad.numpy.no_such",
        "funcgrad.nothing",
        "funcgrad.compat.autograd.scipy.x",
    ):
        with pytest.raises(AttributeError):
            resolved(path)
