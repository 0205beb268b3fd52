"""README keeps its word: the example gives what it says, and names and files exist."""

import ast
import re

import numpy as np
import pytest

import funcgrad
from tests.test_house import ROOT

README = (ROOT / "README.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in README.splitlines()
    if line.startswith("| ") and "`" in line and not line.startswith("| you have")
]


def first_example():
    return re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)


def test_example_gives_what_its_comments_say():
    scope = {}
    found = {}
    for statement in ast.parse(first_example()).body:
        code = ast.unparse(statement)
        if isinstance(statement, ast.Expr):
            found[code] = eval(code, scope)
        else:
            exec(code, scope)
    gradient, matrix, batch = found.values()
    said = re.search(r"# (array\(.*\))", first_example()).group(1)
    np.testing.assert_allclose(gradient, eval(said, {"array": np.array}))
    assert type(matrix) is np.ndarray and matrix.shape == (2, 2)
    np.testing.assert_allclose(batch[0], gradient)


def test_the_table_is_found():
    assert len(ROWS) >= 10
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_row_names_what_exists_and_a_test_uses_it(row):
    """Every function that a row calls is public, and the files that the row names use it."""
    _, written, _, tests = row
    names = set(re.findall(r"`([a-z_]+)(?=[(`])", written))
    files = [ROOT / "tests" / name for name in re.findall(r"`([\w/]+\.py)`", tests)]
    assert files and all(path.exists() for path in files)
    assert all(hasattr(funcgrad, n) or hasattr(funcgrad.testing, n) for n in names)
    texts = "\n".join(path.read_text("utf-8") for path in files)
    for helper in ("user_cases.py", "control/programs.py"):  # what the files draw on
        texts += (ROOT / "tests" / helper).read_text("utf-8")
    assert {n for n in names if not re.search(rf"\b{n}\b", texts)} == set()


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:funcgrad|notebooks)/[\w./]*)`", README)))
)
def test_paths_exist(path):
    assert (ROOT / path).exists()
