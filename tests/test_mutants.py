"""The laws notice planted faults; a fault that survives them is a hole in the laws."""

import numpy as np
import pytest

from funcgrad.errors import FuncgradError
from funcgrad.ops.families import ops
from tests import laws
from tests.mutants import MUTANTS, planted
from tests.op_table import ROWS, prepared
from tests.test_programs import tree_replays

CAUGHT = (AssertionError, FuncgradError, ValueError)  # a law is broken, or the program is refused
A, B, V = np.arange(6.0).reshape(2, 3) / 7, np.ones((2, 3)) / 3, np.arange(3.0)


def _shared(x, y):
    """A value that is used more than once, and later than its memory may be reused."""
    z = ops.multiply(x, y)
    w = ops.sin(z)
    return ops.add(ops.multiply(w, z), ops.negative(w)), ops.multiply(z, x)


def _sliced(x, y):
    part = ops.index(ops.sin(x), items=(0,))
    rest = ops.index(ops.sin(x), items=(1,))
    return ops.add(part, ops.multiply(rest, 3.0)), ops.reduce_sum(y, axes=(1,))


def _views(x, y):
    """A view of an intermediate result, which is needed after something else could take it."""
    z = ops.exp(x)
    column = ops.transpose(z, perm=(1, 0))
    w = ops.add(z, y)
    return ops.multiply(column, 2.0), w


def _turned(x, y):
    z = ops.reshape(ops.add(x, y), shape=(1, 2, 3))
    return (ops.transpose(ops.transpose(z, perm=(1, 2, 0)), perm=(0, 2, 1)),)


PROGRAMS = [_shared, _sliced, _views, _turned]


def powers(n):
    return lambda x, y: (ops.raise_to(ops.add(x, y), exponent=n),)


def captured(array):
    return lambda x, y: (ops.multiply(x, array), ops.add(array, y))


def all_laws(rows, args=(A, B)):
    """Every law on these rows, on the fixed programs, and on traces that share a tree."""
    store = {}
    for f in [powers(2), powers(3), captured(V), captured(np.ones((4, 1, 1)))]:
        tree_replays(f, args, store)
    for f in PROGRAMS:
        check(laws.build(f, list(args)), list(args), lambda: [A + 1, B + 2], 1e-8, 1e-14)
    for row in ROWS:
        if row.prim in rows:
            for dtype in (np.float64, np.float32) + (np.complex64,) * row.complex:
                jaxpr, operands, sample, _ = prepared(row, dtype)
                laws.typed(jaxpr, laws.evaluate(jaxpr, operands))
                for kink in row.kinks:
                    laws.convention_holds(row.apply, *kink)
                if dtype is np.float64 and row.derivative:
                    check(jaxpr, operands, sample, row.fd, row.rtol)


def check(jaxpr, args, sample, fd, rtol):
    rng = np.random.default_rng(3)
    laws.run(jaxpr, args, rtol)
    laws.jvp_is_derivative(jaxpr, args, rng, 2, fd, rtol=rtol)
    laws.transpose_is_adjoint(jaxpr, args, rng, rtol)
    laws.gradient_is_differentiable(jaxpr, args, rng, fd, rtol)
    laws.batch_is_loop(jaxpr, sample, len(args), (0, 2), rtol)


def test_without_a_fault_the_laws_hold():
    all_laws({name for mutant in MUTANTS for name in mutant.rows})


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.where.split(':')[1]}-{m.new}"[:60])
def test_planted_fault_is_caught(mutant):
    with planted(mutant), pytest.raises(CAUGHT):
        all_laws(set(mutant.rows))


def test_nothing_stays_behind():
    for mutant in MUTANTS:
        with planted(mutant):
            pass
    all_laws({"divide", "dot_general"})
