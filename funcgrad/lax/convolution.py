"""Convolutions as neural networks mean them: sums of shifted slices times the kernel's elements.

    out[n, o, i] = Σ_c Σ_k  x[n, c, stride i + dilation k] w[o, c, k]

For each place k of a small kernel one strided slice, which is a view, meets one matrix product;
large kernels gather all windows first. Derivatives are those of slices and products.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from funcgrad.errors import ShapeError
from funcgrad.lax.reductions import paddings
from funcgrad.lax.shapes import pad
from funcgrad.ops.dot import dot_general as dot_op
from funcgrad.ops.functions.common import array_of, as_dtype, dtype_of

__all__ = [
    "ConvDimensionNumbers", "batch_matmul", "conv", "conv_dimension_numbers",
    "conv_general_dilated", "conv_general_dilated_patches", "conv_transpose", "dot", "dot_general",
]  # fmt: skip

_SLICES = 64  # places of a kernel up to which each has a slice of its own


# -- products --------------------------------------------------------------------------------------


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Any, precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """Sums of products: ``((lhs sum, rhs sum), (lhs batch, rhs batch))`` names the axes.

    The result has the batch axes, then what is left of lhs, then of rhs. ``precision`` has no
    effect: products are computed in their operands' dtype.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> lax.dot_general(np.eye(2), np.array([3.0, 4.0]), (((1,), (0,)), ((), ())))
    array([3., 4.])
    """
    (ls, rs), (lb, rb) = dimension_numbers
    dims = tuple(tuple(tuple(int(i) for i in g) for g in pair) for pair in ((ls, rs), (lb, rb)))
    return as_dtype(dot_op(array_of(lhs), array_of(rhs), dims=dims), preferred_element_type)


def dot(lhs: Any, rhs: Any, precision: Any = None, preferred_element_type: Any = None) -> Any:
    """Products of vectors and matrices."""
    return as_dtype(np.dot(array_of(lhs), array_of(rhs)), preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Any:
    """Matrix products along all axes but the last two."""
    return np.matmul(lhs, rhs)


# -- layouts ---------------------------------------------------------------------------------------


class ConvDimensionNumbers(NamedTuple):
    """Where batch (or output), features and space are: axes of operand, kernel, result."""

    lhs_spec: tuple[int, ...]  # batch, features, then space
    rhs_spec: tuple[int, ...]  # output features, input features, then space
    out_spec: tuple[int, ...]


def conv_dimension_numbers(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any
) -> ConvDimensionNumbers:
    """Layouts such as ``("NHWC", "HWIO", "NHWC")`` as axes; None means ("NCHW", "OIHW", "NCHW").

    >>> from funcgrad import lax
    >>> lax.conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 16), ("NHWC", "HWIO", "NHWC")).rhs_spec
    (3, 2, 0, 1)
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if len(rhs_shape) != rank:
        raise ShapeError(f"convolution: operand {tuple(lhs_shape)} and kernel {tuple(rhs_shape)}")
    if dimension_numbers is None:
        return ConvDimensionNumbers(*(tuple(range(rank)),) * 3)
    lhs, rhs, out = dimension_numbers
    space = [c for c in rhs if c not in "OI"]
    for spec, needed in (
        (lhs, {"N", "C", *space}),
        (rhs, {"O", "I", *space}),
        (out, {"N", "C", *space}),
    ):
        if len(spec) != rank or set(spec) != needed:
            raise ValueError(
                f"convolution: layout {spec!r} does not name {sorted(needed)} once each"
            )
    return ConvDimensionNumbers(
        *(tuple(spec.index(c) for c in (*first, *space))
          for spec, first in ((lhs, "NC"), (rhs, "OI"), (out, "NC")))
    )  # fmt: skip


def _canonical(x: Any, spec: tuple[int, ...]) -> Any:
    return x if spec == tuple(range(len(spec))) else np.transpose(x, spec)


# -- the convolution -------------------------------------------------------------------------------


def conv_general_dilated(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None, rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None, feature_group_count: int = 1, batch_group_count: int = 1,
    precision: Any = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """The convolution of a batch with a kernel, any number of space axes (kernel not turned round).

    ``padding`` is "SAME", "VALID" or (low, high) per space axis, negative ones cut off.
    ``lhs_dilation`` puts zeros between the operand's elements (a transposed convolution),
    ``rhs_dilation`` between the kernel's. ``feature_group_count`` splits the input's features,
    ``batch_group_count`` its batch, each group with kernels of its own. Shapes follow XLA.

    Raises ShapeError where features and groups do not fit.

    >>> import numpy as np
    >>> from funcgrad import lax
    >>> x, w = np.arange(4.0).reshape(1, 1, 4), np.array([[[1.0, 10.0]]])
    >>> lax.conv_general_dilated(x, w, (1,), "VALID")
    array([[[10., 21., 32.]]])
    """
    x, w = array_of(lhs), array_of(rhs)
    dtype = dtype_of(x, w)
    layout = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    x, w = (
        _canonical(as_dtype(x, dtype), layout.lhs_spec),
        _canonical(as_dtype(w, dtype), layout.rhs_spec),
    )
    rank = len(x.shape) - 2
    strides, between, apart = (
        tuple(v) if v is not None else (1,) * rank
        for v in (window_strides, lhs_dilation, rhs_dilation)
    )
    if {len(strides), len(between), len(apart)} != {rank}:
        raise ShapeError(
            f"convolution: strides {strides}, dilations {between}, {apart}; rank {rank}"
        )
    spans = [(n - 1) * d + 1 if n else 0 for n, d in zip(w.shape[2:], apart, strict=True)]
    if isinstance(padding, str) and any(b != 1 for b in between):
        raise ValueError(
            f"conv_general_dilated: padding={padding!r} with lhs_dilation={between}: give pairs of "
            "numbers, or use conv_transpose"
        )
    widths = paddings(x.shape[2:], spans, strides, padding)
    config = [(0, 0, 0)] * 2 + [(*w_, b - 1) for w_, b in zip(widths, between, strict=True)]
    x = pad(x, 0, config)
    out = _grouped(x, w, strides, apart, spans, feature_group_count, batch_group_count)
    back = np.argsort(layout.out_spec)
    out = out if list(back) == list(range(rank + 2)) else np.transpose(out, tuple(back))
    return as_dtype(out, preferred_element_type)


def _grouped(
    x: Any, w: Any, strides: Any, apart: Any, spans: Any, features: int, batches: int
) -> Any:
    """Each group of features or of the batch with its own part of the kernels."""
    if features > 1 and batches > 1:
        raise ValueError("convolution: groups of features and of the batch exclude each other")
    fits = (
        x.shape[1] == w.shape[1] * features and w.shape[0] % features == 0
        and x.shape[0] % batches == 0 and w.shape[0] % batches == 0
    )  # fmt: skip
    if not fits:
        raise ShapeError(
            f"convolution: operand {x.shape} (batch, features, …) and kernel {w.shape} (outputs, "
            f"inputs, …) do not fit with {features} groups of features and {batches} of the batch"
        )
    groups = max(features, batches)
    if groups == 1:
        return _convolved(x, w, strides, apart, spans)
    n, c, o = x.shape[0], x.shape[1], w.shape[0] // groups
    if features > 1:
        xs = np.reshape(x, (n, groups, c // groups, *x.shape[2:]))
    else:
        xs = np.moveaxis(np.reshape(x, (groups, n // groups, *x.shape[1:])), 0, 1)
    ws = np.reshape(w, (groups, o, *w.shape[1:]))
    out = _convolved(xs, ws, strides, apart, spans)  # batch, groups, outputs, space
    return np.reshape(out, (out.shape[0], groups * o, *out.shape[3:]))


def _convolved(x: Any, w: Any, strides: Any, apart: Any, spans: Any) -> Any:
    """x: batch, (groups,) features, space; w: (groups,) outputs, features, space."""
    rank = len(strides)
    lead = len(x.shape) - rank
    sizes, kernel = x.shape[lead:], w.shape[-rank:] if rank else ()
    counts = [max(0, (n - s) // step + 1) for n, s, step in zip(sizes, spans, strides, strict=True)]

    def where(place: Any) -> tuple[Any, ...]:
        return tuple(
            slice(k * d, k * d + (m - 1) * step + 1 if m else k * d, step)
            for k, d, step, m in zip(place, apart, strides, counts, strict=True)
        )

    places = list(np.ndindex(*kernel))
    shape = (*x.shape[:1], *w.shape[: lead - 1], *counts)
    if not places or not prod(shape):
        return np.zeros(shape, x.dtype) if not prod(shape) else 0 * np.sum(x) + np.zeros(shape)
    parts = [x[(Ellipsis, *where(place))] for place in places]
    if len(places) <= _SLICES:
        pairs = zip(parts, places, strict=True)
        terms = [_product(p, w[(Ellipsis, *place)], lead) for p, place in pairs]
        return sum(terms[1:], terms[0])
    windows = np.concatenate(parts, axis=lead - 1)  # features times places, place by place
    columns = np.moveaxis(np.reshape(w, (*w.shape[:lead], -1)), -1, lead - 1)
    return _product(windows, np.reshape(columns, (*w.shape[: lead - 1], -1)), lead)


def _product(x: Any, w: Any, lead: int) -> Any:
    """Features summed: (batch, [groups,] features, space) with ([groups,] outputs, features)."""
    if lead == 2:
        found = dot_op(w, x, dims=(((1,), (1,)), ((), ())))  # outputs, batch, space
        return np.moveaxis(found, 0, 1)
    found = dot_op(w, x, dims=(((2,), (2,)), ((0,), (1,))))  # groups, outputs, batch, space
    return np.moveaxis(found, 2, 0)


def conv(
    lhs: Any, rhs: Any, window_strides: Sequence[int], padding: str, precision: Any = None,
    preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """``conv_general_dilated`` in the layout (batch, features, space), without dilation."""
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, preferred_element_type=preferred_element_type
    )


def conv_general_dilated_patches(
    lhs: Any, filter_shape: Sequence[int], window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]], lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None,
    precision: Any = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """The windows that a kernel of this shape would see, as features: (input feature, place)."""
    x = array_of(lhs)
    places = prod(filter_shape)
    layout = conv_dimension_numbers(x.shape, x.shape, None)
    if dimension_numbers is not None:
        rank = len(x.shape)
        layout = conv_dimension_numbers(x.shape, (1,) * rank, dimension_numbers)
    features = x.shape[layout.lhs_spec[1]]
    eye = np.eye(places, dtype=x.dtype).reshape(places, 1, *filter_shape)
    kernel = np.tile(eye, (features, *[1] * (len(filter_shape) + 1)))
    kernel = np.transpose(kernel, tuple(np.argsort(layout.rhs_spec)))
    return conv_general_dilated(
        x,
        kernel,
        window_strides,
        padding,
        lhs_dilation,
        rhs_dilation,
        layout,
        features,
        preferred_element_type=preferred_element_type,
    )


def conv_transpose(
    lhs: Any, rhs: Any, strides: Sequence[int], padding: str | Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None, dimension_numbers: Any = None,
    transpose_kernel: bool = False, precision: Any = None, preferred_element_type: Any = None,
) -> Any:  # fmt: skip
    """The transposed (fractionally strided) convolution: strides spread the operand.

    ``padding`` is that of the convolution whose transpose this is. With ``transpose_kernel`` the
    kernel is turned round and its features exchanged: the exact transpose.
    """
    x, w = array_of(lhs), array_of(rhs)
    rank = len(x.shape) - 2
    default = ("N" + "HWD"[:rank] + "C", "HWD"[:rank] + "IO", "N" + "HWD"[:rank] + "C")
    layout = conv_dimension_numbers(x.shape, w.shape, dimension_numbers or default)
    apart = tuple(rhs_dilation or (1,) * rank)
    sizes = [w.shape[i] for i in layout.rhs_spec[2:]]
    spans = [(n - 1) * d + 1 for n, d in zip(sizes, apart, strict=True)]
    if isinstance(padding, str):
        pairs = [
            _transposed_padding(s, step, padding) for s, step in zip(spans, strides, strict=True)
        ]
    else:
        pairs = [(int(low), int(high)) for low, high in padding]
    if transpose_kernel:
        w = np.swapaxes(np.flip(w, layout.rhs_spec[2:]), layout.rhs_spec[0], layout.rhs_spec[1])
    return conv_general_dilated(
        x,
        w,
        (1,) * rank,
        pairs,
        strides,
        apart,
        layout,
        preferred_element_type=preferred_element_type,
    )


def _transposed_padding(span: int, stride: int, padding: str) -> tuple[int, int]:
    if padding == "SAME":
        total = span + stride - 2
        low = span - 1 if stride > span - 1 else -(-total // 2)
    elif padding == "VALID":
        total = span + stride - 2 + max(span - stride, 0)
        low = span - 1
    else:
        raise ValueError(f"conv_transpose: padding must be 'SAME' or 'VALID', not {padding!r}")
    return low, total - low
