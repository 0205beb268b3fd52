"""Runs the cells one after another, each in a fresh process, and judges their results."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.agreement import judge
from benchmarks.cases import BY_HAND, MODES, PEERS, Case
from benchmarks.peers import MODULES

ROOT = Path(__file__).resolve().parent.parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass
class Settings:
    """What the command line decides."""

    scale: str = "full"
    peers: tuple[str, ...] = PEERS
    pythons: dict[str, str] = field(default_factory=dict)
    cores: tuple[int, ...] = ()
    threads: int = 1
    timeout: float = 900.0
    rounds: int = 1

    @property
    def more(self) -> int:
        """How many more fresh processes repeat a first call."""
        return 2 if self.scale == "full" else 0

    def python(self, peer: str) -> str:
        """The interpreter that has this peer."""
        return self.pythons.get(peer, sys.executable)


def environment(threads: int = 1) -> dict[str, str]:
    """As many threads for all; no OPENBLAS_CORETYPE, which would slow NumPy alone. Bytecode is
    kept, as it is of installed peers, or first calls would compile our modules' source; but what
    an earlier process has compiled is not found again: first calls are cold."""
    env = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    for name in ("OPENBLAS_CORETYPE", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    env |= {"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(ROOT)}
    env["FUNCGRAD_DISK_CACHE"] = "0"
    return env


def missing(peer: str, settings: Settings) -> str | None:
    """Why a peer cannot take part, or None."""
    command = [settings.python(peer), "-c", f"import numpy, scipy, {MODULES[peer]}"]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return done.stderr.strip().splitlines()[-1] if done.returncode else None


def limits(settings: Settings) -> dict[str, float] | None:
    """What the machine can do on these cores, measured in processes of its own, or None."""
    command = [settings.python(BY_HAND), "-m", "benchmarks.limits", str(settings.threads)]
    command += [str(core) for core in settings.cores]
    env = environment(settings.threads)
    found: dict[str, float] = {}
    for _ in range(settings.rounds):
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            return None
        most = json.loads(done.stdout)
        found = {name: max(rate, found.get(name, 0.0)) for name, rate in most.items()}
    return found


def ask(request: dict, settings: Settings, folder: Path) -> dict:
    """Run one cell in its own process; the answer has its arrays under 'arrays'."""
    request_file = folder / "request.json"
    for old in folder.glob("answer.*"):
        old.unlink()
    request_file.write_text(json.dumps(request))
    command = [settings.python(request["peer"]), "-m", "benchmarks.worker", str(request_file)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(settings.threads),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=settings.timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"status": "timeout", "reason": f"took more than {settings.timeout:g} s"}
    return collect(folder, done)


def collect(folder: Path, done: subprocess.CompletedProcess) -> dict:
    """Read a finished worker's files."""
    if not (folder / "answer.json").exists():
        tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"status": "failed", "reason": f"the process ended with {done.returncode}: {tail}"}
    cell = json.loads((folder / "answer.json").read_text())
    cell["stderr"] = done.stderr[-2000:] if cell["status"] == "failed" else ""
    if cell["status"] == "ok":
        with np.load(folder / "answer.npz") as stored:
            cell["arrays"] = [stored[name] for name in stored.files]
    return cell


def measure(request: dict, settings: Settings, folder: Path) -> dict:
    """A cell with everything measured; its first call is a median over fresh processes too."""
    cell = ask(request | {"first_only": False}, settings, folder)
    if cell["status"] == "ok" and "first" in cell:
        more = (ask(request | {"first_only": True}, settings, folder) for _ in range(settings.more))
        cell["firsts"] = [cell["first"], *(c["first"] for c in more if c["status"] == "ok")]
        cell["first"] = statistics.median(cell["firsts"])
    return cell


def measure_again(cell: dict, request: dict, settings: Settings, folder: Path) -> None:
    """One more round of a cell: the quickest median counts, and first calls join the others."""
    if cell["status"] != "ok" or "steady" not in cell:
        return
    more = measure(request, settings, folder)
    if more["status"] != "ok":
        cell |= {"status": more["status"], "reason": more["reason"]}
        return
    cell["firsts"] += more["firsts"]
    cell["first"] = statistics.median(cell["firsts"])
    cell["steady"] = min(cell["steady"], more["steady"], key=lambda found: found["seconds"])


def wanted(workload: Any, case: Case, settings: Settings) -> Iterator[tuple[str, str]]:
    """The (peer, mode) pairs of a case."""
    table = workload.FIGURES if case.unit else workload.PEERS
    for peer in settings.peers:
        if peer in table:
            yield from ((peer, mode) for mode in (MODES[:1] if case.unit else MODES))


def run_case(name: str, workload: Any, case: Case, settings: Settings, absent: dict) -> list[dict]:
    """All cells of a case, judged. `absent` maps peers that cannot run to the reason."""
    cells, again = [], []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data_file = folder / "inputs.npz"
        np.savez(data_file, **workload.inputs(**case.scaled(settings.scale)))
        for peer, mode in wanted(workload, case, settings):
            key = {"workload": name, "case": case.name, "peer": peer, "mode": mode}
            reason = absent.get(peer) or case.skip.get(peer)
            more = {"scale": settings.scale, "data": str(data_file)}
            more |= {"cores": settings.cores, "threads": settings.threads}
            skipped = {"status": "skipped", "reason": reason}
            cell = skipped if reason else measure(key | more, settings, folder)
            least = {"unit": case.unit, "bytes": case.bytes, "flops": case.flops}
            cells.append(key | least | cell)
            again.append(key | more)
        for _ in range(settings.rounds - 1):
            for cell, request in zip(cells, again, strict=True):
                measure_again(cell, request, settings, folder)
    judge(cells, case.rtol)
    return cells
