"""Methods for y' = f(t, y): explicit Runge-Kutta of two orders, and implicit Radau IIA.

k_i = f(t + c_i h, y + h sum_j a_ij k_j)      y_new = y + h sum_i b_i k_i
y(t + s h) = y + h sum_i k_i (p_i1 s + p_i2 s^2 + …)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from funcgrad.control.while_loop import fori_loop
from funcgrad.transforms.jacobian import jacfwd
from funcgrad.transforms.stop_gradient import stop_gradient

__all__ = ["RK23", "RK45", "Attempt", "Radau", "rms", "shortest", "step", "weighed"]

Slope = Callable[[Any, Any], Any]


class Attempt(NamedTuple):
    """One step: y and the slope at its end, y at shares of it, whether it was found.

    ``error(scale, norm)`` is the size of its error, a number; no derivative is asked of it.
    """

    new: Any
    slope: Any
    error: Callable[[Any, Any], Any]
    dense: Callable[[Any], Any]
    found: Any


class Tableau(NamedTuple):
    """Coefficients; e: the error's, p: those of the dense output; order: of the error."""

    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    e: tuple[float, ...]
    p: Any
    order: int

    @property
    def cost(self) -> int:
        """Slopes asked for in a step."""
        return len(self.b)

    def attempt(self, f: Slope, t: Any, y: Any, k: Any, h: Any, tol: Any) -> Attempt:
        """A step of length h from y, where the slope is k."""
        new, ks = step(f, self, t, y, k, h)
        error = _of(h * weighed(self.e, ks))
        return Attempt(new, ks[-1], error, lambda s: _dense(self, y, ks, h, s), True)


# Bogacki and Shampine, 1989.
RK23 = Tableau(
    (0, 1 / 2, 3 / 4), ((), (1 / 2,), (0, 3 / 4)), (2 / 9, 1 / 3, 4 / 9),
    (5 / 72, -1 / 12, -1 / 9, 1 / 8),
    np.array([[1, -4 / 3, 5 / 9], [0, 1, -2 / 3], [0, 4 / 3, -8 / 9], [0, -1, 1]]), 2,
)  # fmt: skip

# Dormand and Prince, 1980; dense output of order 4 by Shampine, 1986.
RK45 = Tableau(
    (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1),
    (
        (), (1 / 5,), (3 / 40, 9 / 40), (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    ),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    (-71 / 57600, 0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40),
    np.array([
        [1, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432],
        [0, 0, 0, 0],
        [0, 131558114200 / 32700410799, -68118460800 / 10900136933,
         87487479700 / 32700410799],
        [0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072],
        [0, 127303824393 / 49829197408, -318862633887 / 49829197408,
         701980252875 / 199316789632],
        [0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844],
        [0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423],
    ]), 4,
)  # fmt: skip


def _of(error: Any) -> Callable[[Any, Any], Any]:
    """The norm of an error, in units of the scale."""
    held = stop_gradient(error)
    return lambda scale, norm: norm(held / scale)


def weighed(weights: Any, ks: Any) -> Any:
    terms = [w * k for w, k in zip(weights, ks, strict=False) if w]
    return sum(terms[1:], terms[0])


def step(f: Slope, m: Tableau, t: Any, y: Any, k: Any, h: Any) -> tuple[Any, list[Any]]:
    """The new y, and the slopes of all stages, that at the new y last."""
    ks = [k]
    for c, a in zip(m.c[1:], m.a[1:], strict=True):
        ks.append(f(t + c * h, y + h * weighed(a, ks)))
    new = y + h * weighed(m.b, ks)
    return new, [*ks, f(t + h, new)]


def _dense(m: Tableau, y: Any, ks: list[Any], h: Any, s: Any) -> Any:
    """y at the shares s (n,) of a step: (n, …)."""
    powers = np.arange(1, m.p.shape[1] + 1).astype(y.dtype)
    weights = s[:, None] ** powers @ m.p.T.astype(y.dtype)
    tall = s.shape + (1,) * y.ndim
    return y + h * sum(weights[:, i].reshape(tall) * k for i, k in enumerate(ks) if m.p[i].any())


def rms(x: Any) -> Any:
    return np.sqrt(np.mean(abs(x) ** 2))


def shortest(t: Any, way: Any) -> Any:
    """The least step at a time, ten times the distance to the next number."""
    ahead = np.where(way > 0, np.inf, -np.inf).astype(t.dtype)
    return 10 * abs(np.nextafter(t, ahead) - t)


# -- Radau IIA -----------------------------------------------------------------------------------

_S6 = 6**0.5
_C = np.array([(4 - _S6) / 10, (4 + _S6) / 10, 1.0])
_A = np.array([
    [(88 - 7 * _S6) / 360, (296 - 169 * _S6) / 1800, (-2 + 3 * _S6) / 225],
    [(296 + 169 * _S6) / 1800, (88 + 7 * _S6) / 360, (-2 - 3 * _S6) / 225],
    [(16 - _S6) / 36, (16 + _S6) / 36, 1 / 9],
])  # fmt: skip
_RADAU_E = np.array([-13 - 7 * _S6, -13 + 7 * _S6, -1.0]) / 3
_REAL = 3 + 3 ** (2 / 3) - 3 ** (1 / 3)  # the real eigenvalue of the inverse of A
_NEWTON = 6


class Radau(NamedTuple):
    """Three stages, order 5, for stiff equations (Hairer and Wanner, vol. II, section IV.8).

    z = h A f(t + c h, y + z) is solved by Newton's method: first without derivatives, then by two
    steps more, through which first derivatives are right, and second, and third: each step of
    Newton's doubles the order up to which its result knows how the solution moves.
    """

    order: int = 3
    cost: int = 3 * (_NEWTON + 2)

    def attempt(self, f: Slope, t: Any, y: Any, k: Any, h: Any, tol: Any) -> Attempt:
        """A step of length h from y, where the slope is k."""
        dtype, size = y.dtype, int(np.prod(y.shape))
        c, a = _C.astype(dtype), _A.astype(dtype)

        def residual(z: Any) -> Any:
            rows = z.reshape((3, *y.shape))
            slopes = np.stack([f(t + c[i] * h, y + rows[i]).reshape(-1) for i in range(3)])
            return z - h * (a @ slopes).reshape(-1)

        def newton(z: Any) -> Any:
            return z - np.linalg.solve(jacfwd(residual)(z), residual(z))

        z0 = np.zeros(3 * size, dtype)
        before = fori_loop(0, _NEWTON, lambda i, z: stop_gradient(newton(z)), z0)
        z = newton(newton(before))
        rows = z.reshape((3, size))
        new = y + rows[2].reshape(y.shape)
        held = stop_gradient((y, k, rows, z - before))
        rtol, atol = tol
        found = rms(held[3]) < 0.01 * rms(atol + rtol * abs(held[0]))
        error = _radau_error(f, t, h, *held[:3])

        def dense(s: Any) -> Any:
            """Of the collocation polynomial through 0 and the stages."""
            nodes = np.concatenate(([0.0], _C))
            inverse = np.linalg.inv(nodes[1:, None] ** np.arange(1, 4)).astype(dtype)
            powers = s[:, None] ** np.arange(1, 4).astype(dtype)
            return y + (powers @ inverse @ rows).reshape((*s.shape, *y.shape))

        return Attempt(new, f(t + h, new), _of(error), dense, found)


def _radau_error(f: Slope, t: Any, h: Any, y: Any, k: Any, rows: Any) -> Any:
    """(mu/h - J)^-1 (k + e z / h), J the Jacobian at the start."""
    jacobian = jacfwd(lambda v: f(t, v.reshape(y.shape)).reshape(-1))(y.reshape(-1))
    matrix = np.diag(np.ones_like(rows[0]) * (_REAL / h)) - stop_gradient(jacobian)
    right = k.reshape(-1) + _RADAU_E.astype(y.dtype) @ rows / h
    return np.linalg.solve(matrix, right).reshape(y.shape)
