"""Differentiate the NumPy code you already have."""

from funcgrad import errors, numpy
from funcgrad.backends import program as _program
from funcgrad.ops import methods as _methods
from funcgrad.ops import ufuncs as _ufuncs
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
