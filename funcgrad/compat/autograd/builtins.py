"""autograd.builtins: containers are Python's own, ``isinstance`` and ``type`` ask the value."""

from __future__ import annotations

import builtins
from typing import Any

from funcgrad.compat.autograd.tracer import getval

__all__ = ["dict", "isinstance", "list", "tuple", "type"]

dict, list, tuple = builtins.dict, builtins.list, builtins.tuple


def isinstance(x: Any, kinds: Any) -> bool:
    """Whether x, or the value of a traced x, is of a class.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import grad
    >>> from funcgrad.compat.autograd.builtins import isinstance
    >>> grad(lambda x: np.sum(x) if isinstance(x, np.ndarray) else 0 * x)(np.ones(1))
    array([1.])
    """
    return builtins.isinstance(getval(x), kinds)


def type(x: Any) -> Any:
    """The class of x, or of the value of a traced x."""
    return builtins.type(getval(x))
