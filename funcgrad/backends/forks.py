"""Programs with decisions, as backends see them: where paths part, and what lies between.

Where Python decided on a traced value, the paths of a function part. A segment makes the values
that decisions, and what lies behind them, read; a choice leads to one part for each known outcome;
a path ends with the program of the outputs. None stands for what is not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from funcgrad.ir.avals import Aval
from funcgrad.ir.jaxpr import Jaxpr, Var

__all__ = ["Choice", "End", "Segment", "Tree"]


class Segment(NamedTuple):
    """Values that later parts read: the outputs of a simplified jaxpr, under these names."""

    jaxpr: Jaxpr
    made: tuple[Var, ...]
    next: Any
    needs: frozenset[Var]  # what this part, or one behind it, reads


class Choice(NamedTuple):
    """Where the outcomes of a number lead; ``how`` it was read is bool, int, float or item."""

    var: Var
    how: str
    branches: tuple[tuple[Any, Any], ...]  # outcome, part
    needs: frozenset[Var]


class End(NamedTuple):
    """The outputs of a path."""

    jaxpr: Jaxpr
    needs: frozenset[Var]


class Tree(NamedTuple):
    """A whole function: its parts are Segment, Choice, End, or None for what is not known."""

    inputs: tuple[Var, ...]  # arguments, then captured arrays
    outputs: tuple[Aval, ...]
    start: Any
    nanoseconds: int = 0  # of its longest path, through NumPy

    @property
    def nodes(self) -> Iterator[Any]:
        todo = [self.start]
        while todo:
            node = todo.pop()
            if node is None:
                continue
            yield node
            if node.__class__ is Choice:
                todo += [part for _, part in reversed(node.branches)]
            elif node.__class__ is Segment:
                todo.append(node.next)
