"""All fourteen problems from both starting points, to the certified digits."""

import subprocess
import sys

import numpy as np
import pytest

from funcgrad.__main__ import main
from funcgrad.nist import fit_problem
from funcgrad.nist.fit import jacobian_of, relative_offset, residuals_of
from funcgrad.nist.report import digits, reached
from tests.nist.problems import FOLDER, PROBLEMS, complex_step_jacobian

# The certified values are rounded to eleven digits, so that at most 10.3 can be asked of all.
PARAMETER_DIGITS = 9.5
DEVIATION_DIGITS = 9.0


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=list(PROBLEMS))
def test_certified_values(problem, start):
    fit = fit_problem(problem, problem.starts[start - 1])
    assert fit.converged, fit.message
    assert digits(fit.b, problem.certified).min() >= PARAMETER_DIGITS
    assert digits(fit.deviations, problem.deviations).min() >= DEVIATION_DIGITS
    assert digits(fit.rss, problem.rss) >= DEVIATION_DIGITS
    assert digits(fit.residual_deviation, problem.residual_deviation) >= DEVIATION_DIGITS


def test_a_fit_does_not_write_to_its_start():
    problem = PROBLEMS["Misra1a"]
    start = problem.starts[0].copy()
    fit_problem(problem, start)
    np.testing.assert_array_equal(start, problem.starts[0])


def test_a_fit_that_fails_says_so():
    """From infinite parameters no solver can start; the outcome is marked, not hidden."""
    problem = PROBLEMS["Misra1a"]
    fit = fit_problem(problem, np.array([np.inf, 1.0]))
    assert not fit.converged
    assert "ValueError" in fit.message
    assert not reached(fit, problem)


def test_a_fit_stopped_far_away_is_not_converged(monkeypatch):
    monkeypatch.setattr("funcgrad.nist.fit.MAX_EVALUATIONS", 3)
    monkeypatch.setattr("funcgrad.nist.fit.MAX_POLISH", 0)
    problem = PROBLEMS["MGH17"]
    assert not fit_problem(problem, problem.starts[0]).converged


def test_the_offset_vanishes_at_the_certified_values_only():
    problem = PROBLEMS["Thurber"]
    residuals = residuals_of(problem)

    def offset(b):
        return relative_offset(residuals(b), complex_step_jacobian(residuals, b))

    assert offset(problem.certified) < 1e-6
    assert offset(problem.certified * 1.001) > 1e-3


def test_a_deficient_jacobian_has_no_offset():
    column = np.arange(1.0, 6.0)
    assert relative_offset(np.ones(5), np.stack([column, 2 * column], axis=1)) == np.inf


def test_a_wrong_jacobian_is_noticed():
    """The digits depend on the Jacobian: one entry off by a thousandth part stops short."""
    problem = PROBLEMS["Thurber"]
    residuals = residuals_of(problem)
    exact = jacobian_of(residuals)(problem.certified)
    wrong = exact * np.where(
        np.arange(exact.shape[1]) == 2, 1 + 1e-3 * np.cos(problem.x)[:, None], 1
    )
    r = residuals(problem.certified)
    assert relative_offset(r, exact) < 1e-6 < relative_offset(r, wrong)


@pytest.mark.parametrize(
    ("value", "certified", "expected"),
    [(1.0, 1.0, 11.0), (1.001, 1.0, 3.0), (np.nan, 1.0, 0.0), (-1.0, 1.0, 0.0), (2.0, 1.0, 0.0)],
)
def test_digits(value, certified, expected):
    np.testing.assert_allclose(digits(value, certified), expected, atol=1e-9)


def test_the_job_reports_the_shipped_problems(capsys):
    assert main([]) == 0
    output = capsys.readouterr().out
    assert "6 of 6 fits reached 8 digits" in output
    assert "shape (14, 2); they add up to grad(loss)" in output
    assert "Hessian-vector products" in output
    assert "time to the first gradient" in output


def test_the_job_fits_a_folder(capsys):
    assert main(["--data", str(FOLDER), "--start", "2"]) == 0
    assert "14 of 14 fits reached 8 digits" in capsys.readouterr().out


def test_the_job_names_an_unreadable_file(tmp_path, capsys):
    (tmp_path / "Bad.dat").write_text("Dataset Name: Bad\n")
    assert main(["--data", str(tmp_path)]) == 2
    assert "Bad.dat, line 1" in capsys.readouterr().err


def test_the_job_names_a_problem_without_a_model(tmp_path, capsys):
    text = (FOLDER / "Misra1a.dat").read_text().replace("Misra1a", "Misra9z")
    (tmp_path / "Misra9z.dat").write_text(text)
    assert main(["--data", str(tmp_path)]) == 2
    assert "no model for problem 'Misra9z'" in capsys.readouterr().err


def test_the_job_fails_when_digits_are_missing(monkeypatch, capsys):
    monkeypatch.setattr("funcgrad.nist.report.REQUIRED_DIGITS", 12.0)
    assert main(["--start", "2"]) == 1
    assert "0 of 3 fits" in capsys.readouterr().out


def test_importing_the_package_does_not_load_scipy():
    code = "import sys, funcgrad.nist; sys.exit('scipy.optimize' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
