"""k-means: the cost, and Newton's direction g / diag(H) by a Hessian-vector product with ones."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

TINY = {"k": 3, "n": 12, "d": 2}
CASES = tuple(
    Case(f"{what} k={k} n={n} d={d}", {"what": what, "k": k, "n": n, "d": d}, tiny=TINY)
    for k, n, d in ((10, 1_000, 8), (100, 10_000, 16))
    for what in ("cost", "direction")
)


def inputs(k, n, d, **_):
    points = np.random.default_rng(31337).uniform(size=(n, d))
    centroids = points[n - k :].copy()
    return {"C": centroids, "P": points, "ones": np.ones_like(centroids)}


def cost(C, P):
    """Squared distances by one matrix product: |p|² - 2 p·c + |c|²."""
    products = P @ C.T
    distances = np.sum(P * P, axis=1)[:, None] - 2.0 * products + np.sum(C * C, axis=1)
    return np.sum(np.amin(distances, axis=1))


def direction_by_hand(C, P, ones):
    """Each centroid's gradient is twice its points' offsets, its curvature twice their number."""
    nearest = np.argmin(np.sum(C * C, axis=1) - 2.0 * (P @ C.T), axis=1)
    sums = np.zeros_like(C)
    np.add.at(sums, nearest, P)
    return C - sums / np.bincount(nearest, minlength=len(C))[:, None]


def make(peer, params, data):
    f = peer.bind(cost)
    if params["what"] == "cost":
        return peer.made(f, data["C"], data["P"])
    both = peer.grad_and_hvp(f)

    def direction(C, P, ones):
        gradient, curvature = both(C, P, ones)
        return gradient / curvature

    return peer.made(direction, data["C"], data["P"], data["ones"])


def hand(params, data):
    if params["what"] == "cost":
        return by_hand(cost, data["C"], data["P"])
    return by_hand(direction_by_hand, data["C"], data["P"], data["ones"])


PEERS = dialects.table(make, hand)
