"""Jaxprs as text, with the user's variable names, and back."""

from __future__ import annotations

import ast
import keyword
import re
from typing import Any
from unicodedata import normalize

import numpy as np

from funcgrad.ir.avals import array_aval, parse_aval
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.primitive import registry

__all__ = ["Names", "parse_jaxpr", "print_jaxpr"]

_RESERVED = set(keyword.kwlist) | {"xp", "inf", "nan", "__debug__"}


class Names:
    """A distinct name for every variable: the user's where known, letters otherwise."""

    def __init__(self, jaxpr: Jaxpr | None = None, used: set[str] | None = None):
        self.given: dict[Var, str] = {}
        self.used: set[str] = set(used or ())
        self.counts: dict[str, int] = {}
        self.letter = 0
        if jaxpr is not None:
            for v in jaxpr.invars:
                self[v]

    def __getitem__(self, v: Any) -> str:
        name = self.given.get(v)
        if name is None:
            name = self.given[v] = self._new(v.name)
        return name

    def another(self, wish: str) -> str:
        """A name like this one that nothing has yet."""
        return self._new(wish)

    def _new(self, wish: str | None) -> str:
        if wish is not None and not wish.isascii():
            wish = normalize("NFKC", wish)  # as Python reads it
        if wish is None or wish in _RESERVED or not wish.isidentifier():
            while True:
                name = _letters(self.letter)
                self.letter += 1
                if name not in self.used and name not in _RESERVED:
                    break
        else:
            name = wish
            while name in self.used:
                k = self.counts[wish] = self.counts.get(wish, 1) + 1
                name = f"{wish}_{k}"
        self.used.add(name)
        return name


def _letters(k: int) -> str:
    """a, b, …, z, aa, ab, …"""
    out = ""
    k += 1
    while k:
        k, r = divmod(k - 1, 26)
        out = chr(97 + r) + out
    return out


# -- printing ------------------------------------------------------------------------------------


def print_jaxpr(jaxpr: Jaxpr) -> str:
    """The program as text, one equation a line."""
    return _print(jaxpr, Names(jaxpr), "")


def _print(jaxpr: Jaxpr, names: Names, indent: str) -> str:
    lines = [" ".join(["{ lambda", *[_typed(v, names) for v in jaxpr.invars], "."])]
    lines += [f"{indent}    {_eqn(eqn, names, indent + '    ')}" for eqn in jaxpr.eqns]
    outs = ", ".join(_atom(v, names) for v in jaxpr.outvars)
    lines.append(f"{indent}  in ({outs}{',' if len(jaxpr.outvars) == 1 else ''}) }}")
    return "\n".join(lines)


def _typed(v: Any, names: Names) -> str:
    return f"{names[v]}:{v.aval}"


def _eqn(eqn: Eqn, names: Names, indent: str) -> str:
    args = [_atom(v, names) for v in eqn.invars]
    params = ", ".join(f"{k}={_param(v, indent)}" for k, v in eqn.params.items())
    outs = [_typed(v, names) for v in eqn.outvars]
    return " ".join([*outs, "=", eqn.prim.name + (f"[{params}]" if params else ""), *args])


def _atom(v: Any, names: Names) -> str:
    if v.__class__ is not Literal:
        return names[v]
    text = _number(v.value)
    return text if v.aval.weak else f"{text}:{v.aval}"


def _number(value: Any) -> str:
    """A number, or the numbers of an array, without blanks."""
    if isinstance(value, np.longdouble | np.clongdouble):
        return str(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return repr(value).replace(" ", "")


def _param(value: Any, indent: str) -> str:
    if isinstance(value, Jaxpr):
        return _print(value, Names(value), indent + "    ")
    if isinstance(value, tuple):
        inner = ", ".join(_param(v, indent) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, np.generic):
        return f"{_number(value)}:{array_aval((), value.dtype)}"
    if isinstance(value, np.dtype):
        return value.name
    return _number(value) if isinstance(value, complex) else repr(value)


Jaxpr.__str__ = Jaxpr.__repr__ = print_jaxpr  # type: ignore

# -- reading -------------------------------------------------------------------------------------

_NAME = r"[^\W\d]\w*"
_AVAL = r"\w+\[[\d?,]*\]\*?"
_NUMBER = r"-?(?:inf|nan|True|False|[\d.]+(?:e[+-]?\d+)?j?)(?![\w.])"
_COMPLEX = r"\((?:[-+.\de]|inf|nan)+j\)"
_STRING = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_LIST = r"\[[^A-Za-z=]*?(?:(?:inf|nan|True|False|e[+-]|j)[^A-Za-z=]*?)*\](?=:)"
_WORDS = {"None": None, "True": True, "False": False}


def parse_jaxpr(text: str) -> Jaxpr:
    """Read back what ``print_jaxpr`` has printed.

    Raises ValueError where the text is not a program, or holds a parameter that has no text.

    >>> print(parse_jaxpr("{ lambda x:f64[] . y:f64[] = sin x in (y,) }"))
    { lambda x:f64[] .
        y:f64[] = sin x
      in (y,) }
    """
    reader = _Reader(text)
    jaxpr = reader.jaxpr()
    reader.end()
    return jaxpr


class _Reader:
    """A position in a text, and what can be expected there."""

    def __init__(self, text: str):
        self.text, self.place = text, 0

    def sees(self, pattern: str) -> re.Match[str] | None:
        return re.compile(rf"\s*({pattern})").match(self.text, self.place)

    def has(self, pattern: str) -> str | None:
        """The text at this place if it fits; then the place moves on."""
        found = self.sees(pattern)
        if found is None:
            return None
        self.place = found.end()
        return found[1]

    def take(self, pattern: str, what: str) -> str:
        found = self.has(pattern)
        if found is None:
            raise ValueError(f"expected {what} before {self.text[self.place : self.place + 30]!r}")
        return found

    def end(self) -> None:
        if self.text[self.place :].strip():
            raise ValueError(f"more text after the program: {self.text[self.place :][:30]!r}")

    # -- programs --------------------------------------------------------------------------------

    def jaxpr(self) -> Jaxpr:
        names: dict[str, Var] = {}
        self.take(r"\{\s*lambda\b", "'{ lambda'")
        invars = self.vars(names)
        self.take(r"\.", "'.'")
        eqns = []
        while not self.has(r"in\b"):
            eqns.append(self.eqn(names))
        self.take(r"\(", "'('")
        outs = []
        while not self.has(r"\)"):
            outs.append(self.atom(names))
            self.has(",")
        self.take(r"\}", "'}'")
        return Jaxpr(invars, eqns, outs)

    def vars(self, names: dict[str, Var]) -> tuple[Var, ...]:
        found = []
        while (name := self.has(rf"{_NAME}(?=:)")) is not None:
            self.take(":", "':'")
            names[name] = Var(parse_aval(self.take(_AVAL, "a type")), name)
            found.append(names[name])
        return tuple(found)

    def eqn(self, names: dict[str, Var]) -> Eqn:
        outs: dict[str, Var] = {}  # an equation does not see its own results
        outvars = self.vars(outs)
        self.take("=", "'='")
        name = self.take(_NAME, "an operation")
        if name not in registry:
            raise ValueError(f"there is no operation {name!r}")
        params: dict[str, Any] = {}
        if self.text.startswith("[", self.place):
            self.take(r"\[", "'['")
            while not self.has(r"\]"):
                key = self.take(_NAME, "a parameter")
                self.take("=", "'='")
                params[key] = self.param()
                self.has(",")
        args = []
        while not self.sees(rf"{_NAME}:|=|in\b") or self.sees(rf"(?:{_NUMBER}):"):
            args.append(self.atom(names))
        names.update(outs)
        return Eqn(registry[name], tuple(args), params, outvars)

    def atom(self, names: dict[str, Var]) -> Any:
        text = self.has(f"{_COMPLEX}|{_NUMBER}|{_LIST}")
        if text is not None:
            return self.literal(text)
        name = self.take(_NAME, "a variable or a number")
        if name not in names:
            raise ValueError(f"variable {name!r} is used before it is defined")
        return names[name]

    def literal(self, text: str) -> Literal:
        if not self.has(":"):
            return Literal(_value(text))
        aval = parse_aval(self.take(_AVAL, "a type"))
        if aval.dtype.char in "gG":
            return Literal(aval.dtype.type(text), aval)
        value = np.asarray(_value(text), aval.dtype).reshape(aval.shape)
        return Literal(value if aval.shape else value[()], aval)

    # -- parameters ------------------------------------------------------------------------------

    def param(self) -> Any:
        if self.sees(r"\{"):
            return self.jaxpr()
        if (text := self.has(_STRING)) is not None:
            return ast.literal_eval(text)
        if (text := self.has(f"{_COMPLEX}|{_NUMBER}")) is not None:
            return self.literal(text).value if self.sees(":") else _value(text)
        if self.has(r"\("):
            items = []
            while not self.has(r"\)"):
                items.append(self.param())
                self.has(",")
            return tuple(items)
        word = self.take(_NAME, "a parameter's value")
        return _WORDS[word] if word in _WORDS else np.dtype(word)


def _value(text: str) -> Any:
    """A number or a nested list of numbers, as Python prints them."""
    if text.startswith("["):
        return [_value(t) for t in _split(text[1:-1])]
    if text in _WORDS:
        return _WORDS[text]
    if "j" in text:
        return complex(text)
    return float(text) if set(text) & set(".naife") else int(text)


def _split(text: str) -> list[str]:
    """The items of a printed list, at its outermost commas."""
    items, depth, last = [], 0, 0
    for k, char in enumerate(text + ","):
        depth += (char in "([") - (char in ")]")
        if char == "," and not depth:
            items.append(text[last:k])
            last = k + 1
    return [t for t in items if t]
