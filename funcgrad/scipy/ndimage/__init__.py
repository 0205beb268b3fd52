"""``scipy.ndimage`` for differentiable code: images between their elements, linear filters.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import ndimage
>>> grad(lambda x: ndimage.uniform_filter1d(x, 3)[2])(np.zeros(5)).round(3)
array([0.   , 0.333, 0.333, 0.333, 0.   ])
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.ndimage.filters import (
    convolve,
    convolve1d,
    correlate,
    correlate1d,
    gaussian_filter,
    gaussian_filter1d,
    uniform_filter,
    uniform_filter1d,
)
from funcgrad.scipy.ndimage.mapping import map_coordinates, spline_filter1d
from funcgrad.scipy.plain import missing

_WHY = dict.fromkeys(
    ("affine_transform", "rotate", "shift", "zoom", "geometric_transform"),
    "map_coordinates does it, at the coordinates that you compute",
)


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.ndimage", name, why=_WHY.get(name, ""))
