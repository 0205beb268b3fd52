"""NumPy's functions on traced values, as compositions of the operations."""

from funcgrad.ops.functions import (
    asking,
    creating,
    cumulating,
    diagonals,
    fourier,
    histograms,
    integers,
    joining,
    nans,
    numerics,
    padding,
    polynomials,
    reducing,
    selecting,
    sets,
    shaping,
    sorting,
    windows,
)
