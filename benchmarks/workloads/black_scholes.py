"""A million European call options: their total price, its gradient, and two second derivatives.

The gradient is by (S, K, T, r, sigma). Gamma is the second derivative by S, option by option, as
the gradient of the summed gradient; volga is that by the volatility, which all options share.
"""

import numpy as np
from scipy.special import erf

from benchmarks import peers
from benchmarks.cases import Case, by_hand

N = {"n": 1_000_000}
TINY = {"n": 11}
# S, K and T come in; their gradients go out, or gamma alone.
CASES = (
    Case("value and gradient, n=1e6", N, tiny=TINY, bytes=6 * 8 * N["n"]),
    Case("gamma and volga, n=1e6", {"second": True, **N}, tiny=TINY, bytes=4 * 8 * N["n"]),
)
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


def second_by_hand(S, K, T, r, sigma):
    root = np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * root)
    density = np.exp(-0.5 * d1 * d1) / np.sqrt(2.0 * np.pi)
    volga = np.sum(S * density * root * d1 * (d1 - sigma * root)) / sigma
    return density / (S * sigma * root), volga


def second_by(grad, price, total):
    """Gradients of gradients; `total` is the peer's sum."""
    delta, vega = grad(price, 0), grad(price, 4)
    gamma = grad(lambda *args: total(delta(*args)), 0)
    volga = grad(vega, 4)
    return lambda *args: (gamma(*args), volga(*args))


def arguments(data):
    return tuple(data[name][()] for name in NAMES)


def with_funcgrad(params, data):
    import funcgrad

    if params.get("second"):
        return peers.funcgrad_made(second_by(funcgrad.grad, price, np.sum), *arguments(data))
    return peers.funcgrad_made(funcgrad.value_and_grad(price, argnums=ALL), *arguments(data))


def with_jax(params, data):
    import jax

    f = peers.rebind(price, jax.numpy, erf=jax.scipy.special.erf)
    if params.get("second"):
        second = second_by(jax.grad, f, jax.numpy.sum)
        return peers.jax_made(second, *arguments(data))
    return peers.jax_made(jax.value_and_grad(f, argnums=ALL), *arguments(data))


def with_torch(params, data):
    import torch

    f = peers.rebind(price, torch, erf=torch.special.erf)

    def value_and_grad(*args):
        args = [arg.detach().requires_grad_() for arg in args]
        value = f(*args)
        return value, torch.autograd.grad(value, args)

    def second(*args):
        """One forward run; the gradients' parts do not mix, so each has a run of its own."""
        S, K, T, r, sigma = args
        S, sigma = S.detach().requires_grad_(), sigma.detach().requires_grad_()
        delta, vega = torch.autograd.grad(f(S, K, T, r, sigma), (S, sigma), create_graph=True)
        gamma = torch.autograd.grad(delta.sum(), S, retain_graph=True)[0]
        return gamma, torch.autograd.grad(vega, sigma)[0]

    return peers.torch_made(second if params.get("second") else value_and_grad, *arguments(data))


def with_autograd(params, data):
    import autograd
    import autograd.scipy.special

    f = peers.rebind(price, autograd.numpy, erf=autograd.scipy.special.erf)
    if params.get("second"):
        second = second_by(autograd.grad, f, autograd.numpy.sum)
        return peers.eager_made(second, *arguments(data))
    together = autograd.value_and_grad(lambda args: f(*args))  # takes one argument
    return peers.eager_made(lambda *args: together(args), *arguments(data))


def hand(params, data):
    function = second_by_hand if params.get("second") else price_by_hand
    return by_hand(function, *arguments(data))


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
