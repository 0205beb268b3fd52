"""Ordinary NumPy code, part two: linear algebra, dynamics, statistics, as a scientist writes it."""

import numpy as np

import funcgrad.numpy as fnp
from tests.user_cases import case, numbers


def positive_definite(a):
    return a @ a.T + len(a) * np.eye(len(a))


@case(numbers(5, 3))
def normal_equations(a):
    b = np.linspace(-1.0, 1.0, 5)
    x = np.linalg.solve(a.T @ a + 0.1 * np.eye(3), a.T @ b)
    return np.sum((a @ x - b) ** 2) + np.linalg.norm(x)


@case(numbers(3, 3))
def determinants(a):
    sign, logdet = np.linalg.slogdet(positive_definite(a))
    return sign * logdet + np.linalg.det(a) ** 2


@case(numbers(3, 3, seed=1))
def inverse_and_trace(a):
    return np.trace(np.linalg.inv(positive_definite(a)) @ a)


@case(numbers(4, 4))
def whitening(a):
    factor = np.linalg.cholesky(positive_definite(a))
    z = np.linalg.solve(factor, a[0])
    return z @ z + np.sum(np.log(np.diag(factor)))


@case(numbers(3, 3, seed=2))
def spectrum(a):
    values, vectors = np.linalg.eigh((a + a.T) / 2 + np.diag([0.0, 2.0, 5.0]))
    return values[-1] / values[1] + np.sum(vectors[:, 0] ** 4)


@case(numbers(20, 3, seed=3))
def principal_component(data):
    centred = (data - data.mean(axis=0)) * np.array([3.0, 2.0, 1.0])
    covariance = centred.T @ centred / (len(data) - 1)
    values, vectors = np.linalg.eigh(covariance)
    along = centred @ vectors[:, -1]
    return np.mean(along**2) / values.sum()


@case(numbers(3, low=0.5, high=1.5))
def lorenz_by_runge_kutta(parameters):
    sigma, rho, beta = parameters * np.array([10.0, 28.0, 2.6])

    def slope(u):
        x, y, z = u
        return np.stack([sigma * (y - x), x * (rho - z) - y, x * y - beta * z])

    u, dt = np.array([1.0, 1.0, 1.0]), 0.01
    for _ in range(8):
        k1 = slope(u)
        k2 = slope(u + dt / 2 * k1)
        k3 = slope(u + dt / 2 * k2)
        k4 = slope(u + dt * k3)
        u = u + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(u**2)


@case({"position": numbers(3, 2), "velocity": numbers(3, 2, seed=1)})
def three_bodies_by_leapfrog(state):
    q, v, dt = state["position"], state["velocity"], 0.02

    def force(q):
        gaps = q[None] - q[:, None]
        return np.sum(gaps / (np.sum(gaps**2, axis=-1, keepdims=True) + 0.1) ** 1.5, axis=1)

    v = v + dt / 2 * force(q)
    for _ in range(10):
        q = q + dt * v
        v = v + dt * force(q)
    return np.sum(v**2) / 2 + np.sum(q[0] * q[1])


NOISE = np.random.default_rng(11).standard_normal((4, 12))


@case(numbers(2, low=0.1, high=0.5))
def random_walk_with_fixed_noise(x):
    drift, volatility = x
    steps = drift / 12 + volatility * NOISE / np.sqrt(12)
    paths = np.exp(np.cumsum(steps, axis=1))
    return np.mean(np.maximum(paths[:, -1] - 0.7, 0.0) ** 2)


POINTS = numbers(15, 2, seed=5)


@case(numbers(3, 2, seed=4))
def k_means_objective(centres):
    distances = np.linalg.norm(POINTS[:, None] - centres[None], axis=-1)
    nearest = np.argmin(distances, axis=1)
    return np.sum(distances[np.arange(15), nearest]) + np.sum(distances.min(axis=1) ** 2)


@case({"length": 0.6, "height": 1.3, "noise": 0.2})
def gaussian_process_likelihood(kernel):
    x = np.linspace(0.0, 2.0, 8)
    y = np.sin(3 * x)
    gaps = (x[:, None] - x[None, :]) / kernel["length"]
    k = kernel["height"] ** 2 * np.exp(-0.5 * gaps**2) + kernel["noise"] ** 2 * np.eye(8)
    factor = np.linalg.cholesky(k)
    half = np.linalg.solve(factor, y)
    return 0.5 * half @ half + np.log(np.diag(factor)).sum() + 4 * np.log(2 * np.pi)


@case(numbers(2, low=0.3, high=0.6))
def kalman_filter(deviations):
    step, noise = deviations[0] ** 2 * np.eye(2), deviations[1] ** 2
    motion, sight = np.array([[1.0, 0.1], [0.0, 1.0]]), np.array([1.0, 0.0])
    mean, covariance, total = np.zeros(2), np.eye(2), 0.0
    for y in np.sin(np.arange(6) / 3):
        mean, covariance = motion @ mean, motion @ covariance @ motion.T + step
        variance = sight @ covariance @ sight + noise
        gain, surprise = covariance @ sight / variance, y - sight @ mean
        mean = mean + gain * surprise
        covariance = covariance - np.outer(gain, sight @ covariance)
        total += 0.5 * (surprise**2 / variance + np.log(variance))
    return total


@case(numbers(10, low=0, high=1))
def heat_equation(u):
    u = u.copy()
    for _ in range(6):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0], u[-1] = 0, 0.5 * u[-2]
    return np.sum((u - 0.3) ** 2)


@case(numbers(3, seed=6))
def blur_by_loops(kernel):
    signal = np.sin(np.arange(9.0))
    out = fnp.zeros(7)
    for i in range(7):
        for j in range(3):
            out[i] += kernel[j] * signal[i + 2 - j]
    return np.sum(np.tanh(out) ** 2)


@case(numbers(4, seed=7))
def structure_factor(x):
    waves = np.exp(1j * np.outer(np.arange(1, 4), x))
    amplitude = waves.sum(axis=1)
    return np.sum(np.abs(amplitude) ** 2) + np.real(amplitude[0] * 1j) + amplitude[1].imag


@case(numbers(2, low=0.5, high=1.5))
def quadrature_on_a_grid(x):
    u, v = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 2, 4), indexing="ij")
    return np.mean(np.exp(-x[0] * u**2) * np.cos(x[1] * v * u))


@case({"values": numbers(6), "at": numbers(3, seed=2, low=0.1, high=4.9)})
def linear_interpolation(table):
    grid = np.arange(6.0)
    left = np.clip(np.searchsorted(grid, table["at"], side="right") - 1, 0, 4)
    weight = table["at"] - np.take(grid, left)
    between = (1 - weight) * table["values"][left] + weight * table["values"][left + 1]
    return np.sum(between**2)


@case(numbers(4, seed=1))
def lagrangian_interpolation(values):
    nodes, at, total = np.array([0.0, 1.0, 2.5, 3.0]), 1.7, 0.0
    for i, value in enumerate(values):
        others = np.delete(nodes, i)
        total = total + value * np.prod((at - others) / (nodes[i] - others))
    return np.exp(total)


@case(numbers(3, low=0.2, high=0.9))
def markov_chain(x):
    p = np.diag(1 - x) + np.diag(x) @ np.eye(3)[[1, 2, 0]]
    chances = np.array([1.0, 0.0, 0.0])
    for _ in range(5):
        chances = chances @ p
    return -np.sum(chances * np.log(chances)) + (p @ p @ p)[0, 1]
