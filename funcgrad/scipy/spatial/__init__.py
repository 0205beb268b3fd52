"""``scipy.spatial`` for differentiable code: its ``distance``."""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.plain import missing
from funcgrad.scipy.spatial import distance


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.spatial", name)
