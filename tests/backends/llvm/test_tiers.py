"""Which form of a program runs, decided by calls alone; and what happens without a compiler."""

import warnings

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config, grad, jit, make_jaxpr
from funcgrad.backends import program as programs
from funcgrad.backends import tiers
from funcgrad.backends.llvm import machine as machines
from funcgrad.backends.llvm import program as lowering
from funcgrad.backends.tiers import NativeWarning, patience
from funcgrad.compiler.cost import nanoseconds
from funcgrad.compiler.simplify import simplify
from tests import laws
from tests.backends.llvm.natively import natively, needed

pytestmark = needed

X = np.linspace(0.1, 1.0, 30)


def f(x):
    return np.sum(np.sin(x) * x)


SLOPE = np.cos(X) * X + np.sin(X)


@pytest.fixture
def compilations(monkeypatch):
    """The programs that are compiled, in order."""
    found = []
    compiled = lowering.compiled

    def counted(jaxpr):
        found.append(jaxpr)
        return compiled(jaxpr)

    monkeypatch.setattr(lowering, "compiled", counted)
    return found


@pytest.fixture
def numpy_runs(monkeypatch):
    """How often programs ran through NumPy."""
    found = []
    run = programs.run_by_numpy

    def counted(jaxpr, values):
        found.append(jaxpr)
        return run(jaxpr, values)

    monkeypatch.setattr(programs, "run_by_numpy", counted)
    return found


def failing(monkeypatch):
    def compile(self, text, level):
        raise machines.CompileError("no register left")

    monkeypatch.setattr(machines.Machine, "compile", compile)


# -- the policy ----------------------------------------------------------------------------------


def test_a_jitted_function_is_native_from_its_second_call(compilations, numpy_runs):
    g = jit(lambda x: np.cos(x) * 3.0)
    g(X)
    assert (len(compilations), len(numpy_runs)) == (0, 1)
    for _ in range(5):
        np.testing.assert_allclose(g(X), np.cos(X) * 3.0, rtol=1e-14)
    assert (len(compilations), len(numpy_runs)) == (1, 1)
    g(X[:7])  # another signature begins anew
    assert len(compilations) == 1
    g(X[:7])
    assert len(compilations) == 2


def test_backends_by_hand(compilations, numpy_runs):
    fast, slow = jit(lambda x: x * 2.5, backend="llvm"), jit(lambda x: x * 2.5, backend="numpy")
    fast(X)
    assert (len(compilations), len(numpy_runs)) == (1, 0)
    for _ in range(10):
        slow(X)
    assert (len(compilations), len(numpy_runs)) == (1, 10)
    with pytest.raises(ValueError, match="backend"):
        jit(f, backend="gpu")


def test_the_backend_of_the_configuration(compilations, numpy_runs, monkeypatch):
    monkeypatch.setattr(config, "backend", "numpy")
    g = jit(fg.grad(lambda x: f(x) * 1.25))
    for _ in range(5):
        np.testing.assert_allclose(g(X), 1.25 * SLOPE, rtol=1e-13)
    assert not compilations and numpy_runs
    monkeypatch.setattr(config, "backend", "llvm")
    before = len(numpy_runs)
    h = fg.grad(lambda x: f(x) * 1.75)
    for _ in range(3):
        np.testing.assert_allclose(h(X), 1.75 * SLOPE, rtol=1e-13)
    assert len(compilations) == 1 and len(numpy_runs) == before


def test_transforms_are_compiled_after_so_many_calls(compilations, monkeypatch):
    """The number follows from the program, and neither from clocks nor from other programs."""
    monkeypatch.setattr(tiers, "_WORTH", 200_000)
    for power in (2, 3):
        g = fg.grad(lambda x, n=power: f(x) * np.sum(np.cosh(x) ** n))
        first, calls, before = g(X), 1, len(compilations)
        while len(compilations) == before:
            np.testing.assert_allclose(g(X), first, rtol=1e-13)
            calls += 1
            assert calls < 1000
        patience = max(2, 200_000 // nanoseconds(simplify(compilations[-1])))
        assert calls == patience + 1
        for _ in range(5):
            np.testing.assert_allclose(g(X), first, rtol=1e-13)
        assert len(compilations) == before + 1


def test_a_slow_program_is_compiled_with_its_first_run(compilations, numpy_runs):
    long = jit(lambda x: fg.fori_loop(0, 100_000, lambda i, c: c * 0.5 + x, x))
    np.testing.assert_allclose(long(1.0), 2.0)
    assert (len(compilations), len(numpy_runs)) == (1, 0)


def test_very_long_programs_are_left_to_numpy(compilations, monkeypatch):
    monkeypatch.setattr(config, "native_equations", 3)
    g = jit(lambda x: np.sin(np.cos(np.sin(x) * 2.0) + 1.0))
    for _ in range(3):
        g(X)
    assert not compilations
    jit(lambda x: np.sin(np.cos(np.sin(x) * 2.0) + 1.0), backend="llvm")(X)
    assert len(compilations) == 1


# -- no compiler -----------------------------------------------------------------------------------


def test_a_failing_compiler_is_one_warning(monkeypatch, compilations):
    failing(monkeypatch)
    g = jit(lambda x: np.sinh(x) + 1.0)
    g(X)
    with pytest.warns(NativeWarning) as caught:
        second = g(X)
    assert len(caught) == 1
    line = test_a_failing_compiler_is_one_warning.__code__.co_firstlineno + 2
    text = str(caught[0].message)
    assert f"test_tiers.py:{line}" in text and "no register left" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            np.testing.assert_array_equal(g(X), second)
    np.testing.assert_array_equal(second, np.sinh(X) + 1.0)
    assert len(compilations) == 1


def test_a_failing_compiler_in_every_transform(monkeypatch):
    failing(monkeypatch)
    monkeypatch.setattr(config, "backend", "llvm")
    ways = (fg.grad(f), jit(fg.grad(f)), fg.vmap(fg.grad(lambda x: np.sin(x) * x)))
    for g in ways:
        with pytest.warns(NativeWarning):
            np.testing.assert_allclose(g(X), SLOPE, rtol=1e-13)
        np.testing.assert_allclose(g(X), SLOPE, rtol=1e-13)


def test_text_that_llvm_refuses_falls_back(monkeypatch):
    monkeypatch.setattr(lowering, "lower", lambda *args: ("define void @broken( {", 0))
    g = jit(lambda x: np.cosh(x) - 1.0, backend="llvm")
    with pytest.warns(NativeWarning, match="CompileError"):
        np.testing.assert_array_equal(g(X), np.cosh(X) - 1.0)


def test_without_llvmlite_everything_works(monkeypatch, compilations):
    monkeypatch.setattr(machines, "available", lambda: "llvmlite cannot be imported")
    g = jit(fg.grad(f))
    for _ in range(4):
        np.testing.assert_allclose(g(X), SLOPE, rtol=1e-13)
    h = jit(f, backend="llvm")
    for _ in range(3):
        np.testing.assert_allclose(h(X), f(X), rtol=1e-14)
    monkeypatch.setattr(config, "backend", "llvm")
    np.testing.assert_allclose(fg.grad(lambda x: f(x) * 4.0)(X), 4 * SLOPE, rtol=1e-13)
    assert not compilations
    out = jit(lambda x: fg.scan(lambda c, r: (c + r, c), 0.0, x), backend="llvm")(X)
    np.testing.assert_allclose(out[0], X.sum(), rtol=1e-14)


# -- native in part ------------------------------------------------------------------------------


def test_programs_that_are_native_in_part():
    """An eigenvalue problem and complex numbers between native segments."""

    def mixed(a, x):
        w = np.linalg.eigvalsh(a @ a.T + np.eye(4))
        y = np.sin(x) * 2.0 + np.sum(np.cos(x))
        z = np.real(y * np.exp(1j * x)) * 0.5
        return np.sum(w) * np.tanh(z), y, np.sum(w * 2.0)

    rng = np.random.default_rng(0)
    a, x = rng.normal(size=(4, 4)), rng.normal(size=30)
    g = jit(mixed, backend="llvm")
    for _ in range(3):
        for found, wanted in zip(g(a, x), mixed(a, x), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
    slow = jit(
        lambda a, i: (np.linalg.eigvalsh(a)[i] * 2.0, np.sin(a) * np.cos(a) + a), backend="llvm"
    )
    slow(a, 1)
    with pytest.raises(IndexError):
        slow(a, np.int64(7))


def unrolled(steps):
    a = np.random.default_rng(3).normal(size=(3, 3)) * 0.3

    def f(x):
        for _ in range(steps):
            x = np.tanh(a @ x + 0.1)
        return np.sum(x * x)

    return make_jaxpr(grad(f))(np.ones(3))


def test_long_jitted_programs_wait_until_a_compilation_is_worth_it():
    short, long = (patience(unrolled(n).jaxpr, jitted=True) for n in (5, 200))
    assert short == 1
    assert 1 < long < 1000


def test_long_programs_without_loops_are_compiled_quickly():
    """And are right: the low level has its own road through LLVM."""
    closed = unrolled(80)
    text = lowering.text_of(simplify(closed.jaxpr))
    assert lowering.effort(text) == 0
    assert lowering.effort(lowering.text_of(simplify(unrolled(3).jaxpr))) == 2
    values = [np.ones(3), *closed.consts]
    status, outs = natively(closed.jaxpr, values)
    assert status == 0
    laws.close(outs[0], laws.evaluate(simplify(closed.jaxpr), values)[0], 1e-12)
