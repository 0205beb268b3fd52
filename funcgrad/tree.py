"""Pytrees over the optree library: nested containers with arrays and numbers as leaves.

Tuples, lists, dicts, namedtuples, None, and dataclasses (no registration needed) are nodes.

>>> from funcgrad.tree import flatten, unflatten
>>> leaves, treedef = flatten({"w": 1.0, "b": (2.0, None)})
>>> leaves
[2.0, 1.0]
>>> unflatten(treedef, leaves)
{'w': 1.0, 'b': (2.0, None)}
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import optree

__all__ = ["flatten", "leaves", "map", "paths", "register", "unflatten"]

_NAMESPACE = "funcgrad"
_SIMPLE: set[type] = {np.ndarray, float, int, complex, np.float64, bool, str}
_seen: set[type] = {tuple, list, dict, type(None)}


class _Leaf:
    """The structure of a lone leaf, which most calls have; spares a walk."""

    num_leaves = 1

    def __repr__(self) -> str:
        return "*"


LEAF: Any = _Leaf()


def add_leaf_type(cls: type) -> None:
    """Values of this type are leaves without asking optree (tracers are)."""
    _SIMPLE.add(cls)


def flatten(tree: Any) -> tuple[list[Any], Any]:
    """The leaves of a tree, and its structure."""
    cls = tree.__class__
    if cls in _SIMPLE:
        return [tree], LEAF
    leaves, treedef = optree.tree_flatten(tree, namespace=_NAMESPACE)
    for leaf in leaves:
        cls = leaf.__class__
        if cls not in _SIMPLE and cls not in _seen and dataclasses.is_dataclass(cls):
            _register_dataclass(leaf.__class__)
            return flatten(tree)
    if len(leaves) == 1 and leaves[0] is tree:
        return leaves, LEAF
    return leaves, treedef


def unflatten(treedef: Any, leaves: list[Any]) -> Any:
    """The tree with this structure and these leaves."""
    return leaves[0] if treedef is LEAF else optree.tree_unflatten(treedef, leaves)


def leaves(tree: Any) -> list[Any]:
    """The leaves of a tree, in order."""
    return flatten(tree)[0]


def map(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """The tree of ``function(leaf, …)``; all trees must have the structure of the first."""
    first, treedef = flatten(tree)
    others = []
    for other in rest:
        found, other_def = flatten(other)
        if other_def != treedef:
            raise TypeError(f"tree.map: structures differ: {treedef} and {other_def}")
        others.append(found)
    return unflatten(treedef, [function(*xs) for xs in zip(first, *others, strict=True)])


def paths(tree: Any) -> list[str]:
    """A name for each leaf: ``['w']``, ``[0].mean``; empty for a lone leaf."""
    if flatten(tree)[1] is LEAF:
        return [""]
    accessors = optree.tree_accessors(tree, namespace=_NAMESPACE)
    return [a.codify("") for a in accessors]


def register(cls: type, flatten_func: Any, unflatten_func: Any) -> None:
    """Make a class a node: ``flatten_func(x) -> (children, aux)`` and back from (aux, children)."""
    optree.register_pytree_node(cls, flatten_func, unflatten_func, namespace=_NAMESPACE)
    _seen.add(cls)


def _register_dataclass(cls: type) -> None:
    names = tuple(f.name for f in dataclasses.fields(cls))

    def split(x: Any) -> Any:
        return [getattr(x, n) for n in names], None, names

    def join(_: Any, children: Any) -> Any:
        out: Any = object.__new__(cls)  # __init__ may compute, and did so once already
        for n, child in zip(names, children, strict=True):
            object.__setattr__(out, n, child)
        return out

    register(cls, split, join)
