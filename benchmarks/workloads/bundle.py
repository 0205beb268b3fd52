"""Bundle adjustment (ADBench): the 2 x 15 Jacobian block of every observation, by vmap."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

CASES = tuple(
    Case(f"jac{mode}, 31843 observations", {"mode": mode, "n": 31_843}, tiny={"n": 4})
    for mode in ("fwd", "rev")
)
INPUTS = 15  # a camera's eleven numbers, a point's three, the weight


def inputs(n, **_):
    """Cameras near the origin look at points in front of them."""
    rng = np.random.default_rng(31337)
    columns = (
        0.1 * rng.normal(size=(n, 3)),  # rotation vector
        rng.normal(size=(n, 3)),  # centre
        rng.uniform(400.0, 600.0, size=(n, 1)),  # focal length
        rng.normal(size=(n, 2)),  # principal point
        0.01 * rng.normal(size=(n, 2)),  # radial distortion
        rng.normal(size=(n, 3)) + [0.0, 0.0, 10.0],  # point
        rng.uniform(0.5, 1.0, size=(n, 1)),  # weight
    )
    return {"p": np.concatenate(columns, axis=1), "feature": rng.normal(size=(n, 2))}


def residual(p, feature):
    """Weight times (projection - feature), the components in front."""
    x, y, depth = rotated(p[0:3], p[11:14] - p[3:6])
    u, v = x / depth, y / depth
    square = u * u + v * v
    stretch = p[6] * (1.0 + p[9] * square + p[10] * square * square)
    return p[14] * (np.stack([stretch * u, stretch * v]) + p[7:9] - feature)


def rotated(r, x):
    """Rodrigues' formula; a rotation by nothing at all does not occur here."""
    angle = np.sqrt(r[0] * r[0] + r[1] * r[1] + r[2] * r[2])
    cosine, (a, b, c) = np.cos(angle), r / angle
    sine, along = np.sin(angle), (a * x[0] + b * x[1] + c * x[2]) * (1.0 - cosine)
    return (
        x[0] * cosine + (b * x[2] - c * x[1]) * sine + a * along,
        x[1] * cosine + (c * x[0] - a * x[2]) * sine + b * along,
        x[2] * cosine + (a * x[1] - b * x[0]) * sine + c * along,
    )


def jacobians_by_complex_step(p, feature):
    """Each column is the imaginary part of a tiny imaginary step: no digits cancel."""
    step, p, out = 1e-30, p.T.astype(complex), []
    for i in range(INPUTS):
        p[i] += 1j * step
        out.append(residual(p, feature.T).imag / step)
        p[i] = p[i].real
    return np.ascontiguousarray(np.array(out).transpose(2, 1, 0))


def jacobians_by_sums(peer):
    """Without a vmap: observations are independent, so a residual's sum has all their rows."""
    f = peer.bind(residual)
    rows = [peer.grad(lambda p, feature, i=i: f(p, feature)[i].sum()) for i in range(2)]
    stack = peer.bind(stacked)
    return lambda p, feature: stack([row(p.T, feature.T).T for row in rows])


def stacked(rows):
    return np.stack(rows, 1)


def make(peer, params, data):
    if peer.name == "autograd":
        function = jacobians_by_sums(peer)
    else:
        function = peer.jacobians(peer.bind(residual), params["mode"])
    return peer.made(function, data["p"], data["feature"])


def hand(params, data):
    return by_hand(jacobians_by_complex_step, data["p"], data["feature"])


PEERS = dialects.table(make, hand)
