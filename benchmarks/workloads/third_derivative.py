"""The third derivative of a scalar function: transforms within transforms, each call anew."""

import math

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

CASES = (Case("exp(sin x)'''"),)


def inputs(**_):
    return {"x": np.float64(0.7)}


def f(x):
    return np.exp(np.sin(x))


def third_by_hand(x):
    s, c = math.sin(x), math.cos(x)
    return math.exp(s) * c * (c * c - 3.0 * s - 1.0)


def thrice(grad, function):
    return grad(grad(grad(function)))


def with_funcgrad(params, data):
    import funcgrad

    return peers.funcgrad_made(thrice(funcgrad.grad, f), float(data["x"]))


def with_jax(params, data):
    import jax

    return peers.jax_made(thrice(jax.grad, peers.rebind(f, jax.numpy)), data["x"])


def with_torch(params, data):
    import torch

    g = peers.rebind(f, torch)

    def third(x):
        x = x.detach().requires_grad_()
        y = g(x)
        for keep in (True, True, False):
            (y,) = torch.autograd.grad(y, x, create_graph=keep)
        return y

    return peers.torch_made(third, data["x"])


def with_autograd(params, data):
    import autograd

    third = thrice(autograd.grad, peers.rebind(f, autograd.numpy))
    return peers.eager_made(third, float(data["x"]))


def hand(params, data):
    return by_hand(third_by_hand, float(data["x"]))


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
