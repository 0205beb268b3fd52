"""Errors that teach: each says who met it, what was wrong, and what to do.

Every class derives from the builtin error that plain NumPy code would raise in its place,
so that existing ``except`` clauses keep working.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "BatchedDecisionError",
    "ConcretizationError",
    "DegenerateError",
    "DifferentiationError",
    "FuncgradError",
    "ImpureCallError",
    "JaxprTypeError",
    "KeyReuseWarning",
    "LeakedTracerError",
    "NotTraceableError",
    "ShapeError",
    "StructureError",
]


class FuncgradError(Exception):
    """The base of every error that funcgrad raises on its own account.

    >>> from funcgrad.errors import FuncgradError, ShapeError
    >>> issubclass(ShapeError, FuncgradError) and issubclass(ShapeError, ValueError)
    True
    """


class ShapeError(FuncgradError, ValueError):
    """Operands whose shapes do not fit.

    >>> import numpy as np
    >>> from funcgrad import grad
    >>> grad(lambda x: np.sum(x + np.ones(4)))(np.ones(3))
    Traceback (most recent call last):
    ...
    funcgrad.errors.ShapeError: add: shapes (3,) and (4,) do not broadcast together
    """


class ConcretizationError(FuncgradError, TypeError):
    """A traced value was turned into a plain number or array, which would cut its derivative.

    ``float(x)``, ``math.sin(x)``, ``np.asarray(x)`` and storing ``x`` into a plain array hand
    the number out and lose the trace. Use ``np.sin(x)`` in place of ``math.sin(x)``,
    ``np.zeros_like(x)`` or ``funcgrad.numpy.zeros`` for an array that is filled with traced
    values, and ``funcgrad.stop_gradient(x)`` where the cut is meant.
    """


class LeakedTracerError(FuncgradError, RuntimeError):
    """A traced value outlived the call that made it (stored in a global, an attribute, a list)."""


class NotTraceableError(FuncgradError, TypeError):
    """A NumPy function that funcgrad cannot trace."""


class DifferentiationError(FuncgradError, TypeError):
    """A function or argument that cannot be differentiated as asked."""


class BatchedDecisionError(FuncgradError, TypeError):
    """Python asked a batched value for a single truth (``if``, ``while``, ``int``) under vmap."""


class StructureError(FuncgradError, TypeError):
    """Pytrees, avals or counts that do not match: branches, loop carries, custom rules."""


class DegenerateError(FuncgradError, np.linalg.LinAlgError):
    """A derivative that depends on the choice of eigenvectors or singular vectors.

    The vectors of a multiple eigenvalue are any basis of its space: they jump as the matrix
    moves, and have no derivative; nor has what depends on which of them were chosen.
    ``funcgrad.config.degenerate = "nan"`` gives NaN in its place.
    """


class ImpureCallError(FuncgradError, RuntimeError):
    """A random draw or a clock was read while jit traced: its value would be frozen."""


class JaxprTypeError(FuncgradError, TypeError):
    """A jaxpr that does not type-check: a fault in a rule, or in hand-written text."""


class KeyReuseWarning(UserWarning):
    """A key of random numbers was used up twice: both draws consist of the same random bits.

    Split it first, and use each part once:

    >>> from funcgrad import random
    >>> key = random.key(0)
    >>> key, first, second = random.split(key, 3)

    ``funcgrad.config.key_reuse`` turns the warning off ("ignore") or into an error ("error").
    """
