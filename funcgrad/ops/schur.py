"""The Schur decomposition A = Z T Z^H, T upper triangular.

With W = Z^H dZ antihermitian and M = Z^H dA Z:  M = W T - T W + dT. The strict lower triangle of
this is an equation for that of W alone, L, and the rest follows:

    low(L T - T L) = low(M),   W = L - L^H,   dT = M - W T + T W

The phases of the columns of Z are held. Two equal eigenvalues leave L undefined; a real T with
blocks of two rows, for a pair of complex eigenvalues, has no derivative of this form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.errors import DegenerateError, NotTraceableError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ct_like, define, like, total
from funcgrad.ops.matrices import each_alone, keep, lapack_dtype, lined, square, triangle_mask
from funcgrad.ops.products import adjoint, matmul, matrix_transpose

__all__ = ["commuted", "schur"]


def _type(a: Aval, sort: Any) -> tuple[Aval, ...]:
    found = array_aval(square("schur", a), lapack_dtype(a))
    if sort is None:
        return found, found
    return found, found, array_aval(found.shape[:-2], np.dtype(np.intp))


def _value(xp: Any, a: Any, sort: Any) -> Any:
    if xp is not np:
        raise NotTraceableError("schur: CuPy has none; move the matrix to the host first")
    from scipy.linalg import schur as decompose

    t = np.array(a, dtype=a.dtype if a.dtype.kind in "fc" else np.float64)
    z, count = np.empty_like(t), np.zeros(t.shape[:-2], np.intp)
    for k in np.ndindex(*t.shape[:-2]) if t.size else ():
        t[k], z[k], *found = decompose(t[k], sort=sort)
        count[k] = found[0] if found else 0
    return (t, z) if sort is None else (t, z, count[()])


def _jvp(primals: Any, tangents: Any, outs: Any, sort: Any) -> Any:
    t, z, *counted = outs
    m = matmul(matmul(adjoint(z), like(tangents[0], z.aval)), z)
    low = commuted(t, m, trans=False)
    w = e.subtract(low, adjoint(low))
    dt = e.add(m, e.subtract(matmul(t, w), matmul(w, t)))
    upper = e.logical_not(triangle_mask(t.shape[-1], strict=True))
    return (keep(upper, dt), matmul(z, w), *[None] * len(counted))


schur = define(
    "schur", type=_type, value=_value, jvp=_jvp, batch=each_alone("schur"), multiple=True,
    eager=True,
)  # fmt: skip
"""(T, Z), real for a real matrix; ``sort`` chooses eigenvalues that come first: then also how many
they are."""

# -- commuted: L, strictly lower triangular, with low(L T - T L) = low(M)
# Its transpose is low(X T^T - T^T X) = low(ct). Written out, each number follows from others that
# are nearer to the left and the bottom, or (transposed) nearer to the diagonal.


def _commuted_type(t: Aval, m: Aval, trans: bool) -> Aval:
    shape = np.broadcast_shapes(t.shape, m.shape)
    return array_aval(shape, lapack_dtype(t, m))


def _commuted_value(xp: Any, t: Any, m: Any, trans: bool) -> Any:
    shape = np.broadcast_shapes(t.shape, m.shape)
    out = np.zeros(shape, np.result_type(t, m))
    t, m = np.broadcast_to(t, shape), np.broadcast_to(m, shape)
    if np.any(np.diagonal(t, -1, -2, -1)):
        raise DegenerateError(
            "schur: a pair of complex eigenvalues makes a block of two rows in the real T, which "
            'has no derivative here; use output="complex"'
        )
    for k in np.ndindex(*shape[:-2]):
        gap = _gap(np.diagonal(t[k]))
        if trans and config.degenerate == "error" and np.isnan(gap).any():
            raise DegenerateError(
                "schur: two eigenvalues coincide, so that Z is no smooth function of the matrix; "
                'set funcgrad.config.degenerate = "nan", or use expm, logm, sqrtm or pinv'
            )
        (_solve_transposed if trans else _solve)(out[k], t[k].T if trans else t[k], m[k], gap)
    return out


def _gap(w: Any) -> Any:
    """w_j - w_i, NaN below the diagonal where both count as one."""
    gap = w[None, :] - w[:, None]
    bound = 8 * len(w) * np.finfo(w.dtype).eps * np.abs(w).max(initial=0.0)
    return np.where((np.abs(gap) <= bound) & np.tri(len(w), k=-1, dtype=bool), np.nan, gap)


def _solve(x: Any, t: Any, m: Any, gap: Any) -> None:
    n = len(t)
    for j in range(n):
        for i in range(n - 1, j, -1):
            rest = x[i, :j] @ t[:j, j] - t[i, i + 1 :] @ x[i + 1 :, j]
            x[i, j] = (m[i, j] - rest) / gap[i, j]


def _solve_transposed(x: Any, s: Any, m: Any, gap: Any) -> None:
    n = len(s)
    for distance in range(1, n):
        for j in range(n - distance):
            i, between = j + distance, slice(j + 1, j + distance)
            rest = x[i, between] @ s[between, j] - s[i, between] @ x[between, j]
            x[i, j] = (m[i, j] - rest) / gap[i, j]


def _commuted_jvp(primals: Any, tangents: Any, outs: Any, trans: bool) -> Any:
    (t, _), (dt, dm), x = primals, tangents, outs[0]
    moved = None
    if dt is not None:
        turn = matrix_transpose(dt) if trans else dt
        moved = e.subtract(matmul(turn, x), matmul(x, turn))
    right = total([None if dm is None else like(dm, x.aval), moved])
    return (like(commuted(t, right, trans=trans), x.aval),)


def _commuted_transpose(cts: Any, operands: Any, trans: bool) -> Any:
    t, m = operands
    return None, ct_like(commuted(t, cts[0], trans=not trans), m.aval)


commuted = define(
    "commuted", type=_commuted_type, value=_commuted_value, jvp=_commuted_jvp,
    transpose=_commuted_transpose,
    batch=lambda size, xs, batched, trans: (commuted(*lined(xs, batched), trans=trans), True),
)  # fmt: skip
