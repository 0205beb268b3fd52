"""``funcgrad.scipy.signal``: SciPy's numbers, and derivatives in signals, kernels and filters."""

import numpy as np
import pytest
import scipy.signal

from funcgrad import grad, jit, vmap
from funcgrad.errors import NotTraceableError
from funcgrad.scipy import signal
from funcgrad.testing import check_grads

RNG = np.random.default_rng(12)
LONG, SHORT, EVEN = (RNG.normal(size=n) for n in (17, 5, 4))
PLANE, PATCH = RNG.normal(size=(6, 7)), RNG.normal(size=(3, 2))


def same(name, args, options, order=1):
    """SciPy's value, whichever operands are traced, and right derivatives."""
    ours, theirs = getattr(signal, name), getattr(scipy.signal, name)
    wanted = theirs(*args, **options)
    found = jit(lambda xs: ours(*xs, **options))(args)
    flat = lambda z: z if isinstance(z, tuple) else (z,)
    for x, y in zip(flat(found), flat(wanted), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12)
    for z in flat(ours(*args, **options)):
        assert type(z) is np.ndarray
    moving = [v for x in args for v in ((x.real, x.imag) if np.iscomplexobj(x) else (x,))]

    def real(*parts):
        """Complex numbers as pairs of real ones, of operands and of results."""
        rest = iter(parts)
        xs = [next(rest) + 1j * next(rest) if np.iscomplexobj(x) else next(rest) for x in args]
        return [(np.real(z), np.imag(z)) for z in flat(ours(*xs, **options))]

    check_grads(real, moving, order, rtol=1e-6)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("method", ["auto", "direct", "fft"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_convolutions(name, method, mode):
    for args in ((LONG, SHORT), (SHORT, LONG), (LONG, EVEN), (PLANE, PATCH)):
        same(name, args, {"mode": mode, "method": method}, 2)
    turned = LONG + 1j * LONG[::-1]
    for args in ((turned, SHORT), (LONG, EVEN * 1j + EVEN)):
        same(name, args, {"mode": mode, "method": method})


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_by_fourier(mode):
    same("fftconvolve", (PLANE, PATCH[:, :1]), {"mode": mode, "axes": 0})
    same("oaconvolve", (LONG, SHORT), {"mode": mode})
    wanted = scipy.signal.convolve(np.arange(5), np.arange(3), mode)
    found = jit(lambda x: signal.convolve(x, np.arange(3), mode))(np.arange(5))
    np.testing.assert_array_equal(found, wanted)
    assert found.dtype == wanted.dtype
    big = RNG.normal(size=(2, 90))
    same("convolve", tuple(big), {"mode": mode})


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_planes(name, boundary, mode):
    for patch in (PATCH, RNG.normal(size=(2, 3)), RNG.normal(size=(3, 3))):
        same(name, (PLANE, patch), {"mode": mode, "boundary": boundary, "fillvalue": 0.5})


def test_analytic_signal_and_trends():
    for n in (None, 12, 20):
        same("hilbert", (LONG,), {"N": n})
    same("hilbert", (PLANE,), {"axis": 0})
    for options in ({}, {"type": "constant"}, {"bp": [5, 9]}, {"bp": 1}):
        same("detrend", (LONG,), options)
    same("detrend", (PLANE,), {"axis": 0})


B, A = scipy.signal.butter(3, 0.3)


def test_recursive_filters():
    same("lfilter", (B, 2 * A, LONG), {}, 2)
    same("lfilter", (B[:2], A, PLANE), {"axis": 0})
    same("lfilter", (SHORT, np.array([2.0]), PLANE), {})
    same("lfilter", (np.array([2.0]), np.array([4.0]), LONG), {})
    same("lfilter", (B, A, PLANE), {"zi": 0.1 * PLANE[:, :3]})
    same("lfilter_zi", (B, A), {})
    for padtype in ("odd", "even", "constant", None):
        same("filtfilt", (B, A, LONG), {"padtype": padtype})
    same("filtfilt", (B, A, PLANE), {"padlen": 3, "axis": 0})
    sos = scipy.signal.butter(4, 0.3, output="sos")
    for x, options in ((LONG, {}), (PLANE, {"zi": RNG.normal(size=(2, 6, 2))})):
        found = jit(lambda x, o=options: signal.sosfilt(sos, x, **o))(x)
        for ours, theirs in zip(found, scipy.signal.sosfilt(sos, x, **options), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    check_grads(
        lambda s, x: signal.sosfilt(np.insert(s, 3, 1.0, 1), x), (sos[:, [0, 1, 2, 4, 5]], LONG)
    )


SPECTRA = [
    {}, {"nperseg": 8}, {"nperseg": 8, "noverlap": 3, "nfft": 11, "scaling": "spectrum", "fs": 4.0},
    {"nperseg": 7, "detrend": "linear", "window": ("tukey", 0.3)},
    {"nperseg": 8, "detrend": False, "return_onesided": False},
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:nperseg")
@pytest.mark.parametrize("options", SPECTRA, ids=str)
def test_spectra(options):
    same("welch", (LONG,), options, 2)
    same("csd", (LONG, LONG[::-1] ** 2), options)
    same("welch", (PLANE.T @ PLANE @ PLANE.T,), options | {"axis": 0, "nperseg": 6, "nfft": None,
                                                           "noverlap": 2})  # fmt: skip
    alone = {k: v for k, v in options.items() if k not in ("nperseg", "noverlap")}
    alone.pop("nfft", None)
    same("periodogram", (LONG,), alone)


@pytest.mark.parametrize(
    "options",
    [{}, {"noverlap": 5}, {"boundary": None, "padded": False}, {"boundary": "even"},
     {"boundary": "constant", "nfft": 12}, {"scaling": "psd", "fs": 3.0}, {"detrend": "constant"}],
    ids=str,
)  # fmt: skip
def test_short_time_transforms(options):
    same("stft", (LONG,), {"nperseg": 8} | options)
    same("stft", (PLANE,), {"nperseg": 4, "axis": 0} | options | {"noverlap": 2, "nfft": None})


def test_coherence_batches_and_single_precision():
    x = RNG.normal(size=(2, 40))
    same("coherence", tuple(x), {"nperseg": 8})
    found = vmap(lambda row: signal.lfilter(B, A, row))(PLANE)
    np.testing.assert_allclose(found, scipy.signal.lfilter(B, A, PLANE), rtol=1e-12)
    small = LONG.astype(np.float32)
    for call in (
        lambda x: signal.convolve(x, x), lambda x: signal.fftconvolve(x, x),
        lambda x: signal.lfilter(small[:2], small[2:5], x), lambda x: signal.detrend(x),
        lambda x: signal.welch(x, nperseg=8)[1],
    ):  # fmt: skip
        assert jit(call)(small).dtype == np.float32
    assert signal.windows is scipy.signal.windows


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: signal.convolve(x, PATCH), ValueError, "as many axes"),
        (lambda x: signal.convolve(x, x, "half"), ValueError, "half"),
        (lambda x: signal.convolve2d(x, x), ValueError, "matrices"),
        (lambda x: signal.filtfilt(B, A, x[:5]), ValueError, "more than 12"),
        (lambda x: signal.filtfilt(B, A, x, method="gust"), NotTraceableError, "gust"),
        (lambda x: signal.welch(x, average="median"), NotTraceableError, "median"),
        (lambda x: signal.csd(x, x[1:]), ValueError, "17 and 16"),
        (lambda x: signal.lfilter(B, A, x, zi=np.zeros(2)), ValueError, "not 3"),
        (lambda x: signal.find_peaks(x), AttributeError, "find_peaks"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        grad(lambda x: np.sum(call(x)[0]))(LONG)
