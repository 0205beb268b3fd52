"""Import time: what `import peer` adds to `import numpy`, in fresh processes."""

import os
import statistics
import subprocess
import sys

from benchmarks.cases import Case

CASES = (Case("import, NumPy already there", {"repeats": 9}, tiny={"repeats": 1}, unit="ms"),)

# funcgrad promises to leave SciPy alone until something needs it.
PROGRAM = """
import sys, time
import numpy
start = time.perf_counter()
import {peer}
print(time.perf_counter() - start, "scipy" in sys.modules)
"""


def inputs(**_):
    return {}


def import_once(peer):
    command = [sys.executable, "-c", PROGRAM.format(peer=peer)]
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    seconds, scipy_too = done.stdout.split()
    return float(seconds), scipy_too == "True"


def import_time(peer):
    def figure(params, data):
        import_once(peer)  # fills the caches of the file system and of byte code
        runs = [import_once(peer) for _ in range(params["repeats"])]
        if peer == "funcgrad" and any(scipy_too for _, scipy_too in runs):
            raise AssertionError("import funcgrad has imported scipy")
        return 1e3 * statistics.median(seconds for seconds, _ in runs)

    return figure


PEERS = {}
FIGURES = {peer: import_time(peer) for peer in ("funcgrad", "jax", "torch", "autograd")}
