"""autograd.misc.tracers: graphs are kept and used again without being asked to."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["const_graph", "const_graph_unary"]


def const_graph(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., Any]:
    """fun with these arguments bound; repeated traces look their graph up in any case.

    >>> from funcgrad.compat.autograd.misc.tracers import const_graph
    >>> const_graph(pow, 2)(3)
    8
    """
    return functools.partial(fun, *args, **kwargs)


const_graph_unary = const_graph
