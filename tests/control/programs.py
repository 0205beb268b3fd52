"""Loops and branches beside the same computation in plain Python, which is the oracle."""

import numpy as np

from funcgrad import cond, fori_loop, map, scan, switch, while_loop

TIMES = np.linspace(0.0, 1.0, 5)


def scanned(x):
    def step(c, t):
        c = c + 0.1 * np.sin(c * x) + t
        return c, c**2

    c, ys = scan(step, x * 1.0, TIMES)
    return c + np.sum(ys)


def scanned_in_python(x):
    c, total = x * 1.0, 0.0
    for t in TIMES:
        c = c + 0.1 * np.sin(c * x) + t
        total = total + c**2
    return c + total


def backwards(x):
    return scan(lambda c, t: (c * x + t, c), 1.0, TIMES, reverse=True)[0]


def backwards_in_python(x):
    c = 1.0
    for t in TIMES[::-1]:
        c = c * x + t
    return c


def grown(x):
    return while_loop(lambda c: c**2 < 50 * x, lambda c: c * 1.3 + 0.1 * x * np.sin(c), x * 2.0)


def grown_in_python(x):
    c = x * 2.0
    while c**2 < 50 * x:
        c = c * 1.3 + 0.1 * x * np.sin(c)
    return c


def counted(x):
    return fori_loop(0, 4, lambda i, c: c * x + i, 1.0)


def counted_to_a_traced_bound(x):
    end = np.floor(x * 0).astype(int) + 4
    return fori_loop(0, end, lambda i, c: c * x + i, 1.0)


def counted_in_python(x):
    c = 1.0
    for i in range(4):
        c = c * x + i
    return c


def mapped(x):
    return np.sum(map(lambda t: np.exp(t * x), TIMES))


def mapped_in_python(x):
    return np.sum(np.exp(TIMES * x))


def chosen(x):
    return cond(x > 1, lambda y: y**3 * x, lambda y: np.sin(y), x)


def chosen_in_python(x):
    return x**4 if x > 1 else np.sin(x)


def switched(x):
    which = np.floor(x).astype(int)
    return switch(which, [np.sin, lambda y: y**2 * x, lambda y: np.exp(-y)], x)


def switched_in_python(x):
    which = min(max(int(np.floor(x)), 0), 2)
    return (np.sin(x), x**3, np.exp(-x))[which]


def nested(x):
    def outer(c, t):
        inner = while_loop(lambda v: v < 3.0, lambda v: v * (1.5 + 0.1 * x), c + t + 0.2)
        return cond(inner > 3.5, lambda v: v / 4, lambda v: v * x / 3, inner), inner

    last, seen = scan(outer, x, TIMES)
    return last + np.sum(seen**2)


def nested_in_python(x):
    c, total = x, 0.0
    for t in TIMES:
        v = c + t + 0.2
        while v < 3.0:
            v = v * (1.5 + 0.1 * x)
        total = total + v**2
        c = v / 4 if v > 3.5 else v * x / 3
    return c + total


PAIRS = {
    "scan": (scanned, scanned_in_python),
    "scan-reverse": (backwards, backwards_in_python),
    "while_loop": (grown, grown_in_python),
    "fori_loop": (counted, counted_in_python),
    "fori_loop-traced": (counted_to_a_traced_bound, counted_in_python),
    "map": (mapped, mapped_in_python),
    "cond": (chosen, chosen_in_python),
    "switch": (switched, switched_in_python),
    "nested": (nested, nested_in_python),
}
