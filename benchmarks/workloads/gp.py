"""A Gaussian process: log marginal likelihood and its gradient by three hyperparameters."""

import math

import numpy as np
import scipy.linalg

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

CASES = tuple(Case(f"n={n}", {"n": n}, tiny={"n": 7}) for n in (100, 500))
DIMENSIONS = 3
HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def inputs(n, **_):
    rng = np.random.default_rng(31337)
    points = rng.normal(size=(n, DIMENSIONS))
    gaps = np.sum((points[:, None] - points[None]) ** 2, axis=2)
    y = np.sin(points[:, 0]) + 0.1 * rng.normal(size=n)
    return {"logs": np.log([1.3, 0.8, 0.3]), "gaps": gaps, "eye": np.eye(n), "y": y}


def solve_lower(L, b):
    return np.linalg.solve(L, b)


def likelihood(logs, gaps, eye, y):
    """`logs` are those of the length scale, the amplitude and the noise; `gaps` are squared."""
    scales = np.exp(2.0 * logs)
    covariance = scales[1] * np.exp(-0.5 * gaps / scales[0]) + scales[2] * eye
    L = np.linalg.cholesky(covariance)
    z = solve_lower(L, y)
    return -0.5 * np.sum(z * z) - np.sum(np.log(np.diag(L))) - HALF_LOG_2PI * len(y)


def likelihood_by_hand(logs, gaps, eye, y):
    length, amplitude, noise = np.exp(2.0 * logs)
    smooth = amplitude * np.exp(-0.5 * gaps / length)
    L = np.linalg.cholesky(smooth + noise * eye)
    weights = scipy.linalg.cho_solve((L, True), y)
    value = -0.5 * y @ weights - np.sum(np.log(np.diagonal(L)))
    # d value = ½ sum((w wᵀ - K⁻¹) ∘ dK)
    by_k = np.outer(weights, weights) - scipy.linalg.cho_solve((L, True), eye)
    inner = by_k * smooth
    grads = (0.5 * np.sum(inner * gaps) / length, np.sum(inner), noise * np.trace(by_k))
    return value - HALF_LOG_2PI * len(y), np.array(grads)


def torch_solve(L, b):
    import torch

    return torch.linalg.solve_triangular(L, b[:, None], upper=False)[:, 0]


def jax_solve(L, b):
    import jax

    return jax.scipy.linalg.solve_triangular(L, b, lower=True)


def make(peer, params, data):
    own = {"jax": {"solve_lower": jax_solve}, "torch": {"solve_lower": torch_solve}}
    f = peer.bind(likelihood, **own)
    return peer.made(peer.value_and_grad(f), *(data[n] for n in ("logs", "gaps", "eye", "y")))


def hand(params, data):
    return by_hand(likelihood_by_hand, *(data[n] for n in ("logs", "gaps", "eye", "y")))


PEERS = dialects.table(make, hand)
