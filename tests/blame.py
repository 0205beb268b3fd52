"""What an error tells the user: its whole text, and the line of the caller's file it points at."""

import linecache
import re
from pathlib import Path


def explanation(error):
    """The messages and notes of an exception and of the exceptions that led to it."""
    parts = []
    while error is not None:
        parts += [str(error), *getattr(error, "__notes__", [])]
        error = error.__cause__ or error.__context__
    return "\n".join(parts)


def blamed_line(caught, filename):
    """The text of the deepest line of ``filename`` in the traceback of a caught exception."""
    frames = [entry for entry in caught.traceback if str(entry.path) == filename]
    return linecache.getline(filename, frames[-1].lineno + 1)


def assert_told(caught, *words):
    text = explanation(caught.value)
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} not in: {text}"


def noted_lines(error, filename):
    """The lines of ``filename`` that an error's notes name: deferred work has no traceback."""
    notes = "\n".join(getattr(error, "__notes__", []))
    numbers = re.findall(re.escape(Path(filename).name) + r"\D+(\d+)", notes)
    return [linecache.getline(filename, int(number)) for number in numbers]


def assert_here(caught):
    """The line blamed in the test's own file bears the comment ``# here``."""
    filename = str(caught.traceback[0].path)
    lines = [blamed_line(caught, filename), *noted_lines(caught.value, filename)]
    assert any("# here" in line for line in lines), lines
