"""The command line: `python -m benchmarks`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from benchmarks import report, runner
from benchmarks.cases import PEERS
from benchmarks.workloads import NAMES, load


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="the same sizes with less patience")
    add("--only", metavar="NAME", action="append", help=f"one of: {', '.join(NAMES)}; repeatable")
    add("--case", metavar="TEXT", help="only the cases whose name contains this")
    add("--peers", default=",".join(PEERS), help="comma-separated; default: %(default)s")
    add("--python-for", metavar="PEER=PATH", action="append", default=[],
        help="the interpreter that has a peer (with NumPy and SciPy); repeatable")  # fmt: skip
    add("--json", metavar="OUT", type=Path, help="also write every number to this file")
    add("--markdown", metavar="OUT", type=Path, help="also write the report to this file")
    add("--core", type=int, help="the core to stay on; default: the last one allowed")
    add("--threads", type=int, default=1, help="threads, on as many cores; default: %(default)s")
    add("--rounds", type=int, default=1,
        help="measure every cell so often, in turn with the others, and take the quickest median: "
        "for machines with neighbours; default: %(default)s")  # fmt: skip
    add("--timeout", type=float, default=900.0, help="seconds per cell; default: %(default)g")
    return parser.parse_args(argv)


def cores(first: int | None, count: int) -> tuple[int, ...]:
    """The cores to pin to: the last ones are the least asked for. None where pinning is unknown.

    Threads that share a core would wait for one another, so too few cores are refused.
    """
    if not hasattr(os, "sched_getaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0), reverse=True)
    if first is not None:
        allowed = [first, *(core for core in allowed if core != first)]
    if count > len(allowed):
        raise SystemExit(f"{count} threads need as many cores; there are {len(allowed)}")
    return tuple(allowed[:count])


def settings_from(args: argparse.Namespace) -> runner.Settings:
    """Check the options and make them the run's settings."""
    peers = tuple(args.peers.split(","))
    if unknown := set(peers) - set(PEERS):
        raise SystemExit(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    if unknown := set(args.only or ()) - set(NAMES):
        raise SystemExit(f"no workload {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return runner.Settings(
        scale="quick" if args.quick else "full",
        peers=peers,
        pythons=dict(each.split("=", 1) for each in args.python_for),
        cores=cores(args.core, args.threads),
        threads=args.threads,
        timeout=args.timeout,
        rounds=args.rounds,
    )


def about(settings: runner.Settings, cells: list[dict], absent: dict[str, str]) -> list[str]:
    """What a reader must know to judge the numbers."""
    versions = {c["peer"]: c["version"] for c in cells if "version" in c}
    where = ", ".join(str(core) for core in settings.cores)
    pinned = f"pinned to core {where}" if where else "not pinned"
    return [
        f"* {platform.machine()}, Python {platform.python_version()}, {pinned}; "
        f"OMP_NUM_THREADS and its kin are {settings.threads}, OPENBLAS_CORETYPE is unset for all.",
        "* " + ", ".join(f"{peer} {version}" for peer, version in versions.items()),
        *(f"* **{peer} is left out**: {reason}" for peer, reason in absent.items()),
        "* PyTorch is measured eager, without torch.compile, by its fastest idiom; autograd has no",
        "  jit; JAX computes in float64 like everybody.",
        f"* Scale: {settings.scale}. Every cell ran in a fresh process, its inputs already in the",
        "  peer's own arrays; imports (of compilers too) are not in the first call, and nothing is",
        "  found that an earlier process has compiled. Medians of many repeats"
        + (f"; the quickest of {settings.rounds} rounds." if settings.rounds > 1 else "."),
        "* In brackets: times the best peer's time in that column (a peer without a jit competes",
        "  in the jitted column with its un-jitted time). Results were compared first; `off by`",
        "  is the largest difference to NumPy by hand, over the largest number in that array.",
    ]


def run(args: argparse.Namespace, settings: runner.Settings, absent: dict) -> list[dict]:
    """All wanted cells, with a line of progress each case."""
    cells = []
    for name in args.only or NAMES:
        workload = load(name)
        for case in workload.CASES:
            if args.case is None or args.case in case.name:
                print(f"... {name}: {case.name}", file=sys.stderr, flush=True)
                cells += runner.run_case(name, workload, case, settings, absent)
    return cells


def main(argv: list[str] | None = None) -> int:
    """Run, report, and return 1 if a result was wrong or a cell failed."""
    args = arguments(argv)
    settings = settings_from(args)
    found = {peer: runner.missing(peer, settings) for peer in settings.peers}
    absent = {peer: reason for peer, reason in found.items() if reason}
    cells = run(args, settings, absent)
    notes = about(settings, cells, absent)
    titles = {name: (load(name).__doc__ or "").split("\n")[0].rstrip(".") for name in NAMES}
    limits = runner.limits(settings) if report.limited(cells) else None
    text = report.markdown(cells, titles, notes, limits)
    print(text)
    if args.markdown:
        args.markdown.write_text(text + "\n")
    if args.json:
        record = {"about": notes, "limits": limits, "cells": cells}
        args.json.write_text(json.dumps(record, indent=1) + "\n")
    faults = report.faults(cells)
    print("\n".join(["", *faults]) if faults else "", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
