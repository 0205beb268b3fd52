"""The law table on kernels: every row's program, its jvp, its vjp, a batch.

One compilation serves all programs.
"""

import numpy as np
import pytest

from funcgrad.backends.cuda import program as programs
from funcgrad.backends.program import Program
from tests import laws
from tests.backends.cuda.ondevice import compile_together, cupyx_by_scipy, launched, needed
from tests.backends.fake_cupy import fake_cupy
from tests.backends.llvm.test_laws_native import differentiable
from tests.op_table import prepared
from tests.op_table_special import SPECIAL
from tests.test_laws import HOST_ONLY, cases, derived_programs, on_device

pytestmark = needed

RTOL = 2e-14
"""Of the largest number of a result, in double precision: 90 roundings; as many in float32."""
EVERY = ("base", "jvp", "vjp", "batch")
CASES = cases(np.float64, np.float32, keep=on_device)


def derived(row, dtype):
    """The row's own program and, where it has rules for them, those that are derived from it."""
    jaxpr, args, _, rng = prepared(row, dtype)
    found = {"base": (jaxpr, args)}
    if row.derivative:
        names = [n for n, on in zip(EVERY, (True, *differentiable(jaxpr, args), True)) if on]
        found = dict(zip(names, derived_programs(jaxpr, args, rng), strict=True))
    return {name: (Program(jaxpr, fake_cupy), jaxpr, args) for name, (jaxpr, args) in found.items()}


@pytest.fixture(scope="module")
def written():
    """Every program of every case, compiled together."""
    found = [derived(*case.values) for case in CASES]
    compile_together(program.kernels for every in found for program, _, _ in every.values())
    with cupyx_by_scipy():
        yield found


def agrees(row, name, program, jaxpr, args, found, slack=1):
    laws.typed(jaxpr, found)
    single = any(v.aval.dtype == np.float32 for v in jaxpr.invars)
    for x, wanted in zip(found, laws.evaluate(jaxpr, args), strict=True):
        if single and np.asarray(x).dtype == np.float64:  # of numbers that were rounded on the way
            x, wanted = np.float32(x), np.float32(wanted)
        rtol = slack * max(RTOL, row.rtol, row.bits)
        laws.close(x, wanted, rtol, f"{row.name}, {name}\n{program.source}")


@pytest.mark.parametrize("k", range(len(CASES)), ids=[str(case.id) for case in CASES])
def test_kernels_agree(written, k):
    row, _ = CASES[k].values
    for name, (program, jaxpr, args) in written[k].items():
        with np.errstate(all="ignore"):
            found = program.call(*[laws.frozen(x) for x in args])
        agrees(row, name, program, jaxpr, args, found)


@pytest.mark.gpu
def test_kernels_agree_on_a_device():
    """The whole table, as CUDA's library rounds."""
    cupy = pytest.importorskip("cupy")
    for case in CASES:
        row, _ = case.values
        for name, (_, jaxpr, args) in derived(*case.values).items():
            ((program, found),) = launched([(jaxpr, args)], cupy)
            agrees(row, name, program, jaxpr, args, found, slack=20)


APART = {
    "spacing", "nextafter", "gcd", "lcm", "power", "imag", "complex", "convert", "polygamma",
    "erfinv", "ndtri", "fft", "rfft", "irfft",
} | SPECIAL - HOST_ONLY  # fmt: skip
"""Elementwise rows of which some program is left to CuPy: no expression, or complex numbers."""


def test_what_has_no_expression(written):
    """Every other elementwise row is kernels alone."""
    found = set()
    for case, every in zip(CASES, written, strict=True):
        for program, _, _ in every.values():
            eqns = program.jaxpr.eqns
            left = [e for e in eqns if e.prim.family == "elementwise" and not programs._fusible(e)]
            if left and all(v.aval.size for e in left for v in (*e.invars, *e.outvars)):
                found.add(case.values[0].prim)
    assert found == APART
