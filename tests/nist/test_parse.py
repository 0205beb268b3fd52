"""The reader of NIST's files: the values it reads, and the files it must refuse."""

import numpy as np
import pytest

from funcgrad.nist import DataFileError, load_folder, load_shipped, read_problem
from tests.nist.problems import FOLDER, PROBLEMS

TEXT = (FOLDER / "Misra1a.dat").read_text()


def test_misra1a_value_by_value():
    problem = read_problem(FOLDER / "Misra1a.dat")
    assert problem.name == "Misra1a"
    assert [start.tolist() for start in problem.starts] == [[500, 0.0001], [250, 0.0005]]
    assert problem.certified.tolist() == [238.94212918, 5.5015643181e-04]
    assert problem.deviations.tolist() == [2.7070075241, 7.2668688436e-06]
    assert problem.rss == 0.12455138894
    assert problem.residual_deviation == 0.10187876330
    assert problem.degrees_of_freedom == 12
    assert (problem.y[0], problem.x[0]) == (10.07, 77.6)
    assert (problem.y[-1], problem.x[-1]) == (81.78, 760.0)


def test_all_fourteen_are_read():
    assert len(PROBLEMS) == 14
    sizes = {name: (len(p.certified), len(p.y)) for name, p in PROBLEMS.items()}
    assert sizes["Gauss1"] == (8, 250)
    assert sizes["Thurber"] == (7, 37)
    assert sizes["MGH17"] == (5, 33)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=list(PROBLEMS))
def test_the_certified_deviation_belongs_to_the_certified_sum(problem):
    expected = np.sqrt(problem.rss / problem.degrees_of_freedom)
    np.testing.assert_allclose(problem.residual_deviation, expected, rtol=1e-9)
    assert problem.x.dtype == problem.y.dtype == np.float64


def test_the_shipped_problems_are_the_same_files():
    for problem in load_shipped():
        twin = PROBLEMS[problem.name]
        np.testing.assert_array_equal(problem.certified, twin.certified)
        np.testing.assert_array_equal(problem.y, twin.y)


def edited(line, replacement):
    """Misra1a's text with one line (counted from 1) replaced; None deletes it."""
    lines = TEXT.splitlines()
    lines[line - 1 : line] = [] if replacement is None else [replacement]
    return "\n".join(lines)


FAULTS = {
    "a word for a number": (41, "  b1 = 500 250 abc 2.7E+00", "line 41: 'abc' is not a number"),
    "a missing column": (41, "  b1 = 500 250 2.3E+02", "line 41: parameter b1 needs 4 numbers"),
    "a gap in the numbering": (42, "  b3 = 1 2 3 4", "line 42: expected parameter b2, found b3"),
    "a lost total": (44, "", "without a 'Residual Sum of Squares:' line"),
    "an empty total": (44, "Residual Sum of Squares:", "line 44: .* needs 1 numbers, found 0"),
    "wrong degrees of freedom": (46, "Degrees of Freedom: 11", "line 46: 11 degrees of freedom"),
    "too few observations": (74, None, "line 73: 13 observations, but 14 are announced"),
    "three columns": (70, "44.82E0 378.4E0 1.0", "line 70: an observation needs 2 numbers"),
    "not finite": (70, "nan 378.4E0", "line 70: 'nan' is not a finite number"),
    "no table": (60, "", "line 25: expected two 'Data:' lines, found 1"),
    "no name": (2, "", "without a 'Dataset Name:' line"),
}


@pytest.mark.parametrize(("line", "replacement", "message"), FAULTS.values(), ids=list(FAULTS))
def test_a_malformed_file_is_refused_with_file_and_line(tmp_path, line, replacement, message):
    path = tmp_path / "Broken.dat"
    path.write_text(edited(line, replacement))
    with pytest.raises(DataFileError, match=message) as caught:
        read_problem(path)
    assert str(caught.value).startswith("Broken.dat, line ")


@pytest.mark.parametrize("text", ["", "nothing of the kind\n", "  b1 = 1 2 3 4\n"])
def test_a_file_of_something_else_is_refused(tmp_path, text):
    path = tmp_path / "Other.dat"
    path.write_text(text)
    with pytest.raises(DataFileError, match="Other"):
        read_problem(path)


def test_a_folder_without_data_is_refused(tmp_path):
    with pytest.raises(DataFileError, match=r"no \.dat files"):
        load_folder(tmp_path)


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_problem(tmp_path / "Absent.dat")
