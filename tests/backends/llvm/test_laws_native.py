"""The law table on native code: every row's program, its jvp, the jvp of that, its vjp, a batch.

Three ways of writing the same program: small arrays as vectors in registers; everything through
loop nests; loop nests of narrow vectors, so that even the table's small operands take several
vectors and a rest. What is refused has to be in the table of refusals.
"""

from typing import NamedTuple

import numpy as np
import pytest

from funcgrad.backends.llvm import scope
from funcgrad.backends.llvm.machine import machine
from funcgrad.compiler.simplify import simplify
from funcgrad.transforms.jvp import jvp_jaxpr
from tests import laws
from tests.backends.llvm.natively import natively, needed, refusal
from tests.op_table import prepared
from tests.op_table_special import COMPLEX, SPECIAL
from tests.test_laws import cases, derived_programs

pytestmark = needed

RTOL = 2e-14
"""Of the largest number of a result, in double precision: 90 roundings; as many in float32."""

REFUSED = {
    ("cofactor", "cofactor has no native form"),
    ("det", "cofactor has no native form"),
    ("polygamma", "polygamma has no native form"),  # but for digamma
    ("gammaln", "polygamma has no native form"),
    ("spacing", "spacing has no native form"),
    ("nextafter", "nextafter has no native form"),
    ("gcd", "gcd has no native form"),
    ("lcm", "lcm has no native form"),
    ("power", "power has no native form"),  # of integers
    ("imag", "imag has no native form"),
    ("complex", "complex128 has no native form"),
    ("complex", "complex64 has no native form"),
    ("convert", "complex128 has no native form"),
    ("dot_general", "an array without elements"),
    ("reduce_prod", "an array without elements"),  # its derivative over no axes
    ("eigh", "resolve has no native form"),  # its vectors' derivative
    ("eigh", "shared has no native form"),  # its values'
    ("fft", "complex128 has no native form"),
    ("fft", "complex64 has no native form"),
    ("rfft", "complex128 has no native form"),
    ("rfft", "complex64 has no native form"),
    ("eig", "complex128 has no native form"),
    ("eig", "complex64 has no native form"),
    ("dot_general", "products of matrices are lowered for float32 and float64, of one dtype"),
} | {
    (name, f"{name} has no native form")  # SciPy's or NumPy's: neither calls LAPACK by pointer
    for name in (
        "column_order", "commuted", "irfft", "lu", "matrix_function", "pinv", "qr", "resolve",
        "row_order", "schur", "shared", "solve_banded", "svd", "sylvester", "trigonometric",
    )
} | {
    (name, f"{name} has no native form") for name in SPECIAL - COMPLEX  # SciPy's kernels
} | {
    (name, f"{kind} has no native form") for name in COMPLEX for kind in ("complex128", "complex64")
    if (name, kind) != ("wofz", "complex64")
}  # fmt: skip
"""(primitive of the row, why one of its programs is not native throughout)."""


class Mode(NamedTuple):
    small: int
    vector_bits: int | None = None  # None: the machine's own


MODES = {"registers": Mode(16), "nests": Mode(1), "narrow": Mode(1, 128), "middle": Mode(4, 256)}
TYPES = (np.float64, np.float32)
EVERY = ("base", "jvp", "vjp", "batch", "jvp of jvp")


def programs(row, dtype):
    """The row's own program and, where it has rules for them, all that are derived from it."""
    jaxpr, args, _, rng = prepared(row, dtype)
    if not row.derivative:
        return {"base": (jaxpr, args)}
    derived = derived_programs(jaxpr, args, rng)
    names = [n for n, on in zip(EVERY, (True, *differentiable(jaxpr, args), True)) if on]
    found = dict(zip(names, derived, strict=True))
    if "jvp" in found:
        forward, given = found["jvp"]
        active = laws.inexact(given)
        steps = [laws.tangent(x, rng) for x, on in zip(given, active) if on]
        found["jvp of jvp"] = (jvp_jaxpr(forward, active)[0], [*given, *steps])
    return found


def differentiable(jaxpr, args):
    """Whether there is a jvp, and whether there is a vjp."""
    forward = any(laws.inexact(args))
    return forward, forward and any(v.aval.dtype.kind in "fc" for v in jaxpr.outvars)


def agrees(row, jaxpr, args):
    """Native code gives the reference's numbers, in its dtypes."""
    status, outs = natively(jaxpr, args)
    assert status == 0
    for found, wanted in zip(outs, laws.evaluate(jaxpr, args), strict=True):
        assert found.dtype == np.asarray(wanted).dtype
        laws.close(found, wanted, max(RTOL, row.rtol, row.bits))


def check(row, dtype, mode, names, monkeypatch):
    monkeypatch.setattr(scope, "SMALL", mode.small)
    if mode.vector_bits is not None:
        monkeypatch.setattr(machine(), "vector_bits", mode.vector_bits)
    for name, (jaxpr, args) in programs(row, dtype).items():
        reason = refusal(jaxpr)
        if reason is not None:
            assert (row.prim, reason) in REFUSED, f"{name} is no longer native: {reason}"
        elif name in names and simplify(jaxpr).eqns:
            agrees(row, jaxpr, args)


@pytest.mark.parametrize("row, dtype", cases(*TYPES))
def test_in_registers(row, dtype, monkeypatch):
    names = EVERY if dtype is np.float64 else ("base", "jvp", "vjp", "batch")
    check(row, dtype, MODES["registers"], names, monkeypatch)


@pytest.mark.parametrize("row, dtype", cases(*TYPES))
def test_in_loops_over_narrow_vectors(row, dtype, monkeypatch):
    check(row, dtype, MODES["narrow"], ("base", "vjp"), monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("row, dtype", cases(*TYPES))
def test_in_every_mode(row, dtype, mode, monkeypatch):
    check(row, dtype, MODES[mode], EVERY, monkeypatch)


def test_every_refusal_still_happens():
    """An entry that no program needs any more leaves the table."""
    seen = set()
    for case in cases(*TYPES):
        row, dtype = case.values
        seen |= {(row.prim, refusal(jaxpr)) for jaxpr, _ in programs(row, dtype).values()}
    assert seen >= REFUSED
