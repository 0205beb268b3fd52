"""What derivatives are where there is none: ``python -m tests.conventions.table`` writes the page.

Each row is a function of x, or of x and y, at a point: its value, and by each variable alone its
first and second derivative. The tests take them in forward and in reverse mode, and in all four
orders of the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import funcgrad.numpy as fnp
from funcgrad.scipy import special

__all__ = ["PAGE", "ROWS", "Row", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"
inf, nan = np.inf, np.nan


class Row(NamedTuple):
    """One point of one function."""

    text: str
    at: tuple[float, ...]
    value: float
    first: tuple[float, ...]
    second: tuple[float, ...]
    why: str

    @property
    def f(self) -> Any:
        names = "x, y"[: 3 * len(self.at) - 2]
        pair = {"np": fnp, "special": special, "inf": inf}
        return eval(f"lambda {names}: {self.text}", pair)


_EVEN = "ties share evenly"
_SHARE = "the weight of each"
_NONE = "no direction is distinguished: the subgradient of least norm"
_FLAT = "piecewise constant"
_MASK = "the branch that was not taken has no say"
_TRUE = "the limit from inside the domain"
_SMOOTH = "the function is smooth there, its formula is not"

ROWS = (
    Row("np.abs(x)", (0.0,), 0, (0,), (0,), _NONE),
    Row("np.sign(x)", (0.0,), 0, (0,), (0,), _FLAT),
    Row("np.heaviside(x, 0.5)", (0.0,), 0.5, (0,), (0,), _FLAT),
    Row("np.floor(x)", (1.0,), 1, (0,), (0,), _FLAT),
    Row("np.round(x)", (0.5,), 0, (0,), (0,), _FLAT),
    Row("np.floor_divide(x, y)", (4.0, 2.0), 2, (0, 0), (0, 0), _FLAT),
    Row("np.remainder(x, y)", (4.0, 2.0), 0, (1, -2), (0, 0), "the slope to the right"),
    Row("np.maximum(x, y)", (1.0, 1.0), 1, (0.5, 0.5), (0, 0), _EVEN),
    Row("np.minimum(x, y)", (1.0, 1.0), 1, (0.5, 0.5), (0, 0), _EVEN),
    Row("np.maximum(x, 0.0)", (0.0,), 0, (0.5,), (0,), _EVEN),
    Row("np.clip(x, 0.0, 1.0)", (0.0,), 0, (0.5,), (0,), _EVEN),
    Row("np.clip(x, 0.0, 1.0)", (1.0,), 1, (0.5,), (0,), _EVEN),
    Row("np.max(np.stack([x, y]))", (1.0, 1.0), 1, (0.5, 0.5), (0, 0), _EVEN),
    Row("np.fmax(x, y)", (1.0, nan), 1, (1, 0), (0, 0), "NaN is passed over"),
    Row("np.sort(np.stack([x, y]))[0]", (1.0, 1.0), 1, (1, 0), (0, 0), "the first of equals"),
    Row("np.median(np.stack([x, y, 1.0]))", (1.0, 1.0), 1, (0, 1), (0, 0),
        "the middle one of equals, in their order"),
    Row("np.sqrt(x)", (0.0,), 0, (inf,), (-inf,), _TRUE),
    Row("np.log(x)", (0.0,), -inf, (inf,), (-inf,), _TRUE),
    Row("np.cbrt(x)", (0.0,), 0, (inf,), (nan,), "the slopes on both sides tend to opposite ends"),
    Row("np.arcsin(x)", (1.0,), np.pi / 2, (inf,), (inf,), _TRUE),
    Row("x ** 0", (0.0,), 1, (0,), (0,), "the constant 1, as NumPy has it"),
    Row("x ** 1", (0.0,), 0, (1,), (0,), _SMOOTH),
    Row("x ** 2", (0.0,), 0, (0,), (2,), _SMOOTH),
    Row("x ** 0.5", (0.0,), 0, (inf,), (-inf,), _TRUE),
    Row("x ** -1", (0.0,), inf, (-inf,), (inf,), _TRUE),
    Row("x ** y", (0.0, 0.0), 1, (0, 0), (0, 0), "the constant 1 by x; by y 0"),
    Row("x ** y", (0.0, 1.0), 0, (1, 0), (0, 0), _SMOOTH),
    Row("x ** y", (0.0, 2.0), 0, (0, 0), (2, 0), _SMOOTH),
    Row("x ** y", (-2.0, 3.0), -8, (12, nan), (-12, nan), "by y there is no real number"),
    Row("x ** y", (2.0, 0.0), 1, (0, np.log(2)), (0, np.log(2) ** 2), _SMOOTH),
    Row("special.xlogy(x, y)", (0.0, 0.0), 0, (-inf, 0), (0, 0), "0 log 0 is 0"),
    Row("np.where(x > 0, np.sqrt(x), 0.0)", (0.0,), 0, (0,), (0,), _MASK),
    Row("np.where(x > 0, np.log(x), 0.0)", (-1.0,), 0, (0,), (0,), _MASK),
    Row("np.where(x > 0, x**0.5, 0.0)", (0.0,), 0, (0,), (0,), _MASK),
    Row("np.where(x != 0, np.sin(x) / x, 1.0)", (0.0,), 1, (0,), (0,), _MASK),
    Row("np.sinc(x)", (0.0,), 1, (0,), (-np.pi**2 / 3,), _SMOOTH),
    Row("np.linalg.norm(np.stack([x, y]))", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.linalg.norm(np.stack([x, y]), 1)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.linalg.norm(np.stack([x, y]), 3)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.linalg.norm(np.stack([x, y]), inf)", (1.0, 1.0), 1, (0.5, 0.5), (0, 0), _EVEN),
    Row("np.hypot(x, y)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.abs(x + 1j * y)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.std(np.stack([x, y]))", (1.0, 1.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.arctan2(x, y)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.angle(x + 1j * y)", (0.0, 0.0), 0, (0, 0), (0, 0), _NONE),
    Row("np.arctan2(x, y)", (0.0, -1.0), np.pi, (-1, 0), (0, 0), "the cut: the slope above it"),
    Row("np.prod(np.stack([x, y]))", (0.0, 0.0), 0, (0, 0), (0, 0), _SMOOTH),
    Row("np.cumprod(np.stack([x, y]))[1]", (0.0, 0.0), 0, (0, 0), (0, 0), _SMOOTH),
    Row("np.logaddexp(x, y)", (0.0, -inf), 0, (1, 0), (0, 0), _SHARE),
    Row("np.logaddexp(x, y)", (-inf, -inf), -inf, (0.5, 0.5), (0, 0), _EVEN),
    Row("np.logaddexp(x, y)", (inf, inf), inf, (0.5, 0.5), (0, 0), _EVEN),
    Row("special.logsumexp(np.stack([x, y]))", (0.0, -inf), 0, (1, 0), (0, 0), _SHARE),
    Row("special.logsumexp(np.stack([x, y]))", (-inf, -inf), -inf, (0.5, 0.5), (0, 0), _EVEN),
    Row("special.logsumexp(np.stack([x, y]))", (inf, 0.0), inf, (1, 0), (0, 0), _SHARE),
    Row("np.nansum(np.stack([x, y]))", (nan, 1.0), 1, (0, 1), (0, 0), "NaN is passed over"),
    Row("np.nanmean(np.stack([x, y]))", (nan, 1.0), 1, (0, 1), (0, 0), "NaN is passed over"),
    Row("np.nan_to_num(x)", (nan,), 0, (0,), (0,), "what replaces NaN does not move"),
    Row("np.copysign(x, y)", (1.0, 0.0), 1, (1, 0), (0, 0), _FLAT + " in the sign"),
    Row("np.sum(np.stack([x, y])[:0])", (1.0, 2.0), 0, (0, 0), (0, 0), "an empty sum is 0"),
    Row("np.prod(np.stack([x, y])[:0])", (1.0, 2.0), 1, (0, 0), (0, 0), "an empty product is 1"),
    Row("np.linalg.norm(np.stack([x, y])[:0])", (1.0, 2.0), 0, (0, 0), (0, 0), "of nothing: 0"),
)  # fmt: skip


def _number(x: float) -> str:
    known = {np.pi / 2: "π/2", np.pi: "π", -np.pi**2 / 3: "-π²/3", np.log(2): "log 2",
             np.log(2) ** 2: "log² 2", inf: "∞", -inf: "-∞"}  # fmt: skip
    return known.get(x) or ("NaN" if x != x else f"{x:g}")


def _numbers(xs: tuple[float, ...]) -> str:
    return ", ".join(map(_number, xs))


def page() -> str:
    """The table as Markdown."""
    lines = [
        "# Conventions", "",
        "What funcgrad says where mathematics leaves a choice. Derivatives are those by each",
        "variable alone, the same in both modes and in every order of modes. Written by",
        "`python -m tests.conventions.table`; every row is a test.", "",
        "| function | at | value | first | second | because |", "| --- " * 6 + "|",
    ]  # fmt: skip
    lines += [
        f"| `{r.text}` | {_numbers(r.at)} | {_number(r.value)} | {_numbers(r.first)} | "
        f"{_numbers(r.second)} | {r.why} |"
        for r in ROWS
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
