"""The machine code that takes sweeps over bands of rows: ``waves`` says which rows, and why so.

``waves(table, sweeps, …)`` runs the sweeps of a table: a row of ``stride`` bytes for each, which
begins with the address of its function. ``sweep(row, begin, end)`` does rows of it.
"""

from __future__ import annotations

from funcgrad.backends.llvm.ir import Function, Module, Value

__all__ = ["DECLARED", "PARAMETERS", "code"]

PARAMETERS = (
    "table", "sweeps", "stride", "rows", "band", "bands", "reach", "block", "lag", "phase",
)  # fmt: skip
"""Words of the context; all but the last are what ``waves`` is called with."""

_TYPES = ["ptr", *["i64"] * (len(PARAMETERS) - 2)]
DECLARED = f"declare void @waves({', '.join(_TYPES)})"


def code(module: Module) -> None:
    """Write ``waves``, beside ``parallel``."""
    _task(module.function("band", "void", ["ptr", "i64"]))
    _waves(module.function("waves", "void", _TYPES, linkage=""))


def _waves(f: Function) -> None:
    """All bands; then all borders between them, where there is a reach."""
    context = f.alloca("i64", len(PARAMETERS))
    for k, x in enumerate(f.args):
        f.store(x, f.at(context, 8 * k))
    given = dict(zip(PARAMETERS, f.args, strict=False))
    borders = given["reach"].eq(0).select(0, given["bands"] - 1)
    with f.loop(0, 2) as phase:
        f.store(phase, f.at(context, 8 * PARAMETERS.index("phase")))
        count = phase.eq(0).select(given["bands"], borders)
        f.call("parallel", "void", Value(f, "@band", "ptr"), context, count)
    f.ret()


def _task(f: Function) -> None:
    """One band, or one border: block by block, sweep by sweep."""
    context, i = f.args
    x = {
        name: f.load("ptr" if name == "table" else "i64", f.at(context, 8 * k))
        for k, name in enumerate(PARAMETERS)
    }
    low, high, left, right = _ends(x, i)
    last = x["sweeps"] - 1
    zero = f.const("i64", 0)
    start = low + f.intrinsic("smin", left * last, zero)
    stop = high + f.intrinsic("smax", right * last, zero)
    ticks = (stop - start + x["block"] - 1) / x["block"] + last * x["lag"]
    with f.loop(0, ticks) as tick, f.loop(0, x["sweeps"]) as g:
        at = start + (tick - g * x["lag"]) * x["block"]
        begin = f.intrinsic("smax", at, low + left * g)
        end = f.intrinsic("smin", at + x["block"], high + right * g)
        with f.when(begin.lt(end)):
            row = f.at(x["table"], g * x["stride"])
            f.call(f.load("ptr", row).name, "void", row, begin, end)
    f.ret()


def _ends(x: dict[str, Value], i: Value) -> tuple[Value, ...]:
    """Where the rows of the first sweep begin and end, and how these move with each sweep."""
    is_band, reach = x["phase"].eq(0), x["reach"]
    first, final = i.eq(0), i.eq(x["bands"] - 1)
    low = is_band.select(i, i + 1) * x["band"]
    high = is_band.select(i.f.intrinsic("smin", low + x["band"], x["rows"]), low)
    left = is_band.select(first.select(0, reach), -reach)
    right = is_band.select(final.select(0, -reach), reach)
    return low, high, left, right
