"""Random programs and structured ones: native code gives what the reference gives."""

import contextlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from funcgrad.backends.llvm import scope
from funcgrad.backends.llvm.machine import machine
from funcgrad.ops.families import ops
from funcgrad.transforms.jvp import jvp_jaxpr
from funcgrad.transforms.linearize import vjp_jaxpr
from tests import laws, test_programs
from tests.backends.llvm import drawn
from tests.backends.llvm.natively import natively, needed, refusal

pytestmark = needed

RTOL = 1e-11  # of the largest number of a result, or of 1: differences may cancel


def agrees(jaxpr, args, rtol=RTOL):
    reason = refusal(jaxpr)
    if reason == "an array without elements":  # as the differences of a single element
        return
    assert reason is None
    status, outs = natively(jaxpr, args)
    assert status == 0
    for found, wanted in zip(outs, laws.evaluate(jaxpr, args), strict=True):
        single = np.asarray(wanted).dtype == np.float32
        size = np.max(np.abs(wanted), where=np.isfinite(wanted), initial=1.0)
        atol = rtol * size * (1e7 if single else 1.0)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


def pulled_back(jaxpr, args, seed=3):
    """The vjp with respect to all real operands, and what to call it with."""
    rng = np.random.default_rng(seed)
    active = laws.inexact(args)
    seeded = tuple(v.aval.dtype.kind == "f" for v in jaxpr.outvars)
    cts = [laws.tangent(np.zeros(v.aval.shape, v.aval.dtype), rng)
           for v, on in zip(jaxpr.outvars, seeded) if on]  # fmt: skip
    return vjp_jaxpr(jaxpr, active, seeded), [*args, *cts]


def pushed_forward(jaxpr, args, seed=4):
    rng = np.random.default_rng(seed)
    active = laws.inexact(args)
    steps = [laws.tangent(x, rng) for x, on in zip(args, active) if on]
    return jvp_jaxpr(jaxpr, active)[0], [*args, *steps]


ANY = st.sampled_from(["registers", "narrow", "nests"])


@contextlib.contextmanager
def written(way):
    """Programs are written in this way while the context lasts."""
    before = scope.SMALL, machine().vector_bits
    scope.SMALL = before[0] if way == "registers" else 1
    machine().vector_bits = 128 if way == "narrow" else before[1]
    try:
        yield
    finally:
        scope.SMALL, machine().vector_bits = before


@given(test_programs.programs(), ANY)
def test_small_programs(program, way):
    steps, args = program
    jaxpr = laws.build(test_programs.program(steps, keep=4), args)
    with written(way):
        agrees(jaxpr, args)


@given(drawn.programs(), ANY)
def test_larger_programs(program, way):
    steps, args = program
    jaxpr, args = laws.captured(drawn.function(steps), args)
    with written(way):
        agrees(jaxpr, args)


@given(drawn.programs(most=7), ANY)
def test_gradients_of_larger_programs(program, way):
    steps, args = program
    jaxpr, args = laws.captured(drawn.function(steps, keep=2), args)
    with written(way):
        agrees(*pulled_back(jaxpr, args))


@given(drawn.programs(most=5), ANY)
def test_second_derivatives_of_larger_programs(program, way):
    steps, args = program
    jaxpr, args = laws.captured(drawn.function(steps, keep=2), args)
    with written(way):
        agrees(*pushed_forward(*pulled_back(jaxpr, args)))


def test_products_with_repeated_numbers():
    """An operand that is one number in memory is not read as if it were many."""

    def f(x, m, s):
        long = ops.broadcast_to(s, shape=(37,))
        short = ops.broadcast_to(ops.index(x, items=(0,)), shape=(3,))
        dims = (((0,), (0,)), ((), ()))
        return (
            ops.dot_general(x, long, dims=dims), ops.dot_general(long, long, dims=dims),
            ops.dot_general(m, long, dims=(((1,), (0,)), ((), ()))),
            ops.dot_general(long, m, dims=dims), ops.dot_general(short, short, dims=dims),
            ops.dot_general(ops.broadcast_to(s, shape=(5, 37)), m, dims=(((1,), (1,)), ((), ()))),
        )  # fmt: skip

    rng = np.random.default_rng(0)
    args = [rng.normal(size=37), rng.normal(size=(37, 37)), np.float64(2.0)]
    for way in ("registers", "nests", "narrow"):
        with written(way):
            agrees(laws.build(f, args), args)
