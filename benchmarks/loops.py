"""Loops for the peers that have none: what `scan` does, step by step, in Python.

Rebound like the workloads, so that the stacking is done by the peer.
"""

import numpy as np


def scan(f, init, xs=None, length=None):
    """`(carry, ys)` after `carry, y = f(carry, x)` for every x; each y is an array or None."""
    carry, ys = init, []
    for x in (None for _ in range(length)) if xs is None else xs:
        carry, y = f(carry, x)
        ys.append(y)
    return carry, None if not ys or ys[0] is None else np.stack(ys)
