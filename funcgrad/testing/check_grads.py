"""check_grads: are the derivatives of a function right?

Forward mode against central differences along random directions, reverse mode against forward
mode by the dot-product identity

    <ct, J t> = <J^T ct, t>

which has no step size, and the same again for the derivative itself up to the order asked for.
Five-point differences: f'(x) t ~ (8 (f(x+ht) - f(x-ht)) - (f(x+2ht) - f(x-2ht))) / 12 h, error
O(h^4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from funcgrad.errors import FuncgradError
from funcgrad.transforms.jvp import jvp
from funcgrad.transforms.tracing import name_of
from funcgrad.transforms.vjp import vjp
from funcgrad.tree import flatten, unflatten

__all__ = ["GradReport", "check_grads"]


class GradReport(NamedTuple):
    """The largest relative errors met: of forward mode, and of reverse against forward mode."""

    forward: float
    reverse: float


class WrongDerivativeError(FuncgradError, AssertionError):
    """A derivative that does not agree with differences, or a mode with the other."""


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("fwd", "rev"),
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    eps: float | None = None,
) -> GradReport:
    """Check the derivatives of ``f(*args)`` up to an order; returns the errors met.

    ``args`` may be any pytrees of floating-point arrays. The tolerance is relative to the
    largest entry: the square root of the dtype's precision (1.5e-8 for float64) unless given,
    plus what differences of two step widths disagree by, which bounds their own error. ``eps`` is
    the step of the differences; by default the fifth root of the precision.

    Raises an AssertionError that names the mode, the order and both numbers.

    >>> import numpy as np
    >>> from funcgrad.testing import check_grads
    >>> report = check_grads(lambda x: np.sin(x) * x, (np.array([0.3, 2.0]),))
    >>> report.forward < 1e-8 and report.reverse < 1e-12
    True
    """
    unknown = set(modes) - {"fwd", "rev"}
    if unknown:
        raise ValueError(f"check_grads: modes are 'fwd' and 'rev', not {sorted(unknown)}")
    rng = np.random.default_rng(seed)
    leaves, treedef = flatten(tuple(args))
    leaves = [np.asarray(x, dtype=np.result_type(np.asarray(x).dtype, np.float32)) for x in leaves]

    def flat(*xs: Any) -> Any:
        return flatten(f(*unflatten(treedef, list(xs))))[0]

    return _check(flat, name_of(f), leaves, 1, order, tuple(modes), rtol, atol, rng, eps)


def _check(
    f: Any, name: str, xs: list[Any], depth: int, order: int, modes: tuple[str, ...],
    rtol: float | None, atol: float | None, rng: Any, eps: float | None,
) -> GradReport:  # fmt: skip
    ts = [_direction(rng, x) for x in xs]
    value, slope = jvp(f, xs, ts)
    epsilon = max(_epsilon(xs))
    step = (epsilon**0.2 if eps is None else eps) * (1.0 if depth == 1 else 2.0)
    rtol = epsilon**0.5 if rtol is None else rtol
    forward = reverse = 0.0
    if "fwd" in modes:
        expected = _five_points(f, xs, ts, step)
        coarse = _five_points(f, xs, ts, 2 * step)  # their gap bounds the truncation error
        what = f"forward mode, order {depth}"
        forward = _compare(name, what, slope, expected, coarse, rtol, atol or 0.0)
    if "rev" in modes:
        reverse = _adjoint(f, name, xs, ts, value, slope, depth, rng)
    if depth < order:
        seeds = [_direction(rng, np.asarray(o)) for o in value]  # ones: many sums are constant

        def directional(*ys: Any) -> Any:
            return jvp(f, list(ys), ts)[1]

        def pulled(*ys: Any) -> Any:
            outs, pullback = vjp(f, *ys)
            return flatten(pullback(seeds))[0]

        deeper = [directional] if "fwd" in modes else []
        deeper += [pulled] if "rev" in modes else []
        for g in deeper:
            found = _check(g, name, xs, depth + 1, order, modes, rtol, atol, rng, eps)
            forward, reverse = max(forward, found.forward), max(reverse, found.reverse)
    return GradReport(forward, reverse)


def _epsilon(xs: list[Any]) -> list[float]:
    return [float(np.finfo(x.dtype).eps) for x in xs] or [1.0]


def _direction(rng: Any, x: Any) -> Any:
    t = rng.standard_normal(x.shape)
    if x.dtype.kind == "c":
        t = t + 1j * rng.standard_normal(x.shape)
    return np.asarray(t, dtype=x.dtype)


def _five_points(f: Any, xs: list[Any], ts: list[Any], h: float) -> list[Any]:
    def at(k: int) -> list[Any]:
        shifted = [x + x.dtype.type(k * h) * t for x, t in zip(xs, ts, strict=True)]
        return [np.asarray(o) for o in f(*shifted)]

    near = [a - b for a, b in zip(at(1), at(-1), strict=True)]
    far = [a - b for a, b in zip(at(2), at(-2), strict=True)]
    return [(8 * a - b) / (12 * h) for a, b in zip(near, far, strict=True)]


def _compare(
    name: str, what: str, found: Any, expected: Any, coarse: Any, rtol: float, atol: float
) -> float:
    worst = 0.0
    for i, (a, b, c) in enumerate(zip(found, expected, coarse, strict=True)):
        scale = max(_largest(b), 1.0)
        error = _largest(np.asarray(a) - b) / scale
        allowed = rtol + (atol + _largest(b - c)) / scale
        if not error <= allowed:
            raise WrongDerivativeError(
                f"check_grads: {name}, {what}, output {i}: {np.asarray(a)} against differences {b} "
                f"(relative error {error:.2g}, allowed {allowed:.2g})"
            )
        worst = max(worst, error)
    return worst


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0))


def _adjoint(
    f: Any, name: str, xs: Any, ts: Any, value: Any, slope: Any, depth: int, rng: Any
) -> float:
    """The two sides of <ct, J t> = <J^T ct, t>, for one random ct."""
    _, pullback = vjp(f, *xs)
    cts = [_direction(rng, np.asarray(v)) for v in value]
    back = flatten(pullback(cts))[0]
    left = sum(complex(np.sum(c * s)) for c, s in zip(cts, slope, strict=True))
    right = sum(complex(np.sum(b * t)) for b, t in zip(back, ts, strict=True))
    pairs = [*zip(cts, slope, strict=True), *zip(back, ts, strict=True)]
    size = sum(float(np.sum(np.abs(a * b))) for a, b in pairs)  # what may have cancelled
    error = abs(left - right) / max(size, 1e-30)
    if not error <= 1e4 * max(_epsilon(xs)):
        raise WrongDerivativeError(
            f"check_grads: {name}, reverse mode, order {depth}: <ct, J t> = {left} but "
            f"<J^T ct, t> = {right}"
        )
    return error
