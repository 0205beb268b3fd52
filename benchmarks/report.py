"""From judged cells to Markdown: every time with its ratio to the best peer, never a bare one."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable

from benchmarks.cases import BY_HAND

OURS = "funcgrad"
NAMES = {BY_HAND: "NumPy by hand"}
BAD = ("wrong", "failed")

# The columns: a title, the mode of the cell, and which of its numbers.
COLUMNS = (
    ("first call, un-jitted", "unjitted", "first"),
    ("un-jitted", "unjitted", "steady"),
    ("first call, jitted", "jitted", "first"),
    ("jitted", "jitted", "steady"),
)


def faults(cells: list[dict]) -> list[str]:
    """One line per wrong or failed cell; none means that the run has succeeded."""
    return [
        f"{c['status'].upper()}: {c['workload']} / {c['case']} / {c['peer']} / {c['mode']}: "
        f"{c['reason']}"
        for c in cells
        if c["status"] in BAD
    ]


def seconds(cell: dict, number: str) -> float | None:
    """A believed time of a cell, or None."""
    if cell["status"] != "ok" or cell["unit"]:
        return None
    return cell["first"] if number == "first" else cell["steady"]["seconds"]


def is_peer(cell: dict) -> bool:
    """Whether a cell is another framework's: not ours, not written by hand."""
    return cell["peer"] not in (OURS, BY_HAND)


def best_peer(cells: list[dict], mode: str, number: str) -> tuple[float, str] | None:
    """The fastest peer's time and name for a column.

    A peer without a jit competes with its un-jitted time in the jitted column, since its users have
    nothing faster. First jitted calls compete among themselves: they pay for a compiler.
    """
    modes = {mode} if (mode, number) != ("jitted", "steady") else {"jitted", "unjitted"}
    rivals = [c for c in cells if is_peer(c) and c["mode"] in modes]
    times = [(t, c["peer"]) for c in rivals if (t := seconds(c, number)) is not None]
    return min(times, default=None)


def human(value: float) -> str:
    """Three digits and a unit."""
    for scale, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def ratio(value: float, best: float) -> str:
    """How many times the best peer's time; above 1 is slower."""
    times = value / best
    digits = ".0f" if times >= 10 else ".2f" if times >= 0.1 else ".1g"
    return f"{times:{digits}}×"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _entry(cells: list[dict], peer: str, column: tuple[str, str, str]) -> str:
    _, mode, number = column
    found = [c for c in cells if c["peer"] == peer and c["mode"] == mode]
    if not found or found[0]["status"] in ("none", "skipped"):
        return ""
    if (value := seconds(found[0], number)) is None:
        return found[0]["status"].upper()
    if best := best_peer(cells, mode, number):
        return f"{human(value)} ({ratio(value, best[0])})"
    hand = [t for c in cells if c["peer"] == BY_HAND and (t := seconds(c, number)) is not None]
    return (
        f"{human(value)} ({ratio(value, hand[0])} by hand)" if hand else f"{human(value)} (alone)"
    )


def _worst(agreement: str) -> tuple[bool, float]:
    """Unchecked is worse than any distance."""
    unchecked = agreement == "unchecked"
    return unchecked, 0.0 if unchecked or not agreement else float(agreement)


def _agreement(cells: list[dict], peer: str) -> str:
    found = [c.get("agrees", "") for c in cells if c["peer"] == peer and c["status"] == "ok"]
    return max(found, default="", key=_worst)


def _case_rows(case: str, cells: list[dict]) -> list[list[str]]:
    rows = []
    for peer in dict.fromkeys(c["peer"] for c in cells):
        entries = [_entry(cells, peer, column) for column in COLUMNS]
        if any(entries):
            agreement = _agreement(cells, peer)
            rows.append([case, NAMES.get(peer, peer), *entries, agreement])
    return rows


def _figure_rows(case: str, cells: list[dict]) -> list[list[str]]:
    good = [c for c in cells if c["status"] == "ok"]
    best = min((c["figure"] for c in good if is_peer(c)), default=0.0)
    rows = []
    for cell in good:
        share = ratio(cell["figure"], best) if best > 0 else "no peer"
        name = NAMES.get(cell["peer"], cell["peer"])
        rows.append([case, name, f"{cell['figure']:.3g} {cell['unit']} ({share})"])
    return rows


def _notes(cells: list[dict]) -> list[str]:
    """Why something is missing, each reason once."""
    reasons: dict[str, list[str]] = {}
    for cell in cells:
        if cell["status"] not in ("ok", "none"):
            reasons.setdefault(f"{cell['peer']}: {cell['reason']}", []).append(cell["case"])
    return [f"* not shown, {key} ({', '.join(dict.fromkeys(v))})" for key, v in reasons.items()]


def _grouped(cells: list[dict], key: str) -> Iterable[tuple[str, list[dict]]]:
    return ((name, list(group)) for name, group in itertools.groupby(cells, lambda c: c[key]))


def workload_section(title: str, cells: list[dict]) -> str:
    """The tables of one workload, and the notes on what is missing in them."""
    rows, figures = [], []
    for case, group in _grouped(cells, "case"):
        if group[0]["unit"]:
            figures += _figure_rows(case, group)
        else:
            rows += _case_rows(case, group)
    parts = [f"### {title}"]
    if rows:
        header = ["case", "who", *(column[0] for column in COLUMNS), "off by"]
        parts.append(table(header, rows))
    if figures:
        parts.append(table(["case", "who", "figure"], figures))
    return "\n\n".join([*parts, *(["\n".join(notes)] if (notes := _notes(cells)) else [])])


def _summary_entry(cells: list[dict], mode: str, number: str) -> str:
    ours = [c for c in cells if c["peer"] == OURS and c["mode"] == mode]
    value = seconds(ours[0], number) if ours else None
    best = best_peer(cells, mode, number)
    if value is None or best is None:
        return ""
    return f"{ratio(value, best[0])} {best[1]}"


def _against_hand(cells: list[dict]) -> str:
    """Our best steady time over the hand-written derivative's."""
    times = {}
    for who in (OURS, BY_HAND):
        mine = [seconds(c, "steady") for c in cells if c["peer"] == who]
        times[who] = min((t for t in mine if t is not None), default=None)
    ours, hand = times[OURS], times[BY_HAND]
    return ratio(ours, hand) if ours is not None and hand is not None else ""


def summary(cells: list[dict]) -> str:
    """funcgrad's time over the best peer's, case by case; below 1 it is the fastest."""
    rows = []
    for (workload, case), group in by_case(cells):
        entries = [_summary_entry(group, mode, number) for _, mode, number in COLUMNS]
        entries.append(_against_hand(group))
        if any(entries):
            rows.append([f"{workload}: {case}", *entries])
    if not rows:
        return "funcgrad is missing, or has nothing to be compared with: no ratios to report."
    header = [f"funcgrad / best peer: {column[0]}" for column in COLUMNS]
    return table(["case", *header, "best / by hand"], rows)


def by_case(cells: list[dict]) -> Iterable[tuple[tuple[str, str], list[dict]]]:
    """The cells of each case, under (workload, case)."""
    groups = itertools.groupby(cells, lambda c: (c["workload"], c["case"]))
    return ((key, list(group)) for key, group in groups)


def mean_ratio(cells: list[dict], number: str, rivals: Iterable[str]) -> tuple[float, int]:
    """The geometric mean of our jitted time over the best of these rivals', and over how many."""
    logs = []
    for _, group in by_case(cells):
        ours = [c for c in group if c["peer"] == OURS and c["mode"] == "jitted"]
        value = seconds(ours[0], number) if ours else None
        best = best_peer([c for c in group if c["peer"] in rivals], "jitted", number)
        if value is not None and best is not None:
            logs.append(math.log(value / best[0]))
    return math.exp(statistics.fmean(logs)) if logs else math.nan, len(logs)


def last_line(cells: list[dict]) -> str:
    """All cases in two numbers; empty where there is nothing to compare."""
    steady, n = mean_ratio(cells, "steady", {c["peer"] for c in cells if is_peer(c)})
    first, m = mean_ratio(cells, "first", {"jax"})
    parts = [
        f"jitted {steady:.3g}× the best peer's time ({n} cases)" if n else "",
        f"first jitted call {first:.3g}× JAX's ({m} cases)" if m else "",
    ]
    text = ", ".join(part for part in parts if part)
    return f"**Geometric means, funcgrad over peer:** {text}." if text else ""


def limited(cells: list[dict]) -> bool:
    """Whether a case says what it needs at least."""
    return any(c["bytes"] or c["flops"] for c in cells)


def least(cell: dict, limits: dict[str, float]) -> tuple[float, str]:
    """The seconds that this machine needs for the case at least, and for what."""
    return max((cell[what] / limits[what], what) for what in ("bytes", "flops"))


def limits_section(cells: list[dict], limits: dict[str, float]) -> str:
    """Each peer's share of what the machine can do, by its fastest mode: 1 cannot be beaten.

    Except from a cache: the limit of bytes is the main memory's.
    """
    rows = []
    for (workload, case), group in by_case([c for c in cells if limited([c])]):
        bound, what = least(group[0], limits)
        for peer in dict.fromkeys(c["peer"] for c in group):
            times = [seconds(c, "steady") for c in group if c["peer"] == peer]
            if mine := [t for t in times if t is not None]:
                share = f"{bound / min(mine):.2g}"
                rows.append([f"{workload}: {case}", f"{human(bound)} ({what})",
                    NAMES.get(peer, peer), human(min(mine)), share])  # fmt: skip
    text = (
        f"This machine, in this run and on these cores: {limits['bytes'] / 1e9:.3g} GB/s (128 MiB "
        f"copied or read by NumPy), {limits['flops'] / 1e9:.3g} GFLOP/s (a float64 matrix product "
        "of order 1024). The least time is that of the bytes or operations that a case cannot do "
        "without; a share above 1 has come from a cache."
    )
    header = ["case", "least time", "who", "steady", "least / steady"]
    return text + "\n\n" + table(header, rows)


def markdown(
    cells: list[dict],
    titles: dict[str, str],
    about: list[str],
    limits: dict[str, float] | None = None,
) -> str:
    """The whole report."""
    sections = [
        workload_section(f"{name}: {titles[name]}", group)
        for name, group in _grouped(cells, "workload")
    ]
    head = ["# Benchmarks", "\n".join(about), "## Summary", summary(cells)]
    against = ["## Against the machine", limits_section(cells, limits)] if limits else []
    parts = [*head, "## Workloads", *sections, *against, last_line(cells)]
    return "\n\n".join(part for part in parts if part)
