"""Patterns are supersets of what derivatives show, for every operation and for compositions."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from funcgrad.ops.families import ops
from funcgrad.transforms.jvp import jvp_jaxpr
from funcgrad.transforms.sparsity import TooDense, patterns
from tests import laws
from tests.op_table import ROWS, prepared
from tests.test_programs import program, programs

ROWS = [row for row in ROWS if row.derivative and row.operands]
ANY = 1 << 40


def shown(jaxpr: Any, args: list[Any], place: int) -> list[Any]:
    """For each output the nonzero entries of its Jacobian in one input, by one jvp per column."""
    made, flags = jvp_jaxpr(jaxpr, tuple(i == place for i in range(len(args))))
    x, skip = np.asarray(args[place]), len(jaxpr.outvars)
    columns = []
    for k in range(x.size):
        unit = (np.arange(x.size) == k).reshape(x.shape).astype(x.dtype)
        found = iter(laws.evaluate(made, [*args, unit[()]])[skip:])
        columns.append([np.ravel(next(found)) if on else None for on in flags])
    return [
        None if not on else np.stack([c[o] for c in columns], axis=-1) != 0
        for o, on in enumerate(flags)
    ]


def contained(jaxpr: Any, args: list[Any]) -> None:
    for place in [i for i, on in enumerate(laws.inexact(args)) if on and np.size(args[i])]:
        n = np.size(args[place])
        found = patterns(jaxpr, place, len(jaxpr.outvars), ANY)
        with np.errstate(all="ignore"):
            wanted = shown(jaxpr, args, place)
        for pattern, nonzero, v in zip(found, wanted, jaxpr.outvars, strict=True):
            if nonzero is None:
                continue
            assert pattern is None or np.all(np.diff(pattern) > 0)
            mask = np.zeros(v.aval.size * n, bool)
            mask[[] if pattern is None else pattern] = True
            assert not np.any(nonzero & ~mask.reshape(-1, n)), (place, v)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_contains_derivative(row):
    jaxpr, args, _, _ = prepared(row, np.float64)
    contained(jaxpr, args)


@given(programs())
def test_contains_derivative_of_programs(drawn):
    steps, args = drawn
    contained(laws.build(program(steps), args), args)


def exact(f: Any, *args: Any) -> None:
    """The pattern is what the derivative shows, and no more."""
    jaxpr = laws.build(lambda *xs: (f(*xs),), list(args))
    (found,), (wanted,) = patterns(jaxpr, 0, 1, ANY), shown(jaxpr, list(args), 0)
    np.testing.assert_array_equal(found, np.flatnonzero(wanted))


def places(n: int) -> Any:
    return ops.iota(shape=(n,), axis=0, dtype=np.dtype(np.intp))


DIMS = (((2,), (1,)), ((0,), (0,)))  # a stack of matrix products


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[:, :, 1:] * x[:, :, :-1],
        lambda x: np.concatenate([np.exp(x), x[::-1] ** 2], axis=1),
        lambda x: np.sum(np.sin(x), axis=(0, 2)),
        lambda x: np.max(x, axis=1, keepdims=True) * 0 + x,
        lambda x: np.transpose(x, (2, 0, 1)).reshape(6, 4)[::2],
        lambda x: np.pad(x, ((1, 0), (0, 2), (1, 1))),
        lambda x: np.where(x > 0, x[::-1], 2 * x),
        lambda x: np.floor(x) + x[0, 1, 2],
        lambda x: ops.gather(x, places(2), items=((None, None, None), "array")),
        lambda x: ops.scatter(x, x[0], places(2), items=("array",), mode="add"),
        lambda x: ops.add_at(x, x[0, :1], items=(1,)),
        lambda x: ops.put(0 * x, x[0], items=(1,)) * 3.0,
        lambda x: ops.dot_general(x, ops.full(2.0, shape=(2, 4, 3), dtype=x.dtype),
                                  dims=DIMS),
        lambda x: ops.dot_general(x, np.transpose(x, (0, 2, 1)), dims=DIMS),
    ],
)  # fmt: skip
def test_structure_is_found(f):
    x = np.random.default_rng(3).normal(size=(2, 3, 4))
    jaxpr = laws.build(lambda x: (f(x),), [x])
    (found,) = patterns(jaxpr, 0, 1, ANY)
    assert len(found) < jaxpr.outvars[0].aval.size * x.size / 2
    contained(jaxpr, [x])


def test_exact_where_nothing_cancels():
    x = np.random.default_rng(3).normal(size=(3, 4))
    exact(lambda x: x[1:] * np.sin(x[:-1]), x)
    exact(lambda x: np.sum(x**2, axis=1), x)
    exact(lambda x, y: x @ y, x, np.arange(1.0, 9.0).reshape(4, 2))
    exact(lambda x: ops.dot_general(x, x, dims=(((1,), (1,)), ((), ()))), x)


def test_too_dense():
    jaxpr = laws.build(lambda x: (np.cumsum(x) * 2.0,), [np.ones(9)])
    with pytest.raises(TooDense):
        patterns(jaxpr, 0, 1, 80)
    assert len(patterns(jaxpr, 0, 1, 81)[0]) == 81
