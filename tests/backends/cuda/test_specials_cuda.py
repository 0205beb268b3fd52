"""Numbers at the edges, by kernels and by NumPy: NaN, infinities, signed zeros, integers that wrap.

Where an operation is exact, the bits are NumPy's; where it rounds, zeros, infinities and NaN are,
and numbers within some units of the last place.
"""

import numpy as np
import pytest

from funcgrad.backends.cuda.elements import has_expression
from funcgrad.ops.families import ops
from tests import laws
from tests.backends.cuda.ondevice import launched, needed
from tests.backends.llvm.test_safety import same
from tests.backends.llvm.test_specials import (
    EITHER_ZERO,
    FLOATS,
    ROUNDED,
    TWICE_MEANT,
    close_bits,
    specials,
)
from tests.test_edges import numbered

pytestmark = needed


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_special_numbers_of_elementwise_rows(dtype):
    cases, rows = [], []
    for row in FLOATS:
        args = [g.ravel() for g in np.meshgrid(*[specials(dtype)] * len(row.operands))]
        jaxpr = laws.build(lambda *xs, row=row: numbered(row, *xs), args)
        if all(has_expression(eqn) for eqn in jaxpr.eqns):
            cases.append((jaxpr, args))
            rows.append(row)
    assert len(rows) > 80
    for row, (_, (found,)), (jaxpr, args) in zip(rows, launched(cases), cases, strict=True):
        (wanted,) = laws.evaluate(jaxpr, args)
        if row.prim in TWICE_MEANT:
            kept = ~TWICE_MEANT[row.prim](args[0])
            found, wanted = found[kept], wanted[kept]
        if row.prim in EITHER_ZERO:
            found, wanted = found + 0.0, wanted + 0.0
        try:
            close_bits(found, wanted, row.prim not in ROUNDED)
        except AssertionError as error:
            pytest.fail(f"{row.name}: {error}")


INTEGERS = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64]
BINARY = [
    "add", "subtract", "multiply", "floor_divide", "remainder", "fmod", "maximum", "minimum",
    "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "divide", "less",
    "equal", "greater_equal", "arctan2", "fmax", "logical_xor",
]  # fmt: skip
UNARY = ["negative", "absolute", "sign", "square", "invert", "sqrt", "rint", "isnan", "signbit"]


def edges(dtype):
    info = np.iinfo(dtype)
    return np.unique(np.array([info.min, info.max, 0, 1, 2, 3, 7, 8, 100, info.max // 2 + 1]
                              + [-1, -2, -7] * (info.min < 0), dtype))  # fmt: skip


@pytest.mark.parametrize("dtype", INTEGERS, ids=lambda d: d.__name__)
def test_integers(dtype):
    x, y = (g.ravel() for g in np.meshgrid(edges(dtype), edges(dtype)))
    functions = [lambda x, y, n=n: getattr(ops, n)(x, y) for n in BINARY]
    functions += [lambda x, y, n=n: getattr(ops, n)(x) for n in UNARY]
    functions += [lambda x, y, k=k: ops.raise_to(x, exponent=k) for k in (0, 1, 2, 5)]
    functions += [
        lambda x, y, d=d: ops.convert(x, dtype=np.dtype(d)) for d in (*INTEGERS, bool, float)
    ]
    cases = []
    for f in functions:
        try:
            cases.append((laws.build(f, [x, y]), [x, y]))
        except TypeError:  # no loop for these
            assert dtype in (np.uint8, np.uint64, np.int64) or f is None
    for (program, (found,)), (jaxpr, args) in zip(launched(cases), cases, strict=True):
        (wanted,) = laws.evaluate(jaxpr, args)
        if wanted.dtype.kind == "f" and program.kernels:
            np.testing.assert_allclose(found, wanted, rtol=1e-6, err_msg=program.source)
        else:
            same(found, wanted)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_floats_become_integers(dtype):
    x = np.array(
        [0.0, -0.9, 1.9, -1.9, 127.5, 255.0, 3e4, -7e4, 2e9, 5e9, -5e9, np.nan, np.inf], dtype
    )
    kept = np.abs(x) < 2**31  # what C leaves open for shorter integers is left open here
    cases = []
    for target in INTEGERS:
        given = x[kept & (x > -1)] if np.dtype(target).kind == "u" else x[kept]
        f = lambda x, t=target: ops.convert(x, dtype=np.dtype(t))
        cases.append((laws.build(f, [given]), [given]))
    for (_, (found,)), (jaxpr, args) in zip(launched(cases), cases, strict=True):
        same(found, laws.evaluate(jaxpr, args)[0])
