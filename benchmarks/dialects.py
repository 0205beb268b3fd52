"""One vocabulary for all peers, for workloads that ask each of them for the same derivatives.

Such a workload writes `make(dialect, params, data)` once and gets its table of peers from
`table(make, hand)`. A dialect rebinds the workload's functions to its peer's namespace and loops,
differentiates them by the peer's best idiom, and wraps the result in both modes. What a peer spells
differently is handed to `bind` by its name: `bind(loss, torch=dict(pad=...))`.
"""

from __future__ import annotations

import importlib
import types
from collections.abc import Callable, Mapping
from typing import Any

from benchmarks import loops, peers
from benchmarks.cases import Made


def rebind_all(function: Callable, **names: Any) -> Callable:
    """`peers.rebind` for a function and, with it, every function of the same module it may call."""
    scope = function.__globals__ | names
    for name, value in function.__globals__.items():
        ours = isinstance(value, types.FunctionType) and value.__globals__ is function.__globals__
        if ours and name not in names:
            scope[name] = _clone(value, scope)
    return _clone(function, scope)


def _clone(function: Callable, scope: dict[str, Any]) -> Callable:
    clone = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    clone.__kwdefaults__ = function.__kwdefaults__
    return clone


class Dialect:
    """What the dialects share: a name, a namespace in NumPy's place, and a way to say both modes.

    `module` is the peer's own, for the workloads that call it by its own names.
    """

    name = ""
    namespace = ""

    @property
    def module(self) -> Any:
        return importlib.import_module(self.name)

    def scan(self) -> Callable:
        return peers.rebind(loops.scan, importlib.import_module(self.namespace))

    def bind(self, function: Callable, **by_peer: Mapping[str, Any]) -> Callable:
        """The function in this peer's words; `by_peer[name]` has words that it alone needs."""
        names = {"np": importlib.import_module(self.namespace), "scan": self.scan()}
        return rebind_all(function, **(names | dict(by_peer.get(self.name, {}))))

    def grad(self, function: Callable, argnums: Any = 0) -> Callable:
        return self.module.grad(function, argnums)

    def value_and_grad(self, function: Callable, argnums: Any = 0) -> Callable:
        return self.module.value_and_grad(function, argnums)

    def vjp(self, function: Callable, argnums: int = 1) -> Callable:
        """(value, cotangents of the first `argnums` arguments) of (*args, cotangent)."""
        vjp = self.module.vjp

        def both(*args: Any) -> Any:
            *args, ct = args
            rest = args[argnums:]
            value, pullback = vjp(lambda *some: function(*some, *rest), *args[:argnums])
            return value, tuple(pullback(ct))

        return both

    def grad_and_hvp(self, function: Callable) -> Callable:
        """(gradient, Hessian-vector product) of (x, *rest, v), by forward over reverse."""
        lib = self.module

        def both(x: Any, *rest: Any) -> Any:
            *rest, v = rest
            return lib.jvp(lambda x: lib.grad(function)(x, *rest), (x,), (v,))

        return both

    def jacobians(self, function: Callable, mode: str) -> Callable:
        """The Jacobian by the first argument for each row; `mode` is fwd or rev."""
        return self.module.vmap(getattr(self.module, f"jac{mode}")(function))

    def made(self, function: Callable, *args: Any) -> Made:
        raise NotImplementedError


class Funcgrad(Dialect):
    name, namespace = "funcgrad", "numpy"

    def scan(self) -> Callable:
        return self.module.scan

    def made(self, function: Callable, *args: Any) -> Made:
        return peers.funcgrad_made(function, *args)


class Jax(Dialect):
    name, namespace = "jax", "jax.numpy"

    def scan(self) -> Callable:
        return self.module.lax.scan

    def made(self, function: Callable, *args: Any) -> Made:
        return peers.jax_made(function, *args)


class Torch(Dialect):
    """PyTorch by its tape; `torch.func`, which does the same more slowly, only for Jacobians."""

    name = namespace = "torch"

    def grad(self, function: Callable, argnums: Any = 0) -> Callable:
        both = self.value_and_grad(function, argnums)
        return lambda *args: both(*args)[1]

    def value_and_grad(self, function: Callable, argnums: Any = 0) -> Callable:
        lib, many = self.module, isinstance(argnums, tuple)

        def both(*args: Any) -> Any:
            args = list(args)
            for i in argnums if many else (argnums,):
                args[i] = args[i].detach().requires_grad_()
            value = function(*args)
            grads = lib.autograd.grad(value, [args[i] for i in (argnums if many else (argnums,))])
            return value, grads if many else grads[0]

        return both

    def vjp(self, function: Callable, argnums: int = 1) -> Callable:
        lib = self.module

        def both(*args: Any) -> Any:
            *args, ct = args
            leaves = [arg.detach().requires_grad_() for arg in args[:argnums]]
            value = function(*leaves, *args[argnums:])
            return value, lib.autograd.grad(value, leaves, ct)

        return both

    def grad_and_hvp(self, function: Callable) -> Callable:
        lib = self.module

        def both(x: Any, *rest: Any) -> Any:
            *rest, v = rest
            x = x.detach().requires_grad_()
            (gradient,) = lib.autograd.grad(function(x, *rest), x, create_graph=True)
            return gradient, lib.autograd.grad(gradient, x, v)[0]

        return both

    def jacobians(self, function: Callable, mode: str) -> Callable:
        if mode == "fwd":
            peers.load_forward_mode()
        return self.module.func.vmap(getattr(self.module.func, f"jac{mode}")(function))

    def made(self, function: Callable, *args: Any) -> Made:
        return peers.torch_made(function, *args)


class Autograd(Dialect):
    name, namespace = "autograd", "autograd.numpy"

    def value_and_grad(self, function: Callable, argnums: Any = 0) -> Callable:
        if not isinstance(argnums, tuple):
            return self.module.value_and_grad(function, argnums)
        together = self.module.value_and_grad(
            lambda some, args: function(*_put(args, argnums, some))
        )
        return lambda *args: together(tuple(args[i] for i in argnums), args)

    def vjp(self, function: Callable, argnums: int = 1) -> Callable:
        make_vjp = importlib.import_module("autograd.differential_operators").make_vjp

        def both(*args: Any) -> Any:
            *args, ct = args
            rest = args[argnums:]
            pullback, value = make_vjp(lambda some: function(*some, *rest))(tuple(args[:argnums]))
            return value, pullback(ct)

        return both

    def grad_and_hvp(self, function: Callable) -> Callable:
        gradient = self.module.grad(function)
        product = self.module.hessian_vector_product(function)
        return lambda x, *rest: (gradient(x, *rest[:-1]), product(x, *rest))

    def made(self, function: Callable, *args: Any) -> Made:
        return peers.eager_made(function, *args)


def _put(args: tuple, places: tuple[int, ...], some: tuple) -> list:
    """The arguments with others in some places."""
    out = list(args)
    for i, each in zip(places, some):
        out[i] = each
    return out


def table(make: Callable, hand: Callable) -> dict[str, Callable]:
    """A workload's `PEERS`."""

    def with_dialect(dialect: Dialect) -> Callable:
        return lambda params, data: make(dialect, params, data)

    each = (Funcgrad(), Jax(), Torch(), Autograd())
    return {dialect.name: with_dialect(dialect) for dialect in each} | {"numpy": hand}
