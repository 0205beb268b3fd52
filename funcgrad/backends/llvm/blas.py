"""BLAS and LAPACK by the addresses that SciPy hands out for Cython.

A routine is an external symbol of the module; its address is given when the module is loaded. All
arguments are pointers, as Fortran has them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from funcgrad.backends.llvm.capsules import pointer_of
from funcgrad.backends.llvm.ir import Function, Module, Value

__all__ = ["address", "gemm", "routine", "symbols"]


@lru_cache(maxsize=256)
def address(name: str) -> int:
    """Where the routine begins."""
    from scipy.linalg import cython_blas, cython_lapack

    table = cython_blas.__pyx_capi__
    return pointer_of(table[name] if name in table else cython_lapack.__pyx_capi__[name])


def routine(module: Module, name: str, count: int) -> str:
    """Declare a routine of so many arguments; returns its symbol."""
    symbol = f"@fg_lapack_{name}"
    module.declare(symbol, f"declare void {symbol}({', '.join(['ptr'] * count)})")
    return symbol


def symbols(text: str) -> dict[str, int]:
    """The address of every routine that a module's text mentions, by its symbol."""
    found = set(re.findall(r"@fg_lapack_(\w+)", text))
    return {f"fg_lapack_{name}": address(name) for name in sorted(found)}


def number(f: Function, type: str, value: Any) -> Value:
    """A number in memory, for a routine to read."""
    slot = f.alloca(type)
    f.store(f.lift(value, type), slot)
    return slot


def letter(f: Function, char: str) -> Value:
    return number(f, "i8", ord(char))


def call(module: Module, f: Function, name: str, *args: Value) -> None:
    f.call(routine(module, name, len(args)), "void", *args)


def gemm(
    module: Module, f: Function, type: str, plan: Any, a: Value, b: Value, c: Value, adds: bool
) -> None:
    """C = A B (or C += A B), row by row: to Fortran it is C^T = B^T A^T."""
    m, n, (k,) = plan.m, plan.n, plan.k
    b_plain, a_plain = n.b == 1, k.a == 1
    ldb, lda = (k.b if b_plain else n.b), (m.a if a_plain else k.a)
    one, keep = number(f, type, 1.0), number(f, type, float(adds))
    sizes = [number(f, "i32", x.n) for x in (n, m, k)]
    lds = [number(f, "i32", max(1, x)) for x in (ldb, lda, m.c)]
    call(
        module, f, "dgemm" if type == "double" else "sgemm",
        letter(f, "N" if b_plain else "T"), letter(f, "N" if a_plain else "T"),
        *sizes, one, b, lds[0], a, lds[1], keep, c, lds[2],
    )  # fmt: skip
