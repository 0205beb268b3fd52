"""Large captured arrays are read-only during a run, and as they were before after it."""

import threading

import numpy as np
import pytest

import funcgrad as fg
from funcgrad.trace import capture

ROWS, COLUMNS = 1024, 14


@pytest.fixture(autouse=True)
def nothing_held():
    yield
    assert not capture._held


@pytest.fixture
def base():
    return np.ones(ROWS * COLUMNS)


def views(base):
    return base.reshape(ROWS, COLUMNS), base.reshape(COLUMNS, ROWS)


def summed(*arrays):
    return lambda a: sum(np.sum(x * a) for x in arrays)


def test_two_views_of_one_array(base):
    s, t = views(base)
    assert fg.grad(summed(s, t))(2.0) == 2 * base.size
    assert all(x.flags.writeable for x in (base, s, t))


def test_overlapping_rows_of_one_array(base):
    x = base.reshape(ROWS, COLUMNS)
    later, earlier = x[1:], x[:-1]
    fg.grad(summed(later, earlier, x))(2.0)
    assert all(x.flags.writeable for x in (base, x, later, earlier))


def test_the_arrays_are_read_only_meanwhile(base):
    s, t = views(base)

    def f(a):
        found = summed(s, t)(a)
        for x in (s, t, base):
            with pytest.raises(ValueError, match="read-only"):
                x[0] = 0.0
        return found

    fg.grad(f)(2.0)


def test_a_function_that_fails_locks_nothing(base):
    s, t = views(base)

    def f(a):
        summed(s, t)(a)
        raise KeyError("no")

    with pytest.raises(KeyError):
        fg.grad(f)(2.0)
    assert all(x.flags.writeable for x in (base, s, t))


def test_nested_transforms(base):
    s, t = views(base)

    def f(a):
        inner = fg.grad(summed(s))(a)
        return np.sum(t * a) * inner * a

    fg.hessian(f)(2.0)
    fg.jit(fg.grad(f))(2.0)
    assert all(x.flags.writeable for x in (base, s, t))


def test_a_base_that_was_read_only_stays_so(base):
    s, t = views(base)
    base.flags.writeable = False
    fg.grad(summed(s, t))(2.0)
    assert not base.flags.writeable
    assert s.flags.writeable and t.flags.writeable
    base.flags.writeable = True


def test_what_was_read_only_stays_so(base):
    s, t = views(base)
    t.flags.writeable = False
    fg.grad(summed(s, t))(2.0)
    assert base.flags.writeable and s.flags.writeable and not t.flags.writeable


def test_threads_that_hold_one_base(base):
    """Each ends while the other still runs, once in either order."""
    s, t = views(base)
    both, first = threading.Barrier(2), threading.Event()
    errors = []

    def work(x, waits):
        def f(a):
            found = summed(x)(a)
            both.wait(10)
            if waits:
                assert first.wait(10)
                assert not base.flags.writeable
            return found

        try:
            fg.grad(f)(2.0)
            assert x.flags.writeable
        except BaseException as error:
            errors.append(error)
        first.set()

    for pair in ((s, t), (t, s)):
        first.clear()
        threads = [threading.Thread(target=work, args=(x, k)) for k, x in enumerate(pair)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not errors
        assert all(x.flags.writeable for x in (base, s, t))
