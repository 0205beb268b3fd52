"""The tests of native code notice planted faults in the backend."""

from unittest import mock

import numpy as np
import pytest

import funcgrad as fg
from funcgrad.backends.llvm import dots
from funcgrad.backends.llvm.machine import CompileError
from tests import laws
from tests.backends.llvm.mutants import MUTANTS
from tests.backends.llvm.natively import needed
from tests.backends.llvm.test_products_native import ROWS
from tests.backends.llvm.test_programs_native import agrees, written
from tests.backends.llvm.test_waves import heat, pointwise, together
from tests.mutants import planted

pytestmark = needed

CAUGHT = (AssertionError, CompileError)
RNG = np.random.default_rng(2)
V, M = RNG.normal(size=41), RNG.normal(size=(7, 19))
FIELD = RNG.normal(size=(257, 7))
PLACES = np.array([3, -1, 5, -7, 0] * 5)


def in_place(x):
    """The old array is read after the place in the new one has been written."""

    def body(c, i):
        new = c.copy()
        new[i] = 2.0
        return new, np.sum(c * new)

    return fg.scan(body, x, np.arange(5))


def image_slope(x, w):
    """Its columns lie in short runs: the axes of the product in another order."""

    def energy(x):
        terms = [np.einsum("bxcpq,cdqr->bxdpr", x[:, i : i + 4], w[i]) for i in range(2)]
        return np.sum((terms[0] + terms[1]) ** 2)

    return fg.grad(energy)(x)


PROGRAMS = {
    "extremes": (lambda m: (np.max(-m * m, axis=1), np.min(m * m + 1.0)), [M]),
    "a NaN": (lambda x: np.max(x), [np.append(np.ones(383), np.nan)]),
    "products": (lambda m: (np.prod(m, axis=1), np.prod(np.cos(m[:, :5]), axis=1)), [M]),
    "sums": (lambda x, m: (np.sum(np.sin(x)), np.sum(m * m, axis=1)), [V, M]),
    "elements": (lambda x: np.sin(x) * x, [V]),
    "copies": (lambda m: fg.map(lambda row: row * 2.0, m[1:, ::2].T), [M]),
    "backwards": (lambda x: np.sin(x[::-1]) * x, [V]),
    "repeated": (lambda x, s: np.dot(x, np.broadcast_to(s, x.shape)), [V, np.float64(2.0)]),
    "quotients": (lambda m, s: m / s[:, None], [np.where(M > 1.5, np.inf, M), M[:, 0]]),
    "runs": (image_slope, [RNG.normal(size=(2, 5, 3, 4, 4)), RNG.normal(size=(2, 3, 5, 4, 4))]),
    "short runs": (image_slope, [
        RNG.normal(size=shape).astype(np.float32) for shape in ((2, 5, 3, 2, 2), (2, 3, 5, 2, 2))
    ]),
    **{name: ROWS[name] for name in ROWS if "windows" not in name and name != "several alike"},
    "gathers": (lambda x, i: x[i] * 2.0, [V, PLACES]),
    "branches": (
        lambda x: fg.cond(np.sum(x) > 100.0, lambda x: x * 2.0, lambda x: np.cos(x), x), [V],
    ),
    "carries": (lambda x: fg.scan(lambda c, _: (c[::-1] * 0.5 + x, None), x, None, length=3)[0],
                [V]),
    "in_place": (in_place, [V]),
    "rows nearby": (heat, [FIELD, 0.1 * FIELD]),
    "last vectors": (pointwise, [FIELD, FIELD]),
    "unsigned": (lambda x: (x * x + 2.0**31).astype(np.uint32), [V]),
    "signs": (lambda x: np.tanh(x * 2.0), [V]),
    "maths": (lambda x: np.sin(x * 2.0), [V]),
    "integers": (lambda i: (i // 3, i // -4), [PLACES]),
}  # fmt: skip


def check(names):
    """The programs agree with the reference, in loops over narrow vectors and in wide ones."""
    for name in names:
        f, args = PROGRAMS[name]

        def flat(*xs, f=f):
            found = f(*xs)
            return found if isinstance(found, tuple) else (found,)

        for way in ("registers", "narrow"):
            jaxpr, given = laws.captured(flat, args)  # anew: schedules are remembered
            with written(way), mock.patch.object(dots, "_HELD", 0), together(_BLOCK=1 << 9):
                agrees(jaxpr, given)


def test_without_a_fault_the_programs_agree():
    check(PROGRAMS)
    assert {name for mutant in MUTANTS for name in mutant.rows} == set(PROGRAMS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.where.split(':')[1]}-{m.new}"[:60])
def test_planted_fault_is_caught(mutant):
    with planted(mutant), pytest.raises(CAUGHT):
        check(mutant.rows)


def test_nothing_stays_behind():
    for mutant in MUTANTS:
        with planted(mutant):
            pass
    check(PROGRAMS)
