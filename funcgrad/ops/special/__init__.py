"""Special functions: SciPy's kernels with derivatives in every argument that has a rule.

``variates`` loads with the package; ``everything`` loads when a function of SciPy is first met.
"""

from funcgrad.ops.special.variates import erfinv, ndtri, variate

__all__ = ["erfinv", "ndtri", "variate"]
