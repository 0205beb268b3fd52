"""One expression for every function of NumPy's main namespace, ``linalg`` and ``fft``.

``x, y`` are vectors of five numbers in (0.1, 0.9), ``m`` is a matrix of three by three, ``s`` the
same made symmetric and positive, ``w`` one of three by five, ``z`` a complex vector, ``i`` an index
array. The oracle tests evaluate the same text over the peers' namespaces.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ALIASES", "EXPRESSIONS", "WITHOUT", "arguments"]

_UNARY = """
abs absolute arcsin arcsinh arctan arctanh asin asinh atan atanh arccos acos cbrt ceil conj
conjugate cos cosh deg2rad degrees exp exp2 expm1 fabs floor log log10 log1p log2 negative positive
rad2deg radians reciprocal rint sign sin sinh sqrt square tan tanh trunc isfinite isinf isnan
logical_not signbit spacing frexp modf fix nan_to_num real imag angle sinc i0 isreal iscomplex
isposinf isneginf
sum prod mean var std max min amax amin median ptp average cumsum cumprod diff ediff1d gradient
nansum nanprod nanmean nanvar nanstd nanmax nanmin nanmedian nancumsum nancumprod trapezoid
cumulative_sum cumulative_prod sort argsort argmax argmin nanargmax nanargmin any all count_nonzero
nonzero flatnonzero argwhere unique unique_all unique_counts unique_inverse unique_values
ravel flip atleast_1d atleast_2d atleast_3d squeeze copy array asarray asanyarray
ascontiguousarray asfortranarray asarray_chkfinite zeros_like ones_like empty_like diag diagflat
vander unwrap round around poly roots sort_complex real_if_close shape ndim size iscomplexobj
isrealobj isscalar histogram_bin_edges unstack trim_zeros
"""

_BINARY = """
add arctan2 atan2 copysign divide true_divide divmod equal float_power floor_divide fmax fmin fmod
greater greater_equal heaviside hypot less less_equal logaddexp logaddexp2 logical_and logical_or
logical_xor maximum minimum mod multiply nextafter not_equal pow power remainder subtract
dot inner outer vdot kron vecdot convolve correlate append union1d intersect1d setdiff1d setxor1d
isin isclose allclose array_equal array_equiv polyadd polysub polymul polyval cov corrcoef
"""

EXPRESSIONS: dict[str, str] = {
    **{name: f"np.{name}(x)" for name in _UNARY.split()},
    **{name: f"np.{name}(x, y)" for name in _BINARY.split()},
    "arccosh": "np.arccosh(x + 1.5)", "acosh": "np.acosh(x + 1.5)",
    "imag": "np.imag(np.exp(1j * x))", "angle": "np.angle(x + 1j * y)",
    "conj": "np.real(np.conj(z * x))", "conjugate": "np.imag(np.conjugate(z * x))",
    "sort_complex": "np.real(np.sort_complex(x))", "real_if_close": "np.real_if_close(x)",
    "poly": "np.poly(x)", "roots": "np.abs(np.roots(x))", "average": "np.average(x, weights=y)",
    "unique": "np.unique(x)", "union1d": "np.union1d(x, y)",
    "power": "np.power(x, y)", "ldexp": "np.ldexp(x, i)", "fix": "np.fix(x * 9)",
    "bitwise_and": "np.bitwise_and(i, 3)", "bitwise_or": "np.bitwise_or(i, 3)",
    "bitwise_xor": "np.bitwise_xor(i, 3)", "bitwise_not": "np.bitwise_not(i)",
    "bitwise_invert": "np.bitwise_invert(i)", "invert": "np.invert(i)",
    "bitwise_count": "np.bitwise_count(i)", "left_shift": "np.left_shift(i, 2)",
    "right_shift": "np.right_shift(i, 1)", "bitwise_left_shift": "np.bitwise_left_shift(i, 2)",
    "bitwise_right_shift": "np.bitwise_right_shift(i, 1)", "gcd": "np.gcd(i, 6)",
    "lcm": "np.lcm(i + 1, 6)", "matmul": "np.matmul(m, w)", "matvec": "np.matvec(m, m[0])",
    "vecmat": "np.vecmat(m[0], m)", "clip": "np.clip(x, 0.3, 0.6)",
    "isin": "np.isin(x, y)", "quantile": "np.quantile(x, 0.3)",
    "percentile": "np.percentile(x, 30)", "nanquantile": "np.nanquantile(x, 0.3)",
    "nanpercentile": "np.nanpercentile(x, 30)", "histogram": "np.histogram(x, 3, weights=y)",
    "histogram2d": "np.histogram2d(x, y, 3, weights=x * y)",
    "histogramdd": "np.histogramdd((x, y), 3, weights=x)",
    "bincount": "np.bincount(i, x)", "digitize": "np.digitize(x, np.array([0.2, 0.5]))",
    "searchsorted": "np.searchsorted(np.sort(x), y)", "interp": "np.interp(x, np.sort(y), x * y)",
    "polyder": "np.polyder(x)", "polyint": "np.polyint(x)", "polydiv": "np.polydiv(x, y[:2])",
    "polyfit": "np.polyfit(x, y, 2)", "piecewise": "np.piecewise(x, [x < 0.5], [np.sin, np.cos])",
    "select": "np.select([x > 0.6, x > 0.3], [x, x * x], -1.0)", "where": "np.where(x > y, x, y)",
    "choose": "np.choose(i % 2, [x, y])", "compress": "np.compress([True, False, True], x)",
    "extract": "np.extract(x > 0.4, y)", "take": "np.take(x, i)",
    "take_along_axis": "np.take_along_axis(x, i, 0)", "lexsort": "np.lexsort((x, y))",
    "partition": "np.partition(x, 2)[2]", "argpartition": "np.argpartition(x, 2)[2]",
    "concatenate": "np.concatenate([x, y])", "concat": "np.concat([x, y])",
    "stack": "np.stack([x, y])", "vstack": "np.vstack([x, y])", "hstack": "np.hstack([x, y])",
    "dstack": "np.dstack([x, y])", "column_stack": "np.column_stack([x, y])",
    "block": "np.block([[m, m], [m, m]])", "insert": "np.insert(x, 1, y[0])",
    "delete": "np.delete(x, 1)", "split": "np.split(x, [2])", "array_split": "np.array_split(x, 2)",
    "hsplit": "np.hsplit(w, [2])", "vsplit": "np.vsplit(w, [1])",
    "dsplit": "np.dsplit(np.reshape(w, (1, 3, 5)), [2])", "pad": "np.pad(x, 1)",
    "repeat": "np.repeat(x, 2)", "tile": "np.tile(x, (2, 2))", "resize": "np.resize(x, (2, 4))",
    "reshape": "np.reshape(w, (5, 3))", "transpose": "np.transpose(w)",
    "permute_dims": "np.permute_dims(w, (1, 0))", "swapaxes": "np.swapaxes(w, 0, 1)",
    "moveaxis": "np.moveaxis(w, 0, 1)", "rollaxis": "np.rollaxis(w, 1)",
    "matrix_transpose": "np.matrix_transpose(w)", "expand_dims": "np.expand_dims(x, 0)",
    "squeeze": "np.squeeze(x[None])", "fliplr": "np.fliplr(w)", "flipud": "np.flipud(w)",
    "rot90": "np.rot90(w)", "roll": "np.roll(x, 2)", "broadcast_to": "np.broadcast_to(x, (2, 5))",
    "broadcast_arrays": "np.broadcast_arrays(x, m[0, 0])",
    "astype": "np.real(np.astype(x, np.complex128))", "empty_like": "np.empty_like(x)[:0]",
    "full_like": "np.full_like(x, 2.0) * x", "full": "np.full(3, x[0])",
    "diagonal": "np.diagonal(m)",
    "trace": "np.trace(m)", "tril": "np.tril(m)", "triu": "np.triu(m)",
    "tensordot": "np.tensordot(m, w, 1)", "einsum": "np.einsum('ij,jk->ik', m, w)",
    "cross": "np.cross(m[0], m[1])", "linspace": "np.linspace(x[0], y[0], 4)",
    "logspace": "np.logspace(x[0], y[0], 4)", "geomspace": "np.geomspace(x[0], y[0], 4)",
    "arange": "np.arange(5.0) * x", "zeros": "np.zeros(5) + x", "ones": "np.ones(5) * x",
    "empty": "np.empty(5) * 0 + x", "eye": "np.eye(3) * m", "identity": "np.identity(3) @ m",
    "tri": "np.tri(3) * m", "indices": "np.indices((3, 3)) * m",
    "fromfunction": "np.fromfunction(lambda a, b: a * m[0, 0] + b, (3, 3))",
    "meshgrid": "np.meshgrid(x, y)", "ix_": "m[np.ix_(i[:2] % 3, i[1:3] % 3)]",
    "apply_along_axis": "np.apply_along_axis(np.cumsum, 0, w)",
    "apply_over_axes": "np.apply_over_axes(np.sum, w, [0, 1])", "kaiser": "np.kaiser(5, x[0])",
    "hanning": "np.hanning(5) * x", "hamming": "np.hamming(5) * x",
    "bartlett": "np.bartlett(5) * x", "blackman": "np.blackman(5) * x",
    "ravel_multi_index": "np.ravel_multi_index((i, i), (5, 5))",
    "unravel_index": "np.unravel_index(i, (2, 3))", "packbits": "np.packbits(x > 0.5)",
    "unpackbits": "np.unpackbits(np.astype(i, np.uint8))", "can_cast": "np.can_cast(x, np.float32)",
    "require": "np.require(x) * 2",
    "tril_indices_from": "m[np.tril_indices_from(m)]",
    "triu_indices_from": "m[np.triu_indices_from(m)]",
    "diag_indices_from": "m[np.diag_indices_from(m)]", "diag_indices": "m[np.diag_indices(3)]",
    "tril_indices": "m[np.tril_indices(3)]", "triu_indices": "m[np.triu_indices(3)]",
    "mask_indices": "m[np.mask_indices(3, np.triu)]", "vectorize": "np.vectorize(np.sin)(x)",
    "isdtype": "np.isdtype(x.dtype, 'real floating')", "trapezoid": "np.trapezoid(x, np.cumsum(y))",
    "put_along_axis": "in_place(np.put_along_axis, x, i, y, 0)",
    "fill_diagonal": "in_place(np.fill_diagonal, m, x[0])",
    "copyto": "in_place(np.copyto, x, y)", "place": "in_place(np.place, x, x > 0.5, y)",
    "putmask": "in_place(np.putmask, x, x > 0.5, y)", "put": "in_place(np.put, x, i, y)",
}  # fmt: skip
"""Function of the main namespace -> an expression that uses it."""

_LINALG = {
    "matrix_power": "(m, 3)", "solve": "(m, w)", "tensorsolve": "(m, m[0])", "inv": "(m)",
    "cholesky": "((s + s.T) / 2)", "eigvalsh": "((s + s.T) / 2)", "pinv": "(w)",
    "slogdet": "(m)", "det": "(m)",
    "svdvals": "(w)", "lstsq": "(w.T, w[0])[0]", "norm": "(w)", "cond": "(m)",
    "matrix_rank": "(m)", "multi_dot": "([m, m, w])", "trace": "(m)", "diagonal": "(m)",
    "cross": "(m[0], m[1])", "outer": "(x, y)", "tensordot": "(m, w, axes=1)", "matmul": "(m, w)",
    "matrix_transpose": "(w)", "matrix_norm": "(w, ord='nuc')", "vector_norm": "(w)",
    "vecdot": "(x, y)",
}  # fmt: skip
EXPRESSIONS |= {f"linalg.{name}": f"np.linalg.{name}{args}" for name, args in _LINALG.items()}
EXPRESSIONS |= {
    "linalg.tensorinv": "np.linalg.tensorinv(m, ind=1)",
    "linalg.eigvals": "np.abs(np.linalg.eigvals(m))",
    "linalg.svd": "np.abs(np.linalg.svd(w, full_matrices=False)[0])",
    "linalg.eig": "np.abs(np.linalg.eig(m)[1])",
    "linalg.eigh": "np.abs(np.linalg.eigh((s + s.T) / 2)[1])",
    "linalg.qr": "np.abs(np.linalg.qr(m)[1])",
    **{f"fft.{name}": f"parts(np.fft.{name}(x))" for name in ("fft", "ifft", "rfft", "ihfft")},
    **{f"fft.{name}": f"parts(np.fft.{name}(w))" for name in
       ("rfftn", "rfft2", "fft2", "ifft2", "fftn", "ifftn")},
    **{f"fft.{name}": f"np.fft.{name}(z * x)" for name in ("irfft", "hfft")},
    **{f"fft.{name}": f"np.fft.{name}(z * w)" for name in ("irfft2", "irfftn")},
    "fft.fftshift": "np.fft.fftshift(x)", "fft.ifftshift": "np.fft.ifftshift(x)",
    "fft.fftfreq": "np.fft.fftfreq(5) * x", "fft.rfftfreq": "np.fft.rfftfreq(8) * x",
}  # fmt: skip

WITHOUT: dict[str, str] = {
    "files, text and settings": """
        array2string array_repr array_str base_repr binary_repr datetime_as_string datetime_data
        format_float_positional format_float_scientific fromfile fromregex fromstring genfromtxt
        get_include get_printoptions getbufsize geterr geterrcall info load loadtxt printoptions
        save savetxt savez savez_compressed set_printoptions setbufsize seterr seterrcall
        show_config show_runtime test typename""",
    "types and shapes alone": """
        broadcast_shapes einsum_path isfortran issubdtype iterable mintypecode promote_types
        common_type min_scalar_type result_type""",
    "dates": "busday_count busday_offset is_busday isnat",
    "bytes in memory": """
        from_dlpack frombuffer fromiter may_share_memory shares_memory nested_iters""",
    "matrix and object classes": "asmatrix bmat frompyfunc",
}  # fmt: skip
"""Reason -> functions that take no arrays of numbers which could be traced, or have no result."""

ALIASES = {"row_stack": "vstack"}
"""Deprecated names, and what they stand for."""


def arguments(seed: int = 0) -> dict[str, np.ndarray]:
    """The operands, distinct and away from kinks."""
    rng = np.random.default_rng(seed)
    grid = np.array([0.12, 0.29, 0.51, 0.66, 0.9])
    x, y = (rng.permutation(grid) + 0.017 * k for k in (0, 1))
    m = rng.normal(size=(3, 3)) * 0.4 + 2.0 * np.eye(3) + np.diag([0.0, 0.4, 1.1])
    w = rng.normal(size=(3, 5))
    return {
        "x": x, "y": y, "m": m, "s": m @ m.T, "w": w, "z": np.exp(1j * np.arange(5.0)),
        "i": np.array([2, 0, 4, 1, 3]),
    }  # fmt: skip
