"""The functions of funcgrad.backends.llvm.maths against mpmath, NumPy and SciPy."""

from __future__ import annotations

import itertools
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
import scipy.special
from mpmath import mpf

from funcgrad.backends.llvm import maths
from funcgrad.backends.llvm.ir import Module, vector
from funcgrad.backends.llvm.machine import Machine, available, machine
from tests.backends.llvm.accuracy import compiled, ulps
from tests.backends.llvm.points import CASES, exact, points

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))

# The largest error that is allowed, in units in the last place. For logaddexp and logaddexp2 that
# of the larger operand counts, for digamma that of 0.01, if these are larger than the result's.
BOUNDS = dict.fromkeys(CASES, 2.0) | {"power": 4.0, "gammaln": 4.0, "digamma": 4.0}
BOUNDS |= {"erfinv": 3.0, "ndtri": 4.0}
BOTH = [np.float64, np.float32]
WIDTHS = [1, 3, 4, 16]
names = pytest.mark.parametrize("name", sorted(CASES))
dtypes = pytest.mark.parametrize("dtype", BOTH, ids=["float64", "float32"])


class Haswell(Machine):
    """This machine as if it had AVX2 and nothing later."""

    def _target(self, level: int) -> Any:
        self.cpu, self.features, self.vector_bits = "haswell", "", 256
        return super()._target(level)


@cache
def haswell() -> Haswell:
    return Haswell()


@cache
def function(name: str, dtype: Any, n: int = 8) -> Any:
    return compiled(name, dtype, n, CASES[name].operands, machine())


def bits(x: np.ndarray) -> np.ndarray:
    """As integers, all NaNs alike."""
    return np.where(np.isnan(x), np.nan, x).astype(x.dtype).view(f"u{x.itemsize}")


def worst(name: str, dtype: Any, count: int, seed: int = 0) -> tuple[float, tuple[float, ...]]:
    """The largest error over random points, and where it is."""
    xs, case = points(name, dtype, count, seed), CASES[name]
    got = function(name, dtype)(*xs)
    out = (-1.0, ())
    for y, *at in zip(got.tolist(), *[x.tolist() for x in xs]):
        scale = case.scale(*map(mpf, at))
        out = max(out, (ulps(y, exact(name, at), np.dtype(dtype), scale), tuple(at)))
    return out


def test_every_function_has_its_bound():
    assert set(CASES) == maths.KNOWN
    assert maths.ULPS == BOUNDS


@names
@dtypes
def test_errors(name, dtype):
    error, at = worst(name, dtype, 1500)
    assert error <= BOUNDS[name], at


@pytest.mark.slow
@names
@dtypes
def test_errors_at_many_points(name, dtype):
    error, at = worst(name, dtype, 40_000, seed=1)
    print(f"{name} {np.dtype(dtype)}: {error:.3f} at {at}")
    assert error <= BOUNDS[name], at


# -- every width and processor gives the same bits -----------------------------------------------


@names
@dtypes
def test_one_other_width(name, dtype):
    n = WIDTHS[sorted(CASES).index(name) % len(WIDTHS)]
    xs = points(name, dtype, 300, seed=2)
    np.testing.assert_array_equal(
        bits(function(name, dtype, n)(*xs)), bits(function(name, dtype)(*xs))
    )


@pytest.mark.slow
@names
@dtypes
@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 16, 32])
def test_every_width(name, dtype, n):
    xs = points(name, dtype, 3000, seed=3)
    np.testing.assert_array_equal(
        bits(function(name, dtype, n)(*xs)), bits(function(name, dtype)(*xs))
    )


@names
@dtypes
def test_without_avx512(name, dtype):
    if not machine().triple.startswith("x86_64"):
        pytest.skip("AVX2 is a part of x86-64 processors")
    xs = points(name, dtype, 1000, seed=4)
    got = compiled(name, dtype, 4, CASES[name].operands, haswell())(*xs)
    np.testing.assert_array_equal(bits(got), bits(function(name, dtype)(*xs)))


# -- special values --------------------------------------------------------------------------------

REFERENCES = {
    "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    # SciPy's for float32 has no subnormal results
    "expit": lambda x: scipy.special.expit(x.astype("f8")).astype(x.dtype),
}


def reference(name: str) -> Any:
    return REFERENCES.get(name) or getattr(np, name, None) or getattr(scipy.special, name)


def special(dtype: Any) -> np.ndarray:
    info = np.finfo(dtype)
    some = [0, info.smallest_subnormal, info.tiny, 1e-10, 0.3, 0.5, 1, 1.5, 2, 3, 4, 101, 1e10,
            2.0**53, 2.0**53 + 2, info.max, np.inf, np.nan]  # fmt: skip
    with np.errstate(all="ignore"):
        return np.array([*some, *[-x for x in some]]).astype(dtype)


@names
@dtypes
def test_special_values_are_numpys(name, dtype):
    some = special(dtype)
    pairs = list(itertools.product(*[some] * CASES[name].operands))
    xs = [np.array(x, dtype) for x in zip(*pairs)]
    with np.errstate(all="ignore"):
        expected = reference(name)(*xs)
    assert_alike(name, function(name, dtype)(*xs), expected, xs)


def assert_alike(name: str, got: np.ndarray, expected: np.ndarray, xs: list[np.ndarray]) -> None:
    """NaN, infinities and signed zeros the same; other values near."""
    info = np.finfo(got.dtype)
    with np.errstate(all="ignore"):
        near = np.abs(got - expected) <= 16 * (
            info.eps * np.abs(expected) + info.smallest_subnormal
        )
        edge = (np.abs(expected) > 0.999 * info.max) & (np.abs(got) > 0.999 * info.max)
        zero = (expected == 0) & (got == 0) & (np.signbit(got) == np.signbit(expected))
    same = (np.isnan(got) & np.isnan(expected)) | (got == expected) & (expected != 0) | zero
    good = same | (near & (got != 0) & (expected != 0)) | (edge & np.isfinite(expected))
    wrong = [(*(float(x[i]) for x in xs), got[i], expected[i]) for i in np.flatnonzero(~good)]
    assert not wrong, f"{name}: operands, result and what it should be: {wrong[:8]}"


@dtypes
def test_power_with_large_exponents(dtype):
    """Results over the whole range, from bases close to 1 and far from it, of both signs."""
    rng = np.random.default_rng(6)
    log = rng.choice([-1, 1], 900) * 10.0 ** rng.uniform(-7, 2, 900)
    x = np.exp(np.clip(log, -80, 80)).astype(dtype)
    with np.errstate(all="ignore"):
        y = rng.uniform(-750, 720, 900) / np.log(x.astype("f8"))
    y = np.nan_to_num(np.where(rng.random(900) < 0.3, np.round(y), y)).astype(dtype)
    x = np.where((y == np.round(y)) & (rng.random(900) < 0.5), -x, x)
    got = function("power", dtype)(x, y)
    values = [exact("power", at) for at in zip(x.tolist(), y.tolist())]
    errors = [ulps(g, v, x.dtype) for g, v in zip(got.tolist(), values)]
    assert max(errors) <= BOUNDS["power"], (x[np.argmax(errors)], y[np.argmax(errors)])


def test_reflection_below_zero():
    """Relative to 3 at least: no formula in use keeps relative errors near the zeros there."""
    rng = np.random.default_rng(5)
    x = np.concatenate([-rng.uniform(0, 12, 300), -(10.0 ** rng.uniform(-300, 2, 100))])
    for name in ("gammaln", "digamma"):
        f = CASES[name].exact
        real = [f(mpf(v)) for v in x.tolist()]
        errors = [
            ulps(y, getattr(r, "real", r), x.dtype, 3)
            for y, r in zip(function(name, "f8")(x), real)
        ]
        assert max(errors) <= 8, x[int(np.argmax(errors))]


# -- code for other processors ---------------------------------------------------------------------


def library() -> str:
    """A module with all functions."""
    module = Module()
    for name, case in CASES.items():
        for type in ("double", "float", vector("double", 4), vector("float", 8)):
            f = module.function(f"use_{name}_{type.strip('<>').replace(' ', '')}", "void",
                                ["ptr"] * (case.operands + 1), linkage="")  # fmt: skip
            f.store(maths.call(f, name, *[f.load(type, p, 4) for p in f.args[1:]]), f.args[0], 4)
            f.ret()
    return module.text()


@pytest.mark.parametrize(
    "triple, cpu",
    [("x86_64-unknown-linux-gnu", "haswell"), ("aarch64-unknown-linux-gnu", "generic")],
)
def test_no_library_is_called(triple, cpu):
    import llvmlite.binding as llvm

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    target = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, opt=1, codemodel="small"
    )
    module = llvm.parse_assembly(library())
    module.triple = triple
    text = target.emit_assembly(module)
    called = set(re.findall(r"\b(?:callq?|bl|jmp|b)\s+([A-Za-z_]\w*)(?:@PLT)?$", text, re.M))
    assert called
    assert all(name.startswith("fg_") for name in called), called
