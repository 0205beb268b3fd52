"""Differentiate the NumPy code you already have.

>>> import numpy as np
>>> from funcgrad import grad
>>> grad(lambda x: np.sum(np.sin(x) * x))(np.array([0.0, 1.0]))
array([0.        , 1.38177329])
"""

import importlib as _importlib
from typing import Any as _Any

from funcgrad import config, errors, numpy, tree
from funcgrad.backends import program as _program
from funcgrad.control.cond import cond, switch
from funcgrad.control.scan import map, scan
from funcgrad.control.while_loop import fori_loop, while_loop
from funcgrad.ops import linalg_functions as _linalg_functions
from funcgrad.ops import methods as _methods
from funcgrad.ops import ufuncs as _ufuncs
from funcgrad.ops.callbacks import io_callback, pure_callback
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
from funcgrad.ops.dynamic import dynamic_slice, dynamic_update_slice
from funcgrad.trace.tree import clear_caches
from funcgrad.transforms.checkpoint import checkpoint
from funcgrad.transforms.custom import custom_jvp, custom_vjp
from funcgrad.transforms.grad import grad, value_and_grad
from funcgrad.transforms.inspect import ShapeDtype, eval_shape, make_jaxpr
from funcgrad.transforms.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from funcgrad.transforms.jit import jit
from funcgrad.transforms.jvp import jvp
from funcgrad.transforms.pmap import pmap
from funcgrad.transforms.stop_gradient import stop_gradient
from funcgrad.transforms.vjp import linear_transpose, linearize, vjp
from funcgrad.transforms.vmap import vmap
from funcgrad.typing import Array

__version__ = "0.1.0"

remat = checkpoint
ShapeDtypeStruct = ShapeDtype

_LATE = dict.fromkeys((
    "compat", "debug", "flatten_util", "lax", "nn", "random", "scipy", "test_util", "testing",
    "tree_util", "typing",
)) | {"primitive": "extending"} | dict.fromkeys((
    "block_until_ready", "default_backend", "device_count", "device_get", "device_put", "devices",
    "disable_jit", "named_call",
), "interop")  # fmt: skip
"""Modules, and names out of modules, that are loaded when they are first asked for."""

__all__ = [
    "Array", "ShapeDtype", "ShapeDtypeStruct", "all_gather", "all_to_all", "axis_index",
    "axis_size", "block_until_ready", "checkpoint", "clear_caches", "compat", "cond", "config",
    "custom_jvp", "custom_vjp", "debug", "default_backend", "device_count", "device_get",
    "device_put", "devices", "disable_jit", "dynamic_slice", "dynamic_update_slice", "errors",
    "eval_shape", "flatten_util", "fori_loop", "grad", "hessian", "hvp", "io_callback", "jacfwd",
    "jacobian", "jacrev", "jit", "jvp", "lax", "linear_transpose", "linearize", "make_jaxpr",
    "map", "named_call", "nn", "numpy", "pmap", "pmax", "pmean", "pmin", "ppermute", "primitive",
    "psum", "pure_callback", "random", "remat", "scan", "scipy", "stop_gradient", "switch",
    "test_util", "testing", "tree", "tree_util", "typing", "value_and_grad", "vjp", "vmap",
    "while_loop",
]  # fmt: skip


def __getattr__(name: str) -> _Any:
    if name in _LATE:
        module = _LATE[name]
        found = _importlib.import_module(f"funcgrad.{module or name}")
        if module is not None:
            found = globals()[name] = getattr(found, name)
        return found
    raise AttributeError(f"module 'funcgrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
