"""One small file per workload; this one only knows their names."""

import importlib
from types import ModuleType

from benchmarks.cases import Case

NAMES = (
    "imports",
    "dispatch",
    "rosenbrock",
    "third_derivative",
    "retrace",
    "unrolled",
    "compile_time",
    "logistic",
    "mlp",
    "chain",
    "black_scholes",
    "ode",
    "rows",
    "stencil",
    "gmm",
    "kmeans",
    "bundle",
    "gp",
    "lstm",
    "capsules",
    "draws",
)


def load(name: str) -> ModuleType:
    """The workload's module."""
    if name not in NAMES:
        raise ValueError(f"no workload '{name}'; there are: {', '.join(NAMES)}")
    return importlib.import_module(f"benchmarks.workloads.{name}")


def find_case(workload: ModuleType, name: str) -> Case:
    """A workload's case by its name."""
    return next(case for case in workload.CASES if case.name == name)
