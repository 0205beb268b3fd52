"""Writes docs/special.md: ``python -m tests.special_table``; the tests want it up to date.

Formulas are the source of the partial derivatives themselves.
"""

import ast
import inspect
import textwrap
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from funcgrad.ops.special.common import No, argument
from funcgrad.ops.special.everything import HANDLERS, PARTIALS
from tests.special_cases import CASES

PATH = Path(__file__).resolve().parent.parent / "docs" / "special.md"

HEAD = """# scipy.special on traced values

Written by `python -m tests.special_table`. Per function and argument: the partial derivative as it
stands in `funcgrad/ops/special/` (`z` is the result), or why there is none: then
DifferentiationError. `difference` is the numerical rule of `ops/special/common.py`: central
differences of eighth order, relative to the function about 1e-12, in single precision 1e-5; a
further derivative of it loses about three digits more.

*checked*: the largest relative error allowed in `tests/scipy/test_special.py`, against mpmath at
random points of the range given: first / second derivative. *differences*: against differences of
SciPy's values, as far as they go. Integers carry no derivative, and need none.

"""


@cache
def _lambdas(filename: str) -> dict[tuple[int, int], str]:
    """Every lambda of a file by where its code begins: line and column of its body."""
    tree = ast.parse(Path(filename).read_text())
    found = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
    return {(n.body.lineno, n.body.col_offset): ast.unparse(n.body) for n in found}


def rule_text(rule: Any) -> str:
    """A partial derivative in words: its source where it is a lambda, else its docstring."""
    if isinstance(rule, No):
        return f"none: {rule.why}"
    if rule.__name__ != "<lambda>":
        maker = rule.__qualname__.split(".")[0]
        doc = inspect.getdoc(rule) or inspect.getdoc(rule.__globals__[maker])
        return doc.split("\n")[0] if doc else f"see `{maker}` in `{rule.__module__}`"
    if rule.__qualname__.startswith("inverse."):
        return "slopes of the inverse function, 1 / f_z or -f_a / f_z"
    places = [p for p in rule.__code__.co_positions() if p[0] is not None and p[2] is not None]
    known = _lambdas(rule.__code__.co_filename)
    starts = sorted({(p[0], p[2]) for p in places} & known.keys())
    text = known[starts[0]] if starts else "1"
    return "`" + text.replace("ops.", "").replace("e.", "") + "`"


def rows_of(name: str) -> list[tuple[str, ...]]:
    ufunc, partials = getattr(special, name), PARTIALS[name]
    parts = partials if ufunc.nout > 1 else (partials,)
    return [
        (name + (f"[{k}]" if ufunc.nout > 1 else ""), argument(name, j), rule_text(rule),
         *checked(name, j))
        for k, part in enumerate(parts) for j, rule in enumerate(part)
    ]  # fmt: skip


def checked(name: str, place: int) -> tuple[str, ...]:
    """Ranges, tolerances, complex: of the cases that move this argument."""
    cases = [c for c in CASES if c.name == name and place in c.moving]
    if not cases:
        return "", "", ""
    ranges = "; ".join(f"{c.args[place][0]} to {c.args[place][1]}" for c in cases)
    best = [f"{c.rtol:.0e} / {c.second:.0e}" if c.mp else f"differences {c.fd:.0e}" for c in cases]
    return ranges, "; ".join(dict.fromkeys(best)), "yes" if any(c.complex for c in cases) else ""


def classified() -> dict[str, str]:
    """Every ufunc of scipy.special, and what becomes of it."""
    names = [n for n in dir(special) if isinstance(getattr(special, n), np.ufunc)]
    return {n: getattr(special, n).__name__ for n in names}


def text() -> str:
    lines = [HEAD, "| function | argument | derivative | range | checked | complex |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    early = []
    for name, own in classified().items():
        if own in PARTIALS:
            lines += ["| " + " | ".join(cells) + " |" for cells in rows_of(own)]
        else:
            early.append((name, HANDLERS[own]))
    lines += ["", "Operations that the rest of funcgrad has too, and compiles: "
              + ", ".join(f"`{n}`" for n, _ in early) + "."]  # fmt: skip
    lines += ["", textwrap.dedent(BEYOND).strip(), ""]
    return "\n".join(lines)


BEYOND = """
No ufuncs, and covered: `logsumexp`, `softmax`, `log_softmax`, `softplus`, `polygamma`,
`multigammaln`, `zeta` (in both arguments), `comb`, `perm`, `factorial` (by gamma functions), `jvp`,
`yvp`, `ivp`, `kvp`, `h1vp`, `h2vp`, the spherical Bessel functions, `legendre_p`, `sph_legendre_p`,
`sph_harm_y` (in their angles), `lambertw` (every branch), `diric`, `sinc`.

Float32 stays float32, but for functions whose integer loop is double (`eval_legendre(2, x)`,
`kn(2, x)`): there SciPy's result is double too.
"""


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text())
