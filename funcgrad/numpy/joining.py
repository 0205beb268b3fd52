"""``r_`` and ``c_``: rows and columns in square brackets, traced values included."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.errors import NotTraceableError
from funcgrad.ops.functions.common import array_of, holds_traced
from funcgrad.ops.functions.joining import concatenate
from funcgrad.ops.functions.shaping import atleast_1d, expand_dims

__all__ = ["c_", "r_"]


class _Rows:
    """``r_[x, 1.0, 0:3]`` lays its items end to end."""

    name = "r_"
    numpys: Any = np.r_

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if not any(holds_traced(item) for item in items):
            return self.numpys[key]
        if any(isinstance(item, str) for item in items):
            raise NotTraceableError(
                f"{self.name}: directives such as {items[0]!r} are not covered on traced values; "
                "np.concatenate and np.stack say the same"
            )
        return self.joined([np.r_[i] if isinstance(i, slice) else array_of(i) for i in items])

    def joined(self, parts: list[Any]) -> Any:
        return concatenate([atleast_1d(x) for x in parts])


class _Columns(_Rows):
    """``c_[x, y]`` makes columns of vectors, and joins along the last axis."""

    name, numpys = "c_", np.c_

    def joined(self, parts: list[Any]) -> Any:
        lined = [atleast_1d(x) for x in parts]
        lined = [expand_dims(x, -1) if len(x.shape) == 1 else x for x in lined]
        return concatenate(lined, axis=-1)


r_, c_ = _Rows(), _Columns()
