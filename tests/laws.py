"""The laws as functions: each takes a program and operands, and asserts one truth about them."""

import itertools
from typing import Any

import numpy as np

from funcgrad.backends.program import Program
from funcgrad.ir.avals import aval_of
from funcgrad.ir.check import check_jaxpr
from funcgrad.ir.jaxpr import Jaxpr, Literal
from funcgrad.trace.build import Builder
from funcgrad.transforms.batch import batch_jaxpr
from funcgrad.transforms.jvp import jvp_jaxpr
from funcgrad.transforms.linearize import vjp_jaxpr
from funcgrad.transforms.tracing import trace

STEP = 5e-4


def build(f: Any, args: list[Any]) -> Jaxpr:
    """The program of f over operands like these."""
    with Builder() as b:
        xs = b.inputs([aval_of(x).strong() for x in args])
        outs = f(*xs)
        found = b.jaxpr(xs, outs if isinstance(outs, tuple) else (outs,))
    check_jaxpr(found)
    return found


def captured(f: Any, args: list[Any]) -> tuple[Jaxpr, list[Any]]:
    """The program of a user's function, and its operands: arrays that it uses are among them."""
    found = trace({}, list(args), lambda xs: f(*xs))
    check_jaxpr(found.jaxpr())
    return found.jaxpr(), list(found.trace.inputs)


# -- running -------------------------------------------------------------------------------------


def evaluate(jaxpr: Jaxpr, values: list[Any]) -> list[Any]:
    """The reference: every equation's value rule, in order, nothing else."""
    env = dict(zip(jaxpr.invars, values, strict=True))

    def read(v: Any) -> Any:
        return v.value if v.__class__ is Literal else env[v]

    with np.errstate(all="ignore"):
        for eqn in jaxpr.eqns:
            outs = eqn.prim.value(np, *[read(v) for v in eqn.invars], **eqn.params)
            outs = outs if eqn.prim.multiple else (outs,)
            env.update(zip(eqn.outvars, outs, strict=True))
    return [read(v) for v in jaxpr.outvars]


def run(jaxpr: Jaxpr, values: list[Any], rtol: float = 1e-14) -> list[Any]:
    """The generated program on read-only operands; it agrees with the reference."""
    check_jaxpr(jaxpr)
    program = Program(jaxpr, np)
    check_jaxpr(program.jaxpr)
    before = [np.array(v) for v in values]
    with np.errstate(all="ignore"):
        outs = program.call(*[frozen(v) for v in values])
    for v, kept in zip(values, before, strict=True):
        np.testing.assert_array_equal(v, kept)
    typed(jaxpr, outs)
    for found, wanted in zip(outs, evaluate(jaxpr, values), strict=True):
        close(found, wanted, rtol, program.source)
    return list(outs)


def frozen(x: Any) -> Any:
    """The same numbers in an array that cannot be written to."""
    if isinstance(x, np.ndarray):
        x = x.copy()
        x.flags.writeable = False
    return x


def typed(jaxpr: Jaxpr, outs: Any) -> None:
    """Results have the shapes and dtypes that the type rules promised."""
    for v, x in zip(jaxpr.outvars, outs, strict=True):
        assert np.shape(x) == v.aval.shape, (np.shape(x), v)
        if not v.aval.weak:
            assert np.asarray(x).dtype == v.aval.dtype, (np.asarray(x).dtype, v)


def close(found: Any, wanted: Any, rtol: float, message: str = "") -> None:
    """Equal but for rounding, which is judged by the largest number of the result."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape, f"{found.shape} for {wanted.shape}\n{message}"
    if not wanted.size or np.array_equal(found, wanted, equal_nan=wanted.dtype.kind in "fc"):
        return
    if wanted.dtype.kind in "fc":
        eps = np.finfo(wanted.dtype).eps / np.finfo(np.float64).eps
        size = np.abs(wanted[np.isfinite(wanted)])
        atol = rtol * min(eps, 1e9) * (size.max() if size.size else 1.0)
    else:
        atol = 0.0
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol, err_msg=message)


# -- tangents ------------------------------------------------------------------------------------


def inexact(values: list[Any]) -> tuple[bool, ...]:
    return tuple(np.asarray(v).dtype.kind in "fc" for v in values)


def tangent(x: Any, rng: np.random.Generator) -> Any:
    """A direction of the same shape and dtype, no entry larger than one."""
    x = np.asarray(x)
    t = rng.uniform(-1, 1, x.shape)
    if x.dtype.kind == "c":
        t = t + 1j * rng.uniform(-1, 1, x.shape)
    return np.asarray(t, x.dtype)[()]


def choices(values: list[Any]) -> list[tuple[bool, ...]]:
    """All operands active, and each one alone."""
    on = inexact(values)
    count = sum(on)
    alone = [tuple(i == k for i in range(len(on))) for k, each in enumerate(on) if each]
    return ([on] if count > 1 else []) + alone


def along(jaxpr: Jaxpr, values: list[Any], steps: list[Any], h: Any) -> list[Any]:
    moved = [v if t is None else v + h * t for v, t in zip(values, steps, strict=True)]
    return evaluate(jaxpr, moved)


def difference(jaxpr: Jaxpr, values: list[Any], steps: list[Any], h: float = STEP) -> list[Any]:
    """Directional derivatives by five-point central differences."""
    far = [along(jaxpr, values, steps, k * h) for k in (-2, -1, 1, 2)]
    return [
        (a - 8 * b + 8 * c - d) / (12 * h) if np.asarray(a).dtype.kind in "fc" else None
        for a, b, c, d in zip(*far)
    ]


def difference_off_kinks(jaxpr: Jaxpr, values: list[Any], steps: list[Any]) -> list[Any]:
    """The same, and NaN where two step widths disagree: a kink is near, and there is no limit."""
    wide, narrow = (difference(jaxpr, values, steps, h) for h in (STEP, STEP / 8))
    return [
        None if a is None else np.where(np.abs(a - b) <= 1e-7 * (1 + np.abs(b)), b, np.nan)
        for a, b in zip(wide, narrow)
    ]


def complex_step(jaxpr: Jaxpr, values: list[Any], steps: list[Any]) -> list[Any]:
    """Directional derivatives of analytic programs to full precision."""
    return [np.imag(z) * 1e30 for z in along(jaxpr, values, steps, 1e-30j)]


# -- law 2: the jvp is the derivative ------------------------------------------------------------


def jvp_is_derivative(
    jaxpr: Jaxpr, args: list[Any], rng: Any, order: int = 2, fd: float = 1e-8,
    analytic: bool = False, rtol: float = 1e-14, only: Any = None,
    quotient: Any = difference,
) -> None:  # fmt: skip
    """First, and by the same law applied to the jvp itself, higher derivatives."""
    for active in choices(args) if only is None else [only]:
        derived, flags = jvp_jaxpr(jaxpr, active)
        steps = [tangent(x, rng) if on else None for x, on in zip(args, active)]
        given = [*args, *(t for t in steps if t is not None)]
        outs = run(derived, given, rtol)
        tangents = iter(outs[len(flags) :])
        real = analytic and not any(np.iscomplexobj(x) for x in args)
        wanted = (complex_step if real else quotient)(jaxpr, args, steps)
        for on, slope, v, z in zip(flags, wanted, jaxpr.outvars, outs):
            if slope is not None and v.aval.dtype.kind in "fc":
                noise = 0.0 if real else 2e-11 * np.abs(z).max(initial=0.0)
                _slope_agrees(next(tangents) if on else None, slope, 1e-12 if real else fd, noise)
        if order > 1:
            every = inexact(given)
            jvp_is_derivative(derived, given, rng, order - 1, fd, False, rtol, every, quotient)


def _slope_agrees(found: Any, wanted: Any, rtol: float, noise: float) -> None:
    wanted = np.asarray(wanted)
    found = np.zeros_like(wanted) if found is None else found
    found = np.where(np.isnan(wanted), wanted, found)
    size = max(1e-3, np.abs(wanted[~np.isnan(wanted)]).max(initial=0.0))
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=rtol * size + noise)


# -- law 3: the transpose is the adjoint ---------------------------------------------------------


def pairing(xs: Any, ys: Any) -> tuple[float, float]:
    """The real part of the pairing (without conjugation), and the size of its terms."""
    terms = [np.real(np.asarray(x) * np.asarray(y)) for x, y in zip(xs, ys, strict=True)]
    return sum(float(np.sum(t)) for t in terms), sum(float(np.sum(np.abs(t))) for t in terms)


def transpose_is_adjoint(jaxpr: Jaxpr, args: list[Any], rng: Any, rtol: float = 1e-14) -> None:
    for active in choices(args):
        forward, flags = jvp_jaxpr(jaxpr, active)
        steps = [tangent(x, rng) for x, on in zip(args, active) if on]
        outs = evaluate(forward, [*args, *steps])
        seeded = tuple(v.aval.dtype.kind in "fc" for v in jaxpr.outvars)
        cts = [tangent(x, rng) for x, on in zip(outs, seeded) if on]
        tangents = iter(outs[len(flags) :])
        moved = [next(tangents) if on else None for on in flags]
        pairs = [
            (m, c) for m, c in zip([m for m, s in zip(moved, seeded) if s], cts) if m is not None
        ]
        backward = vjp_jaxpr(jaxpr, active, seeded)
        found = run(backward, [*args, *cts], rtol)[len(flags) :]
        left, left_size = pairing(*zip(*pairs)) if pairs else (0.0, 0.0)
        right, right_size = pairing(found, steps)
        assert abs(left - right) <= 1e-12 * max(left_size, right_size, 1e-3), (active, left, right)


def gradient_is_differentiable(
    jaxpr: Jaxpr, args: list[Any], rng: Any, fd: float = 1e-8, rtol: float = 1e-14,
    quotient: Any = difference,
) -> None:  # fmt: skip
    """Forward over reverse: the backward program obeys the law of the jvp."""
    active = inexact(args)
    seeded = tuple(v.aval.dtype.kind in "fc" for v in jaxpr.outvars)
    if not any(active) or not any(seeded):
        return
    backward = vjp_jaxpr(jaxpr, active, seeded)
    cts = [tangent(np.zeros(v.aval.shape, v.aval.dtype), rng)
           for v, on in zip(jaxpr.outvars, seeded) if on]  # fmt: skip
    given = [*args, *cts]
    jvp_is_derivative(backward, given, rng, 1, fd, False, rtol, inexact(given), quotient)


# -- law 4: the batch is the loop ----------------------------------------------------------------


def batch_is_loop(
    jaxpr: Jaxpr, sample: Any, count: int, sizes: Any = (0, 1, 4), rtol: float = 1e-14,
    fixed: int = 0,
) -> None:  # fmt: skip
    """``sample()`` draws operands; each batched operand takes one draw per example.

    The last ``fixed`` operands are never batched.
    """
    for size, flags in itertools.product(sizes, itertools.product([False, True], repeat=count)):
        if any(flags):
            draws = [sample() for _ in range(max(size, 1))]
            _batch_agrees(jaxpr, draws, size, flags + (False,) * fixed, rtol)


def _batch_agrees(jaxpr: Jaxpr, draws: Any, size: int, flags: Any, rtol: float) -> None:
    batched, on = batch_jaxpr(jaxpr, size, flags, force=True)
    assert all(on)
    columns = list(zip(*draws))
    given = [np.stack(c)[:size] if b else c[0] for c, b in zip(columns, flags)]
    outs = run(batched, given, rtol)
    if not size:
        assert all(np.shape(x) == (0, *v.aval.shape) for x, v in zip(outs, jaxpr.outvars))
        return
    rows = [
        evaluate(jaxpr, [c[i] if b else c[0] for c, b in zip(columns, flags)]) for i in range(size)
    ]
    for found, wanted, v in zip(outs, zip(*rows), jaxpr.outvars, strict=True):
        assert np.asarray(found).dtype == v.aval.dtype
        close(found, np.stack([np.asarray(w) for w in wanted]), rtol, f"{size} {flags}")


# -- conventions ---------------------------------------------------------------------------------


def convention_holds(f: Any, primals: Any, steps: Any, wanted: Any) -> None:
    """At a kink the jvp is what the convention says, and so is its transpose."""
    primals, steps = ([np.asarray(v, float)[()] for v in given] for given in (primals, steps))
    wanted = np.asarray(wanted, float)
    active = (True,) * len(primals)
    jaxpr = build(f, primals)
    derived, _ = jvp_jaxpr(jaxpr, active)
    np.testing.assert_array_equal(run(derived, [*primals, *steps])[-1], wanted)
    backward = vjp_jaxpr(jaxpr, active, (True,))
    cts = run(backward, [*primals, np.ones_like(wanted)])[1:]
    assert pairing(cts, steps)[0] == np.sum(wanted)
