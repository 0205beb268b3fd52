"""What works for each function: ``python -m tests.coverage.table`` writes docs/coverage.md.

Every mark is the outcome of a check that ran: the traced value is NumPy's (dispatch), the jvp is
the five-point difference, the vjp its adjoint, the second derivative the difference of the first,
a batch is a loop, and ``jit`` changes nothing.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

import funcgrad.numpy as fnp
from funcgrad import grad, jit, jvp, scipy, vmap
from funcgrad.ops.special.common import No
from funcgrad.ops.special.everything import PARTIALS
from funcgrad.trace.tracer import is_traced
from tests.coverage.expressions import ALIASES, EXPRESSIONS, WITHOUT, arguments
from tests.coverage.scipy_expressions import SCIPY
from tests.special_cases import CASES

__all__ = [
    "COLUMNS",
    "NO",
    "NONE",
    "TRIED",
    "YES",
    "checked",
    "function_of",
    "listed",
    "page",
    "rows",
]

PAGE = Path(__file__).parents[2] / "docs" / "coverage.md"
COLUMNS = ("dispatch", "jvp", "vjp", "second order", "vmap", "jit")
YES, NONE, NO = "yes", "–", "no"
_STEP = 4e-4
_STEEP = {"spacing"}  # piecewise constant on a scale of its own


def leaves(out: Any) -> list[Any]:
    """The arrays of a result, also of nested ones."""
    if isinstance(out, (tuple, list)):
        return [leaf for part in out for leaf in leaves(part)]
    return [out]


def parts(z: Any) -> Any:
    """A complex result as its real and imaginary parts."""
    return np.real(z), np.imag(z)


def in_place(function: Callable[..., Any], x: Any, *rest: Any) -> Any:
    """What a function that returns nothing has made of its first operand."""
    x = x.copy()
    function(x, *rest)
    return x


def function_of(text: str, **scope: Any) -> Callable[..., list[Any]]:
    """The expression as a function of the operands that it names; ``scope`` has the namespaces."""
    code = compile(text, text, "eval")
    names = [n for n in arguments() if n in code.co_names or _inside(code, n)]
    scope = {"np": fnp, "sp": scipy, "parts": parts, "in_place": in_place} | scope
    f = eval(f"lambda {', '.join(names)}: ({text})", scope)

    def call(*xs: Any) -> list[Any]:
        return leaves(f(*xs))

    call.names = names  # type: ignore[attr-defined]
    return call


def _inside(code: Any, name: str) -> bool:
    return any(name in c.co_names or name in c.co_freevars for c in code.co_consts
               if hasattr(c, "co_names"))  # fmt: skip


def is_float(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


def _subject(name: str) -> tuple[Callable[..., list[Any]], list[Any]]:
    """A function and its operands: by its expression, or, of SciPy's ufuncs, by its case."""
    if name in _UFUNCS:
        return _ufunc(name)
    f, given = function_of({**EXPRESSIONS, **_SCIPY}[name]), arguments()
    return f, [given[n] for n in f.names]  # type: ignore[attr-defined]


def _ufunc(name: str) -> tuple[Callable[..., list[Any]], list[Any]]:
    """Between the ends of the ranges, those arguments moving that have a rule."""
    case, function = _UFUNCS[name], getattr(special, name.split(".")[-1])
    rules = PARTIALS[case.name]
    several = isinstance(rules[0], tuple) and not isinstance(rules[0], No)
    rows = rules if several else (rules,)
    middle = [sum(a) / 2 if isinstance(a, tuple) else a for a in case.args]
    moving = [k for k in case.moving if not any(isinstance(row[k], No) for row in rows)]
    args = [np.linspace(*case.args[k], 7)[2:5:2] for k in moving]

    def f(*xs: Any) -> list[Any]:
        operands = list(middle)
        for k, x in zip(moving, xs, strict=True):
            operands[k] = x
        return leaves(function(*operands))

    return f, args


_SCIPY = {f"scipy.{name}": text for name, text in SCIPY.items()}
_UFUNCS = {
    f"scipy.special.{c.name}": c for c in reversed(CASES)
    if c.name in PARTIALS and c.moving and f"scipy.special.{c.name}" not in _SCIPY
}  # fmt: skip


_SEARCHED = {f"scipy.special.ncfdtri{name}" for name in ("dfn", "dfd", "nc")}
"""SciPy's search ends at 1e-5, and so do differences of its values."""


class _Case:
    """One function, its operands, and the sum that hears all its float results."""

    def __init__(self, name: str):
        self.name = name
        self.f, self.args = _subject(name)
        self.rtol = 1e-3 if name in _SEARCHED else 1e-6
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.expected = [np.asarray(v) for v in self.f(*self.args)]
        rng = np.random.default_rng(1)
        self.weights = [rng.normal(size=v.shape) for v in self.expected]
        self.moving = [k for k, a in enumerate(self.args) if a.dtype.kind == "f"]
        self.directions = [rng.normal(size=self.args[k].shape) for k in self.moving]
        floats = any(map(is_float, self.expected)) and bool(self.moving)
        self.smooth = floats and name not in _STEEP

    def total(self, *xs: Any) -> Any:
        args = list(self.args)
        for k, x in zip(self.moving, xs, strict=True):
            args[k] = x
        pairs = zip(self.weights, self.f(*args), self.expected, strict=True)
        return sum((np.sum(w * v) for w, v, e in pairs if is_float(e)), 0.0 * np.sum(xs[0]))

    @property
    def at(self) -> list[Any]:
        return [self.args[k] for k in self.moving]

    # -- the checks --------------------------------------------------------------------------

    def dispatch(self) -> None:
        """Traced operands give NumPy's values, shapes and dtypes."""
        zeros = tuple(np.zeros_like(a) for a in self.args)
        plain: list[Any] = []

        def traced(*xs: Any) -> Any:
            found = self.f(*xs)
            plain[:] = found
            return tuple(v for v in found if is_traced(v))

        known = iter(jvp(traced, tuple(self.args), zeros)[0])
        found = [next(known) if is_traced(v) else v for v in plain]
        self.same(found)

    def same(self, found: list[Any]) -> None:
        for a, b in zip(map(np.asarray, found), self.expected, strict=True):
            assert a.shape == b.shape, (a.shape, b.shape)
            assert a.dtype == b.dtype, (a.dtype, b.dtype)
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)

    def slope(self, f: Any) -> float:
        steps = [f(*[a + k * _STEP * d for a, d in zip(self.at, self.directions, strict=True)])
                 for k in (1, -1, 2, -2)]  # fmt: skip
        return float(8 * (steps[0] - steps[1]) - (steps[2] - steps[3])) / (12 * _STEP)

    def close(self, found: float, f: Any) -> None:
        expected = self.slope(f)
        assert abs(found - expected) <= self.rtol * max(1.0, abs(expected)), (found, expected)

    def jvp(self) -> None:
        found = jvp(self.total, tuple(self.at), tuple(self.directions))[1]
        self.close(float(found), self.total)

    def vjp(self) -> None:
        self.close(self.directional(*self.at), self.total)

    def directional(self, *xs: Any) -> float:
        found = grad(self.total, tuple(range(len(xs))))(*xs)
        return sum(np.sum(g * d) for g, d in zip(found, self.directions, strict=True))

    def second(self) -> None:
        found = jvp(self.directional, tuple(self.at), tuple(self.directions))[1]
        self.close(float(found), self.directional)

    def vmap(self) -> None:
        rows = [tuple(a * c if a.dtype.kind == "f" else a for a in self.args) for c in (1.0, 1.01)]
        batch = [np.stack(column) for column in zip(*rows, strict=True)]
        found = vmap(lambda *xs: tuple(self.f(*xs)))(*batch)
        for k, row in enumerate(rows):
            one = [np.asarray(v) for v in self.f(*row)]
            for a, b in zip(found, one, strict=True):
                np.testing.assert_allclose(np.asarray(a)[k], b, rtol=1e-9, atol=1e-11)

    def jit(self) -> None:
        compiled = jit(lambda *xs: tuple(self.f(*xs)))
        for _ in range(2):
            self.same(list(compiled(*self.args)))


TRIED = {*EXPRESSIONS, *_SCIPY, *_UFUNCS}
"""All functions that have a row."""

_CHECKS = dict(zip(COLUMNS, ("dispatch", "jvp", "vjp", "second", "vmap", "jit"), strict=True))
_SLOPES = ("jvp", "vjp", "second order")


def checked(name: str) -> dict[str, str]:
    """The marks of one function; what failed is told on standard error."""
    case = _Case(name)
    marks = {}
    for column, method in _CHECKS.items():
        if column in _SLOPES and not case.smooth:
            marks[column] = NONE
            continue
        try:
            getattr(case, method)()
            marks[column] = YES
        except Exception as error:
            print(f"{name}, {column}: {type(error).__name__}: {error!s:.300}", file=sys.stderr)
            marks[column] = NO
    return marks


# -- the page --------------------------------------------------------------------------------------


def listed() -> dict[str, set[str]]:
    """The callables of NumPy's namespaces that are functions."""
    main = {n for n in dir(np) if n[0] != "_" and callable(getattr(np, n))
            and not isinstance(getattr(np, n), type)}  # fmt: skip
    linalg = {
        f"linalg.{n}" for n in np.linalg.__all__ if not isinstance(getattr(np.linalg, n), type)
    }
    return {
        "numpy": main,
        "numpy.linalg": linalg,
        "numpy.fft": {f"fft.{n}" for n in np.fft.__all__},
    }


def rows() -> dict[str, dict[str, str]]:
    """Function -> marks, for all that are tried."""
    return {name: checked(name) for name in sorted(TRIED)}


def page(found: dict[str, dict[str, str]]) -> str:
    """The table as Markdown."""
    lines = [
        "# What works, function by function", "",
        "Written by `python -m tests.coverage.table`; every mark is the outcome of a check that",
        "ran (`tests/coverage/table.py` says which). A dash means that there is nothing to",
        "differentiate: the result is made of integers or truth values, or does not move. SciPy's",
        "ufuncs are called as `scipy.special` has them (rules: `docs/special.md`), its other",
        "functions under `funcgrad.scipy`.", "",
    ]  # fmt: skip
    sections = listed() | {"scipy": {*_SCIPY, *_UFUNCS}}
    for title, names in sections.items():
        done = sorted(n for n in names if n in found)
        lines += [f"## {title}", "", f"| function | {' | '.join(COLUMNS)} |", "| --- " * 7 + "|"]
        lines += [f"| `{n}` | {' | '.join(found[n][c] for c in COLUMNS)} |" for n in done]
        lines.append("")
    lines += ["## Without arrays that could be traced", ""]
    lines += [
        f"- {why}: {', '.join(f'`{n}`' for n in text.split())}" for why, text in WITHOUT.items()
    ]
    lines += [f"- another name of `{new}`: `{old}`" for old, new in ALIASES.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(rows()), encoding="utf-8")
