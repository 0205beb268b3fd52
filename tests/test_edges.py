"""The laws at the edges: infinities, NaN, signed zeros, empty arrays, masked singular points."""

import numpy as np
import pytest

from funcgrad import grad
from funcgrad.ops.families import ops
from tests import laws
from tests.op_table import ROWS, Arg, build, prepared

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324])


def floats(row):
    """Rows of elementwise operations on floats alone."""
    plain = all(a.fixed is None for a in row.operands)
    return plain and row.operands and row.f is None and row.prim in ELEMENTWISE


ELEMENTWISE = {
    row.prim for row in ROWS if getattr(getattr(ops, row.prim), "family", "") == "elementwise"
}


def same_bits(found, wanted, source):
    found, wanted = np.asarray(found), np.asarray(wanted)
    np.testing.assert_array_equal(found, wanted, err_msg=source)
    if wanted.dtype.kind == "f":
        real = ~np.isnan(wanted)
        np.testing.assert_array_equal(
            np.signbit(found)[real], np.signbit(wanted)[real], err_msg=source
        )


def numbered(row, *xs):
    it = iter(xs)
    return row.apply(*[next(it) if isinstance(a, Arg) else a for a in row.args])


@pytest.mark.parametrize("row", [r for r in ROWS if floats(r)], ids=lambda r: r.name)
def test_special_values_go_through_unchanged(row):
    """Simplification and generated source keep IEEE meaning, the sign of zeros included."""
    grid = np.meshgrid(*[SPECIAL] * len(row.operands))
    args = [g.ravel() for g in grid]
    jaxpr = build(lambda *xs: numbered(row, *xs), args)
    programs = [jaxpr]
    if row.derivative:
        active = (True,) * len(args)
        programs.append(laws.jvp_jaxpr(jaxpr, active)[0])
        if jaxpr.outvars[0].aval.dtype.kind == "f":
            programs.append(laws.vjp_jaxpr(jaxpr, active, (True,)))
    for derived in programs:
        given = [*args, *[np.ones_like(args[0])] * (len(derived.invars) - len(args))]
        program = laws.Program(derived, np)
        with np.errstate(all="ignore"):
            found = program.call(*given)
        for x, y in zip(found, laws.evaluate(derived, given), strict=True):
            same_bits(x, y, program.source)


@pytest.mark.parametrize("row", [r for r in ROWS if floats(r)], ids=lambda r: r.name)
def test_empty_operands(row):
    empty = [np.ones((0, 3)) for _ in row.operands]
    jaxpr = build(lambda *xs: numbered(row, *xs), empty)
    assert laws.run(jaxpr, empty)[0].shape == (0, 3)
    if row.derivative:
        derived, _ = laws.jvp_jaxpr(jaxpr, (True,) * len(empty))
        laws.run(derived, empty * 2)
        if jaxpr.outvars[0].aval.dtype.kind == "f":
            backward = laws.vjp_jaxpr(jaxpr, (True,) * len(empty), (True,))
            assert laws.run(backward, [*empty, empty[0]])[-1].shape == (0, 3)


MASK = np.array([False, True])
SHAPED = {
    "broadcast": lambda x: np.where(MASK[:, None], np.sqrt(x)[:, None] * np.ones(3), 0.0),
    "behind a sum": lambda x: np.where(MASK, np.sum(np.sqrt(x)[:, None] * np.ones(3), axis=1), 0.0),
    "other branch": lambda x: np.where(x == 0.0, x, np.log(x)),
    "two masks": lambda x: np.where(MASK, np.sqrt(x), 0.0) + np.where(x > 0, np.sqrt(x), x),
    "one root": lambda x: shared(np.sqrt(x)),
    "reshaped": lambda x: np.where(MASK.reshape(2, 1), np.sqrt(x).reshape(2, 1), 0.0),
    "reversed": lambda x: np.where(MASK[::-1], np.sqrt(x)[::-1], 0.0),
    "joined": lambda x: np.where([*MASK, *MASK], np.concatenate([np.sqrt(x), np.log(x)]), 0.0),
    "running": lambda x: np.where(MASK[::-1], np.cumsum(np.sqrt(x[::-1])), 0.0),
    "gathered": lambda x: np.where([True, False, True], np.sqrt(x)[[1, 0, 1]], 0.0),
    "nested": lambda x: np.where(MASK, np.where(x >= 0, 1 / x, np.sqrt(x)), 1.0),
    "powers": lambda x: np.where(MASK, x**-0.5 + np.power(x, -x), 1.0),
    "tan": lambda x: np.where(MASK, np.sqrt(np.sin(x) * x), x),
}


def shared(root):
    return np.where(MASK, root * 2.0, 0.0) + np.where(MASK, 1.0 / root, 1.0)


@pytest.mark.parametrize("name", SHAPED)
def test_masks_follow_shapes(name):
    """A mask finds its lanes through reshapes, sums, slices and joins on the way back."""
    f = SHAPED[name]
    x = np.array([0.0, 2.0])
    slope = grad(lambda x: np.sum(f(x)))(x)
    step = 1e-5 * np.array([0.0, 1.0])
    with np.errstate(all="ignore"):
        wanted = (np.sum(f(x + step)) - np.sum(f(x - step))) / 2e-5
    assert slope[0] in (0.0, 1.0) and slope[1] == pytest.approx(wanted, rel=1e-7)


SINGULAR = {
    "sqrt": 0.0, "cbrt": 0.0, "log": 0.0, "log2": 0.0, "log10": 0.0, "log1p": -1.0,
    "reciprocal": 0.0, "arcsin": 1.0, "arccos": -1.0, "arccosh": 1.0, "arctanh": 1.0,
    "logit": 0.0, "gammaln": 0.0,
}  # fmt: skip

CHAINS = {
    "alone": lambda f, x: f(x),
    "negative": lambda f, x: ops.negative(f(x)),
    "scaled": lambda f, x: ops.multiply(3.0, f(x)),
    "product": lambda f, x: ops.multiply(f(x), f(x)),
    "deep": lambda f, x: ops.sin(f(ops.multiply(x, 1.0))),
    "quotient": lambda f, x: ops.divide(f(x), 2.0),
    "summed": lambda f, x: ops.add(f(x), x),
    "entropy": lambda f, x: ops.multiply(x, f(x)),
    "ratio": lambda f, x: ops.divide(f(x), ops.add(1.0, ops.multiply(x, x))),
    "power": lambda f, x: ops.raise_to(f(x), exponent=3),
    "square": lambda f, x: ops.raise_to(f(x), exponent=2),
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("name", SINGULAR)
def test_masked_lanes_do_not_poison(name, chain):
    """where(mask, f(x), 0) has slope 0 where the mask is off, however steep f is there."""
    x = np.array([SINGULAR[name], 1.2 if name == "arccosh" else 0.6])
    mask = np.array([False, True])

    def f(x, mask):
        inner = CHAINS[chain](getattr(ops, name), x)
        return ops.select(mask, inner, 0.0)

    jaxpr = build(f, [x, mask])
    forward, _ = laws.jvp_jaxpr(jaxpr, (True, False))
    slopes = laws.run(forward, [x, mask, np.ones(2)])[-1]
    backward = laws.vjp_jaxpr(jaxpr, (True, False), (True,))
    cts = laws.run(backward, [x, mask, np.ones(2)])[-1]
    if (name, chain) == ("reciprocal", "entropy"):
        return  # x / x: a constant, whatever the mask
    assert slopes[0] == 0 and np.isfinite(slopes[1]) and slopes[1] != 0
    np.testing.assert_allclose(cts, slopes, rtol=1e-14)


@pytest.mark.parametrize(
    "row", [r for r in ROWS if r.derivative and r.operands and not r.params.get("mode")],
    ids=lambda r: r.name,
)  # fmt: skip
def test_reverse_over_reverse(row):
    """The transpose of the gradient program is its adjoint as well."""
    jaxpr, args, _, rng = prepared(row, np.float64)
    active = laws.inexact(args)
    seeded = tuple(v.aval.dtype.kind in "fc" for v in jaxpr.outvars)
    if not any(active) or not any(seeded):
        pytest.skip("nothing to differentiate")
    backward = laws.vjp_jaxpr(jaxpr, active, seeded)
    cts = [
        laws.tangent(np.zeros(v.aval.shape, v.aval.dtype), rng)
        for v, on in zip(jaxpr.outvars, seeded)
        if on
    ]
    laws.transpose_is_adjoint(backward, [*args, *cts], rng, row.rtol)
