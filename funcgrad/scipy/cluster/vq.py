"""``scipy.cluster.vq`` for differentiable code: the nearest of a few centres.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy.cluster.vq import vq
>>> centres = np.array([[0.0], [10.0]])
>>> grad(lambda c: np.sum(vq(np.array([[1.0], [7.0]]), c)[1]))(centres)
array([[-1.],
       [ 1.]])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.scipy.plain import alike, missing, scipys
from funcgrad.scipy.spatial.distance import cdist

__all__ = ["vq", "whiten"]

_scipys = scipys("scipy.cluster.vq")


@_scipys
def vq(obs: Any, code_book: Any, check_finite: bool = True) -> Any:
    """(index of the nearest centre, distance to it) of each row of ``obs`` (m, d); centres (k, d).

    The distance is differentiable where the nearest centre is one alone; the first of several
    counts.
    """
    obs, code_book = alike(obs, code_book)
    if obs.ndim == 1:
        obs, code_book = obs[:, None], code_book.reshape((-1, 1))
    far = cdist(obs, code_book)
    nearest = np.argmin(far, axis=1)
    return nearest, far[np.arange(far.shape[0]), nearest]


@_scipys
def whiten(obs: Any, check_finite: bool = True) -> Any:
    """Columns divided by their standard deviation; those without any stay as they are."""
    (obs,) = alike(obs)
    spread = np.std(obs, axis=0)
    return obs / np.where(spread == 0, 1.0, spread)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.cluster.vq", name)
