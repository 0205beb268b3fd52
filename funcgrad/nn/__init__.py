"""The names of ``jax.nn``: activations, normalising functions, attention, and initial values.

NumPy's dtype rules hold (float32 stays, integers become float64 where the result is no integer).
At kinks the derivative is JAX's: 0 for ``relu`` at 0, the mean of both sides where ``maximum``
meets ``minimum``.

>>> import numpy as np
>>> from funcgrad import grad, nn
>>> grad(lambda x: np.sum(nn.silu(x)))(np.array([0.0, 1.0]))
array([0.5       , 0.92767051])
"""

from funcgrad.nn import initializers
from funcgrad.nn.activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log1mexp,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    swish,
    tanh,
)
from funcgrad.nn.attention import dot_product_attention
from funcgrad.nn.normalizing import (
    log_softmax,
    logmeanexp,
    logsumexp,
    one_hot,
    softmax,
    standardize,
)

__all__ = [
    "celu", "dot_product_attention", "elu", "gelu", "glu", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "identity", "initializers", "leaky_relu", "log1mexp",
    "log_sigmoid", "log_softmax", "logmeanexp", "logsumexp", "mish", "one_hot", "relu", "relu6",
    "selu", "sigmoid", "silu", "soft_sign", "softmax", "softplus", "sparse_plus",
    "sparse_sigmoid", "squareplus", "standardize", "swish", "tanh",
]  # fmt: skip
