"""Heat on a 512 x 512 grid, 100 five-point steps: gradient by the first field and diffusivity."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand
from benchmarks.loops import scan

SIZES = {"n": 512, "steps": 100}
TINY = {"n": 6, "steps": 3}
FIELD = 8 * SIZES["n"] ** 2
# By the field alone nothing has to be kept, and two fields stay in a cache: in, out, once. By the
# diffusivity every step's field is kept: written on the way there, read on the way back.
CASES = (
    Case("by the field", {"by": (0,), **SIZES}, tiny=TINY, bytes=3 * FIELD),
    Case(
        "by the field and the diffusivity",
        {"by": (0, 1), **SIZES},
        tiny=TINY,
        bytes=(2 * SIZES["steps"] + 4) * FIELD,
    ),
)


def inputs(n, **_):
    rng = np.random.default_rng(31337)
    return {"u": rng.normal(size=(n, n)), "k": rng.uniform(0.05, 0.2, size=(n, n))}


def pad(u):
    return np.pad(u, 1, "constant")


def laplacian(u):
    """Cold outside: the edge's neighbours are zeros."""
    p = pad(u)
    return p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2] - 4.0 * u


def heat(u, k, steps):
    u, _ = scan(lambda u, _: (u + k * laplacian(u), None), u, length=steps)
    return np.sum(u * u)


def gradient_by_hand(u, k, steps):
    """By both: the Laplacian is its own transpose."""
    states = [u]
    for _ in range(steps):
        states.append(states[-1] + k * laplacian(states[-1]))
    du, dk = 2.0 * states[-1], np.zeros_like(k)
    for state in reversed(states[:-1]):
        dk += du * laplacian(state)
        du = du + laplacian(k * du)
    return du, dk


def field_gradient_by_hand(u, k, steps):
    for _ in range(steps):
        u = u + k * laplacian(u)
    du = 2.0 * u
    for _ in range(steps):
        du = du + laplacian(k * du)
    return (du,)


def torch_pad(u):
    """Padding and slices take half the time of a 3 x 3 convolution, or of additions in place."""
    import torch

    return torch.nn.functional.pad(u, (1, 1, 1, 1))


def make(peer, params, data):
    f, steps = peer.bind(heat, torch={"pad": torch_pad}), params["steps"]
    gradient = peer.grad(lambda u, k: f(u, k, steps), tuple(params["by"]))
    return peer.made(gradient, data["u"], data["k"])


def hand(params, data):
    function = gradient_by_hand if len(params["by"]) == 2 else field_gradient_by_hand
    return by_hand(lambda u, k: function(u, k, params["steps"]), data["u"], data["k"])


PEERS = dialects.table(make, hand)
