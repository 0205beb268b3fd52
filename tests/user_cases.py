"""The register of ordinary functions: each with the example it is differentiated at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

CASES: dict[str, "Case"] = {}


@dataclass(frozen=True)
class Case:
    """A scalar function of one pytree, and which transforms apply to it besides ``grad``."""

    function: Callable
    example: Any
    jit: bool
    vmap: bool


def case(example, jit=True, vmap=True):
    """Registers the decorated function, unchanged."""

    def register(function):
        if function.__name__ in CASES:
            raise ValueError(f"two functions are named {function.__name__}")
        CASES[function.__name__] = Case(function, example, jit, vmap)
        return function

    return register


def numbers(*shape, seed=0, low=-1.0, high=1.0):
    """Seeded numbers, equal on every machine."""
    return np.random.default_rng(seed).uniform(low, high, shape)
