"""Rows of SciPy's special functions, out of tests/special_cases.py: more of tests/op_table.py."""

from typing import Any

from funcgrad.ops.families import ops
from funcgrad.ops.special.everything import PARTIALS
from tests.op_table import DOMAINS, ROWS, Arg, row
from tests.special_cases import CASES, Range

VALUES = {  # functions without any derivative here: operands alone
    "gammasgn": ((0.3, 0.9),),
    "smirnov": (4, (0.1, 0.9)),
    "smirnovi": (4, (0.1, 0.9)), "obl_rad2": (1, 2, 1.5, (0.3, 0.9)),
    "obl_rad2_cv": (1, 2, 1.5, 4.7, (0.3, 0.9)), "pro_rad2": (1, 2, 1.5, (1.3, 1.9)),
    "pro_rad2_cv": (1, 2, 1.5, 6.5, (1.3, 1.9)),
}  # fmt: skip


def _operand(a: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(a, tuple):
        return a
    return Arg(shape, _domain(a))


def _domain(a: Range) -> str:
    low, high = a
    name = f"{low}..{high}"
    DOMAINS[name] = lambda rng, shape: rng.uniform(low, high, shape)
    return name


NUMERICAL = {
    "betainc", "betaincc", "betaincinv", "betainccinv", "fdtr", "fdtrc", "fdtri", "stdtr",
    "stdtrit", "gammaincc", "gammainccinv", "chdtrc", "chdtri", "gdtr", "gdtrc", "gdtria",
    "gdtrix", "yv", "iv", "jve", "yve", "ive", "kve", "hankel1", "hankel2", "hankel1e", "hankel2e",
    "modstruve", "elliprj", "chndtr", "ncfdtr", "nctdtr",
}  # fmt: skip
"""Slopes by the other arguments are long programs: here the last argument alone varies."""

IMPLICIT = {
    "btdtria", "btdtrib", "fdtridfd", "bdtrik", "bdtrin", "nbdtrik", "nbdtrin", "stdtridf",
    "pdtrik", "chdtriv", "gdtrib", "chndtrix", "chndtridf", "chndtrinc", "ncfdtri", "ncfdtridfn",
    "ncfdtridfd", "ncfdtrinc", "nctdtrit", "nctdtridf", "nctdtrinc",
}  # fmt: skip
"""Every slope of these is one: tests/scipy/test_special.py has them, here are the values."""


def _operands(args: tuple[Any, ...], name: str = "") -> list[Any]:
    """The first one an array, the others numbers that vary."""
    places = [k for k, a in enumerate(args) if isinstance(a, tuple)]
    if name in NUMERICAL:
        args = tuple(sum(a) / 2 if k in places[:-1] else a for k, a in enumerate(args))
        places = places[-1:]
    first = places[0]
    return [_operand(a, (2,) if k == first else ()) for k, a in enumerate(args)]


ENDLESS = {"pro_cv", "obl_cv"} | {
    f"{kind}_{name}" for kind in ("pro", "obl") for name in ("ang1", "rad1", "rad2")
}
"""pro_ang1, pro_rad1, obl_ang1, obl_rad1 and others: in float32 SciPy's own loop may not end."""
_HAVE = {r.prim for r in ROWS} | ENDLESS
for _case in CASES:
    if _case.name in PARTIALS and _case.name not in _HAVE and _case.name not in VALUES:
        for _part in range(_case.results):
            row(
                _case.name, *_operands(_case.args, _case.name), note=_case.note,
                rtol=1e-11, fd=_case.fd,
                params={"part": _part} if _case.results > 1 else {},
                derivative=_case.name not in IMPLICIT,
            )  # fmt: skip
for _name, _args in [(n, a) for n, a in VALUES.items() if n not in ENDLESS]:
    for _part in (0, 1) if "rad2" in _name else (0,):
        row(
            _name, *_operands(_args), derivative=_name == "gammasgn", rtol=1e-11,
            params={"part": _part} if "rad2" in _name else {},
        )  # fmt: skip
for _name in ("jn", "yn", "in", "kn"):
    row(f"spherical_{_name}", 2, Arg((2,), "positive"), rtol=1e-11, fd=1e-6)
    row(f"spherical_{_name}", Arg((2, 1), "count"), Arg((3,), "positive"), rtol=1e-11, fd=1e-5,
        note="degrees")  # fmt: skip
row("zeta", Arg((2,), _domain((1.4, 6.0))), Arg((), "positive"), rtol=1e-11, fd=1e-6)
row("lambertw", Arg((2,), "positive"), params={"k": 0, "tol": 1e-8}, complex=True, rtol=1e-11)

_VONMISES = {"law": "vonmises", "method": "cdf"}
row("vonmises_cdf", Arg((2,), _domain((-2.0, 5.0))), Arg((), _domain((0.4, 4.0))), rtol=1e-11,
    params=_VONMISES)  # fmt: skip
for _law, _method in (("vonmises", "ppf"), ("skewnorm", "ppf"), ("skewnorm", "isf")):
    row("inverse_cdf", Arg((2,), _domain((0.2, 0.9))), Arg((), _domain((0.4, 4.0))), rtol=1e-11,
        params={"law": _law, "method": _method}, fd=1e-6, note=f"{_law} {_method}")  # fmt: skip
row("steps", Arg((2,), _domain((0.2, 0.9))), Arg((), _domain((0.4, 4.0))), rtol=1e-11,
    params={"law": "poisson", "method": "ppf"}, note="poisson")  # fmt: skip
row("steps", Arg((2,), _domain((0.2, 0.9))), 7.0, Arg((), _domain((0.2, 0.9))), rtol=1e-11,
    params={"law": "binom", "method": "isf"}, note="binom")  # fmt: skip

SPECIAL = frozenset(PARTIALS) - ENDLESS | {
    "vonmises_cdf", "inverse_cdf", "steps",
    "lambertw", "zeta", "spherical_jn", "spherical_yn", "spherical_in", "spherical_kn",
}  # fmt: skip
"""Primitives that SciPy computes: no other backend has a form of its own for them."""
assert all(hasattr(ops, name) for name in SPECIAL)

COMPLEX = frozenset({
    "wofz", "modfresnelp", "modfresnelm", "hankel1", "hankel2", "hankel1e", "hankel2e", "kelvin",
    "lambertw",
})  # fmt: skip
"""Those with complex values."""
