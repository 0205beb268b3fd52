"""Jaxprs as text, with the user's variable names, and back."""

from __future__ import annotations

import keyword
from typing import Any
from unicodedata import normalize

from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var, jaxprs_in

__all__ = ["Names", "print_jaxpr"]

_RESERVED = set(keyword.kwlist) | {"xp", "__debug__"}


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


def print_jaxpr(jaxpr: Jaxpr) -> str:
    """The program as text, one equation a line."""
    names = Names(jaxpr)
    return _print(jaxpr, names, "")


def _print(jaxpr: Jaxpr, names: Names, indent: str) -> str:
    ins = " ".join(f"{names[v]}:{v.aval}" for v in jaxpr.invars)
    lines = [f"{{ lambda {ins} ."]
    lines += [f"{indent}    {_eqn(eqn, names, indent + '    ')}" for eqn in jaxpr.eqns]
    outs = ", ".join(_atom(v, names) for v in jaxpr.outvars)
    lines.append(f"{indent}  in ({outs}{',' if len(jaxpr.outvars) == 1 else ''}) }}")
    return "\n".join(lines)


def _eqn(eqn: Eqn, names: Names, indent: str) -> str:
    args = " ".join(_atom(v, names) for v in eqn.invars)
    params = ", ".join(f"{k}={_param(v, indent)}" for k, v in eqn.params.items())
    outs = " ".join(f"{names[v]}:{v.aval}" for v in eqn.outvars)
    return f"{outs} = {eqn.prim.name}{f'[{params}]' if params else ''} {args}".rstrip()


def _atom(v: Any, names: Names) -> str:
    if v.__class__ is Literal:
        text = repr(v.value.item() if hasattr(v.value, "item") else v.value)
        return text if v.aval.weak else f"{text}:{v.aval}"
    return names[v]


def _param(value: Any, indent: str) -> str:
    if isinstance(value, Jaxpr):
        return _print(value, Names(value), indent + "    ")
    if isinstance(value, tuple) and any(isinstance(v, Jaxpr) for v in value):
        return "(" + ", ".join(_param(v, indent) for v in value) + ")"
    return value.name if hasattr(value, "itemsize") and hasattr(value, "name") else repr(value)


_ = jaxprs_in
