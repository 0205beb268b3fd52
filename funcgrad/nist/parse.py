"""Reads the ``.dat`` files of the NIST reference datasets for nonlinear regression.

The files are written for people, and this reader relies only on what they all share: the lines
``b1 = start1 start2 certified deviation``, four labelled totals, and a table of ``y x`` below
the second line that begins with ``Data:``. A file that departs from this is refused with its
name and the line, because a silently misread reference value would make every digit count lie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

__all__ = ["DataFileError", "Problem", "load_folder", "load_shipped", "read_problem"]

PARAMETER = re.compile(r"\s*b(\d+)\s*=\s*(.*)")
SHIPPED = ("Misra1a", "Thurber", "MGH09")  # an easy, a medium and a hard one
NAME = re.compile(r"Dataset Name:\s*(\S+)")
TOTALS = {
    "Residual Sum of Squares:": "rss",
    "Residual Standard Deviation:": "residual_deviation",
    "Degrees of Freedom:": "degrees_of_freedom",
    "Number of Observations:": "observations",
}


class DataFileError(ValueError):
    """A file that is not a dataset of the expected form; the message names file and line."""


@dataclass(frozen=True)
class Problem:
    """One dataset with its two starting points and the certified solution."""

    name: str
    x: np.ndarray
    y: np.ndarray
    starts: tuple[np.ndarray, np.ndarray]
    certified: np.ndarray
    deviations: np.ndarray
    rss: float
    residual_deviation: float
    degrees_of_freedom: int


def read_problem(path: str | Path) -> Problem:
    """The problem in one ``.dat`` file."""
    path = Path(path)
    return parse_problem(path.read_text(encoding="ascii", errors="replace"), path.name)


def load_folder(folder: str | Path) -> list[Problem]:
    """Every ``.dat`` file of a folder, in the order of their names."""
    paths = sorted(Path(folder).glob("*.dat"))
    if not paths:
        raise DataFileError(f"{folder}: no .dat files in this folder")
    return [read_problem(path) for path in paths]


def load_shipped() -> list[Problem]:
    """The three problems that come with the package."""
    folder = resources.files("funcgrad.nist") / "data"
    texts = {f"{name}.dat": (folder / f"{name}.dat").read_text("ascii") for name in SHIPPED}
    return [parse_problem(text, source) for source, text in texts.items()]


def parse_problem(text: str, source: str) -> Problem:
    """The problem written in ``text``; ``source`` is the file name for error messages."""
    lines = Lines(text.splitlines(), source)
    table = read_parameters(lines)
    totals = read_totals(lines)
    y, x = read_observations(lines, int(totals["observations"]))
    check_degrees_of_freedom(lines, totals, len(y), len(table))
    return Problem(
        name=lines.find(NAME, "a 'Dataset Name:'")[1].group(1),
        x=x,
        y=y,
        starts=(table[:, 0], table[:, 1]),
        certified=table[:, 2],
        deviations=table[:, 3],
        rss=totals["rss"],
        residual_deviation=totals["residual_deviation"],
        degrees_of_freedom=int(totals["degrees_of_freedom"]),
    )


@dataclass(frozen=True)
class Lines:
    """The lines of one file, and the errors that name them."""

    text: list[str]
    source: str

    def error(self, index: int, what: str) -> DataFileError:
        return DataFileError(f"{self.source}, line {index + 1}: {what}")

    def matching(self, pattern: re.Pattern) -> Iterator[tuple[int, re.Match]]:
        matches = ((i, pattern.match(line)) for i, line in enumerate(self.text))
        return ((i, match) for i, match in matches if match)

    def find(self, pattern: re.Pattern, what: str) -> tuple[int, re.Match]:
        for found in self.matching(pattern):
            return found
        raise self.error(len(self.text) - 1, f"the file ends without {what} line")

    def numbers(self, index: int, text: str, count: int, what: str) -> list[float]:
        words = text.split()
        if len(words) != count:
            raise self.error(index, f"{what} needs {count} numbers, found {len(words)}")
        return [self.number(index, word) for word in words]

    def number(self, index: int, word: str) -> float:
        try:
            value = float(word)
        except ValueError:
            raise self.error(index, f"{word!r} is not a number") from None
        if not np.isfinite(value):
            raise self.error(index, f"{word!r} is not a finite number")
        return value


def read_parameters(lines: Lines) -> np.ndarray:
    """One row per parameter: start 1, start 2, certified value, standard deviation."""
    rows: list[list[float]] = []
    for index, match in lines.matching(PARAMETER):
        label = f"b{match.group(1)}"
        if int(match.group(1)) != len(rows) + 1:
            raise lines.error(index, f"expected parameter b{len(rows) + 1}, found {label}")
        rows.append(lines.numbers(index, match.group(2), 4, f"parameter {label}"))
    if not rows:
        raise lines.error(len(lines.text) - 1, "the file ends without a 'b1 =' line")
    return np.array(rows)


def read_totals(lines: Lines) -> dict[str, float]:
    return {key: read_total(lines, label) for label, key in TOTALS.items()}


def read_total(lines: Lines, label: str) -> float:
    index, match = lines.find(re.compile(re.escape(label) + "(.*)"), f"a {label!r}")
    return lines.numbers(index, match.group(1), 1, repr(label))[0]


def read_observations(lines: Lines, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The columns ``y`` and ``x``; the count must be the one that the file announces."""
    # The first "Data:" line describes the variables; the table stands under the second.
    headings = [index for index, _ in lines.matching(re.compile("Data:"))]
    if len(headings) != 2:
        found = f"expected two 'Data:' lines, found {len(headings)}"
        raise lines.error(headings[-1] if headings else len(lines.text) - 1, found)
    first = headings[1] + 1
    filled = [i for i in range(first, len(lines.text)) if lines.text[i].strip()]
    rows = [lines.numbers(i, lines.text[i], 2, "an observation") for i in filled]
    if len(rows) != count:
        last = filled[-1] if filled else headings[1]
        raise lines.error(last, f"{len(rows)} observations, but {count} are announced")
    y, x = np.array(rows).reshape(-1, 2).T
    return y.copy(), x.copy()


def check_degrees_of_freedom(
    lines: Lines, totals: dict[str, float], observations: int, parameters: int
) -> None:
    if totals["degrees_of_freedom"] != observations - parameters:
        index, _ = lines.find(re.compile("Degrees of Freedom:"), "a 'Degrees of Freedom:'")
        announced = f"{totals['degrees_of_freedom']:g} degrees of freedom"
        raise lines.error(
            index, f"{announced}, but {observations} observations - {parameters} parameters"
        )
