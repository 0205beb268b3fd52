"""The notebooks run, keep the promises that they assert, and match their .ipynb files."""

import json
import os
import subprocess
import sys

import pytest

from notebooks import pair
from tests.test_house import ROOT


@pytest.mark.parametrize("path", pair.sources(), ids=lambda path: path.stem)
def test_runs(path, tmp_path):
    """As a script: without a screen, with warnings as errors, its files in a scratch folder."""
    python_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    scratch = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        cwd=tmp_path,
        env=os.environ | scratch | {"MPLBACKEND": "Agg", "PYTHONPATH": python_path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.mark.parametrize("path", pair.sources(), ids=lambda path: path.stem)
def test_claims_are_asserted(path):
    assert path.read_text("utf-8").count("\nassert ") >= 10


def test_there_are_notebooks():
    assert [path.stem for path in pair.sources()] == ["how_it_works", "optimisation", "tour"]


def test_pairs_are_in_step():
    assert pair.stale() == [], "run: python notebooks/pair.py"


def test_cells():
    text = "# %% [markdown]\n# # Title\n#\n# text\n\n# %%\nx = 1\n\n\n# %%\n# a comment\nx\n"
    book = json.loads(pair.notebook(text))
    found = [(cell["cell_type"], "".join(cell["source"])) for cell in book["cells"]]
    assert found == [
        ("markdown", "# Title\n\ntext"),
        ("code", "x = 1"),
        ("code", "# a comment\nx"),
    ]
    assert all(cell["outputs"] == [] for cell in book["cells"] if cell["cell_type"] == "code")
