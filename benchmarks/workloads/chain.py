"""Thirty cheap elementwise operations on a million numbers: memory traffic, fused or not."""

import contextlib
import ctypes
import gc
import tracemalloc
from pathlib import Path

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

N = {"n": 1_000_000}
TINY = {"n": 17}
CASES = (
    Case("value", {"what": "value", **N}, tiny=TINY, bytes=8 * N["n"]),
    Case("gradient", {"what": "gradient", **N}, tiny=TINY, bytes=2 * 8 * N["n"]),
    Case("gradient: peak memory", {"what": "gradient", **N}, tiny=TINY, unit="MB above the inputs"),
)
ROUNDS = 5


def inputs(n, **_):
    return {"x": np.random.default_rng(31337).normal(size=n)}


def chain(x):
    y = x
    for _ in range(ROUNDS):  # six operations a round
        y = 0.9 * (y / np.sqrt(1.0 + y * y)) + x
    return np.sum(y)


def gradient_by_hand(x):
    states, y = [], x
    for _ in range(ROUNDS):
        root = 1.0 + y * y
        np.sqrt(root, out=root)
        states.append(root)
        y = 0.9 * (y / root) + x
    ct = np.ones_like(x)
    dx = np.zeros_like(x)
    for root in reversed(states):  # d/dy of y / sqrt(1 + y²) is (1 + y²)^(-3/2)
        dx += ct
        ct *= 0.9
        ct /= root * root * root
    return dx + ct


def with_funcgrad(params, data):
    import funcgrad

    function = chain if params["what"] == "value" else funcgrad.grad(chain)
    return peers.funcgrad_made(function, data["x"])


def with_jax(params, data):
    import jax

    f = peers.rebind(chain, jax.numpy)
    return peers.jax_made(f if params["what"] == "value" else jax.grad(f), data["x"])


def with_torch(params, data):
    import torch

    f = peers.rebind(chain, torch)
    return peers.torch_made(f if params["what"] == "value" else peers.torch_grad(f), data["x"])


def with_autograd(params, data):
    import autograd

    f = peers.rebind(chain, autograd.numpy)
    return peers.eager_made(f if params["what"] == "value" else autograd.grad(f), data["x"])


def hand(params, data):
    return by_hand(chain if params["what"] == "value" else gradient_by_hand, data["x"])


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}


def resident_peak():
    """The process's highest resident memory so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def give_back():
    """Return freed memory to the system: what the allocator keeps would hide the next call's."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only glibc has malloc_trim
        ctypes.CDLL(None).malloc_trim(0)


def peak_bytes(call, args, wait):
    """What one warm call adds at its peak: by the kernel's count, else by Python's.

    Linux can restart the count of the highest resident memory, which sees every allocator;
    elsewhere tracemalloc has to do, which sees NumPy's arrays alone.
    """
    give_back()
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
        before = resident_peak()
        wait(call(*args))
        return resident_peak() - before
    tracemalloc.start()
    wait(call(*args))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def memory_of(make):
    """The figure of a peer: its fastest mode, after a first call that compiles."""

    def figure(params, data):
        made = make(params, data)
        call, wait = made.jitted or made.unjitted, made.wait or (lambda out: None)
        wait(call(*made.args))
        return peak_bytes(call, made.args, wait) / 1e6

    return figure


FIGURES = {peer: memory_of(make) for peer, make in PEERS.items()}
