"""The Array API standard's conformance suite: ``python -m tests.array_api.run SUITE [examples]``.

SUITE is a checkout of data-apis/array-api-tests with its submodule. The suite runs on plain NumPy,
on ``funcgrad.numpy``, and on ``tests.array_api.traced``, where every call and operator runs under
``jit``. What fails must stand in ``expected.txt``, with a reason; what plain NumPy passed with its
own draws is told. It needs pytest-json-report, hypothesis and ndindex.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
MODULES = ("numpy", "funcgrad.numpy", "tests.array_api.traced")
_FAILED = re.compile(r"^(?:FAILED|ERROR) array_api_tests/(.*?)(?: - .*)?$", re.M)
_COUNTS = re.compile(r"\d+ passed|\d+ failed|\d+ skipped|\d+ errors?")


def expected() -> dict[str, str]:
    """Patterns of tests that NumPy fails, and the reasons."""
    lines = (HERE / "expected.txt").read_text().splitlines()
    rows = [line.split(" # ", 1) for line in lines if line and not line.startswith("#")]
    return {row[0]: row[1] for row in rows}


def failures(suite: Path, module: str, examples: int) -> tuple[set[str], str]:
    """The tests that fail on a module, and pytest's counts."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "ARRAY_API_TESTS_MODULE": module, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "array_api_tests", "-q", "-p", "no:cacheprovider",
         "--disable-deadline", "--derandomize", "--max-examples", str(examples), "--tb=line"],
        cwd=suite, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{module}: the suite did not run:\n{done.stdout[-3000:]}{done.stderr}")
    return set(_FAILED.findall(done.stdout)), ", ".join(_COUNTS.findall(done.stdout[-200:]))


def main(suite: str, examples: str = "20") -> int:
    """Run all modules; the number of failures that are not to be expected."""
    patterns = expected()
    numpys: set[str] = set()
    bad = 0
    for module in MODULES:
        found, counts = failures(Path(suite), module, int(examples))
        print(f"{module}: {counts}")
        numpys = found if module == "numpy" else numpys
        for test in sorted(found):
            if not any(fnmatch(test, pattern) for pattern in patterns):
                print(f"  not expected: {test}")
                bad += 1
            elif test not in numpys:
                print(f"  expected, passed by plain NumPy with its draws: {test}")
    return bad


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]) != 0)
