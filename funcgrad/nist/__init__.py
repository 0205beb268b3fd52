"""Nonlinear regression on the NIST reference datasets, fitted with exact Jacobians.

The certified values of these datasets carry eleven digits, which makes them a hard, public test of
a derivative: a Jacobian that is only nearly right stops the solvers short of them. Run it with
``python -m funcgrad``.
"""

from funcgrad.nist.fit import Fit, fit_problem
from funcgrad.nist.models import MODELS
from funcgrad.nist.parse import DataFileError, Problem, load_folder, load_shipped, read_problem

__all__ = [
    "MODELS",
    "DataFileError",
    "Fit",
    "Problem",
    "fit_problem",
    "load_folder",
    "load_shipped",
    "read_problem",
]
