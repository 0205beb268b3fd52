"""``scipy.linalg`` for differentiable code.

On traced values, factors and solutions have derivatives of any order. Eigenvectors and singular
vectors of multiple values have none, but what does not depend on their choice has, such as
``(v * g(w)) @ v.T``: see ``funcgrad.config.degenerate``. Options that choose a LAPACK driver or
allow SciPy to overwrite operands change nothing.

>>> import numpy as np
>>> from funcgrad import grad
>>> from funcgrad.scipy import linalg
>>> grad(lambda a: linalg.det(linalg.sqrtm(a)))(4 * np.eye(2))
array([[0.5, 0. ],
       [0. , 0.5]])
"""

from __future__ import annotations

from typing import Any

from funcgrad.scipy.linalg.building import (
    block_diag,
    circulant,
    companion,
    convolution_matrix,
    fiedler,
    hankel,
    khatri_rao,
    leslie,
    matmul_toeplitz,
    toeplitz,
)
from funcgrad.scipy.linalg.factors import (
    cho_factor,
    cho_solve,
    cholesky,
    lu,
    lu_factor,
    lu_solve,
    qr,
    rq,
)
from funcgrad.scipy.linalg.functions import (
    coshm,
    cosm,
    expm,
    expm_frechet,
    fractional_matrix_power,
    funm,
    logm,
    orthogonal_procrustes,
    polar,
    signm,
    sinhm,
    sinm,
    sqrtm,
    tanhm,
    tanm,
)
from funcgrad.scipy.linalg.solving import (
    det,
    inv,
    lstsq,
    norm,
    pinv,
    pinvh,
    solve,
    solve_banded,
    solve_circulant,
    solve_continuous_lyapunov,
    solve_discrete_lyapunov,
    solve_lyapunov,
    solve_sylvester,
    solve_toeplitz,
    solve_triangular,
    solveh_banded,
)
from funcgrad.scipy.linalg.spectra import (
    eig,
    eig_banded,
    eigh,
    eigh_tridiagonal,
    eigvals,
    eigvals_banded,
    eigvalsh,
    eigvalsh_tridiagonal,
    null_space,
    orth,
    schur,
    subspace_angles,
    svd,
    svdvals,
)
from funcgrad.scipy.plain import missing

_PLAIN = {
    "LinAlgError", "LinAlgWarning", "bandwidth", "dft", "diagsvd", "hadamard", "helmert", "hilbert",
    "invhilbert", "invpascal", "ishermitian", "issymmetric", "pascal",
}  # fmt: skip
_WHY = {
    "kron": "SciPy removed it; use numpy.kron",
}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return missing("scipy.linalg", name, _PLAIN, _WHY.get(name, ""))
