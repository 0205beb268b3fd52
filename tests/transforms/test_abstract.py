"""Programs that are traced once and for all: the constants that they capture are written in."""

import numpy as np
import pytest

from funcgrad.errors import StructureError
from funcgrad.ir.avals import array_aval
from funcgrad.trace.dispatch import hooks
from funcgrad.transforms.abstract import closed

RNG = np.random.default_rng(0)
NUMBER = array_aval((), np.float64)


@pytest.mark.parametrize(
    "constant",
    [
        np.eye(5), np.arange(7), np.array([[0, 2, 4], [4, 4, 4]]), np.zeros((200, 200)),
        np.array([True, False, False]), np.array([1.5, np.nan, np.inf, -0.0, 0.0]),
        np.ones((3, 2), np.float32), np.array([[3]]), np.array([5, 1, 2, 2]), np.array([1j, 2.0]),
        np.array([7, 8, 9], np.uint8), RNG.integers(-5, 5, size=(9, 7)), np.float64(2.5),
        np.arange(12, dtype=np.int32).reshape(3, 4), np.arange(10**5).reshape(-1, 2),
    ],
    ids=lambda x: f"{x.dtype}{x.shape}",
)  # fmt: skip
def test_constants_are_written_in(constant):
    made = closed([NUMBER], lambda xs: [np.where(xs[0] > 0, constant, constant)], "test")
    assert len(made.invars) == 1
    (out,) = hooks.run(made, [np.float64(1.0)])
    np.testing.assert_array_equal(out, constant)
    np.testing.assert_array_equal(np.signbit(np.real(out)), np.signbit(np.real(constant)))
    assert out.dtype == constant.dtype


def test_large_constants_are_operands():
    table = RNG.normal(size=5000)
    with pytest.raises(StructureError, match=r"constant of shape \(5000,\)"):
        closed([NUMBER], lambda xs: [xs[0] * table], "test")
