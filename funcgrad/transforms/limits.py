"""Derivatives at multiple eigenvalues: limits of derivatives next to them.

A program that divided by the difference of two equal values is run again, whole, at matrices whose
values are drawn apart (``ops/splitting.py``). Its outputs g are smooth in how far, t, if they do
not depend on the basis of the space, and

    g(0) = sum_k l_k(0) g(t_k)      l_k(t) = prod_(j != k) (t - t_j) / (t_k - t_j)

over Chebyshev's points t_k, right to their order (Trefethen, Approximation Theory and
Approximation Practice, chapters 4 and 8). Two things are asked of it: that some of the points are
foretold by the others, for 1/t is not, and that another basis, chosen at random, has the same
limit. What fails that has no derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.backends.program import run_by_numpy
from funcgrad.errors import DegenerateError
from funcgrad.ir.jaxpr import Jaxpr, effects, jaxprs_in
from funcgrad.ops.splitting import Sample, state
from funcgrad.trace.core import namespace

__all__ = ["met_multiple_values", "needs_limits", "with_limits"]

_POINTS = np.cos((2 * np.arange(16) + 1) * np.pi / 32)
_SHARES = (0.25, 0.03, 0.003, 0.0003)  # of the distance to the next value


def needs_limits(jaxpr: Jaxpr) -> bool:
    """Whether a program divides by differences of eigenvalues or singular values."""
    return jaxpr.derive("limits", lambda: any(  # type: ignore[no-any-return]
        eqn.prim.name == "resolve" or any(map(needs_limits, jaxprs_in(eqn.params)))
        for eqn in jaxpr.eqns))  # fmt: skip


def with_limits(
    outs: Callable[[], Sequence[Any]], whole: Jaxpr, values: Sequence[Any]
) -> Sequence[Any]:
    """``outs()``, or where that divides by zero, what the whole program tends to.

    ``whole`` computes from ``values`` what ``outs`` returns, the decompositions included. Raises
    DegenerateError where there is no limit; gives NaN if ``config.degenerate`` says so. Programs on
    a device, or with effects, are not run again: they have no limits.
    """
    state.met, state.tied = "", False
    found = list(outs())
    who = state.met
    if not who and not state.tied:
        return found
    lost = [_lost(x) if who else None for x in found]
    if any(namespace(x) is not np for x in values) or effects(whole):
        return _checked(found, who, lost)
    doubtful = _marked(outs) if state.tied else lost
    limits = _limits(lambda: run_by_numpy(whole, values), doubtful)
    return _checked(
        [x if y is None else _like(x, on, y)
         for x, on, y in zip(found, doubtful, limits, strict=True)],
        who, [on if y is None else None for on, y in zip(lost, limits, strict=True)],
    )  # fmt: skip


def _marked(outs: Callable[[], Sequence[Any]]) -> list[Any]:
    """Where each output rests on the convention for ties, or is no number anyhow."""
    state.marks = True
    try:
        return [_lost(x) for x in outs()]
    finally:
        state.marks = False


def _checked(found: list[Any], who: str, lost: list[Any]) -> list[Any]:
    """The outputs; an error where some are lost for good."""
    if config.degenerate == "nan" or not any(on is not None for on in lost):
        return found
    raise DegenerateError(
        f"{who}: two values coincide (or one is 0), and the result depends on which vectors are "
        "chosen for them; these are no smooth function of the matrix and have no derivative. "
        "Leave them out (v[:, -3:]), use what does not depend on the choice (v @ v.T of all of "
        'them, a function of the whole matrix), or set funcgrad.config.degenerate = "nan"'
    )


def met_multiple_values(found: Sequence[Any]) -> bool:
    """Whether these outputs of a program that has just run may be limits instead."""
    who, tied = state.met, state.tied
    state.met, state.tied = "", False
    return tied or (bool(who) and any(_lost(x) is not None for x in found))


def _lost(x: Any) -> Any:
    """Where an output is not a number, or None."""
    xp = namespace(x)
    x = xp.asarray(x)
    if x.dtype.kind not in "fc":
        return None
    on = xp.isnan(x)
    return on if on.any() else None


def _like(x: Any, on: Any, y: Any) -> Any:
    """x with the numbers y where it has none."""
    made = np.where(on, y, x)
    return made if isinstance(x, np.ndarray) else type(x)(made)


def _limits(run: Callable[[], Sequence[Any]], doubtful: list[Any]) -> list[Any]:
    """The limits of the outputs that are in doubt; None for others, and where there is none."""
    limits: list[Any] = [None] * len(doubtful)
    for share in _SHARES:
        left = [i for i, on in enumerate(doubtful) if on is not None and limits[i] is None]
        if not left:
            break
        state.peak, state.met = 0.0, ""
        bases = [_sampled(run, share, seed) for seed in (1, 2)]
        if state.met:  # some values cannot be drawn apart
            break
        for i in left:
            limits[i] = _limit([np.stack(b[i]) for b in bases], doubtful[i])
    return limits


def _sampled(run: Callable[[], Sequence[Any]], share: float, seed: int) -> list[list[Any]]:
    """Every output at all points, in one basis."""
    try:
        samples = []
        for point in _POINTS:
            state.sample = Sample(share * point, seed)
            samples.append([np.asarray(x) for x in run()])
        return list(map(list, zip(*samples, strict=True)))
    finally:
        state.sample = None


def _limit(samples: list[Any], on: Any) -> Any:
    """The limit of one output, sampled in two bases; None where it has none. What is no number at
    any point has other reasons for it, and stays that."""
    dtype, never = samples[0].dtype, np.isnan(samples).all(axis=(0, 1))
    samples = [np.where(never, 0, x) for x in samples]
    eps = float(np.finfo(dtype).eps)
    bound = eps**0.55 * np.max(np.abs(samples), initial=0.0) + 1e3 * eps * state.peak
    y, z = (np.tensordot(_AT_ZERO, x, 1) for x in samples)
    errors = [np.abs(np.tensordot(_FORETELLING, x[_KEPT], 1) - x[_LEFT]) for x in samples]
    agree = all(np.all(e[..., on] <= bound) for e in (*errors, np.abs(y - z)))  # NaN does not
    return np.where(never, np.nan, (y + z) / 2).astype(dtype) if agree else None


def _weights(at: Any, points: Any) -> Any:
    """l_k at the places ``at``: (places, points)."""
    gaps = points[:, None] - points + np.eye(len(points))
    factors = (at[:, None, None] - points) / gaps
    factors[:, np.arange(len(points)), np.arange(len(points))] = 1.0
    return factors.prod(axis=2)


_LEFT = np.array([3, 6, 9, 12])  # points that the others have to foretell
_KEPT = np.setdiff1d(np.arange(len(_POINTS)), _LEFT)
_AT_ZERO = _weights(np.zeros(1), _POINTS)[0]
_FORETELLING = _weights(_POINTS[_LEFT], _POINTS[_KEPT])
