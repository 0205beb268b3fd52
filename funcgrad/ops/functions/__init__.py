"""NumPy's functions on traced values, as compositions of the operations."""

from funcgrad.ops.functions import (
    asking,
    creating,
    cumulating,
    fourier,
    joining,
    nans,
    numerics,
    padding,
    reducing,
    selecting,
    shaping,
    sorting,
)
