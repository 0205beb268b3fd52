"""autograd's public names with autograd's meaning, so that its code runs by changing its imports.

>>> import funcgrad.compat.autograd.numpy as np
>>> from funcgrad.compat.autograd import elementwise_grad
>>> elementwise_grad(lambda x: np.sin(x))(np.zeros(2))
array([1., 1.])
"""

from funcgrad.compat.autograd.forwarding import forward
from funcgrad.compat.autograd.operators import (
    checkpoint,
    deriv,
    elementwise_grad,
    grad,
    grad_and_aux,
    grad_named,
    hessian,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    jacobian,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_jvp_reversemode,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    value_and_grad,
    vector_jacobian_product,
)

numpy = forward(__name__, "numpy", "funcgrad.numpy", ("fft", "linalg"), "numpy")
scipy = forward(
    __name__, "scipy", "funcgrad.scipy", ("fft", "integrate", "linalg", "signal", "special")
)
scipy.stats = forward(
    f"{__name__}.scipy", "stats", "funcgrad.scipy.stats",
    ("beta", "chi2", "dirichlet", "gamma", "multivariate_normal", "norm", "poisson", "t"),
)  # fmt: skip
differential_operators = forward(__name__, "differential_operators", f"{__name__}.operators")
numpy.random = forward(f"{__name__}.numpy", "random", "numpy.random")

__all__ = [
    "checkpoint", "deriv", "elementwise_grad", "grad", "grad_and_aux", "grad_named", "hessian",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "jacobian",
    "make_ggnvp", "make_hvp", "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict",
    "numpy", "scipy", "tensor_jacobian_product", "value_and_grad", "vector_jacobian_product",
]  # fmt: skip
