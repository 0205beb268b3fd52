"""Rosenbrock's function: gradient, Hessian-vector product, Hessian; on tiny to small arrays."""

import numpy as np

from benchmarks import peers
from benchmarks.cases import Case, by_hand

CASES = (
    *(Case(f"gradient n={n}", {"what": "gradient", "n": n}) for n in (2, 10, 1000)),
    *(Case(f"hvp n={n}", {"what": "hvp", "n": n}) for n in (2, 10, 1000)),
    Case("hvp n=10, torch.func", {"what": "hvp", "n": 10, "composed": True}),
    Case("hessian n=10", {"what": "hessian", "n": 10}),
    Case("hessian n=1000", {"what": "hessian", "n": 1000}, tiny={"n": 12}),
)


def inputs(n, **_):
    rng = np.random.default_rng(31337)
    return {"x": rng.normal(size=n), "v": rng.normal(size=n)}


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def gradient_by_hand(x):
    out = np.zeros_like(x)
    gap = x[1:] - x[:-1] ** 2
    out[:-1] = -400.0 * x[:-1] * gap - 2.0 * (1.0 - x[:-1])
    out[1:] += 200.0 * gap
    return out


def bands(x):
    """The diagonal of the Hessian and the one beside it."""
    main, side = np.zeros_like(x), -400.0 * x[:-1]
    main[:-1] = 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    main[1:] += 200.0
    return main, side


def hvp_by_hand(x, v):
    main, side = bands(x)
    out = main * v
    out[:-1] += side * v[1:]
    out[1:] += side * v[:-1]
    return out


def hessian_by_hand(x):
    main, side = bands(x)
    return np.diag(main) + np.diag(side, 1) + np.diag(side, -1)


def arguments(what, data):
    return (data["x"], data["v"]) if what == "hvp" else (data["x"],)


def choose(params, data, made, **functions):
    """Hand the function that the case asks for, with its arguments, to `made`."""
    return made(functions[params["what"]], *arguments(params["what"], data))


def hand(params, data):
    return choose(
        params,
        data,
        by_hand,
        gradient=gradient_by_hand,
        hvp=hvp_by_hand,
        hessian=hessian_by_hand,
    )


def with_funcgrad(params, data):
    import funcgrad

    return choose(
        params,
        data,
        peers.funcgrad_made,
        gradient=funcgrad.grad(rosenbrock),
        hvp=funcgrad.hvp(rosenbrock),
        hessian=funcgrad.hessian(rosenbrock),
    )


def with_jax(params, data):
    import jax

    f = peers.rebind(rosenbrock, jax.numpy)
    return choose(
        params,
        data,
        peers.jax_made,
        gradient=jax.grad(f),
        hvp=lambda x, v: jax.jvp(jax.grad(f), (x,), (v,))[1],
        hessian=jax.hessian(f),
    )


def with_torch(params, data):
    import torch

    f = peers.rebind(rosenbrock, torch)
    return choose(
        params,
        data,
        peers.torch_made,
        gradient=peers.torch_grad(f),
        hvp=(peers.torch_func_hvp if params.get("composed") else peers.torch_hvp)(f),
        hessian=peers.torch_hessian(f),
    )


def with_autograd(params, data):
    import autograd

    f = peers.rebind(rosenbrock, autograd.numpy)
    return choose(
        params,
        data,
        peers.eager_made,
        gradient=autograd.grad(f),
        hvp=autograd.hessian_vector_product(f),
        hessian=autograd.hessian(f),
    )


PEERS = {
    "funcgrad": with_funcgrad,
    "jax": with_jax,
    "torch": with_torch,
    "autograd": with_autograd,
    "numpy": hand,
}
