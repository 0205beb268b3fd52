"""``vectorize``: a function of single numbers, element by element, traced values included."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from funcgrad.ops.functions.common import array_of, holds_traced
from funcgrad.ops.functions.shaping import broadcast_to, reshape
from funcgrad.transforms.vmap import vmap
from funcgrad.tree import map as tree_map

__all__ = ["vectorize"]


class vectorize(np.vectorize):  # noqa: N801, NumPy's name
    """As ``numpy.vectorize``; traced arguments are mapped over by ``vmap``, as one program.

    Python's ``if`` inside the function splits the batch (see ``vmap``). The parameters are
    NumPy's; with traced arguments ``otypes`` and ``cache`` have no effect.

    >>> import funcgrad.numpy as np
    >>> from funcgrad import grad
    >>> ramp = np.vectorize(lambda x: x * x if x > 0 else x)
    >>> grad(lambda x: np.sum(ramp(x)))(np.array([-1.0, 2.0]))
    array([1., 4.])
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self, "pyfunc") or self.pyfunc is np._NoValue:  # used as a decorator
            return super().__call__(*args, **kwargs)
        if not holds_traced(args) and not any(holds_traced(x) for x in kwargs.values()):
            return super().__call__(*args, **kwargs)
        excluded = self.excluded or set()
        places = [k for k in range(len(args)) if k not in excluded]
        words = [name for name in kwargs if name not in excluded]

        def one(*mapped: Any) -> Any:
            given, named = list(args), dict(kwargs)
            for k, x in zip(places, mapped, strict=False):
                given[k] = x
            named.update(zip(words, mapped[len(places) :], strict=True))
            return self.pyfunc(*given, **named)

        values = [*[args[k] for k in places], *[kwargs[name] for name in words]]
        return _mapped(one, values, _core_ranks(self.signature, len(values)))


def _core_ranks(signature: str | None, count: int) -> list[int]:
    """How many axes of each argument the function itself takes: ``"(m,n),(n)->(m)"`` says."""
    if signature is None:
        return [0] * count
    groups = re.findall(r"\(([^()]*)\)", signature.split("->")[0])
    if len(groups) != count:
        raise ValueError(f"vectorize: {signature!r} is for {len(groups)} arguments, not {count}")
    return [len([name for name in group.split(",") if name.strip()]) for group in groups]


def _mapped(one: Callable[..., Any], values: list[Any], ranks: list[int]) -> Any:
    """Broadcast what is not the function's own, and map over all of it at once."""
    xs = [array_of(x) for x in values]
    splits = [len(x.shape) - rank for x, rank in zip(xs, ranks, strict=True)]
    if min(splits, default=0) < 0:
        raise ValueError(f"vectorize: arguments of {[x.shape for x in xs]} have too few axes")
    loop = np.broadcast_shapes(*[tuple(x.shape[:k]) for x, k in zip(xs, splits, strict=True)])
    if not loop:
        return one(*xs)
    rows = [
        reshape(broadcast_to(x, (*loop, *x.shape[k:])), (prod(loop), *x.shape[k:]))
        for x, k in zip(xs, splits, strict=True)
    ]
    return tree_map(lambda z: reshape(z, (*loop, *z.shape[1:])), vmap(one)(*rows))
