"""A scalar function of twenty operations: what an operation costs when its numbers cost nothing."""

import math

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

CASES = (
    Case("value", {"what": "value"}),
    Case("gradient", {"what": "gradient"}),
)


def inputs(**_):
    return {"x": np.float64(0.7)}


def twenty(x):
    y = np.sin(x) * 2.0 + 1.0
    z = np.exp(-y) + x * y
    w = np.tanh(z) / (1.0 + y * y)
    u = np.log(1.0 + w * w) - np.cos(z)
    return np.sqrt(1.0 + u * u) * w


def value_by_hand(x):
    y = math.sin(x) * 2.0 + 1.0
    z = math.exp(-y) + x * y
    w = math.tanh(z) / (1.0 + y * y)
    u = math.log(1.0 + w * w) - math.cos(z)
    return math.sqrt(1.0 + u * u) * w


def gradient_by_hand(x):
    y = math.sin(x) * 2.0 + 1.0
    e = math.exp(-y)
    z = e + x * y
    h, d = math.tanh(z), 1.0 + y * y
    w = h / d
    s = 1.0 + w * w
    u = math.log(s) - math.cos(z)
    root = math.sqrt(1.0 + u * u)
    du = w * u / root
    dw = root + du * 2.0 * w / s
    dz = du * math.sin(z) + dw * (1.0 - h * h) / d
    dy = dz * (x - e) - dw * w * 2.0 * y / d
    return dz * y + dy * 2.0 * math.cos(x)


def hand(params, data):
    function = value_by_hand if params["what"] == "value" else gradient_by_hand
    return by_hand(function, float(data["x"]))


def with_funcgrad(params, data):
    import funcgrad

    function = twenty if params["what"] == "value" else funcgrad.grad(twenty)
    return peers.funcgrad_made(function, float(data["x"]))


def with_jax(params, data):
    import jax

    f = peers.rebind(twenty, jax.numpy)
    return peers.jax_made(f if params["what"] == "value" else jax.grad(f), data["x"])


def with_torch(params, data):
    import torch

    f = peers.rebind(twenty, torch)
    return peers.torch_made(f if params["what"] == "value" else peers.torch_grad(f), data["x"])


def with_autograd(params, data):
    import autograd

    f = peers.rebind(twenty, autograd.numpy)
    made = f if params["what"] == "value" else autograd.grad(f)
    return peers.eager_made(made, float(data["x"]))


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
