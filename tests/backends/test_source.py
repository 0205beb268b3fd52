"""Generated programs compute what their equations say, and keep to their own memory."""

import builtins
import keyword
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funcgrad import config, grad, jit
from funcgrad.backends.program import Program
from funcgrad.ir.avals import array_aval, weak_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ops.families import ops
from tests import laws

ALL = (None, None, None)
X = np.arange(6.0).reshape(2, 3) + 0.5
V = np.array([0.5, -1.5, 2.5])


@pytest.fixture
def small_blocks(monkeypatch):
    """Every array is large, and blocks hold a few elements."""
    monkeypatch.setattr(config, "block_minimum", 1)
    monkeypatch.setattr(config, "block_elements", 4)
    monkeypatch.setattr("funcgrad.backends.blocks._MINIMUM", 1)


def check(f, *args, rtol=0.0):
    """The program against its equations, run with read-only operands; outputs stand alone."""
    jaxpr = laws.build(f, list(args))
    outs = laws.run(jaxpr, list(args), rtol)
    alone(outs, args)
    return Program(jaxpr, np).source


def alone(outs, args):
    arrays = [x for x in outs if isinstance(x, np.ndarray)]
    for i, out in enumerate(arrays):
        assert out.flags.writeable
        others = [*arrays[:i], *(x for x in args if isinstance(x, np.ndarray))]
        assert not any(np.shares_memory(out, other) for other in others)


# -- names -----------------------------------------------------------------------------------------

AWKWARD = ["add", "sin", "array", "zeros", "where", "xp", "program", "min", "range", "buffer",
           "lambda", "not a name", "a", "dtype_float64", "np_add", "i", "a_", "f_1_0", "ﬁ", "fi",
           "match", "None", "__debug__", "print", "x²", "add_reduce", "index_tuple"]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD)
def test_a_variable_may_have_any_name(name):
    x, y, z = (Var(array_aval((3,), np.float64), name) for _ in range(3))
    total = Var(array_aval((), np.float64), name)
    eqns = [
        Eqn(ops.sin, (x,), {}, (y,)),
        Eqn(ops.add, (y, x), {}, (z,)),
        Eqn(ops.reduce_sum, (z,), {"axes": (0,)}, (total,)),
    ]
    jaxpr = Jaxpr([x], eqns, [z, total])
    z, total = Program(jaxpr, np).call(V)
    np.testing.assert_array_equal(z, np.sin(V) + V)
    assert total == np.sum(z)


def test_the_letters_run_into_no_helper():
    """The 782nd letter name is ``add``, and others are keywords or builtins."""

    def f(x):
        for _ in range(3000):
            x = ops.add(ops.sin(x), ops.cos(x))
        return x

    jaxpr = laws.build(f, [V])
    names = [line.split(" = ")[0].strip() for line in Program(jaxpr, np).source.split("\n")[1:-2]]
    assert not {n for n in names if keyword.iskeyword(n)}
    laws.run(jaxpr, [V], 0.0)


def test_used_builtins_exist():
    from funcgrad.backends.source import USED

    assert {name for name in USED if hasattr(builtins, name)} >= {"range", "min"}


# -- literals --------------------------------------------------------------------------------------

NUMBERS = [0.0, -0.0, 1.5, -2.5, float("inf"), -float("inf"), float("nan"), 1e300, 3, -3, 2 + 3j,
           complex("nan+infj"), -1j, True]  # fmt: skip
SCALARS = [np.dtype(c).type(2) for c in "bBhHiIlLefdgFD?"] + [np.float32("nan"), np.float64(-0.0)]


@pytest.mark.parametrize("number", [*NUMBERS, *SCALARS], ids=lambda n: f"{type(n).__name__} {n}")
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_literals(number, dtype):
    x = np.array([1.0, -2.0, 0.0], dtype)
    v = Var(array_aval(x.shape, x.dtype))
    literal = Literal(number)
    (aval,) = ops.multiply.out_avals((v.aval, literal.aval), {})
    y = Var(aval)
    jaxpr = Jaxpr([v], [Eqn(ops.multiply, (v, literal), {}, (y,))], [y, literal])
    with np.errstate(all="ignore"):
        found, same = Program(jaxpr, np).call(x)
        wanted = x * number
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(np.signbit(found.real), np.signbit(wanted.real))
    np.testing.assert_array_equal(same, number)
    assert type(same) is type(number)


def test_array_literals_are_copied():
    zeros = np.zeros(3)
    program = Program(Jaxpr([], [], [Literal(zeros, array_aval((3,), np.float64))]), np)
    (out,) = program.call()
    out += 1.0
    np.testing.assert_array_equal(program.call()[0], zeros)


# -- numbers without axes --------------------------------------------------------------------------


def scalar_program(prim, avals, **params):
    xs = [Var(a) for a in avals]
    (out,) = prim.out_avals(tuple(avals), params)
    y = Var(out)
    return Program(Jaxpr(xs, [Eqn(prim, tuple(xs), params, (y,))], [y]), np), out


@pytest.mark.parametrize(
    "name", ["divide", "power", "floor_divide", "remainder", "multiply", "subtract"]
)
@pytest.mark.parametrize(
    "x, y", [(1.0, 0.0), (0.0, 0.0), (-1.0, 0.5), (0.0, -1.0), (1e300, 1e300), (-0.0, 3.0)]
)
def test_python_numbers_do_as_numpy_does(name, x, y):
    program, _ = scalar_program(getattr(ops, name), [weak_aval(float)] * 2)
    (found,) = program.call(x, y)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x, y)
    np.testing.assert_array_equal(found, wanted)
    assert type(found) is float


@pytest.mark.parametrize("name", ["add", "multiply", "divide", "power", "absolute", "negative"])
@pytest.mark.parametrize("kind", [int, float, complex])
def test_python_numbers_stay_python_numbers(name, kind):
    prim = getattr(ops, name)
    program, out = scalar_program(
        prim, [weak_aval(kind)] * (1 if name in ("absolute", "negative") else 2)
    )
    args = [kind(3)] * len(program.jaxpr.invars)
    (found,) = program.call(*args)
    if (name, kind) == ("absolute", complex):
        return
    assert (
        out.weak and isinstance(found, int | float | complex) and not isinstance(found, np.generic)
    )


@pytest.mark.parametrize("make", [float, np.float64, np.array])
@pytest.mark.parametrize("name", ["add", "select", "identity", "convert", "reshape"])
def test_numbers_come_out_as_scalars(name, make):
    f = {
        "add": lambda x: ops.add(x, x),
        "select": lambda x: ops.select(ops.less(x, 1), x, 0.0),
        "identity": lambda x: x,
        "convert": lambda x: ops.convert(x, dtype=np.dtype("float32")),
        "reshape": lambda x: ops.reshape(ops.reshape(x, shape=(1, 1)), shape=()),
    }[name]
    jaxpr = laws.build(f, [np.float64(0.5)])
    (found,) = Program(jaxpr, np).call(make(0.5))
    assert not isinstance(found, np.ndarray)
    assert found == f_value(name)


def f_value(name):
    return 1.0 if name == "add" else 0.5


def test_truth_values_are_not_numbers():
    flag = np.bool_(True)
    for name, wanted in {"add": True, "multiply": True, "maximum": True}.items():
        jaxpr = laws.build(lambda p, q, name=name: getattr(ops, name)(p, q), [flag, flag])
        for given_ in (flag, True, np.array(True)):
            (found,) = Program(jaxpr, np).call(given_, given_)
            assert found.dtype == bool and found == wanted


def test_truth_arrays():
    mask = np.array([True, False, True])
    check(lambda p, x: ops.select(ops.logical_not(p), ops.convert(p, dtype=x.dtype), x), mask, V)
    check(lambda p: ops.invert(ops.logical_or(p, ops.invert(p))), mask)
    check(lambda p: ops.reduce_sum(p, axes=(0,)), mask)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_empty_arrays(shape, small_blocks):
    x = np.zeros(shape)
    check(lambda x: ops.reduce_sum(ops.multiply(ops.sin(x), x), axes=(0,)), x)
    check(lambda x: ops.put(ops.exp(x), 1.0, items=((0, 0, None),)), x)


# -- memory ----------------------------------------------------------------------------------------


def test_one_operand_twice():
    check(lambda x: ops.multiply(ops.add(x, x), ops.add(x, x)), X)
    check(lambda x: ops.put(ops.exp(x), ops.index(ops.exp(x), items=(0,)), items=(1,)), X)


def test_a_view_that_is_read_later_keeps_its_base():
    def f(x):
        y = ops.exp(x)
        view = ops.flip(y, axes=(0,))
        z = ops.put(y, 7.0, items=(0,))
        return ops.add(z, view), ops.add_at(ops.sin(z), view, items=(ALL,))

    check(f, V)


def test_an_integer_among_index_arrays_makes_a_view():
    """``x[i]`` with a NumPy integer looks into x: it is no array of our own."""

    def f(x, i):
        row = ops.gather(x, i, items=("array",))
        return ops.put(row, 0.0, items=(0,)), ops.multiply(row, row), row

    check(f, X, np.int64(1))


def test_broadcasts_are_not_written_to():
    def f(x):
        wide = ops.broadcast_to(ops.exp(x), shape=(2, 3))
        counts = ops.iota(shape=(2, 3), axis=0, dtype=np.dtype(float))
        return (
            ops.put(wide, 1.0, items=(0,)),
            ops.add(ops.put(counts, 5.0, items=(0, 0)), wide),
            counts,
        )

    check(f, V)


def test_views_of_numbers_are_not_written_to():
    def f(x):
        ones = ops.broadcast_to(1.0, shape=(3,))
        grown = ops.put(ones, ops.index(x, items=((0, 1, None),)), items=((0, 1, None),))
        return ops.add(grown, 1.0), ops.flip(ones, axes=(0,))

    check(f, V)


def test_outputs_share_nothing():
    check(lambda x: (x, x, ops.flip(x, axes=(0,)), ops.reshape(x, shape=(3, 1))), V)

    def g(x):
        y = ops.exp(x)
        return (
            y,
            y,
            ops.index(y, items=((1, None, None),)),
            ops.transpose(ops.reshape(y, shape=(3, 1)), perm=(1, 0)),
        )

    check(g, V)


def test_scatter_in_place_only_where_nobody_looks():
    rows = np.array([0, 2, 0])
    for mode in ("set", "add", "multiply", "maximum"):

        def f(x, v, r, mode=mode):
            y = ops.sin(x)
            first = ops.scatter(y, v, r, items=("array",), mode=mode)
            again = ops.scatter(y, v, r, items=("array",), mode=mode)
            return first, ops.scatter(ops.exp(again), v, r, items=("array",), mode=mode), y

        check(f, V, np.array([1.0, 2.0, 3.0]), rows)


# -- blocks ----------------------------------------------------------------------------------------

OPERANDS = {
    "vector": np.linspace(-1, 1, 11),
    "matrix": np.linspace(-1, 1, 33).reshape(11, 3),
    "transposed": np.linspace(-1, 1, 33).reshape(3, 11).T,
    "strided": np.linspace(-1, 1, 22)[::2],
    "reversed": np.linspace(-1, 1, 11)[::-1],
    "broadcast": np.broadcast_to(np.linspace(-1, 1, 3), (11, 3)),
    "single": np.linspace(-1, 1, 11, dtype=np.float32),
    "complex": np.linspace(-1, 1, 11) + 1j,
}


def chain(x):
    y = ops.multiply(ops.sin(x), 0.5)
    z = ops.add(ops.exp(y), x)
    big = ops.less(ops.absolute(z), 1)
    return ops.select(big, z, ops.multiply(y, y)), ops.add(z, 1.0)


@pytest.mark.parametrize("x", OPERANDS.values(), ids=list(OPERANDS))
def test_blocks_are_the_whole(x, small_blocks):
    source = check(chain, x)
    assert "for i in range" in source
    bits = 1e-14 if x.dtype.itemsize > 4 else 1e-5

    def summed(x):
        y, z = chain(x)
        axes = tuple(range(x.ndim))
        return (
            ops.reduce_sum(ops.multiply(y, z), axes=axes),
            ops.reduce_max(ops.real(y), axes=axes),
            y,
        )

    check(summed, x, rtol=bits)


def test_blocks_broadcast_rows_and_columns(small_blocks):
    x, row, column = np.ones((7, 3)), np.arange(3.0), np.arange(7.0)[:, None]

    def f(x, row, column, s):
        y = ops.multiply(ops.add(x, row), column)
        return ops.multiply(ops.sin(y), s)

    check(f, x, row, column, np.float64(2.0))


def test_blocks_write_over_what_dies(small_blocks):
    """Values cross from one group to the next; only dead ones are written over."""

    def f(x):
        y = ops.exp(ops.sin(x))
        total = ops.reduce_sum(ops.flip(y, axes=(0,)), axes=(0,))
        z = ops.multiply(ops.add(y, total), 2.0)
        return ops.subtract(z, ops.flip(ops.multiply(z, y), axes=(0,))), total

    check(f, OPERANDS["vector"])


def test_large_groups_need_no_whole_arrays():
    """The peak of a chain's gradient is its result and a few blocks."""
    import tracemalloc

    def f(x):
        y = x
        for _ in range(10):
            y = np.sin(y) * 0.5 + x
        return np.sum(y)

    x = np.linspace(0, 1, 400_000)
    gradient = jit(grad(f), backend="numpy")  # compiling would count too
    gradient(x)
    tracemalloc.start()
    gradient(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * x.nbytes


# -- random programs over one pool of memory -----------------------------------------------------

UNARY = ["sin", "negative", "absolute", "flip", "front", "embed", "turn", "widen", "total", "pick"]
BINARY = ["add", "multiply", "maximum", "put", "add_at", "less", "where"]


def apply(name, x, y):
    n = x.shape[0]
    if name == "flip":
        return ops.flip(x, axes=(0,))
    if name == "front":
        return ops.concatenate(
            ops.index(x, items=((1, None, None),)), ops.index(x, items=((0, 1, None),)), axis=0
        )
    if name == "embed":
        return ops.embed(ops.index(x, items=((0, 2, None),)), items=((1, 3, None),), shape=x.shape)
    if name == "turn":
        return ops.reshape(ops.transpose(ops.reshape(x, shape=(2, 2)), perm=(1, 0)), shape=(n,))
    if name == "widen":
        return ops.broadcast_to(ops.reshape(ops.index(x, items=(0,)), shape=(1,)), shape=(n,))
    if name == "total":
        return ops.multiply(x, ops.reduce_sum(x, axes=(0,)))
    if name == "pick":
        return ops.add(ops.index(x, items=(1,)), x)
    if name == "put":
        return ops.put(x, ops.index(y, items=((1, 3, None),)), items=((2, 4, None),))
    if name == "add_at":
        return ops.add_at(x, ops.index(y, items=((0, 2, None),)), items=((1, 3, None),))
    if name == "less":
        return ops.convert(ops.less(x, y), dtype=x.dtype)
    if name == "where":
        return ops.select(ops.less(x, y), y, 0.25)
    return getattr(ops, name)(*([x, y] if name in BINARY else [x]))


STEPS = st.lists(
    st.tuples(st.sampled_from(UNARY + BINARY), st.integers(0, 5), st.integers(0, 5)),
    min_size=2,
    max_size=14,
)


def random_program(steps, keep):
    def f(x, y):
        pool = [x, y]
        for name, i, j in steps:
            pool.append(
                ops.multiply(apply(name, pool[-1 - i % len(pool)], pool[-1 - j % len(pool)]), 0.5)
            )
        return tuple(pool[-k] for k in range(1, keep + 1))

    return f


@given(STEPS, st.integers(1, 3))
def test_random_programs(steps, keep):
    check(
        random_program(steps, keep),
        np.array([0.5, -1.5, 2.5, 0.25]),
        np.array([1.0, 2.0, -0.5, 3.0]),
        rtol=1e-13,
    )


@given(STEPS, st.integers(1, 3))
def test_random_programs_in_blocks(steps, keep):
    before = config.block_minimum, config.block_elements
    config.block_minimum, config.block_elements = 2, 3
    try:
        check(
            random_program(steps, keep),
            np.array([0.5, -1.5, 2.5, 0.25]),
            np.array([1.0, 2.0, -0.5, 3.0]),
            rtol=1e-13,
        )
    finally:
        config.block_minimum, config.block_elements = before


def test_programs_in_one_pool_differ():
    steps = [(name, 0, 1) for name in UNARY + BINARY]
    sources = {
        check(random_program([s], 1), np.ones(4) * 0.5, np.ones(4), rtol=1e-13) for s in steps
    }
    assert all(a != b for a, b in pairwise(sorted(sources)))
