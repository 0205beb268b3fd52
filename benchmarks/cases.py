"""The vocabulary of the workloads.

A workload is a module with

* `CASES`, a tuple of `Case`,
* `inputs(**params)`, which returns named NumPy arrays, the same in every process,
* `PEERS`, a table: peer -> function of (params, data) that returns `Made`,
* `FIGURES` (for cases with a unit), a table: peer -> function of (params, data) that returns a
  number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

PEERS = ("funcgrad", "jax", "torch", "autograd", "numpy")
BY_HAND = "numpy"
MODES = ("unjitted", "jitted")


@dataclass(frozen=True)
class Case:
    """One row of a workload's table.

    `tiny` overrides `params` where only correctness is asked for. `skip` names the peers that are
    not run, with the reason, which is printed. A case with a `unit` measures a figure of its own.
    `bytes` (moved) and `flops` are the least that the case's full size needs: the report compares
    the time with what this machine can do.
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    skip: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    rtol: float = 1e-9
    bytes: float = 0.0
    flops: float = 0.0

    def scaled(self, scale: str) -> dict[str, Any]:
        """The parameters at a scale: 'full', 'quick' (full sizes, less patience) or 'tiny'."""
        return {**self.params, **(self.tiny if scale == "tiny" else {}), "scale": scale}


@dataclass
class Made:
    """What a peer made of a case: callables on `args`, which are the peer's own arrays already.

    `wait` blocks until a result is there, for peers that return before they have computed.
    """

    unjitted: Callable | None
    jitted: Callable | None
    args: tuple
    wait: Callable | None = None
    why_not: str = "has no jit"

    def call(self, mode: str) -> Callable | None:
        """The callable of a mode, or None where the peer has none."""
        return self.unjitted if mode == "unjitted" else self.jitted


def by_hand(function: Callable, *args: Any) -> Made:
    """NumPy code with the derivative written out: nothing to trace, nothing to compile."""
    return Made(function, None, args, why_not="nothing to compile")
