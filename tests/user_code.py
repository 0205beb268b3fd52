"""Ordinary NumPy code, part one: arrays, masks, in-place updates, control flow, containers.

Nothing is written for the sake of differentiation, save that arrays which are filled with traced
values begin as ``np.zeros_like(x)`` or ``x.copy()``.
"""

from typing import NamedTuple

import numpy as np

from tests.user_cases import case, numbers


@case(numbers(5))
def fill_an_array(x):
    y = np.zeros_like(x)
    for i in range(len(x)):
        y[i] = i * np.sin(x[i]) + x[i - 1]
    return np.sum(y**2)


@case(numbers(6))
def running_total_in_place(x):
    y = x.copy()
    for i in range(1, len(y)):
        y[i] += y[i - 1] ** 2
    y *= 0.5
    y -= x[0]
    return y[-1] + np.mean(y)


@case(numbers(7, seed=3))
def rectify_by_mask(x):
    y = x * 2.0
    y[y < 0] = 0
    y[x > 0.5] *= 3
    return np.sum(y**3)


@case(numbers(6))
def write_through_a_view(x):
    y = x.copy()
    inner = y[1:-1]
    inner *= 2
    inner[0] -= x[-1] ** 2
    ends = y[::5]
    ends += inner[1]
    return np.sum(y * np.cos(x))


@case(numbers(3, 4))
def overwrite_rows_and_columns(x):
    y = x.copy()
    y[0] = y[1] * y[2]
    y[:, 1] = np.exp(y[:, 0])
    y[..., -1] /= 2 + y[:, 2]
    y[[0, 2], [0, 3]] += 1.5 * x[1, 1]
    return np.sum(y * y)


@case(np.array([0.3, -0.7, 0.9, 0.15, -0.2, 0.6, -0.9, 0.4]))
def choose_with_where(x):
    root = np.where(x > 0, np.sqrt(np.abs(x)), x**2)
    safe = np.where(x > 0, x, 1.0)
    return np.sum(root) + np.sum(np.where(x > 0, np.log(safe), 0.0))


@case(numbers(5, 2))
def pairwise_energy(points):
    gaps = points[:, None] - points[None, :]
    squared = np.sum(gaps**2, axis=-1) + np.eye(len(points))
    return np.sum(1 / squared) - np.log(squared).sum()


@case(numbers(4))
def difference_table(x):
    table = x[:, None] - x[None, :] ** 2
    upper = np.triu(table, 1)
    return (upper * np.arange(4.0)).sum() + np.trace(table) ** 2


@case(numbers(3, 4))
def einsum_and_friends(a):
    gram = np.einsum("ij,kj->ik", a, a)
    cube = np.tensordot(a, np.outer(a[0], a[1]), axes=([1], [0]))
    return np.einsum("ii->", gram @ gram) + np.dot(a[0], a[2]) * np.sum(cube)


@case(numbers(6, low=0.5, high=1.5))
def cumulative(x):
    area = np.sum((x[1:] + x[:-1]) / 2 * np.arange(1.0, 6.0))
    jumps = np.diff(np.cumsum(x) ** 2, n=2)
    return area + np.cumprod(x)[-2] + np.sum(jumps**2)


@case(numbers(7, seed=5))
def order_statistics(x):
    ordered = np.sort(x)
    middle = ordered[len(x) // 2]
    trimmed = ordered[1:-1].mean()
    return middle**2 + 3 * trimmed**3 + (ordered[-1] - ordered[0]) ** 2


@case(numbers(3, 5, seed=2))
def pick_the_largest(x):
    best = np.argmax(x, axis=1)
    rows = np.arange(len(x))
    winners = x[rows, best]
    ranks = np.argsort(x[0])
    return np.sum(winners**2) + x[0][ranks[1]] * np.take(x[2], best[0])


@case(numbers(6, seed=4))
def limits(x):
    y = np.clip(3 * x, -1.2, 1.1)
    z = np.maximum(x, 0.1) * np.minimum(x, 0.3)
    return np.sum(y**2) + np.sum(z) + x.max() * x.min()


@case(numbers(4))
def join_and_shift(x):
    longer = np.concatenate([x, x[::-1] ** 2, [1.0]])
    padded = np.pad(longer, (1, 2), mode="constant", constant_values=0.5)
    rolled = np.roll(padded, 2) * np.flip(padded)
    pair = np.stack([x, np.roll(x, 1)], axis=1)
    blocks = np.hstack([np.vstack([pair, pair]), np.repeat(pair, 2, axis=0)])
    return np.sum(rolled) + np.sum(blocks.T @ blocks)


@case(numbers(2, 3, 4))
def reshape_and_swap(x):
    flat = x.reshape(6, -1)
    swapped = np.swapaxes(x, 0, 2).transpose(1, 0, 2)
    ravelled = np.moveaxis(swapped, 0, -1).ravel()
    return np.sum(flat.T @ flat) + np.sum(ravelled * np.arange(24.0)) ** 2


@case(numbers(5, low=-3, high=3))
def logsumexp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


@case(numbers(4, 3))
def cross_entropy(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    odds = np.exp(shifted)
    chances = odds / odds.sum(axis=1, keepdims=True)
    return -np.mean(np.log(chances[np.arange(4), [0, 2, 1, 1]]))


@case(2.7)
def square_root_by_newton(x):
    guess = x
    while abs(guess * guess - x) > 1e-12:
        guess = 0.5 * (guess + x / guess)
    return guess


@case(numbers(2, low=0.2, high=0.8))
def fixed_point(x):
    y, previous = 1.0, 0.0
    while abs(y - previous) > 1e-13:
        y, previous = np.cos(x[0] * y) * x[1], y
    return y**2


@case({"mean_anomaly": 1.3, "eccentricity": 0.4})
def kepler(orbit):
    m, e = orbit["mean_anomaly"], orbit["eccentricity"]
    anomaly = m
    for _ in range(50):
        step = (anomaly - e * np.sin(anomaly) - m) / (1 - e * np.cos(anomaly))
        anomaly = anomaly - step
        if abs(step) < 1e-13:
            break
    return np.arctan2(np.sqrt(1 - e**2) * np.sin(anomaly), np.cos(anomaly) - e)


@case(numbers(5, seed=6, low=-2, high=2))
def huber(x):
    total = 0.0
    for r in x:
        if -1 < r < 1:
            total += r**2 / 2
        elif r <= -1:
            total += -r - 0.5
        else:
            total += 2 * r - 1.5
    return total


@case([0.3, 1.7, -0.4])
def builtin_order(scalars):
    low, middle, high = sorted(scalars)
    return max(scalars) * min(scalars) + low * middle**2 - abs(high - low) ** 3


class Weights(NamedTuple):
    matrix: np.ndarray
    bias: np.ndarray


INPUTS = numbers(5, 3, seed=9)
LAYERS = [Weights(numbers(3, 4), numbers(4, seed=1)), Weights(numbers(4, 2, seed=2), numbers(2))]


@case(LAYERS)
def network_of_namedtuples(layers):
    h = INPUTS
    for layer in layers:
        h = np.tanh(h @ layer.matrix + layer.bias)
    return np.mean((h - 0.3) ** 2)


@case({"scale": 1.5, "shape": {"knots": numbers(4), "power": 2.2}})
def dictionary_of_parameters(parameters):
    knots = parameters["shape"]["knots"]
    grown = parameters["scale"] * np.abs(knots) ** parameters["shape"]["power"]
    return np.sum(grown / (1 + knots**2))


@case([[numbers(2), 0.5], [numbers(3, seed=1)]])
def nested_lists(tree):
    (first, second), (third,) = tree
    return np.sum(first) * second**2 + np.prod(third) * np.linalg.norm(first)


@case(numbers(3))
def closures(x):
    offset = x[0] ** 2

    def shifted(z):
        return z - offset

    def twice(f):
        return lambda z: f(f(z))

    return np.sum(np.exp(twice(shifted)(x)))


@case(0.3)
def chebyshev_by_recursion(x):
    def polynomial(n):
        if n < 2:
            return x if n else 1.0
        return 2 * x * polynomial(n - 1) - polynomial(n - 2)

    return polynomial(7)


class Vector:
    """A helper class that knows nothing of arrays, let alone of tracers."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)

    def cross(self, other):
        return self.x * other.y - self.y * other.x

    def length(self):
        return np.hypot(self.x, self.y)


@case(numbers(4, seed=7))
def helper_class(x):
    a, b = Vector(x[0], x[1]), Vector(x[2], x[3])
    return a.cross(b) / (a + b).length() + a.length() ** 3


@case(numbers(6))
def horner(coefficients):
    value = 0.0
    for c in coefficients[::-1]:
        value = value * 0.7 + c
    return value * sum(c * 0.2**k for k, c in enumerate(coefficients))


@case(numbers(8))
def ring_of_neighbours(x):
    n = len(x)
    right = (np.arange(n) + 1) % n
    even = np.arange(0, n, 2)
    return np.sum(x * x[right]) + np.sum(x[even // 2] ** 2) - x[n // 2] * x[-n // 4]


@case(numbers(3, 4, seed=8))
def statistics(x):
    spread = np.std(x, axis=0) + np.var(x, axis=0, ddof=1)
    centred = x - x.mean(axis=1, keepdims=True)
    return np.prod(spread) * 50 + np.ptp(x) + np.sum(centred**3)


@case(numbers(5, seed=3))
def options_by_name(x, kind="euclid", weights=None):
    def size(v, kind):
        if kind == "taxi":
            return np.abs(v).sum()
        return np.sqrt((v**2).sum()) if kind == "euclid" else np.abs(v).max()

    total = size(x, kind) * size(x, "taxi") + size(x, "largest") ** 2
    return total if weights is None else total * np.sum(weights)
