"""The generator: known answers, and the same numbers in every transform and backend."""

import subprocess
import sys

import numpy as np
import pytest

from funcgrad import jit, make_jaxpr, pmap, random, scan, vmap
from funcgrad.backends.program import Program
from funcgrad.ops.random import drawn_bits, random_bits
from tests import laws
from tests.backends.fake_cupy import fake_cupy
from tests.backends.llvm.natively import natively, needed


def key(seed=0):
    return random.key(seed)


KNOWN = [  # Salmon et al.: key, counter, block
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize("words, counter, block", KNOWN)
def test_known_answers(words, counter, block):
    count = np.uint64(counter[0] << 32 | counter[1])
    k0, k1 = np.array(words, np.uint32)
    assert int(random_bits(k0, k1, count, width=64)) == block[0] << 32 | block[1]
    assert int(random_bits(k0, k1, count, width=32)) == block[0] ^ block[1]


def test_blocks_of_large_draws():
    """What is computed block by block is what single counters give."""
    keys = random.split(key(1), 3)
    whole = drawn_bits(key(1), (50_001,), 64)
    k0, k1 = keys[:, :1], keys[:, 1:]
    count = np.arange(20_000, dtype=np.uint64)
    many = random_bits(k0, k1, count, width=64)
    deep = random_bits(k0[:, None], k1[:, None], count.reshape(2, 10_000), width=64)
    np.testing.assert_array_equal(drawn_bits(key(1), (9,), 64), whole[:9])  # by arrays, and
    np.testing.assert_array_equal(drawn_bits(key(1), (8,), 64), whole[:8])  # one by one
    for i in (0, 16_383, 16_384, 50_000):
        assert whole[i] == random_bits(*key(1), np.uint64(i), width=64)
    for i in range(3):
        np.testing.assert_array_equal(many[i], drawn_bits(keys[i], (20_000,), 64))
    np.testing.assert_array_equal(deep.reshape(3, -1), many)


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("shape", [(), (3,), (4, 5_000)])
def test_bits_through_cupys_namespace(shape, width):
    closed = make_jaxpr(lambda k: drawn_bits(k, shape, width))(key(3))
    (found,) = Program(closed.jaxpr, fake_cupy).call(key(3), *closed.consts)
    np.testing.assert_array_equal(found, drawn_bits(key(3), shape, width))


@pytest.mark.gpu
def test_draws_on_a_device():
    cupy = pytest.importorskip("cupy")
    k = cupy.asarray(key(3))
    for f in (random.bits, random.uniform, random.split):
        found = jit(f)(k)
        assert isinstance(found, cupy.ndarray)
        np.testing.assert_array_equal(cupy.asnumpy(found), f(key(3)))
    found = jit(lambda k: random.normal(k, (1000,)))(k)
    np.testing.assert_allclose(cupy.asnumpy(found), random.normal(key(3), (1000,)), rtol=1e-12)


def test_bad_words_are_refused():
    with pytest.raises(TypeError, match="two words of a key"):
        jit(lambda k: random_bits(k, k, 0.5, width=64))(np.uint32(1))


# -- the same numbers everywhere ------------------------------------------------------------------

EXACT = {
    "bits": lambda k: random.bits(k, (5,)),
    "bits64": lambda k: random.bits(k, (70, 2), np.uint64),
    "scalar": lambda k: random.bits(k),
    "uniform": lambda k: random.uniform(k, (3, 4)),
    "uniform32": lambda k: random.uniform(k, (37,), np.float32),
    "split": lambda k: random.split(k, (2, 3)),
    "fold_in": lambda k: random.fold_in(k, 4),
    "randint": lambda k: random.randint(k, (40,), -5, 10**15),
    "bernoulli": lambda k: random.bernoulli(k, 0.3, (40,)),
    "permutation": lambda k: random.permutation(k, 10),
    "independent": lambda k: random.permutation(k, np.arange(12).reshape(3, 4), 1, True),
    "choice": lambda k: random.choice(k, 10, (4,), p=np.arange(10) / 45),
    "poisson": lambda k: random.poisson(k, np.array([0.3, 3.0, 30.0, 3000.0])),
    "binomial": lambda k: random.binomial(k, 100, np.array([0.01, 0.3, 0.5, 0.99])),
    "rademacher": lambda k: random.rademacher(k, (20,)),
    "categorical": lambda k: random.categorical(k, np.log(np.array([0.2, 0.8])), shape=(20,)),
}
NEAR = {  # the mathematics of native code rounds differently
    "normal": lambda k: random.normal(k, (100,)),
    "one": lambda k: random.normal(k),
    "normal32": lambda k: random.normal(k, (33,), np.float32),
    "gamma": lambda k: random.gamma(k, np.array([0.3, 1.0, 2.5, 100.0])),
    "dirichlet": lambda k: random.dirichlet(k, np.array([1.0, 2.0, 0.5]), (5,)),
    "wald": lambda k: random.wald(k, 2.0, (30,)),
    "without": lambda k: random.choice(k, 9, (4,), False, np.arange(9) / 36),
    "normals": lambda k: random.multivariate_normal(k, np.zeros(3), np.eye(3) + 0.3, (4,)),
}
EVERY = EXACT | NEAR


@pytest.mark.parametrize("name", EVERY)
def test_same_in_every_transform(name):
    f, keys = EVERY[name], random.split(key(7), 3)
    rtol = 0 if name in EXACT else 1e-14 if f(key()).dtype != np.float32 else 1e-6
    wanted = np.stack([f(k) for k in keys])
    stepped = scan(lambda c, k: (c, f(k)), 0.0, keys)[1]
    found = [jit(f)(keys[0])[None], vmap(f)(keys), pmap(f)(keys), jit(vmap(f))(keys), stepped]
    for x in found:
        assert x.dtype == wanted.dtype
        np.testing.assert_allclose(x, wanted[: len(x)], rtol=rtol, atol=0)


@needed
@pytest.mark.parametrize("name", EVERY)
def test_same_natively(name):
    """No part of it runs through NumPy."""
    f, k = EVERY[name], key(7)
    jaxpr, args = laws.captured(f, [k])
    status, (found,) = natively(jaxpr, args)
    assert status == 0
    wanted = f(key(7))
    rtol = 0 if name in EXACT else 1e-13 if wanted.dtype != np.float32 else 1e-6
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=0)


@needed
def test_a_loop_that_draws_is_native():
    def walk(k):
        def step(x, i):
            return x + random.normal(random.fold_in(k, i), (3,)), x[0]

        return scan(step, np.zeros(3), np.arange(50))

    wanted = walk(key(3))
    f = jit(walk, backend="llvm")
    for found in (f(key(3)), f(key(3))):
        for x, y in zip(found, wanted):
            np.testing.assert_allclose(x, y, rtol=1e-13)
    jaxpr, args = laws.captured(lambda k: walk(k), [key(3)])
    assert natively(jaxpr, args)[0] == 0


def test_keys_may_be_closed_over_and_made_inside():
    k = key(5)
    assert jit(lambda x: x * random.normal(k))(2.0) == pytest.approx(
        2 * random.normal(k), rel=1e-14
    )
    seeds = np.arange(4)
    np.testing.assert_array_equal(
        vmap(lambda s: random.uniform(random.key(s)))(seeds),
        [random.uniform(random.key(int(s))) for s in seeds],
    )
    np.testing.assert_array_equal(jit(random.key)(np.int64(-3)), random.key(-3))


def test_fold_in_of_a_traced_number():
    wanted = np.stack([random.fold_in(key(), i) for i in range(5)])
    found = vmap(lambda i: random.fold_in(key(), i))(np.arange(5))
    np.testing.assert_array_equal(found, wanted)
    assert len({tuple(row) for row in wanted.tolist()}) == 5


@pytest.mark.oracle
def test_bits_are_those_of_jax():
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True), jax.threefry_partitionable(True):
        k = jax.random.PRNGKey(42)
        pairs = [
            (jax.random.bits(k, (5,), "uint32"), random.bits(key(42), (5,))),
            (jax.random.bits(k, (5, 2), "uint64"), random.bits(key(42), (5, 2), np.uint64)),
            (jax.random.split(k, 4), random.split(key(42), 4)),
            (jax.random.fold_in(k, 7), random.fold_in(key(42), 7)),
            (jax.random.PRNGKey(-1), random.key(-1)),
            (jax.random.uniform(k, (50,)), random.uniform(key(42), (50,))),
            (jax.random.uniform(k, (9,), "float32"), random.uniform(key(42), (9,), np.float32)),
        ]
        names = ("normal", "exponential", "gumbel", "laplace", "logistic", "cauchy")
        for name in names:
            wanted = getattr(jax.random, name)(k, (200,))
            pairs.append((wanted, getattr(random, name)(key(42), (200,))))
        for n, (wanted, found) in enumerate(pairs):
            wanted = np.asarray(wanted)
            assert found.dtype == wanted.dtype
            np.testing.assert_allclose(found, wanted, rtol=0 if n < 7 else 1e-11)


def test_keyed_draws_are_no_draws_to_jit():
    """They are functions of their key; what else they load when first called is no matter."""
    text = (
        "from funcgrad import jit, random\n"
        "f = jit(lambda key: random.normal(key, (3,)))\n"
        "key = random.key(0)\n"
        "assert (f(key) == random.normal(key, (3,))).all()\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", text], capture_output=True,
                          text=True, timeout=120, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
