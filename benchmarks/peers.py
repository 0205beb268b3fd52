"""How each peer is handed the same work.

The function to differentiate is written once, in plain NumPy. For the peers that need another
namespace it is *rebound*: the same code with the global name `np` meaning theirs, which is what a
user does by changing the import line. Where a peer spells things differently, its workload says so.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import types
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.cases import Made

# What `import` must find for a peer to take part.
MODULES = {
    "funcgrad": "funcgrad",
    "jax": "jax",
    "torch": "torch",
    "autograd": "autograd",
    "numpy": "numpy",
}


def rebind(function: Callable, namespace: Any, **names: Any) -> Callable:
    """The same code with the global `np` (and other names) bound to something else."""
    scope = {**function.__globals__, "np": namespace, **names}
    clone = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    clone.__kwdefaults__ = function.__kwdefaults__
    return clone


def import_peer(peer: str, threads: int = 1) -> str:
    """Import a peer, set it to float64 and so many threads, and return its version."""
    module = importlib.import_module(MODULES[peer])
    if peer == "jax":
        module.config.update("jax_enable_x64", True)
    if peer == "torch":
        module.set_num_threads(threads)
    if peer == "funcgrad" and hasattr(module.config, "threads"):
        module.config.threads = threads
    try:
        return importlib.metadata.version(MODULES[peer])
    except importlib.metadata.PackageNotFoundError:
        return "from its source folder"


def jax_wait(out: Any) -> None:
    """Block until JAX has computed; the method is much cheaper than the function for one array."""
    if hasattr(out, "block_until_ready"):
        out.block_until_ready()
    else:
        import jax

        jax.block_until_ready(out)


def jax_made(function: Callable, *args: Any) -> Made:
    """A JAX function in both modes, on arrays that live in JAX already."""
    import jax

    args = jax.tree.map(jax.numpy.asarray, args)
    return Made(function, jax.jit(function), args, wait=jax_wait)


def funcgrad_made(function: Callable, *args: Any) -> Made:
    """A funcgrad function in both modes, on the arrays as they are."""
    import funcgrad

    load_compiler()
    return Made(function, funcgrad.jit(function), args)


def load_compiler() -> None:
    """funcgrad imports LLVM, and what writes for it, when it first compiles: no more timed than
    the import of JAX's XLA, which the first array starts up."""
    from funcgrad.backends.llvm.machine import available

    if available() is None:
        from funcgrad.backends.llvm.program import machine

        machine()


def eager_made(function: Callable, *args: Any, why_not: str = "has no jit") -> Made:
    """A peer without a jit."""
    return Made(function, None, args, why_not=why_not)


def torch_made(function: Callable, *args: Any) -> Made:
    """PyTorch, eager, on tensors."""
    return eager_made(function, *(to_torch(arg) for arg in args), why_not="not compiled")


def to_torch(value: Any) -> Any:
    """Tensors in place of arrays and numbers, in dicts too."""
    import torch

    if isinstance(value, Mapping):
        return {key: to_torch(each) for key, each in value.items()}
    return torch.as_tensor(np.asarray(value))


def torch_grad(function: Callable, argnums: tuple[int, ...] = (0,)) -> Callable:
    """What `.backward()` does, as a function: fresh leaves, one forward, one backward run."""
    import torch

    def gradient(*args: Any) -> Any:
        args = list(args)
        for i in argnums:
            args[i] = args[i].detach().requires_grad_()
        grads = torch.autograd.grad(function(*args), [args[i] for i in argnums])
        return grads[0] if len(argnums) == 1 else grads

    return gradient


def torch_hvp(function: Callable) -> Callable:
    """Backward through backward: several times as fast as torch.func.jvp of torch.func.grad."""
    import torch

    def product(x: Any, *rest: Any) -> Any:
        *others, v = rest
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(function(x, *others), x, create_graph=True)
        return torch.autograd.grad(gradient, x, v)[0]

    return product


def load_forward_mode() -> None:
    """PyTorch's first forward-mode call loads much, some of it deprecated: none of it is timed."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))


def torch_func_hvp(function: Callable) -> Callable:
    """Forward over reverse in torch.func: PyTorch's transforms that compose, as funcgrad's do."""
    import torch

    load_forward_mode()

    def product(x: Any, v: Any) -> Any:
        return torch.func.jvp(torch.func.grad(function), (x,), (v,))[1]

    return product


def torch_hessian(function: Callable) -> Callable:
    """All rows at once, by a batched backward run: several times as fast as torch.func.hessian."""
    from torch.autograd.functional import hessian

    return lambda x, *rest: hessian(lambda x: function(x, *rest), x, vectorize=True)


def to_numpy(out: Any) -> list[np.ndarray]:
    """A peer's result as a flat list of NumPy arrays; dicts in the order of their keys."""
    if isinstance(out, Mapping):
        return [array for key in sorted(out) for array in to_numpy(out[key])]
    if isinstance(out, tuple | list):
        return [array for each in out for array in to_numpy(each)]
    if hasattr(out, "detach"):
        out = out.detach()
    return [np.asarray(out)]
