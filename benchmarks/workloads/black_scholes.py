"""A million European call options: their total price and its gradient by (S, K, T, r, sigma)."""

import numpy as np
from scipy.special import erf

from benchmarks import peers
from benchmarks.cases import Case, by_hand

CASES = (Case("value and gradient, n=1e6", {"n": 1_000_000}, tiny={"n": 11}),)
NAMES = ("S", "K", "T", "r", "sigma")
ALL = tuple(range(len(NAMES)))


def inputs(n, **_):
    rng = np.random.default_rng(31337)
    return {
        "S": rng.uniform(80.0, 120.0, n),
        "K": rng.uniform(80.0, 120.0, n),
        "T": rng.uniform(0.1, 2.0, n),
        "r": np.float64(0.03),
        "sigma": np.float64(0.25),
    }


def price(S, K, T, r, sigma):
    spread = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / spread
    d2 = d1 - spread
    n1 = 0.5 * (1.0 + erf(d1 / 2.0**0.5))
    n2 = 0.5 * (1.0 + erf(d2 / 2.0**0.5))
    return np.sum(S * n1 - K * np.exp(-r * T) * n2)


def price_by_hand(S, K, T, r, sigma):
    """The price and the textbook's greeks, which share most of their work."""
    root = np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * root)
    n1 = 0.5 * (1.0 + erf(d1 / 2.0**0.5))
    n2 = 0.5 * (1.0 + erf((d1 - sigma * root) / 2.0**0.5))
    discount = np.exp(-r * T)
    paid = K * discount * n2
    vega = S * np.exp(-0.5 * d1 * d1) * (root / np.sqrt(2.0 * np.pi))
    value = np.sum(S * n1 - paid)
    by_time = vega * sigma / (2.0 * T) + r * paid
    return value, (n1, -discount * n2, by_time, np.sum(T * paid), np.sum(vega))


def arguments(data):
    return tuple(data[name][()] for name in NAMES)


def with_funcgrad(params, data):
    import funcgrad

    return peers.funcgrad_made(funcgrad.value_and_grad(price, argnums=ALL), *arguments(data))


def with_jax(params, data):
    import jax

    f = peers.rebind(price, jax.numpy, erf=jax.scipy.special.erf)
    return peers.jax_made(jax.value_and_grad(f, argnums=ALL), *arguments(data))


def with_torch(params, data):
    import torch

    f = peers.rebind(price, torch, erf=torch.special.erf)

    def value_and_grad(*args):
        args = [arg.detach().requires_grad_() for arg in args]
        value = f(*args)
        return value, torch.autograd.grad(value, args)

    return peers.torch_made(value_and_grad, *arguments(data))


def with_autograd(params, data):
    import autograd
    import autograd.scipy.special

    f = peers.rebind(price, autograd.numpy, erf=autograd.scipy.special.erf)
    together = autograd.value_and_grad(lambda args: f(*args))  # takes one argument
    return peers.eager_made(lambda *args: together(args), *arguments(data))


def hand(params, data):
    return by_hand(price_by_hand, *arguments(data))


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
