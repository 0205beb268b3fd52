"""What an array is outside of itself: SciPy's modes, as indices and as paddings."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["extended", "folded", "known_mode"]

# SciPy's name -> np.pad's
_PADS: dict[str, Any] = {
    "constant": "constant", "nearest": "edge", "mirror": "reflect", "reflect": "symmetric",
    "wrap": "wrap",
}  # fmt: skip
_SAME = {"grid-mirror": "reflect", "grid-constant": "constant", "grid-wrap": "wrap"}
MODES = (*_PADS, *_SAME)


def known_mode(who: str, mode: str) -> str:
    """The mode, checked, grids under their other names."""
    if mode not in MODES:
        raise ValueError(f"{who}: mode={mode!r}; it is one of {', '.join(MODES)}")
    return mode


def extended(x: Any, axis: int, before: int, after: int, mode: str, cval: Any) -> Any:
    """x with so many elements more at both ends of an axis."""
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    name = _PADS[_SAME.get(mode, mode)]
    return np.pad(x, widths, name, **({"constant_values": cval} if name == "constant" else {}))


def folded(i: Any, n: int, mode: str) -> Any:
    """The index inside of [0, n) that an index stands for; ("constant": the nearest one)."""
    mode = _SAME.get(mode, mode)
    if mode == "wrap":
        return i % n
    if mode == "mirror" and n > 1:
        i = i % (2 * n - 2)
        return np.minimum(i, 2 * n - 2 - i)
    if mode == "reflect":
        i = i % (2 * n)
        return np.minimum(i, 2 * n - 1 - i)
    return np.clip(i, 0, n - 1)
