"""autograd's differential operators: one argument by position, or a tuple of positions.

They take the function and ``argnum`` and return a function of the same arguments.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import funcgrad.transforms.checkpoint as checkpoints
from funcgrad.ops.families import known_aval
from funcgrad.transforms.grad import grad as gradient
from funcgrad.transforms.jacobian import jacfwd, jacrev
from funcgrad.transforms.jvp import jvp
from funcgrad.transforms.vjp import vjp
from funcgrad.tree import leaves
from funcgrad.tree import map as tree_map

Function = Callable[..., Any]
checkpoint = checkpoints.checkpoint


def _of_one_argument(operator: Any) -> Any:
    """The operator of a function of one value, for functions of many arguments."""

    @functools.wraps(operator)
    def of(fun: Function, argnum: Any = 0, *settings: Any, **named: Any) -> Function:
        @functools.wraps(fun)
        def applied(*args: Any, **kwargs: Any) -> Any:
            single = isinstance(argnum, int)
            x = args[argnum] if single else tuple([args[i] for i in argnum])

            @functools.wraps(fun)
            def unary(x: Any) -> Any:
                given = list(args)
                for i, value in [(argnum, x)] if single else zip(argnum, x, strict=True):
                    given[i] = value
                return fun(*given, **kwargs)

            return operator(unary, x, *settings, **named)

        return applied

    return of


def _ones(x: Any) -> Any:
    return tree_map(lambda leaf: np.ones(np.shape(leaf), known_aval(leaf).dtype)[()], x)


def _pulled(who: str, fun: Function, x: Any) -> tuple[Any, Any]:
    """The value and the gradient of a function with one number for a result."""
    value, pull = vjp(fun, x)
    sizes = [np.size(leaf) for leaf in leaves(value)]
    if sizes != [1] or known_aval(leaves(value)[0]).dtype.kind not in "fiub":
        shapes = [np.shape(leaf) for leaf in leaves(value)]
        raise TypeError(
            f"{who}: the function must return one real number, not results of shapes {shapes}; "
            "jacobian, elementwise_grad and holomorphic_grad are for others"
        )
    return value, pull(_ones(value))[0]


@_of_one_argument
def grad(fun: Function, x: Any) -> Any:
    """The gradient of a function with one real number for a result (of any shape of size 1).

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import grad
    >>> grad(lambda x, y: np.sum(x * y), 1)(np.ones(2), np.zeros(2))
    array([1., 1.])
    """
    return _pulled("grad", fun, x)[1]


@_of_one_argument
def value_and_grad(fun: Function, x: Any) -> Any:
    """The value and the gradient.

    >>> from funcgrad.compat.autograd import value_and_grad
    >>> value_and_grad(lambda x: x**2)(3.0)
    (9.0, np.float64(6.0))
    """
    return _pulled("value_and_grad", fun, x)


@_of_one_argument
def elementwise_grad(fun: Function, x: Any) -> Any:
    """The sums of the columns of the Jacobian: its diagonal, where fun is elementwise.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import elementwise_grad
    >>> elementwise_grad(np.square)(np.arange(3.0))
    array([0., 2., 4.])
    """
    value, pull = vjp(fun, x)
    if any(known_aval(leaf).dtype.kind == "c" for leaf in leaves(value)):
        raise TypeError("elementwise_grad: the function must return real numbers, not complex ones")
    return pull(_ones(value))[0]


@_of_one_argument
def deriv(fun: Function, x: Any) -> Any:
    """The derivative along ones, in forward mode.

    >>> from funcgrad.compat.autograd import deriv
    >>> deriv(lambda x: x**3)(2.0)
    np.float64(12.0)
    """
    ones = tree_map(lambda leaf: np.ones_like(leaf, dtype=np.result_type(leaf, 0.0))[()], x)
    return jvp(fun, (x,), (ones,))[1]


@_of_one_argument
def jacobian(fun: Function, x: Any) -> Any:
    """The Jacobian, of the shape of the output followed by that of the input.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import jacobian
    >>> jacobian(lambda x: 2 * x)(np.ones(2))
    array([[2., 0.],
           [0., 2.]])
    """
    return jacrev(fun)(x)


@_of_one_argument
def hessian(fun: Function, x: Any) -> Any:
    """The Jacobian of the Jacobian: the output's shape and twice the input's."""
    return jacfwd(jacrev(fun))(x)


@_of_one_argument
def holomorphic_grad(fun: Function, x: Any) -> Any:
    """The complex derivative of a holomorphic function, by the gradient of its real part."""
    return gradient(lambda z: np.sum(np.real(fun(z))))(x)


def grad_named(fun: Function, argname: str) -> Function:
    """The gradient with respect to the argument of this name, given by position."""
    return grad(fun, list(inspect.signature(fun).parameters).index(argname))  # type: ignore[no-any-return]


@_of_one_argument
def grad_and_aux(fun: Function, x: Any) -> Any:
    """The gradient of the first of two results, and the second as it is."""
    return gradient(fun, has_aux=True)(x)


def multigrad_dict(fun: Function) -> Function:
    """The gradients by all arguments, as a dict from their names.

    >>> from funcgrad.compat.autograd import multigrad_dict
    >>> multigrad_dict(lambda x, y=2.0: x * y)(3.0)
    {'x': np.float64(2.0), 'y': np.float64(3.0)}
    """
    signature = inspect.signature(fun)

    def gradients(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        names = list(bound.arguments)

        @functools.wraps(fun)
        def of_all(*values: Any) -> Any:
            given = inspect.BoundArguments(signature, dict(zip(names, values, strict=True)))
            return fun(*given.args, **given.kwargs)

        found = gradient(of_all, argnums=tuple(range(len(names))))(*bound.arguments.values())
        return dict(zip(names, found, strict=True))

    return gradients


# -- products --------------------------------------------------------------------------------------


@_of_one_argument
def make_vjp(fun: Function, x: Any) -> Any:
    """The function from cotangents of the output to those of the input; and the output.

    >>> from funcgrad.compat.autograd import make_vjp
    >>> pull, value = make_vjp(lambda x: x**2)(3.0)
    >>> value, pull(1.0)
    (9.0, np.float64(6.0))
    """
    value, pull = vjp(fun, x)
    return (lambda ct: pull(ct)[0]), value


@_of_one_argument
def make_jvp(fun: Function, x: Any) -> Any:
    """The function from tangents of the input to the output and its tangent.

    >>> from funcgrad.compat.autograd import make_jvp
    >>> make_jvp(lambda x: x**2)(3.0)(1.0)
    (9.0, np.float64(6.0))
    """
    return lambda t: jvp(fun, (x,), (t,))


@_of_one_argument
def make_jvp_reversemode(fun: Function, x: Any) -> Any:
    """The function from tangents of the input to tangents of the output."""
    return lambda t: jvp(fun, (x,), (t,))[1]


@_of_one_argument
def make_hvp(fun: Function, x: Any) -> Any:
    """The function from a vector to the Hessian times that vector; and the gradient."""
    slope, pull = vjp(gradient(fun), x)
    return (lambda v: pull(v)[0]), slope


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """The Hessian times a tensor of the argument's shape, which comes last: (*args, tensor).

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import hessian_vector_product
    >>> hessian_vector_product(lambda x: np.sum(x**3))(np.ones(2), np.array([1.0, 0.0]))
    array([6., 0.])
    """

    def product(*args: Any, **kwargs: Any) -> Any:
        *given, tensor = args
        return jvp(
            lambda x: grad(fun, argnum)(*given[:argnum], x, *given[argnum + 1 :], **kwargs),
            (given[argnum],), (tensor,),
        )[1]  # fmt: skip

    return product


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """A tensor, which comes last, times the Jacobian: contracted over the tensor's axes.

    A tensor of the output's shape gives the argument's; one of fewer axes is contracted with as
    many of the output's first axes.
    """

    def product(*args: Any, **kwargs: Any) -> Any:
        *given, tensor = args

        @functools.wraps(fun)
        def contracted(*xs: Any) -> Any:
            return np.tensordot(tensor, fun(*xs, **kwargs), axes=np.ndim(tensor))

        return jacobian(contracted, argnum)(*given)

    return product


hessian_vector_product = hessian_tensor_product
vector_jacobian_product = tensor_jacobian_product


def _half_square(x: Any) -> Any:
    return 0.5 * np.sum(x**2, axis=-1)


def make_ggnvp(f: Function, g: Function = _half_square, f_argnum: int = 0) -> Any:
    """The function from v to Jᵀ H J v: J the Jacobian of f, H the Hessian of g at f's output.

    >>> import numpy as np
    >>> from funcgrad.compat.autograd import make_ggnvp
    >>> make_ggnvp(lambda x: 3 * x)(np.ones(2))(np.array([1.0, 0.0]))
    array([9., 0.])
    """

    @_of_one_argument
    def at(fun: Function, x: Any) -> Any:
        value, pull = vjp(fun, x)

        def product(v: Any) -> Any:
            along = jvp(fun, (x,), (v,))[1]
            return pull(jvp(gradient(g), (value,), (along,))[1])[0]

        return product

    return at(f, f_argnum)
