"""Indices and bits: integers carry no derivative, and Python may know them."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops.functions.common import covers, known


def _by_values(function: Any) -> None:
    """Let NumPy compute, from values that become decisions."""

    def handler(*args: Any, **kwargs: Any) -> Any:
        return function(*map(_plain, args), **{k: _plain(v) for k, v in kwargs.items()})

    covers(function)(handler)


def _plain(x: Any) -> Any:
    if isinstance(x, (list, tuple)):
        return type(x)(_plain(item) for item in x)
    return known(x) if hasattr(x, "aval") else x


for _function in (
    np.ix_, np.packbits, np.ravel_multi_index, np.unpackbits, np.unravel_index,
):  # fmt: skip
    _by_values(_function)
