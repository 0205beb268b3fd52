"""A convolutional capsule layer: every weight a 4 x 4 matrix, times 4 x 4 poses, over 3 x 3."""

import numpy as np

from benchmarks import dialects
from benchmarks.cases import Case, by_hand

SIZES = {"batch": 4, "side": 16, "inside": 8, "outside": 16}
TINY = {"batch": 2, "side": 5, "inside": 2, "outside": 3}
WINDOW, POSE = 3, 4


def _flops(what, stride):
    out = ((SIZES["side"] - WINDOW) // stride + 1) ** 2 * SIZES["outside"] * SIZES["batch"]
    forward = 2 * out * SIZES["inside"] * WINDOW**2 * POSE**3
    return forward if what == "value" else 3 * forward


CASES = tuple(
    Case(
        f"{what}, stride {stride}",
        {"what": what, "stride": stride, **SIZES},
        tiny=TINY,
        flops=_flops(what, stride),
    )
    for stride in (1, 2)
    for what in ("value", "gradient")
)


def inputs(batch, side, inside, outside, **_):
    rng = np.random.default_rng(31337)
    return {
        "poses": rng.normal(size=(batch, side, side, inside, POSE, POSE)),
        "weights": 0.1 * rng.normal(size=(WINDOW, WINDOW, inside, outside, POSE, POSE)),
    }


def window(poses, i, j, stride):
    """The poses that the window's place (i, j) meets, for every place of the output."""
    rows, columns = poses.shape[1] - WINDOW + 1, poses.shape[2] - WINDOW + 1
    return poses[:, i : i + rows : stride, j : j + columns : stride]


def layer(poses, weights, stride):
    """Sums, over the window and the capsules inside, of pose times weight."""
    return sum(
        np.einsum("bxycpq,cdqr->bxydpr", window(poses, i, j, stride), weights[i, j])
        for i in range(WINDOW)
        for j in range(WINDOW)
    )


def energy(poses, weights, stride):
    out = layer(poses, weights, stride)
    return 0.5 * np.sum(out * out)


def layer_by_hand(poses, weights, stride):
    """Without `optimize`, NumPy's einsum would not use its matrix product."""
    total = 0.0
    for i in range(WINDOW):
        for j in range(WINDOW):
            seen = window(poses, i, j, stride)
            total = total + np.einsum("bxycpq,cdqr->bxydpr", seen, weights[i, j], optimize=True)
    return total


def energy_gradient_by_hand(poses, weights, stride):
    dout = layer_by_hand(poses, weights, stride)
    dposes, dweights = np.zeros_like(poses), np.empty_like(weights)
    for i in range(WINDOW):
        for j in range(WINDOW):
            seen = window(poses, i, j, stride)
            both = np.tensordot(seen, dout, ([0, 1, 2, 4], [0, 1, 2, 4]))  # c q d r
            dweights[i, j] = both.transpose(0, 2, 1, 3)
            back = np.tensordot(dout, weights[i, j], ([3, 5], [1, 3]))  # b x y p c q
            target = window(dposes, i, j, stride)
            target += back.transpose(0, 1, 2, 4, 3, 5)
    return dposes, dweights


def value_by_hand(poses, weights, stride):
    out = layer_by_hand(poses, weights, stride)
    return 0.5 * np.sum(out * out)


def torch_by_convolution(poses, weights, stride):
    """Rows of poses are examples, (capsule, column) are channels: a plain convolution."""
    import torch

    b, h, w, c, p, q = poses.shape
    d, r = weights.shape[3], weights.shape[5]
    images = poses.permute(0, 4, 3, 5, 1, 2).reshape(b * p, c * q, h, w)
    kernels = weights.permute(3, 5, 2, 4, 0, 1).reshape(d * r, c * q, WINDOW, WINDOW)
    out = torch.nn.functional.conv2d(images, kernels, stride=stride)
    return 0.5 * torch.sum(out * out)


def torch_by_product(poses, weights, stride):
    """All windows side by side, times one matrix."""
    import torch

    b, _, _, c, p, q = poses.shape
    d, r = weights.shape[3], weights.shape[5]
    windows = poses.unfold(1, WINDOW, stride).unfold(2, WINDOW, stride)
    places = windows.shape[1] * windows.shape[2]
    left = windows.permute(0, 1, 2, 4, 6, 7, 3, 5).reshape(b * places * p, -1)
    right = weights.permute(0, 1, 2, 4, 3, 5).reshape(-1, d * r)
    out = left @ right
    return 0.5 * torch.sum(out * out)


def torch_form(what, stride):
    """The fastest of convolution, one product, one einsum over unfold, and nine einsums.

    On one core the convolution's gradient took 0.6 to 0.8 of the next best form's time at either
    stride. Only the value at stride 2 is quicker by the product, by a quarter.
    """
    return torch_by_product if (what, stride) == ("value", 2) else torch_by_convolution


def make(peer, params, data):
    f, stride = peer.bind(energy), params["stride"]
    if peer.name == "torch":
        f = torch_form(params["what"], stride)
    value = lambda poses, weights: f(poses, weights, stride)
    function = value if params["what"] == "value" else peer.grad(value, (0, 1))
    return peer.made(function, data["poses"], data["weights"])


def hand(params, data):
    function = value_by_hand if params["what"] == "value" else energy_gradient_by_hand
    return by_hand(
        lambda poses, weights: function(poses, weights, params["stride"]),
        data["poses"],
        data["weights"],
    )


PEERS = dialects.table(make, hand)
