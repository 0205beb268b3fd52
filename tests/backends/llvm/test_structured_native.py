"""Loops and branches as native code: what they carry, in registers and in memory, in place or not.

Each function takes a vector, a matrix of as many rows, and a number.
"""

import numpy as np
import pytest

import funcgrad as fg
from tests import laws, test_structured
from tests.backends.llvm.natively import needed, refusal
from tests.backends.llvm.test_programs_native import agrees, pulled_back, pushed_forward, written
from tests.test_laws import derived_programs

pytestmark = needed

STEPS = 5


def turns(x, m, s):
    """Two arrays and a number that change places in every step; an odd number of steps."""

    def body(carry, row):
        a, b, t = carry
        return (b * t, np.sin(a) + row, t * 0.9 + s), a * b

    return fg.scan(body, (x, x[::-1] * s, s), np.stack([x, -x, x * x, x + 1, x * 0.5]))


def unchanged(x, m, s):
    """A carry that a step passes on as it is, and one that it throws away."""

    def body(carry, row):
        a, b, c = carry
        return (a, np.cos(row) * s, b), (a, row)

    return fg.scan(body, (x, x * 2.0, x * 3.0), m[:, : x.shape[0]])


def written_in_place(x, m, s):
    """An array of which each step writes one row, read before and after."""

    def body(i, c):
        row = c[i] * 0.5 + np.sin(x[: m.shape[1]]) * s
        c[i] = row
        return c

    return fg.fori_loop(0, m.shape[0], body, m * 1.0)


def added_in_place(x, m, s):
    def body(i, c):
        c[i % 3] += m[i] * s
        return c

    return fg.fori_loop(0, m.shape[0], body, np.zeros((3, m.shape[1])))


def in_place_and_read_old(x, m, s):
    """The old array is still read after the write, so that it cannot be done in place."""

    def body(c, i):
        new = c.copy()
        new[i] = c[i - 1] * s + 1.0
        return new, np.sum(c * new)

    return fg.scan(body, x, np.arange(STEPS) % x.shape[0])


def updated_slices(x, m, s):
    def body(i, c):
        part = fg.dynamic_slice(c, (i, 0), (2, m.shape[1]))
        return fg.dynamic_update_slice(c, np.cos(part) * s + i, (i, 0))

    return fg.fori_loop(0, m.shape[0] - 1, body, m)


def put_at_fixed_places(x, m, s):
    def body(c, row):
        new = c.copy()
        new[1:] = c[:-1] * s
        new[0] = np.sum(row)
        return new, new[-1]

    return fg.scan(body, x, m)


def shifted_views(x, m, s):
    """A stencil: each step reads neighbours of the array that it replaces."""

    def body(c, _):
        inner = c[1:-1] + 0.1 * (c[2:] - 2.0 * c[1:-1] + c[:-2])
        return np.concatenate([c[:1] * s, inner, c[-1:]]), None

    return fg.scan(body, x, None, length=STEPS)[0]


def reversed_scan(x, m, s):
    return fg.scan(lambda c, row: (np.tanh(c * row + s), c), m[0], m, reverse=True)


def transposed_rows(x, m, s):
    """The rows of a view: a transposed, reversed, strided operand."""
    return fg.scan(lambda c, row: (c + row * s, c * row), m[::2, 0] * 0.0, m[::2, ::-1].T)


def yielded_views(x, m, s):
    """What a step yields are views of what it carries, and an operand as it came."""
    return fg.scan(lambda c, row: (c * s + row, (c[::-1], row, np.float64(1.0))), m[0], m)


def products(x, m, s):
    a = m @ m.T * (s / m.shape[0])
    return fg.scan(lambda c, _: (np.tanh(a @ c + x), np.sum(c)), x, None, length=STEPS)


def grown(x, m, s):
    return fg.while_loop(
        lambda c: (np.sum(c[0] ** 2) < 50.0) & (c[1] < 30),
        lambda c: (c[0] * 1.3 + np.sin(x), c[1] + 1), (x, 0),
    )[0]  # fmt: skip


def swapped(x, m, s):
    """Two arrays that trade places until a count is reached: the last turn is known late."""
    return fg.while_loop(
        lambda c: c[2] < 3 + (s > 10), lambda c: (c[1], c[0] * s, c[2] + 1), (x, x + 1.0, 0)
    )[:2]


def branches(x, m, s):
    """Branches that give an operand back, a view of one, a constant, and something new."""
    options = [
        lambda x, m: (x, m), lambda x, m: (x[::-1], np.zeros(m.shape) + 2.0),
        lambda x, m: (np.sin(x) * s, m * x[:, None]),
    ]  # fmt: skip
    outs = [fg.switch(np.argmax(x * k) % 3, options, x, m) for k in (1.0, -1.0, 0.0)]
    return tuple(z for pair in outs for z in pair)


def branch_in_loop(x, m, s):
    def body(c, row):
        return fg.cond(
            np.sum(row) > 0, lambda c: np.cos(c) + np.sum(row), lambda c: c[::-1] * s, c
        ), c

    return fg.scan(body, x, m)


def loop_in_loop(x, m, s):
    def inner(c, row):
        return c * 0.9 + np.sum(row) * s, np.sum(c * c)

    def outer(c, k):
        c, ys = fg.scan(inner, c, m)
        return c + k, (ys, c)

    return fg.scan(outer, x, np.arange(3.0))


def loop_in_branch_in_loop(x, m, s):
    def body(c, row):
        def long(c):
            return fg.fori_loop(0, 3, lambda i, c: np.sin(c) * s + i, c)

        return fg.cond(row[0] > 0, long, lambda c: c, c), np.sum(c)

    return fg.scan(body, x, m)


def sorted_and_gathered(x, m, s):
    def body(c, row):
        places = np.argsort(x)[:3]
        return np.sort(c) * s + row[0], (c[places], np.cumsum(c)[-1], row[np.argmax(row)])

    return fg.scan(body, x, m)


def integers_and_flags(x, m, s):
    """Carries of other dtypes: counts, truth values, float32."""

    def body(carry, row):
        n, seen, small = carry
        return (n + (row > 0), seen | (row > 1.0), small * np.float32(0.5)), seen

    n, seen, small = fg.scan(
        body,
        (np.zeros(m.shape[1], int), np.zeros(m.shape[1], bool), np.ones(m.shape[1], np.float32)),
        m,
    )[0]
    return n * s, seen * s, small


def checkpointed(x, m, s):
    step = fg.checkpoint(lambda c, row: np.sin(c + np.sum(row) * s))
    return fg.scan(lambda c, row: (step(c, row), c), x, m)


FUNCTIONS = [
    turns, unchanged, written_in_place, added_in_place, in_place_and_read_old, updated_slices,
    put_at_fixed_places, shifted_views, reversed_scan, transposed_rows, yielded_views, products,
    grown, swapped, branches, branch_in_loop, loop_in_loop, loop_in_branch_in_loop,
    sorted_and_gathered, integers_and_flags, checkpointed,
]  # fmt: skip
SIZES = {"small": (5, 5), "large": (23, 23), "largest": (41, 41)}
WAYS = {"small": ("registers", "narrow"), "large": ("registers", "narrow"), "largest": ("nests",)}


def drawn(size):
    rng = np.random.default_rng(5)
    n, k = SIZES[size]
    return [rng.normal(size=n), rng.normal(size=(n, k)), np.float64(0.7)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_values_and_derivatives(f, size):
    """The program, its vjp, and the jvp of that where it is small; a while_loop's jvps."""
    jaxpr, args = laws.captured(lambda *xs: leaves(f(*xs)), drawn(size))
    first = pulled_back(jaxpr, args)
    if f.__name__ in LATE:
        assert refusal(first[0]) == "a size known late"
        first = pushed_forward(jaxpr, args)
    second = pushed_forward(*first)
    for way in WAYS[size]:
        with written(way):
            agrees(jaxpr, args)
            agrees(*first)
            if size == "small":
                agrees(*second)


def leaves(found):
    if isinstance(found, tuple | list):
        return tuple(x for part in found for x in leaves(part))
    return (found,)


# The vjp of a while_loop keeps what each of its turns leaves, and nobody knows how many there are.
LATE = {"grown", "swapped", "while_loop", "while_never", "nested", "checkpoint_loops"}


@pytest.mark.parametrize("way", ["registers", "narrow"])
@pytest.mark.parametrize("f", test_structured.FUNCTIONS, ids=lambda f: f.__name__)
def test_the_functions_of_the_laws(f, way):
    jaxpr, args = test_structured.program(f)
    with written(way):
        for derived, given in derived_programs(jaxpr, args, np.random.default_rng(0)):
            why = refusal(derived)
            if why is None:
                agrees(derived, given)
            else:
                assert why == "a size known late" and f.__name__ in LATE
