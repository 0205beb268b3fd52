"""Rows of decompositions, matrix functions and Fourier transforms: more of tests/op_table.py."""

from typing import Any

import numpy as np

from funcgrad.ops import banded, schur  # noqa: F401 - these load with funcgrad.scipy
from funcgrad.ops.families import ops
from funcgrad.ops.matrices import keep, triangle_mask
from tests.op_table import DOMAINS, Arg, row

_LINEAR = {"complex": True, "analytic": True}
_NEAR = {"rtol": 1e-12}
DOMAINS["triangular"] = lambda rng, shape: (
    np.triu(rng.normal(size=shape)) + 3 * np.diag(np.arange(shape[-1]))
)
DOMAINS["itriangular"] = lambda rng, shape: np.triu(rng.normal(size=shape))
DOMAINS["pivots"] = lambda rng, shape: rng.integers(np.arange(shape[-1]), shape[-1], shape)


def _projectors(a: Any) -> Any:
    """What does not depend on the phases of eigenvectors."""
    w, v = ops.eigh(a, lower=True)
    columns = ops.conj(v) if v.dtype.kind == "c" else v
    weighted = ops.multiply(v, ops.sin(ops.multiply(w, 0.1)))
    return w, ops.dot_general(weighted, columns, dims=(((1,), (1,)), ((), ())))


row("eigh", Arg((3, 3), "hermitian"), f=_projectors, complex=True, rtol=1e-11, note="projectors")

# -- decompositions ------------------------------------------------------------------------------


def _adjoint(x: Any) -> Any:
    x = ops.conj(x) if x.dtype.kind == "c" else x
    rank = len(x.shape)
    return ops.transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


def _phaseless(full: bool) -> Any:
    """Singular values, and functions of the vectors that do not know their phases."""

    def f(a: Any) -> Any:
        u, s, vh = ops.svd(a, full=full)
        k = s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        row = ops.reshape(s, shape=(*s.shape[:-1], 1, k))
        return s, (u * ops.sin(row * 0.3)) @ vh, (u[..., :1] @ _adjoint(u[..., :1]))

    return f


_TIGHT = {"rtol": 1e-11, "fd": 1e-7}
for _shape in ((3, 3), (4, 2), (2, 3), (2, 3, 2)):
    row("svd", Arg(_shape), params={"full": False}, **_TIGHT)
    for _full in (False, True):
        row(
            "svd", Arg(_shape), f=_phaseless(_full), complex=True, note=f"phaseless{_shape}{_full}",
            **_TIGHT,
        )  # fmt: skip
row("svd", Arg((3, 3)), params={"full": True}, **_TIGHT)
for _shape in ((3, 3), (4, 2), (2, 3), (2, 3, 2)):
    row(
        "qr", Arg(_shape), params={"full": False}, complex=True, **_TIGHT, note=str(_shape)
    )  # fmt: skip
    row("lu", Arg(_shape), complex=True, **_TIGHT, note=str(_shape))
row("qr", Arg((3, 2)), params={"full": True}, **_TIGHT)
row("qr", Arg((2, 4, 3)), params={"full": True}, **_TIGHT, note="batch")
row("qr", Arg((2, 3)), params={"full": True}, complex=True, **_TIGHT, note="wide")
row(
    "qr", Arg((4, 2)), f=lambda a: (ops.qr(a, full=True)[0][:, :2], ops.qr(a, full=True)[1]),
    complex=True, **_TIGHT, note="part",
)  # fmt: skip


def _span_of_rest(a: Any) -> Any:
    """What does not depend on the phase of the column that completes Q."""
    q, r = ops.qr(a, full=True)
    return q[:, :2], q[:, 2:] @ _adjoint(q[:, 2:]), r


row("qr", Arg((3, 2)), f=_span_of_rest, complex=True, **_TIGHT, note="phaseless")
row("eig", Arg((3, 3), "matrix"), complex=True, **_TIGHT)
row("eig", Arg((2, 3, 3), "hermitian"), complex=True, **_TIGHT, note="real")
for _sort in (None, "ouc"):
    row("schur", Arg((3, 3), "hermitian"), params={"sort": _sort}, **_TIGHT)
    row("schur", Arg((2, 3, 3), "hermitian"), params={"sort": _sort}, **_TIGHT, note="batch")


def _not_below() -> Any:
    return ops.logical_not(triangle_mask(3, strict=True))


def _diagonals(a: Any) -> Any:
    """What does not depend on the phases of Schur vectors: the span of the first k of them."""
    t, z = ops.schur(a, sort=None)
    return t[0, 0], z[:, :2] @ _adjoint(z[:, :2])


row("schur", Arg((3, 3), "hermitian"), f=_diagonals, complex=True, note="phaseless", **_TIGHT)
for _trans in (False, True):
    row(
        "commuted", Arg((3, 3), "triangular"), Arg((2, 3, 3)), complex=True, note=str(_trans),
        f=lambda t, m, trans=_trans: ops.commuted(keep(_not_below(), t), m, trans=trans), **_TIGHT,
    )  # fmt: skip
row("row_order", Arg((2, 3), "pivots"), params={"rows": 4})
row("column_order", Arg((2, 3)))
for _who, _columns in (("all", None), ("some", (True, False, True))):
    row(
        "resolve", Arg((2, 3)), Arg((2, 3), "off"), complex=True, **_NEAR,
        params={"columns": _columns, "who": _who, "free": False},
    )  # fmt: skip
row(
    "resolve",
    Arg((2, 3)),
    Arg((1, 3), "off"),
    params={"columns": None, "who": "row", "free": False},
    **_NEAR,
)
for _zeros in (False, True):
    row("shared", Arg((2, 3)), Arg((2, 3), "off"), params={"zeros": _zeros}, **_NEAR)
row("shared", Arg((3,)), Arg((3,), "off"), params={"zeros": False}, complex=True, **_NEAR)

# -- functions of matrices -----------------------------------------------------------------------

for _name, _domain in (("expm", "real"), ("logm", "spd"), ("sqrtm", "spd")):
    for _count in (0, 1):
        for _lead in ((), (2,)):
            row(
                "matrix_function", Arg((*_lead, 3, 3), _domain), *[Arg((3, 3))] * _count,
                params={"name": _name}, complex=True, note=f"{_count}{_lead}", **_TIGHT,
            )  # fmt: skip
row("sylvester", Arg((3, 3), "spd"), Arg((2, 2), "spd"), Arg((3, 2)), complex=True, **_TIGHT)
row("sylvester", Arg((2, 2), "spd"), Arg((2, 2), "spd"), Arg((2, 2, 2)), note="lead", **_TIGHT)
for _shape in ((3, 3), (4, 2), (2, 3), (2, 3, 2)):
    row("pinv", Arg(_shape), 1e-15, complex=True, note=str(_shape), **_TIGHT)

for _lower, _upper, _note in ((1, 2, ""), (0, 1, ""), (2, 0, "batch")):
    row(
        "solve_banded", Arg((*(2,) * bool(_note), _lower + _upper + 1, 4), "above"), Arg((4, 2)),
        params={"lower": _lower, "upper": _upper}, complex=True, note=_note, **_TIGHT,
    )  # fmt: skip

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
