"""LSTMs by scan: ADBench's with diagonal weights, and a dense one; gradient by their weights."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand
from benchmarks.loops import scan

CASES = (
    Case(
        "diagonal l=2 c=1024 b=14",
        {"kind": "diagonal", "l": 2, "c": 1024, "b": 14},
        tiny={"c": 5, "b": 3},
    ),
    Case(
        "dense T=100 hidden=64 batch=16",
        {"kind": "dense", "steps": 100, "hidden": 64, "batch": 16},
        tiny={"steps": 4, "hidden": 3, "batch": 2},
    ),
)


def inputs(kind, **params):
    rng = np.random.default_rng(31337)
    return (diagonal_inputs if kind == "diagonal" else dense_inputs)(rng, **params)


def diagonal_inputs(rng, l, c, b, **_):
    """`main` has each layer's four weights and four biases, `extra` those around the layers."""
    return {
        "main": rng.normal(size=(l, 8, b)),
        "extra": rng.normal(size=(3, b)),
        "state": rng.normal(size=(l, 2, b)),
        "sequence": rng.integers(2, size=(c, b)).astype(float),
    }


def dense_inputs(rng, steps, hidden, batch, **_):
    scale = 1.0 / np.sqrt(hidden)
    return {
        "W": scale * rng.normal(size=(hidden, 4 * hidden)),
        "U": scale * rng.normal(size=(hidden, 4 * hidden)),
        "bias": scale * rng.normal(size=4 * hidden),
        "x": rng.normal(size=(steps, batch, hidden)),
    }


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


# ---- diagonal weights: forget and output gates see the input, the other two the hidden state ----


def diagonal_cell(w, x, h, c):
    forget, into = sigmoid(x * w[0] + w[4]), sigmoid(h * w[1] + w[5])
    out, change = sigmoid(x * w[2] + w[6]), np.tanh(h * w[3] + w[7])
    c = c * forget + into * change
    return out * np.tanh(c), c


def diagonal(main, extra, state, sequence):
    layers = range(len(main))

    def step(carry, x):
        x, new = x * extra[0], []
        for i in layers:
            x, c = diagonal_cell(main[i], x, *carry[i])
            new.append((x, c))
        return tuple(new), x * extra[1] + extra[2]

    start = tuple((state[i][0], state[i][1]) for i in layers)
    _, guesses = scan(step, start, sequence[:-1])
    sums = np.log(np.sum(np.exp(guesses), axis=1) + 2.0)
    return -np.mean(sequence[1:] * (guesses - sums[:, None]))


def diagonal_cell_back(w, dw, x, h, c, dh, dc):
    """Cotangents of a cell's results, back to its arguments; the weights' are added to dw."""
    forget, into = sigmoid(x * w[0] + w[4]), sigmoid(h * w[1] + w[5])
    out, change = sigmoid(x * w[2] + w[6]), np.tanh(h * w[3] + w[7])
    top = np.tanh(c * forget + into * change)
    dc = dc + dh * out * (1.0 - top * top)
    gates = (
        dc * c * forget * (1.0 - forget),
        dc * change * into * (1.0 - into),
        dh * top * out * (1.0 - out),
        dc * into * (1.0 - change * change),
    )
    for i, (d, seen) in enumerate(zip(gates, (x, h, x, h))):
        dw[i] += d * seen
        dw[4 + i] += d
    return gates[0] * w[0] + gates[2] * w[2], gates[1] * w[1] + gates[3] * w[3], dc * forget


def diagonal_forward(main, extra, state, sequence):
    """What each cell is given at each step, the last layer's results, and what it guesses."""
    carry, given, tops = [tuple(each) for each in state], [], []
    for x in sequence[:-1]:
        x, here = x * extra[0], []
        for i, w in enumerate(main):
            here.append((x, *carry[i]))
            x, c = diagonal_cell(w, *here[-1])
            carry[i] = (x, c)
        given.append(here)
        tops.append(x)
    tops = np.array(tops)
    return given, tops, tops * extra[1] + extra[2]


def diagonal_by_hand(main, extra, state, sequence):
    given, tops, guesses = diagonal_forward(main, extra, state, sequence)
    e, gold = np.exp(guesses), sequence[1:]
    share = e / (np.sum(e, axis=1, keepdims=True) + 2.0)
    dguess = (np.sum(gold, axis=1, keepdims=True) * share - gold) / gold.size
    dmain, dextra = np.zeros_like(main), np.zeros_like(extra)
    dextra[1], dextra[2] = np.sum(dguess * tops, axis=0), np.sum(dguess, axis=0)
    later = [(0.0, 0.0)] * len(main)
    for t in reversed(range(len(given))):
        dx = dguess[t] * extra[1]
        for i in reversed(range(len(main))):
            dh, dc = later[i]
            dx, *later[i] = diagonal_cell_back(main[i], dmain[i], *given[t][i], dx + dh, dc)
        dextra[0] += dx * sequence[t]
    return dmain, dextra


# ---- dense weights: the gates in, forget, change, out side by side ----


def cell(z, c):
    n = c.shape[-1]
    into, forget = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
    change, out = np.tanh(z[:, 2 * n : 3 * n]), sigmoid(z[:, 3 * n :])
    c = forget * c + into * change
    return out * np.tanh(c), c


def dense(W, U, bias, x):
    """The mean square of all hidden states; the inputs' part of the gates is one product."""
    zero = np.zeros_like(x[0])

    def step(carry, z):
        h, c = cell(z + carry[0] @ U, carry[1])
        return (h, c), h

    _, hs = scan(step, (zero, zero), x @ W + bias)
    return np.mean(hs * hs)


def cell_back(z, c, dh, dc):
    n = c.shape[-1]
    into, forget = sigmoid(z[:, :n]), sigmoid(z[:, n : 2 * n])
    change, out = np.tanh(z[:, 2 * n : 3 * n]), sigmoid(z[:, 3 * n :])
    top = np.tanh(forget * c + into * change)
    dc = dc + dh * out * (1.0 - top * top)
    gates = (
        dc * change * into * (1.0 - into),
        dc * c * forget * (1.0 - forget),
        dc * into * (1.0 - change * change),
        dh * top * out * (1.0 - out),
    )
    return np.concatenate(gates, axis=1), dc * forget


def dense_by_hand(W, U, bias, x):
    steps, zx = len(x), x @ W + bias
    hs, cs, zs = np.zeros((steps + 1, *x[0].shape)), [np.zeros_like(x[0])], []
    for t in range(steps):
        zs.append(zx[t] + hs[t] @ U)
        hs[t + 1], c = cell(zs[t], cs[t])
        cs.append(c)
    dh, dc, dz = np.zeros_like(x[0]), 0.0, np.empty_like(zx)
    for t in reversed(range(steps)):
        dz[t], dc = cell_back(zs[t], cs[t], dh + 2.0 * hs[t + 1] / x.size, dc)
        dh = dz[t] @ U.T
    flat = dz.reshape(-1, dz.shape[-1])
    dw, du = (each.reshape(-1, x.shape[-1]).T @ flat for each in (x, hs[:-1]))
    return dw, du, np.sum(flat, axis=0)


def torch_dense(W, U, bias, x):
    """PyTorch's own LSTM runs all steps in one call, in 0.6 of the time of the loop in Python."""
    import torch

    zero = torch.zeros_like(x[:1])
    weights = [W.T, U.T, bias, torch.zeros_like(bias)]
    out, _, _ = torch.lstm(x, (zero, zero), weights, True, 1, 0.0, True, False, False)
    return torch.mean(out * out)


KINDS = {
    "diagonal": (diagonal, diagonal_by_hand, ("main", "extra", "state", "sequence"), (0, 1)),
    "dense": (dense, dense_by_hand, ("W", "U", "bias", "x"), (0, 1, 2)),
}


def make(peer, params, data):
    function, _, names, argnums = KINDS[params["kind"]]
    own = peer.name == "torch" and params["kind"] == "dense"
    gradient = peer.grad(torch_dense if own else peer.bind(function), argnums)
    return peer.made(gradient, *(data[name] for name in names))


def hand(params, data):
    _, function, names, _ = KINDS[params["kind"]]
    return by_hand(function, *(data[name] for name in names))


PEERS = dialects.table(make, hand)
