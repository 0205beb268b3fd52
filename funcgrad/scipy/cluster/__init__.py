"""``scipy.cluster`` for differentiable code: its ``vq``."""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.cluster import vq
from funcgrad.scipy.plain import missing


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.cluster", name)
