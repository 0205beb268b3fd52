"""autograd.tracer: what a traced value is worth now."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from funcgrad.extending import primitive
from funcgrad.trace.tracer import is_traced

__all__ = ["getval", "isbox", "notrace_primitive", "primitive"]


def getval(x: Any) -> Any:
    """The plain value of a traced one; anything else as it is.

    >>> from funcgrad.compat.autograd import grad
    >>> from funcgrad.compat.autograd.tracer import getval
    >>> grad(lambda x: x * getval(x))(3.0)
    np.float64(3.0)
    """
    return x.concrete() if is_traced(x) else x


def isbox(x: Any) -> bool:
    """Whether a value is traced."""
    return is_traced(x)


def notrace_primitive(f: Callable[..., Any]) -> Callable[..., Any]:
    """f of the plain values, without a derivative."""

    @functools.wraps(f)
    def untraced(*args: Any, **kwargs: Any) -> Any:
        return f(*map(getval, args), **kwargs)

    return untraced
