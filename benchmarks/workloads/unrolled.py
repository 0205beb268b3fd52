"""A Python loop of small matrix steps, unrolled by tracing: look at the first call.

This is what simulations in plain NumPy look like before anyone has rewritten them as a scan.
"""

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

TOO_LONG = {"jax": "XLA needs minutes to compile so many unrolled steps"}
CASES = (
    Case("50 steps", {"steps": 50}, tiny={"steps": 2}),
    Case("200 steps", {"steps": 200}, tiny={"steps": 3}, skip=TOO_LONG),
    Case("2000 steps", {"steps": 2000}, tiny={"steps": 4}, skip=TOO_LONG),
)


def inputs(**_):
    rng = np.random.default_rng(31337)
    a, x = rng.normal(size=(2, 3, 3))
    return {"a": a, "x": 0.3 * x}


def walk(a, x, steps):
    for _ in range(steps):
        x = np.tanh(a @ x)
    return np.sum(x * x)


def walk_by_hand(a, x, steps):
    """The gradient by `a`: forward keeping every state, then backward through them."""
    states = [x]
    for _ in range(steps):
        states.append(np.tanh(a @ states[-1]))
    da, dx = np.zeros_like(a), 2.0 * states[-1]
    for before, after in zip(states[-2::-1], states[:0:-1]):
        dz = dx * (1.0 - after * after)
        da += dz @ before.T
        dx = a.T @ dz
    return da


def bound(function, steps):
    return lambda a, x: function(a, x, steps)


def with_funcgrad(params, data):
    import funcgrad

    gradient = funcgrad.grad(bound(walk, params["steps"]))
    return peers.funcgrad_made(gradient, data["a"], data["x"])


def with_jax(params, data):
    import jax

    f = bound(peers.rebind(walk, jax.numpy), params["steps"])
    return peers.jax_made(jax.grad(f), data["a"], data["x"])


def with_torch(params, data):
    import torch

    f = bound(peers.rebind(walk, torch), params["steps"])
    return peers.torch_made(peers.torch_grad(f), data["a"], data["x"])


def with_autograd(params, data):
    import autograd

    f = bound(peers.rebind(walk, autograd.numpy), params["steps"])
    return peers.eager_made(autograd.grad(f), data["a"], data["x"])


def hand(params, data):
    return by_hand(bound(walk_by_hand, params["steps"]), data["a"], data["x"])


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
