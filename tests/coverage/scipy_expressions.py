"""One expression for every function of ``funcgrad.scipy``, over the operands of ``expressions``.

Functions of ``scipy.special`` that are ufuncs are called as SciPy's own; their operands come from
the cases that ``docs/special.md`` is made of.
"""

from __future__ import annotations

__all__ = ["SCIPY"]

_SOLVING = {
    "solve": "(m, w)", "solve_triangular": "(m, w)", "inv": "(m)", "det": "(m)", "pinv": "(w)",
    "pinvh": "((s + s.T) / 2)", "lstsq": "(w.T, w[0])[0]", "norm": "(w)",
    "solve_banded": "((1, 1), np.abs(w) + 1.0, x)", "solveh_banded": "(np.stack([y, x + 4]), x)",
    "solve_circulant": "(x, y)", "solve_toeplitz": "(x + np.eye(5)[0] * 3, y)",
    "solve_sylvester": "(m, m, s)", "solve_continuous_lyapunov": "(m, s)",
    "solve_lyapunov": "(m, s)", "solve_discrete_lyapunov": "(m / 9, s)",
}  # fmt: skip
_FACTORS = {
    "cholesky": "((s + s.T) / 2)",
    "cho_solve": "((s, True), w)", "lu": "(m)[2]", "lu_factor": "(m)[0]",
    "lu_solve": "((m, np.arange(3)), w)", "qr": "(m)[1]", "svdvals": "(w)",
    "eigvalsh": "((s + s.T) / 2)", "eigvalsh_tridiagonal": "(x, y[1:])",
    "null_space": "(w[:, :4])", "orth": "(w)", "subspace_angles": "(w.T[:, :1], w.T[:, 1:2])",
}  # fmt: skip
_BUILDING = {
    "block_diag": "(m, w)", "circulant": "(x)", "companion": "(x)",
    "convolution_matrix": "(x, 3)", "fiedler": "(x)", "hankel": "(x, y)", "khatri_rao": "(m, m)",
    "leslie": "(x, y[1:])", "matmul_toeplitz": "(x, w.T)", "toeplitz": "(x, y)",
    "expm": "(m)", "expm_frechet": "(m, s)[1]", "logm": "(s)", "sqrtm": "(s)", "sinm": "(m)",
    "cosm": "(m)", "tanm": "(m / 9)", "sinhm": "(m)", "coshm": "(m)", "tanhm": "(m)",
    "signm": "(m)", "polar": "(m)[0]", "fractional_matrix_power": "(s, 0.5)",
    "orthogonal_procrustes": "(m, s)[0]", "rq": "(m)[0]",
    "eigvals_banded": "(np.stack([y, x + 4]))",
    "funm": "(m, lambda w: w / (1.0 + w * w))",
}  # fmt: skip
_FFT = dict.fromkeys(["fft", "ifft", "rfft", "ihfft"], "(x)")
_FFT |= dict.fromkeys(
    ["fft2", "ifft2", "rfft2", "fftn", "ifftn", "rfftn", "ihfft2", "ihfftn"], "(w)"
)
_DCT = ["dct", "idct", "dst", "idst", "dctn", "idctn", "dstn", "idstn", "fftshift", "ifftshift"]
_DENSITIES = {
    "beta": "x, 2.0 + y, 3.0", "cauchy": "x, y", "gennorm": "x, 1.5 + y", "gumbel_l": "x, y",
    "gumbel_r": "x, y", "laplace": "x, y", "logistic": "x, y", "norm": "x, y, 1.0 + x",
    "skewnorm": "x, y", "t": "x, 2.0 + y", "triang": "x, 0.95", "truncnorm": "x, -1.0, 2.0 + y",
    "uniform": "x, -1.0, 3.0 + y", "vonmises": "x, 1.0 + y", "wrapcauchy": "x, y / 2",
    "chi2": "x, 2.0 + y", "expon": "x, 0.0, y", "f": "x, 3.0, 4.0 + y", "gamma": "x, 2.0 + y",
    "halfcauchy": "x", "halfnorm": "x", "invgamma": "x, 2.0 + y", "lognorm": "x, 1.0 + y",
    "maxwell": "x", "pareto": "1.0 + x, 2.0 + y", "rayleigh": "x", "weibull_max": "-x, 2.0 + y",
    "weibull_min": "x, 2.0 + y",
}  # fmt: skip
_MASSES = {
    "bernoulli": "i % 2, x", "betabinom": "i, 6, 1.0 + x, 2.0 + y", "binom": "i, 6, x",
    "geom": "1 + i, x", "hypergeom": "i % 3, 20, 7, 12", "nbinom": "i, 3.0 + x, y",
    "poisson": "i, 1.0 + x",
}  # fmt: skip
_SUMMARIES = {
    "gmean": "(x)", "hmean": "(x)", "kurtosis": "(x)", "skew": "(x)", "moment": "(x, 2)",
    "sem": "(x)", "zscore": "(x)", "pearsonr": "(x, y)[0]", "rankdata": "(x)",
    "gaussian_kde": "(x).logpdf(y)", "dirichlet.logpdf": "(x[:3] / np.sum(x[:3]), 1.0 + y[:3])",
    "multinomial.logpmf": "(np.array([2, 1, 3]), 6, x[:3] / np.sum(x[:3]))",
    "multivariate_normal.logpdf": "(x[:3], y[:3], (s + s.T) / 2)",
    "multivariate_t.logpdf": "(x[:3], y[:3], (s + s.T) / 2, 4.0)",
}  # fmt: skip
_SIGNAL = {
    "convolve": "(x, y[:3])", "convolve2d": "(m, m)", "correlate": "(x, y[:3])",
    "correlate2d": "(m, m)", "fftconvolve": "(x, y)", "oaconvolve": "(x, y[:2])",
    "detrend": "(x)", "hilbert": "(x).imag", "lfilter": "([1.0, 0.5], [1.0, 0.2], x)",
    "filtfilt": "([1.0, 0.5], [1.0, 0.2], x, padlen=2)", "lfilter_zi": "(x[:3], 1.0 + y[:3])",
    "sosfilt": "([[1.0, 0.5, 0.1, 1.0, 0.2, 0.1]], x)", "periodogram": "(x)[1]",
    "welch": "(np.tile(x, 4), nperseg=8)[1]",
    "csd": "(np.tile(x, 4), np.tile(y, 4), nperseg=8)[1].real",
    "coherence": "(np.concatenate([x, y, x * y]), np.concatenate([y, x, y * y]), nperseg=5)[1]",
    "stft": "(np.tile(x, 4), nperseg=8)[2].real",
}  # fmt: skip
_NDIMAGE = {
    "convolve": "(m, s)", "correlate": "(m, s)", "convolve1d": "(w, x[:3])",
    "correlate1d": "(w, x[:3])", "gaussian_filter": "(w, 0.7)", "gaussian_filter1d": "(x, 0.7)",
    "uniform_filter": "(w, 3)", "uniform_filter1d": "(x, 3)", "spline_filter1d": "(x)",
    "map_coordinates": "(w, np.stack([x * 1.9, y * 3.9]), order=1)",
}  # fmt: skip
_INTEGRATE = {
    "trapezoid": "(x, np.cumsum(y))", "cumulative_trapezoid": "(x, np.cumsum(y))",
    "simpson": "(x, np.cumsum(y))", "cumulative_simpson": "(x, x=np.cumsum(y))", "romb": "(x)",
    "fixed_quad": "(lambda t: x[0] * t**3, 0.0, y[0])[0]",
    "quad": "(lambda t: np.exp(-x[0] * t), 0.0, y[0])[0]",
    "odeint": "(lambda u, t: -x[0] * u, y[:2], np.linspace(0.0, 1.0, 3), rtol=1e-12, atol=1e-13)",
    "solve_ivp": "(lambda t, u: -x[0] * u, (0.0, 1.0), y[:2], t_eval=[0.5, 1.0], "
    "rtol=1e-10, atol=1e-12).y",
}  # fmt: skip
_POINTS = "np.cumsum(0.5 + y), x"
_INTERPOLATE = {
    "Akima1DInterpolator": f"({_POINTS})(1.9 + x)", "CubicSpline": f"({_POINTS})(1.9 + x)",
    "PchipInterpolator": f"({_POINTS})(1.9 + x)",
    "CubicHermiteSpline": "(np.cumsum(0.5 + y), x, y)(1.9 + x)",
    "PPoly": "(w[:, :2], np.array([0.0, 0.4, 1.0]))(x)",
    "BSpline": "(np.arange(9.0), x, 3)(3.0 + y)", "make_interp_spline": f"({_POINTS})(1.9 + x)",
    "interp1d": f"({_POINTS})(1.9 + x)", "interpn":
    "((np.arange(3.0), np.arange(5.0)), w, np.stack([x * 1.9, y * 3.9], -1))",
    "RegularGridInterpolator":
    "((np.arange(3.0), np.arange(5.0)), w)(np.stack([x * 1.9, y * 3.9], -1))",
}  # fmt: skip
_SPECIAL = {
    "logsumexp": "(x)", "softmax": "(x)", "log_softmax": "(x)", "softplus": "(x)",
    "polygamma": "(2, x)", "multigammaln": "(x + 2.0, 2)", "zeta": "(x + 1.5, y)",
    "comb": "(x + 4.0, 2)", "perm": "(x + 4.0, 2)", "factorial": "(x + 2.0)", "jvp": "(1, x)",
    "yvp": "(1, x)", "ivp": "(1, x)", "kvp": "(1, x)", "spherical_jn": "(2, x)",
    "spherical_yn": "(2, x)", "spherical_in": "(2, x)", "spherical_kn": "(2, x)",
    "legendre_p": "(3, x)", "sph_legendre_p": "(3, 1, x)", "sph_harm_y": "(3, 1, x, y).real",
    "lambertw": "(x).real", "diric": "(x, 5)", "sinc": "(x)",
}  # fmt: skip

SCIPY: dict[str, str] = {
    **{f"linalg.{n}": f"sp.linalg.{n}{a}" for t in (_SOLVING, _FACTORS, _BUILDING)
       for n, a in t.items()},
    "linalg.cho_factor": "np.triu(sp.linalg.cho_factor((s + s.T) / 2)[0])",
    "linalg.svd": "np.abs(sp.linalg.svd(w, full_matrices=False)[0])",
    "linalg.eig": "np.abs(sp.linalg.eig(m)[1])", "linalg.eigvals": "np.abs(sp.linalg.eigvals(m))",
    "linalg.eigh": "np.abs(sp.linalg.eigh((s + s.T) / 2)[1])",
    "linalg.eigh_tridiagonal": "np.abs(sp.linalg.eigh_tridiagonal(x, y[1:])[1])",
    "linalg.eig_banded": "np.abs(sp.linalg.eig_banded(np.stack([y, x + 4]))[1])",
    "linalg.schur": "np.abs(sp.linalg.schur(m, output='complex')[0])",
    **{f"fft.{n}": f"parts(sp.fft.{n}{a})" for n, a in _FFT.items()},
    **{f"fft.{n}": f"sp.fft.{n}(z * x)" for n in ("irfft", "hfft")},
    **{f"fft.{n}": f"sp.fft.{n}(z * w)" for n in ("irfft2", "hfft2", "irfftn", "hfftn")},
    **{f"fft.{n}": f"sp.fft.{n}(x)" for n in _DCT},
    **{f"stats.{n}.logpdf": f"sp.stats.{n}.logpdf({a})" for n, a in _DENSITIES.items()},
    **{f"stats.{n}.logpmf": f"sp.stats.{n}.logpmf({a})" for n, a in _MASSES.items()},
    "stats.vonmises.cdf": "sp.stats.vonmises.cdf(x, 1.0 + y)",
    "stats.skewnorm.ppf": "sp.stats.skewnorm.ppf(x, y)",
    "stats.betabinom.cdf": "sp.stats.betabinom.cdf(i, 6, 1.0 + x, 2.0 + y)",
    **{f"stats.{n}": f"sp.stats.{n}{a}" for n, a in _SUMMARIES.items()},
    **{f"signal.{n}": f"sp.signal.{n}{a}" for n, a in _SIGNAL.items()},
    **{f"ndimage.{n}": f"sp.ndimage.{n}{a}" for n, a in _NDIMAGE.items()},
    **{f"integrate.{n}": f"sp.integrate.{n}{a}" for n, a in _INTEGRATE.items()},
    **{f"interpolate.{n}": f"sp.interpolate.{n}{a}" for n, a in _INTERPOLATE.items()},
    "spatial.distance.cdist": "sp.spatial.distance.cdist(w, m[:, :1] + w)",
    "spatial.distance.pdist": "sp.spatial.distance.pdist(w)",
    "cluster.vq.vq": "sp.cluster.vq.vq(w, w[:2] * 1.1)[1]",
    "cluster.vq.whiten": "sp.cluster.vq.whiten(w)",
    **{f"special.{n}": f"sp.special.{n}{a}" for n, a in _SPECIAL.items()},
}  # fmt: skip
"""Name below ``scipy`` -> an expression over ``funcgrad.scipy`` as ``sp``."""
