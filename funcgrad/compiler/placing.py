"""Values that are written piece by piece into another's memory: parts of arrays, pads, joins."""

from __future__ import annotations

from typing import Any

from funcgrad.compiler.views import View, broadcast, indexed, whole
from funcgrad.ir.avals import array_aval
from funcgrad.ir.jaxpr import Eqn, Var
from funcgrad.ops.indexing import index_shape

__all__ = ["PLACERS"]


def _part(target: Var, items: Any) -> View:
    return indexed(whole(target), items)


def _spread(s: Any, v: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A value as another variable of this shape; what has the shape stays itself."""
    if v.aval.shape == shape and v.aval.dtype == dtype and not v.aval.weak:
        return v
    seen = Var(array_aval(shape, v.aval.dtype))
    s.views[seen] = broadcast(s.view(v), shape)
    return seen


def _embed(s: Any, eqn: Eqn) -> None:
    (v,), out = eqn.invars, eqn.outvars[0]
    view = _part(out, eqn.params["items"])
    s.begin(out, 0, eqn.source)
    s.place(_spread(s, v, view.shape, out.aval.dtype), view, False, eqn.source)


def _put(s: Any, eqn: Eqn) -> None:
    (x, v), out = eqn.invars, eqn.outvars[0]
    view = _part(out, eqn.params["items"])
    s.begin(out, s.stored(x), eqn.source)
    value = _spread(s, v, index_shape(out.aval.shape, eqn.params["items"]), out.aval.dtype)
    s.place(value, view, eqn.prim.name == "add_at", eqn.source)


def _pad(s: Any, eqn: Eqn) -> None:
    (x, fill), out = eqn.invars, eqn.outvars[0]
    widths = zip(eqn.params["widths"], out.aval.shape, strict=True)
    items = tuple((lo, n - hi, None) for (lo, hi), n in widths)
    s.begin(out, fill, eqn.source)
    s.place(x, _part(out, items), False, eqn.source)


def _concatenate(s: Any, eqn: Eqn) -> None:
    out, axis, start = eqn.outvars[0], eqn.params["axis"], 0
    s.begin(out, None, eqn.source)
    for x in eqn.invars:
        stop = start + x.aval.shape[axis]
        items = ((None, None, None),) * axis + ((start, stop, None),)
        s.place(x, _part(out, items), False, eqn.source)
        start = stop


PLACERS: dict[str, Any] = {
    "embed": _embed,
    "put": _put,
    "add_at": _put,
    "pad": _pad,
    "concatenate": _concatenate,
}
