"""``python -m funcgrad``: fits NIST's regression problems with exact derivatives and reports.

The exit code is 0 when every fit converged to the certified values, 1 when one did not, and 2 when
the data could not be read.
"""

from __future__ import annotations

import argparse
import sys

from funcgrad.nist.fit import residuals_of
from funcgrad.nist.parse import Problem, load_folder, load_shipped
from funcgrad.nist.report import REQUIRED_DIGITS, fit_lines, fits_of, reached, show_derivatives

__all__ = ["main"]

STARTS = {"1": (1,), "2": (2,), "both": (1, 2)}


def parser() -> argparse.ArgumentParser:
    description = "Fit NIST's nonlinear regression problems with exact derivatives."
    result = argparse.ArgumentParser(prog="python -m funcgrad", description=description)
    result.add_argument(
        "--data", metavar="DIR", help="fit every .dat file in DIR, not the three shipped problems"
    )
    result.add_argument(
        "--start", choices=STARTS, default="both", help="the published starting point (both)"
    )
    return result


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        problems = load_folder(options.data) if options.data else load_shipped()
        for problem in problems:
            residuals_of(problem)  # a problem without a model is refused before any work
    except (OSError, ValueError) as error:
        print(f"python -m funcgrad: {error}", file=sys.stderr)
        return 2
    # First, so that the time to the first gradient is the time to the first gradient.
    derivatives = list(show_derivatives(problems[0]))
    outcomes = [outcome for problem in problems for outcome in report(problem, options.start)]
    print("\n".join(derivatives))
    print()
    print(f"{sum(outcomes)} of {len(outcomes)} fits reached {REQUIRED_DIGITS:g} digits")
    return 0 if all(outcomes) else 1


def report(problem: Problem, start: str) -> list[bool]:
    fits = fits_of(problem, STARTS[start])
    print("\n".join(fit_lines(problem, fits)))
    return [reached(fit, problem) for fit in fits.values()]


if __name__ == "__main__":
    sys.exit(main())
