"""The names of ``jax.lax`` whose meaning is the same here, for code that comes from JAX.

Three things differ on purpose: NumPy's promotion of dtypes holds; what is out of bounds raises
IndexError instead of being moved inside; and on plain arrays everything returns NumPy's arrays.

>>> import numpy as np
>>> from funcgrad import grad, lax
>>> grad(lambda x: lax.fori_loop(0, 3, lambda i, c: lax.mul(c, x), 1.0))(2.0)
np.float64(12.0)
"""

from funcgrad.control.cond import cond, switch
from funcgrad.control.implicit import custom_linear_solve, custom_root
from funcgrad.control.scan import map, scan
from funcgrad.control.while_loop import fori_loop, while_loop
from funcgrad.lax.convolution import (
    ConvDimensionNumbers,
    batch_matmul,
    conv,
    conv_dimension_numbers,
    conv_general_dilated,
    conv_general_dilated_patches,
    conv_transpose,
    dot,
    dot_general,
)
from funcgrad.lax.elementwise import *  # noqa: F403  # its __all__ is the list
from funcgrad.lax.reductions import (
    argmax,
    argmin,
    associative_scan,
    cumlogsumexp,
    cummax,
    cummin,
    cumprod,
    cumsum,
    reduce,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_sum,
    reduce_window,
    sort,
    sort_key_val,
    top_k,
)
from funcgrad.lax.shapes import *  # noqa: F403
from funcgrad.ops.collectives import (
    all_gather,
    all_to_all,
    axis_index,
    axis_size,
    pmax,
    pmean,
    pmin,
    ppermute,
    psum,
)
from funcgrad.transforms.stop_gradient import stop_gradient
