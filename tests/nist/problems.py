"""The fourteen problems and the complex step, shared by the tests in this folder."""

from pathlib import Path

import numpy as np

from funcgrad.nist import load_folder

FOLDER = Path(__file__).parents[1] / "data" / "nist_strd"
PROBLEMS = {problem.name: problem for problem in load_folder(FOLDER)}
STEP = 1e-30  # no subtraction takes place, so the step may be as small as it likes


def complex_step_jacobian(function, b):
    columns = [function(b + 1j * STEP * e).imag / STEP for e in np.eye(len(b))]
    return np.stack(columns, axis=-1)
