"""Readable Python source from a jaxpr: one line per equation, over an array namespace.

Arrays that a program makes are its own: once nobody needs one, the next result of the same
shape and dtype is written into it (the third positional argument of a binary ufunc is ``out``).
"""

from __future__ import annotations

import keyword
from collections.abc import Iterable
from functools import cache, partial
from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.backends.lines import LINES
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.primitive import registry
from funcgrad.ir.text import Names

__all__ = ["generate"]

_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**",
    "floor_divide": "//", "remainder": "%",
    "equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">",
    "greater_equal": ">=",
}  # fmt: skip
_KEYWORD_OUT = {"maximum", "minimum"}  # a third operand is deprecated there
_PYTHON_RAISES = {"divide", "power", "floor_divide", "remainder"}  # on zeros, for Python numbers


def generate(jaxpr: Jaxpr, xp: Any, name: str = "program") -> tuple[str, dict[str, Any]]:
    """Source of a function of the inputs that returns the tuple of outputs, and its globals."""
    writer = Writer(xp, Names(jaxpr, reserved=_reserved()))
    writer.function(name, jaxpr)
    return "\n".join(writer.lines) + "\n", writer.globals


@cache
def _reserved() -> frozenset[str]:
    """Names that generated code calls; the letters spell ``abs``, ``add`` and ``exp`` one day."""
    called = {name for name, value in vars(np).items() if callable(value)}
    methods = {f"{name}_{how}" for name in called for how in ("reduce", "accumulate")}
    return frozenset({"xp", *LINES, *registry, *keyword.kwlist, *called, *methods})


class Writer:
    """Writes one function; nested functions (bodies of loops) get writers of their own."""

    def __init__(self, xp: Any, names: Names):
        self.xp = xp
        self.names = names
        self.lines: list[str] = []
        self.globals: dict[str, Any] = {"xp": xp}
        self.indent = "    "
        self.owned: dict[Var, Var] = {}  # variable -> the variable whose memory it is in
        self.uses: dict[Var, int] = {}  # memory -> uses still to come
        self.aliases: dict[Var, Var] = {}

    # -- the frame ---------------------------------------------------------------------------

    def function(self, name: str, jaxpr: Jaxpr) -> None:
        args = ", ".join(self.names[v] for v in jaxpr.invars)
        self.lines.append(f"def {name}({args}):")
        self.body(jaxpr)
        self.write(f"return ({self.outputs(jaxpr)})")

    def body(self, jaxpr: Jaxpr) -> None:
        self._plan(jaxpr)
        for eqn in jaxpr.eqns:
            self.equation(eqn)
            self._drop(eqn)

    def write(self, line: str) -> None:
        self.lines.append(self.indent + line)

    def bind(self, name: str, value: Any) -> str:
        """Make a helper visible to the generated code, under a name that no variable has."""
        while name in self.names.used and name not in self.globals:
            name += "_"
        self.names.used.add(name)
        self.globals[name] = value
        return name

    def fresh(self, stem: str, value: Any) -> str:
        k = 0
        while f"{stem}_{k}" in self.globals:
            k += 1
        return self.bind(f"{stem}_{k}", value)

    # -- memory --------------------------------------------------------------------------------

    def _plan(self, jaxpr: Jaxpr) -> None:
        """Which memory each variable lives in, and how often that memory is still read."""
        inputs = set(jaxpr.invars)
        for eqn in jaxpr.eqns:
            source = eqn.invars[0] if eqn.prim.views and eqn.invars else None
            shared = source if source.__class__ is Var else None
            for v in eqn.outvars:
                self.aliases[v] = self.aliases.get(shared, shared) if shared is not None else v  # type: ignore
        for eqn in jaxpr.eqns:
            for v in eqn.invars:
                if v.__class__ is Var:
                    self._count(v, 1)
        for v in jaxpr.outvars:
            if v.__class__ is Var:
                self._count(v, 1)
        self.inputs = inputs

    def memory(self, v: Var) -> Var:
        return self.aliases.get(v, v)

    def _count(self, v: Any, change: int) -> int:
        root = self.memory(v)
        self.uses[root] = self.uses.get(root, 0) + change
        return self.uses[root]

    def _drop(self, eqn: Eqn) -> None:
        dead = []
        for v in eqn.invars:
            if v.__class__ is Var and self._count(v, -1) == 0 and v not in self.inputs:
                if v.aval.size >= config.block_minimum and self.names[v] not in dead:
                    dead.append(self.names[v])
        outs = {self.names[v] for v in eqn.outvars}
        dead = [n for n in dead if n not in outs]
        if dead:
            self.write("del " + ", ".join(dead))

    def reusable(self, eqn: Eqn) -> Var | None:
        """An operand that dies here, is ours, and can hold the result."""
        out = eqn.outvars[0].aval
        if not out.shape:
            return None
        for v in eqn.invars:
            if v.__class__ is not Var or v.aval.shape != out.shape or v.aval.dtype != out.dtype:
                continue
            own = self.memory(v) is v and v not in self.inputs and v in self.owned
            if own and self.uses[v] == sum(1 for w in eqn.invars if w is v):
                return v
        return None

    # -- equations -----------------------------------------------------------------------------

    def atom(self, v: Any) -> str:
        if v.__class__ is Literal:
            return self.number(v)
        return self.names[v]

    def number(self, literal: Literal) -> str:
        value = literal.value
        if value.__class__ in (int, float, complex, bool) and np.isfinite(value):
            text = repr(value)
            return f"({text})" if text[0] == "-" else text
        if isinstance(value, np.float64) and np.isfinite(value) and not literal.aval.weak:
            name = "f_" + repr(float(value)).translate(_WORD)
        else:
            name = f"c_{len(self.globals)}"
        return self.bind(name, value)

    def equation(self, eqn: Eqn) -> None:
        line = LINES.get(eqn.prim.name)
        if line is not None:
            line(self, eqn)
            return
        args = [self.atom(v) for v in eqn.invars]
        self.assign(eqn, self.expression(eqn, args))

    def assign(self, eqn: Eqn, text: str) -> None:
        outs = [self.names[v] for v in eqn.outvars]
        target = ", ".join(outs) + ("," if eqn.prim.multiple and len(outs) == 1 else "")
        self.write(f"{target} = {text}" if outs else text)
        if not eqn.prim.views:
            self.owned.update((v, v) for v in eqn.outvars)

    def expression(self, eqn: Eqn, args: list[str]) -> str:
        prim = eqn.prim
        if prim.family == "elementwise" and prim.ufunc is not None and not eqn.params:
            return self.ufunc(eqn, args)
        text = None if prim.code is None else prim.code(*args, **eqn.params)
        # a number, which a 0-d operand may be, has no methods
        number = args and not eqn.invars[0].aval.shape and f"{text}".startswith(f"{args[0]}.")
        if text and not number:
            self._bind_words(text)
            return text
        value = partial(prim.value, self.xp, **eqn.params)
        return f"{self.fresh(prim.name, value)}({', '.join(args)})"

    def ufunc(self, eqn: Eqn, args: list[str]) -> str:
        name, shape = eqn.prim.ufunc or "", eqn.outvars[0].aval.shape
        if not shape and len(args) == 2 and name in _OPERATORS:
            weak = eqn.outvars[0].aval.weak
            if not (weak and name in _PYTHON_RAISES):
                return f"{args[0]} {_OPERATORS[name]} {args[1]}"
            return f"{self.bind('python_' + name, partial(_python, name))}({', '.join(args)})"
        if name == "negative" and not shape:
            return f"-{args[0]}"
        self.bind(name, getattr(self.xp, name))
        spare = self.reusable(eqn)
        if spare is not None and len(eqn.invars) <= 2:
            self.owned.pop(spare)
            out = "out=" if name in _KEYWORD_OUT else ""
            args = [*args, out + self.names[spare]]
        return f"{name}({', '.join(args)})"

    def _bind_words(self, text: str) -> None:
        """Bind the function names that a code form uses (``where``, ``add_reduce``)."""
        for word in _words(text):
            if word in self.globals or word in self.names.used:  # a helper, or a variable
                continue
            stem, _, method = word.rpartition("_")
            if method in ("reduce", "accumulate"):
                self.bind(word, reducer(self.xp, stem, method))
            elif hasattr(self.xp, word):
                self.bind(word, getattr(self.xp, word))

    # -- outputs -------------------------------------------------------------------------------

    def outputs(self, jaxpr: Jaxpr) -> str:
        """Outputs never share memory with inputs or with each other."""
        taken: set[Var] = set()
        parts = []
        for v in jaxpr.outvars:
            text = self.atom(v)
            if v.__class__ is Var and v.aval.shape:
                root = self.memory(v)
                if root in taken or root not in self.owned:
                    text = f"{self.bind('array', self.xp.array)}({text})"
                elif root is not v:  # a view of our own memory: whole, if it is contiguous
                    text = f"{self.bind('array', self.xp.array)}({text})"
                taken.add(root)
            parts.append(text)
        return ", ".join(parts) + ("," if len(parts) == 1 else "")


_WORD = str.maketrans({"-": "m", ".": "_", "+": "p"})


def _words(text: str) -> Iterable[str]:
    word = ""
    for char in text + " ":
        if char.isalnum() or char == "_":
            word += char
        else:
            if word and not word[0].isdigit():
                yield word
            word = ""


def _python(name: str, x: Any, y: Any) -> Any:
    """Python numbers raise where NumPy gives inf or nan: take NumPy's answer."""
    with np.errstate(all="ignore"):
        return getattr(np, name)(x, y).item()


def reducer(xp: Any, ufunc: str, method: str) -> Any:
    """``np.add.reduce`` by name; CuPy has functions instead of ufunc methods."""
    if xp is np:
        return getattr(getattr(np, ufunc), method)
    names = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min",
             "logical_and": "all", "logical_or": "any"}  # fmt: skip
    if method == "accumulate":
        names = {"add": "cumsum", "multiply": "cumprod", "maximum": "cummax", "minimum": "cummin"}
    function = getattr(xp, names[ufunc], None)
    return function
