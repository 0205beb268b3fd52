"""One cell, in a process of its own: `python -m benchmarks.worker REQUEST.json`.

The request names the workload, case, peer, mode, scale, cores, threads and the inputs' file. The
answer goes to files beside it: numbers to `answer.json`, the result's arrays to `answer.npz`.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import Any


def pin(cores: Iterable[int]) -> None:
    """Stay on these cores: a thread setting alone does not hold every peer back."""
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(cores))


def run_cell(
    workload: Any, case: Any, peer: str, mode: str, scale: str, data: dict, first_only: bool = False
) -> dict:
    """Make, call, time: the numbers of a cell, and its arrays under 'arrays'."""
    from benchmarks import peers, timing

    params = case.scaled(scale)
    if case.unit:
        return {"status": "ok", "figure": float(workload.FIGURES[peer](params, data)), "arrays": []}
    made = workload.PEERS[peer](params, data)
    call = made.call(mode)
    if call is None:
        return {"status": "none", "reason": made.why_not}
    out, first = timing.first_call(call, made.args, made.wait)
    cell = {"status": "ok", "first": first, "arrays": peers.to_numpy(out)}
    if not first_only:
        cell["steady"] = timing.steady(call, made.args, made.wait, timing.PATIENCE[scale])
    return cell


def import_seconds(peer: str, threads: int = 1) -> tuple[str, float]:
    """Import NumPy, then the peer: its version, and the seconds that it added."""
    from benchmarks import peers  # imports NumPy

    start = perf_counter()
    version = peers.import_peer(peer, threads)
    return version, perf_counter() - start


def answer(request: dict, folder: Path) -> dict:
    """The whole life of a cell, from its request to its numbers."""
    pin(request["cores"])
    version, seconds = import_seconds(request["peer"], request["threads"])
    import numpy as np

    from benchmarks.workloads import find_case, load

    workload = load(request["workload"])
    case = find_case(workload, request["case"])
    with np.load(request["data"]) as stored:
        data = dict(stored)
    asked = (request["peer"], request["mode"], request["scale"])
    cell = run_cell(workload, case, *asked, data, request["first_only"])
    arrays = cell.pop("arrays", [])
    np.savez(folder / "answer.npz", *arrays)
    return {**cell, "version": version, "import": seconds}


def main(path: str) -> None:
    """Answer the request; a fault is an answer too."""
    request_file = Path(path)
    try:
        cell = answer(json.loads(request_file.read_text()), request_file.parent)
    except Exception as error:
        traceback.print_exc()
        cell = {"status": "failed", "reason": f"{type(error).__name__}: {error}".split("\n")[0]}
    (request_file.parent / "answer.json").write_text(json.dumps(cell))


if __name__ == "__main__":
    main(sys.argv[1])
