"""``funcgrad.scipy``: modules load when they are used, plain arrays are SciPy's business."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.linalg

import funcgrad
from funcgrad import grad


def test_modules_load_late():
    code = (
        "import sys, funcgrad; before = set(sys.modules); funcgrad.scipy.fft.fft; "
        "print('funcgrad.scipy.fft' in before, 'funcgrad.scipy.linalg' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_what_is_missing_is_named():
    with pytest.raises(AttributeError, match=r"no 'signals'; it has .*linalg"):
        funcgrad.scipy.signals
    with pytest.raises(AttributeError, match=r"jac=funcgrad.grad"):
        funcgrad.scipy.optimize
    assert {"fft", "linalg"} <= set(dir(funcgrad.scipy))


def test_plain_arrays_are_scipys(monkeypatch):
    """SciPy's own function runs, with every option that it has."""
    linalg = funcgrad.scipy.linalg
    a = np.array([[0.0, 1.0], [-1.0, 0.0]])
    assert linalg.logm(a @ a).dtype == np.complex128
    assert linalg.schur(a, sort="lhp")[2] == 0
    monkeypatch.setattr(scipy.linalg, "det", lambda a: "SciPy's")
    assert linalg.det(a) == "SciPy's"
    assert grad(lambda a: linalg.det(a) + 0.0 * np.sum(a))(a)[0, 0] == 0.0


def test_a_constant_inside_a_traced_function():
    linalg = funcgrad.scipy.linalg
    slope = grad(lambda x: x * linalg.norm(np.array([3.0, 4.0])))(2.0)
    assert slope == 5.0
