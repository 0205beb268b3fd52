"""jit: decisions, guards, static arguments, failures, and what it says about itself."""

import dataclasses
import functools

import numpy as np
import pytest

from funcgrad import ShapeDtype, grad, hvp, jit, make_jaxpr, vmap
from funcgrad.errors import ConcretizationError, ImpureCallError

X = np.array([0.5, 2.0, -1.0])
SCALE = 2.0
TABLE = {"gain": 3.0, "offsets": [1.0, 2.0]}
WEIGHTS = np.array([1.0, 2.0, 3.0])


def count_runs(function):
    """The function, and a list that grows with each run of its Python body."""
    runs = []

    @functools.wraps(function)
    def counted(*args, **kwargs):
        runs.append(1)
        return function(*args, **kwargs)

    return counted, runs


def test_python_runs_once_per_signature():
    f, runs = count_runs(lambda x: np.sum(np.sin(x) * x))
    compiled = jit(f)
    for _ in range(3):
        np.testing.assert_allclose(compiled(X), np.sum(np.sin(X) * X))
    assert len(runs) == 1
    compiled(X[:2])
    compiled(X.astype(np.float32))
    compiled(2.0)
    assert len(runs) == 4
    assert compiled.cache_info() == (6, 4, 4, 4)


def test_if_and_while_and_min_follow_the_values():
    def f(x):
        while np.sum(x) > 1:
            x = x / 2
        low = min(x[0], x[1])
        return low * 3 if x[0] > 0 and x[1] > 0 else -np.sum(x**2)

    compiled, slope = jit(f), jit(grad(f))
    for point in ([0.1, 0.2], [5.0, 3.0], [-1.0, 4.0], [40.0, 2.0], [0.3, 0.1], [5.5, 3.1]):
        x = np.array(point)
        np.testing.assert_allclose(compiled(x), f(x))
        np.testing.assert_allclose(slope(x), grad(f)(x))
    assert compiled.cache_info().traces < compiled.cache_info().calls + 1


def test_known_branches_do_not_run_python():
    f, runs = count_runs(lambda x: x**2 if x > 0 else -x)
    compiled = jit(f)
    assert [compiled(v) for v in (1.0, -1.0, 3.0, -3.0)] == [1.0, 1.0, 9.0, 3.0]
    assert len(runs) == 2


def test_integers_and_sorting_decide():
    def f(x, n):
        total = x * 0
        for i in range(int(n)):
            total = total + x**i
        return total

    compiled = jit(f)
    for n in (0, 1, 3, 2, 3):
        np.testing.assert_allclose(compiled(2.0, np.int64(n)), f(2.0, n))
    assert compiled.cache_info().paths == 4

    order = jit(lambda x: sorted([x[0], x[1], x[2]])[0] * 2)
    for x in (X, X[::-1].copy(), X * -1):
        np.testing.assert_allclose(order(x), 2 * np.min(x))


def test_masks_decide_by_content():
    compiled = jit(grad(lambda x: np.sum(x[x > 0] ** 2)))
    for x in (X, -X, X * 0, X):
        np.testing.assert_allclose(compiled(x), np.where(x > 0, 2 * x, 0.0))


def test_strict_branches():
    with pytest.raises(ConcretizationError, match=r"branches='error'.*test_jit\.py"):
        jit(lambda x: x if x > 0 else -x, branches="error")(1.0)
    with pytest.raises(ValueError, match="branches"):
        jit(np.sin, branches="maybe")


# -- guards --------------------------------------------------------------------------------------


def scaled(x):
    return helper(x) * SCALE + TABLE["gain"] * TABLE["offsets"][0]


def helper(x):
    return x + WEIGHTS[0] * 10


def test_changed_globals_are_seen(monkeypatch):
    compiled = jit(scaled)
    assert compiled(1.0) == scaled(1.0)
    for name, value in {
        "SCALE": 5.0,
        "WEIGHTS": np.array([7.0]),
        "TABLE": {"gain": 1.0, "offsets": [0.5]},
    }.items():
        monkeypatch.setitem(globals(), name, value)
        assert compiled(1.0) == scaled(1.0)
    TABLE["offsets"][0] = -4.0
    assert compiled(1.0) == scaled(1.0)
    WEIGHTS[0] = -1.0
    assert compiled(1.0) == scaled(1.0)
    monkeypatch.setitem(globals(), "helper", lambda x: x * 100)
    assert compiled(1.0) == scaled(1.0)
    assert any("SCALE" in line for line in compiled.explain().splitlines() if "re-traced" in line)


def test_changed_closure_cells_are_seen():
    rate, buffer = 0.5, np.ones(3)
    compiled = jit(lambda x: np.sum(x * buffer) * rate)
    assert compiled(X) == 0.75
    rate = 2.0
    assert compiled(X) == 3.0
    buffer[:] = 2.0
    assert compiled(X) == 6.0
    buffer = np.zeros(3)
    assert compiled(X) == 0.0


def test_a_large_closed_over_array_is_read_anew():
    big = np.ones(50_000)
    compiled = jit(lambda x: np.sum(big * x))
    assert compiled(2.0) == 100_000
    big[:] = 3.0
    assert compiled(2.0) == 300_000


def test_methods_and_attributes():
    class Model:
        def __init__(self):
            self.rate = 2.0

        def loss(self, x):
            return self.rate * x**2

    model = Model()
    compiled = jit(model.loss)
    assert compiled(3.0) == 18.0
    model.rate = 1.0
    assert compiled(3.0) == 9.0


def test_a_jitted_method():
    class Scaled:
        rate = 3.0

        @jit
        def times(self, x):
            return self.rate * x

    one = Scaled()
    assert one.times(2.0) == 6.0
    assert Scaled.times(one, 1.0) == 3.0


def test_guards_do_not_retrace_without_need():
    f, runs = count_runs(scaled)
    compiled = jit(f)
    for _ in range(5):
        compiled(1.0)
    assert len(runs) == 1


# -- arguments -----------------------------------------------------------------------------------


@dataclasses.dataclass
class Parameters:
    w: np.ndarray
    name: str = "linear"


def test_static_and_structured_arguments():
    def f(x, power, *, mode="sum", extra=None):
        y = x["a"] ** power + (0 if extra is None else extra)
        return np.sum(y) if mode == "sum" else np.max(y)

    compiled = jit(f, static_argnums=1)
    tree = {"a": X}
    for power in (2, 3):
        for mode in ("sum", "max"):
            np.testing.assert_allclose(compiled(tree, power, mode=mode), f(tree, power, mode=mode))
    np.testing.assert_allclose(compiled(tree, 2, extra=X), f(tree, 2, extra=X))
    by_name = jit(f, static_argnames="power")
    np.testing.assert_allclose(by_name(tree, power=2), f(tree, 2))


def test_dataclasses_and_strings():
    compiled = jit(lambda p, x: {"y": p.w @ x, "z": (x,)} if p.name == "linear" else None)
    out = compiled(Parameters(np.ones(3)), X)
    np.testing.assert_allclose(out["y"], 1.5)
    np.testing.assert_allclose(out["z"][0], X)


def test_unhashable_static_argument():
    with pytest.raises(TypeError, match=r"argument 1.*list.*cannot be hashed"):
        jit(lambda x, n: x, static_argnums=1)(1.0, [1, 2])


def test_decorator_with_options():
    @jit(static_argnames="n")
    def power(x, n):
        return x**n

    assert power(2.0, n=3) == 8.0
    assert power.__name__ == "jit(power)"


# -- with other transforms -------------------------------------------------------------------------


def test_inside_and_outside_other_transforms():
    f = lambda x: np.sum(np.sin(x) * x**2) if x[0] > 0 else np.sum(x)
    inner = jit(f)
    np.testing.assert_allclose(grad(inner)(X), grad(f)(X))
    np.testing.assert_allclose(jit(grad(inner))(X), grad(f)(X))
    np.testing.assert_allclose(jit(hvp(f))(X, X), hvp(f)(X, X))
    batch = np.stack([X, X + 1, -X])
    np.testing.assert_allclose(jit(vmap(grad(inner)))(batch), vmap(grad(f))(batch))
    np.testing.assert_allclose(jit(jit(f))(X), f(X))


def test_exceptions_leave_nothing_behind():
    @jit
    def f(x):
        if x > 10:
            raise KeyError("too large")
        return x * 2

    assert f(1.0) == 2.0
    for _ in range(2):
        with pytest.raises(KeyError):
            f(11.0)
    assert f(2.0) == 4.0


def test_too_many_outcomes(monkeypatch):
    from funcgrad import config

    monkeypatch.setattr(config, "max_decisions", 8)
    compiled = jit(lambda x, n: x * int(n))
    with pytest.raises(ConcretizationError, match="outcomes"):
        for n in range(20):
            compiled(1.0, np.int64(n))


def test_impure_calls():
    with pytest.raises(ImpureCallError, match=r"clock|time\.time"):
        import time

        jit(lambda x: x * time.time())(1.0)
    with pytest.raises(ImpureCallError) as caught:
        jit(lambda x: x * np.random.normal())(1.0)
    assert any("np.random.normal (test_jit.py" in note for note in caught.value.__notes__)
    seeded = jit(lambda x: x + np.random.default_rng(0).normal())
    assert seeded(1.0) == 1.0 + np.random.default_rng(0).normal()


# -- what it says --------------------------------------------------------------------------------


def test_source_and_explanation():
    @jit
    def area(width, height):
        return width * height if width > 0 else height * 0

    area(2.0, 3.0)
    area(-2.0, 3.0)
    text = area.explain()
    assert "traces=2" in text and "width" in text and "is True" in text
    assert area.source.count("def program") == 2
    area.clear()
    assert area.cache_info().signatures == 0


def test_make_jaxpr_shows_names_and_runs():
    def f(x):
        angle = np.sin(x)
        return 2.0 * angle

    jaxpr = make_jaxpr(f)(X)
    assert "angle:f64[3] = sin x" in str(jaxpr)
    np.testing.assert_allclose(jaxpr(X), f(X))
    abstract = make_jaxpr(f)(ShapeDtype((4,), np.float32))
    assert "f32[4]" in str(abstract)
