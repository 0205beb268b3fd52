"""What is printed can be read, prints the same again, and runs to the same numbers."""

import numpy as np
import pytest

from funcgrad import cond, grad, hessian, jvp, make_jaxpr, scan, vmap, while_loop
from funcgrad.ir.avals import array_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.text import parse_jaxpr, print_jaxpr
from funcgrad.ops.families import ops
from tests import laws
from tests.op_table import ROWS, prepared

X = np.array([0.5, 1.5, 2.5])
FUNCTIONS = {
    "elementwise": lambda x: np.sum(np.sin(x) * np.exp(-(x**2)) + 0.5 / x),
    "indexing": lambda x: np.sum(x[1:, None] * x[None, ::-1]) + x[np.array([0, 2])].sum(),
    "where": lambda x: np.sum(np.where(x > 1, x, 2.0)),
    "matrices": lambda x: np.sum(np.outer(x, x) @ x),
    "cond": lambda x: cond(x[0] > 1, lambda y: np.sum(y), lambda y: np.prod(y), x),
    "scan": lambda x: scan(lambda c, y: (c * y, c), x[0], x)[0],
    "nested": lambda x: np.sum(grad(lambda y: np.sum(y**3 * x))(x)),
    "cast": lambda x: np.sum(x.astype(np.float32)).astype(np.float64),
}
TRANSFORMS = {
    "value": lambda f: f,
    "grad": grad,
    "jvp": lambda f: lambda x: jvp(f, (x,), (np.ones(3),)),
    "vmap": lambda f: lambda x: vmap(f)(np.ones((2, 1)) * x),
    "grad of grad": lambda f: grad(lambda x: np.sum(grad(f)(x) ** 2)),
    "hessian": hessian,
}


def round_trip(jaxpr, values=None):
    text = print_jaxpr(jaxpr)
    again = parse_jaxpr(text)
    assert print_jaxpr(again) == text
    if values is not None:
        with np.errstate(all="ignore"):
            for a, b in zip(
                laws.evaluate(jaxpr, values), laws.evaluate(again, values), strict=True
            ):
                np.testing.assert_array_equal(a, b)
                assert np.asarray(a).dtype == np.asarray(b).dtype
    return again


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=list(TRANSFORMS))
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=list(FUNCTIONS))
def test_programs(function, transform):
    closed = make_jaxpr(transform(function))(X)
    round_trip(closed.jaxpr, [X, *closed.consts])


def test_loops():
    closed = make_jaxpr(lambda x: while_loop(lambda y: np.sum(y) < 9, lambda y: y * 2, x))(X)
    round_trip(closed.jaxpr, [X, *closed.consts])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.prim} {row.note}")
def test_every_row(row):
    try:
        jaxpr, args, _, _ = prepared(row, np.dtype(np.float64))
    except TypeError:
        pytest.skip("not defined for floats")
    round_trip(jaxpr, args)


NUMBERS = [0.0, -0.0, 1.5, -1e-300, float("inf"), -float("inf"), float("nan"), 3, -3, 10**30, 1j,
           -1.5 - 2j, complex("nan-infj"), complex(0.0, -0.0), 1e16, 1e22]  # fmt: skip
SCALARS = [np.dtype(c).type(1.5) for c in "bBhHiIlLefdgFD?"] + [
    np.float64("-inf"),
    np.complex64("nan+infj"),
    np.float32(0.1),
]


@pytest.mark.parametrize("value", [*NUMBERS, *SCALARS, True], ids=repr)
def test_literals(value):
    literal = Literal(value)
    (out,) = parse_jaxpr(print_jaxpr(Jaxpr([], [], [literal]))).outvars
    assert out.aval is literal.aval
    assert str(out.value) == str(value)
    x, y = Var(array_aval((), np.complex128), "x"), Var(array_aval((), np.complex128), "y")
    jaxpr = Jaxpr(
        [x],
        [Eqn(ops.add, (literal, x), {}, (y,)), Eqn(ops.add, (x, literal), {}, (Var(y.aval),))],
        [y],
    )
    round_trip(jaxpr)


ARRAYS = [
    np.zeros((2, 0)),
    np.array([[1.0, np.nan], [-np.inf, 1e-9]]),
    np.array([1 + 2j, complex("nan+infj")]),
    np.array([True]),
]


@pytest.mark.parametrize("value", ARRAYS, ids=str)
def test_array_literals(value):
    literal = Literal(value, array_aval(value.shape, value.dtype))
    (out,) = parse_jaxpr(print_jaxpr(Jaxpr([], [], [literal]))).outvars
    np.testing.assert_array_equal(out.value, value)
    assert out.aval is literal.aval


def test_names_are_kept():
    text = (
        "{ lambda weights:f32[2,3] β:i64[] .\n"
        "    loss:f32[3] = index[items=(-1, (None, None, None))] weights\n"
        "  in (loss, β) }"
    )
    jaxpr = parse_jaxpr(text)
    assert [v.name for v in jaxpr.invars] == ["weights", "β"]
    assert str(jaxpr) == repr(jaxpr) == print_jaxpr(jaxpr)


@pytest.mark.parametrize(
    "text, word",
    [
        ("", "lambda"),
        ("{ lambda . in (x,) }", "'x'"),
        ("{ lambda x:f64[] . y:f64[] = sine x in (y,) }", "'sine'"),
        ("{ lambda . in () } more", "more"),
        ("{ lambda x . in () }", "'.'"),
        ("{ lambda x:f64[] . y:f64[] = index[items=<object>] x in (y,) }", "value"),
    ],
)
def test_what_cannot_be_read(text, word):
    with pytest.raises(ValueError, match=word):
        parse_jaxpr(text)
