"""The names of ``jax.tree_util``: pytrees, and how classes become nodes of them.

>>> from funcgrad import tree_util
>>> tree_util.tree_map(lambda x: 2 * x, {"a": 1.0, "b": [2.0]})
{'a': 2.0, 'b': [4.0]}
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import optree

from funcgrad import tree as _tree
from funcgrad.tree import (
    LEAF,
    NAMESPACE,
    DictKey,
    FlattenedIndexKey,
    GetAttrKey,
    SequenceKey,
    register_fields,
)

__all__ = [
    "DictKey", "FlattenedIndexKey", "GetAttrKey", "Partial", "PyTreeDef", "SequenceKey",
    "all_leaves", "keystr", "register_dataclass", "register_pytree_node",
    "register_pytree_node_class", "register_pytree_with_keys", "register_pytree_with_keys_class",
    "register_static", "tree_all", "tree_broadcast", "tree_flatten", "tree_flatten_with_path",
    "tree_leaves", "tree_leaves_with_path", "tree_map", "tree_map_with_path", "tree_reduce",
    "tree_structure", "tree_transpose", "tree_unflatten", "treedef_children", "treedef_is_leaf",
    "treedef_tuple",
]  # fmt: skip

PyTreeDef = optree.PyTreeSpec

tree_all = _tree.all
tree_broadcast = _tree.broadcast
tree_flatten = _tree.flatten
tree_flatten_with_path = _tree.flatten_with_path
tree_leaves = _tree.leaves
tree_leaves_with_path = _tree.leaves_with_path
tree_map = _tree.map
tree_map_with_path = _tree.map_with_path
tree_reduce = _tree.reduce
tree_structure = _tree.structure
tree_transpose = _tree.transpose
tree_unflatten = _tree.unflatten


# -- structures ----------------------------------------------------------------------------------


def treedef_tuple(treedefs: Iterable[Any]) -> Any:
    """The structure of a tuple with these structures.

    >>> from funcgrad import tree_util
    >>> pair = tree_util.tree_structure([0, 0])
    >>> tree_util.tree_unflatten(tree_util.treedef_tuple([pair, pair]), [1, 2, 3, 4])
    ([1, 2], [3, 4])
    """
    leaf = optree.treespec_leaf(namespace=NAMESPACE)
    parts = [leaf if treedef is LEAF else treedef for treedef in treedefs]
    return optree.treespec_tuple(parts, namespace=NAMESPACE)


def treedef_children(treedef: Any) -> list[Any]:
    """The structures of the children of the topmost node; none below a leaf."""
    if treedef is LEAF:
        return []
    return [LEAF if child.is_leaf() else child for child in treedef.children()]


def treedef_is_leaf(treedef: Any) -> bool:
    """Whether this is the structure of a lone leaf."""
    return treedef is LEAF or bool(treedef.is_leaf())


def all_leaves(iterable: Iterable[Any], is_leaf: Callable[[Any], bool] | None = None) -> bool:
    """Whether every element is a leaf."""
    return not any(not treedef_is_leaf(_tree.structure(x, is_leaf)) for x in iterable)


def keystr(keys: Iterable[Any], *, simple: bool = False, separator: str = "") -> str:
    """A path as text; with ``simple``, the bare keys.

    >>> from funcgrad.tree_util import DictKey, SequenceKey, keystr
    >>> keystr((DictKey("a"), SequenceKey(1)))
    "['a'][1]"
    >>> keystr((DictKey("a"), SequenceKey(1)), simple=True, separator="/")
    'a/1'
    """
    if simple:
        return separator.join([str(k[0]) if isinstance(k, tuple) else str(k) for k in keys])
    return separator.join(map(str, keys))


# -- nodes ---------------------------------------------------------------------------------------


def register_pytree_node(
    nodetype: type,
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_with_keys_func: Callable[[Any], Any] | None = None,
) -> None:
    """Make a class a node: ``flatten_func(x) -> (children, aux)``, and back from (aux, children).

    ``aux`` is part of the structure: it must have ``==`` and a hash. Raises ValueError where the
    class is a node already.

    >>> from funcgrad import tree_util
    >>> class Point:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    >>> tree_util.register_pytree_node(
    ...     Point, lambda p: ((p.x, p.y), None), lambda _, children: Point(*children))
    >>> tree_util.tree_leaves(Point(1.0, 2.0))
    [1.0, 2.0]
    """
    if flatten_with_keys_func is None:
        _tree.register(nodetype, flatten_func, unflatten_func)
    else:
        register_pytree_with_keys(nodetype, flatten_with_keys_func, unflatten_func)


def register_pytree_node_class(cls: type) -> type:
    """As a decorator, for classes with ``tree_flatten`` and the classmethod ``tree_unflatten``."""
    node: Any = cls
    register_pytree_node(cls, node.tree_flatten, node.tree_unflatten)
    return cls


def register_pytree_with_keys(
    nodetype: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten_func: Callable[[Any, Any], Any],
    flatten_func: Callable[[Any], Any] | None = None,
) -> None:
    """Make a class a node whose children bring their keys: ``((key, child), …), aux``."""

    def split(x: Any) -> Any:
        pairs, aux = flatten_with_keys(x)
        pairs = list(pairs)
        return [child for _, child in pairs], aux, tuple([key for key, _ in pairs])

    _tree._named[nodetype] = lambda key: key
    _tree.register(nodetype, split, unflatten_func)


def register_pytree_with_keys_class(cls: type) -> type:
    """As a decorator, for classes with ``tree_flatten_with_keys`` and ``tree_unflatten``."""
    node: Any = cls
    register_pytree_with_keys(cls, node.tree_flatten_with_keys, node.tree_unflatten)
    return cls


def register_dataclass(
    nodetype: Any = None,
    data_fields: Sequence[str] | None = None,
    meta_fields: Sequence[str] | None = None,
    drop_fields: Sequence[str] = (),
) -> Any:
    """Make a dataclass a node: ``data_fields`` are children, ``meta_fields`` structure.

    Dataclasses are nodes without it, all fields children but for those with ``tree.static()``.
    Unflattening does not call ``__init__``. Raises ValueError where only one list is given, or a
    field is in none of them.

    >>> import dataclasses
    >>> from funcgrad import tree_util
    >>> @dataclasses.dataclass
    ... class Layer:
    ...     weight: float
    ...     name: str
    >>> _ = tree_util.register_dataclass(Layer, ["weight"], ["name"])
    >>> tree_util.tree_map(lambda w: -w, Layer(2.0, "first"))
    Layer(weight=-2.0, name='first')
    """
    if nodetype is None:
        return functools.partial(
            register_dataclass, data_fields=data_fields, meta_fields=meta_fields,
            drop_fields=drop_fields,
        )  # fmt: skip
    if (data_fields is None) != (meta_fields is None):
        raise ValueError(
            f"register_dataclass of {nodetype.__name__}: give both lists of fields, or neither"
        )
    if data_fields is None or meta_fields is None:
        _tree._register_dataclass(nodetype)
        return nodetype
    declared = {f for f, field in getattr(nodetype, "__dataclass_fields__", {}).items()
                if field.init}  # fmt: skip
    missing = declared - {*data_fields, *meta_fields, *drop_fields}
    if missing:
        raise ValueError(
            f"register_dataclass of {nodetype.__name__}: {sorted(missing)} are in neither "
            "data_fields nor meta_fields (nor drop_fields)"
        )
    register_fields(nodetype, tuple(data_fields), tuple(meta_fields))
    return nodetype


def register_static(cls: type) -> type:
    """Make instances part of the structure, without children; they need ``==`` and a hash."""
    _tree.register(cls, lambda x: ((), x), lambda x, _: x)
    return cls


class Partial(functools.partial):  # type: ignore[type-arg]
    """``functools.partial`` that is a node: its arguments are children, its function structure.

    >>> from funcgrad import tree_util
    >>> tree_util.tree_leaves(tree_util.Partial(max, 1.0, 2.0))
    [1.0, 2.0]
    """


register_pytree_node(
    Partial,
    lambda p: ((p.args, p.keywords), p.func),
    lambda func, children: Partial(func, *children[0], **children[1]),
)
