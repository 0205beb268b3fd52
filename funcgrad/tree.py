"""Pytrees over the optree library: nested containers with arrays and numbers as leaves.

The functions have the names and meaning of ``jax.tree``.

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
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import optree

__all__ = [
    "all", "broadcast", "flatten", "flatten_with_path", "leaves", "leaves_with_path", "map",
    "map_with_path", "paths", "reduce", "register", "static", "structure", "transpose", "unflatten",
]  # fmt: skip

NAMESPACE = "funcgrad"
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


def flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], Any]:
    """The leaves of a tree, and its structure; what ``is_leaf`` says yes to is not entered."""
    cls = tree.__class__
    if cls in _SIMPLE:
        return [tree], LEAF
    leaves, treedef = optree.tree_flatten(tree, is_leaf, namespace=NAMESPACE)
    for leaf in leaves:
        cls = leaf.__class__
        if cls not in _SIMPLE and cls not in _seen and dataclasses.is_dataclass(cls):
            if is_leaf is not None and is_leaf(leaf):
                continue
            _register_dataclass(leaf.__class__)
            return flatten(tree, is_leaf)
    if len(leaves) == 1 and leaves[0] is tree:
        return leaves, LEAF
    return leaves, treedef


def unflatten(treedef: Any, leaves: Any) -> Any:
    """The tree with this structure and these leaves."""
    if treedef is LEAF:
        (leaf,) = leaves
        return leaf
    return optree.tree_unflatten(treedef, leaves)


def leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of a tree, in order."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The structure of a tree: what remains when the leaves are taken out.

    >>> from funcgrad import tree
    >>> tree.structure([1.0, 2.0]) == tree.structure([3.0, 4.0])
    True
    """
    return flatten(tree, is_leaf)[1]


def map(
    function: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """The tree of ``function(leaf, …)``, with the structure of the first tree.

    The others have that structure too, or whole subtrees where the first has a leaf. Raises
    TypeError where they have neither.

    >>> from funcgrad import tree
    >>> tree.map(lambda w, g: w - 0.5 * g, {"w": 1.0, "b": 2.0}, {"w": 2.0, "b": 0.0})
    {'w': 0.0, 'b': 2.0}
    """
    first, treedef = flatten(tree, is_leaf)
    others = [_up_to("tree.map", treedef, other) for other in rest]
    return unflatten(treedef, [function(*xs) for xs in zip(first, *others, strict=True)])


def _up_to(who: str, treedef: Any, other: Any) -> list[Any]:
    """The parts of another tree that stand where a structure has its leaves."""
    found, other_def = flatten(other)
    if other_def == treedef:
        return found
    if treedef is LEAF:
        return [other]
    try:
        return treedef.flatten_up_to(other)  # type: ignore[no-any-return]
    except ValueError as error:
        raise TypeError(f"{who}: structures differ: {treedef} and {other_def} ({error})") from error


def reduce(
    function: Callable[[Any, Any], Any], tree: Any, *initializer: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:  # fmt: skip
    """``function(… function(function(initializer, leaf 0), leaf 1) …)`` over the leaves.

    >>> from funcgrad import tree
    >>> tree.reduce(lambda total, x: total + x, [1.0, (2.0, 3.0)], 0.0)
    6.0
    """
    return functools.reduce(function, leaves(tree, is_leaf), *initializer)


def all(tree: Any, *, is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every leaf is true."""
    return not any(not x for x in leaves(tree, is_leaf))


def transpose(outer_treedef: Any, inner_treedef: Any, tree: Any) -> Any:
    """A tree of trees turned inside out: ``inner_treedef`` filled with ``outer_treedef``s.

    ``inner_treedef`` None means the structure of the first part. Raises TypeError where the
    tree is not made of the two.

    >>> from funcgrad import tree
    >>> pair, three = tree.structure((0, 0)), tree.structure([0, 0, 0])
    >>> tree.transpose(three, pair, [(1, 2), (3, 4), (5, 6)])
    ([1, 3, 5], [2, 4, 6])
    """
    parts = _up_to("tree.transpose", outer_treedef, tree)
    if inner_treedef is None:
        inner_treedef = structure(parts[0]) if parts else LEAF
    rows = [_up_to("tree.transpose", inner_treedef, part) for part in parts]
    columns = zip(*rows, strict=True) if rows else [()] * inner_treedef.num_leaves
    return unflatten(inner_treedef, [unflatten(outer_treedef, list(c)) for c in columns])


def broadcast(
    prefix_tree: Any, full_tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> Any:
    """The full tree's structure, with the leaves of a tree that is its beginning repeated.

    >>> from funcgrad import tree
    >>> tree.broadcast({"a": 1, "b": 2}, {"a": [0, 0], "b": 0})
    {'a': [1, 1], 'b': 2}
    """
    found, treedef = flatten(prefix_tree, is_leaf)
    parts = _up_to("tree.broadcast", treedef, full_tree)
    repeated = [map(lambda _, x=x: x, part) for x, part in zip(found, parts, strict=True)]
    return unflatten(treedef, repeated)


# -- paths ---------------------------------------------------------------------------------------


class DictKey(NamedTuple):
    """A step into a dict: ``['key']``."""

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


class SequenceKey(NamedTuple):
    """A step into a list or a tuple: ``[idx]``."""

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx!r}]"


class GetAttrKey(NamedTuple):
    """A step to an attribute, of a dataclass or a namedtuple: ``.name``."""

    name: str

    def __str__(self) -> str:
        return f".{self.name}"


class FlattenedIndexKey(NamedTuple):
    """A step into a class whose children have no names: ``[<flat index key>]``."""

    key: int

    def __str__(self) -> str:
        return f"[<flat index {self.key}>]"


def _key(entry: Any) -> Any:
    kind = entry.__class__
    if issubclass(kind, optree.NamedTupleEntry):
        return GetAttrKey(entry.field)
    if issubclass(kind, optree.SequenceEntry):
        return SequenceKey(entry.index)
    if issubclass(kind, optree.MappingEntry):
        return DictKey(entry.key)
    if entry.type in _named or issubclass(kind, optree.GetAttrEntry):
        return _named.get(entry.type, GetAttrKey)(entry.entry)
    return FlattenedIndexKey(entry.entry)


def flatten_with_path(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> tuple[list[tuple[tuple[Any, ...], Any]], Any]:
    """Pairs of path and leaf, and the structure; a path is a tuple of keys.

    >>> from funcgrad import tree
    >>> tree.flatten_with_path({"a": [1.0]})[0]
    [((DictKey(key='a'), SequenceKey(idx=0)), 1.0)]
    """
    found, treedef = flatten(tree, is_leaf)
    if treedef is LEAF:
        return [((), tree)], treedef
    keys = [tuple([_key(entry) for entry in accessor]) for accessor in treedef.accessors()]
    return list(zip(keys, found, strict=True)), treedef


def leaves_with_path(
    tree: Any, is_leaf: Callable[[Any], bool] | None = None
) -> list[tuple[tuple[Any, ...], Any]]:
    """Pairs of path and leaf."""
    return flatten_with_path(tree, is_leaf)[0]


def map_with_path(
    function: Callable[..., Any],
    tree: Any,
    *rest: Any,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """As ``map``, for a function that gets the path first.

    >>> from funcgrad import tree, tree_util
    >>> tree.map_with_path(lambda path, x: tree_util.keystr(path), {"a": [1.0, 2.0]})
    {'a': ["['a'][0]", "['a'][1]"]}
    """
    pairs, treedef = flatten_with_path(tree, is_leaf)
    others = [_up_to("tree.map_with_path", treedef, other) for other in rest]
    found = [function(*pair, *xs) for pair, *xs in zip(pairs, *others, strict=True)]
    return unflatten(treedef, found)


def paths(tree: Any) -> list[str]:
    """A name for each leaf: ``['w']``, ``[0].mean``; empty for a lone leaf."""
    if flatten(tree)[1] is LEAF:
        return [""]
    accessors = optree.tree_accessors(tree, namespace=NAMESPACE)
    return [a.codify("") for a in accessors]


# -- classes that are nodes ----------------------------------------------------------------------

_named: dict[type, Any] = {}  # classes whose children are attributes, or bring keys of their own


def register(cls: type, flatten_func: Any, unflatten_func: Any) -> None:
    """Make a class a node: ``flatten_func(x) -> (children, aux)`` and back from (aux, children)."""
    optree.register_pytree_node(cls, flatten_func, unflatten_func, namespace=NAMESPACE)
    _seen.add(cls)


def static(**kwargs: Any) -> Any:
    """``dataclasses.field`` for what is no child of the node but part of its structure.

    >>> import dataclasses
    >>> from funcgrad import tree
    >>> @dataclasses.dataclass
    ... class Power:
    ...     scale: float
    ...     exponent: int = tree.static(default=2)
    >>> tree.leaves(Power(3.0))
    [3.0]
    """
    metadata = {**(kwargs.pop("metadata", None) or {}), "static": True}
    return dataclasses.field(metadata=metadata, **kwargs)


def _register_dataclass(cls: type) -> None:
    fields = dataclasses.fields(cls)
    kept = tuple([f.name for f in fields if f.metadata.get("static", False)])
    register_fields(cls, tuple([f.name for f in fields if f.name not in kept]), kept)


def register_fields(cls: type, names: Sequence[str], kept: Sequence[str]) -> None:
    """Make a class a node with the children ``names``; ``kept`` are part of its structure."""

    def split(x: Any) -> Any:
        return [getattr(x, n) for n in names], tuple([getattr(x, n) for n in kept]), names

    def join(aux: Any, children: Any) -> Any:
        out: Any = object.__new__(cls)  # __init__ may compute, and did so once already
        for n, child in (*zip(names, children, strict=True), *zip(kept, aux, strict=True)):
            object.__setattr__(out, n, child)
        return out

    _named[cls] = GetAttrKey
    register(cls, split, join)
