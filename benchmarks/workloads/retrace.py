"""What it costs to trace a known function again, per operation.

The gradient of 200 elementwise operations on four numbers, un-jitted minus jitted, divided by 200:
only the un-jitted call runs the Python code. Where jit also compiled the program better, the
figure is an upper bound.
"""

import numpy as np

from benchmarks import timing
from benchmarks.cases import Case

CASES = (Case("200 operations, n=4", {"rounds": 50}, tiny={"rounds": 2}, unit="µs per operation"),)


def inputs(**_):
    return {"x": np.linspace(0.1, 0.4, 4)}


def rounds_of_four(x, rounds):
    y = x
    for _ in range(rounds):
        y = np.sin(y) * 0.5 + x - 0.1
    return np.sum(y)


def with_funcgrad(params, data):
    import funcgrad

    gradient = funcgrad.grad(lambda x: rounds_of_four(x, params["rounds"]))
    patience = timing.PATIENCE[params["scale"]]
    unjitted = timing.steady(gradient, (data["x"],), None, patience)["seconds"]
    jitted = timing.steady(funcgrad.jit(gradient), (data["x"],), None, patience)["seconds"]
    return 1e6 * (unjitted - jitted) / (4 * params["rounds"])


PEERS = {}
FIGURES = {"funcgrad": with_funcgrad}
