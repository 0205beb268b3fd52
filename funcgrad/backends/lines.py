"""Equations that become more than one expression: in-place updates and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from funcgrad.ir.jaxpr import Eqn
from funcgrad.ops.dot import dot_source
from funcgrad.ops.indexing import items_source, scatter_into

__all__ = ["LINES"]


def _into(w: Any, eqn: Eqn) -> str:
    """The name of an array that holds operand 0 and may be written to."""
    x = eqn.invars[0]
    name = w.names[eqn.outvars[0]]
    spare = w.reusable(eqn)
    if spare is x:
        w.owned.pop(spare)
        w.write(f"{name} = {w.names[x]}")
    else:
        w.write(f"{name} = {w.bind('array', w.xp.array)}({w.atom(x)})")
    w.owned[eqn.outvars[0]] = eqn.outvars[0]
    return str(name)


def _put(w: Any, eqn: Eqn) -> None:
    value = w.atom(eqn.invars[1])
    name = _into(w, eqn)
    w.write(f"{name}[{items_source(eqn.params['items'])}] = {value}")


def _add_at(w: Any, eqn: Eqn) -> None:
    value = w.atom(eqn.invars[1])
    name = _into(w, eqn)
    w.write(f"{name}[{items_source(eqn.params['items'])}] += {value}")


def _embed(w: Any, eqn: Eqn) -> None:
    out = eqn.outvars[0]
    dtype = w.bind("dtype_" + out.aval.dtype.name, out.aval.dtype)
    w.write(f"{w.names[out]} = {w.bind('zeros', w.xp.zeros)}({out.aval.shape}, {dtype})")
    w.write(f"{w.names[out]}[{items_source(eqn.params['items'])}] = {w.atom(eqn.invars[0])}")
    w.owned[out] = out


def _scatter(w: Any, eqn: Eqn) -> None:
    _, value, *arrays = (w.atom(v) for v in eqn.invars)
    items, mode = eqn.params["items"], eqn.params["mode"]
    name = _into(w, eqn)
    where = items_source(items, arrays)
    if mode == "set":
        w.write(f"{name}[{where}] = {value}")
    else:
        put = w.bind("scatter_into", scatter_into)
        arrays_text = ", ".join(arrays) + ","
        w.write(f"{put}(xp, {name}, {value}, ({arrays_text}), {items!r}, {mode!r})")


def _dot(w: Any, eqn: Eqn) -> None:
    x, y = eqn.invars
    args = [w.atom(x), w.atom(y)]
    text = dot_source(*args, (x.aval.ndim, y.aval.ndim), eqn.params["dims"])
    w.assign(eqn, w.expression(eqn, args) if text is None else text)


LINES: dict[str, Callable[[Any, Eqn], None]] = {
    "put": _put, "add_at": _add_at, "embed": _embed, "scatter": _scatter,
    "dot_general": _dot,
}  # fmt: skip
