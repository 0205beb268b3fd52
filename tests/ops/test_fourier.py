"""``np.fft`` on traced values: NumPy's numbers and dtypes, derivatives, batches, programs."""

import numpy as np
import pytest

from funcgrad import grad, jit, vmap
from tests.test_products import agrees

RNG = np.random.default_rng(8)
REAL = RNG.normal(size=(4, 5))
COMPLEX = REAL + 1j * RNG.normal(size=(4, 5))

ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
OPTIONS_ONE = [
    {}, {"n": 3}, {"n": 8}, {"axis": 0}, {"norm": "ortho"}, {"norm": "forward", "n": 7, "axis": 0},
]  # fmt: skip
MANY = ["fft2", "ifft2", "fftn", "ifftn", "rfft2", "rfftn", "irfft2", "irfftn"]
OPTIONS_MANY = [
    {}, {"s": (3, 6), "axes": (0, 1)}, {"axes": (1, 0)}, {"norm": "ortho"},
    {"norm": "forward", "axes": (1, 0)},
]  # fmt: skip
CASES = [(n, o) for names, options in ((ONE, OPTIONS_ONE), (MANY, OPTIONS_MANY))
         for n in names for o in options]  # fmt: skip


def takes_complex(name):
    return name not in ("rfft", "ihfft", "rfft2", "rfftn")


@pytest.mark.parametrize("name, options", CASES, ids=str)
def test_transforms(name, options):
    function = getattr(np.fft, name)
    agrees(lambda x: function(x, **options), [REAL])
    if takes_complex(name):
        agrees(lambda x: function(x, **options), [COMPLEX])


@pytest.mark.parametrize("name, options", CASES[::5], ids=str)
def test_batches_and_programs(name, options):
    function = getattr(np.fft, name)
    batch = np.stack([REAL, 2 * REAL + 1, REAL**2])
    wanted = np.stack([function(x, **options) for x in batch])
    np.testing.assert_allclose(vmap(lambda x: function(x, **options))(batch), wanted, atol=1e-13)
    compiled = jit(lambda x: function(x, **options))
    for x, z in zip(batch, wanted, strict=True):
        np.testing.assert_allclose(compiled(x), z, atol=1e-13)


@pytest.mark.parametrize("name", ["fft", "rfft", "irfft", "fftn"])
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex64])
def test_dtypes_are_numpys(name, dtype):
    function = getattr(np.fft, name)
    if dtype is np.complex64 and not takes_complex(name):
        pytest.skip("takes real numbers")
    x = (3 * REAL).astype(dtype)
    found = jit(lambda x: function(x))(x)
    assert found.dtype == function(x).dtype
    np.testing.assert_allclose(found, function(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
@pytest.mark.parametrize("axes", [None, 0, (0, 1), -1])
def test_shifts(name, axes):
    agrees(lambda x: getattr(np.fft, name)(x, axes=axes), [REAL])


def test_a_spectral_derivative():
    """The gradient of an energy in Fourier space against the formula, by Parseval."""
    k = np.fft.rfftfreq(8, 1 / 8)
    x = RNG.normal(size=8)

    def energy(x):
        return np.sum(np.abs(np.fft.rfft(x) * k) ** 2)

    h = 1e-6
    quotient = [(energy(x + h * u) - energy(x - h * u)) / (2 * h) for u in np.eye(8)]
    np.testing.assert_allclose(grad(energy)(x), quotient, rtol=1e-7)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: np.fft.fft(x, n=0), "data points"),
        (lambda x: np.fft.fft(x, norm="orthogonal"), "norm value"),
        (lambda x: np.fft.irfft(x, n=0), "data points"),
        (lambda x: np.fft.fftn(x, s=(2, 2), axes=(0,)), "different lengths"),
        (lambda x: np.fft.fft(x, axis=3), "out of bounds"),
        (lambda x: np.fft.rfft(x + 1j), "real numbers"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        grad(lambda x: np.sum(np.real(call(x))))(REAL)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft", "fft2", "rfftn"])
def test_jax_agrees(name):
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    x = REAL
    theirs = jax.grad(lambda x: (abs(getattr(jax.numpy.fft, name)(x)) ** 2).sum())(x)
    ours = grad(lambda x: np.sum(np.abs(getattr(np.fft, name)(x)) ** 2))(x)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
