"""From a traced function to a program that runs, per equation of its gradient.

The first call of jit(grad(f)) minus a later one, divided by the number of equations: it should
not grow with the length of the program.
"""

import numpy as np

from benchmarks import timing
from benchmarks.cases import Case

CASES = tuple(
    Case(f"{4 * rounds} operations", {"rounds": rounds}, tiny={"rounds": 2}, unit="µs per equation")
    for rounds in (25, 250, 2500)
)


def inputs(**_):
    return {"x": np.linspace(0.1, 0.4, 4)}


def rounds_of_four(x, rounds):
    y = x
    for _ in range(rounds):
        y = np.sin(y) * 0.5 + x - 0.1
    return np.sum(y)


def with_funcgrad(params, data):
    import funcgrad

    def f(x):
        return rounds_of_four(x, params["rounds"])

    args = (data["x"],)
    # What is paid once per process (a compiler's import, caches) is not the price of an equation.
    funcgrad.jit(funcgrad.grad(lambda x: np.sum(np.sin(x) * 0.5 - 0.1)))(*args)
    jitted = funcgrad.jit(funcgrad.grad(f))
    _, first = timing.first_call(jitted, args, None)
    _, later = timing.first_call(jitted, args, None)
    equations = len(funcgrad.make_jaxpr(funcgrad.grad(f))(*args).eqns)
    return 1e6 * (first - later) / equations


PEERS = {}
FIGURES = {"funcgrad": with_funcgrad}
