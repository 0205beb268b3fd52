"""Differentiate the NumPy code you already have."""
from funcgrad.ops import elementwise as _e, shaping as _s, reductions as _r, indexing as _i, operators as _o, getitem as _g, functions as _f
from funcgrad.ops import einsum as _einsum, linalg_functions as _linalg, products as _products
from funcgrad.backends import program as _p
from funcgrad.transforms.grad import grad, value_and_grad
