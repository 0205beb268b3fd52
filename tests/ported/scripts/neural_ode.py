"""A network learns the right-hand side of an oscillator, in the style of autograd's examples."""

import autograd.numpy as np
from autograd import grad
from autograd.builtins import tuple
from autograd.scipy.integrate import odeint

true_A = np.array([[-0.1, 2.0], [-2.0, -0.1]])
t = np.linspace(0.0, 2.0, 9)
y0 = np.array([2.0, 0.0])


def func(y, t0, A):
    return np.dot(y**3, A)


true_y = odeint(func, y0, t, tuple((true_A,)), rtol=1e-8, atol=1e-8)


def loss(A):
    pred = odeint(func, y0, t, tuple((A,)), rtol=1e-8, atol=1e-8)
    return np.mean(np.abs(pred - true_y) ** 2)


A = 0.9 * true_A
before = loss(A)
for _ in range(10):
    A = A - 0.002 * grad(loss)(A)

assert loss(A) < 0.5 * before
RESULT = [before, loss(A), *A.ravel()]
TOLERANCE = 1e-4  # another integrator
