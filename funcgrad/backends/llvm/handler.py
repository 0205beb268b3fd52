"""How an equation that is no loop nest is written: one handler per primitive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Handler"]


class Handler:
    """``write(scope, eqn)`` writes the equation; ``refuses(eqn)`` says why it cannot, or None.

    ``registers``: where all values are small, the equation is done in registers instead.
    """

    __slots__ = ("refuses", "registers", "write")

    def __init__(
        self, write: Callable[[Any, Any], None],
        refuses: Callable[[Any], str | None] = lambda eqn: None, registers: bool = False,
    ):  # fmt: skip
        self.write, self.refuses, self.registers = write, refuses, registers
