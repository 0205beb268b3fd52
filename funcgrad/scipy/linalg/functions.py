"""Functions of matrices, with Fréchet derivatives of any order, at multiple eigenvalues too."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.ops import elementwise as e
from funcgrad.ops import linalg
from funcgrad.ops import linalg_functions as numpys
from funcgrad.ops.decompositions import eig
from funcgrad.ops.matrix_functions import matrix_function
from funcgrad.ops.products import adjoint, matrix_power, matrix_transpose
from funcgrad.scipy.linalg.shared import floats, refused, scipys_linalg


@scipys_linalg
def expm(A: Any) -> Any:
    """The sum of A^k / k! of matrices (…, n, n).

    >>> import numpy as np
    >>> from funcgrad import jvp
    >>> from funcgrad.scipy.linalg import expm
    >>> jvp(expm, (np.zeros((2, 2)),), (np.array([[0.0, 1.0], [2.0, 0.0]]),))[1]
    array([[0., 1.],
           [2., 0.]])
    """
    return matrix_function(floats(A), name="expm")


@scipys_linalg
def expm_frechet(
    A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True
) -> Any:
    """(expm(A), its derivative along E), or the derivative alone."""
    A, E = floats(A), floats(E)
    slope = matrix_function(A, E, name="expm")
    return (matrix_function(A, name="expm"), slope) if compute_expm else slope


@scipys_linalg
def logm(A: Any, disp: Any = True) -> Any:
    """X with expm(X) = A, imaginary parts of eigenvalues in (-pi, pi].

    Of a traced real matrix the result is real: one that is not raises LinAlgError (pass
    ``A + 0j``), and so does a singular one.
    """
    return matrix_function(floats(A), name="logm")


@scipys_linalg
def sqrtm(A: Any, disp: Any = True, blocksize: Any = 64) -> Any:
    """X with X X = A, real parts of eigenvalues not negative.

    Of a traced real matrix the result is real: one that is not raises LinAlgError (pass
    ``A + 0j``). A singular matrix has no derivative: that raises too.
    """
    return matrix_function(floats(A), name="sqrtm")


@scipys_linalg
def fractional_matrix_power(A: Any, t: float) -> Any:
    """A^t = expm(t logm(A)); products of A where t is whole."""
    A = floats(A)
    if float(t).is_integer():
        return matrix_power(A, int(t))
    return matrix_function(t * matrix_function(A, name="logm"), name="expm")


def _turned(A: Any) -> Any:
    """expm(i A), a matrix of complex numbers."""
    A = floats(A)
    imaginary = e.pair(0.0, A) if A.dtype.kind != "c" else A * 1j
    return matrix_function(imaginary, name="expm")


@scipys_linalg
def cosm(A: Any) -> Any:
    """(expm(iA) + expm(-iA)) / 2."""
    A = floats(A)
    return (_turned(A) + _turned(-A)) / 2 if A.dtype.kind == "c" else e.real(_turned(A))


@scipys_linalg
def sinm(A: Any) -> Any:
    """(expm(iA) - expm(-iA)) / 2i."""
    A = floats(A)
    return (_turned(A) - _turned(-A)) / 2j if A.dtype.kind == "c" else e.imag(_turned(A))


@scipys_linalg
def tanm(A: Any) -> Any:
    """cosm(A)^-1 sinm(A)."""
    return linalg.solve(cosm(A), sinm(A))


@scipys_linalg
def coshm(A: Any) -> Any:
    """(expm(A) + expm(-A)) / 2."""
    return (expm(A) + expm(-A)) / 2


@scipys_linalg
def sinhm(A: Any) -> Any:
    """(expm(A) - expm(-A)) / 2."""
    return (expm(A) - expm(-A)) / 2


@scipys_linalg
def tanhm(A: Any) -> Any:
    """coshm(A)^-1 sinhm(A)."""
    return linalg.solve(coshm(A), sinhm(A))


@scipys_linalg
def signm(A: Any, disp: Any = True) -> Any:
    """A (A A)^(-1/2): every eigenvalue becomes the sign of its real part."""
    A = floats(A)
    return linalg.solve(matrix_function(A @ A, name="sqrtm"), A)


@scipys_linalg
def funm(A: Any, func: Any, disp: Any = True) -> Any:
    """V diag(func(w)) V^-1 of A = V diag(w) V^-1: ``func`` takes the array of eigenvalues.

    Of a real matrix it is real if its imaginary part is rounding: a branch under ``jit``.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> from funcgrad.scipy.linalg import funm
    >>> grad(lambda a: np.trace(funm(a, np.exp)))(np.diag([0.0, 1.0])).round(6)
    array([[1.      , 0.      ],
           [0.      , 2.718282]])
    """
    if not disp:
        refused("funm", "disp=False, an estimate of the error,", "leave it out")
    A = floats(A)
    w, v = eig(A)
    found = (v * func(w)[..., None, :]) @ linalg.inv(v)
    precision = float(np.finfo(found.dtype).eps) * (1e3 if found.dtype == np.complex64 else 1e6)
    real = A.dtype.kind != "c" and bool(np.all(abs(np.imag(found)) <= precision))
    return np.real(found) if real else found


@scipys_linalg
def polar(a: Any, side: str = "right") -> Any:
    """(u, p) with a = u p, or a = p u with ``side="left"``: u has orthonormal columns (or rows), p
    is positive semidefinite.

    Through the root of a^H a (or a a^H), smooth at every a of full rank, multiple singular values
    included; its accuracy falls with the square of the condition number.
    """
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    a = floats(a)
    m, n = a.shape[-2:]
    if m >= n:
        root = matrix_function(adjoint(a) @ a, name="sqrtm")
        u = matrix_transpose(linalg.solve(matrix_transpose(root), matrix_transpose(a)))
    else:
        u = linalg.solve(matrix_function(a @ adjoint(a), name="sqrtm"), a)
    return u, (adjoint(u) @ a if side == "right" else a @ adjoint(u))


@scipys_linalg
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> Any:
    """(R, scale): the orthogonal R that makes |A R - B| least, and the sum of the singular values
    of A^H B, which must not be singular."""
    product = adjoint(floats(A)) @ floats(B)
    return polar(product)[0], np.sum(numpys.svdvals(product))
