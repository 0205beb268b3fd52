"""Multiple eigenvalues and singular values drawn apart by a little, each space in a new basis.

Where values coincide, the formulas for the derivatives of their vectors divide by zero. What does
not depend on the basis has a derivative there all the same: the limit of the same formulas as the
values are drawn apart along their own vectors, A + V diag(dw) V^H. While ``state.sample`` is set,
decompositions answer for such a matrix next to theirs; ``transforms/limits.py`` does the rest.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Sample",
    "split_eig",
    "split_eigh",
    "split_svd",
    "state",
    "tolerance",
    "turned_rest",
]


class Sample(NamedTuple):
    """How far values are drawn apart, as a share of the room they have, and which bases to take."""

    step: float
    seed: int


class _State(threading.local):
    met: str = ""  # the decomposition that met a multiple value whose vectors matter
    tied: bool = False  # slopes of equal values were averaged, or those of zeros dropped
    marks: bool = False  # write NaN instead: what becomes NaN depends on that
    sample: Sample | None = None
    peak: float = 0.0  # the largest quotient while sampling: its rounding is the noise


state = _State()


def tolerance(w: Any, xp: Any = np) -> Any:
    """Differences between the values w (…, n) of a matrix that are rounding alone: (…,)."""
    largest = xp.abs(w).max(axis=-1, initial=0.0)
    return largest * largest.dtype.type(8 * w.shape[-1] * np.finfo(w.dtype).eps)


def split_eigh(w: Any, v: Any) -> tuple[Any, Any]:
    """Of a Hermitian matrix (…, n, n): values (…, n), vectors in columns."""
    return _each(_split_hermitian, w, v)


def split_eig(w: Any, v: Any) -> tuple[Any, Any]:
    """Of any matrix; columns keep LAPACK's length 1 and largest component real."""
    return _each(_split_general, w, v)


def split_svd(u: Any, s: Any, vh: Any) -> tuple[Any, Any, Any]:
    """Singular values that are 0 are moved too, and the bases of what is left over are turned."""
    return _each(_split_singular, u, s, vh)


def turned_rest(q: Any, k: int) -> Any:
    """The columns of q behind the first k, which complete a basis, in another basis."""

    def turn(rng: Any, q: Any) -> None:
        q[:, k:] = q[:, k:] @ _turn(rng, q.shape[1] - k, q.dtype)

    return _each(turn, q)[0]


def _each(split: Any, *arrays: Any) -> Any:
    """Copies of (…, m, n) and (…, n), split matrix by matrix in place."""
    assert state.sample is not None
    out = [np.array(x) for x in arrays]
    lead = max((x.shape for x in out), key=len)[:-2]
    for k in np.ndindex(*lead):
        split(np.random.default_rng((state.sample.seed, *k)), *[x[k] for x in out])
    return tuple(out)


def _split_hermitian(rng: Any, w: Any, v: Any) -> None:
    for space, moves in _spaces(w):
        v[:, space] = v[:, space] @ _turn(rng, len(space), v.dtype)
        w[space] += moves


def _split_general(rng: Any, w: Any, v: Any) -> None:
    for space, moves in _spaces(w):
        turned = v[:, space] @ _turn(rng, len(space), v.dtype)
        turned /= np.linalg.norm(turned, axis=0)
        top = np.abs(turned).argmax(axis=0), np.arange(len(space))
        size = np.abs(turned[top])
        turned *= turned[top].conj() / size
        turned[top] = size
        v[:, space] = turned
        w[space] += moves


def _split_singular(rng: Any, u: Any, s: Any, vh: Any) -> None:
    k, zeros = len(s), np.flatnonzero(s <= tolerance(s))
    rise = _step() * _room(s, zeros) * np.arange(1, len(zeros) + 1) / max(len(zeros), 1)
    for space, moves in _spaces(s):
        if space[-1] in zeros:
            continue
        turn = _turn(rng, len(space), u.dtype)
        u[:, space] = u[:, space] @ turn
        vh[space] = turn.conj().T @ vh[space]
        s[space] += moves
    s[zeros] = rise
    for free in (zeros, np.arange(k, u.shape[1])):
        u[:, free] = u[:, free] @ _turn(rng, len(free), u.dtype)
    for free in (zeros, np.arange(k, len(vh))):
        vh[free] = _turn(rng, len(free), u.dtype) @ vh[free]


def _spaces(w: Any) -> list[tuple[Any, Any]]:
    """For each value that is there more than once, its places and how far each is moved: all
    differently, and not at all on average."""
    first = (np.abs(w[:, None] - w) <= tolerance(w)).argmax(axis=1)
    spaces = [np.flatnonzero(first == i) for i in range(len(w))]
    return [(space, _step() * _room(w, space) * np.linspace(-1, 1, len(space)))
            for space in spaces if len(space) > 1]  # fmt: skip


def _step() -> float:
    assert state.sample is not None
    return state.sample.step


def _room(w: Any, space: Any) -> Any:
    """Half the distance to the nearest other value, and to 0; 1 for the zero matrix."""
    here = w[space[:1]]
    far = np.abs(np.concatenate([np.delete(w, space) - here, here])) if len(space) else w[:0]
    far = far[far > tolerance(w)]
    return far.min() / 2 if far.size else w.real.dtype.type(1)


def _turn(rng: Any, m: int, dtype: Any) -> Any:
    """A random orthogonal (for complex vectors unitary) matrix."""
    x = rng.normal(size=(m, m))
    if dtype.kind == "c":
        x = x + 1j * rng.normal(size=(m, m))
    return np.linalg.qr(x)[0].astype(dtype)
