"""jit(f).explain() and jit(f).llvm: what runs each part, why, and when that changes."""

import numpy as np
import pytest

from funcgrad import fori_loop, jit
from funcgrad.backends.llvm.machine import available
from funcgrad.transforms.compiled import Decide

NATIVE = pytest.mark.skipif(available() is not None, reason=f"no native code: {available()}")
X = np.linspace(0.0, 1.0, 1200).reshape(30, 40)


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def scaled(x):
    s = np.sum(x * x)
    if s > 1.0:
        x = x / np.sqrt(s)
    return np.sum(np.sin(x))


def test_numpy_programs_say_why():
    f = jit(softmax, backend="numpy")
    f(X)
    f(X)
    assert "# never compiled: its backend is NumPy" in f.explain()
    assert f.llvm == ""
    waiting = jit(softmax)
    waiting(X)
    assert "# NumPy: too few calls so far; compiled after" in waiting.explain() or (
        "compiled with the next call" in waiting.explain()
    )


@NATIVE
def test_loop_nests_of_a_native_program():
    f = jit(softmax)
    for _ in range(3):
        f(X)
    text = f.explain()
    assert "  # native\n" in text and "bytes of scratch memory; the code came from" in text
    assert "nest over 30 × 40, rows of 40: reduce_max | subtract, exp" in text
    assert "by row" not in text.split("nest over")[0]
    assert "define  i32 @fg_program(" in f.llvm
    assert f.source.count("def program") == 1


@NATIVE
def test_bodies_of_loops():
    f = jit(lambda x: fori_loop(0, 5, lambda i, y: np.sin(y) + x, x))
    for _ in range(3):
        f(X)
    lines = f.explain().splitlines()
    (loop,) = [
        i for i, line in enumerate(lines) if line.rstrip().endswith(("scan:", "while_loop:"))
    ]
    assert any("sin, add" in line for line in lines[loop:])


@NATIVE
def test_what_goes_through_numpy_between_native_segments():
    f = jit(lambda x: np.sum(np.abs(np.sin(x) * x + 1.0 + 1j * np.sum(np.cos(x) * np.exp(x) + x))))
    for _ in range(3):
        f(X)
    text = f.explain()
    assert "through NumPy: absolute: complex128 has no native form" in text
    assert "segment: native" in text and "define" in f.llvm


@NATIVE
def test_trees_of_decisions():
    f = jit(scaled)
    f(X)
    assert (
        "as one program: NumPy: waits until no new paths come; compiled after 2 more" in f.explain()
    )
    for _ in range(3):
        f(X)
    text = f.explain()
    assert "as one program: native, with 1 of 1 paths\n" in text
    assert "nest over 30 × 40: divide, sin" in text
    f(X * 1e-3)
    text = f.explain()
    assert "native, with 1 of 2 paths; compiled after 2 more calls that Python answers" in text
    assert "if bool[] is True:" in text and "if bool[] is False:" in text
    assert f.llvm.count("define  i32 @fg_program(") == 1

    g = jit(lambda x: np.sum(x[x > 0.5]) if x[0, 0] < 1.0 else np.sum(x))
    for _ in range(3):
        g(X)
    assert "as one program: NumPy: Python was told all of" in g.explain()


def test_long_trees_are_explained():
    def f(x):
        while x < 1000.0:
            x = x + 1.0
        return x

    g = jit(f, backend="numpy")
    assert g(0.0) == 1000.0
    (entry,) = g.entries.values()
    assert entry.start.__class__ is not Decide
    assert g.explain().count("is True:") == 1000


@NATIVE
def test_programs_with_products_show_their_nests():
    """What a reader computes again, since its operand is in memory when the product is done."""
    w = np.ones((40, 40))

    def f(x):
        y = np.sin(x)
        return y * 2.0 + y @ w, np.cos(y)

    g = jit(f)
    for _ in range(3):
        found = g(X)
    for a, b in zip(found, f(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)
    lines = [line.strip("# ") for line in g.explain().splitlines()]
    assert "nest over 30 × 40: sin, cos; keeps y:f64[30,40], f64[30,40]" in lines
    assert any(line.startswith("nest over 30 × 40: multiply, add") for line in lines)
