"""funcgrad.tree and funcgrad.tree_util: JAX's names with JAX's meaning."""

import collections
import dataclasses
from typing import Any, NamedTuple

import numpy as np
import pytest

from funcgrad import grad, jit, tree, vmap
from funcgrad import tree_util as tu


class Point(NamedTuple):
    x: Any
    y: Any


TREES = [
    1.0,
    None,
    [],
    {"b": [1, (2, None)], "a": Point(3, {"z": 4})},
    collections.OrderedDict(z=1, a=2),
    (1, [2, {"k": 3}]),
]


@pytest.mark.oracle
@pytest.mark.parametrize("t", TREES, ids=str)
def test_as_jax_does(t):
    jax = pytest.importorskip("jax")
    assert tree.leaves(t) == jax.tree.leaves(t)
    assert tree.map(lambda x: x + 1, t) == jax.tree.map(lambda x: x + 1, t)
    ours = [(tu.keystr(p), x) for p, x in tree.leaves_with_path(t)]
    theirs = [(jax.tree_util.keystr(p), x) for p, x in jax.tree.leaves_with_path(t)]
    assert ours == theirs
    assert tree.reduce(lambda a, b: a + b, t, 0) == jax.tree.reduce(lambda a, b: a + b, t, 0)
    assert tree.all(t) == jax.tree.all(t)
    is_pair = lambda x: isinstance(x, tuple)
    assert tree.leaves(t, is_leaf=is_pair) == jax.tree.leaves(t, is_leaf=is_pair)


@pytest.mark.parametrize("t", TREES, ids=str)
def test_round_trip(t):
    leaves, treedef = tree.flatten(t)
    assert tree.unflatten(treedef, leaves) == t
    assert tree.structure(t) == treedef
    pair = tu.treedef_tuple([treedef, treedef])
    assert tree.unflatten(pair, leaves * 2) == (t, t)
    children = tu.treedef_children(treedef)
    assert sum(c.num_leaves for c in children) == (
        0 if tu.treedef_is_leaf(treedef) else len(leaves)
    )


def test_maps_with_subtrees_where_the_first_has_leaves():
    found = tree.map(lambda x, rest: (x, rest), {"a": 1, "b": 2}, {"a": (3, 4), "b": [5]})
    assert found == {"a": (1, (3, 4)), "b": (2, [5])}
    with pytest.raises(TypeError, match="structures differ"):
        tree.map(lambda x, y: x, (1, 2), (1, 2, 3))
    assert tree.map(lambda x: x[0], [(1, 2), (3, 4)], is_leaf=lambda x: isinstance(x, tuple)) == [
        1,
        3,
    ]


def test_transpose_finds_the_inner_structure():
    assert tree.transpose(tree.structure([0, 0]), None, [{"a": 1}, {"a": 2}]) == {"a": [1, 2]}
    assert tree.transpose(tree.structure((0, 0)), tree.structure([]), ([], [])) == []
    with pytest.raises(TypeError, match="transpose"):
        tree.transpose(tree.structure([0, 0]), tree.structure((0, 0)), [(1, 2), (3, 4, 5)])


def test_broadcast():
    assert tree.broadcast((1, {"a": 2}), ([0, 0], {"a": (0, 0)})) == ([1, 1], {"a": (2, 2)})
    assert tree.broadcast(7, [0, 0]) == [7, 7]
    with pytest.raises(TypeError, match="broadcast"):
        tree.broadcast((1, 2), [0, 0])


def test_unflatten_counts_the_leaves():
    with pytest.raises(ValueError):  # Python's own words
        tree.unflatten(tree.structure(1.0), [1, 2])
    with pytest.raises(ValueError):
        tree.unflatten(tree.structure((1.0, 2.0)), [1])


# -- classes -------------------------------------------------------------------------------------


@tu.register_pytree_node_class
class Scaled:
    def __init__(self, value, unit):
        self.value, self.unit = value, unit

    def tree_flatten(self):
        return (self.value,), self.unit

    @classmethod
    def tree_unflatten(cls, unit, children):
        return cls(*children, unit)


@tu.register_pytree_with_keys_class
class Named:
    def __init__(self, one, two):
        self.one, self.two = one, two

    def tree_flatten_with_keys(self):
        return ((tu.GetAttrKey("one"), self.one), (tu.DictKey("two"), self.two)), None

    @classmethod
    def tree_unflatten(cls, _, children):
        return cls(*children)


@dataclasses.dataclass
class Layer:
    weight: Any
    name: str = tree.static(default="layer")


@tu.register_dataclass
@dataclasses.dataclass(frozen=True)
class Frozen:
    weight: Any
    bias: Any


@tu.register_static
class Setting:
    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value == other.value

    def __hash__(self):
        return hash(self.value)


NODES = [Scaled(2.0, "m"), Named(2.0, 3.0), Layer(2.0), Frozen(2.0, 3.0)]


@pytest.mark.parametrize("node", NODES, ids=lambda x: type(x).__name__)
def test_classes_go_through_transforms(node):
    def total(x):
        return sum(leaf**2 for leaf in tree.leaves(x))

    slope = grad(total)(node)
    assert type(slope) is type(node)
    assert tree.leaves(slope) == [2 * x for x in tree.leaves(node)]
    assert jit(total)(node) == total(node)
    batched = tree.map(lambda x: np.array([x, 2 * x]), node)
    np.testing.assert_allclose(vmap(total)(batched), [total(node), 4 * total(node)])


def test_what_is_static_is_structure():
    assert tree.structure(Scaled(1, "m")) != tree.structure(Scaled(1, "s"))
    assert tree.structure(Layer(1)) != tree.structure(Layer(1, "other"))
    assert tree.leaves([Setting(3), 1.0]) == [1.0]
    assert tree.map(lambda x: -x, Layer(1, "other")) == Layer(-1, "other")
    assert jit(lambda s, x: s.value * x)(Setting(3), 2.0) == 6.0


def test_paths_of_classes():
    keys = [tu.keystr(p) for p, _ in tree.leaves_with_path([*NODES, Point(1, 2)])]
    assert keys == [
        "[0][<flat index 0>]", "[1].one", "[1]['two']", "[2].weight", "[3].weight", "[3].bias",
        "[4].x", "[4].y",
    ]  # fmt: skip


def test_partial_is_a_node():
    scaled = tu.Partial(lambda a, x: a * x, 3.0)
    assert scaled(2.0) == 6.0
    assert grad(lambda f: f(2.0))(scaled).args == (2.0,)
    assert jit(lambda f, x: f(x))(scaled, 2.0) == 6.0


def test_register_dataclass_wants_every_field():
    @dataclasses.dataclass
    class Three:
        a: Any
        b: Any
        c: Any

    with pytest.raises(ValueError, match="'c'"):
        tu.register_dataclass(Three, ["a"], ["b"])
    with pytest.raises(ValueError, match="both lists"):
        tu.register_dataclass(Three, ["a"])
    tu.register_dataclass(Three, ["a"], ["b"], drop_fields=["c"])
    assert tree.leaves(Three(1, 2, 3)) == [1]


def test_all_leaves():
    assert tu.all_leaves([1, "a", np.ones(2)])
    assert not tu.all_leaves([1, (2,)])
