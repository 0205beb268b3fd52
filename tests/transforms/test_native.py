"""Native entries as the call of a jitted function: installed, chained, outdated, removed."""

import gc
import inspect
import threading
import types
import weakref

import numpy as np
import pytest

from funcgrad import grad, jit
from funcgrad.backends.llvm.entry import Native, doors
from funcgrad.backends.llvm.ir import Module
from funcgrad.backends.llvm.machine import available, machine
from funcgrad.trace.guards import guards_of
from funcgrad.transforms.compiled import Leaf
from funcgrad.transforms.native import checks

REASON = available() or doors()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no native programs here: {REASON}")

counter = iter(range(10**6))
factor = 3.0
table = np.arange(3.0)
module = types.ModuleType("user_constants")
module.SCALE = 2.0


def compiled(leaf, ops):
    """By hand: output k is the sum over all inputs, element by element, times ``ops[k]``."""
    avals = [v.aval for v in leaf.jaxpr.invars]
    outs = [v.aval for v in leaf.jaxpr.outvars]
    text, name = Module(), f"hand{next(counter)}"
    f = text.function(name, "i32", ["ptr", "ptr", "ptr"], linkage="")
    size = max(a.size for a in avals)
    for k, scale in enumerate(ops):
        z = f.load("ptr", f.at(f.args[1], k, "ptr"))
        with f.loop(0, size) as i:
            total = f.const("double", 0.0)
            for j, aval in enumerate(avals):
                x = f.load("ptr", f.at(f.args[0], j, "ptr"))
                total = total + f.load("double", f.at(x, i if aval.size == size else 0, "double"))
            f.store(total * scale, f.at(z, i, "double"))
    f.ret(f.const("i32", 0))
    return Native(machine().addresses(text.text(), [name])[0], avals, outs, name=name)


def make_native(jitted, *scales):
    """Give the paths of a jitted function hand-written code."""
    for entry in list(jitted.entries.values()):
        leaf = entry.start
        if leaf.__class__ is Leaf and leaf.native is None:
            leaf.native = compiled(leaf, scales)


def is_installed(jitted):
    return isinstance(type(jitted).__call__, types.BuiltinFunctionType)


def ready(f, *args, scales=(1.0,)):
    jitted = jit(f)
    jitted(*args)
    make_native(jitted, *scales)
    jitted(*args)
    return jitted


def test_a_native_call_is_installed_and_counted():
    f = ready(lambda x, y: x + y, np.ones(3), 2.0)
    assert is_installed(f)
    assert f(np.ones(3), 3.0).tolist() == [4.0] * 3
    assert f.cache_info()[:3] == (3, 1, 1)
    assert f(np.ones(4), 3.0).tolist() == [4.0] * 4  # another signature
    assert f(np.ones((2, 2))[:, :1], 3.0).shape == (2, 1)
    assert f.cache_info()[:3] == (5, 3, 3)
    assert inspect.signature(f) == inspect.signature(lambda x, y: 0)
    with pytest.raises(TypeError, match="positional argument"):
        f(np.ones(3))
    f.clear()
    assert not is_installed(f) and f.cache_info().signatures == 0
    assert f(np.ones(3), 3.0).tolist() == [4.0] * 3


def test_tuples_of_results():
    f = ready(lambda x, y: (x + y, 2.0 * (x + y)), 1.0, 2.0, scales=(1.0, 2.0))
    assert is_installed(f) and f(1.5, 2.0) == (3.5, 7.0)
    g = ready(lambda x: {"a": x}, 1.0)
    assert not is_installed(g) and g(2.0) == {"a": 2.0}
    assert g.entries.popitem()[1].leaves[0].direct is not None


def test_signatures_chain_and_are_bounded():
    f = jit(lambda x: x * 1.0)
    for n in range(1, 8):
        f(np.ones(n))
        make_native(f, 1.0)
        f(np.ones(n))
        assert is_installed(f)
    assert len(f.chain.built) == 4
    before = f.calls
    for n in range(1, 8):
        assert f(np.full(n, 2.0)).tolist() == [2.0] * n
    assert f.calls == before + 3  # four answered by native entries
    assert f.cache_info().calls == 21


def test_a_changed_global_uninstalls():
    global factor
    f = ready(lambda x: x * factor, 2.0, scales=(3.0,))
    assert is_installed(f) and f(4.0) == 12.0
    factor = 5.0
    try:
        assert f(4.0) == 20.0
        assert not is_installed(f) and f.cache_info()[:2] == (4, 2)
    finally:
        factor = 3.0
    assert f(4.0) == 12.0


def test_an_equal_number_in_a_new_object_is_native_again():
    global factor
    f = ready(lambda x: x * factor, 2.0, scales=(3.0,))
    for _ in range(3):
        factor = float("3")
        before = f.calls
        assert [f(4.0) for _ in range(5)] == [12.0] * 5
        assert f.calls == before + 1 and is_installed(f)
    for _ in range(100):  # at some point it is left to Python
        factor = float("3")
        assert f(4.0) == 12.0
    before = f.calls
    assert f(4.0) == 12.0 and f.calls == before + 1
    assert f.cache_info()[:2] == (118, 1)


def test_a_changed_cell_default_or_module_constant_uninstalls():
    a = 2.0
    f = ready(lambda x: x * a, 2.0, scales=(2.0,))
    assert is_installed(f)
    a = 3.0
    assert f(1.0) == 3.0

    def g(x, n=2.0):
        return x * n

    h = ready(g, 2.0, scales=(2.0,))
    assert is_installed(h)
    g.__defaults__ = (7.0,)
    assert h(1.0) == 7.0
    k = ready(lambda x: x * module.SCALE, 2.0, scales=(2.0,))
    assert is_installed(k)
    module.SCALE = 4.0
    assert k(1.0) == 4.0


def test_a_changed_small_array_uninstalls():
    f = ready(lambda x: x + table, np.ones(3))
    assert is_installed(f) and f(np.ones(3)).tolist() == [1.0, 2.0, 3.0]
    table[0] = 10.0
    try:
        assert f(np.ones(3)).tolist() == [11.0, 2.0, 3.0]
        assert not is_installed(f)
    finally:
        table[0] = 0.0


def test_guards_that_need_python():
    options, frozen = [1.0, 2.0], (1.0, ("a", None))
    assert checks(guards_of(lambda x: x * options[0])) is None
    assert checks(guards_of(lambda x: x * frozen[0])) is not None


def test_inside_a_trace_python_runs():
    f = ready(lambda x: x * factor, 2.0, scales=(3.0,))
    assert grad(f)(2.0) == 3.0
    assert f(2.0) == 6.0


def test_arguments_that_are_not_plain():
    f = ready(lambda x: x * 2.0, np.ones(3), scales=(2.0,))
    assert is_installed(f)
    x = np.arange(6.0)
    assert f(x[::2]).tolist() == [0.0, 4.0, 8.0]
    assert f(x[2::-1]).tolist() == [4.0, 2.0, 0.0]
    assert f(np.arange(3.0).astype(">f8")).tolist() == [0.0, 2.0, 4.0]
    raw = np.zeros(25, np.uint8)[1:].view(float)
    raw[:] = 1.0
    assert f(raw).tolist() == [2.0] * 3
    assert f(x=np.ones(3)).tolist() == [2.0] * 3


def test_trees_go_to_native_code_flat():
    f = ready(lambda p, x: p["a"] + p["b"] + x, {"a": 1.0, "b": 2.0}, 3.0)
    leaf = next(iter(f.entries.values())).start
    assert leaf.direct is not None and not is_installed(f)
    assert f({"a": 10.0, "b": 2.0}, 3.0) == 15.0
    assert f(p={"a": 10.0, "b": 2.0}, x=3.0) == 15.0


def test_methods():
    class Model:
        scale = 2.0

        @jit
        def double(self, x):
            return x * self.scale

    m = Model()
    assert m.double(3.0) == 6.0
    make_native(Model.__dict__["double"], 2.0)
    assert m.double(3.0) == 6.0 and m.double(5.0) == 10.0


def test_decisions_stay_with_python():
    f = jit(lambda x: x if x > 0 else -x)
    f(1.0), f(-1.0)
    make_native(f, 1.0)
    assert f(-2.0) == 2.0 and not is_installed(f)


def test_a_dead_function_frees_its_code():
    f = ready(lambda x: x * 2.0, 1.0, scales=(2.0,))
    cls, self = weakref.ref(type(f)), weakref.ref(f)
    del f
    gc.collect()
    assert cls() is None and self() is None


def test_threads_while_signatures_come_and_go():
    f = jit(lambda x: x * 2.0)
    wrong = []

    def work(k):
        for i in range(200):
            n = 1 + (i + k) % 6
            if f(np.full(n, float(k))).tolist() != [2.0 * k] * n:
                wrong.append((k, n))
            if i % 50 == 10:
                make_native(f, 2.0)
            if i % 77 == 76:
                f.clear()

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert wrong == []
