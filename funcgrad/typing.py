"""Names for annotations and for ``isinstance``.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.typing import Array
>>> def f(x: Array) -> Array:
...     assert isinstance(x, Array)  # traced, or an array
...     return np.sum(x**2)
>>> grad(f)(np.ones(2))
array([2., 2.])
"""

from __future__ import annotations

from abc import ABCMeta
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from funcgrad.trace.core import tracer_types

__all__ = ["Array", "ArrayLike", "DTypeLike"]

if TYPE_CHECKING:
    Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
else:

    class _Arrays(ABCMeta):
        def __instancecheck__(cls, x: Any) -> bool:
            kind = type(x)
            return (
                kind in tracer_types
                or isinstance(x, np.ndarray | np.generic)
                or (kind.__module__.startswith("cupy") and hasattr(x, "dtype"))
            )

    class Array(metaclass=_Arrays):
        """What functions get and return: NumPy's and CuPy's arrays, their scalars, traced values.

        For annotations and ``isinstance``; arrays are made by NumPy's functions.

        >>> import numpy as np
        >>> from funcgrad import Array
        >>> isinstance(np.ones(2), Array), isinstance(np.float64(1), Array), isinstance(1.0, Array)
        (True, True, False)
        """

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            raise TypeError("Array is for annotations and isinstance; np.array makes arrays")


ArrayLike: TypeAlias = Array | bool | int | float | complex
