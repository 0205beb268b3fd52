"""Equations that become more than one expression: in-place updates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from funcgrad.backends import cupy
from funcgrad.ir.jaxpr import Eqn
from funcgrad.ops.dot import dot_source
from funcgrad.ops.indexing import items_source

__all__ = ["LINES"]


def _into(w: Any, eqn: Eqn) -> str:
    """The name of an array that holds operand 0 and may be written to."""
    x, out = eqn.invars[0], eqn.outvars[0]
    if w.memory.reusable(x, eqn.invars.count(x), out.aval):
        w.memory.owned.discard(x)
        name = w.names.given[out] = w.names[x]
    else:
        name = w.names[out]
        w.write(f"{name} = {w.bind('array', w.xp.array)}({w.atom(x)})")
    w.memory.owned.add(out)
    return str(name)


def _put(w: Any, eqn: Eqn) -> bool:
    value = w.atom(eqn.invars[1])
    name = _into(w, eqn)
    w.write(f"{name}[{items_source(eqn.params['items'])}] = {value}")
    return True


def _add_at(w: Any, eqn: Eqn) -> bool:
    value = w.atom(eqn.invars[1])
    name = _into(w, eqn)
    w.write(f"{name}[{items_source(eqn.params['items'])}] += {value}")
    return True


def _embed(w: Any, eqn: Eqn) -> bool:
    out = eqn.outvars[0]
    zeros, dtype = w.bind("zeros", w.xp.zeros), w.dtype(out.aval.dtype)
    w.write(f"{w.names[out]} = {zeros}({out.aval.shape}, {dtype})")
    w.write(f"{w.names[out]}[{items_source(eqn.params['items'])}] = {w.atom(eqn.invars[0])}")
    w.memory.owned.add(out)
    return True


def _scatter(w: Any, eqn: Eqn) -> bool:
    _, value, *arrays = (w.atom(v) for v in eqn.invars)
    items, mode = eqn.params["items"], eqn.params["mode"]
    name = _into(w, eqn)
    if mode == "set":
        w.write(f"{name}[{items_source(items, arrays)}] = {value}")
    else:
        put = w.bind(f"scatter_{mode}", partial(cupy.scatter, w.xp, mode=mode))
        where = items_source(items, arrays)
        w.write(f"{put}({name}, {value}, {w.bind('index_tuple', cupy.index_tuple)}[{where}])")
    return True


def _dot(w: Any, eqn: Eqn) -> bool:
    x, y = eqn.invars
    ranks = (x.aval.ndim, y.aval.ndim)
    text = dot_source(w.atom(x), w.atom(y), ranks, eqn.params["dims"])
    if text is not None:
        w.assign(eqn, text)
        w.memory.made(eqn)
    return text is not None


LINES: dict[str, Callable[[Any, Eqn], bool]] = {
    "put": _put, "add_at": _add_at, "embed": _embed, "scatter": _scatter,
    "dot_general": _dot,
}  # fmt: skip
"""Writers by primitive; each says whether it wrote the equation."""
