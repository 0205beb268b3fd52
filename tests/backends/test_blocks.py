"""Nests that NumPy runs block by block: which equations they take, and their row stages."""

import tracemalloc

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config, grad, make_jaxpr
from funcgrad.backends.blocks import Blocks, steps
from funcgrad.backends.program import Program
from funcgrad.compiler.simplify import simplify
from funcgrad.ops.families import ops
from tests import laws


@pytest.fixture
def small(monkeypatch):
    """Arrays of four elements are large already, and blocks hold eight."""
    monkeypatch.setattr(config, "block_minimum", 4)
    monkeypatch.setattr(config, "block_elements", 8)
    monkeypatch.setattr("funcgrad.backends.blocks._MINIMUM", 1)


def plan(f, *args):
    return [
        s if isinstance(s, Blocks) else s.prim.name
        for s in steps(simplify(laws.build(f, list(args))))
    ]


def sizes(f, *args):
    return [s if isinstance(s, str) else len(s.eqns) for s in plan(f, *args)]


# -- what goes together ----------------------------------------------------------------------------


def test_a_gradient_is_one_nest(small):
    def loss(x):
        y = x
        for _ in range(3):
            y = np.tanh(y) * 0.5 + x
        return np.sum(y)

    (nest,) = steps(simplify(make_jaxpr(grad(loss))(np.ones(8)).jaxpr))
    assert len(nest.outvars) == 1


def test_what_has_no_nest_runs_between(small):
    def f(x):
        return ops.exp(ops.multiply(ops.cumsum(ops.sin(ops.exp(x)), axis=0), 2.0))

    assert sizes(f, np.ones(8)) == [2, "cumsum", 2]


def test_one_equation_needs_no_loop(small):
    assert sizes(lambda x: ops.exp(ops.cumsum(ops.exp(x), axis=0)), np.ones(8)) == [
        "exp", "cumsum", "exp",
    ]  # fmt: skip


def test_reductions_to_numbers_join(small):
    (nest,) = plan(lambda x: ops.reduce_sum(ops.sin(ops.exp(x)), axes=(0,)), np.ones(8))
    assert [nest.levels[v] for v in nest.outvars] == ["full"]


def test_very_long_rows_run_whole(small):
    assert plan(lambda x: ops.sin(ops.exp(x)), np.ones((2, 100))) == ["exp", "sin"]


def test_numbers_run_before_the_nests_that_need_them(small):
    def f(x, s):
        return ops.multiply(ops.sin(ops.multiply(x, s)), ops.exp(s))

    found = plan(f, np.ones(8), np.float64(2.0))
    assert found[0] == "exp" and len(found) == 2


def test_shaping_of_a_nests_own_rows_is_no_equation(small):
    (nest,) = plan(softmax, np.ones((6, 4)))
    assert [nest.levels[eqn.outvars[0]] for eqn in nest.eqns] == [
        "row", "element", "element", "row", "element",
    ]  # fmt: skip


def test_shaping_is_written_where_memory_is_read(small):
    """The transposed values are no rows of the nest, so it ends there."""

    def f(x):
        y = ops.exp(ops.sin(x))
        return ops.add(ops.cos(ops.transpose(y, perm=(1, 0))), 1.0)

    assert sizes(f, np.ones((3, 4))) == [2, "transpose", 2]


def test_long_chains_of_shaping(small):
    def f(x):
        y = ops.sin(ops.exp(x))
        for k in range(3000):
            y = ops.flip(y, axes=(0,)) if k % 2 else ops.transpose(y, perm=(1, 0))
        return ops.exp(ops.sin(y))

    x = np.linspace(-1, 1, 16).reshape(4, 4)
    laws.run(laws.build(f, [x]), [x], 0.0)


# -- rows ------------------------------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def logsumexp(x):
    top = np.max(x, axis=-1)
    return np.log(np.sum(np.exp(x - top[..., None]), axis=-1)) + top


def layernorm(x):
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + 1e-5)


def variance(x):
    return np.var(x, axis=-1, ddof=1)


def norm(x):
    return np.linalg.norm(x, axis=-1)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def standardised(x):
    """Per column: the nest ends where the sums over rows are needed."""
    return (x - np.mean(x, axis=0)) / np.std(x, axis=0)


def mixed(x):
    """Sums along every axis of one product, beside the product itself."""
    y = np.sin(x) * np.exp(x)
    return y, np.sum(y, axis=0), np.sum(y, axis=-1), np.sum(y), np.max(y, axis=0), np.prod(y, -1)


def truths(x):
    y = np.sin(x) > 0.9
    return np.all(y, axis=0), np.any(y, axis=-1), np.any(y), np.sum(y, axis=0), np.where(y, x, 1.0)


FUNCTIONS = [softmax, logsumexp, layernorm, variance, norm, unit, standardised, mixed, truths]
SHAPES = [(2, 4), (7, 3), (8, 1), (3, 8), (1, 9), (5, 9), (3, 2, 4), (2, 3, 1, 5), (16,), (1, 1, 7)]


def sample(shape, dtype):
    return np.random.default_rng(5).normal(size=shape).astype(dtype)


def checked(f, *args, rtol):
    """The program in blocks against the plain equations."""
    with np.errstate(all="ignore"):
        jaxpr = laws.build(f, list(args))
        found = Program(jaxpr, np).call(*args)
        plain = laws.evaluate(simplify(jaxpr), list(args))
    for out, wanted in zip(found, plain, strict=True):
        assert out.dtype == wanted.dtype and np.shape(out) == np.shape(wanted)
        np.testing.assert_allclose(out, wanted, rtol=rtol, atol=rtol)
    return jaxpr


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_rows(f, shape, dtype, small):
    rtol = 1e-12 if dtype == "float64" else 1e-4
    x = sample(shape, dtype)
    checked(f, x, rtol=rtol)
    if f in (truths, mixed):
        return
    checked(fg.grad(lambda x: np.sum(np.cos(f(x)))), x, rtol=rtol)


@pytest.mark.parametrize("layout", ["transposed", "strided", "reversed", "broadcast"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_rows_of_any_layout(f, layout, small):
    x = sample((5, 6), "float64")
    x = {
        "transposed": x.T, "strided": x[::2, ::3], "reversed": x[::-1, ::-1],
        "broadcast": np.broadcast_to(x[:, :1], (5, 6)) + 0 * x[0],
    }[layout]  # fmt: skip
    checked(f, x, rtol=1e-12)


def test_rows_beside_operands_of_other_shapes(small):
    def f(x, row, column, keyed, s):
        y = softmax(x * row + column[:, None])
        kept = np.sum(y * s, axis=1) * column
        return y * kept[:, None] + keyed, np.sqrt(kept), (kept[:, None] * keyed)[:, None]

    args = [sample(n, "float64") for n in ((6, 4), (4,), (6,), (6, 1))]
    checked(f, *args, np.float64(0.5), rtol=1e-12)


def test_two_leading_axes_of_rows(small):
    def f(x, a, b):
        y = softmax(x)
        total = np.sum(y * x, axis=-1)
        return y * (total + a)[..., None] + b[:, None, None], total * b[:, None]

    args = [sample(n, "float64") for n in ((3, 2, 5), (2,), (3,))]
    checked(f, *args, rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("f", [softmax, logsumexp, layernorm, variance, norm, unit, mixed])
def test_rows_that_are_not_finite_spoil_no_others(f, bad, small):
    x = sample((9, 5), "float64")
    x[3, 2] = bad
    with np.errstate(all="ignore"):
        checked(f, x, rtol=1e-12)
        if f is not mixed:
            found = Program(laws.build(f, [x]), np).call(x)[0]
            rest = np.arange(9) != 3
            assert np.isfinite(found[rest]).all()
            np.testing.assert_allclose(found[3], f(x)[3])


def test_a_dead_array_gives_its_memory_to_the_rows(small):
    def f(x):
        y = ops.cumsum(ops.sin(x), axis=0)
        return ops.divide(y, ops.reshape(ops.reduce_sum(y, axes=(1,)), shape=(6, 1)))

    x = sample((6, 4), "float64")
    jaxpr = checked(f, x, rtol=0.0)
    assert Program(jaxpr, np).source.count("empty(") == 0


@pytest.mark.parametrize("edge", [-1, 0, 1])
def test_sizes_around_the_limits(edge):
    """The real limits: the smallest array with blocks, and the last block full or not."""
    columns = 64
    for rows in (config.block_minimum // columns, 3 * config.block_elements // columns):
        x = sample((rows + edge, columns), "float64")
        for f in (softmax, layernorm, standardised, mixed):
            checked(f, x, rtol=1e-11)


def peak(f, *args):
    f(*args)
    tracemalloc.start()
    f(*args)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


@pytest.mark.parametrize("f", [softmax, logsumexp, layernorm, variance, unit])
def test_rows_take_no_more_memory_than_numpy_by_hand(f):
    x = sample((8000, 200), "float64")
    out = f(x).nbytes
    program = Program(laws.build(f, [x]), np).call
    assert peak(program, x) < out + 0.2 * x.nbytes
    assert peak(program, x) < peak(f, x) + 8 * config.block_elements
    gradient = Program(laws.build(fg.grad(lambda x: np.sum(np.cos(f(x)))), [x]), np).call
    assert peak(gradient, x) < 2 * x.nbytes
