"""One row or more per primitive: what the laws of tests/test_laws.py need to know of it.

A row says how to draw operands, which parameters to give, and which facts hold (analytic,
defined for complex numbers, kinks, a closed form in mpmath). A primitive without a row fails
the test of completeness.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np

from funcgrad.ops import random as _random  # noqa: F401, its primitives have rows
from funcgrad.ops.families import ops
from tests.laws import build

ALL = (None, None, None)
INTP = np.dtype(np.intp)

# Primitives of control flow and calls have no numbers of their own: these files cover them.
EXEMPT = dict.fromkeys(
    [
        "call", "cond", "scan", "while_loop", "checkpoint", "custom_jvp_call", "custom_vjp_call",
        "linear_call", "stop_gradient", "psum", "pmax", "pmin", "all_gather", "all_to_all",
        "ppermute", "axis_index",
    ],
    "test_structured.py",
) | dict.fromkeys(["linear_solve", "root"], "control/test_implicit.py") | {
    "ruled_call": "scipy/test_adjoint.py",
    "inner": "compiler/test_simplify.py", "dot_onto": "compiler/test_accumulate.py",
    "dot_into": "compiler/test_accumulate.py",
    "variate": "random/test_derivatives.py",
    **dict.fromkeys(["pure_callback", "io_callback", "debug_callback"], "ops/test_callbacks.py"),
} | {
    f"{kind}_{name}": "op_table_special.py"
    for kind in ("pro", "obl") for name in ("ang1", "rad1", "rad2", "cv")
}  # fmt: skip


class Arg(NamedTuple):
    """An operand: its shape and the numbers that it is drawn from."""

    shape: tuple[int, ...] = (2, 3)
    domain: str = "real"

    @property
    def fixed(self) -> Any:
        """The dtype that does not follow the row's: integers and truth values."""
        kinds = {
            "int": "i8",
            "count": "i8",
            "bool": "?",
            "pivots": "i8",
            "word": "u4",
            "words": "u8",
        }
        kind = kinds.get(self.domain) or ("i8" if self.domain.startswith("index") else None)
        return kind and np.dtype(kind)


class Row(NamedTuple):
    """One use of a primitive."""

    prim: str
    args: tuple[Any, ...]  # Arg, or a plain number that stays a literal
    params: dict[str, Any] = {}
    f: Callable[..., Any] | None = None  # in place of the primitive alone
    complex: bool = False  # defined and differentiable for complex operands too
    analytic: bool = False  # its value rule takes a complex step
    derivative: bool = True  # False: no rule beyond the value
    mp: Callable[..., Any] | None = None
    kinks: tuple[Any, ...] = ()  # (operands, tangents, tangent of the result)
    bits: float = 0.0  # how far the program may be from its evaluation: the same calls, same bits
    rtol: float = 1e-14  # of results that come about in another order
    fd: float = 1e-8  # of difference quotients
    note: str = ""

    @property
    def name(self) -> str:
        words = [self.prim, *(f"{k}={v}" for k, v in self.params.items()), self.note]
        return "-".join(w.replace(" ", "") for w in words if w)[:60]

    def apply(self, *xs: Any) -> Any:
        if self.f is not None:
            return self.f(*xs)
        return getattr(ops, self.prim)(*xs, **self.params)

    @property
    def operands(self) -> list[Arg]:
        return [a for a in self.args if isinstance(a, Arg)]


# -- drawing -------------------------------------------------------------------------------------


def draw(arg: Arg, rng: np.random.Generator, dtype: Any = np.float64) -> Any:
    """An operand from its domain; a NumPy scalar where the shape is ()."""
    if arg.domain.startswith("index"):
        return _scalar(rng.integers(-int(arg.domain[5:]), int(arg.domain[5:]), arg.shape))
    x = DOMAINS[arg.domain](rng, arg.shape)
    if arg.fixed is not None:
        return _scalar(x.astype(arg.fixed))
    if np.dtype(dtype).kind == "c":
        x = x + 0.3j * DOMAINS.get("i" + arg.domain, DOMAINS["real"])(rng, arg.shape)
    return _scalar(np.asarray(x).astype(dtype))


def _scalar(x: Any) -> Any:
    return np.asarray(x)[()]


def _matrix(rng, shape):
    return rng.normal(size=shape) + 3 * np.eye(shape[-1])


def _spd(rng, shape):
    a = rng.normal(size=shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


def _skew(rng, shape):
    a = rng.normal(size=shape)
    return a - np.swapaxes(a, -1, -2)


def _distinct(rng, shape):
    size = int(np.prod(shape))
    return (rng.permutation(size) + rng.uniform(0.2, 0.8, size) - size / 2).reshape(shape)


DOMAINS: dict[str, Any] = {
    "real": lambda rng, shape: rng.normal(size=shape),
    "positive": lambda rng, shape: rng.uniform(0.4, 2.5, shape),
    "unit": lambda rng, shape: rng.uniform(-0.8, 0.8, shape),
    "open": lambda rng, shape: rng.uniform(0.15, 0.85, shape),
    "above": lambda rng, shape: rng.uniform(1.3, 3.0, shape),
    "off": lambda rng, shape: rng.uniform(0.4, 2.0, shape) * rng.choice([-1, 1], shape),
    "between": lambda rng, shape: rng.integers(-3, 3, shape) + rng.uniform(0.2, 0.8, shape),
    "rounds": lambda rng, shape: rng.integers(-3, 3, shape) + rng.uniform(-0.3, 0.3, shape),
    "sorted": lambda rng, shape: np.sort(rng.normal(size=shape)),
    "distinct": _distinct,
    "matrix": _matrix,
    "spd": _spd,
    "ispd": _skew,
    "hermitian": lambda rng, shape: _spd(rng, shape) + 4 * np.diag(np.arange(shape[-1])),
    "ihermitian": _skew,
    "singular": lambda rng, shape: rng.normal(size=(*shape[:-1], 1)) * rng.normal(size=shape),
    "int": lambda rng, shape: rng.integers(-5, 6, shape),
    "count": lambda rng, shape: rng.integers(1, 7, shape),
    "bool": lambda rng, shape: rng.integers(0, 2, shape) > 0,
    "word": lambda rng, shape: rng.integers(0, 2**32, shape, np.uint32),
    "words": lambda rng, shape: rng.integers(0, 2**64, shape, np.uint64),
}


def rng_of(row: Row):
    return np.random.default_rng(sum(map(ord, row.name)))


def prepared(row: Row, dtype):
    """The row's program, operands for it, and a function that draws more."""
    rng = rng_of(row)

    def sample():
        return [draw(a, rng, dtype) for a in row.operands]

    def f(*xs):
        it = iter(xs)
        return row.apply(*[next(it) if not isinstance(a, int | float) else a for a in row.args])

    args = sample()
    return build(f, args), args, sample, rng


# -- elementwise ---------------------------------------------------------------------------------

ROWS: list[Row] = []


def row(prim: str, *args: Any, **facts: Any) -> None:
    ROWS.append(Row(prim, args, **facts))


_UNARY: dict[str, tuple[str, Any]] = {  # analytic functions: domain, closed form
    "negative": ("real", lambda x: -x),
    "positive": ("real", lambda x: x),
    "exp": ("real", mpmath.exp),
    "exp2": ("real", lambda x: mpmath.mpf(2) ** x),
    "expm1": ("real", mpmath.expm1),
    "log": ("positive", mpmath.log),
    "log2": ("positive", lambda x: mpmath.log(x) / mpmath.log(2)),
    "log10": ("positive", lambda x: mpmath.log(x) / mpmath.log(10)),
    "log1p": ("unit", mpmath.log1p),
    "sqrt": ("positive", mpmath.sqrt),
    "square": ("real", lambda x: x * x),
    "reciprocal": ("off", lambda x: 1 / x),
    "sin": ("real", mpmath.sin),
    "cos": ("real", mpmath.cos),
    "tan": ("unit", mpmath.tan),
    "arcsin": ("unit", mpmath.asin),
    "arccos": ("unit", mpmath.acos),
    "arctan": ("real", mpmath.atan),
    "sinh": ("real", mpmath.sinh),
    "cosh": ("real", mpmath.cosh),
    "tanh": ("real", mpmath.tanh),
    "arcsinh": ("real", mpmath.asinh),
    "arccosh": ("above", mpmath.acosh),
    "arctanh": ("unit", mpmath.atanh),
}
for _name, (_domain, _mp) in _UNARY.items():
    row(_name, Arg((2, 3), _domain), mp=_mp, complex=True, analytic=True)

_REAL: dict[str, tuple[str, Any]] = {
    "cbrt": ("positive", mpmath.cbrt),
    "deg2rad": ("real", lambda x: x * mpmath.pi / 180),
    "rad2deg": ("real", lambda x: x * 180 / mpmath.pi),
    "erf": ("real", mpmath.erf),
    "erfc": ("real", mpmath.erfc),
    "ndtr": ("real", mpmath.ncdf),
    "expit": ("real", lambda x: 1 / (1 + mpmath.exp(-x))),
    "logit": ("open", lambda x: mpmath.log(x / (1 - x))),
    "gammaln": ("positive", mpmath.loggamma),
    "erfinv": ("unit", mpmath.erfinv),
    "ndtri": ("open", lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1)),
}
for _name, (_domain, _mp) in _REAL.items():
    row(_name, Arg((2, 3), _domain), mp=_mp)
for _order in (0, 1, 3):
    row(
        "polygamma", Arg((3,), "positive"), params={"order": _order}, fd=1e-7,
        mp=lambda x, n=_order: mpmath.polygamma(n, x),
    )  # fmt: skip
for _exponent in (0, 1, 2, 3, -2, -1, 0.5, 2.5, -1.5):
    row(
        "raise_to", Arg((2, 3), "positive" if isinstance(_exponent, float) else "off"),
        params={"exponent": _exponent}, complex=True, analytic=True,
        mp=lambda x, n=_exponent: mpmath.mpf(x) ** n, bits=2e-7 if _exponent == 3 else 0.0,
    )  # fmt: skip
row("absolute", Arg((2, 3), "off"), kinks=(((0.0,), (1.0,), 0.0),), mp=abs)
row("absolute", Arg((2, 3), "off"), complex=True, note="complex")

for _name in ("add", "subtract", "multiply", "divide", "power"):
    _domain = "positive" if _name == "power" else "off"
    _facts = {"complex": True, "analytic": True}
    row(_name, Arg((2, 3), _domain), Arg((2, 3), _domain), **_facts)
    row(_name, Arg((2, 3), _domain), Arg((3,), _domain), **_facts, note="broadcast")
    row(_name, Arg((1, 3), _domain), Arg((2, 1), _domain), **_facts, note="both")
    row(_name, Arg((2, 3), _domain), 2.5, **_facts, note="number")
    row(_name, 2.5, Arg((), _domain), **_facts, note="scalar", bits=1e-15)  # NumPy's scalar maths
for _name in ("maximum", "minimum", "fmax", "fmin"):
    row(
        _name, Arg((2, 3)), Arg((3,)),
        kinks=(((2.0, 2.0), (1.0, 0.0), 0.5), ((2.0, 2.0), (0.0, 1.0), 0.5)),
    )  # fmt: skip
for _name in ("logaddexp", "logaddexp2", "hypot", "arctan2"):
    row(_name, Arg((2, 3), "off"), Arg((3,), "off"))
row("xlogy", Arg((2, 3)), Arg((3,), "positive"), kinks=(((0.0, 1.0), (1.0, 1.0), 0.0),))
row("remainder", Arg((2, 3), "between"), 1.0)
row("remainder", 7.3, Arg((3,), "open"), note="divisor")
row("fmod", Arg((2, 3), "between"), 1.0)
row("copysign", Arg((2, 3), "off"), Arg((3,), "off"))
row("heaviside", Arg((2, 3), "off"), Arg((3,), "off"))
for _name in ("sign", "floor", "ceil", "trunc", "signbit", "isnan", "isinf", "isfinite"):
    row(_name, Arg((2, 3), "between"))
row("rint", Arg((2, 3), "rounds"))
row("spacing", Arg((2, 3), "positive"), derivative=False)
row("nextafter", Arg((2, 3)), Arg((3,)), derivative=False)
row("floor_divide", Arg((2, 3), "between"), 1.0)
for _name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"):
    row(_name, Arg((2, 3)), Arg((3,)))
    row(_name, Arg((2, 3), "int"), Arg((3,), "int"), note="int")
for _name in ("logical_and", "logical_or", "logical_xor"):
    row(_name, Arg((2, 3), "bool"), Arg((3,), "bool"))
row("logical_not", Arg((2, 3), "bool"))
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm"):
    row(_name, Arg((2, 3), "int"), Arg((3,), "int"))
for _name in ("left_shift", "right_shift"):
    row(_name, Arg((2, 3), "int"), Arg((3,), "count"))
row("invert", Arg((2, 3), "int"))
row("invert", Arg((2, 3), "bool"), note="bool")
for _name in ("add", "multiply", "divide", "subtract", "floor_divide", "remainder", "power"):
    row(_name, Arg((2, 3), "int"), Arg((3,), "count"), note="int")
row("add", Arg((2, 3), "int"), Arg((3,)), note="mixed")
row("multiply", Arg((2, 3), "bool"), Arg((3,)), note="mask")
row("complex", Arg((2, 3)), Arg((3,)))
for _name in ("real", "imag", "conj"):
    row(_name, Arg((2, 3)), complex=True)
row("select", Arg((2, 3), "bool"), Arg((2, 3)), Arg((3,)), complex=True)
row("select", Arg((2, 3), "bool"), Arg((2, 3)), 0.0, complex=True, note="number")
row("select", Arg((3,), "bool"), Arg(()), Arg((2, 1)), note="broadcast")
row("convert", Arg((2, 3)), params={"dtype": np.dtype(np.float64)})
row("convert", Arg((2, 3)), params={"dtype": np.dtype(np.complex128)}, complex=True)
row("convert", Arg((2, 3), "between"), params={"dtype": np.dtype(np.int64)})
row("convert", Arg((2, 3), "int"), params={"dtype": np.dtype(np.float32)}, note="int")

for _width in (32, 64):
    _words = [Arg((2, 1), "word"), Arg((), "word"), Arg((3,), "words")]
    row("random_bits", *_words, params={"width": _width}, derivative=False)

# -- shaping -------------------------------------------------------------------------------------

_LINEAR = {"complex": True, "analytic": True}
row("reshape", Arg((2, 3)), params={"shape": (3, 2)}, **_LINEAR)
row("reshape", Arg((1, 1)), params={"shape": ()}, **_LINEAR)
row("transpose", Arg((2, 3, 4)), params={"perm": (2, 0, 1)}, **_LINEAR)
row("broadcast_to", Arg((3, 1)), params={"shape": (2, 3, 4)}, **_LINEAR)
row("broadcast_to", Arg(()), params={"shape": (2, 3)}, **_LINEAR)
row("pad", Arg((2, 3)), 0.0, params={"widths": ((1, 0), (0, 2))}, **_LINEAR)
row("pad", Arg((2, 3)), Arg(()), params={"widths": ((1, 2), (0, 1))}, complex=True)
row("concatenate", Arg((2, 3)), Arg((2, 1)), Arg((2, 3)), params={"axis": 1}, **_LINEAR)
row("concatenate", Arg((2,)), Arg((3,), "int"), params={"axis": 0}, note="mixed")
row("flip", Arg((2, 3)), params={"axes": (1,)}, **_LINEAR)
row("flip", Arg((2, 3)), params={"axes": (0, 1)}, **_LINEAR)
row("full", Arg(()), params={"shape": (2, 3), "dtype": np.dtype(np.float64)})
row("eye", params={"n": 3, "dtype": np.dtype(np.float64)})
row("iota", params={"shape": (2, 3), "axis": 1, "dtype": INTP})

# -- indexing ------------------------------------------------------------------------------------

for _items in [((1, None, None), 0), (None, ALL, (None, None, -1)), (-1,), (ALL, (2, 0, -2))]:
    row("index", Arg((3, 4)), params={"items": _items}, **_LINEAR)
row("embed", Arg((2,)), params={"items": ((1, 3, None), -1), "shape": (3, 4)}, **_LINEAR)
row("add_at", Arg((3, 4)), Arg((2, 4)), params={"items": ((1, None, None),)}, complex=True)
row("put", Arg((3, 4)), Arg((4,)), params={"items": ((1, None, None),)}, complex=True)
row("put", Arg((3, 4)), 0.5, params={"items": (0,)}, **_LINEAR, note="number")
row("put", Arg((3, 4)), Arg(()), params={"items": (ALL, 2)}, complex=True, note="scalar")
_PLACES = [
    ("one", ("array",), [Arg((5,), "index3")]),
    ("two", ("array", "array"), [Arg((5,), "index3"), Arg((2, 1), "index4")]),
    ("apart", ("array", ALL, "array"), [Arg((2,), "index3"), Arg((2,), "index5")]),
    ("behind", (ALL, "array"), [Arg((2, 2), "index4")]),
    ("mixed", ((0, 2, None), None, "array", 1), [Arg((3,), "index4")]),
]
for _note, _items, _arrays in _PLACES:
    row("gather", Arg((3, 4, 5)), *_arrays, params={"items": _items}, note=_note, **_LINEAR)
    for _mode in ("set", "add"):
        row(
            "scatter", Arg((3, 4, 5)), 1.5, *_arrays, note=_note + "-number",
            params={"items": _items, "mode": _mode}, complex=True,
        )  # fmt: skip
for _mode in ("set", "add"):
    for _note, _shape, _items, _arrays in [
        ("whole", (5, 4), ("array",), [Arg((5,), "index3")]),
        ("broadcast", (4,), ("array",), [Arg((5,), "index3")]),
        ("pairs", (5,), ("array", "array"), [Arg((5,), "index3"), Arg((5,), "index4")]),
        ("columns", (3, 2), (ALL, "array"), [Arg((2,), "index4")]),
    ]:
        row(
            "scatter", Arg((3, 4)), Arg(_shape), *_arrays, note=_note,
            params={"items": _items, "mode": _mode}, complex=True,
        )  # fmt: skip
for _mode in ("multiply", "minimum", "maximum"):
    row(
        "scatter", Arg((3, 4)), Arg((5, 4)), Arg((5,), "index3"),
        params={"items": ("array",), "mode": _mode},
    )  # fmt: skip
row("searchsorted", Arg((4,), "sorted"), Arg((2, 3)), params={"side": "left"})
row("searchsorted", Arg((4,), "sorted"), Arg(()), params={"side": "right"})
row("take_along", Arg((2, 3)), Arg((2, 4), "index3"), params={"axis": 1}, **_LINEAR)
row("put_along", Arg((4, 3)), Arg((4, 3), "index2"), params={"axis": 0, "shape": (2, 3)})

# -- reductions ----------------------------------------------------------------------------------

for _axes in ((0,), (0, 2), (0, 1, 2), ()):
    row("reduce_sum", Arg((2, 3, 2)), params={"axes": _axes}, **_LINEAR)
    row("reduce_prod", Arg((2, 3, 2), "off"), params={"axes": _axes}, **_LINEAR)
for _name in ("reduce_max", "reduce_min"):
    for _axes in ((1,), (0, 1)):
        row(_name, Arg((2, 3), "distinct"), params={"axes": _axes})
    row(
        _name, Arg((4,), "distinct"), params={"axes": (0,)}, note="ties",
        kinks=((([2.0, 2.0],), ([1.0, 0.0],), 0.5),),
    )  # fmt: skip
for _name in ("reduce_and", "reduce_or"):
    row(_name, Arg((2, 3), "bool"), params={"axes": (1,)})
for _name in ("reduce_sum", "reduce_prod", "reduce_max"):
    row(_name, Arg((2, 3), "int"), params={"axes": (1,)}, note="int")
row("reduce_sum", Arg((2, 3), "bool"), params={"axes": (0,)}, note="bool")
for _axis in (0, 1):
    row("cumsum", Arg((2, 3)), params={"axis": _axis}, **_LINEAR)
    row("cumprod", Arg((2, 3), "off"), params={"axis": _axis}, **_LINEAR)
    for _name in ("cummax", "cummin", "sort"):
        row(_name, Arg((3, 4), "distinct"), params={"axis": _axis})
    for _name in ("argmax", "argmin", "argsort"):
        row(_name, Arg((2, 3), "distinct"), params={"axis": _axis})
row(
    "sort",
    Arg((3,), "distinct"),
    params={"axis": 0},
    kinks=((([1.0, 1.0],), ([2.0, 3.0],), [2.0, 3.0]),),
)

# -- products and linear algebra -----------------------------------------------------------------

_NEAR = {"rtol": 1e-12}
for _note, _x, _y, _dims in [
    ("vectors", (3,), (3,), (((0,), (0,)), ((), ()))),
    ("matrices", (2, 3), (3, 4), (((1,), (0,)), ((), ()))),
    ("matrix-vector", (2, 3), (3,), (((1,), (0,)), ((), ()))),
    ("vector-matrix", (3,), (3, 2), (((0,), (0,)), ((), ()))),
    ("transposed", (3, 2), (4, 3), (((0,), (1,)), ((), ()))),
    ("left", (3, 2), (3, 4), (((0,), (0,)), ((), ()))),
    ("right", (2, 3), (4, 3), (((1,), (1,)), ((), ()))),
    ("batched", (2, 3, 4), (2, 4, 2), (((2,), (1,)), ((0,), (0,)))),
    ("odd", (4, 2, 3, 2), (3, 5, 4, 2), (((2, 0), (0, 2)), ((1,), (3,)))),
    ("outer", (2,), (3,), (((), ()), ((), ()))),
    ("rows", (2, 3), (2, 3), (((1,), (1,)), ((0,), (0,)))),
    ("elementwise", (2, 3), (3, 2, 2), (((), ()), ((0, 1), (1, 0)))),
    ("empty", (2, 0), (0, 3), (((1,), (0,)), ((), ()))),
]:
    row("dot_general", Arg(_x), Arg(_y), params={"dims": _dims}, note=_note, **_LINEAR, **_NEAR)
row(
    "dot_general", Arg((2, 3), "int"), Arg((3,)), note="mixed", **_NEAR,
    params={"dims": (((1,), (0,)), ((), ()))},
)  # fmt: skip
for _lead in ((), (2,)):
    _m = (*_lead, 3, 3)
    row("solve", Arg(_m, "matrix"), Arg((*_lead, 3, 2)), **_LINEAR, **_NEAR, note=str(_lead))
    row("inv", Arg(_m, "matrix"), **_LINEAR, **_NEAR, note=str(_lead))
    row("det", Arg(_m, "matrix"), **_LINEAR, **_NEAR, note=str(_lead))
    row("cofactor", Arg(_m, "matrix"), complex=True, **_NEAR, note=str(_lead))
    row("slogdet", Arg(_m, "matrix"), complex=True, **_NEAR, note=str(_lead))
    row("cholesky", Arg(_m, "spd"), complex=True, **_NEAR, note=str(_lead))
    row("eigh", Arg(_m, "hermitian"), params={"lower": not _lead}, rtol=1e-11)
row("solve", Arg((3, 3), "matrix"), Arg((2, 3, 1)), **_LINEAR, **_NEAR, note="spread")
row("solve", Arg((2, 3, 3), "matrix"), Arg((3, 2)), **_LINEAR, **_NEAR, note="spread-b")
row("det", Arg((3, 3), "singular"), **_NEAR, note="singular")
row("cofactor", Arg((3, 3), "singular"), **_NEAR, note="singular")
row("cofactor", Arg((7, 7), "matrix"), rtol=1e-11, note="large")
for _lower in (True, False):
    for _trans in (True, False):
        _params = {"lower": _lower, "trans": _trans, "unit": _lower is not _trans}
        row(
            "triangular_solve", Arg((3, 3), "matrix"), Arg((3, 2)), params=_params, **_LINEAR,
            **_NEAR,
        )  # fmt: skip
row(
    "triangular_solve", Arg((2, 3, 3), "matrix"), Arg((3, 2)), note="batched", **_LINEAR, **_NEAR,
    params={"lower": True, "trans": False, "unit": False},
)  # fmt: skip

from tests import op_table_linalg as _op_table_linalg  # noqa: E402, F401 - more rows
from tests import op_table_special as _op_table_special  # noqa: E402, F401 - and more
