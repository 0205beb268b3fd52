"""Functions of matrices with all their Fréchet derivatives; pinv; the equation of Sylvester.

These are right at multiple eigenvalues, where eigenvectors have no derivative.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError, ShapeError
from funcgrad.ir.avals import Aval, array_aval, broadcast_shapes
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import ct_like, define, is_linear, lead, like, total
from funcgrad.ops.matrices import lapack_dtype, lined, square
from funcgrad.ops.products import adjoint, matmul, matrix_transpose
from funcgrad.ops.shaping import broadcast_to

__all__ = ["matrix_function", "pinv", "sylvester"]


def _leading(who: str, *avals: Aval) -> tuple[int, ...]:
    shape = broadcast_shapes(*[a.shape[:-2] for a in avals])
    if shape is None:
        raise ShapeError(f"{who}: shapes {[a.shape for a in avals]} do not broadcast together")
    return shape


def _double(xp: Any, x: Any) -> Any:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)


# -- matrix_function: f(A), and D^k f(A)[E1, …, Ek] ----------------------------------------------
# The k-th Fréchet derivative is linear and symmetric in its directions, and is the upper right
# block of f(X_k), where X_0 = A and X_k = [[X_{k-1}, 1 x E_k], [0, X_{k-1}]] (Higham and Relton,
# 2014). For powers it is a sum over all words of A and the E's; reversing the words shows that
# <ct, D f(A)[…, E, …]> = <D f(A^T)[…^T, ct, …^T], E>.


def _function_type(*avals: Aval, name: str) -> Aval:
    n = square(name, avals[0])[-1]
    for x in avals[1:]:
        if square(name, x)[-1] != n:
            raise ShapeError(f"{name}: a direction of shape {x.shape} for {avals[0].shape}")
    return array_aval((*_leading(name, *avals), n, n), lapack_dtype(*avals))


def _function_value(xp: Any, a: Any, *directions: Any, name: str) -> Any:
    dtype = np.result_type(a, *directions)
    dtype = dtype if dtype.kind in "fc" else np.dtype(np.float64)
    n = a.shape[-1]
    xs = [_double(xp, x) for x in (a, *directions)]
    shape = np.broadcast_shapes(*[x.shape[:-2] for x in xs])
    xs = [xp.broadcast_to(x, (*shape, n, n)) for x in xs]
    out = xp.zeros((*shape, n, n), dtype)
    for k in np.ndindex(*shape) if n else ():
        found = _derivative(xp, name, *[x[k] for x in xs])
        if found.dtype.kind == "c" and dtype.kind != "c":
            raise np.linalg.LinAlgError(
                f"{name}: the result for a real matrix of shape {a.shape} is complex (it has "
                "negative eigenvalues); pass the matrix as complex numbers"
            )
        out[k] = found
    return out


def _derivative(xp: Any, name: str, a: Any, *directions: Any) -> Any:
    sizes = [float(abs(x).max()) for x in directions]
    if 0.0 in sizes:
        return xp.zeros_like(a)
    block, n = a, a.shape[-1]
    for x, size in zip(directions, sizes, strict=True):
        # directions of size 1: the value is linear in them, its accuracy is not
        corner = xp.kron(xp.eye(block.shape[0] // n), x / size)
        block = xp.concatenate(
            (xp.concatenate((block, corner), axis=1),
             xp.concatenate((xp.zeros_like(block), block), axis=1)), axis=0,
        )  # fmt: skip
    if directions or name == "logm":
        _check_regular(xp, name, a)
    return _of_matrix(xp, name, block)[:n, -n:] * np.prod(sizes)


def _check_regular(xp: Any, name: str, a: Any) -> None:
    if name == "expm":
        return
    sizes = abs(xp.linalg.eigvals(a))
    if not bool(sizes.min() > a.shape[-1] * np.finfo(float).eps * sizes.max()):
        raise np.linalg.LinAlgError(
            f"{name}: the matrix of shape {a.shape} is singular, where {name} has no "
            + ("value" if name == "logm" else "derivative")
        )


def _of_matrix(xp: Any, name: str, a: Any) -> Any:
    if xp is np:
        from scipy import linalg
    else:
        from cupyx.scipy import linalg
    if not hasattr(linalg, name):
        raise NotTraceableError(f"{name}: CuPy has none; move the matrix to the host first")
    with warnings.catch_warnings():  # what they warn of has been checked
        warnings.simplefilter("ignore")
        return getattr(linalg, name)(a)


def _function_jvp(primals: Any, tangents: Any, outs: Any, name: str) -> Any:
    a, *directions = primals
    da, *moved = tangents
    terms = [] if da is None else [matrix_function(a, *directions, da, name=name)]
    for i, t in enumerate(moved):
        if t is not None:
            changed = (*directions[:i], t, *directions[i + 1 :])
            terms.append(matrix_function(a, *changed, name=name))
    return (like(total(terms), outs[0].aval),)


def _function_transpose(cts: Any, operands: Any, name: str) -> Any:
    given = [cts[0] if is_linear(x) else matrix_transpose(x) for x in operands]
    found = matrix_function(*given, name=name)
    return [ct_like(found, x.aval) if is_linear(x) else None for x in operands]


matrix_function = define(
    "matrix_function", type=_function_type, value=_function_value, jvp=_function_jvp,
    transpose=_function_transpose,
    batch=lambda size, xs, batched, name: (
        matrix_function(*lined(xs, batched), name=name), True
    ),
)  # fmt: skip
"""``name``: "expm", "logm" or "sqrtm"; operands behind the matrix are directions of derivatives."""

# -- sylvester: A Z + Z B = C --------------------------------------------------------------------
# It is linear in C:  A dZ + dZ B = dC - dA Z - Z dB,  and its transpose solves A^T X + X B^T = ct.


def _sylvester_type(a: Aval, b: Aval, c: Aval) -> Aval:
    m, n = square("sylvester", a)[-1], square("sylvester", b)[-1]
    if c.shape[-2:] != (m, n):
        raise ShapeError(f"sylvester: shapes {a.shape}, {b.shape} and {c.shape} do not fit")
    return array_aval((*_leading("sylvester", a, b, c), m, n), lapack_dtype(a, b, c))


def _sylvester_value(xp: Any, a: Any, b: Any, c: Any) -> Any:
    if xp is not np:
        raise NotTraceableError("sylvester: CuPy has none; move the matrices to the host first")
    from scipy.linalg import solve_sylvester

    dtype = np.result_type(a, b, c)
    shape = np.broadcast_shapes(*[x.shape[:-2] for x in (a, b, c)])
    out = np.zeros((*shape, *c.shape[-2:]), dtype if dtype.kind in "fc" else np.float64)
    a, b, c = (np.broadcast_to(x, (*shape, *x.shape[-2:])) for x in (a, b, c))
    for k in np.ndindex(*shape) if out.size else ():
        w = np.add.outer(np.linalg.eigvals(a[k]), np.linalg.eigvals(b[k]))
        scale = np.abs(a[k]).max() + np.abs(b[k]).max()
        if not np.abs(w).min() > np.finfo(out.dtype).eps * scale:
            raise np.linalg.LinAlgError(
                f"sylvester: a of shape {a.shape} and -b of shape {b.shape} have a common "
                "eigenvalue, so a z + z b = c has no unique solution"
            )
        out[k] = solve_sylvester(a[k], b[k], c[k])
    return out


def _sylvester_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a, b, _), (da, db, dc), z = primals, tangents, outs[0]
    right = total([
        None if dc is None else like(dc, z.aval),
        None if da is None else e.negative(matmul(da, z)),
        None if db is None else e.negative(matmul(z, db)),
    ])  # fmt: skip
    return (like(sylvester(a, b, right), z.aval),)


def _sylvester_transpose(cts: Any, operands: Any) -> Any:
    a, b, c = operands
    found = sylvester(matrix_transpose(a), matrix_transpose(b), cts[0])
    return None, None, ct_like(found, c.aval)


sylvester = define(
    "sylvester", type=_sylvester_type, value=_sylvester_value, jvp=_sylvester_jvp,
    transpose=_sylvester_transpose, eager=True,
    batch=lambda size, xs, batched: (sylvester(*lined(xs, batched)), True),
)  # fmt: skip

# -- pinv: singular values up to ``cut`` times the largest count as 0 ----------------------------
# dZ = -Z dA Z + Z Z^H dA^H (1 - A Z) + (1 - Z A) dA^H Z^H Z  (Golub and Pereyra, 1973). As long as
# no singular value crosses the cut, this is right for matrices of any rank.


def _pinv_type(a: Aval, cut: Aval) -> Aval:
    if a.ndim < 2 or broadcast_shapes(a.shape[:-2], cut.shape) != a.shape[:-2]:
        raise ShapeError(f"pinv: a cut of shape {cut.shape} for matrices of shape {a.shape}")
    return array_aval((*a.shape[:-2], a.shape[-1], a.shape[-2]), lapack_dtype(a))


def _pinv_jvp(primals: Any, tangents: Any, outs: Any) -> Any:
    (a, _), (da, _), z = primals, tangents, outs[0]
    if da is None:
        return (None,)
    aval = z.aval.with_shape(a.shape)
    a, da = like(a, aval), like(da, aval)
    back, zh = adjoint(da), adjoint(z)
    tall = matmul(matmul(z, zh), back)
    wide = matmul(back, matmul(zh, z))
    return (total([
        e.negative(matmul(matmul(z, da), z)),
        e.subtract(tall, matmul(matmul(tall, a), z)),
        e.subtract(wide, matmul(z, matmul(a, wide))),
    ]),)  # fmt: skip


def _pinv_batch(size: int, xs: Any, batched: Any) -> Any:
    a, cut = xs
    if not batched[0]:
        a = broadcast_to(a, shape=(size, *a.shape))
    return pinv(a, lead(cut, len(a.shape) - 3) if batched[1] else cut), True


pinv = define(
    "pinv", type=_pinv_type, value=lambda xp, a, cut: xp.linalg.pinv(a, cut), jvp=_pinv_jvp,
    batch=_pinv_batch, eager=True,
)  # fmt: skip
