"""Large results go to memory past the caches: whole cache lines of them, and only what nobody reads
again; everything else is stored as usual."""

import ctypes

import numpy as np
import pytest

from funcgrad import config, jit, value_and_grad
from funcgrad.backends.llvm.entry import doors
from funcgrad.backends.llvm.far import FAR
from funcgrad.backends.llvm.machine import available, machine

REASON = available() or doors()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no native programs here: {REASON}")
N = FAR // 8


def streams(f):
    return f.llvm.count("!nontemporal")


def native(f):
    return jit(f, backend="llvm")


def test_elements():
    x = np.arange(float(N))
    f = native(lambda x: 2.0 * x + 1.0)
    np.testing.assert_array_equal(f(x), 2.0 * x + 1.0)
    assert streams(f) == 1
    assert f(x).ctypes.data % 4096 == 2048  # large arguments begin at the beginning of a page


def test_smaller_results_stay_in_the_caches():
    f = native(lambda x: 2.0 * x)
    f(np.arange(float(N - 8)))
    assert streams(f) == 0


@pytest.mark.parametrize("n", [N + 1, N + 7, N + 13])
def test_ends_that_fill_no_line(n):
    x = np.arange(float(n))
    f = native(lambda x: 2.0 * x + 1.0)
    np.testing.assert_array_equal(f(x), 2.0 * x + 1.0)


@pytest.mark.parametrize("columns", [1000, 1001, 1024, 24])
def test_rows(columns):
    """Rows of 1001 numbers begin anywhere in a line."""
    x = np.random.default_rng(0).normal(size=(N // columns + 1, columns))
    f = native(lambda x: x / np.sum(x * x, axis=1, keepdims=True))
    wanted = x / np.sum(x * x, axis=1, keepdims=True)
    np.testing.assert_allclose(f(x), wanted, rtol=1e-13)
    assert (streams(f) > 0) == (columns % 8 == 0)


@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_narrow_registers_fill_a_line_together(bits, dtype, monkeypatch):
    """Heavy work goes one register at a time, which may hold a part of a line."""
    if bits > machine().vector_bits:
        pytest.skip(f"no registers of {bits} bits here")
    monkeypatch.setattr(machine(), "vector_bits", bits)
    monkeypatch.setattr(config, "threads", 2)
    x = np.random.default_rng(5).normal(size=(2 * N // 1008 + 1, 1008)).astype(dtype)

    def f(x):
        y = np.exp(np.sin(x))
        return y / np.sum(y, axis=1, keepdims=True)

    g = native(f)
    np.testing.assert_allclose(g(x), f(x), rtol=100 * np.finfo(dtype).eps)
    np.testing.assert_allclose(g(x[::-1]), f(x[::-1]), rtol=100 * np.finfo(dtype).eps)
    assert streams(g) > 0


def test_results_that_are_read_again():
    """The exponentials are summed, from memory or again: the sum is of what was stored."""
    x = np.random.default_rng(1).normal(size=(N // 512, 512))

    def f(x):
        y = np.exp(x)
        return y, np.sum(y, axis=0), y[:, ::-1] * 2.0

    for got, wanted in zip(native(f)(x), f(x), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def test_truth_values_and_narrow_numbers():
    x = np.random.default_rng(2).normal(size=8 * N)
    found = native(lambda x: (x > 0.0, x.astype(np.float32)))(x)
    np.testing.assert_array_equal(found[0], x > 0.0)
    np.testing.assert_array_equal(found[1], x.astype(np.float32))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads(threads, monkeypatch):
    monkeypatch.setattr(config, "threads", threads)
    x = np.random.default_rng(3).normal(size=(N // 1024, 1024))
    f = native(value_and_grad(lambda x: np.sum(np.tanh(x) ** 2)))
    for _ in range(5):
        value, slope = f(x)
        np.testing.assert_allclose(slope, 2 * np.tanh(x) * (1 - np.tanh(x) ** 2), atol=1e-14)
        np.testing.assert_allclose(value, np.sum(np.tanh(x) ** 2), rtol=1e-12)


def test_memory_that_begins_elsewhere_is_refused():
    """The program itself looks: memory that no entry gave is not written to."""
    from funcgrad import make_jaxpr
    from funcgrad.backends.llvm.program import loaded, lower
    from funcgrad.compiler.simplify import simplify

    jaxpr = simplify(make_jaxpr(lambda x: x + 1.0)(np.zeros(N)).jaxpr)
    text, _ = lower(jaxpr, "fg_program", 512)
    address, code = loaded(text)
    program = ctypes.CFUNCTYPE(ctypes.c_int32, *[ctypes.c_void_p] * 3)(address)
    x, room = np.ones(N), np.zeros(N + 16)
    skip = -(room.ctypes.data % 64) % 64
    for off, status in ((0, 0), (8, 1), (16, 1)):
        ins, outs = (np.array([p], np.uint64) for p in (x.ctypes.data,
                                                        room.ctypes.data + skip + off))  # fmt: skip
        assert program(ins.ctypes.data, outs.ctypes.data, 0) == status
        assert np.any(room == 2.0) == (status == 0)
        room[:] = 0.0
    assert code.addresses


@pytest.mark.parametrize("rows, fetches", [(N // 512, True), (8, False)])
def test_the_next_row_is_fetched(rows, fetches):
    """Of large arrays alone; behind the last row there is nothing to fetch, and no harm in it."""
    x = np.random.default_rng(4).normal(size=(rows, 512))

    def softmax(x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    f = native(softmax)
    np.testing.assert_allclose(f(x), softmax(x), rtol=1e-13)
    assert ("llvm.prefetch" in f.llvm) == fetches
