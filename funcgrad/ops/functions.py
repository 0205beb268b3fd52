"""NumPy's functions on traced values."""
from __future__ import annotations
from typing import Any
import numpy as np
from funcgrad.trace.core import running
from funcgrad.trace.tracer import Tracer
from funcgrad.ops import elementwise as e
from funcgrad.ops.families import Op, ops
from funcgrad.ops.operators import binary_ufunc, unary
from funcgrad.ops.reductions import reduce_sum
from funcgrad.ops.shaping import reshape
from funcgrad.trace.dispatch import functions, hooks, ufuncs

for _prim in list(vars(ops).values()):
    if _prim.ufunc and _prim.family == "elementwise" and isinstance(getattr(np, _prim.ufunc, None), np.ufunc):
        _u = getattr(np, _prim.ufunc)
        if _u.nin == 1:
            ufuncs[_u] = unary(_prim)
        elif _prim.name == _prim.ufunc or _prim.name=='divide':
            ufuncs[_u] = binary_ufunc(_prim)

FULL=[(('axes',tuple(range(n))),) for n in range(33)]
def _axes(x, axis):
    n = len(x.shape)
    if axis is None:
        return tuple(range(n))
    if axis.__class__ is int:
        return (axis % n,)
    return tuple(sorted(a % n for a in axis))

def sum_(x, axis=None, dtype=None, out=None, keepdims=False):
    if axis is None and x.__class__ is Tracer and not keepdims and dtype is None:
        trace=x.trace
        if trace is running.get():
            node=trace.node.edges.get((reduce_sum, FULL[len(x.var.aval.shape)], x.var))
            if node is not None:
                trace.node=node
                return Tracer(trace,node.out)
    axes = _axes(x, axis)
    r = reduce_sum(x, axes=axes)
    if keepdims: r = reshape(r, shape=tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
    return r
functions[np.sum] = sum_
