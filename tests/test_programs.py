"""Random straight-line programs: the laws hold for compositions as they do for single rows."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcgrad
from funcgrad.ir.avals import aval_of, broadcast_shapes
from funcgrad.ir.check import check_jaxpr
from funcgrad.ops.families import ops
from funcgrad.transforms.tracing import trace
from tests import laws
from tests.op_table import ROWS

# Rows whose values and slopes stay of moderate size wherever the program takes them.
TAME = ["sin", "cos", "tanh", "arctan", "arcsinh", "erf", "expit", "negative", "absolute"]
TAME_PAIRS = ["add", "subtract", "multiply", "maximum", "minimum", "logaddexp"]
UNARY = sorted({row.prim for row in ROWS if row.prim in TAME and len(row.args) == 1})
BINARY = sorted({row.prim for row in ROWS if row.prim in TAME_PAIRS and len(row.args) == 2})
SHAPES = [(), (3,), (2, 3), (3, 2), (1, 3), (2, 1, 3)]
KINKY = laws.difference_off_kinks
LIMIT = 36  # elements of one value


class Step(NamedTuple):
    """One operation: on which earlier values, with which parameters."""

    prim: str
    places: tuple[int, ...]
    params: dict[str, Any] = {}

    def apply(self, values: list[Any]) -> Any:
        xs = [values[i] for i in self.places]
        if self.prim == "masked":
            return ops.select(ops.less(xs[0], xs[1]), xs[0], 0.0)
        if self.prim == "rows":
            count = max(1, xs[0].shape[0] - 1)
            places = ops.iota(shape=(count,), axis=0, dtype=np.dtype(np.intp))
            return ops.gather(xs[0], places, items=("array",))
        return getattr(ops, self.prim)(*xs, **self.params)


def program(steps: list[Step], keep: int = 2) -> Any:
    """The function that runs the steps and returns the last values."""

    def f(*xs: Any) -> Any:
        values = list(xs)
        for step in steps:
            values.append(step.apply(values))
        return tuple(values[-keep:])

    return f


def unary_steps(k: int, shape: tuple[int, ...]) -> list[Step]:
    """What can be done to one value of this shape."""
    found = [Step(name, (k,)) for name in UNARY]
    found += [Step("raise_to", (k,), {"exponent": n}) for n in (2, 3)]
    size, rank = int(np.prod(shape)), len(shape)
    found.append(Step("reshape", (k,), {"shape": (size,)}))
    found.append(Step("reshape", (k,), {"shape": (size, 1)}))
    if 2 * size <= LIMIT:
        found.append(Step("broadcast_to", (k,), {"shape": (2, *shape)}))
    if not rank:
        return found
    found.append(Step("transpose", (k,), {"perm": tuple(range(rank))[::-1]}))
    found.append(Step("rows", (k,)))
    found += [Step(p, (k,), {"items": ((1, None, None),)}) for p in ("index",) if shape[0] > 1]
    found += [Step("embed", (k,), {"items": (0,), "shape": (2, *shape)})] * (2 * size <= LIMIT)
    for axis in range(rank):
        found.append(Step("flip", (k,), {"axes": (axis,)}))
        found += [Step(p, (k,), {"axes": (axis,)}) for p in ("reduce_sum", "reduce_max")]
        found += [Step(p, (k,), {"axis": axis}) for p in ("cumsum", "sort")]
    return found


def binary_steps(i: int, j: int, one: Any, two: Any) -> list[Step]:
    """What can be done to two values of these shapes."""
    found = []
    shape = broadcast_shapes(one, two)
    if shape is not None and np.prod(shape) <= LIMIT:
        found += [Step(name, (i, j)) for name in (*BINARY, "masked")]
    if one and two and one[-1] == two[0] and len(one) <= 2 and len(two) <= 2:
        dims = (((len(one) - 1,), (0,)), ((), ()))
        found.append(Step("dot_general", (i, j), {"dims": dims}))
    if one and one == two and 2 * np.prod(one) <= LIMIT:
        found.append(Step("concatenate", (i, j), {"axis": len(one) - 1}))
    if len(one) == 1 + len(two) and one[1:] == two:
        found.append(Step("put", (i, j), {"items": (0,)}))
    return found


@st.composite
def programs(draw: Any, most: int = 8) -> Any:
    """A list of steps that is well typed over the drawn operands, and these operands."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3))
    args = [rng.normal(size=s)[()] for s in shapes]
    known = [tuple(s) for s in shapes]
    steps: list[Step] = []
    values = list(args)
    for _ in range(draw(st.integers(1, most))):
        i, j = (draw(st.integers(0, len(known) - 1)) for _ in range(2))
        pairs = binary_steps(i, j, known[i], known[j])
        options = pairs if pairs and draw(st.booleans()) else unary_steps(i, known[i])
        steps.append(draw(st.sampled_from(options)))
        values.append(steps[-1].apply(values))
        known.append(np.shape(values[-1]))
    return steps, args


def every_axis(x: Any) -> tuple[int, ...]:
    return tuple(range(len(getattr(x, "shape", ()))))


def rng() -> Any:
    return np.random.default_rng(7)


@given(programs())
def test_jvp_is_derivative(drawn):
    steps, args = drawn
    jaxpr = laws.build(program(steps), args)
    laws.jvp_is_derivative(jaxpr, args, rng(), 1, fd=1e-6, rtol=1e-12, quotient=KINKY)


@given(programs(most=5))
def test_second_derivatives(drawn):
    steps, args = drawn
    jaxpr = laws.build(program(steps), args)
    only = laws.inexact(args)
    laws.jvp_is_derivative(jaxpr, args, rng(), 2, fd=1e-5, rtol=1e-12, only=only, quotient=KINKY)
    laws.gradient_is_differentiable(jaxpr, args, rng(), fd=1e-5, rtol=1e-12, quotient=KINKY)


@given(programs())
def test_transpose_is_adjoint(drawn):
    steps, args = drawn
    jaxpr = laws.build(program(steps), args)
    laws.transpose_is_adjoint(jaxpr, args, rng(), rtol=1e-12)


@given(programs())
def test_batch_is_loop(drawn):
    steps, args = drawn
    jaxpr = laws.build(program(steps), args)
    source = rng()

    def sample():
        return [source.normal(size=np.shape(x))[()] for x in args]

    laws.batch_is_loop(jaxpr, sample, len(args), sizes=(0, 3), rtol=1e-12)


@given(programs())
def test_program_is_evaluation(drawn):
    steps, args = drawn
    laws.run(laws.build(program(steps, keep=4), args), args, 1e-13)


TREES: dict[Any, Any] = {}  # one for all programs: their paths share beginnings, and part


def traced(f: Any, args: Any, store: dict[Any, Any]) -> Any:
    found = trace(store, list(args), lambda xs: f(*xs))
    return found.trace.node, found.jaxpr(), found.trace.inputs


def tree_replays(f: Any, args: Any, store: dict[Any, Any]) -> None:
    """The second trace walks the nodes of the first; a tree shared with others changes nothing."""
    key = tuple(map(aval_of, args))
    alone = traced(f, args, {})
    first, second = traced(f, args, store), traced(f, args, store)
    assert first[0] is second[0] and first[1] is second[1]
    roots = store[key]
    assert roots.invars == first[1].invars[: len(args)]
    check_jaxpr(first[1])
    wanted = f(*args)
    for _, jaxpr, inputs in (alone, first, second):
        for found, value in zip(laws.run(jaxpr, inputs, 1e-13), wanted, strict=True):
            laws.close(found, value, 1e-13)


@given(programs())
def test_tree_replays(drawn):
    steps, args = drawn
    tree_replays(program(steps), args, TREES)


def numbers(steps: list[Step], scale: Any, weights: Any) -> Any:
    """The same program with a number, a captured array and an in-place write at its end."""

    def f(*xs: Any) -> Any:
        z = program(steps, keep=1)(*xs)[0]
        z = ops.multiply(ops.add(z, scale), scale)
        total = ops.reduce_sum(z, axes=every_axis(z))
        return (ops.reduce_sum(ops.multiply(weights, total), axes=(0,)),)

    return f


@given(programs(most=3), st.floats(-2, 2), st.integers(1, 4))
def test_tree_replays_with_captures(drawn, scale, count):
    steps, args = drawn
    tree_replays(numbers(steps, scale, np.arange(float(count))), args, TREES)
    tree_replays(numbers(steps, scale + 1, np.ones(count)), args, TREES)


@given(programs())
def test_gradient_of_the_public_face(drawn):
    """grad of a function of arrays, twice: the first call and the replay agree with the law."""
    steps, args = drawn
    f = program(steps, keep=1)

    def scalar(x: Any, *rest: Any) -> Any:
        out = f(x, *rest)[0]
        return ops.reduce_sum(ops.multiply(out, out), axes=every_axis(out))

    gradient = funcgrad.grad(scalar)
    first, second = gradient(*args), gradient(*args)
    np.testing.assert_array_equal(first, second)
    step = laws.tangent(args[0], rng())
    jaxpr = laws.build(scalar, args)
    slope = KINKY(jaxpr, args, [step, *[None] * (len(args) - 1)])[0]
    size = max(1e-3, float(np.sum(np.abs(first * step))))
    noise = 1e-10 * abs(laws.evaluate(jaxpr, args)[0])  # of a quotient of differences
    assert np.isnan(slope) or abs(np.sum(first * step) - slope) <= 1e-6 * size + noise


@given(programs())
def test_jit_is_no_jit(drawn):
    if not hasattr(funcgrad, "jit"):
        pytest.skip("jit is not there yet")
    steps, args = drawn
    f = program(steps)
    jitted = funcgrad.jit(f)
    wanted = f(*args)
    for _ in range(2):
        for found, value in zip(jitted(*args), wanted, strict=True):
            laws.close(found, value, 1e-12)


def test_names_of_variables_never_hide_helpers():
    """By the letters alone the 783rd variable is called add; users call theirs where or f_1_0."""

    def long(x):
        for _ in range(1200):
            x = ops.add(ops.sin(x), 1.5)
        return ops.sqrt(ops.exp(x))

    x = np.ones(2)
    laws.run(laws.build(long, [x]), [x], 1e-13)

    def f(where, f_1_5, exp, c_3, sqrt_0, add_reduce):
        array = np.where(where > 0, exp, 1.5)
        solve_0 = np.exp(array * f_1_5 - 1.5)
        maximum = np.sum(solve_0) + np.max(c_3) * 1e300 * 10.0
        return np.maximum(maximum, sqrt_0), np.sqrt(np.abs(add_reduce + array))

    args = [np.linspace(1, 2, 3) for _ in range(6)]
    wanted = f(*args)
    found = funcgrad.jvp(f, tuple(args), tuple(args))[0]
    for one, two in zip(found, wanted, strict=True):
        laws.close(one, two, 1e-14)
