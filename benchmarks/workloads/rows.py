"""Rows of 4096 x 1024 float32 numbers: logsumexp, softmax, layernorm; forward, and with a vjp."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

SIZES = {"n": 4096, "d": 1024}
ARRAY = 4 * SIZES["n"] * SIZES["d"]
# What must cross the memory bus at least, in arrays: x in, y out; then also ct in and dx out.
ARRAYS = {"logsumexp": (1, 2), "softmax": (2, 4), "layernorm": (2, 4)}
TINY = {"n": 6, "d": 5}


def _case(what, back):
    name = f"{what}, {'forward and vjp' if back else 'forward'}"
    params = {"what": what, "back": back, **SIZES}
    return Case(name, params, tiny=TINY, rtol=3e-5, bytes=ARRAY * ARRAYS[what][back])


CASES = tuple(_case(what, back) for what in ARRAYS for back in (False, True))
EPS = 1e-5


def inputs(n, d, what, **_):
    rng = np.random.default_rng(31337)
    draws = {
        "x": rng.normal(size=(n, d)),
        "gain": rng.uniform(0.5, 1.5, size=d),
        "bias": rng.normal(size=d),
        "ct": rng.normal(size=n if what == "logsumexp" else (n, d)),
    }
    return {name: array.astype(np.float32) for name, array in draws.items()}


def logsumexp(x):
    top = np.amax(x, axis=1, keepdims=True)  # PyTorch's max also returns where it is
    return np.log(np.sum(np.exp(x - top), axis=1)) + top[:, 0]


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def layernorm(x, gain, bias):
    centred = x - np.mean(x, axis=1, keepdims=True)
    variance = np.mean(centred * centred, axis=1, keepdims=True)
    return centred / np.sqrt(variance + EPS) * gain + bias


FUNCTIONS = {"logsumexp": logsumexp, "softmax": softmax, "layernorm": layernorm}


def logsumexp_back(x, ct):
    shifted = np.exp(x - np.max(x, axis=1, keepdims=True))
    total = np.sum(shifted, axis=1, keepdims=True)
    shifted *= ct[:, None] / total
    return logsumexp(x), (shifted,)


def softmax_back(x, ct):
    y = softmax(x)
    return y, (y * (ct - np.sum(ct * y, axis=1, keepdims=True)),)


def layernorm_back(x, gain, bias, ct):
    centred = x - np.mean(x, axis=1, keepdims=True)
    scale = 1.0 / np.sqrt(np.mean(centred * centred, axis=1, keepdims=True) + np.float32(EPS))
    unit = centred * scale
    dunit = ct * gain
    along = np.mean(dunit * unit, axis=1, keepdims=True)
    dx = scale * (dunit - np.mean(dunit, axis=1, keepdims=True) - unit * along)
    return unit * gain + bias, (dx, np.sum(ct * unit, axis=0), np.sum(ct, axis=0))


BACK = {"logsumexp": logsumexp_back, "softmax": softmax_back, "layernorm": layernorm_back}


def arguments(params, data):
    names = ("x", "gain", "bias") if params["what"] == "layernorm" else ("x",)
    return tuple(data[name] for name in (*names, *(("ct",) if params["back"] else ())))


def torch_logsumexp(x):
    """Differentiated in a third of torch.logsumexp's time: nothing goes back through the top."""
    import torch

    top = torch.amax(x.detach(), 1, keepdim=True)
    return torch.log(torch.sum(torch.exp(x - top), 1)) + top[:, 0]


def own(peer, what, back):
    """The peer's own function where it has one, which its users take."""
    if peer.name == "torch":
        import torch

        return {
            "logsumexp": torch_logsumexp if back else lambda x: torch.logsumexp(x, 1),
            "softmax": lambda x: torch.softmax(x, 1),
            "layernorm": lambda x, g, b: torch.nn.functional.layer_norm(x, g.shape, g, b, EPS),
        }[what]
    if peer.name == "jax" and what != "layernorm":
        import jax

        return lambda x: getattr(jax.nn, what)(x, axis=1)
    return peer.bind(FUNCTIONS[what])


def make(peer, params, data):
    function, args = own(peer, params["what"], params["back"]), arguments(params, data)
    return peer.made(peer.vjp(function, len(args) - 1) if params["back"] else function, *args)


def hand(params, data):
    functions = BACK if params["back"] else FUNCTIONS
    return by_hand(functions[params["what"]], *arguments(params, data))


PEERS = dialects.table(make, hand)
