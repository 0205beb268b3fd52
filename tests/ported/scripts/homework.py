"""A course's homework in plain NumPy: heat flow by filled arrays, and the source that fits it."""

import numpy as np
from autograd import grad

n, steps = 12, 30


def simulate(source):
    u = np.zeros((steps + 1, n))
    for k in range(steps):
        for i in range(1, n - 1):
            u[k + 1, i] = u[k, i] + 0.2 * (u[k, i - 1] - 2 * u[k, i] + u[k, i + 1])
        u[k + 1] += 0.05 * source
        u[k + 1, 0] = u[k + 1, -1] = 0.0
    return u[-1]


x = np.linspace(0, 1, n)
wanted = np.sin(np.pi * x) ** 2


def misfit(source):
    r = simulate(source) - wanted
    return 0.5 * np.sum(r**2)


source = np.ones(n)
values = []
for _ in range(30):
    values.append(misfit(source))
    source = source - 0.5 * grad(misfit)(source)

step = 1e-6 * np.eye(n)[3]
difference = (misfit(source + step) - misfit(source - step)) / 2e-6

assert values[-1] < 0.1 * values[0]
assert abs(grad(misfit)(source)[3] - difference) < 1e-6
RESULT = [*values, *source]
ALONE = True  # autograd cannot assign into arrays
