"""Scripts in the idiom of autograd, JAX and courses: only their import lines are changed.

Each leaves its numbers in ``RESULT``. The oracle test runs the original beside it.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
MOVES = (
    (r"^(from|import) autograd\b", r"\1 funcgrad.compat.autograd"),
    (r"^import jax$", "import funcgrad as jax"),
    (r"^(from|import) jax\b", r"\1 funcgrad"),
)
_PRINT = "\nimport numpy as _n\nprint(*[float(_n.asarray(x)) for x in RESULT])\n"


def moved(text):
    """The script with other imports; plain NumPy code takes our namespace too."""
    moves = MOVES
    if "autograd.numpy" not in text:
        moves = (*MOVES, (r"^import numpy as np$", "import funcgrad.numpy as np"))
    lines = text.splitlines()
    for k, line in enumerate(lines):
        for pattern, new in moves:
            line = re.sub(pattern, new, line)
        lines[k] = line
    return "\n".join(lines) + "\n"


def numbers(text):
    """What a script's process prints at its end."""
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text + _PRINT], env=environment, text=True,
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return np.array(done.stdout.split()[-text_count(done) :], float)


def text_count(done):
    return len(done.stdout.strip().splitlines()[-1].split())


def test_there_are_twelve():
    assert len(SCRIPTS) >= 12


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_only_imports_change(path):
    text = path.read_text(encoding="utf-8")
    before, after = text.splitlines(), moved(text).splitlines()
    changed = [old for old, new in zip(before, after, strict=True) if old != new]
    assert changed and all(line.startswith(("import ", "from ")) for line in changed)
    assert np.all(np.isfinite(numbers(moved(text))))


@pytest.mark.oracle
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_as_the_original(path):
    text = path.read_text(encoding="utf-8")
    if "ALONE = True" in text:
        pytest.skip("the peer cannot run it")
    pytest.importorskip("jax" if "import jax" in text else "autograd")
    tolerance = re.search(r"^TOLERANCE = (\S+)", text, re.M)
    rtol = float(tolerance[1]) if tolerance else 1e-7
    np.testing.assert_allclose(numbers(moved(text)), numbers(text), rtol=rtol, atol=1e-9)
