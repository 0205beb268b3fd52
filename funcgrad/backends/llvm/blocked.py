"""Triangular systems and Cholesky factors block by block, so that most of it is matrix products.

BLAS's own routines for large triangles reach a third of the speed of its products (OpenBLAS, order
500, one thread). Blocks of rows are done one after another: what earlier blocks contribute is a
product, and only the block's own triangle is left for the routine (Golub and Van Loan, Matrix
Computations, sections 3.1.4 and 4.2.6). Memory by rows is the transpose to Fortran.
"""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.blas import letter, number
from funcgrad.backends.llvm.ir import Value

__all__ = ["factored", "substituted"]

_BLOCK = 64
_COLUMNS = 16  # right-hand sides from which the product pays


def substituted(c: Any, matrix: Value, found: Value, n: int, k: int) -> None:
    """op(A) X = B with the triangle A at ``matrix``; ``found`` holds B (n, k) and then X."""
    p, f = c.eqn.params, c.f
    trans, unit = letter(f, "T" if p["trans"] else "N"), letter(f, "U" if p["unit"] else "N")
    uplo, one = letter(f, "U" if p["lower"] else "L"), number(f, c.type, 1.0)

    def triangle(at: Value, rows: Value, rhs: Value) -> None:
        c.lapack("trsm", letter(f, "R"), uplo, trans, unit, c.size(k), rows, one,
                 at, c.size(n), rhs, c.size(k))  # fmt: skip

    if n < 2 * _BLOCK or k < _COLUMNS:
        triangle(matrix, c.size(n), found)
        return
    minus = number(f, c.type, -1.0)
    with f.loop(0, n, _BLOCK) as t:
        if p["lower"] != p["trans"]:  # from the first rows on
            j, start = t, f.const("i64", 0)
            rows = f.intrinsic("smin", n - t, f.const("i64", _BLOCK))
            done = t
        else:
            j = f.intrinsic("smax", (n - _BLOCK) - t, f.const("i64", 0))
            start = n - t
            rows, done = start - j, t
        there = start * n + j if p["trans"] else j * n + start
        c.lapack("gemm", letter(f, "N"), trans, c.size(k), c.size(rows), c.size(done), minus,
                 f.at(found, start * k, c.type), c.size(k), f.at(matrix, there, c.type), c.size(n),
                 one, f.at(found, j * k, c.type), c.size(k))  # fmt: skip
        triangle(f.at(matrix, j * (n + 1), c.type), c.size(rows), f.at(found, j * k, c.type))


def factored(c: Any, matrix: Value, n: int) -> None:
    """A = L L^T: the lower triangle at ``matrix`` becomes L."""
    f, upper = c.f, letter(c.f, "U")

    def triangle(at: Value, rows: Value) -> None:
        info = c.info()
        c.lapack("potrf", upper, rows, at, c.size(n), info)
        c.checked(info)

    if n < 2 * _BLOCK:
        triangle(matrix, c.size(n))
        return
    one, minus = number(f, c.type, 1.0), number(f, c.type, -1.0)
    with f.loop(0, n, _BLOCK) as j:
        rows = f.intrinsic("smin", n - j, f.const("i64", _BLOCK))
        here, rest = f.at(matrix, j * (n + 1), c.type), n - j - rows
        c.lapack("gemm", letter(f, "T"), letter(f, "N"), c.size(rows), c.size(n - j), c.size(j),
                 minus, f.at(matrix, j * n, c.type), c.size(n), f.at(matrix, j * n, c.type),
                 c.size(n), one, here, c.size(n))  # fmt: skip
        triangle(here, c.size(rows))
        beside = f.at(matrix, (j + rows) * n + j, c.type)
        c.lapack("trsm", letter(f, "L"), upper, letter(f, "T"), letter(f, "N"), c.size(rows),
                 c.size(rest), one, here, c.size(n), beside, c.size(n))  # fmt: skip
