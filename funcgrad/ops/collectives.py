"""Collectives: sums and exchanges along a named axis of ``vmap`` or ``pmap``.

Outside their axis they are opaque equations; the transform that owns the axis turns each into
an ordinary operation on the batch axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import StructureError
from funcgrad.ir.avals import Aval, array_aval
from funcgrad.ir.jaxpr import Eqn
from funcgrad.ops.families import define, known_aval, ops
from funcgrad.ops.shaping import iota, move_axis
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Tracer
from funcgrad.tree import map as tree_map

__all__ = [
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "pmax",
    "pmean",
    "pmin",
    "ppermute",
    "psum",
]

_names: set[str] = set()


def _collective(name: str, type: Any, **fields: Any) -> Any:
    _names.add(name)

    def value(xp: Any, *xs: Any, **params: Any) -> Any:
        raise StructureError(
            f"{name}: no vmap or pmap with axis_name={params['axis_name']!r} is running"
        )

    def batch(size: int, xs: Any, batched: Any, **params: Any) -> Any:
        return getattr(ops, name)(*xs, **_shifted(params)), True

    return define(name, type=type, value=value, batch=batch, **fields)


def _shifted(params: dict[str, Any]) -> dict[str, Any]:
    """Positions of axes, one further right under another vmap's batch axis."""
    moved = {k: v + 1 for k, v in params.items() if k in ("axis", "split_axis", "concat_axis")}
    return params | moved


def is_collective_over(eqn: Eqn, axis_name: Any) -> bool:
    return eqn.prim.name in _names and eqn.params["axis_name"] == axis_name


def batch_collective(eqn: Eqn, size: int, xs: list[Any], batched: list[bool]) -> Any:
    """The collective as an operation along axis 0 of the batch."""
    x = xs[0] if xs else None
    if xs and not batched[0]:
        x = ops.broadcast_to(x, shape=(size, *known_aval(x).shape))
    return _OVER_BATCH[eqn.prim.name](size, x, **eqn.params)


def _linear(prim_name: str, back: Any) -> dict[str, Any]:
    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        return (getattr(ops, prim_name)(tangents[0], **params),)

    return {"jvp": jvp, "transpose": lambda cts, xs, **params: [back(cts[0], **params)]}


def _same(x: Aval, **params: Any) -> Aval:
    return x.strong()


psum_ = _collective("psum", _same, **_linear("psum", lambda ct, **p: psum_(ct, **p)))


def _extreme_jvp(name: str) -> Any:
    def jvp(primals: Any, tangents: Any, outs: Any, **params: Any) -> Any:
        (x,), (t,), z = primals, tangents, outs[0]
        hit = ops.equal(x, z)
        count = psum_(ops.convert(hit, dtype=x.dtype), **params)
        return (ops.divide(psum_(ops.select(hit, t, 0.0), **params), count),)

    return jvp


pmax_ = _collective("pmax", _same, jvp=_extreme_jvp("pmax"))
pmin_ = _collective("pmin", _same, jvp=_extreme_jvp("pmin"))


def _gather_type(x: Aval, axis_name: Any, axis_size: int, axis: int) -> Aval:
    return array_aval((*x.shape[:axis], axis_size, *x.shape[axis:]), x.dtype)


def _gather_back(ct: Any, axis_name: Any, axis_size: int, axis: int) -> Any:
    """Row i of the cotangents, summed over the devices, belongs to device i."""
    total = psum_(ct, axis_name=axis_name, axis_size=axis_size)
    mine = axis_index_(axis_name=axis_name, axis_size=axis_size)
    items = ((None, None, None),) * axis + ("array",)
    return ops.gather(total, mine, items=items)


all_gather_ = _collective("all_gather", _gather_type, **_linear("all_gather", _gather_back))


def _permute_back(ct: Any, axis_name: Any, axis_size: int, perm: Any) -> Any:
    return ppermute_(
        ct, axis_name=axis_name, axis_size=axis_size, perm=tuple((b, a) for a, b in perm)
    )


ppermute_ = _collective("ppermute", _same, **_linear("ppermute", _permute_back))


def _exchange_type(
    x: Aval, axis_name: Any, axis_size: int, split_axis: int, concat_axis: int
) -> Aval:
    rest = list(x.shape[:split_axis] + x.shape[split_axis + 1 :])
    rest.insert(concat_axis, axis_size)
    return array_aval(tuple(rest), x.dtype)


def _exchange_back(
    ct: Any, axis_name: Any, axis_size: int, split_axis: int, concat_axis: int
) -> Any:
    return all_to_all_(ct, axis_name=axis_name, axis_size=axis_size,
                       split_axis=concat_axis, concat_axis=split_axis)  # fmt: skip


all_to_all_ = _collective("all_to_all", _exchange_type, **_linear("all_to_all", _exchange_back))

axis_index_ = _collective(
    "axis_index", lambda axis_name, axis_size: array_aval((), np.dtype(np.intp))
)


def _over_permute(size: int, x: Any, axis_name: Any, axis_size: int, perm: Any) -> Any:
    sources = {b: a for a, b in perm}
    rows = [ops.index(x, items=((sources[i], sources[i] + 1, None),)) if i in sources else None
            for i in range(size)]  # fmt: skip
    blank = ops.full(0, shape=(1, *x.shape[1:]), dtype=x.dtype)
    return ops.concatenate(*[blank if r is None else r for r in rows], axis=0), True


_OVER_BATCH: dict[str, Any] = {
    "psum": lambda n, x, **_: (ops.reduce_sum(x, axes=(0,)), False),
    "pmax": lambda n, x, **_: (ops.reduce_max(x, axes=(0,)), False),
    "pmin": lambda n, x, **_: (ops.reduce_min(x, axes=(0,)), False),
    "all_gather": lambda n, x, axis, **_: (move_axis(x, 0, axis), False),
    "ppermute": _over_permute,
    "all_to_all": lambda n, x, split_axis, concat_axis, **_: (
        move_axis(move_axis(x, split_axis + 1, 0), 1, concat_axis + 1), True),
    "axis_index": lambda n, x, axis_name, axis_size: (
        iota(shape=(n,), axis=0, dtype=np.dtype(np.intp)), True),
}  # fmt: skip


# -- public ------------------------------------------------------------------------------------


def axis_size(axis_name: Any) -> int:
    """The size of a named axis that is being mapped over.

    >>> import numpy as np
    >>> from funcgrad import axis_size, vmap
    >>> vmap(lambda x: x * axis_size("i"), axis_name="i")(np.ones(3))
    array([3., 3., 3.])
    """
    trace = running.get()
    while trace is not None:
        if getattr(trace, "axis_name", None) == axis_name and axis_name is not None:
            return int(trace.size)
        trace = trace.parent
    raise StructureError(
        f"no running vmap or pmap has axis_name={axis_name!r}; name the axis where it is mapped"
    )


def _record(prim: Any, tree: Any, axis_name: Any, **params: Any) -> Any:
    """The collective of every leaf of a pytree."""
    found = tuple(({"axis_name": axis_name, "axis_size": axis_size(axis_name)} | params).items())
    record = running.get().record
    if prim.name != "axis_index":
        return tree_map(lambda x: record(prim, (x,), found, force=True), tree)
    return record(prim, (), found, force=True)


def psum(x: Any, axis_name: Any) -> Any:
    """The sum of x (any pytree) over a named axis. Its transpose is psum again.

    >>> import numpy as np
    >>> from funcgrad import psum, vmap
    >>> vmap(lambda x: x / psum(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    array([0.25, 0.75])
    """
    return _record(psum_, x, axis_name)


def pmean(x: Any, axis_name: Any) -> Any:
    """The mean of x (any pytree) over a named axis.

    >>> import numpy as np
    >>> from funcgrad import pmean, vmap
    >>> vmap(lambda x: x - pmean(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    array([-1.,  1.])
    """
    size = axis_size(axis_name)
    return tree_map(lambda total: total / size, psum(x, axis_name))


def pmax(x: Any, axis_name: Any) -> Any:
    """The largest x over a named axis; ties share the slope.

    >>> import numpy as np
    >>> from funcgrad import pmax, vmap
    >>> vmap(lambda x: x - pmax(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    array([-2.,  0.])
    """
    return _record(pmax_, x, axis_name)


def pmin(x: Any, axis_name: Any) -> Any:
    """The smallest x over a named axis; ties share the slope.

    >>> import numpy as np
    >>> from funcgrad import pmin, vmap
    >>> vmap(lambda x: x - pmin(x, "i"), axis_name="i")(np.array([1.0, 3.0]))
    array([0., 2.])
    """
    return _record(pmin_, x, axis_name)


def all_gather(x: Any, axis_name: Any, axis: int = 0) -> Any:
    """Every member's x, stacked along a new axis.

    >>> import numpy as np
    >>> from funcgrad import all_gather, vmap
    >>> vmap(lambda x: np.sum(all_gather(x, "i") ** 2), axis_name="i")(np.array([1.0, 3.0]))
    array([10., 10.])
    """
    rank = np.ndim(x) if not isinstance(x, Tracer) else x.ndim
    return _record(all_gather_, x, axis_name, axis=axis % (rank + 1))


def all_to_all(x: Any, axis_name: Any, split_axis: int, concat_axis: int) -> Any:
    """Part j of member i's x becomes part i of member j's result.

    ``x.shape[split_axis]`` must be the size of the axis.

    >>> import numpy as np
    >>> from funcgrad import all_to_all, vmap
    >>> vmap(lambda x: all_to_all(x, "i", 0, 0), axis_name="i")(np.array([[1, 2], [3, 4]]))
    array([[1, 3],
           [2, 4]])
    """
    size = axis_size(axis_name)
    if x.shape[split_axis] != size:
        raise StructureError(
            f"all_to_all: axis {split_axis} of x has {x.shape[split_axis]} parts, the named axis "
            f"{axis_name!r} has {size} members"
        )
    rank = len(x.shape)
    return _record(
        all_to_all_, x, axis_name, split_axis=split_axis % rank, concat_axis=concat_axis % rank
    )


def ppermute(x: Any, axis_name: Any, perm: Any) -> Any:
    """Send x along (source, destination) pairs; who receives nothing has zeros.

    >>> import numpy as np
    >>> from funcgrad import ppermute, vmap
    >>> vmap(lambda x: ppermute(x, "i", [(0, 1), (1, 2)]), axis_name="i")(np.array([1.0, 2.0, 3.0]))
    array([0., 1., 2.])
    """
    pairs = tuple((int(a), int(b)) for a, b in perm)
    size = axis_size(axis_name)
    ends = [b for _, b in pairs]
    starts = [a for a, _ in pairs]
    if len(set(ends)) < len(ends) or len(set(starts)) < len(starts):
        raise StructureError(f"ppermute: a source or destination occurs twice in {pairs}")
    if any(not 0 <= k < size for k in (*starts, *ends)):
        raise StructureError(f"ppermute: {pairs} leaves the axis {axis_name!r} of size {size}")
    return _record(ppermute_, x, axis_name, perm=pairs)


def axis_index(axis_name: Any) -> Any:
    """The position of this member along a named axis.

    >>> import numpy as np
    >>> from funcgrad import axis_index, vmap
    >>> vmap(lambda x: x * axis_index("i"), axis_name="i")(np.ones(3))
    array([0., 1., 2.])
    """
    return _record(axis_index_, None, axis_name)
