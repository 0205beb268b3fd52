"""Kernels of every form: rows short and long, sums in parts, pieces, gathers, wide indices."""

import re

import numpy as np
import pytest

from funcgrad import grad, jit, make_jaxpr, vmap
from funcgrad.backends.cuda import nest
from funcgrad.backends.explained import kernel_lines
from funcgrad.backends.program import Program, program_of
from tests import laws
from tests.backends.cuda.ondevice import launched, needed
from tests.backends.fake_cupy import fake_cupy
from tests.backends.llvm import test_pieces

pytestmark = needed

RNG = np.random.default_rng(7)


def agree(f, *args, rtol=1e-13):
    """The kernels of f give what the reference gives; the program, for a look at it."""
    (program,) = several([(f, args)], rtol)
    return program


def several(cases, rtol=1e-13, xp=fake_cupy):
    traced = []
    for f, args in cases:
        closed = make_jaxpr(f)(*args)
        traced.append((closed.jaxpr, [*args, *closed.consts]))
    programs = []
    for (program, outs), (jaxpr, values) in zip(launched(traced, xp), traced, strict=True):
        for found, wanted in zip(outs, laws.evaluate(jaxpr, values), strict=True):
            laws.close(found, wanted, rtol, program.source)
            assert found.dtype == np.asarray(wanted).dtype
            assert not any(np.shares_memory(found, x) for x in values)
        programs.append(program)
    return programs


def launches(program):
    return len(re.findall(r"^    kernel_", program.source, re.M))


# -- rows -------------------------------------------------------------------------------------


def softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def layernorm(x):
    d = x - np.mean(x, axis=-1, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=-1, keepdims=True) + 1e-5)


def logsumexp(x):
    m = np.max(x, axis=-1)
    return m + np.log(np.sum(np.exp(x - m[..., None]), axis=-1))


def centred_twice(x):
    """Row numbers and the sum over rows of what they were used for."""
    y = x - np.mean(x, axis=-1, keepdims=True)
    return y, np.sum(y * y, axis=0), np.sum(softmax(y), axis=0), np.sum(np.sin(y))


ROWS = [softmax, layernorm, logsumexp, centred_twice]
SHAPES = [(5, 7), (700, 3), (40, 37), (2, 3, 64), (3, 700), (2, 9001), (1, 33)]


def loss_of(f):
    def loss(x):
        out = f(x)
        return sum(np.sum(np.cos(y)) for y in (out if isinstance(out, tuple) else (out,)))

    return loss


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_rows(shape, dtype):
    x = RNG.normal(size=shape).astype(dtype)
    several([(make(f), (x,)) for f in ROWS for make in (lambda f: f, lambda f: grad(loss_of(f)))],
            1e-12)  # fmt: skip


def test_a_softmax_and_its_gradient_are_one_launch_each():
    x = RNG.normal(size=(40, 100))
    assert launches(agree(softmax, x)) == 1
    assert launches(agree(grad(lambda x: np.sum(softmax(x) ** 2)), x)) == 1


# -- sums -------------------------------------------------------------------------------------


REDUCE = [np.sum, np.max, np.min, np.prod, np.any, np.all]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32, np.uint8, np.bool_])
def test_reductions_over_any_axes(dtype):
    x = (RNG.normal(size=(6, 5, 70)) * 2).astype(dtype)
    axes = [None, 0, 1, 2, (0, 1), (0, 2), (1, 2)]
    cases = [
        (lambda x, r=reduce, a=axis: r(x[:, :, 1:], axis=a), (x,))
        for reduce in REDUCE
        for axis in axes
    ]
    several(cases, 1e-12)


def many_sums(x):
    y = np.sin(x)
    return np.sum(y), np.max(y), np.sum(y * x, axis=0), np.min(x, axis=-1)


@pytest.mark.parametrize("shape", [(50_000,), (1000, 3), (3, 20_000), (200, 50)], ids=str)
def test_large_sums_come_in_parts(shape):
    x = RNG.normal(size=shape)
    program = agree(many_sums, x, rtol=1e-12)
    assert "_parts" in program.source
    first, second = (program.call(x) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_special_numbers_in_reductions():
    cases = []
    for special in (np.nan, np.inf, -np.inf, -0.0):
        for shape in ((5,), (7, 300), (33, 18)):
            x = RNG.normal(size=shape)
            x.flat[x.size // 2] = special
            cases += [
                (lambda x, r=r, a=a: r(x, axis=a), (x,)) for r in REDUCE[:3] for a in (None, -1, 0)
            ]
    several(cases, 1e-12)


# -- single numbers ---------------------------------------------------------------------------


def test_work_on_single_numbers_is_one_launch():
    def f(x, s):
        t = np.sum(x) * s
        u = np.tanh(t) / (1.0 + t * t)
        return u * 2.0, np.where(u > 0, t, u), x * u

    program = agree(f, RNG.normal(size=50), np.float64(0.3))
    assert launches(program) == 3  # the sum, the numbers, what they are multiplied by


def test_python_numbers_stay_weak():
    def f(x):
        return x * 2.5 + 1

    program = Program(make_jaxpr(f)(np.ones(9, np.float32)).jaxpr, fake_cupy)
    (found,) = program.call(np.full(9, 3.0, np.float32))
    assert found.dtype == np.float32 and found[0] == 8.5


# -- pieces, gathers --------------------------------------------------------------------------


@pytest.mark.parametrize("f", [*test_pieces.FUNCTIONS, test_pieces.differences])
def test_values_of_pieces(f):
    loss = loss_of(f)
    cases = []
    for shape in [(3,), (40,), (18, 33), (3, 4, 21)]:
        x = test_pieces.array(shape)
        second = grad(lambda x: np.sum(np.sin(grad(loss)(x))))
        cases += [(f, (x,)), (grad(loss), (x,)), (second, (x,))]
        cases.append((vmap(grad(loss)), (np.stack([x, x + 0.5]),)))
    several(cases)


def test_a_stencils_gradient_is_one_launch():
    f = grad(lambda x: np.sum(test_pieces.laplacian(x) * 0.5))
    assert launches(agree(f, RNG.normal(size=(18, 33)))) == 1


def picked(x, i, j):
    return np.sin(x)[i] * 2.0, x[:, j] + 1.0, x[i, j[: i.shape[0]]] * x[0, 0]


def test_gathers_with_places_from_both_ends():
    x, i, j = RNG.normal(size=(6, 9)), np.array([0, -1, 5, -6]), np.array([[8, -9], [3, 3]])
    agree(lambda x, i, j: picked(x, i, j[0]), x, i[:2], j)
    agree(lambda x, i, j: (x[i], x[:, j], x[1:, j[0]]), x, i.astype(np.int32), j)
    agree(grad(lambda x: np.sum(x[np.array([0, 0, 2])] ** 2)), x)


def test_a_place_outside_is_an_error_with_the_users_line():
    def f(x, i):
        return x[i] * 2.0

    x = np.arange(5.0)
    program = Program(make_jaxpr(f)(x, np.array([1, 2])).jaxpr, fake_cupy)
    np.testing.assert_array_equal(program.call(x, np.array([-5, 4]))[0], [0.0, 8.0])
    for wrong in (5, -6):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds") as caught:
            program.call(x, np.array([0, wrong]))
        assert "test_kernels.py" in caught.value.__notes__[0]


# -- the whole --------------------------------------------------------------------------------


def test_operands_in_any_order_of_memory():
    x, y = RNG.normal(size=(8, 12)), RNG.normal(size=(12, 8))
    closed = make_jaxpr(lambda x, y: np.sin(x).T @ x + y @ y.T)(x, y)
    program = Program(closed.jaxpr, fake_cupy)
    wanted = laws.evaluate(closed.jaxpr, [x, y])
    for given in ([np.asfortranarray(x), y[::1]], [np.repeat(x, 2, 0)[::2], np.asfortranarray(y)]):
        np.testing.assert_allclose(program.call(*given)[0], wanted[0], rtol=1e-12)


def test_indices_of_sixty_four_bits(monkeypatch):
    monkeypatch.setattr(nest, "_WIDE", 1)
    x = RNG.normal(size=(40, 37))
    cases = [(f, (x,)) for f in (*ROWS, *test_pieces.FUNCTIONS)]
    for program in several([*cases, (lambda x: np.sum(np.sin(x), axis=0), (np.tile(x, (50, 1)),))]):
        kernels = program.kernels[program.kernels.index('extern "C"') :]
        assert "for (long long" in kernels and "for (int" not in kernels


def test_text_is_the_same_in_every_run():
    """CuPy's cache on disk goes by the text."""
    x = RNG.normal(size=(30, 20))
    texts = {
        Program(make_jaxpr(grad(loss_of(centred_twice)))(x).jaxpr, fake_cupy).kernels
        for _ in range(3)
    }
    assert len(texts) == 1


def test_kernels_are_explained():
    jaxpr = make_jaxpr(grad(lambda x: np.sum(softmax(x) ** 2)))(RNG.normal(size=(4, 9))).jaxpr
    assert kernel_lines(jaxpr) == []
    program_of(jaxpr, fake_cupy)
    first, nest_line = kernel_lines(jaxpr)
    assert first == "through CuPy, with 1 kernels:"
    assert nest_line.startswith("  nest over 4 × 9, rows of 9: reduce_max | ")


@pytest.mark.gpu
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_on_a_device(shape):
    """The same programs, rounded as the device's library rounds."""
    cupy = pytest.importorskip("cupy")
    functions = [*ROWS, *test_pieces.FUNCTIONS]
    x = RNG.normal(size=shape)
    several([(f, (x,)) for f in functions], 1e-11, cupy)
    several([(grad(loss_of(f)), (x,)) for f in functions], 1e-11, cupy)


@pytest.mark.gpu
@pytest.mark.parametrize("shape", [(5_000_000,), (1_000_000, 3), (3, 2_000_000), (4000, 1000)])
def test_large_sums_on_a_device(shape):
    cupy = pytest.importorskip("cupy")
    several([(many_sums, (RNG.normal(size=shape),))], 1e-10, cupy)


@pytest.mark.gpu
def test_an_error_on_a_device():
    cupy = pytest.importorskip("cupy")
    f = jit(lambda x, i: x[i] * 2.0)
    f(cupy.arange(5.0), cupy.asarray([1]))
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 0 with size 5"):
        f(cupy.arange(5.0), cupy.asarray([5]))
