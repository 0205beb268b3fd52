"""Results first: no time is believed before its result agrees with the others'."""

from __future__ import annotations

import numpy as np

from benchmarks.cases import BY_HAND

TINY = 1e-300  # keeps the quotient defined where the reference is all zeros


def distance(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    """The largest max|x - y| / max|y| over all arrays; infinite if the shapes differ.

    Relative to the largest entry of an array: small gradients must be right too, but cancellation
    in single entries is no fault.
    """
    if [np.shape(x) for x in ours] != [np.shape(y) for y in theirs]:
        return float("inf")
    return max((_distance(x, y) for x, y in zip(ours, theirs)), default=0.0)


def _distance(x: np.ndarray, y: np.ndarray) -> float:
    if x.size == 0:
        return 0.0
    off, size = np.max(np.abs(x - y)), np.max(np.abs(y))
    return float(off / max(size, TINY)) if np.isfinite(off) else float("inf")


def reference(cells: list[dict], rtol: float) -> dict | None:
    """The cell to hold the others against: NumPy by hand, or one that a majority agrees with."""
    answered = [cell for cell in cells if cell["status"] == "ok"]
    for cell in answered:
        if cell["peer"] == BY_HAND:
            return cell
    peers = {cell["peer"] for cell in answered}
    for cell in answered:
        agree = {c["peer"] for c in answered if distance(c["arrays"], cell["arrays"]) <= rtol}
        if len(agree) >= 2 and 2 * len(agree) > len(peers):
            return cell
    return None


def judge(cells: list[dict], rtol: float) -> None:
    """Write each cell's distance to the reference into it; the wrong ones lose their times.

    Figures have no arrays to compare. A cell with nothing to hold it against is 'unchecked'.
    """
    answered = [cell for cell in cells if cell["status"] == "ok" and not cell["unit"]]
    held = reference(answered, rtol)
    for cell in answered:
        if held is None:
            cell["agrees"] = "unchecked"
            continue
        off = distance(cell["arrays"], held["arrays"])
        cell["agrees"] = f"{off:.0e}"
        if not off <= rtol:
            cell.update(status="wrong", reason=f"off by {off:.1e}, {held['peer']} is the reference")
    for cell in cells:
        cell.pop("arrays", None)
