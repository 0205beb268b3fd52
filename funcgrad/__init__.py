"""Differentiate the NumPy code you already have."""

from funcgrad import errors
from funcgrad.backends import program as _program
from funcgrad.control.cond import cond, switch
from funcgrad.control.scan import map, scan
from funcgrad.control.while_loop import fori_loop, while_loop
from funcgrad.ops import functions as _functions
from funcgrad.ops import getitem as _getitem
from funcgrad.ops import linalg_functions as _linalg_functions
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
from funcgrad.trace.tree import clear_caches
from funcgrad.transforms.grad import grad, value_and_grad
from funcgrad.transforms.inspect import ShapeDtype, eval_shape, make_jaxpr
from funcgrad.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from funcgrad.transforms.jit import jit
from funcgrad.transforms.jvp import jvp
from funcgrad.transforms.vjp import linear_transpose, linearize, vjp
from funcgrad.transforms.vmap import vmap
