"""Two threads that differentiate at once, under every interleaving, give the right answers."""

import itertools
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from funcgrad import grad, hvp, jit, vmap
from funcgrad.errors import LeakedTracerError

TIMEOUT = 20.0


class Schedule:
    """Lets threads pass their checkpoints in one fixed order."""

    def __init__(self, order):
        self.order = list(order)
        self.turn = threading.Condition()

    def checkpoint(self, name):
        with self.turn:
            if not self.turn.wait_for(lambda: self.order[0] == name, TIMEOUT):
                raise TimeoutError(f"{name!r} waited in vain; left: {self.order}")
            self.order.pop(0)
            self.turn.notify_all()


def interleavings(names, count):
    """Every order in which two threads can pass ``count`` checkpoints each."""
    for places in itertools.combinations(range(2 * count), count):
        yield [names[0] if i in places else names[1] for i in range(2 * count)]


def in_two_threads(first, second):
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(first), pool.submit(second)]
        return [future.result(TIMEOUT) for future in futures]


def confusing(schedule, name, x):
    """``d/dx x * d/dy (x * y**2)``: 4 x**2 at y = 2, hence 8 x; checkpoints at each border."""

    def inner(y, x):
        schedule.checkpoint(name)
        result = x * y**2
        schedule.checkpoint(name)
        return result

    def outer(x):
        schedule.checkpoint(name)
        slope = grad(lambda y: inner(y, x))(2.0)
        schedule.checkpoint(name)
        return x * slope

    return grad(outer)(x)


def test_every_interleaving_of_two_nested_gradients():
    for order in interleavings("ab", 4):
        schedule = Schedule(order)
        results = in_two_threads(
            lambda s=schedule: confusing(s, "a", 3.0), lambda s=schedule: confusing(s, "b", 5.0)
        )
        assert results == [24.0, 40.0], order
        assert not schedule.order


def test_an_exception_in_one_thread_does_not_reach_the_other():
    def failing(schedule, name):
        def function(x):
            schedule.checkpoint(name)
            schedule.checkpoint(name)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            grad(function)(1.0)
        schedule.checkpoint(name)
        schedule.checkpoint(name)

    for order in interleavings("ab", 4):
        schedule = Schedule(order)
        _, slope = in_two_threads(
            lambda s=schedule: failing(s, "a"), lambda s=schedule: confusing(s, "b", 3.0)
        )
        assert slope == 24.0


@pytest.fixture
def hasty_switching():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def power_sum(x, k):
    total = np.sum(x) * 0
    for i in range(k % 3 + 1):
        total = total + np.sum(np.sin(x) ** (i + 1))
    return total


def shared(x, k):
    """One function for all threads, with a branch and a loop whose length depends on ``k``."""
    total = power_sum(x, k)
    return total if total > 0 else -total


def shared_slope(x, k):
    powers = [(i + 1) * np.sin(x) ** i * np.cos(x) for i in range(k % 3 + 1)]
    return sum(powers) if power_sum(x, k) > 0 else -sum(powers)


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "jit"])
def test_many_threads_on_one_function(hasty_switching, compiled):
    slopes = {k: grad(lambda x, k=k: shared(x, k)) for k in range(3)}
    if compiled:
        slopes = {k: jit(slope) for k, slope in slopes.items()}
    start = threading.Barrier(4)

    def work(worker):
        start.wait(TIMEOUT)
        for k in range(24):
            x = np.linspace(0.1, 1.0 + worker, 2 + (k + worker) % 4)  # several shapes
            expected = shared_slope(x, k)
            np.testing.assert_allclose(slopes[k % 3](x), expected, rtol=1e-12, atol=1e-12)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(4), timeout=60))


def test_many_threads_that_compile_the_same_function(hasty_switching):
    start = threading.Barrier(4)
    for attempt in range(5):
        slope = jit(grad(lambda x, c=float(attempt): np.sum(np.exp(x) * x * c)))

        def work(worker, slope=slope):
            start.wait(TIMEOUT)
            return slope(np.full(3, 0.5))

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(work, range(4), timeout=60))
        np.testing.assert_allclose(results, np.full((4, 3), attempt * 1.5 * np.exp(0.5)))


def test_different_transforms_at_once(hasty_switching):
    x, v = np.array([0.3, 0.9]), np.array([1.0, -2.0])
    jobs = [
        (grad(lambda x: np.sum(x**3)), (x,), 3 * x**2),
        (hvp(lambda x: np.sum(x**3)), (x, v), 6 * x * v),
        (vmap(grad(lambda x: x**3)), (x,), 3 * x**2),
        (jit(lambda x: x**3), (x,), x**3),
    ]
    start = threading.Barrier(len(jobs))

    def work(job):
        function, arguments, expected = job
        start.wait(TIMEOUT)
        for _ in range(30):
            np.testing.assert_allclose(function(*arguments), expected, rtol=1e-12)

    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(work, jobs, timeout=60))


def test_a_traced_value_given_to_another_thread_is_refused():
    """The other thread runs no trace that could record it; a wrong number must not come out."""

    def hands_over(x):
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: x * 2).result(TIMEOUT)

    with pytest.raises(LeakedTracerError):
        grad(hands_over)(1.0)
    assert grad(lambda x: x**2)(3.0) == 6.0
