"""The door of native programs: what it lets in, what it hands to the fallback, what it returns."""

import gc
import pickle
import sys
import threading
import weakref

import numpy as np
import pytest

from funcgrad.backends.llvm.entry import Guards, calls_of, doors, make_entry
from funcgrad.backends.llvm.ir import Module
from funcgrad.backends.llvm.machine import available, machine
from funcgrad.ir.avals import array_aval, weak_aval
from funcgrad.trace.core import running

REASON = available() or doors()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no native programs here: {REASON}")

F8, F4, I8 = np.float64, np.float32, np.int64
VECTOR = array_aval((3,), F8)
REAL, INT, COMPLEX = weak_aval(float), weak_aval(int), weak_aval(complex)
LLVM = {"d": "double", "f": "float", "l": "i64", "q": "i64", "i": "i32", "?": "i8", "e": "i16"}
counter = iter(range(10**6))


def missed(*args, **kwargs):
    return "missed", args, kwargs


def doubling(outputs, n_inputs, status=0, use_arena=0):
    """A program: output k is twice input k (modulo their number), element by element."""
    module, name = Module(), f"test_body{next(counter)}"
    f = module.function(name, "i32", ["ptr", "ptr", "ptr"], linkage="")
    ins, outs, arena = f.args
    for k, aval in enumerate(outputs):
        x = f.load("ptr", f.at(ins, k % n_inputs, "ptr"))
        z = f.load("ptr", f.at(outs, k, "ptr"))
        complex_, char = aval.dtype.kind == "c", aval.dtype.char
        type = LLVM["d" if complex_ else char]
        with f.loop(0, aval.size * (1 + complex_)) as i:
            value = f.load(type, f.at(x, i, type))
            f.store(value if type in ("i8", "i16") else value + value, f.at(z, i, type))
    with f.loop(0, use_arena) as i:
        f.store(f.const("i8", 7), f.at(arena, i))
    f.ret(f.const("i32", status))
    return machine().addresses(module.text(), [name])[0]


def entry(inputs, outputs, single=None, status=0, fallback=missed, **more):
    single = len(outputs) == 1 if single is None else single
    body = doubling(outputs, max(len(inputs), 1), status, more.get("arena", 0))
    return make_entry(body, inputs, outputs, fallback, single=single, **more)


@pytest.fixture(scope="module")
def twice():
    return entry([VECTOR], [VECTOR])


# -- what comes out --------------------------------------------------------------------------------


def test_an_array_in_a_fresh_array_out(twice):
    x = np.arange(3.0)
    before = calls_of(twice)
    first, second = twice(x), twice(x)
    np.testing.assert_array_equal(first, [0.0, 2.0, 4.0])
    assert type(first) is np.ndarray
    assert first.flags.c_contiguous and first.flags.owndata and first.flags.writeable
    assert not np.shares_memory(first, second) and not np.shares_memory(first, x)
    assert calls_of(twice) == before + 2


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "i4", "c16", "?", "f2"])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3), (2, 1, 3, 1, 2), (0,), (3, 0)])
def test_every_dtype_and_rank(dtype, shape):
    aval = array_aval(shape, dtype)
    f = entry([aval], [aval])
    x = np.ones(shape, dtype)
    out = f(x)
    expected = x if dtype in ("?", "f2") else x + x
    assert type(out) is (np.ndarray if shape else np.dtype(dtype).type)
    assert out.dtype == aval.dtype and out.shape == shape
    np.testing.assert_array_equal(out, expected)
    if not shape:  # NumPy's own numbers are taken too
        np.testing.assert_array_equal(f(x[()]), expected)
        assert calls_of(f) == 2


def test_python_numbers_stay_python_numbers():
    f = entry([REAL, INT, COMPLEX], [REAL, INT, COMPLEX])
    assert f(1.5, -4, 2 + 1j) == (3.0, -8, 4 + 2j)
    assert [type(x) for x in f(1.5, 3, 2j)] == [float, int, complex]
    assert f(1.5, 2**62 - 1, 0j)[1] == 2**63 - 2
    assert f(1.5, 2**63, 0j)[0] == "missed"
    assert f(1.5, -(2**63), 0j)[1] == 0  # wraps, as an int64 does
    assert f(1.5, -(2**63) - 1, 0j)[0] == "missed"
    assert calls_of(f) == 4


def test_bools_are_the_singletons():
    f = entry([array_aval((), bool)], [array_aval((), bool)])
    assert f(np.True_) is np.True_ and f(np.array(False)) is np.False_
    assert f(True)[0] == "missed"  # Python's are static


def test_many_outputs_of_all_kinds():
    inputs = [array_aval((n,), F8) for n in range(1, 31)] + [REAL, INT] * 5
    f = entry(inputs, inputs)
    args = [np.full(n, 1.0 * n) for n in range(1, 31)] + [0.5, 7] * 5
    for got, x in zip(f(*args), args, strict=True):
        np.testing.assert_array_equal(got, 2 * x)
    args[17] = np.zeros(17)
    assert f(*args)[0] == "missed"


def test_no_outputs_and_no_inputs():
    assert entry([], [], single=False)() == ()
    assert entry([VECTOR], [VECTOR], single=False)(np.ones(3))[0].tolist() == [2.0] * 3


# -- what goes to the fallback ---------------------------------------------------------------------


class Sub(np.ndarray):
    pass


def unaligned():
    raw = np.zeros(25, np.uint8)[1:]
    return raw.view(F8)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros(3, F4), np.zeros(3, np.int64), np.zeros((3, 1)), np.zeros(4), np.zeros(()),
        np.zeros(6)[::2], np.zeros(3)[::-1], np.zeros(3, ">f8"), unaligned(),
        np.zeros(3).view(Sub), np.zeros(0), [0.0, 0.0, 0.0], 1.0, F8(1.0), None, "x",
        np.zeros(3, np.complex128), np.zeros(3, "m8[s]"), np.zeros(3, [("a", "f8")]),
        np.zeros(3, object), np.broadcast_to(0.0, (3,)), np.ma.zeros(3),
    ],
    ids=lambda x: f"{type(x).__name__}-{getattr(x, 'dtype', '')}-{getattr(x, 'shape', '')}",
)  # fmt: skip
def test_anything_else_is_handed_over(twice, x):
    before = calls_of(twice)
    name, args, kwargs = twice(x)
    assert name == "missed" and args[0] is x and kwargs == {}
    assert calls_of(twice) == before


def test_numbers_are_not_taken_for_each_other():
    real, strong = entry([REAL], [REAL]), entry([array_aval((), F8)], [array_aval((), F8)])
    for x in (1, True, F8(1), 1j, np.ones(()), type("Float", (float,), {})(1.0)):
        assert real(x)[0] == "missed"
    for x in (1, 1.0, F4(1), I8(1), np.ones(1), np.ones((), F4), np.ones(()).view(Sub)):
        assert strong(x)[0] == "missed"
    assert entry([INT], [INT])(True)[0] == "missed"
    assert entry([COMPLEX], [COMPLEX])(1.0)[0] == "missed"


def test_read_only_and_unpickled_arrays_are_fine(twice):
    x = np.ones(3)
    x.setflags(write=False)
    assert twice(x).tolist() == [2.0] * 3
    assert twice(pickle.loads(pickle.dumps(x))).tolist() == [2.0] * 3
    assert twice(np.ones(6)[1:4]).tolist() == [2.0] * 3  # part of another, yet contiguous


def test_keywords_and_wrong_counts(twice):
    x = np.ones(3)
    assert twice(x, y=2) == ("missed", (x,), {"y": 2})
    assert twice(x, x)[1] == (x, x)
    assert twice()[1] == ()
    strict = entry([VECTOR], [VECTOR], fallback=lambda x: "one")
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        strict()
    with pytest.raises(TypeError, match="unexpected keyword argument 'k'"):
        strict(x, k=1)


def test_a_status_is_answered_by_the_fallback():
    f = entry([VECTOR, REAL], [VECTOR, REAL], status=3, fallback=lambda x, y: x.sum() + y)
    assert f(np.ones(3), 1.0) == 4.0
    assert calls_of(f) == 0


def test_an_exception_of_the_fallback_comes_through():
    def broken(x):
        raise KeyError("mine")

    f = entry([VECTOR], [VECTOR], fallback=broken)
    with pytest.raises(KeyError, match="mine"):
        f(1)


def test_no_native_run_inside_a_trace(twice):
    token = running.set(object())
    try:
        assert twice(np.ones(3))[0] == "missed"
    finally:
        running.reset(token)
    assert twice(np.ones(3)).tolist() == [2.0] * 3


def test_guards():
    scope, mark = {"a": object(), "b": print}, object()

    def inner():
        return mark

    cell = inner.__closure__[0]
    dicts = [(scope, "a", scope["a"]), (scope, "b", print)]
    f = entry([REAL], [REAL], guards=Guards(dicts, [(cell, 16, mark)]))
    assert f(1.0) == 2.0
    scope["b"] = len
    assert f(1.0)[0] == "missed"
    scope["b"] = print
    assert f(1.0) == 2.0
    del scope["a"]
    assert f(1.0)[0] == "missed"
    g = entry([REAL], [REAL], guards=Guards(slots=[(cell, 16, mark)]))
    assert g(1.0) == 2.0
    mark = None
    assert g(1.0)[0] == "missed"
    del cell.cell_contents
    assert g(1.0)[0] == "missed"


def test_guarded_contents():
    table = np.arange(6.0).reshape(2, 3)
    f = entry([REAL], [REAL], guards=Guards(contents=[(table, table.copy())] * 2))
    assert f(1.0) == 2.0
    table[1, 2] = -0.0
    assert f(1.0)[0] == "missed"
    table[1, 2] = 5.0
    assert f(1.0) == 2.0
    empty = np.zeros((0, 3))
    assert entry([REAL], [REAL], guards=Guards(contents=[(empty, empty.copy())]))(2.0) == 4.0


def test_fixed_arrays_come_behind_the_arguments():
    table, number = np.arange(3.0), 4.0
    body = doubling([VECTOR, REAL, VECTOR], 3)  # twice the argument, the number, the table
    avals = [VECTOR, REAL, VECTOR]
    f = make_entry(body, [VECTOR], avals, missed, single=False, fixed=[number, table])
    assert [np.sum(x) for x in f(np.ones(3))] == [6.0, 8.0, 6.0]
    table[0] = 10.0  # read anew
    assert [np.sum(x) for x in f(np.ones(3))] == [6.0, 8.0, 26.0]
    with pytest.raises(ValueError, match="contiguous"):
        make_entry(body, [VECTOR], avals, missed, single=False, fixed=[number, table[::2]])


def test_unknown_dimensions_are_refused():
    with pytest.raises(ValueError, match="unknown size"):
        make_entry(0, [array_aval((-1,), F8)], [VECTOR], missed, single=True)


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("arena", [0, 64, 1000, 4096, 5000, 300_000])
@pytest.mark.parametrize("release", [False, True])
def test_scratch_memory(arena, release):
    f = entry([VECTOR], [VECTOR], arena=arena, release=release)
    for _ in range(3):
        assert f(np.ones(3)).tolist() == [2.0] * 3


def test_nothing_leaks():
    x, missing = np.ones(3), np.ones(4)
    guard = object()
    scalar = array_aval((), F4)
    inputs = [VECTOR, REAL, scalar, INT]
    f = entry(inputs, inputs, arena=10_000, guards=Guards([({"g": guard}, "g", guard)]))
    bad = entry(inputs, inputs, status=1, arena=100)
    args = (x, 2.5, F4(1), 10**6)
    watched = [x, missing, guard, VECTOR.dtype, F4, None, running, *args[1:]]

    def burst():
        for _ in range(20_000):
            f(*args)
            bad(*args)
            f(missing, *args[1:])

    burst()
    counts, blocks = [sys.getrefcount(o) for o in watched], sys.getallocatedblocks()
    burst()
    after = [sys.getrefcount(o) for o in watched]
    assert [abs(a - b) < 50 for a, b in zip(after, counts, strict=True)] == [True] * len(watched)
    assert abs(sys.getallocatedblocks() - blocks) < 500


def test_an_entry_dies_with_its_state():
    class Token:
        pass

    freed = []
    for _ in range(3):
        keep, other = Token(), Token()
        f = entry([REAL], [REAL], keep=keep)
        weakref.finalize(keep, freed.append, 1)
        assert f(1.0) == 2.0
        del keep, other, f
    gc.collect()
    assert freed == [1, 1, 1]


def test_threads_share_an_entry():
    aval = array_aval((1000,), F8)
    f = entry([aval], [aval], arena=20_000, release=True)
    wrong = []

    def work(k):
        x = np.full(1000, float(k))
        for _ in range(300):
            if not (f(x) == 2 * k).all():
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == [] and calls_of(f) == 1800
