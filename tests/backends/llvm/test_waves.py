"""Several steps of a scan together give the same bits as one after the other."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import funcgrad as fg
from funcgrad.backends.llvm import loops, waves
from tests.backends.llvm.natively import natively, needed

pytestmark = needed
RNG = np.random.default_rng(7)
SMALL = {"_WORTH": 1, "_BLOCK": 1, "_NEAR": 1 << 30, "_FEWEST": 2, "_WIDE": 2}


@contextmanager
def together(**sizes):
    """Small arrays go together as large ones do; yields the plans that were made."""
    made = []

    def planned(*args):
        made.append(waves.planned(*args))
        return made[-1]

    with mock.patch.multiple(waves, **(SMALL | sizes)), mock.patch.object(
        loops, "planned", planned
    ):  # fmt: skip
        yield made


def bits(values):
    return [np.asarray(x).tobytes() for x in values]


def check(f, *xs, **sizes):
    """Compare; return how many of the scans went together."""
    closed = fg.make_jaxpr(f)(*xs)
    jaxpr, values = closed.jaxpr, [*xs, *closed.consts]
    with mock.patch.object(loops, "planned", lambda *args: None):
        status, wanted = natively(jaxpr, values)
    assert status == 0
    with together(**sizes) as made:
        status, found = natively(jaxpr, values)
    assert status == 0
    assert bits(found) == bits(wanted)
    out = f(*xs)
    reference = out[0] if isinstance(out, tuple) else out
    np.testing.assert_allclose(found[0], reference, rtol=1e-10, atol=1e-10)
    return sum(plan is not None for plan in made)


def shifted(u, rows, columns):
    """What lies so many rows and columns further, zeros beyond the edge."""
    r, c = abs(rows), abs(columns)
    p = np.pad(u, ((r, r), (c, c)), "constant")
    n, m = u.shape
    return p[r + rows : r + rows + n, c + columns : c + columns + m]


def laplacian(u):
    near = ((0, 1), (0, -1), (1, 0), (-1, 0))
    return sum((shifted(u, *by) for by in near), -4.0 * u)


def heat(u, k):
    return fg.scan(lambda u, _: (u + k * laplacian(u), None), u, length=23)[0]


def reaction(u, k):
    return fg.scan(lambda u, _: (u + k * laplacian(u) + u * (1 - u) * 0.1, u), u, length=14)


def wave(u, k):
    def step(state, _):
        u, v = state
        v = v + k * laplacian(u)
        return (u + 0.1 * v, v), None

    return fg.scan(step, (u, np.zeros_like(u)), length=17)[0]


def inside(u, k):
    def step(u, _):
        new = u.copy()
        near = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        new[1:-1, 1:-1] = u[1:-1, 1:-1] + k[1:-1, 1:-1] * (near - 4 * u[1:-1, 1:-1])
        return new, None

    return fg.scan(step, u, length=13)[0]


def moved(u, k):
    """Rows are written further down than where they come from, and read from above."""

    def step(state, _):
        u, v = state
        down = np.concatenate([np.cos(u[:3]), np.sin(u[:-3]) * k[3:]])
        return (0.7 * u + 0.2 * v, down + 0.5 * shifted(down, -2, 0)), None

    return fg.scan(step, (u, u * k), length=13)[0]


def driven(u, k):
    """A row of operands for every step, backwards, and results of every step."""
    force = np.stack([k * i for i in range(9)])
    return fg.scan(lambda u, f: (0.9 * u + f * shifted(u, 0, 2), u * f), u, force, reverse=True)


def timed(u, k):
    """A number for every step."""
    return fg.scan(lambda u, t: (u + t * k * laplacian(u), None), u, np.linspace(0, 1, 21))[0]


def pointwise(u, k):
    return fg.scan(lambda u, _: (u + 0.1 * np.sin(k * u), None), u, length=11)[0]


def counted(u, k):
    return fg.fori_loop(0, 12, lambda i, u: u + k * laplacian(u), u)


PROGRAMS = [heat, reaction, wave, inside, driven, timed, counted]
SHAPES = [(200, 5), (300, 19), (257, 32)]


def fields(shape, dtype=np.float64):
    return RNG.normal(size=shape).astype(dtype), RNG.uniform(0.05, 0.2, size=shape).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("f", PROGRAMS)
def test_same_bits(f, shape):
    assert check(f, *fields(shape)) == 1


@pytest.mark.parametrize("shape", [(200, 50), (3001,), (20, 30, 7)])
def test_elements_for_themselves(shape):
    """Rows are vectors then."""
    assert check(pointwise, *fields(shape)) == 1


@pytest.mark.parametrize("shape", [(900, 20), (1300, 7)])
def test_rows_written_elsewhere(shape):
    assert check(moved, *fields(shape)) == 1


def test_three_axes():
    def flow(u, k):
        def step(u, _):
            p = np.pad(u, ((1, 1), (0, 0), (0, 0)), "constant")
            return u + k * (p[2:] - 2.0 * u + p[:-2]), None

        return fg.scan(step, u, length=10)[0]

    assert check(flow, *fields((150, 6, 5))) == 1


@pytest.mark.parametrize("f", [heat, wave, inside])
def test_gradients(f):
    def energy(u, k):
        out = f(u, k)
        return np.sum((out if f is not wave else out[0]) ** 2)

    together = check(lambda u, k: fg.grad(energy, argnums=(0, 1))(u, k), *fields((400, 17)))
    assert together >= 1


def test_single_precision():
    u, k = fields((240, 33), np.float32)
    closed = fg.make_jaxpr(heat)(u, k)
    with together() as made:
        _, found = natively(closed.jaxpr, [u, k, *closed.consts])
    assert made[0] is not None
    assert found[0].dtype == np.float32
    np.testing.assert_allclose(found[0], heat(u, k), rtol=2e-5, atol=2e-5)


@given(
    shifts=st.lists(
        st.tuples(st.integers(-2, 2), st.integers(-3, 3), st.sampled_from("uv")),
        min_size=1, max_size=4,
    ),
    columns=st.integers(4, 24), rows=st.integers(150, 260), length=st.integers(2, 15),
    block=st.sampled_from([1, 3000, 9000]), most=st.integers(2, 6),
    emits=st.sampled_from(["", "old", "new", "both"]), second=st.booleans(),
    reverse=st.booleans(),
)  # fmt: skip
def test_drawn(shifts, columns, rows, length, block, most, emits, second, reverse):
    u, v = fields((rows, columns))

    def step(state, _):
        u, v = state
        total = 0.3 * u
        for r, c, name in shifts:
            total = total + 0.1 * shifted(u if name == "u" else v, r, c)
        new = np.cos(total) * v if second else total
        other = 0.5 * v + 0.2 * shifted(total if second else u, 0, 1)
        return (new, other), {"": None, "old": u, "new": total, "both": (v, total)}[emits]

    def program(u, v):
        return fg.tree_util.tree_leaves(fg.scan(step, (u, v), length=length, reverse=reverse))

    check(lambda u, v: tuple(program(u, v)), u, v, _BLOCK=block, _MOST=most)


def rolled(u, k):
    """The last row needs the first."""
    return fg.scan(lambda u, _: (u + k * np.roll(u, 1, 0), None), u, length=9)[0]


def turned(u, k):
    return fg.scan(lambda u, _: (u + k * u[::-1], None), u, length=9)[0]


def from_above(u, k):
    return fg.scan(lambda u, _: (u + k * u[:1], None), u, length=9)[0]


def gathered(u, k):
    at = np.arange(u.shape[0])[::-1].copy()
    return fg.scan(lambda u, _: (u + k * u[at], None), u, length=9)[0]


def summed(u, k):
    return fg.scan(lambda u, _: (u + k * np.sum(u, axis=0), None), u, length=9)[0]


def far_down(u, k):
    return fg.scan(lambda u, _: (u + k * shifted(u, 90, 0), None), u, length=9)[0]


def counts(u, k):
    """A number that every step changes."""
    return fg.scan(lambda c, _: ((c[0] + k * c[1], c[1] + 1.0), None), (u, 1.0), length=9)[0][0]


@pytest.mark.parametrize("f", [rolled, turned, from_above, gathered, summed, far_down, counts])
def test_what_does_not_go_together(f):
    assert check(f, *fields((200, 6))) == 0


def test_small_arrays_and_few_steps_do_not():
    u, k = fields((200, 6))
    assert check(heat, u, k, _WORTH=1 << 20) == 0
    few = check(lambda u, k: fg.scan(lambda u, _: (u + k * u, None), u, length=2)[0], u, k,
                _FEWEST=3)  # fmt: skip
    assert few == 0


def test_any_number_of_threads():
    u, k = fields((512, 256))
    found = []
    with mock.patch.object(fg.config, "threads", fg.config.threads):
        for n in (1, 2, 3):
            fg.config.threads = n
            found.append(bits([fg.jit(lambda u, k: heat(u, k))(u, k)]))
    assert found[0] == found[1] == found[2]


def test_large_grids_do_without_being_asked():
    u, k = fields((512, 512))
    with mock.patch.object(loops, "planned", wraps=waves.planned) as asked:
        compiled = fg.jit(heat)
        found = compiled(u, k)
    assert asked.called
    assert "scan, 12 steps at once:" in str(compiled.explain())
    assert waves.planned(*asked.call_args.args) is not None
    np.testing.assert_allclose(found, heat(u, k), rtol=1e-12, atol=1e-12)
