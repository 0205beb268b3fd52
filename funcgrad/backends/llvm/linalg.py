"""Dense linear algebra by LAPACK, on copies of the operands.

Arrays are stored by rows, LAPACK reads columns: what lies in memory as A is to it the transpose of
A, and a lower triangle is an upper one. A matrix that LAPACK finds singular, or not positive
definite, sets the program's status: NumPy answers then, with its error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funcgrad.backends.llvm import maths
from funcgrad.backends.llvm.arrays import along, over, result, settled
from funcgrad.backends.llvm.blas import call, letter, number
from funcgrad.backends.llvm.blocked import factored, substituted
from funcgrad.backends.llvm.elements import register_type
from funcgrad.backends.llvm.handler import Handler
from funcgrad.backends.llvm.ir import Local, Value
from funcgrad.backends.llvm.places import copy_strided
from funcgrad.compiler.views import View, broadcast, contiguous
from funcgrad.ir.avals import array_aval

__all__ = ["HANDLERS"]


class _Call:
    """One equation: its dtype, sizes, and how its matrices are laid out."""

    def __init__(self, s: Any, eqn: Any):
        self.s, self.f, self.module, self.eqn = s, s.f, s.module, eqn
        self.dtype = eqn.outvars[0].aval.dtype
        self.type = register_type(self.dtype) or ""
        self.lead = eqn.outvars[0].aval.shape[:-2]
        self.n = eqn.invars[0].aval.shape[-1]

    def lapack(self, name: str, *args: Value) -> None:
        prefix = "d" if self.type == "double" else "s"
        call(self.module, self.f, prefix + name, *args)

    def size(self, n: Any) -> Value:
        return number(self.f, "i32", n.cast("trunc", "i32") if isinstance(n, Value) else n)

    def checked(self, info: Value) -> None:
        """A positive info means that there is no answer."""
        f = self.f
        with f.when(f.load("i32", info).ne(0), likely=False):
            f.store(f.const("i32", 1), self.s.program.status)

    def info(self) -> Value:
        return self.f.alloca("i32")

    def pivots(self) -> Value:
        return self.s.temporary(array_aval((self.n,), np.dtype(np.int32)))  # type: ignore[no-any-return]

    def scratch(self, *shape: int) -> Value:
        return self.s.temporary(array_aval(shape, self.dtype))  # type: ignore[no-any-return]

    def operand(self, v: Any) -> tuple[Value, View]:
        """A matrix operand's memory, with its leading axes broadcast to the result's."""
        pointer, view = self.s.address(v)
        return pointer, broadcast(view, (*self.lead, *v.aval.shape[-2:]))

    def each(self, body: Callable[[list[Value]], None]) -> None:
        """Once per matrix of the leading axes."""
        over(self.f, self.lead, body)

    def copy(self, pointer: Value, view: View, lead: list[Value], target: Value,
             turned: bool = False) -> None:  # fmt: skip
        """One matrix into memory, by rows or (turned) by columns."""
        f = self.f
        start = along(f, view.offset, view.strides[:-2], lead)
        order = -1 if turned else 1
        part = View(None, 0, view.strides[-2:][::order], view.shape[-2:][::order])
        copy_strided(f, f.at(pointer, start, self.type), part, target, self.dtype)

    def part(self, pointer: Value, aval: Any, lead: list[Value]) -> Value:
        """Where one matrix (vector, number) of a result begins."""
        steps = contiguous(aval.shape)[: len(self.lead)]
        return self.f.at(pointer, along(self.f, 0, steps, lead), self.type)


def _refuses(eqn: Any) -> str | None:
    dtypes = {v.aval.dtype for v in (*eqn.invars, *eqn.outvars)}
    if len(dtypes) > 1 or next(iter(dtypes)).char not in "fd":
        return "linear algebra is lowered for float32 and float64, of one dtype"
    return None


def _cholesky(s: Any, eqn: Any) -> None:
    c, f = _Call(s, eqn), s.f
    (a,), (out,) = eqn.invars, eqn.outvars
    source, view = c.operand(a)
    target, n = result(s, out), c.n

    def one(lead: list[Value]) -> None:
        matrix = c.part(target, out.aval, lead)
        c.copy(source, view, lead, matrix)
        factored(c, matrix, n)
        with f.loop(0, n) as i, f.loop(i + 1, n) as j:
            f.store(f.const(c.type, 0.0), f.at(matrix, i * n + j, c.type))

    c.each(one)
    settled(s, out, target)


def _triangular(s: Any, eqn: Any) -> None:
    c, f, p = _Call(s, eqn), s.f, eqn.params
    (a, b), (out,) = eqn.invars, eqn.outvars
    left, right = c.operand(a), c.operand(b)
    target, n, k = result(s, out), c.n, b.aval.shape[-1]
    matrix = c.scratch(n, n)

    def one(lead: list[Value]) -> None:
        found = c.part(target, out.aval, lead)
        c.copy(*left, lead, matrix)
        c.copy(*right, lead, found)
        if not p["unit"]:
            with f.loop(0, n) as i:
                zero = f.load(c.type, f.at(matrix, i * (n + 1), c.type)).eq(0.0)
                with f.when(zero, likely=False):
                    f.store(f.const("i32", 1), s.program.status)
        substituted(c, matrix, found, n, k)

    c.each(one)
    settled(s, out, target)


def _solve(s: Any, eqn: Any) -> None:
    c, f = _Call(s, eqn), s.f
    (a, b), (out,) = eqn.invars, eqn.outvars
    left, right = c.operand(a), c.operand(b)
    target, n, k = result(s, out), c.n, b.aval.shape[-1]
    matrix, columns, pivots = c.scratch(n, n), c.scratch(n, k), c.pivots()

    def one(lead: list[Value]) -> None:
        info, found = c.info(), c.part(target, out.aval, lead)
        c.copy(*left, lead, matrix, turned=True)
        c.copy(*right, lead, columns, turned=True)
        c.lapack("gesv", c.size(n), c.size(k), matrix, c.size(n), pivots, columns, c.size(n), info)
        c.checked(info)
        with f.loop(0, n) as i, f.loop(0, k) as j:
            x = f.load(c.type, f.at(columns, j * n + i, c.type))
            f.store(x, f.at(found, i * k + j, c.type))

    c.each(one)
    settled(s, out, target)


def _inv(s: Any, eqn: Any) -> None:
    c = _Call(s, eqn)
    (a,), (out,) = eqn.invars, eqn.outvars
    source, view = c.operand(a)
    target, n = result(s, out), c.n
    pivots, work = c.pivots(), c.scratch(64 * n)

    def one(lead: list[Value]) -> None:
        matrix, info = c.part(target, out.aval, lead), c.info()
        c.copy(source, view, lead, matrix)
        c.lapack("getrf", c.size(n), c.size(n), matrix, c.size(n), pivots, info)
        c.checked(info)
        c.lapack("getri", c.size(n), matrix, c.size(n), pivots, work, c.size(64 * n), info)

    c.each(one)
    settled(s, out, target)


# -- determinants: the product of the pivots; a row exchange turns the sign ------------------------


def _factored(c: _Call, source: Value, view: View, lead: list[Value]) -> tuple[Value, Value, Local]:
    """An LU factorisation, its pivots, and the sign of its permutation."""
    f, n = c.f, c.n
    matrix, pivots, info = c.scratch(n, n), c.pivots(), c.info()
    c.copy(source, view, lead, matrix)
    c.lapack("getrf", c.size(n), c.size(n), matrix, c.size(n), pivots, info)
    sign = Local(f, c.type, 1.0)
    with f.loop(0, n) as i:
        moved = f.load("i32", f.at(pivots, i, "i32")).cast("sext", "i64").ne(i + 1)
        sign.set(moved.select(-sign.get(), sign.get()))
    return matrix, pivots, sign


def _det(s: Any, eqn: Any) -> None:
    c, f = _Call(s, eqn), s.f
    (a,), (out,) = eqn.invars, eqn.outvars
    c.lead = out.aval.shape
    source, view = c.operand(a)
    target = result(s, out)

    def one(lead: list[Value]) -> None:
        matrix, _, total = _factored(c, source, view, lead)
        with f.loop(0, c.n) as i:
            total.set(total.get() * f.load(c.type, f.at(matrix, i * (c.n + 1), c.type)))
        f.store(total.get(), c.part(target, out.aval, lead))

    c.each(one)
    settled(s, out, target)


def _slogdet(s: Any, eqn: Any) -> None:
    c, f = _Call(s, eqn), s.f
    (a,), (sign_out, log_out) = eqn.invars, eqn.outvars
    c.lead = sign_out.aval.shape
    source, view = c.operand(a)
    targets = [result(s, v) for v in eqn.outvars]

    def one(lead: list[Value]) -> None:
        matrix, _, sign = _factored(c, source, view, lead)
        total = Local(f, c.type, 0.0)
        with f.loop(0, c.n) as i:
            x = f.load(c.type, f.at(matrix, i * (c.n + 1), c.type))
            turned = x.lt(0.0).select(-sign.get(), sign.get())
            sign.set(x.eq(0.0).select(0.0, turned))
            total.set(total.get() + maths.call(f, "log", f.intrinsic("fabs", x)))
        f.store(sign.get(), c.part(targets[0], sign_out.aval, lead))
        f.store(total.get(), c.part(targets[1], log_out.aval, lead))

    c.each(one)
    for v, target in zip(eqn.outvars, targets, strict=True):
        settled(s, v, target)


# -- eigenvalues ---------------------------------------------------------------------------------


def _eigh(s: Any, eqn: Any) -> None:
    c, f = _Call(s, eqn), s.f
    (a,), (w, v) = eqn.invars, eqn.outvars
    c.lead = w.aval.shape[:-1]
    source, view = c.operand(a)
    values, vectors, n = result(s, w), result(s, v), c.n
    matrix = c.scratch(n, n)
    sizes = (1 + 6 * n + 2 * n * n, 3 + 5 * n)  # what LAPACK's documentation asks for
    work = c.scratch(sizes[0])
    integers = s.temporary(array_aval((sizes[1],), np.dtype(np.int32)))

    def one(lead: list[Value]) -> None:
        info = c.info()
        c.copy(source, view, lead, matrix, turned=True)  # as NumPy does: the same signs
        c.lapack("syevd", letter(f, "V"), letter(f, "L" if eqn.params["lower"] else "U"),
                 c.size(n), matrix, c.size(n), c.part(values, w.aval, lead), work,
                 c.size(sizes[0]), integers, c.size(sizes[1]), info)  # fmt: skip
        c.checked(info)
        found = c.part(vectors, v.aval, lead)
        with f.loop(0, n) as i, f.loop(0, n) as j:
            f.store(f.load(c.type, f.at(matrix, j * n + i, c.type)),
                    f.at(found, i * n + j, c.type))  # fmt: skip

    c.each(one)
    settled(s, w, values)
    settled(s, v, vectors)


HANDLERS = {
    "cholesky": Handler(_cholesky, _refuses), "triangular_solve": Handler(_triangular, _refuses),
    "solve": Handler(_solve, _refuses), "inv": Handler(_inv, _refuses),
    "det": Handler(_det, _refuses), "slogdet": Handler(_slogdet, _refuses),
    "eigh": Handler(_eigh, _refuses),
}  # fmt: skip
