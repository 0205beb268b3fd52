"""Memory of large results: used again once it is free, never before, and within its bound."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from funcgrad import config, jit
from funcgrad.backends.llvm.entry import doors
from funcgrad.backends.llvm.machine import available
from funcgrad.backends.llvm.recycle import LARGE, shelf

REASON = available() or doors()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no native programs here: {REASON}")

N = LARGE // 8  # numbers in the smallest large array


def handler(x):
    return np._core.multiarray.get_handler_name(x)


@pytest.fixture
def doubled():
    """A native function with large results, and an empty shelf."""
    shelf().clear()
    f = jit(lambda x: x * 2.0, backend="llvm")
    f(np.zeros(N)), f(np.zeros(2 * N))
    yield f
    shelf().clear()


def test_a_freed_block_is_the_next_result(doubled):
    x = np.arange(float(N))
    first = doubled(x)
    place = first.ctypes.data
    assert handler(first) == "funcgrad"
    del first
    second = doubled(x + 1.0)
    assert second.ctypes.data == place
    np.testing.assert_array_equal(second, 2.0 * (x + 1.0))


def test_results_that_live_are_left_alone(doubled):
    results = [doubled(np.full(N, float(k))) for k in range(20)]
    assert len({r.ctypes.data for r in results}) == 20
    del results[::2]
    more = [doubled(np.full(N, -1.0)) for _ in range(10)]
    for k, r in zip(range(1, 20, 2), results, strict=True):
        assert np.all(r == 2.0 * k)
    assert all(np.all(r == -2.0) for r in more)


def test_views_keep_their_block(doubled):
    view = doubled(np.ones(N))[3:5]
    other = doubled(np.zeros(N))
    assert np.all(view == 2.0)
    assert np.all(other == 0.0)


def test_only_large_results_have_our_handler(doubled):
    small = jit(lambda x: x * 2.0, backend="llvm")
    assert handler(small(np.zeros(8))) == "default_allocator"
    assert handler(doubled(np.zeros(N))) == "funcgrad"
    assert np._core.multiarray.get_handler_name() == "default_allocator"
    assert handler(np.zeros(N)) == "default_allocator"


def test_the_bound_holds(doubled, monkeypatch):
    monkeypatch.setattr(config, "recycled_bytes", 3 * LARGE)
    assert shelf().held == 0
    del_me = [doubled(np.zeros(N)) for _ in range(6)]
    del del_me[:]
    assert shelf().held == 3 * LARGE
    wide = doubled(np.zeros(2 * N))
    del wide
    assert shelf().held == 3 * LARGE  # one of two and one of one
    config.recycled_bytes = 0
    assert shelf().held == 0
    last = doubled(np.zeros(N))
    del last
    assert shelf().held == 0


def test_a_resized_result(doubled):
    x = doubled(np.arange(float(N)))
    x.resize(2 * N, refcheck=False)
    assert np.all(x[:N] == 2.0 * np.arange(N))
    del x
    assert np.all(doubled(np.ones(2 * N)) == 2.0)


def test_many_threads(doubled):
    wrong = []

    def work(k):
        for i in range(40):
            value = float(100 * k + i)
            r = doubled(np.full(N, value))
            if not np.all(r == 2.0 * value):
                wrong.append((k, i))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
    assert shelf().held <= config.recycled_bytes


def test_results_may_outlive_everything():
    """Arrays freed while the interpreter ends find their handler still there."""
    text = (
        "import numpy as np, sys\nfrom funcgrad import jit\n"
        f"f = jit(lambda x: x * 2.0, backend='llvm')\nsys.kept = f(np.ones({N}))\n"
        "class Late:\n"
        "    def __init__(self): self.x = sys.kept\n"
        "    def __del__(self): self.x = None\n"
        "np.late = Late()\nimport builtins; builtins.later = Late()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, env=dict(os.environ), timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
