"""A Gaussian mixture's log posterior (ADBench): gradient by weights, means and covariances."""

import numpy as np
from scipy.special import gammaln

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

TINY = {"d": 3, "k": 2, "n": 5}
CASES = tuple(
    Case(f"d={d} K={k} n=1000", {"d": d, "k": k, "n": 1000}, tiny=TINY)
    for d, k in ((10, 25), (32, 25))
)
GAMMA, EXTRA = 1.0, 0  # the Wishart prior's scale and surplus degrees of freedom
NAMES = ("alpha", "mu", "q", "l", "x", "place")


def inputs(d, k, n, **_):
    """`l` holds each matrix's strictly lower columns in turn; `place` finds them in [0, *l]."""
    rng = np.random.default_rng(31337)
    place = np.zeros((d, d), int)
    place.T[np.triu_indices(d, 1)] = 1 + np.arange(d * (d - 1) // 2)
    return {
        "x": rng.normal(size=(n, d)),
        "alpha": rng.normal(size=k),
        "mu": rng.uniform(size=(k, d)),
        "q": rng.normal(size=(k, d)),
        "l": rng.normal(size=(k, d * (d - 1) // 2)),
        "place": place,
    }


def logsumexp(x):
    top = np.amax(x, axis=-1)
    return top + np.log(np.sum(np.exp(x - top[..., None]), axis=-1))


def lower(l, place):
    zero = 0.0 * l[:, :1]
    return np.concatenate([zero, l], axis=1)[:, place]


def posterior(alpha, mu, q, l, x, place):
    n, d = x.shape
    k, scales = mu.shape[0], np.exp(q)
    gaps = x[None] - mu[:, None]  # k n d
    # L (x - mu), one matrix product per component: the diagonal of Q is exp(q)
    residuals = gaps * scales[:, None] + gaps @ np.swapaxes(lower(l, place), 1, 2)
    sums = np.sum(q, axis=1)
    scores = (alpha + sums)[:, None] - 0.5 * np.sum(residuals * residuals, axis=2)
    prior = 0.5 * GAMMA**2 * (np.sum(scales * scales) + np.sum(l * l)) - EXTRA * np.sum(sums)
    return np.sum(logsumexp(scores.T)) - n * logsumexp(alpha) - prior + constant(n, d, k)


def constant(n, d, k):
    degrees = d + EXTRA + 1
    log_gamma = 0.25 * d * (d - 1) * LOG_PI + float(
        sum(gammaln(0.5 * (degrees - j)) for j in range(d))
    )
    wishart = degrees * d * (LOG_GAMMA - 0.5 * LOG_2) - log_gamma
    return -0.5 * n * d * (LOG_2 + LOG_PI) + k * wishart


LOG_PI, LOG_2, LOG_GAMMA = (float(value) for value in np.log([np.pi, 2.0, GAMMA]))


def gradient_by_hand(alpha, mu, q, l, x, place):
    k, scales = len(mu), np.exp(q)
    Q = np.concatenate([np.zeros((k, 1)), l], axis=1)[:, place]
    Q[:, range(len(place)), range(len(place))] = scales
    gaps = x[None] - mu[:, None]
    residuals = gaps @ np.swapaxes(Q, 1, 2)
    scores = (alpha + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(residuals**2, axis=2)
    shares = np.exp(scores - logsumexp(scores.T))
    weighted = shares[..., None] * residuals
    totals = np.sum(shares, axis=1)
    by_q = -np.swapaxes(weighted, 1, 2) @ gaps
    dq = np.diagonal(by_q, axis1=1, axis2=2) * scales + totals[:, None] + EXTRA
    rows, columns = np.nonzero(place)
    dl = np.empty_like(l)
    dl[:, place[rows, columns] - 1] = by_q[:, rows, columns]
    return (
        totals - len(x) * np.exp(alpha - logsumexp(alpha)),
        np.sum(weighted @ Q, axis=1),
        dq - GAMMA**2 * scales * scales,
        dl - GAMMA**2 * l,
    )


def make(peer, params, data):
    gradient = peer.grad(peer.bind(posterior), (0, 1, 2, 3))
    return peer.made(gradient, *(data[name] for name in NAMES))


def hand(params, data):
    return by_hand(gradient_by_hand, *(data[name] for name in NAMES))


PEERS = dialects.table(make, hand)
