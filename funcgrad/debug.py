"""Looking into running programs: ``print``, ``callback`` and ``breakpoint``, as ``jax.debug``.

While a function is differentiated or batched, Python's own ``print(x)`` shows values already.
These run each time the program runs: also under ``jit``, in the steps of ``scan`` and in the
branches of ``cond``. Derivatives go past them: they see primal values, once.

>>> import numpy as np
>>> from funcgrad import debug, jit
>>> @jit
... def f(x):
...     debug.print("x = {x}, its sum {:.1f}", np.sum(x), x=x)
...     return x
>>> for _ in range(2):
...     _ = f(np.arange(2.0))
x = [0. 1.], its sum 1.0
x = [0. 1.], its sum 1.0
"""

from __future__ import annotations

import builtins
import pdb
import string
import sys
from collections.abc import Callable
from typing import Any

from funcgrad.ops.callbacks import debug_callback

__all__ = ["breakpoint", "callback", "print"]


def print(fmt: str, *args: Any, ordered: bool = False, **kwargs: Any) -> None:
    """Print ``fmt.format(*args, **kwargs)`` whenever the program runs.

    In a batch it prints once per example, in order. Lines always come in the order of the program,
    ``ordered`` or not. Raises ValueError, at once, where fields and arguments do not match.

    >>> from funcgrad import debug, vmap
    >>> import numpy as np
    >>> _ = vmap(lambda x: [debug.print("{}", x), x][1])(np.arange(2.0))
    0.0
    1.0
    """
    try:
        _Fields().vformat(fmt, args, kwargs)
    except (LookupError, ValueError) as error:
        raise ValueError(
            f"debug.print: {fmt!r} does not fit {len(args)} arguments and the names "
            f"{sorted(kwargs)}: {error}"
        ) from error
    debug_callback(_print, fmt, *args, ordered=ordered, **kwargs)


def _print(fmt: str, *args: Any, **kwargs: Any) -> None:
    builtins.print(fmt.format(*args, **kwargs))


class _Fields(string.Formatter):
    """Finds the arguments of a format and looks at none of them."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        first = field_name.split(".")[0].split("[")[0]
        key: Any = int(first) if first.isdigit() else first
        self.get_value(key, args, kwargs)
        return "", key

    def format_field(self, value: Any, format_spec: str) -> str:
        return ""

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return value

    def check_unused_args(self, used_args: Any, args: Any, kwargs: Any) -> None:
        unused = {*range(len(args)), *kwargs} - set(used_args)
        if unused:
            raise ValueError(f"nothing refers to {sorted(map(str, unused))}")


def callback(
    callback: Callable[..., Any], *args: Any, ordered: bool = False, **kwargs: Any
) -> None:
    """Call ``callback(*args, **kwargs)`` whenever the program runs; its result is dropped.

    Arrays come as NumPy's, copies that the function may keep. In a batch it is called once per
    example, in order; also for examples that a ``cond`` or a ``while_loop`` of the batch computes
    and drops. Where a function has a rule of its own, its rule is what runs and is seen.

    >>> from funcgrad import debug, grad
    >>> seen = []
    >>> def f(x):
    ...     debug.callback(seen.append, x)
    ...     return x**2
    >>> grad(f)(3.0), seen
    (np.float64(6.0), [3.0])
    """
    debug_callback(callback, *args, ordered=ordered, **kwargs)


def breakpoint() -> None:
    """Stop in the debugger, where Python runs: in plain, differentiated and batched functions.

    A jitted function is Python's only while it is traced: use ``funcgrad.disable_jit``.
    """
    pdb.Pdb().set_trace(sys._getframe().f_back)
