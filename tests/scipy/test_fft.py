"""``funcgrad.scipy.fft``: SciPy's numbers, linear derivatives, batches; SciPy itself elsewhere."""

import numpy as np
import pytest
import scipy.fft

from funcgrad import jit, vmap
from funcgrad.scipy import fft
from tests.test_products import agrees

RNG = np.random.default_rng(9)
REAL = RNG.normal(size=(4, 5))
ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
MANY = ["fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2",
        "fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"]  # fmt: skip
WAVES = ["dct", "idct", "dst", "idst"]


def same(name, options, args=(REAL,)):
    """SciPy's values for plain arrays; the traced function's value and derivative agree."""
    ours, theirs = getattr(fft, name), getattr(scipy.fft, name)
    np.testing.assert_array_equal(ours(*args, **options), theirs(*args, **options))
    agrees(lambda *xs: ours(*xs, **options), list(args))


@pytest.mark.parametrize("options", [{}, {"n": 6, "norm": "ortho"}, {"axis": 0, "norm": "forward"}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("name", ONE)
def test_along_one_axis(name, options):
    same(name, options)


@pytest.mark.parametrize("options", [{}, {"s": (3, 6)}, {"axes": (1, 0), "norm": "ortho"},
                                     {"norm": "forward"}], ids=str)  # fmt: skip
@pytest.mark.parametrize("name", MANY)
def test_along_several_axes(name, options):
    same(name, options)


@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "options",
    [{}, {"norm": "ortho"}, {"norm": "forward"}, {"norm": "ortho", "orthogonalize": False},
     {"orthogonalize": True}, {"n": 3, "axis": 0}, {"n": 7}], ids=str,
)  # fmt: skip
@pytest.mark.parametrize("name", WAVES)
def test_cosine_and_sine_transforms(name, options, type):
    same(name, {"type": type, **options})


@pytest.mark.parametrize("options", [{}, {"axes": (0,), "s": (3,), "norm": "ortho"}, {"type": 3}],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("name", [w + "n" for w in WAVES])
def test_waves_along_several_axes(name, options):
    same(name, options)
    same(name, options, (REAL + 1j * REAL**2,))


@pytest.mark.parametrize("name", ["fft", "rfftn", "dct", "idst", "hfft", "dctn"])
def test_batches_and_programs(name):
    function = getattr(fft, name)
    batch = np.stack([REAL, REAL + 1, REAL**2])
    wanted = np.stack([getattr(scipy.fft, name)(x) for x in batch])
    np.testing.assert_allclose(vmap(lambda x: function(x))(batch), wanted, atol=1e-13)
    np.testing.assert_allclose(jit(lambda x: function(x))(REAL), wanted[0], atol=1e-13)
    single = jit(lambda x: function(x))(REAL.astype(np.float32))
    assert single.dtype == getattr(scipy.fft, name)(REAL.astype(np.float32)).dtype


def test_the_rest_of_the_module():
    assert fft.next_fast_len(7) == scipy.fft.next_fast_len(7)
    np.testing.assert_array_equal(fft.fftfreq(4), scipy.fft.fftfreq(4))
    same("fftshift", {})
    same("ifftshift", {"axes": 0})
    with pytest.raises(AttributeError, match=r"no 'fht'.*custom_jvp"):
        fft.fht
    public = {n for n in scipy.fft.__all__ if callable(getattr(scipy.fft, n))}
    lacking = {n for n in public if not hasattr(fft, n)}
    assert lacking == {"fht", "ifht", "fhtoffset", "set_backend", "skip_backend",
                       "set_global_backend", "register_backend"}  # fmt: skip


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: fft.dct(x, type=5), "types 1, 2, 3 and 4"),
        (lambda x: fft.dct(x[:, :1], type=1), "two points"),
        (lambda x: fft.dst(x, norm="unit"), "ortho"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        jit(call)(REAL)
