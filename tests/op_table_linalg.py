"""Rows of decompositions, matrix functions and Fourier transforms: more of tests/op_table.py."""

from typing import Any

from funcgrad.ops.families import ops
from tests.op_table import Arg, row

_LINEAR = {"complex": True, "analytic": True}
_NEAR = {"rtol": 1e-12}


def _projectors(a: Any) -> Any:
    """What does not depend on the phases of eigenvectors."""
    w, v = ops.eigh(a, lower=True)
    columns = ops.conj(v) if v.dtype.kind == "c" else v
    weighted = ops.multiply(v, ops.sin(ops.multiply(w, 0.1)))
    return w, ops.dot_general(weighted, columns, dims=(((1,), (1,)), ((), ())))


row("eigh", Arg((3, 3), "hermitian"), f=_projectors, complex=True, rtol=1e-11, note="projectors")

# -- Fourier transforms --------------------------------------------------------------------------

for _inverse in (False, True):
    for _shape, _axes in (((2, 3), (1,)), ((3, 2, 4), (0, 2)), ((2, 5), (0,))):
        row("fft", Arg(_shape), params={"axes": _axes, "inverse": _inverse}, complex=True, **_NEAR)
for _shape, _axis in (((2, 4), 1), ((3, 2), 0), ((1,), 0)):
    row("rfft", Arg(_shape), params={"axis": _axis}, **_NEAR)
for _n in (4, 5, 1):
    row(
        "irfft", Arg((2, _n // 2 + 1)), params={"axis": 1, "n": _n}, complex=True, **_NEAR,
    )  # fmt: skip
for _kind in ("dct", "dst"):
    for _type in (1, 2, 3, 4):
        for _shape, _axis in (((2, 4), 1), ((3, 2), 0)):
            row(
                "trigonometric", Arg(_shape), complex=True, **_NEAR,
                params={"kind": _kind, "type": _type, "axis": _axis},
            )  # fmt: skip
