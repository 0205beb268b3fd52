"""Random draws by key: a million normal numbers at once, and a walk that draws in every step.

JAX's generator makes the same bits, so that the two can be compared, and NumPy code makes them by
hand; PyTorch's and autograd's numbers are others.
"""

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

OTHER = dict.fromkeys(("torch", "autograd"), "its random numbers are others")
N, STEPS = 1_000_000, 10_000
CASES = (
    Case("a million normals", {"what": "normals", "n": N}, tiny={"n": 17}, skip=OTHER, bytes=8 * N),
    Case("a walk", {"what": "walk", "n": STEPS}, tiny={"n": 17}, skip=OTHER),
)


def inputs(**_):
    return {"key": np.array([0, 31337], np.uint32)}


def program(random, scan, what, n):
    """The case as a function of a key, in a peer's words."""

    def walk(key):
        def step(x, i):
            return x + random.normal(random.fold_in(key, i)), None

        return scan(step, 0.0, np.arange(n))[0]

    return walk if what == "walk" else lambda key: random.normal(key, (n,))


def with_funcgrad(params, data):
    import funcgrad

    funcgrad.config.key_reuse = "ignore"  # every call draws with the same key
    f = program(funcgrad.random, funcgrad.scan, params["what"], params["n"])
    return peers.funcgrad_made(f, data["key"])


def with_jax(params, data):
    import jax

    jax.config.update("jax_threefry_partitionable", True)
    f = program(jax.random, jax.lax.scan, params["what"], params["n"])
    return peers.jax_made(f, data["key"])


def block(k0, k1, low):
    """Threefry-2x32 of the counters (0, low)."""
    keys = (k0, k1, k0 ^ k1 ^ np.uint32(0x1BD11BDA))
    x0, x1 = keys[0] + np.zeros_like(low), low + keys[1]
    for i in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
            x0 = x0 + x1
            x1 = (x1 << r | x1 >> (32 - r)) ^ x0
        x0, x1 = x0 + keys[(i + 1) % 3], x1 + keys[(i + 2) % 3] + np.uint32(i + 1)
    return x0, x1


def normals_by_hand(k0, k1, low):
    from scipy.special import erfinv

    x0, x1 = block(k0, k1, low)
    u = (x0.astype(np.uint64) << np.uint64(32) | x1) >> np.uint64(12)
    least = np.nextafter(-1.0, 0.0)
    return np.sqrt(2.0) * erfinv(np.maximum(least, u * 2.0**-52 * (1.0 - least) + least))


def hand(params, data):
    def draw(key):
        counts = np.arange(params["n"], dtype=np.uint32)
        k0, k1 = key[:1], key[1:]
        if params["what"] == "normals":
            return normals_by_hand(k0, k1, counts)
        return np.sum(normals_by_hand(*block(k0, k1, counts), np.zeros_like(counts)))

    return by_hand(draw, data["key"])


PEERS = {"funcgrad": with_funcgrad, "jax": with_jax, "numpy": hand}
