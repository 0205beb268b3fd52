"""A small network, 784-64-10 on a batch of 128: loss and gradient by a dict of parameters."""

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

SIZES = {"inside": 784, "hidden": 64, "classes": 10, "batch": 128}
TINY = {"inside": 5, "hidden": 4, "classes": 3, "batch": 6}
CASES = (Case("value and gradient", SIZES, tiny=TINY),)
PARAMETERS = ("W1", "W2", "b1", "b2")


def inputs(inside, hidden, classes, batch, **_):
    rng = np.random.default_rng(31337)
    return {
        "W1": rng.normal(size=(inside, hidden)) / np.sqrt(inside),
        "b1": rng.normal(size=hidden),
        "W2": rng.normal(size=(hidden, classes)) / np.sqrt(hidden),
        "b2": rng.normal(size=classes),
        "x": rng.uniform(size=(batch, inside)),
        "y": rng.integers(classes, size=batch),
    }


def loss(p, x, y):
    h = np.tanh(x @ p["W1"] + p["b1"])
    logits = h @ p["W2"] + p["b2"]
    top = np.max(logits, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(logits - top), axis=1)) + top[:, 0]
    return np.mean(log_sum - logits[np.arange(len(y)), y])


def torch_loss(p, x, y):
    import torch

    h = torch.tanh(x @ p["W1"] + p["b1"])
    return torch.nn.functional.cross_entropy(h @ p["W2"] + p["b2"], y)


def loss_by_hand(p, x, y):
    """The loss and its gradient, in the order of the parameters' names."""
    h = np.tanh(x @ p["W1"] + p["b1"])
    logits = h @ p["W2"] + p["b2"]
    rows = np.arange(len(y))
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    e = np.exp(shifted)
    total = np.sum(e, axis=1, keepdims=True)
    value = np.mean(np.log(total[:, 0]) - shifted[rows, y])
    dlogits = e / total
    dlogits[rows, y] -= 1.0
    dlogits /= len(y)
    dz = (dlogits @ p["W2"].T) * (1.0 - h * h)
    grads = {"W1": x.T @ dz, "W2": h.T @ dlogits, "b1": dz.sum(axis=0), "b2": dlogits.sum(axis=0)}
    return value, grads


def arguments(data):
    return {name: data[name] for name in PARAMETERS}, data["x"], data["y"]


def with_funcgrad(params, data):
    import funcgrad

    return peers.funcgrad_made(funcgrad.value_and_grad(loss), *arguments(data))


def with_jax(params, data):
    import jax

    f = peers.rebind(loss, jax.numpy)
    return peers.jax_made(jax.value_and_grad(f), *arguments(data))


def with_torch(params, data):
    import torch

    def value_and_grad(p, x, y):
        leaves = {name: each.detach().requires_grad_() for name, each in p.items()}
        value = torch_loss(leaves, x, y)
        grads = torch.autograd.grad(value, list(leaves.values()))
        return value, dict(zip(leaves, grads))

    return peers.torch_made(value_and_grad, *arguments(data))


def with_autograd(params, data):
    import autograd

    f = peers.rebind(loss, autograd.numpy)
    return peers.eager_made(autograd.value_and_grad(f), *arguments(data))


def hand(params, data):
    return by_hand(loss_by_hand, *arguments(data))


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
