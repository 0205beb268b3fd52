"""Generated tests: every law over every row of the table of operations."""

from pathlib import Path

import mpmath
import numpy as np
import pytest

import funcgrad
from funcgrad.backends.program import Program
from funcgrad.errors import JaxprTypeError
from funcgrad.ir.avals import array_aval
from funcgrad.ir.check import check_jaxpr
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Var
from funcgrad.ir.primitive import registry
from funcgrad.ops.call import call
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import jvp_jaxpr
from funcgrad.transforms.linearize import vjp_jaxpr
from tests import laws
from tests.op_table import EXEMPT, ROWS, prepared


def cases(*dtypes, keep=lambda row: True):
    """(row, dtype) for the dtypes that make a difference to a row."""
    found = []
    for row in ROWS:
        follows = any(a.fixed is None for a in row.operands)
        for k, dtype in enumerate(dtypes):
            if not keep(row) or (np.dtype(dtype).kind == "c" and not row.complex):
                continue
            if follows or k == 0:
                found.append(pytest.param(row, dtype, id=f"{row.name}-{np.dtype(dtype).char}"))
    return found


ALL_TYPES = (np.float64, np.float32, np.complex128, np.complex64)
DIFFERENTIABLE = lambda row: row.derivative and bool(row.operands)


@pytest.mark.parametrize("row, dtype", cases(*ALL_TYPES))
def test_type_is_value_and_program_is_evaluation(row, dtype):
    jaxpr, args, _, _ = prepared(row, dtype)
    with np.errstate(all="ignore"):
        outs = laws.evaluate(jaxpr, args)
    laws.typed(jaxpr, outs)
    laws.run(jaxpr, args, row.bits)


@pytest.mark.parametrize("row, dtype", cases(np.float64, np.complex128, keep=DIFFERENTIABLE))
def test_jvp_is_derivative(row, dtype):
    jaxpr, args, _, rng = prepared(row, dtype)
    laws.jvp_is_derivative(jaxpr, args, rng, 2, row.fd, row.analytic, row.rtol)


@pytest.mark.parametrize("row, dtype", cases(np.float64, np.complex128, keep=DIFFERENTIABLE))
def test_transpose_is_adjoint(row, dtype):
    jaxpr, args, _, rng = prepared(row, dtype)
    laws.transpose_is_adjoint(jaxpr, args, rng, row.rtol)


@pytest.mark.parametrize("row, dtype", cases(np.float64, np.complex128, keep=DIFFERENTIABLE))
def test_gradient_is_differentiable(row, dtype):
    jaxpr, args, _, rng = prepared(row, dtype)
    laws.gradient_is_differentiable(jaxpr, args, rng, row.fd, row.rtol)


@pytest.mark.parametrize("row, dtype", cases(np.float64, np.complex128))
def test_batch_is_loop(row, dtype):
    jaxpr, args, sample, _ = prepared(row, dtype)
    laws.batch_is_loop(jaxpr, sample, len(args), rtol=row.rtol)


@pytest.mark.parametrize("row, dtype", cases(np.float32, np.complex64, keep=DIFFERENTIABLE))
def test_single_precision_stays_single(row, dtype):
    """Every variable of every derived program has the precision of its operands."""
    jaxpr, args, sample, rng = prepared(row, dtype)
    if any(v.aval.dtype.char in "dD" for v in jaxpr.outvars):
        pytest.skip("the row itself asks for double precision")
    for derived, given in derived_programs(jaxpr, args, rng):
        outs = laws.run(derived, given, row.rtol)
        kinds = {np.asarray(x).dtype.char for x in outs if np.asarray(x).dtype.kind in "fc"}
        assert kinds <= {"f", "F"}, kinds


def derived_programs(jaxpr, args, rng):
    """The jvp, the jvp's jvp, the vjp and a batch of the program, with operands."""
    found = [(jaxpr, args)]
    active = laws.inexact(args)
    seeded = tuple(v.aval.dtype.kind in "fc" for v in jaxpr.outvars)
    if any(active):
        steps = [laws.tangent(x, rng) for x, on in zip(args, active) if on]
        forward = jvp_jaxpr(jaxpr, active)[0]
        found.append((forward, [*args, *steps]))
    if any(active) and any(seeded):
        cts = [
            laws.tangent(np.zeros(v.aval.shape, v.aval.dtype), rng)
            for v, on in zip(jaxpr.outvars, seeded)
            if on
        ]
        found.append((vjp_jaxpr(jaxpr, active, seeded), [*args, *cts]))
    batched = batch_jaxpr(jaxpr, 2, (True,) * len(args), True)[0]
    found.append((batched, [np.stack([x, x]) for x in args]))
    return found


@pytest.mark.parametrize("row, dtype", cases(np.float64, keep=lambda row: row.mp is not None))
def test_closed_form(row, dtype):
    """Value and slope against arbitrary precision."""
    jaxpr, args, _, _ = prepared(row, dtype)
    derived, flags = jvp_jaxpr(jaxpr, (True,))
    z, t = (*laws.run(derived, [args[0], np.ones_like(args[0])]), np.zeros_like(args[0]))[:2]
    with mpmath.workdps(40):
        for x, value, slope in list(zip(args[0].flat, z.flat, t.flat))[:4]:
            wanted, wanted_slope = row.mp(mpmath.mpf(x)), mpmath.diff(row.mp, mpmath.mpf(x))
            assert value == pytest.approx(float(wanted), rel=2e-14)
            assert slope == pytest.approx(float(wanted_slope), rel=2e-13, abs=1e-25)


@pytest.mark.parametrize(
    "row, kink",
    [pytest.param(r, k, id=f"{r.name}-{n}") for r in ROWS for n, k in enumerate(r.kinks)],
)
def test_convention_at_kinks(row, kink):
    laws.convention_holds(row.apply, *kink)


# -- the table and the checker -------------------------------------------------------------------


def test_every_primitive_has_a_row():
    named = {row.prim for row in ROWS}
    assert registry.keys() - EXEMPT.keys() - named == set()
    assert named - registry.keys() == set()
    assert named & EXEMPT.keys() == set()


@pytest.mark.parametrize("name", sorted(EXEMPT))
def test_exempt_primitives_are_covered_elsewhere(name):
    if name not in registry:
        pytest.skip("not defined yet")
    path = Path(__file__).parent / EXEMPT[name]
    assert path.exists() and name in path.read_text()


def test_call_is_what_it_calls():
    inner = laws.build(lambda x, y: funcgrad.ops.elementwise.multiply(x, y), [np.ones(3), 2.0])
    jaxpr = laws.build(lambda x, y: call(x, y, jaxpr=inner)[0], [np.ones(3), np.float64(2.0)])
    rng = np.random.default_rng(0)
    args = [np.arange(3.0), np.float64(2.0)]
    laws.jvp_is_derivative(jaxpr, args, rng)
    laws.transpose_is_adjoint(jaxpr, args, rng)
    laws.batch_is_loop(jaxpr, lambda: [rng.normal(size=3), rng.normal()], 2)


def _ill_typed():
    x, y, z = (Var(array_aval((3,), np.float64)) for _ in range(3))
    wrong = Var(array_aval((4,), np.float64))
    sin, add = registry["sin"], registry["add"]
    one = Eqn(sin, (x,), {}, (y,))
    inner = Jaxpr([x], [one], [y])
    return {
        "before": Jaxpr([x], [Eqn(add, (x, y), {}, (z,))], [z]),
        "twice": Jaxpr([x], [one, one], [y]),
        "over an input": Jaxpr([x], [Eqn(sin, (x,), {}, (x,))], [x]),
        "type": Jaxpr([x], [Eqn(sin, (x,), {}, (wrong,))], [wrong]),
        "count": Jaxpr([x], [Eqn(sin, (x,), {}, (y, z))], [y]),
        "refused": Jaxpr([x, wrong], [Eqn(add, (x, wrong), {}, (y,))], [y]),
        "output": Jaxpr([x], [], [y]),
        "call": Jaxpr([wrong], [Eqn(call, (wrong,), {"jaxpr": inner}, (z,))], [z]),
        "inside": Jaxpr([x], [Eqn(call, (x,), {"jaxpr": Jaxpr([x], [], [y])}, (z,))], [z]),
        "atom": Jaxpr([x], [Eqn(sin, (3.0,), {}, (y,))], [y]),
    }


@pytest.mark.parametrize("name", sorted(_ill_typed()))
def test_ill_typed_programs_are_refused(name):
    with pytest.raises(JaxprTypeError):
        check_jaxpr(_ill_typed()[name])


# -- a GPU's results are NumPy's -----------------------------------------------------------------


HOST_ONLY = {
    "schur", "commuted", "column_order", "solve_banded", "sylvester", "eig", "vonmises_cdf",
    "inverse_cdf", "steps",
}  # fmt: skip
"""Primitives that CuPy (eig: some of its versions) has no function for: they raise there."""


def on_device(row):
    named = row.params.get("name", "")
    return row.prim not in HOST_ONLY and named not in ("logm", "sqrtm")


@pytest.mark.gpu
@pytest.mark.parametrize("row, dtype", cases(np.float64, np.complex128, keep=on_device))
def test_gpu_agrees(row, dtype):
    import cupy

    jaxpr, args, _, rng = prepared(row, dtype)
    programs = derived_programs(jaxpr, args, rng) if row.derivative else [(jaxpr, args)]
    for derived, given in programs:
        on_device = [cupy.asarray(x) for x in given]
        outs = Program(derived, cupy).call(*on_device)
        for found, wanted in zip(outs, laws.evaluate(derived, given), strict=True):
            assert isinstance(found, cupy.ndarray) or np.ndim(found) == 0
            laws.close(cupy.asnumpy(cupy.asarray(found)), wanted, max(row.rtol, 1e-13))
