"""pmap: a function over the rows of a named axis, run by an engine.

    pmap(f)(xs) = vmap(f)(xs)

That equation is the contract. In one process the engine runs the batched program: one call
for all rows, any number of them. Engines over processes, hosts and GPUs implement ``Engine``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from funcgrad.transforms.tracing import transformed
from funcgrad.transforms.vmap import vmap

__all__ = ["BatchedEngine", "Engine", "pmap"]


class Engine(Protocol):
    """What runs the rows of a pmap."""

    def map(self, f: Callable[..., Any], in_axes: Any, out_axes: Any, axis_name: Any) -> Any:
        """A function that runs f on every row, with collectives over ``axis_name``."""


class BatchedEngine:
    """All rows in this process, as one batched program: deterministic, no threads."""

    def map(self, f: Callable[..., Any], in_axes: Any, out_axes: Any, axis_name: Any) -> Any:
        return vmap(f, in_axes, out_axes, axis_name=axis_name)


_ROWS = object()  # the axis of a pmap that was given no name


def pmap(
    f: Callable[..., Any],
    axis_name: Any = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    engine: Engine | None = None,
) -> Callable[..., Any]:
    """A function that runs f on every row of its arguments, with collectives between the rows.

    ``psum``, ``pmean``, ``all_gather``, ``ppermute`` and friends speak of ``axis_name``. The
    result is that of ``vmap`` with the same axes.

    >>> import numpy as np
    >>> from funcgrad import pmap, psum
    >>> pmap(lambda x: x / psum(x, "rows"), axis_name="rows")(np.array([1.0, 3.0]))
    array([0.25, 0.75])
    """
    engine = engine or BatchedEngine()
    mapped = engine.map(f, in_axes, out_axes, _ROWS if axis_name is None else axis_name)

    def parallel(*args: Any, **kwargs: Any) -> Any:
        return mapped(*args, **kwargs)

    return transformed(parallel, f, "pmap")  # type: ignore[no-any-return]
