"""Readable Python source from a jaxpr: one line per equation, over an array namespace.

Arrays that a program makes are its own: once nobody needs one, the next result of the same
shape and dtype is written into it (the last positional argument of a ufunc is ``out``).
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.backends import cupy
from funcgrad.backends.blocks import Blocks, steps, write_blocks
from funcgrad.backends.lines import LINES
from funcgrad.compiler.plan import Memory
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.text import Names
from funcgrad.ops.scipys import plain_ufunc

__all__ = ["USED", "Writer", "generate"]

_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**",
    "floor_divide": "//", "remainder": "%",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
_KEYWORD_OUT = {"maximum", "minimum"}  # a third operand is deprecated there
_PYTHON_RAISES = {"divide", "power", "floor_divide", "remainder"}  # on zeros, for Python numbers
USED = {"xp", "program", "range", "min", "slice", "None", "True", "False"}
_CALLED = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?=\()")
_SLOT = re.compile("\x00(\\d+)\x00")


def generate(jaxpr: Jaxpr, xp: Any, name: str = "program") -> tuple[str, dict[str, Any]]:
    """Source of a function of the inputs that returns the tuple of outputs, and its globals."""
    writer = Writer(xp, Names(jaxpr, USED))
    writer.function(name, jaxpr)
    return "\n".join(writer.lines) + "\n", writer.globals


class Writer:
    """Writes one function."""

    def __init__(self, xp: Any, names: Names):
        self.xp = xp
        self.host = xp is np  # NumPy has scalars: results without axes are numbers, not arrays
        self.names = names
        self.lines: list[str] = []
        self.globals: dict[str, Any] = {"xp": xp}
        self.helpers: dict[str, str] = {}
        self.forms: dict[Any, str] = {}
        self.indent = "    "
        self.line: Any = None  # of the user's code, last written as a comment
        self.memory: Memory
        self.views: dict[Var, list[str]] = {}

    # -- the frame ---------------------------------------------------------------------------

    def function(self, name: str, jaxpr: Jaxpr) -> None:
        args = ", ".join([self.names[v] for v in jaxpr.invars])
        self.lines.append(f"def {name}({args}):")
        ordered = steps(jaxpr) if self.host else jaxpr.eqns
        self.memory = Memory(jaxpr, ordered, self.host)
        for step in ordered:
            self.comment(step.source)
            if step.__class__ is Blocks:
                write_blocks(self, step)
            else:
                self.equation(step)  # type: ignore[arg-type]
            self.drop(step)
        self.write(f"return ({self.outputs(jaxpr)})")

    def write(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def comment(self, source: Any) -> None:
        """The user's line, above the first equation that stems from it."""
        if source is not None and source != self.line:
            self.line = source
            self.write(f"# {source}")

    def bind(self, name: str, value: Any) -> str:
        """Make a helper visible to the generated code, under a name that no variable has."""
        bound = self.helpers.get(name)
        if bound is None:
            bound = self.helpers[name] = self._free(name)
            self.globals[bound] = value
        return bound

    def _free(self, name: str) -> str:
        used, free = self.names.used, name
        while free in used:
            free = f"np_{free}"
        used.add(free)
        return free

    def local(self, wish: str) -> str:
        """A name for a local variable that stands for no variable of the jaxpr."""
        name, k = wish, 2
        while name in self.names.used or name in self.helpers:
            name, k = f"{wish}{k}", k + 1
        self.names.used.add(name)
        return name

    def fresh(self, stem: str, value: Any) -> str:
        k = 0
        while f"{stem}_{k}" in self.helpers:
            k += 1
        return self.bind(f"{stem}_{k}", value)

    def drop(self, step: Any) -> None:
        """Forget large arrays that are not needed any more."""
        memory = self.memory
        dead = [v for v in memory.done(step) if v.aval.size >= config.block_minimum]
        if not dead:
            return
        names: list[str] = []
        for v in dict.fromkeys(dead):
            if v not in memory.inputs and v not in step.outvars:
                names += [self.names[v], *self.views.get(v, ())]
        taken = {self.names[v] for v in step.outvars}
        names = [name for name in names if name not in taken]
        if names:
            self.write("del " + ", ".join(names))

    # -- atoms ---------------------------------------------------------------------------------

    def atom(self, v: Any) -> str:
        return self.number(v) if v.__class__ is Literal else self.names[v]

    def number(self, literal: Literal) -> str:
        """Python numbers as they are; NumPy's scalars, and what has no literal, by name."""
        value = literal.value
        if value.__class__ in (int, float, bool) and np.isfinite(value):
            text = repr(value)
            return f"({text})" if text[0] == "-" else text
        if isinstance(value, np.generic | float | complex | int):
            plain, short = value, "python"
            if isinstance(value, np.generic):
                plain, short = value.item(), value.dtype.name
            digits = re.sub(r"\W", lambda m: _WORDS.get(m[0], "_"), repr(plain))
            return self.bind(f"{'f' if short == 'float64' else short}_{digits}", value)
        return self.fresh("constant", value)

    def dtype(self, dtype: Any) -> str:
        return self.bind("dtype_" + dtype.name, dtype)

    # -- equations -----------------------------------------------------------------------------

    def equation(self, eqn: Eqn) -> None:
        line = LINES.get(eqn.prim.name)
        if line is None or not line(self, eqn):
            args = [self.atom(v) for v in eqn.invars]
            out = self.spare(eqn) if eqn.prim.family == "elementwise" else None
            self.assign(eqn, self.expression(eqn, args, out))
            self.memory.made(eqn)

    def assign(self, eqn: Eqn, text: str) -> None:
        outs = [self.names[v] for v in eqn.outvars]
        if len(outs) == 1 and not eqn.prim.multiple:
            self.write(f"{outs[0]} = {text}")
        else:
            self.write(f"{', '.join(outs)}{',' * (len(outs) == 1)} = {text}" if outs else text)
        for v, name in zip(eqn.outvars, outs, strict=True):
            root = self.memory.root.get(v)
            if root is not None and root is not v:
                self.views.setdefault(root, []).append(name)

    def spare(self, eqn: Eqn) -> str | None:
        """The name of an operand that dies here, is ours, and can hold the result."""
        aval = eqn.outvars[0].aval
        if not aval.shape or self.callee(eqn) is None:
            return None
        for v in eqn.invars:
            if self.memory.reusable(v, eqn.invars.count(v), aval):
                self.memory.owned.discard(v)  # type: ignore[arg-type]
                return self.names[v]
        return None

    def callee(self, eqn: Eqn) -> str | None:
        """The function that computes the equation and takes ``out`` behind its operands."""
        prim, params = eqn.prim, eqn.params
        if prim.ufunc is not None and not params:
            return self.bind(prim.ufunc, getattr(self.xp, prim.ufunc))
        special = None if params or prim.code is not None else self._special(eqn)
        return None if special is None else self.bind(prim.name, special)

    def _special(self, eqn: Eqn) -> Any:
        """SciPy's ufunc, where it computes in the dtype of its result."""
        dtype = eqn.outvars[0].aval.dtype
        if not self.host or dtype.char not in "fd" or eqn.prim.family != "elementwise":
            return None
        if any(v.aval.dtype != dtype and not v.aval.weak for v in eqn.invars):
            return None
        return plain_ufunc(eqn.prim.name)

    def expression(self, eqn: Eqn, args: list[str], out: str | None = None) -> str:
        if eqn.prim.family == "elementwise":
            if not eqn.outvars[0].aval.shape:
                short = self.scalar(eqn, args)
                if short is not None:
                    return short
            callee = self.callee(eqn)
            if callee is not None:
                if out is not None:
                    args = [*args, f"out={out}" if eqn.prim.name in _KEYWORD_OUT else out]
                return f"{callee}({', '.join(args)})"
        if eqn.prim.code is not None and not self._odd(eqn):
            text = self.form(eqn, args)
        else:
            value = partial(eqn.prim.value, self.xp, **eqn.params)
            text = f"{self.fresh(eqn.prim.name, value)}({', '.join(args)})"
        if eqn.prim.views and self.host and not eqn.outvars[0].aval.shape:
            text += "[()]" if eqn.prim.name != "index" else ""
        return text

    def _odd(self, eqn: Eqn) -> bool:
        """Methods and indices do not work on what may be a Python number."""
        return eqn.prim.family != "elementwise" and any(not v.aval.shape for v in eqn.invars[:1])

    def form(self, eqn: Eqn, args: list[str]) -> str:
        """The code form of a primitive, its helpers bound; arguments are filled in afterwards,
        so that an argument is never taken for a helper."""
        slots = [f"\x00{i}\x00" for i in range(len(args))]
        text = _CALLED.sub(self._helper, eqn.prim.code(*slots, **eqn.params))  # type: ignore[misc]
        return _SLOT.sub(lambda m: args[int(m[1])], text)

    def _helper(self, match: Any) -> str:
        word = match[0]
        stem, _, method = word.rpartition("_")
        if method in ("reduce", "accumulate"):
            return self.bind(word, cupy.reducer(self.xp, stem, method))
        if hasattr(self.xp, word):
            return self.bind(word, getattr(self.xp, word))
        return str(word)

    # -- numbers -------------------------------------------------------------------------------

    def scalar(self, eqn: Eqn, args: list[str]) -> str | None:
        """An operation without axes: operators where they mean the same, else None."""
        out, prim = eqn.outvars[0].aval, eqn.prim
        if not self.host:
            return None
        name = prim.ufunc or prim.name
        plain = prim.ufunc is not None and not eqn.params
        if plain and name in _OPERATORS and not any(v.aval.dtype.kind == "b" for v in eqn.invars):
            if not (all(v.aval.weak for v in eqn.invars) and name in _PYTHON_RAISES):
                return f"{args[0]} {_OPERATORS[name]} {args[1]}"
        if out.weak:
            return self._python(eqn, args)
        if plain and name == "negative":
            return f"-{args[0]}"
        if prim.name == "select":
            return self._choice(eqn, args)
        if (
            prim.name == "convert"
            and out.dtype.kind in "fc"
            and eqn.invars[0].aval.dtype.kind in "biuf"
        ):
            return f"{self.bind(out.dtype.name, out.dtype.type)}({args[0]})"
        return None

    def _python(self, eqn: Eqn, args: list[str]) -> str:
        """Python numbers raise where NumPy has inf or nan: its answer, as a Python number."""
        if eqn.prim.name == "negative":
            return f"-{args[0]}"
        value = partial(_python, partial(eqn.prim.value, np, **eqn.params))
        stem = "python_" + eqn.prim.name
        name = self.fresh(stem, value) if eqn.params else self.bind(stem, value)
        return f"{name}({', '.join(args)})"

    def _choice(self, eqn: Eqn, args: list[str]) -> str:
        mask, *sides = eqn.invars
        aval = eqn.outvars[0].aval
        if any(v.aval is not aval or v in self.memory.inputs for v in sides):
            return f"{self.bind('where', self.xp.where)}({', '.join(args)})[()]"
        return f"{args[1]} if {args[0]} else {args[2]}"

    # -- outputs -------------------------------------------------------------------------------

    def outputs(self, jaxpr: Jaxpr) -> str:
        """Outputs never share memory with inputs or with each other."""
        taken: set[Var] = set()
        parts = []
        for v in jaxpr.outvars:
            text = self.atom(v)
            if v.__class__ is Literal:
                if v.aval.shape:
                    text = f"{self.bind('array', self.xp.array)}({text})"
            elif v.aval.shape or not self.host:
                root = self.memory.of(v)
                if not v.aval.weak and (
                    root is not v or root in taken or v not in self.memory.owned
                ):
                    text = f"{self.bind('array', self.xp.array)}({text})"
                taken.add(root)
            elif not v.aval.weak:
                text = self._number_out(v, text)
            parts.append(text)
        return ", ".join(parts) + ("," if len(parts) == 1 else "")

    def _number_out(self, v: Any, text: str) -> str:
        """A scalar of the dtype it should have: inputs may be bools or arrays without axes."""
        if v in self.memory.inputs or v in self.memory.owned:
            return f"{self.bind('as_scalar', _as_scalar)}({text})"
        return text


_WORDS = {"-": "m", ".": "_", "+": "p"}


def _as_scalar(x: Any) -> Any:
    return x[()] if x.__class__ is np.ndarray else x


def _python(value: Any, *xs: Any) -> Any:
    with np.errstate(all="ignore"):
        return value(*xs).item()
