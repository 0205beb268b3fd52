"""The thread pool of big kernels: every chunk once, whoever runs it."""

import ctypes
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from funcgrad import config
from funcgrad.backends.llvm import threads
from funcgrad.backends.llvm.ir import Module
from funcgrad.backends.llvm.machine import available, machine

pytestmark = pytest.mark.skipif(available() is not None, reason=f"no LLVM here: {available()}")


def program():
    """``go(data, chunks, nested)``: chunk i adds 1 to data[i], 16 times over; with ``nested``, each
    chunk is a parallel call itself, over 4 chunks of 4."""
    module = Module()
    module.declare("@parallel", "declare void @parallel(ptr, ptr, i64)")
    part = module.function("part", "void", ["ptr", "i64"])
    context, i = part.args
    with part.loop(0, 4):
        part.store(part.load("i64", context) + 1 + i * 0, context)
    part.ret()
    for name in ("flat", "nested"):
        task = module.function(name, "void", ["ptr", "i64"])
        context, i = task.args
        mine = task.at(context, i, "i64")
        if name == "nested":
            task.do(f"call void @parallel(ptr @part, {mine!r}, i64 4)")
        else:
            with task.loop(0, 16):
                task.store(task.load("i64", mine) + 1, mine)
        task.ret()
        go = module.function(f"go_{name}", "void", ["ptr", "i64"], linkage="")
        data, chunks = go.args
        go.do(f"call void @parallel(ptr @{name}, {data!r}, {chunks!r})")
        go.ret()
    return module.text()


@pytest.fixture(scope="module")
def code():
    return machine().load(program(), ["go_flat", "go_nested"], symbols=threads.symbols(program()))


@pytest.fixture(params=[1, 2, 5])
def go(code, request, monkeypatch):
    monkeypatch.setattr(config, "threads", request.param)
    return caller(code)


def caller(code):
    def call(name, chunks):
        data = np.zeros(max(chunks, 1), np.int64)
        ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(code["go_" + name])(
            data.ctypes.data, chunks
        )
        return data[:chunks]

    return call


@pytest.mark.parametrize("chunks", [0, 1, 2, 3, 7, 64, 1000])
def test_every_chunk_runs_once(go, chunks):
    for _ in range(20):
        assert (go("flat", chunks) == 16).all()


def test_nested_calls(go):
    for _ in range(50):
        assert (go("nested", 9) == 16).all()


def test_after_a_rest(go):
    for _ in range(5):
        time.sleep(0.005)
        assert (go("flat", 10) == 16).all()


def test_many_calls_in_a_row(go):
    for n in range(3000):
        assert (go("flat", n % 7) == 16).all()


def test_callers_at_the_same_time(go):
    wrong = []

    def work():
        for _ in range(300):
            if not (go("flat", 11) == 16).all():
                wrong.append(1)

    callers = [threading.Thread(target=work) for _ in range(4)]
    for t in callers:
        t.start()
    for t in callers:
        t.join()
    assert wrong == []


def test_the_number_of_threads_follows_the_switch(code, monkeypatch):
    call = caller(code)
    for n in (3, 1, 4, 2):
        monkeypatch.setattr(config, "threads", n)
        assert (call("flat", 20) == 16).all()
        found = threads._pool()
        assert found.word("threads").value == n
        assert sum(t.is_alive() for t in found.threads) >= n - 1
    assert all(t.daemon for t in found.threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_fork_starts_anew(code, monkeypatch):
    monkeypatch.setattr(config, "threads", 3)
    call = caller(code)
    assert (call("flat", 20) == 16).all()
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of threads and forks
        child = os.fork()
    if child == 0:
        good = threads._pool().threads == [] and (call("flat", 20) == 16).all()
        good = good and len(threads._pool().threads) == 2 and (call("nested", 20) == 16).all()
        os.write(write, b"y" if good else b"n")
        os._exit(0)
    assert os.read(read, 1) == b"y"
    os.waitpid(child, 0)
    assert (call("flat", 20) == 16).all()


SCRIPT = """
import threading
import funcgrad
from funcgrad.backends.llvm import threads
assert threading.active_count() == 1
funcgrad.config.threads = 4
import ctypes, sys
from tests.backends.llvm.test_threads_pool import caller, program
from funcgrad.backends.llvm.machine import machine
code = machine().load(program(), ["go_flat", "go_nested"], symbols=threads.symbols(program()))
assert threading.active_count() == 1
assert (caller(code)("flat", 9) == 16).all()
assert threading.active_count() == 4
print("done")
"""


def test_nothing_starts_early_and_the_end_does_not_hang():
    root = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
    start = time.monotonic()
    out = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, cwd=root
    )
    assert (out.returncode, out.stdout.strip()) == (0, "done"), out.stderr
    assert time.monotonic() - start < 30


def test_the_environment_chooses():
    line = "from funcgrad import config; print(config.threads)"
    for text, wanted in (("3", 3), ("", config._threads()), ("x", config._threads())):
        env = {**os.environ, "FUNCGRAD_THREADS": text}
        out = subprocess.run([sys.executable, "-c", line], env=env, capture_output=True, text=True)
        assert int(out.stdout) == wanted
