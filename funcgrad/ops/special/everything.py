"""Every family of special functions: their primitives, and who stands for which ufunc of SciPy."""

from funcgrad.ops.special import (  # noqa: F401 - each defines its functions
    bessel,
    distributions,
    elementary,
    elliptic,
    errors,
    gammas,
    hypergeometric,
    integrals,
    laws,
    noncentral,
    waves,
)
from funcgrad.ops.special.common import HANDLERS, PARTIALS

__all__ = ["HANDLERS", "PARTIALS"]
