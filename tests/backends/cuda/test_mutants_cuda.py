"""The tests of kernels notice planted faults in what writes them."""

import numpy as np
import pytest

from funcgrad import grad, make_jaxpr
from tests import laws
from tests.backends.cuda.ondevice import launched, needed
from tests.backends.cuda.test_kernels import layernorm, many_sums, softmax
from tests.mutants import Mutant, planted

pytestmark = needed

CUDA = "funcgrad.backends.cuda."
NOTICED = (AssertionError, LookupError, NameError, TypeError, ValueError, AttributeError)
RNG = np.random.default_rng(3)
M, LONG = RNG.normal(size=(9, 40)), RNG.normal(size=(2, 9001))
PLACES = np.array([3, -1, 5, -7, 0] * 5)


def put(m):
    y = m * 2.0
    y[1:3] = m[:2] ** 2
    return y, np.sum(y, axis=0)


PROGRAMS = {
    "extremes": (lambda m: (np.max(-m * m, axis=1), np.min(m * m + 1.0)), [M]),
    "long rows": (lambda m: (softmax(m), grad(lambda m: np.sum(layernorm(m) ** 3))(m)), [LONG]),
    "sums": (many_sums, [RNG.normal(size=(400, 30))]),
    "stencils": (lambda m: np.sin(np.pad(m, 1)), [M]),
    "gathers": (lambda m, i: m[i % 9] * 2.0 + m[:, :1][-i % 9], [M, PLACES]),
    "views": (lambda m: np.sin(m[::-1, 1:].T) * 2.0, [M]),
    "columns": (lambda m: np.sum(softmax(m), axis=0), [M]),
    "placed": (put, [M]),
    "numbers": (lambda m: np.sum(m) * 2.0 - np.tanh(np.max(m)), [M]),
}
MUTANTS = [
    Mutant(CUDA + "nest:KernelWriter._start", "identity(item.prim.name", "identity('reduce_or'",
           ("extremes",)),
    Mutant(CUDA + "nest:KernelWriter._indices", "step *= n", "step += n", ("views", "stencils")),
    Mutant(CUDA + "nest:KernelWriter._added_up", "parts.shape[0]", "parts.shape[0] - 1", ("sums",)),
    Mutant(CUDA + "nest:KernelWriter._column_kernel", "{last} < {n}", "{last} > {n}", ("sums",)),
    Mutant(CUDA + "nest:KernelWriter._keep_rows", "self.stored.add(root)", "pass", ("columns",)),
    Mutant(CUDA + "nest:KernelWriter._row_number", "threadIdx.x == 0", "threadIdx.x == 99",
           ("columns",)),
    Mutant(CUDA + "values:Values._limits", "first > 0", "first > 1", ("stencils",)),
    Mutant(CUDA + "values:Values.address", "if s and i", "if s > 0 and i", ("views",)),
    Mutant(CUDA + "program:KernelProgram._numbers", "v in read or", "", ("numbers",)),
]  # fmt: skip


def check(name, scale=1.0):
    f, args = PROGRAMS[name]
    args = [a * scale if a.dtype.kind == "f" else a for a in args]
    closed = make_jaxpr(f)(*args)
    case = closed.jaxpr, [*args, *closed.consts]
    ((_, outs),) = launched([case])
    for found, wanted in zip(outs, laws.evaluate(*case), strict=True):
        laws.close(found, wanted, 1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_unharmed(name):
    check(name)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.where.split(':')[1]}, {m.new}")
def test_fault_is_noticed(mutant):
    with planted(mutant):
        noticed = []
        for name in mutant.rows:
            try:
                check(name, 1.25)  # memory that is not written may hold what was right before
            except NOTICED:
                noticed.append(name)
    assert noticed
