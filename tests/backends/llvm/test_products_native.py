"""Products whose sums run over several axes, and products in a row, done block by block."""

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import jit
from funcgrad.backends.llvm import dots, product
from funcgrad.backends.llvm.machine import available, machine
from funcgrad.ops.indexing import ALL, add_at
from funcgrad.tree import leaves as tree_leaves

pytestmark = pytest.mark.skipif(available() is not None, reason=str(available()))
RNG = np.random.default_rng(9)


CASES = {
    "window": ("bxycpq,bxypdr->cqdr", (4, 9, 9, 3, 4, 4), (4, 9, 9, 4, 8, 4)),
    "turned": ("bam,sabjn->smjn", (30, 60, 4), (3, 60, 30, 2, 24)),
    "batch": ("sbam,sabn->smn", (3, 30, 60, 5), (3, 60, 30, 24)),
    "small": ("abm,abn->mn", (3, 4, 5), (3, 4, 6)),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("adds", [False, True], ids=["alone", "onto"])
@pytest.mark.parametrize("name", CASES)
def test_sums_over_several_axes(name, adds, dtype, monkeypatch):
    text, *shapes = CASES[name]
    a, b, c, d = (RNG.normal(size=s).astype(dtype) for s in (*shapes, *shapes))
    split = []

    def noted(made, original=product.Product._split):
        split.append(original(made))
        return split[-1]

    monkeypatch.setattr(product.Product, "_split", noted)

    def f(a, b, c, d):
        return np.einsum(text, a, b) + np.einsum(text, c, d) if adds else np.einsum(text, a, b)

    found = jit(f, backend="llvm")(a, b, c, d)
    wide = [x.astype(np.float64) for x in (a, b, c, d)]
    wanted = f(*wide)
    tolerance = 1e-12 if dtype == np.float64 else 3e-4
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * wanted.std())
    assert any(split) == (name != "small")


# -- products in a row ---------------------------------------------------------------------------


def layer(x, w):
    """Every window adds to the same result; backwards, windows overlap."""
    return sum(np.einsum("bxcpq,cdqr->bxdpr", x[:, i : i + 4], w[i]) for i in range(3))


def layer_slopes(x, w):
    return fg.grad(lambda x, w: np.sum(layer(x, w) ** 2), (0, 1))(x, w)


def reads_a_result(a, b, c):
    """The second product reads blocks of the first that are made last."""
    first = np.einsum("bij,bjk->bik", a, b)
    return first, np.einsum("bik,bkl->bil", first[::-1], c)


def reads_what_is_written_over(a, b, c):
    """The first product reads blocks that the second adds to before."""
    x = np.sin(c)
    first = np.einsum("bij,bjk->bik", x[::-1], c)
    term = np.einsum("bij,bjk->bik", a[:, 1:], b)
    return first, add_at(x, term, items=(ALL, (1, 6, None)))


def begins_as_a_copy(a, b, c):
    """The first result is wanted, and the second begins as its copy."""
    first = np.einsum("bij,bjk->bik", a, b)
    term = np.einsum("bij,bjk->bik", b[:, :3], c)
    return first, add_at(first, term, items=(ALL, (0, 3, None)))


def turned_round(a, b, c):
    """The second product adds in the last block to what the first one writes there first."""
    first = np.einsum("bij,bjk->bik", a, b)
    term = np.einsum("bij,bjk->bik", b, c)
    return add_at(first, term, items=((None, None, -1),))


def one_further(a, b, c):
    """The second product adds in every block to what the first one writes in the next."""
    first = np.einsum("bij,bjk->bik", a, b)
    term = np.einsum("bij,bjk->bik", b[1:], c[1:])
    more = np.einsum("bij,bjk->bik", c[:-1], c[1:])
    return add_at(add_at(first, term, items=((0, 5, None),)), more, items=((1, 6, None),))


def several_alike(a, b, c):
    """Products of equal loops that share operands."""
    return np.einsum("bij,bjk->bik", a, b), np.einsum("bij,bjk->bik", b, c)


CUBES = [RNG.normal(size=(6, 6, 6)) for _ in range(3)]
LAYER = [RNG.normal(size=(3, 6, 3, 4, 4)), RNG.normal(size=(3, 3, 5, 4, 4))]
ROWS = {
    "windows": (layer, LAYER),
    "slopes of windows": (layer_slopes, LAYER),
    "reads a result": (reads_a_result, CUBES),
    "reads what is written over": (reads_what_is_written_over, CUBES),
    "begins as a copy": (begins_as_a_copy, CUBES),
    "turned round": (turned_round, CUBES),
    "one further": (one_further, CUBES),
    "several alike": (several_alike, CUBES),
}


@pytest.mark.parametrize("held", [0, 3000])
@pytest.mark.parametrize("name", ROWS)
def test_products_in_a_row(name, held, monkeypatch):
    f, args = ROWS[name]
    blocks = []

    def noted(made, i, rounds, original=product.Product.block):
        blocks.append(rounds)
        return original(made, i, rounds)

    monkeypatch.setattr(dots, "_HELD", held)
    monkeypatch.setattr(product.Product, "block", noted)
    found = jit(f, backend="llvm")(*args)
    wanted = jit(f, backend="numpy")(*args)
    for x, y in zip(tree_leaves(found), tree_leaves(wanted), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
    assert bool(blocks) == (name in ("windows", "slopes of windows", "several alike"))
    if name == "several alike":
        assert max(blocks) == (2 if held else 1)


@pytest.mark.parametrize("pose", [2, 4, 8])
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("bits", [128, 256, 512])
def test_columns_that_lie_in_runs(bits, dtype, pose, monkeypatch):
    """Registers that hold less than a run, one, or several; columns that fill no register."""
    if bits > machine().vector_bits:
        pytest.skip(f"no registers of {bits} bits here")
    monkeypatch.setattr(machine(), "vector_bits", bits)
    runs = []

    def noted(made, name, original=product.Product._write):
        runs.append(made.plan.run)
        original(made, name)

    monkeypatch.setattr(product.Product, "_write", noted)
    for inside in (2, 3, 8):
        x = RNG.normal(size=(2, 7, inside, pose, pose)).astype(dtype)
        w = RNG.normal(size=(3, inside, 5, pose, pose)).astype(dtype)
        found = jit(layer_slopes, backend="llvm")(x, w)
        for got, wanted in zip(found, layer_slopes(x, w), strict=True):
            room = 1000 * np.finfo(dtype).eps * np.max(np.abs(wanted))
            np.testing.assert_allclose(got, wanted, rtol=0, atol=room)
    assert pose in runs


# -- any products ----------------------------------------------------------------------------------


def drawn(seed):
    """A program of products, sums of them, parts, transpositions and reversals of stacks."""
    rng = np.random.default_rng(seed)
    count = rng.integers(3, 9)
    steps = [(rng.integers(len(STEPS)), *rng.integers(3 + k, size=2)) for k in range(count)]

    def program(*xs):
        values = list(xs)
        for which, i, j in steps:
            values.append(0.3 * STEPS[which](values[i], values[j]))
        return values[-1], values[-2], np.sum(values[-3] * values[-1])

    return program


def into_part(a, b):
    out = a.copy()
    out[:, 1:] += np.einsum("bij,bjk->bik", b[:, 1:], a)
    return out


STEPS = [
    lambda a, b: np.einsum("bij,bjk->bik", a, b),
    lambda a, b: np.einsum("bij,bkj->bki", a, b),
    lambda a, b: np.einsum("bij,bjk->bik", a[::-1], b) + np.einsum("bij,bjk->bik", b, a),
    into_part,
    lambda a, b: np.swapaxes(a, 1, 2),
    lambda a, b: np.einsum("bij,cjk->bik", a, b),
    lambda a, b: sum(np.einsum("bpc,bcq->bqp", a, b * (i + 1.0)) for i in range(2)),
]


@pytest.mark.parametrize("held", [0, 2000])
@pytest.mark.parametrize("seed", range(40))
def test_programs_of_products(seed, held, monkeypatch):
    """Values and gradients are those of the NumPy tier, whatever is done in blocks."""
    monkeypatch.setattr(dots, "_HELD", held)
    xs = [np.random.default_rng(seed).normal(size=(4, 5, 5)) for _ in range(3)]
    f = drawn(seed)
    slopes = fg.grad(lambda *xs: np.sum(np.tanh(f(*xs)[0])), (0, 1, 2))
    for g in (f, slopes):
        wanted = jit(g, backend="numpy")(*xs)
        for x, y in zip(jit(g, backend="llvm")(*xs), wanted, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-10 * (1.0 + np.max(np.abs(y))))
