"""Derivatives of tanh to any order, Taylor series, an unrolled RNN: autograd's first lessons."""

import autograd.numpy as np
import autograd.numpy.random as npr
from autograd import elementwise_grad as egrad
from autograd import grad, hessian, jacobian, make_jvp


def tanh(x):
    y = np.exp(-2.0 * x)
    return (1.0 - y) / (1.0 + y)


x = np.linspace(-3, 3, 13)
orders = [tanh]
for _ in range(5):
    orders.append(egrad(orders[-1]))


def taylor_sine(x):
    ans = current_term = x
    i = 0
    while np.abs(current_term) > 1e-12:
        current_term = -current_term * x**2 / ((2 * i + 3) * (2 * i + 2))
        ans = ans + current_term
        i += 1
    return ans


rs = npr.RandomState(3)
W, U = rs.randn(4, 4) * 0.5, rs.randn(4, 2)
inputs = rs.randn(6, 2)


def rnn(params):
    W, U = params
    h = np.zeros(4)
    outputs = []
    for u in inputs:
        h = np.tanh(np.dot(W, h) + np.dot(U, u))
        outputs.append(h)
    return np.sum(np.array(outputs) ** 2)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


point = np.array([0.5, -0.3, 1.2])
gW, gU = grad(rnn)((W, U))
_, tangent = make_jvp(rosenbrock)(point)(np.ones(3))

assert abs(grad(taylor_sine)(1.0) - np.cos(1.0)) < 1e-10
RESULT = [
    *[np.sum(f(x) * x) for f in orders], grad(taylor_sine)(2.0), np.sum(gW), np.sum(gU), tangent,
    *np.ravel(hessian(rosenbrock)(point)), *np.ravel(jacobian(lambda x: x**2)(point)),
]  # fmt: skip
