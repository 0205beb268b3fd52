"""The record of one primitive operation: every rule that the rest of the house asks for.

The fields are plain functions; ``ops`` fills them, family by family. A rule that is None
means that the family has a default, or that the operation has no such rule (then whoever
needs it raises with the primitive's name).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Primitive", "registry"]

registry: dict[str, Primitive] = {}


class Primitive:
    """Name, type rule, value, derivative, transpose, batching and source form of one operation.

    - ``type(*avals, **params)``: the aval of the result (a tuple where ``multiple``).
    - ``value(xp, *arrays, **params)``: the result, by the array namespace ``xp``.
    - ``jvp(primals, tangents, outs, **params)``: the output tangents; None is a symbolic zero.
    - ``linearize``: as ``jvp``, for operations whose linear part must be cut out of a loop.
    - ``transpose(cts, operands, **params)``: one cotangent per operand; the linear operands
      are ``Linear`` placeholders.
    - ``batch(size, operands, batched, **params)``: result and whether it is batched; a batch
      axis is always axis 0.
    - ``code(*names, **params)``: the equation as one Python expression.
    - ``views``: the result may share memory with operand 0.
    - ``eager``: may fail on its values, so it runs when it is recorded.
    """

    __slots__ = (
        "batch", "code", "eager", "effect", "family", "jvp", "linearize", "multiple", "name",
        "transpose", "type", "types", "ufunc", "value", "views", "weak",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        type: Callable[..., Any],
        value: Callable[..., Any],
        *,
        jvp: Callable[..., Any] | None = None,
        linearize: Callable[..., Any] | None = None,
        transpose: Callable[..., Any] | None = None,
        batch: Callable[..., Any] | None = None,
        code: Callable[..., str] | None = None,
        family: str = "",
        ufunc: str | None = None,
        multiple: bool = False,
        views: bool = False,
        eager: bool = False,
        effect: bool = False,
        weak: bool = False,
    ):
        if name in registry:
            raise ValueError(f"primitive {name!r} is defined twice")
        self.name, self.type, self.value = name, type, value
        self.jvp, self.linearize, self.transpose, self.batch = jvp, linearize, transpose, batch
        self.code, self.family, self.ufunc, self.multiple = code, family, ufunc, multiple
        self.views, self.eager, self.effect, self.weak = views, eager, effect, weak
        self.types: dict[Any, Any] = {}
        registry[name] = self

    def __repr__(self) -> str:
        return self.name

    def out_avals(self, avals: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
        """The avals of the results, always as a tuple; remembered, since types recur."""
        key: Any = avals
        if params:  # 2 and 2.0 are equal, and not the same exponent
            key = (avals, *[(k, v.__class__, v) for k, v in params.items()])
        plain = not self.multiple  # loops and calls have jaxprs as params: not to be kept alive
        if plain:
            found = self.types.get(key)
            if found is not None:
                return found
        out = self.type(*avals, **params)
        out = tuple(out) if self.multiple else (out,)
        if plain and len(self.types) < 4096:
            self.types[key] = out
        return out
