"""Native programs and what must not happen: reads outside of arrays, answers that alias, writes
to arguments, errors that vanish, loops without end."""

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import config, jit
from funcgrad.backends.llvm.entry import calls_of
from tests.backends.llvm.natively import needed

pytestmark = needed


def native(f, **options):
    return jit(f, backend="llvm", **options)


def both(f, *args, times=2):
    """Jitted for native code, and un-jitted: the same bits of the same dtypes."""
    compiled = native(f)
    with np.errstate(all="ignore"):
        wanted = as_tuple(f(*args))
    for _ in range(times):
        found = as_tuple(compiled(*args))
        for x, y in zip(found, wanted, strict=True):
            same(x, y)
    return compiled


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


def same(found, wanted):
    """Equal numbers (NaN is NaN, -0.0 is not 0.0) of one dtype."""
    x, y = np.asarray(found), np.asarray(wanted)
    assert x.dtype == y.dtype and x.shape == y.shape, (x.dtype, y.dtype, x.shape, y.shape)
    np.testing.assert_array_equal(x, y)
    if y.dtype.kind == "f":
        real = ~np.isnan(y)
        np.testing.assert_array_equal(np.signbit(x)[real], np.signbit(y)[real])


def leaf_of(compiled):
    (entry,) = compiled.entries.values()
    return entry.leaves[0]


def is_native(compiled):
    return leaf_of(compiled).jaxpr.derived["tier"].native is not None


# -- errors --------------------------------------------------------------------------------------

X = np.arange(20.0)


def gathers(x, i):
    return np.sum(x[i] * 2.0)


def scatters(x, i):
    y = x * 1.0
    y[i] = 3.0
    return y


def adds(x, i):
    y = x * 1.0
    np.add.at(y, i, x[:3])
    return y


def takes(x, i):
    return np.take_along_axis(np.sin(x), i, axis=0)


def gathers_in_scan(x, i):
    return fg.scan(lambda c, k: (c + x[k], c * x[k]), 0.0, i)


def scatters_in_scan(x, i):
    def body(c, k):
        c = c.copy()
        c[k] = 2.0
        return c, np.sum(c)

    return fg.scan(body, x, i)


def gathers_in_while(x, i):
    """The step that fails leaves a value that would never end the loop."""
    return fg.while_loop(lambda c: c[1] < 3, lambda c: (c[0] + x[i[c[1]]], c[1] + 1), (0.0, 0))[0]


def never_ends(x, i):
    return fg.while_loop(lambda c: c > -1.0, lambda c: x[np.where(c > 1e9, 0, i[0])] + c, 0.0)


def gathers_in_branch(x, i):
    return fg.cond(i[0] != 0, lambda x: x[i[2]] * 2.0, lambda x: x[0], x)


def slices(x, i):
    return fg.dynamic_slice(x, (i[2],), (3,))


FAILING = [
    gathers, scatters, adds, takes, gathers_in_scan, scatters_in_scan, gathers_in_while,
    never_ends, gathers_in_branch, slices,
]  # fmt: skip


@pytest.mark.parametrize("bad", [20, -21, 2**62, -(2**63)])
@pytest.mark.parametrize("size", [20, 12])
@pytest.mark.parametrize("f", FAILING, ids=lambda f: f.__name__)
def test_places_outside_raise(f, size, bad):
    """The IndexError of NumPy, with the user's line; before and after, good places are good."""
    x, good = X[:size].copy(), np.array([1, -1, -size if f is not slices else 2])
    compiled = native(f)
    if f is not never_ends:
        wanted = jit(f, backend="numpy")(x, good)  # bodies trace what they read
        for one, two in zip(as_tuple(compiled(x, good)), as_tuple(wanted), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-14)
    where = 0 if f is never_ends else 2
    for _ in range(2):
        wrong = good.copy()
        wrong[where] = bad
        with pytest.raises(IndexError) as caught:
            compiled(x, wrong)
        line = f.__code__.co_firstlineno
        notes = " ".join(getattr(caught.value, "__notes__", ()))
        lines = [int(w.split(":")[1]) for w in notes.split() if w.startswith("test_safety.py:")]
        assert lines and all(line < at <= line + 8 for at in lines), notes
    assert is_native(compiled)
    np.testing.assert_array_equal(x, X[:size])


@pytest.mark.parametrize(
    "f",
    [
        np.linalg.inv, np.linalg.cholesky,
        lambda a: np.linalg.solve(a, a[0]), lambda a: np.linalg.solve(a, a.T),
        lambda a: fg.scan(lambda c, _: (np.linalg.solve(a, c), c), a[0], None, length=3),
        fg.grad(lambda a: np.sum(np.linalg.inv(a))),
    ],
    ids=["inv", "cholesky", "solve", "solve many", "scan", "grad"],
)  # fmt: skip
@pytest.mark.parametrize("n", [2, 3, 6])
def test_singular_matrices_raise(f, n):
    compiled = native(f)
    good = np.eye(n) * 2.0
    for found, wanted in zip(as_tuple(compiled(good)), as_tuple(f(good)), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError):
            compiled(np.zeros((n, n)))
    stack = np.stack([good, np.zeros((n, n))])
    with pytest.raises(np.linalg.LinAlgError):
        native(np.linalg.inv)(stack)


# -- arguments of every layout ---------------------------------------------------------------------


class Marked(np.ndarray):
    """A subclass."""


def layouts(n=24, dtype=np.float64):
    """The same numbers, in arrays that no vector load could read as they lie."""
    base = np.arange(1.0, n + 1).astype(dtype)
    item = base.itemsize
    raw = np.zeros(n * item + 1, np.uint8)
    unaligned = np.frombuffer(raw.data, dtype, n, 1)
    unaligned[:] = base
    huge = np.zeros(n << 12, dtype)  # one number per 32 kB
    spread = np.lib.stride_tricks.as_strided(huge, (n,), (item << 12,))
    spread[:] = base
    frozen = base.copy()
    frozen.flags.writeable = False
    return {
        "plain": base, "strided": np.repeat(base, 3)[::3], "backwards": base[::-1].copy()[::-1],
        "unaligned": unaligned, "far apart": spread, "read-only": frozen,
        "swapped": base.astype(base.dtype.newbyteorder()), "subclass": base.copy().view(Marked),
        "repeated": np.broadcast_to(base[:1], (n,)), "column": np.stack([base, base], 1)[:, 1],
        "masked": np.ma.masked_array(base.copy()).data, "offset": np.concatenate([base, base])[n:],
    }  # fmt: skip


@pytest.mark.parametrize("n", [5, 24])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
@pytest.mark.parametrize("name", layouts())
def test_arguments_of_every_layout(name, dtype, n):
    def f(x, y):
        return np.sum(x * y), x[::-1] * 2 + y, np.max(x)

    x, y = layouts(n, dtype)[name], np.arange(n).astype(dtype)
    before = np.array(x)
    compiled = native(f)
    wanted = f(np.array(x, x.dtype.newbyteorder("=")), y)
    for _ in range(3):
        for one, two in zip(compiled(x, y), wanted, strict=True):
            same(one, two)
    for one, two in zip(compiled(y, x), f(y, np.array(x)), strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(np.array(x), before)


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_arrays_without_elements(shape):
    f = lambda x: (np.sin(x) * 2.0, np.sum(x), np.sum(x, axis=0))
    both(f, np.zeros(shape))
    both(lambda x: np.concatenate([x.ravel(), np.ones(3)]) * 2.0, np.zeros(shape))
    both(lambda x, y: (y + 1.0, x + 1.0), np.zeros(shape), np.arange(30.0))
    both(lambda x: x[1:1] * 2.0, np.arange(30.0))


def test_transposed_and_overlapping_arguments():
    m = np.arange(600.0).reshape(20, 30)
    window = np.lib.stride_tricks.sliding_window_view(m[0], 7)
    both(lambda a, b: (a @ b, a.T + b), m, m.T)
    both(lambda w: (w * 2.0, np.max(w, axis=1)), window)
    both(lambda a, b: (a * b, b - a), m[0, 1:], m[0, :-1])  # of one memory


# -- results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 50])
def test_results_share_memory_with_nothing(n):
    def f(x, y):
        z = x * 2.0
        return x, x, x.T, x[::-1], z, z, z[0], z[0].reshape(1, n), y

    x, y = np.arange(float(n * n)).reshape(n, n), np.ones(3)
    compiled = both(f, x, y)
    earlier = compiled(x, y)
    outs = compiled(x, y)
    kept = [np.array(z) for z in outs]
    for k, z in enumerate(outs):
        assert z.flags.writeable and z.flags.owndata
        assert not any(np.shares_memory(z, w) for w in (x, y, *outs[:k], *earlier))
    for z in earlier:
        z[...] = np.nan
    for z, w in zip(outs, kept, strict=True):
        np.testing.assert_array_equal(z, w)


@pytest.mark.parametrize("n", [4, 40])
def test_arguments_are_never_written_to(n):
    def f(x):
        y = x * 1.0
        x = x.copy()
        x[1:] = 5.0
        x[0] += y[1]
        np.add.at(x, [0, 1], 3.0)
        return fg.fori_loop(0, 3, lambda i, c: np.concatenate([c[1:], c[:1] * 2.0]), x), y

    x = np.arange(float(n))
    x.flags.writeable = False
    both(f, x)
    np.testing.assert_array_equal(x, np.arange(float(n)))

    def carried(x, m):
        def body(c, row):
            c = c.copy()
            c[0] = c[0] + np.sum(row)
            return c, c[0]

        return fg.scan(body, x, m)

    both(carried, x, np.ones((5, 3)))
    np.testing.assert_array_equal(x, np.arange(float(n)))


def test_results_of_equal_arguments_given_twice():
    x = np.arange(40.0)
    f = both(lambda a, b: (a + b, a * b[::-1]), x, x)
    np.testing.assert_array_equal(f(x, x)[1], x * x[::-1])


# -- programs of odd forms -----------------------------------------------------------------------


def test_programs_of_odd_forms(monkeypatch):
    x = np.arange(30.0)
    both(lambda x: x, x)
    both(lambda x: (x, x), x)
    both(lambda x: (np.ones(3), 2.0), x)  # nothing but constants
    both(lambda x: (x * 2.0, 1.5, np.arange(3)), x)
    both(lambda x, y: y, x, 3.0)
    both(lambda x: np.zeros((5, 5)) + 1.0, 1.0)
    both(lambda *xs: sum(xs) * xs[-1], *[x + k for k in range(200)])
    both(lambda *xs: tuple(a * 2.0 for a in xs), *[float(k) for k in range(200)])


def test_two_functions_of_one_program():
    f, g = native(lambda x: np.sin(x) * 2.0), native(lambda x: np.sin(x) * 2.0)
    x = np.arange(30.0)
    for _ in range(3):
        same(f(x), g(x))
    del f
    same(g(x), native(lambda x: np.sin(x) * 2.0)(x))


def test_recursion():
    @native
    def power(x, n=3):
        return x if n == 0 else x * power(x, n - 1)

    for _ in range(3):
        np.testing.assert_allclose(power(np.arange(20.0)), np.arange(20.0) ** 4, rtol=1e-14)
    factorial = native(lambda n: n if n < 2.0 else n * factorial(n - 1.0))
    for _ in range(2):
        assert factorial(5.0) == 120.0


def test_many_calls_count_as_native():
    compiled = native(lambda x: np.sin(x) + 1.0)
    x = np.arange(30.0)
    for _ in range(5):
        compiled(x)
    assert sum(map(calls_of, compiled.chain.built)) >= 3


def test_transforms_inside_and_outside(monkeypatch):
    monkeypatch.setattr(config, "backend", "llvm")
    x = np.linspace(0.1, 1.0, 30)
    f = lambda x: np.sum(np.sin(x) * x)
    slope = np.cos(x) * x + np.sin(x)
    for g in (
        fg.grad(f),
        jit(fg.grad(f)),
        fg.grad(jit(f)),
        fg.vmap(fg.grad(lambda x: np.sin(x) * x)),
    ):
        for _ in range(3):
            np.testing.assert_allclose(g(x), slope, rtol=1e-13)
