"""Factors of matrices, and systems solved by them: LU, Cholesky, QR."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import decompositions
from funcgrad.ops import linalg_functions as numpys
from funcgrad.ops.families import ops
from funcgrad.ops.linalg import triangular_solve
from funcgrad.ops.matrices import place
from funcgrad.ops.products import adjoint
from funcgrad.ops.shaping import broadcast_to
from funcgrad.scipy.linalg.shared import as_columns, floats, refused, scipys_linalg

__all__ = ["cho_factor", "cho_solve", "cholesky", "lu", "lu_factor", "lu_solve", "qr", "rq",
           "triangular"]  # fmt: skip

_LETTERS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False, unit: bool = False) -> Any:
    """op(a)^-1 b for columns b, where op is nothing, ^T or ^H."""
    if trans not in _LETTERS:
        raise ValueError(f"trans={trans!r}: it is 0, 1, 2, 'N', 'T' or 'C'")
    code = _LETTERS[trans]
    a = ops.conj(a) if code == 2 and a.dtype.kind == "c" else a
    return triangular_solve(a, b, lower=bool(lower), trans=code > 0, unit=bool(unit))


# -- LU ------------------------------------------------------------------------------------------


@scipys_linalg
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """(L and U in one matrix, row exchanges) of shapes (…, m, n) and (…, min(m, n))."""
    return tuple(decompositions.lu(floats(a)))


def _rows(x: Any, order: Any) -> Any:
    """The rows of matrices in another order."""
    index = broadcast_to(decompositions.column(order), shape=(*order.shape, x.shape[-1]))
    lead = np.broadcast_shapes(tuple(x.shape[:-2]), tuple(order.shape[:-1]))
    x, index = (broadcast_to(v, shape=(*lead, *v.shape[-2:])) for v in (x, index))
    return ops.take_along(x, index, axis=len(lead))


@scipys_linalg
def lu_solve(
    lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The solution of a x = b (``trans`` 1: a^T x = b, 2: a^H x = b) by ``lu_factor(a)``."""
    packed, pivots = lu_and_piv
    packed = floats(packed)
    order = decompositions.row_order(np.asarray(pivots) if isinstance(pivots, list) else pivots,
                                     rows=packed.shape[-1])  # fmt: skip

    def found(b: Any) -> Any:
        if trans == 0:
            half = triangular(packed, _rows(b, order), 0, True, True)
            return triangular(packed, half)
        half = triangular(packed, triangular(packed, b, trans), trans, True, True)
        return _rows(half, ops.argsort(order, axis=len(order.shape) - 1))

    return as_columns(found, b)


@scipys_linalg
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True,
    p_indices: bool = False,
) -> Any:  # fmt: skip
    """(P, L, U) with a = P L U; (P L, U) with ``permute_l``; P as indices, a = L[P] U, with
    ``p_indices``. Which rows are exchanged is constant where L and U are smooth."""
    a = floats(a)
    packed, pivots = decompositions.lu(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    order = decompositions.row_order(pivots, rows=m)
    L = np.tril(packed[..., :k], -1) + np.eye(m, k, dtype=a.dtype)
    U = np.triu(packed[..., :k, :])
    back = ops.argsort(order, axis=len(order.shape) - 1)
    if permute_l:
        return _rows(L, back), U
    if p_indices:
        return back, L, U
    hits = ops.equal(decompositions.column(back), place(m, 1))
    return ops.convert(hits, dtype=np.empty(0, a.dtype).real.dtype), L, U


# -- Cholesky ------------------------------------------------------------------------------------


@scipys_linalg
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """L with a = L L^H, or U with a = U^H U: only that triangle of a is read."""
    return numpys.cholesky(floats(a), upper=not lower)


@scipys_linalg
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """(factor, lower) for ``cho_solve``; the other triangle of the factor is 0."""
    return numpys.cholesky(floats(a), upper=not lower), lower


@scipys_linalg
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The solution of a x = b by ``cho_factor(a)``."""
    factor, lower = c_and_lower
    factor = floats(factor)
    first, second = (0, 2) if lower else (2, 0)
    return as_columns(
        lambda b: triangular(factor, triangular(factor, b, first, lower), second, lower), b
    )


# -- QR ------------------------------------------------------------------------------------------


@scipys_linalg
def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    pivoting: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """(Q, R), (R,) with ``mode="r"``; with ``pivoting`` the order of columns comes last, which is
    constant where Q and R are smooth. ``mode="full"`` completes Q of a tall matrix by any basis of
    what is left: more than one such column have no derivative, see ``funcgrad.config.degenerate``.
    """
    a = floats(a)
    m, n = a.shape[-2:]
    if mode not in ("full", "r", "economic", "raw"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic', 'raw']")
    if mode == "raw":
        refused("qr", 'mode="raw", LAPACK\'s own record of Q,', 'use mode="economic" or "full"')
    last: tuple[Any, ...] = ()
    if pivoting:
        order = decompositions.column_order(a)
        index = broadcast_to(decompositions.row(order), shape=a.shape)
        a, last = ops.take_along(a, index, axis=len(a.shape) - 1), (order,)
    q, r = decompositions.qr(a, full=mode == "full")
    if mode == "r":
        if m > n:
            r = np.concatenate((r, np.zeros((*r.shape[:-2], m - n, n), r.dtype)), axis=-2)
        return r, *last
    return q, r, *last


@scipys_linalg
def rq(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """(R, Q) with a = R Q, R alone with ``mode="r"``: the QR decomposition of a^H with the order of
    rows and columns turned. What ``mode="full"`` adds to Q is as for ``qr``."""
    if mode not in ("full", "r", "economic"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic']")
    turned = adjoint(floats(a)[..., ::-1, ::-1])
    q, r = decompositions.qr(turned, full=mode != "economic")
    r, q = adjoint(r)[..., ::-1, ::-1], adjoint(q)[..., ::-1, ::-1]
    return r if mode == "r" else (r, q)
