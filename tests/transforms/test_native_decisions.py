"""Trees of decisions as one native program: made when they stand still, equal to plain Python."""

import threading
import types

import numpy as np
import pytest

from funcgrad import grad, hessian, jit, stop_gradient, value_and_grad, vmap
from funcgrad.backends.llvm.entry import doors
from funcgrad.backends.llvm.machine import available

REASON = available() or doors()
pytestmark = pytest.mark.skipif(REASON is not None, reason=f"no native programs here: {REASON}")


def whole(f):
    (entry,) = f.entries.values()
    return entry.whole


def is_native(f):
    return whole(f).native is not None


def in_front(f):
    return isinstance(type(f).__call__, types.BuiltinFunctionType)


def same(x, y, rtol=1e-14):
    np.testing.assert_allclose(x, y, rtol=rtol)
    assert type(x) is type(y)
    assert getattr(x, "dtype", None) == getattr(y, "dtype", None)


def checked(f, *calls, rounds=4, rtol=1e-14):
    """A jitted f, called with all arguments until it is native; it is always equal to f."""
    jitted = jit(f)
    for _ in range(rounds):
        for args in calls:
            same(jitted(*args), f(*args), rtol)
    assert is_native(jitted), whole(jitted).tier.why
    calls_in_python = jitted.calls
    for args in calls:
        same(jitted(*args), f(*args), rtol)
    if in_front(jitted):
        assert jitted.calls == calls_in_python
    assert jitted.traces == len(next(iter(jitted.entries.values())).leaves)
    return jitted


# -- outcomes ---------------------------------------------------------------------------------


def test_if_and_elif():
    def f(x):
        if x > 2.0:
            return np.sin(x)
        elif x > 0.0:
            return x * np.exp(x)
        return np.cos(x) - 1.0

    g = checked(f, (3.0,), (1.0,), (-1.0,))
    assert in_front(g) and g.traces == 3
    assert np.isnan(g(np.nan)) and g.traces == 3  # all comparisons are false


def newton(a):
    x = a * 0.5 + 1.0
    while abs(x * x - a) > 1e-12:
        x = 0.5 * (x + a / x)
    return x


def test_while_loops():
    g = checked(newton, (2.0,), (9.0,), (3.0,))
    before = g.calls
    same(g(2.5), newton(2.5))
    assert g.calls - before <= 1
    assert whole(g).tier.why == "native"


def test_nested_decisions_on_values_of_earlier_segments():
    def f(x, y):
        s = np.sum(x * x)
        if s > 10.0:
            x = x / np.sqrt(s)
            if np.max(x) > y:
                x = x - s * 0.01
        elif s > 5.0:
            y = y + s
        while np.sum(x) < y:
            x = x + s * 0.25
        return np.cumsum(x) * y + s

    x = np.linspace(-1.0, 2.0, 40)
    calls = [(x, 1.0), (x * 0.1, 1.0), (x * 0.4, 1.0), (x * 3.0, 100.0), (x * 0.45, 0.5)]
    checked(f, *calls, rtol=1e-12)


def test_integer_outcomes():
    def f(x, n):
        for i in range(int(n)):
            x = np.sin(x) + i
        return x

    calls = [(np.ones(3), n) for n in (0, 1, 3, 7)]
    g = checked(f, *calls)
    same(g(np.ones(3), 5), f(np.ones(3), 5))
    assert g.traces == 5

    def h(x, table):
        return x * [1.0, 2.0, 3.0][table]

    checked(h, *[(2.0, np.uint8(k)) for k in (0, 1, 2)])


def test_numbers_that_leave():
    def f(x):
        k = float(stop_gradient(np.floor(x)))
        return x * k

    g = checked(f, (1.5,), (2.5,), (-0.5,))
    assert g.traces == 3

    def whole_part(x):
        return x * int(stop_gradient(x)) + stop_gradient(np.rint(x)).item()

    checked(whole_part, *[(np.float32(x),) for x in (1.5, -1.5, 0.25, -0.25)])
    h = jit(whole_part)
    with pytest.raises(ValueError, match="NaN"):
        h(np.nan)


def test_truth_of_numbers():
    def f(x, n):
        return x + 1.0 if x and n else x - 1.0

    g = checked(f, (1.0, 2), (0.0, 2), (-0.0, 1), (1.0, 0))
    assert np.isnan(g(np.nan, 1))
    checked(lambda x: np.sum(x) if np.all(x > 0) else np.prod(x), (np.ones(50),), (-np.ones(50),))
    checked(lambda x: x * 2 if x[0] > 1 else x, (np.arange(3),), (np.arange(3) + 2,))
    checked(lambda x: min(x, 3.0 * x) + max(x, 0.5), (1.0,), (-1.0,), (0.4,))


def test_many_shapes_and_kinds_of_results():
    def f(x):
        a = np.outer(x, x)
        if a[0, 0] > 1.0:
            return a, np.sum(a, axis=1), x[0]
        return a * 0.5, x, a[0, 1]

    plain = jit(f)
    for k in (1.0, 2.0, 1.0, 2.0, 1.0, 2.0):
        x = np.linspace(0.9, 2.0, 20) * k
        for mine, theirs in zip(plain(x), f(x), strict=True):
            same(mine, theirs)
    assert is_native(plain) and in_front(plain)

    def g(d):
        return {"a": d["x"] * 2.0} if d["x"] > 0.0 else {"a": -d["x"]}

    h = jit(g)
    for x in (1.0, -1.0) * 4:
        assert h({"x": x}) == g({"x": x})
    assert is_native(h) and not in_front(h)


# -- when -------------------------------------------------------------------------------------


def steps(x, n):
    return x + 1.0 if n == 0 else x * n if int(n) else x


def test_compiled_when_it_stands_still_and_again_when_it_has_doubled():
    g = jit(steps)
    states = []
    for n in (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3):
        assert g(2.0, n) == steps(2.0, n)
        states.append(whole(g).paths)
    # paths 1: after two calls; 2: at once, doubled, after two; 3 waits; 4 has doubled
    assert states == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 4, 4]
    for _ in range(3):
        assert g(2.0, 5) == 10.0
    assert whole(g).paths == 4 and g(2.0, 0) == 3.0  # the old form is still in front
    for k in range(70):
        assert g(2.0, 5) == 10.0
        assert whole(g).paths == (4 if k < 61 else 5)


def test_numpy_never_and_llvm_soon():
    never = jit(newton, backend="numpy")
    soon = jit(newton, backend="llvm")
    for k in range(6):
        same(never(2.0), newton(2.0))
        same(soon(2.0), newton(2.0))
        assert is_native(soon) == (k > 0)
    (entry,) = never.entries.values()
    assert entry.whole is None and not in_front(never)


def test_a_new_outcome_after_compilation():
    g = checked(newton, (2.0,))
    traces = g.traces
    same(g(1e6), newton(1e6))
    assert g.traces == traces + 1 and in_front(g)
    same(g(2.0), newton(2.0))
    for _ in range(5):
        same(g(1e6), newton(1e6))
    assert whole(g).paths == 2


def test_very_long_trees_stay_in_parts(monkeypatch):
    monkeypatch.setattr("funcgrad.config.native_equations", 20)

    def f(x):
        while x < 20.0:
            x = x * 1.1 + np.exp(-x)
        return x

    g = jit(f)
    for _ in range(5):
        same(g(0.5), f(0.5))
    assert whole(g).refused and "too long" in whole(g).tier.why


# -- what stays as it was ---------------------------------------------------------------------


def test_other_structures_of_results_stay_on_the_old_path():
    def f(x):
        return (x, x) if x > 0.0 else x

    g = jit(f)
    for x in (1.0, -1.0) * 5:
        assert g(x) == f(x)
    assert is_native(g) and g.traces == 2
    before = g.calls
    assert (g(2.0), g(-3.0)) == ((2.0, 2.0), -3.0)
    assert g.calls == before + 1  # the first path's is native

    h = jit(lambda x: np.sin(x) if x > 1.0 else -x if x > 0.0 else x * x)
    for x in (1.5, 0.5, -1.5) * 6:
        same(h(x), np.sin(x) if x > 1.0 else -x if x > 0.0 else x * x)
    before = h.calls
    for x in (1.5, 0.5, -1.5):  # Python floats in most paths
        same(h(x), np.sin(x) if x > 1.0 else -x if x > 0.0 else x * x)
    assert h.calls == before + 1


def test_what_has_no_native_form_stays():
    def f(x):
        e = x.astype(np.complex128) * 1j
        return np.imag(e * 2.0) if x[0, 0] > 0.0 else np.imag(e)

    g = jit(f)
    for s in (1.0, -1.0) * 4:
        same(g(np.eye(3) * s), f(np.eye(3) * s))
    assert whole(g).refused and "native form" in whole(g).tier.why


def test_arrays_that_python_was_told_stay():
    def f(x):
        return np.sum(x[x > 0.5]) if x[0] > 0.0 else np.sum(x)

    g = jit(f)
    x = np.array([1.0, 0.2, 3.0])
    for s in (1.0, -1.0) * 4:
        same(g(x * s), f(x * s))
    assert whole(g).refused and "told" in whole(g).tier.why


# -- failures ---------------------------------------------------------------------------------


def test_the_users_except():
    def f(k):
        jitter = 0.0
        while True:
            try:
                factor = np.linalg.cholesky(k + jitter * np.eye(3))
                return np.sum(np.log(np.diagonal(factor))) + jitter
            except np.linalg.LinAlgError:
                jitter = jitter * 10.0 + 1.0

    good, bad = np.eye(3) * 2.0, np.diag([1.0, 2.0, -0.5])
    g = jit(f)
    for k in (good, good, good, good, bad, bad, bad, good, bad):
        same(g(k), f(k))
    assert is_native(g) and g.traces == 2


def test_a_failure_whose_value_nobody_reads():
    def f(k):
        try:
            np.linalg.cholesky(k)
            return k[0, 0] * 2.0
        except np.linalg.LinAlgError:
            return k[0, 0] * 0.0 - 1.0

    good, bad = np.eye(3) * 2.0, np.diag([1.0, 2.0, -0.5])
    g = jit(f)
    for k in (good, good, good, good, bad, bad, bad, bad, good, bad):
        same(g(k), f(k))
    assert is_native(g) and g(bad) == -1.0


def test_an_error_that_nobody_catches():
    def f(k):
        x = np.linalg.solve(k, np.ones(3))
        return x if x[0] > 0.0 else -x

    g = checked(f, (np.eye(3),), (-np.eye(3),))
    with pytest.raises(np.linalg.LinAlgError):
        g(np.zeros((3, 3)))
    same(g(np.eye(3)), f(np.eye(3)))


# -- what is captured -------------------------------------------------------------------------

weights = np.linspace(0.0, 1.0, 3000)
few = np.arange(4.0)
scale = 2.0


def test_captured_arrays_that_change_content():
    def f(x):
        y = weights * x
        return np.sum(y) if y[1] > 0.0 else np.sum(y * y) + scale

    g = checked(f, (1.0,), (-1.0,), rtol=1e-12)
    assert len(whole(g).fixed) == 1 and in_front(g)
    weights[:] = weights[::-1].copy()
    try:
        for x in (1.0, -1.0, 1.0):
            same(g(x), f(x), 1e-12)
    finally:
        weights[:] = weights[::-1].copy()

    def h(x):
        return few[1] * x if few[2] * x > 1.0 else np.sum(few) * x

    k = checked(h, (1.0,), (-1.0,))
    few[1] = 7.0
    try:
        for x in (1.0, -1.0) * 4:
            same(k(x), h(x))
        assert "few" in k.explain()
    finally:
        few[1] = 1.0


def test_changed_numbers_are_seen():
    global scale

    def f(x):
        return x * scale if x > scale else x - scale

    g = checked(f, (5.0,), (1.0,))
    scale = 3.0
    try:
        for x in (5.0, 1.0, 2.5) * 3:
            assert g(x) == f(x)
    finally:
        scale = 2.0


# -- together with transforms -----------------------------------------------------------------


def test_gradients_through_decided_code():
    for a in (2.0, 9.0):
        same(grad(newton)(a), 0.5 / np.sqrt(a), 1e-9)
    g = jit(grad(newton))
    for a in (2.0, 9.0, 3.0) * 4:
        same(g(a), grad(newton)(a), 1e-12)
    assert is_native(g)

    def f(x):
        s = np.sum(x * x)
        return np.sum(np.sin(x)) * s if s > 1.0 else s * s * s

    x = np.linspace(0.1, 1.0, 30)
    both, second = jit(value_and_grad(f)), jit(hessian(f))
    for k in (1.0, 0.1) * 4:
        for mine, theirs in zip(both(x * k), value_and_grad(f)(x * k), strict=True):
            same(mine, theirs, 1e-12)
        np.testing.assert_allclose(second(x * k), hessian(f)(x * k), rtol=1e-10, atol=1e-14)
    assert is_native(both) and is_native(second)


def test_inside_other_transforms():
    g = checked(newton, (2.0,), (9.0,))
    xs = np.array([2.0, 9.0, 3.0])
    np.testing.assert_allclose(vmap(g)(xs), np.sqrt(xs))
    same(grad(g)(2.0), grad(newton)(2.0))
    h = jit(vmap(newton))
    for _ in range(4):
        np.testing.assert_allclose(h(xs), np.sqrt(xs))


def test_other_layouts_of_arguments():
    def f(x):
        return np.sum(x, axis=0) if x[0, 0] > 0.0 else x[0] * 2.0

    g = checked(f, (np.ones((3, 30)),), (-np.ones((3, 30)),))
    assert in_front(g)
    x = np.arange(90.0).reshape(30, 3).T - 1.0
    traces = g.traces
    for k in (1.0, -1.0):
        same(g(x * k), f(x * k))
        same(g((x * k)[::-1]), f((x * k)[::-1]))
    assert g.traces == traces


def test_memory_of_branches():
    """Values that live across segments keep their memory; branches may share the rest."""

    def f(x):
        a = np.cumsum(x) * 2.0
        b = np.sort(a)[::-1]
        if np.sum(a) > 0.0:
            c = np.cumsum(b) + a
            d = c[::-1].reshape(10, 10)
            if np.max(c) > 10.0:
                return np.ravel(d.T) + a - b
            return np.ravel(d) * b
        c = b[::2]
        if c[0] < 0.5:
            return np.concatenate([c, c]) + np.cumsum(a)
        return a + np.cumsum(b) * x

    x = np.linspace(-1.0, 1.5, 100)
    g = checked(f, (x,), (x * 0.01,), (-x,), (-x * 0.01,), (-x - 3.0,), (np.abs(x),),
                (np.abs(x) * 1e-4,), rtol=1e-12)  # fmt: skip
    assert g.traces >= 4


def test_threads():
    g = jit(newton)
    values = [float(k) for k in range(1, 40)]
    expected = [newton(a) for a in values]
    errors = []

    def work():
        try:
            for _ in range(6):
                for a, e in zip(values, expected, strict=True):
                    same(g(a), e)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and is_native(g)


def test_a_path_without_decisions_is_simplified_as_one():
    """Steps that may fail part the program for Python; native code sees across them."""

    @jit
    def f(k, y):
        lower = np.linalg.cholesky(k)
        return np.sum(np.linalg.solve(lower, y) ** 2)

    root = np.random.default_rng(1).normal(size=(20, 20))
    k, y = root @ root.T + 20 * np.eye(20), np.ones(20)
    wanted = f(k, y)
    for _ in range(6):
        np.testing.assert_allclose(f(k, y), wanted, rtol=1e-12)
    assert "triangular_solve" in f.explain()
    with pytest.raises(np.linalg.LinAlgError):
        f(-k, y)
