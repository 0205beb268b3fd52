"""What the machine can do: `python -m benchmarks.limits THREADS CORE ...` prints it as JSON.

* Bandwidth: 128 MiB of float64 are copied, read and written bytes counted, and the product of two
  such arrays is summed by BLAS, which only reads; the faster of the two, the best of several. Each
  thread has its own part. What stays in a cache can beat this limit.
* Peak: a matrix product of two float64 matrices of order 1024, by NumPy's BLAS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import numpy as np

from benchmarks.worker import pin

REPEATS = 7
ELEMENTS = 2**24
ORDER = 1024


def best_of(call: Callable, repeats: int = REPEATS) -> float:
    """The least seconds of several calls."""
    times = []
    for _ in range(repeats):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def bandwidth(threads: int, elements: int = ELEMENTS) -> float:
    """Bytes per second between memory and the cores; NumPy copies without Python's lock."""
    source, target = (
        np.ones((threads, elements // threads)),
        np.zeros((threads, elements // threads)),
    )
    with ThreadPoolExecutor(threads) as pool:
        copy = best_of(lambda: list(pool.map(np.copyto, target, source)))
        read = best_of(lambda: list(pool.map(np.dot, target, source)))
    return (source.nbytes + target.nbytes) / min(copy, read)


def peak(order: int = ORDER) -> float:
    """Additions and multiplications per second."""
    a = np.random.default_rng(0).normal(size=(order, order))
    out = np.empty_like(a)
    return 2.0 * order**3 / best_of(lambda: np.matmul(a, a, out=out))


def main(threads: int, *cores: int) -> None:
    """Measure on these cores and print."""
    pin(cores)
    print(json.dumps({"bytes": bandwidth(threads), "flops": peak()}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
