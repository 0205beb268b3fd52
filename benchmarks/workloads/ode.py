"""Lotka-Volterra by 1000 Euler or Runge-Kutta steps: gradient by the start and the parameters."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand
from benchmarks.loops import scan

TINY = {"steps": 5}
CASES = tuple(
    Case(f"{name}, 1000 steps", {"method": method, "steps": 1000}, tiny=TINY)
    for name, method in (("Euler", "euler"), ("RK4", "rk4"))
)
STEP = 0.01


def inputs(**_):
    return {"start": np.array([1.0, 1.5]), "p": np.array([1.1, 0.4, 0.9, 0.3])}


def slope(x, y, p):
    a, b, c, d = p
    return x * (a - b * y), y * (d * x - c)


def euler(x, y, p, h):
    dx, dy = slope(x, y, p)
    return x + h * dx, y + h * dy


def rk4(x, y, p, h):
    k1, l1 = slope(x, y, p)
    k2, l2 = slope(x + 0.5 * h * k1, y + 0.5 * h * l1, p)
    k3, l3 = slope(x + 0.5 * h * k2, y + 0.5 * h * l2, p)
    k4, l4 = slope(x + h * k3, y + h * l3, p)
    sixth = h / 6.0
    return x + sixth * (k1 + 2.0 * (k2 + k3) + k4), y + sixth * (l1 + 2.0 * (l2 + l3) + l4)


def final_by_euler(start, p, steps):
    p = (p[0], p[1], p[2], p[3])
    end, _ = scan(lambda c, _: (euler(*c, p, STEP), None), (start[0], start[1]), length=steps)
    return end[0] * end[0] + end[1]


def final_by_rk4(start, p, steps):
    p = (p[0], p[1], p[2], p[3])
    end, _ = scan(lambda c, _: (rk4(*c, p, STEP), None), (start[0], start[1]), length=steps)
    return end[0] * end[0] + end[1]


FINALS = {"euler": final_by_euler, "rk4": final_by_rk4}


def slope_back(x, y, p, dp, u, v):
    """Cotangents (u, v) of a slope at (x, y): back to the point, and added to the parameters'."""
    a, b, c, d = p
    xy = x * y
    dp[0] += u * x
    dp[1] -= u * xy
    dp[2] -= v * y
    dp[3] += v * xy
    return u * (a - b * y) + v * d * y, v * (d * x - c) - u * b * x


def euler_back(x, y, p, h, dp, u, v):
    du, dv = slope_back(x, y, p, dp, h * u, h * v)
    return u + du, v + dv


def rk4_back(x, y, p, h, dp, u, v):
    points, k, l = [(x, y)], *slope(x, y, p)
    for share in (0.5 * h, 0.5 * h, h):
        points.append((x + share * k, y + share * l))
        k, l = slope(*points[-1], p)
    out, pulled = [u, v], (0.0, 0.0)
    shares = ((h / 6.0, 0.0), (h / 3.0, h), (h / 3.0, 0.5 * h), (h / 6.0, 0.5 * h))
    for (weight, share), point in zip(shares, reversed(points)):
        cts = (weight * u + share * pulled[0], weight * v + share * pulled[1])
        pulled = slope_back(*point, p, dp, *cts)
        out = [out[0] + pulled[0], out[1] + pulled[1]]
    return out


BACK = {"euler": (euler, euler_back), "rk4": (rk4, rk4_back)}


def gradient_by_hand(start, p, steps, method):
    """Python's own numbers: forward keeping every state, then backward through them."""
    step, back = BACK[method]
    p, h, states = p.tolist(), STEP, [tuple(start.tolist())]
    for _ in range(steps):
        states.append(step(*states[-1], p, h))
    dp, ct = [0.0] * 4, (2.0 * states[-1][0], 1.0)
    for state in reversed(states[:-1]):
        ct = back(*state, p, h, dp, *ct)
    return np.array(ct), np.array(dp)


def make(peer, params, data):
    f, steps = peer.bind(FINALS[params["method"]]), params["steps"]
    gradient = peer.grad(lambda start, p: f(start, p, steps), (0, 1))
    return peer.made(gradient, data["start"], data["p"])


def hand(params, data):
    steps, method = params["steps"], params["method"]
    return by_hand(
        lambda start, p: gradient_by_hand(start, p, steps, method), data["start"], data["p"]
    )


PEERS = dialects.table(make, hand)
