"""Logistic regression, 1000 samples of 20 numbers: gradient, Hessian-vector product, Hessian."""

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

TINY = {"n": 6, "d": 3}
CASES = tuple(
    Case(what, {"what": what, "n": 1000, "d": 20}, tiny=TINY)
    for what in ("gradient", "hvp", "hessian")
)
DECAY = 1e-2


def inputs(n, d, **_):
    rng = np.random.default_rng(31337)
    features = rng.normal(size=(n, d))
    labels = np.where(features @ rng.normal(size=d) + rng.normal(size=n) > 0.0, 1.0, -1.0)
    return {"w": rng.normal(size=d), "v": rng.normal(size=d), "X": features, "y": labels}


def loss(w, X, y):
    margins = y * (X @ w)
    return np.mean(np.logaddexp(0.0, -margins)) + 0.5 * DECAY * np.sum(w * w)


def torch_loss(w, X, y):
    import torch

    margins = y * (X @ w)
    losses = torch.logaddexp(torch.zeros_like(margins), -margins)  # takes tensors only
    return torch.mean(losses) + 0.5 * DECAY * torch.sum(w * w)


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def gradient_by_hand(w, X, y):
    return X.T @ (-y * sigmoid(-y * (X @ w))) / len(y) + DECAY * w


def weights(w, X):
    s = sigmoid(X @ w)
    return s * (1.0 - s) / len(X)


def hvp_by_hand(w, X, y, v):
    return X.T @ (weights(w, X) * (X @ v)) + DECAY * v


def hessian_by_hand(w, X, y):
    return (X.T * weights(w, X)) @ X + DECAY * np.eye(len(w))


def choose(params, data, made, **functions):
    """Hand the function that the case asks for, with its arguments, to `made`."""
    names = ("w", "X", "y", "v") if params["what"] == "hvp" else ("w", "X", "y")
    return made(functions[params["what"]], *(data[name] for name in names))


def with_funcgrad(params, data):
    import funcgrad

    return choose(
        params,
        data,
        peers.funcgrad_made,
        gradient=funcgrad.grad(loss),
        hvp=funcgrad.hvp(loss),
        hessian=funcgrad.hessian(loss),
    )


def with_jax(params, data):
    import jax

    f = peers.rebind(loss, jax.numpy)
    gradient = jax.grad(f)
    return choose(
        params,
        data,
        peers.jax_made,
        gradient=gradient,
        hvp=lambda w, X, y, v: jax.jvp(lambda w: gradient(w, X, y), (w,), (v,))[1],
        hessian=jax.hessian(f),
    )


def with_torch(params, data):

    return choose(
        params,
        data,
        peers.torch_made,
        gradient=peers.torch_grad(torch_loss),
        hvp=peers.torch_hvp(torch_loss),
        hessian=peers.torch_hessian(torch_loss),
    )


def with_autograd(params, data):
    import autograd

    f = peers.rebind(loss, autograd.numpy)
    return choose(
        params,
        data,
        peers.eager_made,
        gradient=autograd.grad(f),
        hvp=autograd.hessian_vector_product(f),
        hessian=autograd.hessian(f),
    )


def hand(params, data):
    return choose(
        params,
        data,
        by_hand,
        gradient=gradient_by_hand,
        hvp=hvp_by_hand,
        hessian=hessian_by_hand,
    )


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
