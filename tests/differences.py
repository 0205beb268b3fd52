"""Numerical derivatives over pytrees: the oracle for code that the complex step cannot enter.

Five-point central differences have an error of order ``h**4``; with ``h = 1e-3`` this and the
rounding of the values both lie near 1e-12 for functions of order one.
"""

import numpy as np
import optree

H = 1e-3


def leaf_arrays(tree):
    """The leaves as float64 arrays of their own, and the function that rebuilds the tree."""
    leaves, treedef = optree.tree_flatten(tree)
    return [np.array(leaf, dtype=np.float64) for leaf in leaves], treedef


def flatten(tree):
    """All numbers of a tree in one vector, and the function back."""
    leaves, treedef = leaf_arrays(tree)
    sizes = np.cumsum([leaf.size for leaf in leaves])[:-1]
    shapes = [leaf.shape for leaf in leaves]

    def rebuild(vector):
        parts = zip(np.split(np.asarray(vector), sizes), shapes, strict=True)
        return optree.tree_unflatten(treedef, [p.reshape(shape).copy() for p, shape in parts])

    return np.concatenate([leaf.ravel() for leaf in leaves]), rebuild


def five_point(function, h=H):
    """The derivative at 0 of a function of one number, which may return an array."""
    near = function(h) - function(-h)
    far = function(2 * h) - function(-2 * h)
    return (8 * near - far) / (12 * h)


def gradient(function, tree, h=H):
    """The gradient of a scalar function, as a flat vector."""
    x, rebuild = flatten(tree)
    return np.array(
        [five_point(lambda t, e=e: function(rebuild(x + t * e)), h) for e in np.eye(len(x))]
    )


def along(gradient_function, tree, direction, h=H):
    """The derivative of a tree-valued function along ``direction``, as a flat vector."""
    x, rebuild = flatten(tree)
    v, _ = flatten(direction)
    return five_point(lambda t: flatten(gradient_function(rebuild(x + t * v)))[0], h)


def direction(tree):
    """A fixed direction with no zeros, of the same structure."""
    x, rebuild = flatten(tree)
    return rebuild(np.cos(1.0 + np.arange(len(x))))


def batch(tree, size=3):
    """A stack of slightly different copies of the tree along a new first axis, and its rows."""
    x, rebuild = flatten(tree)
    rows = [rebuild(x + 0.01 * k * np.cos(np.arange(len(x)))) for k in range(size)]
    return optree.tree_map(lambda *leaves: np.stack(leaves), *rows), rows
