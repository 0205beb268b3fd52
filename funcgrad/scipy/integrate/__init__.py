"""``scipy.integrate`` for differentiable code: sums of samples, quadrature, differential equations.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import integrate
>>> grad(lambda a: integrate.quad(lambda x: np.exp(a * x), 0.0, 1.0)[0])(0.0).round(12)
np.float64(0.5)
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.integrate.ode import odeint, solve_ivp
from funcgrad.scipy.integrate.quadrature import fixed_quad, quad
from funcgrad.scipy.integrate.sampled import (
    cumulative_simpson,
    cumulative_trapezoid,
    romb,
    simpson,
    trapezoid,
)
from funcgrad.scipy.plain import missing

_PLAIN = {"IntegrationWarning", "newton_cotes"}
_WHY = {
    "dblquad": "nest quad",
    "tplquad": "nest quad",
    "nquad": "nest quad",
    "ode": "use odeint or solve_ivp",
    "solve_bvp": "write the collocation equations and solve them with funcgrad.lax.custom_root",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.integrate", name, _PLAIN, _WHY.get(name, ""))
