"""``scipy.interpolate`` for differentiable code: by points, by values, and by abscissae.

Interpolants are objects of our own on plain arrays too: points may be traced where samples are
not.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import interpolate
>>> x = np.arange(5.0)
>>> grad(interpolate.CubicSpline(x, x**2))(2.5).round(12)
np.float64(5.0)
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.interpolate.cubic import (
    Akima1DInterpolator,
    CubicHermiteSpline,
    CubicSpline,
    PchipInterpolator,
)
from funcgrad.scipy.interpolate.lines import RegularGridInterpolator, interp1d, interpn
from funcgrad.scipy.interpolate.piecewise import PPoly
from funcgrad.scipy.interpolate.splines import BSpline, make_interp_spline
from funcgrad.scipy.plain import missing

_WHY = {
    "UnivariateSpline": "its knots are chosen by values; make_interp_spline interpolates",
    "splrep": "use make_interp_spline",
    "splev": "use BSpline",
    "interp2d": "SciPy removed it; use RegularGridInterpolator",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.interpolate", name, why=_WHY.get(name, ""))
