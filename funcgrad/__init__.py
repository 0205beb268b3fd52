"""Differentiate the NumPy code you already have."""
from funcgrad import numpy
from funcgrad.backends import program as _p
from funcgrad.ops import elementwise as _e
from funcgrad.ops import functions as _f
from funcgrad.ops import getitem as _g
from funcgrad.ops import indexing as _i
from funcgrad.ops import methods as _m
from funcgrad.ops import operators as _o
from funcgrad.ops import reductions as _r
from funcgrad.ops import shaping as _s
from funcgrad.ops import ufuncs as _u
from funcgrad.transforms.grad import grad, value_and_grad
