"""The fourteen regression models, as anybody would write them in NumPy.

Nothing here knows that it will be differentiated: each function takes the parameters ``b`` and
the predictor ``x`` and returns the predicted response. They accept complex parameters too,
which lets the tests check every Jacobian by the complex step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["MODELS"]


def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def misra1b(b, x):
    return b[0] * (1 - (1 + b[1] * x / 2) ** -2)


def misra1c(b, x):
    return b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5)


def chwirut(b, x):
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def danwood(b, x):
    return b[0] * x ** b[1]


def rat42(b, x):
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def roszman1(b, x):
    b1, b2, b3, b4 = b
    return b1 - b2 * x - np.arctan(b3 / (x - b4)) / np.pi


def mgh09(b, x):
    b1, b2, b3, b4 = b
    return b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4)


def mgh17(b, x):
    b1, b2, b3, b4, b5 = b
    return b1 + b2 * np.exp(-x * b4) + b3 * np.exp(-x * b5)


def lanczos(b, x):
    """A sum of three decays; the parameters alternate amplitude, rate."""
    total = np.zeros_like(x)
    for amplitude, rate in zip(b[0::2], b[1::2], strict=True):
        total = total + amplitude * np.exp(-rate * x)
    return total


def gauss(b, x):
    """Two bell curves on an exponential baseline."""
    y = b[0] * np.exp(-b[1] * x)
    for height, centre, width in b[2:].reshape(2, 3):
        y = y + height * np.exp(-((x - centre) ** 2) / width**2)
    return y


def horner(coefficients, x):
    """The polynomial ``c[0] + c[1] x + c[2] x**2 + ...``."""
    value = 0.0
    for c in coefficients[::-1]:
        value = value * x + c
    return value


def thurber(b, x):
    return horner(b[:4], x) / (1 + x * horner(b[4:], x))


MODELS: dict[str, Callable] = {
    "Misra1a": misra1a,
    "Misra1b": misra1b,
    "Misra1c": misra1c,
    "Chwirut2": chwirut,
    "DanWood": danwood,
    "Rat42": rat42,
    "Roszman1": roszman1,
    "MGH09": mgh09,
    "MGH17": mgh17,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Thurber": thurber,
}
