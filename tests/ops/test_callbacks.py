"""Callbacks run when programs do: once, in order, in every transform; and check their results."""

import numpy as np
import pytest

from funcgrad import (
    ShapeDtype,
    checkpoint,
    cond,
    config,
    custom_jvp,
    custom_vjp,
    debug,
    disable_jit,
    fori_loop,
    grad,
    hessian,
    io_callback,
    jacfwd,
    jacrev,
    jit,
    jvp,
    make_jaxpr,
    pure_callback,
    scan,
    stop_gradient,
    vjp,
    vmap,
    while_loop,
)
from funcgrad.errors import DifferentiationError, ShapeError, StructureError
from funcgrad.ops.callbacks import Callback

F64 = ShapeDtype((), np.float64)


class Notes:
    """What a function noted while it was called three times: the same each time."""

    def __init__(self):
        self.seen = []

    def __call__(self, x):
        self.seen.append(np.asarray(x).tolist())

    def of(self, f, *args):
        runs = []
        for _ in range(3):
            self.seen.clear()
            f(*args)
            runs.append(list(self.seen))
        assert runs[0] == runs[1] == runs[2]
        return runs[0]


@pytest.fixture
def note():
    return Notes()


TRANSFORMS = {
    "plain": lambda f: f,
    "grad": grad,
    "jit": jit,
    "jit of grad": lambda f: jit(grad(f)),
    "grad of jit": lambda f: grad(jit(f)),
    "grad of grad": lambda f: grad(grad(f)),
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,)),
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_once_per_run(transform, note):
    def f(x):
        debug.callback(note, x)
        return np.sin(x) * x

    assert note.of(transform(f), 2.0) == [2.0]


@pytest.mark.parametrize("transform", [jacfwd, jacrev, hessian, lambda f: jit(jacfwd(grad(f)))])
def test_jacobians_repeat_no_effect(transform, note):
    def f(x):
        debug.callback(note, x)
        return np.sum(np.sin(x) * x)

    assert note.of(transform(f), np.arange(2.0)) == [[0.0, 1.0]]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_steps_of_loops(transform, note):
    def steps(x):
        def step(c, i):
            debug.callback(note, i)
            return c * x, None

        return scan(step, 1.0, np.arange(3))[0]

    def fori(x):
        return fori_loop(0, 2, lambda i, c: [debug.callback(note, i), c * x][1], x)

    def growing(x):
        return while_loop(lambda c: c < 20, lambda c: [debug.callback(note, c), c * c][1], x)

    assert note.of(transform(steps), 2.0) == [0, 1, 2]
    assert note.of(transform(fori), 2.0) == [0, 1]
    if transform is not TRANSFORMS["grad of grad"]:
        assert note.of(transform(growing), 2.0) == [2.0, 4.0, 16.0]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_branches(transform, note):
    def f(x):
        def yes(x):
            debug.callback(note, "yes")
            return x * x

        def no(x):
            debug.callback(note, "no")
            return x

        return cond(x > 1, yes, no, x)

    assert note.of(transform(f), 2.0) == ["yes"]
    assert note.of(transform(f), 0.5) == ["no"]


def test_python_decisions_under_jit_keep_the_order(note):
    def f(x):
        debug.callback(note, x)
        if x > 1:
            x = x * 2
        debug.callback(note, x)
        return x

    assert note.of(jit(f), 2.0) == [2.0, 4.0]
    assert note.of(vmap(f), np.arange(2.0)) == [0.0, 1.0, 0.0, 1.0]


def test_a_jitted_function_that_would_be_native_still_calls(note):
    @jit
    def f(x):
        debug.callback(note, np.sum(x))
        return x * 2 if np.sum(x) > 0 else x

    for _ in range(20):
        f(np.ones(3))
        f(-np.ones(3))
    assert note.seen == [3.0, -3.0] * 20


def test_checkpoint_runs_effects_once(note):
    def f(x):
        debug.callback(note, x)
        return np.sin(x)

    assert note.of(grad(checkpoint(f)), 2.0) == [2.0]


def test_custom_rules_speak_for_their_functions(note):
    @custom_jvp
    def f(x):
        debug.callback(note, x)
        return x**2

    @custom_vjp
    def g(x):
        debug.callback(note, x)
        return x**2

    f.defjvp(lambda xs, ts: (f(xs[0]), 2 * xs[0] * ts[0]))
    g.defvjp(lambda x: (g(x), x), lambda x, ct: ([debug.callback(note, "back"), 2 * x * ct][1],))
    assert note.of(jit(f), 3.0) == note.of(f, 3.0) == note.of(grad(f), 3.0) == [3.0]
    assert note.of(jit(g), 3.0) == note.of(g, 3.0) == [3.0]
    assert note.of(grad(g), 3.0) == [3.0, "back"]


def test_loops_and_branches_of_a_batch_run_for_all_examples(note):
    def branch(x):
        return cond(x > 1, lambda x: [debug.callback(note, x), x][1], lambda x: x, x)

    def loop(x):
        return while_loop(lambda c: c < 4, lambda c: [debug.callback(note, c), 2 * c][1], x)

    assert note.of(vmap(branch), np.arange(3.0)) == [0.0, 1.0, 2.0]
    assert note.of(vmap(loop), np.array([1.0, 3.0])) == [1.0, 3.0, 2.0, 6.0]


def test_batches_are_examples_in_order(note):
    def f(x, y):
        debug.callback(note, x + y)
        return x * y

    both = vmap(vmap(f, (0, None)), (None, 0))
    assert note.of(both, np.arange(2.0), np.array([10.0, 20.0])) == [10.0, 11.0, 20.0, 21.0]
    assert note.of(vmap(grad(f), (0, None)), np.arange(2.0), 5.0) == [5.0, 6.0]


def test_effects_without_operands_belong_to_the_program(note):
    def f(x):
        debug.callback(note, 7)
        debug.callback(note, 7)
        return x

    assert note.of(jit(f), 1.0) == [7, 7]
    assert note.of(grad(f), 1.0) == [7, 7]


def test_an_effect_is_an_equation_without_results(note):
    def f(x):
        debug.callback(note, x)
        return np.sin(x)

    assert "= debug_callback[" in str(make_jaxpr(f)(1.0))
    assert "= debug_callback[" in str(make_jaxpr(grad(f))(1.0))
    assert note.seen == []


def test_arrays_may_be_kept():
    kept = []

    def f(x):
        y = np.sin(x)
        debug.callback(kept.append, y)
        return y * 2 + 1

    x = np.linspace(0, 1, 100_000)
    jit(f)(x)
    np.testing.assert_array_equal(kept[0], np.sin(x))


def test_print(capsys):
    @jit
    def f(x):
        debug.print("{} and {y:.1f}, {{}}", x, y=x * 2)
        return x

    f(1.0)
    f(2.0)
    assert capsys.readouterr().out == "1.0 and 2.0, {}\n2.0 and 4.0, {}\n"


@pytest.mark.parametrize("call", [
    lambda: debug.print("{}"), lambda: debug.print("{x}", 1.0), lambda: debug.print("none", 1.0),
    lambda: debug.print("{", 1.0),
])  # fmt: skip
def test_print_checks_its_fields(call):
    with pytest.raises(ValueError, match=r"debug\.print"):
        call()


# -- results ------------------------------------------------------------------------------------


def outer(x, y):
    return np.add.outer(x, y)


@pytest.mark.parametrize("method", ["sequential", "expand_dims", "broadcast_all"])
def test_batched_results(method):
    def f(x, y):
        return pure_callback(np.multiply, F64, x, y, vmap_method=method)

    x, y = np.arange(3.0), np.arange(2.0)
    np.testing.assert_array_equal(vmap(f, (0, None))(x, 2.0), 2 * x)
    np.testing.assert_array_equal(jit(vmap(f))(x, x), x * x)
    if method == "sequential":
        table = vmap(vmap(f, (0, None)), (None, 0))(x, y)
        np.testing.assert_array_equal(table, np.multiply.outer(y, x))
        assert vmap(f, (0, None))(np.zeros(0), 1.0).shape == (0,)


def test_structures_and_dtypes_of_results():
    spec = {"s": ShapeDtype((3,), np.float32), "n": ShapeDtype((), np.int64)}

    def f(x):
        def host(x, k):
            return {"s": np.sort(x).astype(np.float32), "n": k}

        return pure_callback(host, spec, x, k=4)

    found = jit(f)(np.array([3.0, 1.0, 2.0]))
    assert found["n"] == 4 and found["s"].dtype == np.float32
    np.testing.assert_array_equal(found["s"], [1, 2, 3])


@pytest.mark.parametrize("host, error, words", [
    (lambda x: np.zeros(2), ShapeError, r"shape \(2,\).*declares \(\)"),
    (lambda x: np.float32(1), StructureError, "float32.*float64"),
    (lambda x: (x, x), StructureError, "returned"),
    (lambda x: 1j, StructureError, "complex128"),
])  # fmt: skip
def test_results_are_checked(host, error, words):
    for run in (lambda f: f, jit):
        with pytest.raises(error, match=words):
            run(lambda x: pure_callback(host, F64, x))(1.0)


def test_declarations_are_checked():
    with pytest.raises(StructureError, match="result_shape_dtypes"):
        pure_callback(np.sin, float, 1.0)
    with pytest.raises(ValueError, match="vmap_method"):
        pure_callback(np.sin, F64, 1.0, vmap_method="loop")


def test_results_are_never_the_users_memory():
    buffer = np.ones(5)

    def f(x):
        return pure_callback(lambda _: buffer, ShapeDtype((5,), np.float64), x) * 2 + 1

    for _ in range(3):
        np.testing.assert_array_equal(jit(f)(0.0), 3 * np.ones(5))
    np.testing.assert_array_equal(buffer, np.ones(5))


@pytest.mark.parametrize("callback", [pure_callback, io_callback])
def test_no_derivative_without_a_rule(callback):
    for take in (grad, jacfwd):
        with pytest.raises(DifferentiationError, match="custom_jvp"):
            take(lambda x: callback(np.sin, F64, x))(1.0)


def test_a_rule_around_a_callback():
    @custom_jvp
    def sin(x):
        return pure_callback(np.sin, F64, x)

    sin.defjvp(lambda xs, ts: (sin(xs[0]), ts[0] * cos(xs[0])))

    @custom_jvp
    def cos(x):
        return pure_callback(np.cos, F64, x)

    cos.defjvp(lambda xs, ts: (cos(xs[0]), -ts[0] * sin(xs[0])))
    for take in (grad, lambda f: jit(grad(f))):
        assert take(sin)(0.3) == np.cos(0.3)
        assert take(grad(sin))(0.3) == -np.sin(0.3)
    np.testing.assert_array_equal(vmap(grad(sin))(np.arange(3.0)), np.cos(np.arange(3.0)))


def test_a_pure_callback_may_be_dropped_and_an_effect_may_not(note):
    def f(x):
        pure_callback(lambda x: [note(x), x][1], F64, x)
        return x

    def g(x):
        io_callback(lambda x: [note(x), x][1], F64, x)
        return x

    assert note.of(jit(f), 1.0) == []
    assert note.of(jit(g), 1.0) == [1.0]


def test_a_result_that_python_asks_for_is_computed_once(note):
    def f(x):
        y = io_callback(lambda x: [note(x), x * 2][1], F64, x)
        return y + 1 if y > 1 else y

    assert note.of(jit(f), 2.0) == [2.0]


def test_closures_over_other_objects_are_other_programs():
    def f(x, shift):
        return x + pure_callback(lambda n: n + shift, F64, 1.0 * stop_gradient(x))

    for shift in (1.0, 5.0, 1.0):
        assert jvp(lambda x, s=shift: f(x, s), (2.0,), (1.0,)) == (4.0 + shift, 1.0)


def test_the_same_code_over_the_same_objects_is_equal():
    def made(shift):
        return Callback(lambda x: x + shift, (1.0,), {})

    shift = np.ones(3)
    assert made(shift) == made(shift) and hash(made(shift)) == hash(made(shift))
    assert made(shift) != made(np.ones(3))
    assert made(shift) != Callback(lambda x: x - shift, (1.0,), {})
    assert Callback(print, ("a", 1.0), {}) == Callback(print, ("a", 2.0), {})
    assert Callback(print, ("a", 1.0), {}) != Callback(print, ("b", 1.0), {})


def test_disable_jit():
    @jit
    def f(x):
        return x * 2 if isinstance(x, np.ndarray) else x

    for _ in range(4):
        f(np.ones(3))
    with disable_jit():
        np.testing.assert_array_equal(f(np.ones(3)), 2 * np.ones(3))
    assert config.jit
    np.testing.assert_array_equal(f(np.ones(3)), np.ones(3))
    assert f.cache_info().traces == 1
