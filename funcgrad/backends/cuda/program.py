"""Programs for CuPy: Python source that launches kernels, with CuPy's own calls between them.

One line for each launch, ``kernel(grid, block, (arrays …))``, the user's lines as comments. All
kernels of a program are one module of CUDA C, compiled when the first of them is launched.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad import config
from funcgrad.backends.cuda.elements import has_expression, weight
from funcgrad.backends.cuda.nest import Kernel, KernelWriter, Parts
from funcgrad.backends.cuda.prelude import prelude
from funcgrad.backends.cuda.runtime import Launch, Module, report, strided
from funcgrad.backends.cuda.types import computes
from funcgrad.backends.source import Writer
from funcgrad.compiler.kernels import Init, Nest, Place, Rules, Schedule
from funcgrad.compiler.nests import REDUCTIONS
from funcgrad.compiler.plan import Memory
from funcgrad.compiler.views import View
from funcgrad.ir.jaxpr import Eqn, Jaxpr, Literal, Var
from funcgrad.ir.text import Names

__all__ = ["generate", "kernels_refused", "schedule_of"]

_KERNEL = {
    *REDUCTIONS, "gather", "iota", "full", "eye", "embed", "put", "add_at", "pad", "concatenate",
    "reshape", "transpose", "broadcast_to", "index", "flip",
}  # fmt: skip
_SMALL = 1  # elements of an array that has no nest


def generate(jaxpr: Jaxpr, xp: Any, used: set[str]) -> tuple[str, dict[str, Any], str]:
    """Source of a function of the inputs that returns the tuple of outputs, its globals, and the
    CUDA C of its kernels."""
    writer = KernelProgram(xp, Names(jaxpr, used))
    writer.function("program", jaxpr)
    writer.module.text = writer.text()
    return "\n".join(writer.lines) + "\n", writer.globals, writer.module.text


def kernels_refused(jaxpr: Jaxpr) -> bool:
    """Whether sizes that are known late leave everything to CuPy."""
    return any(-1 in v.aval.shape for eqn in jaxpr.eqns for v in (*eqn.invars, *eqn.outvars))


def schedule_of(jaxpr: Jaxpr) -> Schedule:
    rules = Rules(_fusible, weight, _SMALL)
    return jaxpr.derive(("cuda schedule",), lambda: Schedule(jaxpr, rules))  # type: ignore[no-any-return]


def _fusible(eqn: Eqn) -> bool:
    avals = [v.aval for v in (*eqn.invars, *eqn.outvars)]
    if not all(computes(a.dtype) and a.size for a in avals):
        return False
    return has_expression(eqn) if eqn.prim.family == "elementwise" else eqn.prim.name in _KERNEL


class _Apart(Memory):
    """What CuPy's own calls own. Nothing is handed on: CuPy's pool does that."""

    def reusable(self, v: Any, reads: int, aval: Any) -> bool:
        return False


class KernelProgram(Writer):
    """Writes one program."""

    def function(self, name: str, jaxpr: Jaxpr) -> None:
        args = ", ".join([self.names[v] for v in jaxpr.invars])
        self.lines.append(f"def {name}({args}):")
        self.schedule = schedule_of(jaxpr)
        self.module = Module(self.xp)
        self.kernels: list[Kernel] = []
        self.checks: list[Any] = []
        self.fresh_roots: set[Any] = set()  # in memory that kernels and Init made
        self.arrays: set[Any] = set()  # roots that variables of the program hold
        self.steps = self._grouped(self.schedule.steps)
        self.memory = _Apart(jaxpr, [s for s in self.steps if isinstance(s, Eqn)], False)
        self.last = {root: k for k, s in enumerate(self.steps) for root in self.schedule.reads(s)}
        self.kept = {v for v in self.schedule.outs if v.__class__ is Var}
        self.ordered_roots = self._ordered_roots()
        self.placed_inputs: dict[Var, str] = {}
        for v in jaxpr.invars:
            if v in self.ordered_roots:
                self._on_device(v)
        start = len(self.lines)
        for k, step in enumerate(self.steps):
            self._step(k, step)
            self._forget(k, step)
        if self.checks:
            zeros, dtype = self.bind("zeros", self.xp.zeros), self.dtype(np.dtype(np.int64))
            self.lines.insert(start, f"{self.indent}{self.status} = {zeros}(2, {dtype})")
            self.write(f"{self.bind('report', report)}({self.status}, {self._checks()})")
        self.write(f"return ({self.outputs(jaxpr)})")

    def text(self) -> str:
        """The module's CUDA C; nothing where there are no kernels."""
        kernels = "\n\n".join(kernel.text + "\n" for kernel in self.kernels)
        functions = prelude(kernels)
        return f"{functions}\n\n{kernels}" if functions else kernels

    # -- memory ----------------------------------------------------------------------------------

    def _ordered_roots(self) -> set[Any]:
        """Roots whose elements something reads in order from one address."""
        found: set[Any] = set()
        for step in self.steps:
            if isinstance(step, Nest | Place):
                found |= self.schedule.reads(step)
            else:
                views = self.schedule._step_reads(step)
                found |= {view.root for view in views if not _is_itself(view)}
        return {root for root in found if root.__class__ is Var}

    def _on_device(self, v: Var) -> None:
        """An input as kernels take it: on the device, in order, in its dtype."""
        name = self.placed_inputs[v] = self.local(self.names[v] + "_d")
        self._in_order(name, self.names[v], v)

    def _in_order(self, name: str, x: str, v: Var) -> None:
        asarray = self.bind("asarray", self.xp.asarray)
        self.write(f"{name} = {asarray}({x}, {self.dtype(v.aval.dtype)}, order='C')")

    def root(self, root: Any) -> str:
        """The array that a root's elements are in, in order."""
        return self.placed_inputs.get(root) or self.names[root]

    def atom(self, v: Any) -> str:
        """An operand of one of CuPy's calls."""
        if v.__class__ is Literal:
            return self.number(v)
        return self.seen(self.schedule.stored(v))

    def seen(self, view: View) -> str:
        """A view as an array."""
        root = view.root
        if root.__class__ is Literal:
            text, dtype = self.number(root), self.dtype(root.aval.dtype)
            return f"{self.bind('full', self.xp.full)}({view.shape}, {text}, {dtype})"
        if _is_itself(view):  # Python's numbers stay such: they do not decide on dtypes
            return self.names[root] if root.aval.weak else self.root(root)
        if view.is_whole:
            return f"{self.root(root)}.reshape({view.shape})"
        tail = f"{view.offset}, {view.shape}, {view.strides}"
        return f"{self._strided()}({self.root(root)}, {tail})"

    def _strided(self) -> str:
        return self.bind("strided", strided(self.xp))

    def _empty(self, name: str, shape: Any, dtype: Any) -> None:
        self.write(f"{name} = {self.bind('empty', self.xp.empty)}({shape}, {self.dtype(dtype)})")

    def _forget(self, k: int, step: Any) -> None:
        """Let go of large arrays that nothing reads any more."""
        made = step.stored if isinstance(step, Nest) else getattr(step, "outvars", ())
        read = dict.fromkeys([*self.schedule.reads(step), *made])
        dead = [v for v in read if v in self.arrays - self.kept and self.last.get(v, -1) <= k]
        names = {self.names[v] for v in dead if v.aval.size >= config.block_minimum}
        if names:
            self.write("del " + ", ".join(sorted(names)))
        self.arrays.difference_update(dead)

    # -- steps ---------------------------------------------------------------------------------

    def _grouped(self, steps: list[Any]) -> list[Any]:
        """Runs of work on single numbers as nests over one element."""
        found: list[Any] = []
        for step in steps:
            alone = isinstance(step, Eqn) and step.prim.family == "elementwise" and (
                self.schedule.small(step.outvars[0]) and _fusible(step)
            )  # fmt: skip
            if not alone:
                found.append(step)
            elif found and found[-1].__class__ is list:
                found[-1].append(step)
            else:
                found.append([step])
        read: set[Any] = {v for v in self.schedule.outs if v.__class__ is Var}
        for group in found:
            if group.__class__ is not list:
                read |= self.schedule.reads(group)
        return [self._numbers(s, found, read) if s.__class__ is list else s for s in found]

    def _numbers(self, eqns: list[Eqn], groups: list[Any], read: set[Any]) -> Nest:
        nest = Nest((), 0)
        others = {v for g in groups if g.__class__ is list and g is not eqns
                  for eqn in g for v in eqn.invars}  # fmt: skip
        for eqn in eqns:
            nest.add(0, eqn)
            (v,) = eqn.outvars
            if v in read or v in others:
                nest.stored.append(v)
        return nest

    def _step(self, k: int, step: Any) -> None:
        if isinstance(step, Nest):
            self._nest(step)
        elif isinstance(step, Init):
            self.comment(step.source)
            self._init(k, step)
        elif isinstance(step, Place):
            self.comment(step.source)
            view = step.view
            target = f"{self._strided()}({self.root(view.root)}, {view.offset}, {view.shape}, "
            op = "+=" if step.adds else "="
            self.write(f"{target}{view.strides})[...] {op} {self.atom(step.value)}")
        else:
            self.comment(step.source)
            self.equation(step)
            self.arrays.update(step.outvars)
            for v in step.outvars:
                if v in self.ordered_roots:
                    self._in_order(self.names[v], self.names[v], v)

    def _init(self, k: int, step: Init) -> None:
        target, start = step.target, step.start
        name, aval = self.names[target], step.target.aval
        self.fresh_roots.add(target)
        self.arrays.add(target)
        if start is None:
            self._empty(name, aval.shape, aval.dtype)
        elif isinstance(start, View):
            self._begin(k, target, start)
        else:
            full, dtype = self.bind("full", self.xp.full), self.dtype(aval.dtype)
            text = self.atom(start) if hasattr(start, "aval") else start
            self.write(f"{name} = {full}({aval.shape}, {text}, {dtype})")

    def _begin(self, k: int, target: Var, start: View) -> None:
        """Memory that begins as another value: that value's own, where it dies and is ours."""
        root = start.root
        if (
            root in self.fresh_roots and start.is_whole and self.last.get(root) == k
            and root not in self.kept and root.aval.dtype == target.aval.dtype
            and root.aval.shape == target.aval.shape
        ):  # fmt: skip
            self.write(f"{self.names[target]} = {self.names[root]}")
            return
        array = self.bind("array", self.xp.array)
        self.write(f"{self.names[target]} = {array}({self.seen(start)}, order='C')")

    # -- kernels -------------------------------------------------------------------------------

    def _nest(self, nest: Nest) -> None:
        for source in dict.fromkeys(i.source for i in nest.items if i.source is not None):
            self.line = source
            self.write(f"# {source}")
        writer = KernelWriter(self.schedule, nest, f"kernel_{len(self.kernels) + 1}", self.checks)
        found = writer.kernels()
        for v in writer.own:
            if v in writer.params and (v in writer.stored or writer.kinds[v] in ("full", "column")):
                self._empty(self.names[v], v.aval.shape, v.aval.dtype)
                self.fresh_roots.add(v)
                self.arrays.add(v)
        rooms: dict[Parts, str] = {}
        for kernel in found:
            for given in kernel.given:
                if isinstance(given, Parts) and given not in rooms:
                    rooms[given] = self.local(f"{self.names[given.of]}_parts")
                    self._empty(rooms[given], given.shape, given.of.aval.dtype)
        for kernel in found:
            args = [rooms.get(g) or self._given(g) for g in kernel.given]
            launch = self.bind(kernel.name, Launch(self.module, kernel.name))
            end = "," * (len(args) == 1)
            self.write(f"{launch}({kernel.grid}, {kernel.block}, ({', '.join(args)}{end}))")
        self.kernels += found

    def _given(self, given: Any) -> str:
        if given == "status":
            return self.status
        return self.root(given)

    @property
    def status(self) -> str:
        """The array in which kernels report an index that is out of bounds."""
        if not hasattr(self, "_status"):
            self._status = self.local("status")
        return self._status

    def _checks(self) -> str:
        return self.bind("checks", tuple(self.checks))

    # -- outputs -----------------------------------------------------------------------------------

    def outputs(self, jaxpr: Jaxpr) -> str:
        """Outputs never share memory with inputs or with each other."""
        taken: set[str] = set()
        parts = []
        for given, v in zip(jaxpr.outvars, self.schedule.outs, strict=True):
            text = self.atom(v)
            own = v in self.fresh_roots or v in self.memory.owned - self.memory.root.keys()
            copied = not own or text in taken
            if copied and (given.aval.shape if v.__class__ is Literal else not given.aval.weak):
                text = f"{self.bind('array', self.xp.array)}({text})"
            taken.add(text)
            reshaped = f".reshape({given.aval.shape})" if v.aval.shape != given.aval.shape else ""
            parts.append(text + reshaped)
        return ", ".join(parts) + ("," if len(parts) == 1 else "")


def _is_itself(view: View) -> bool:
    """Whether a view is all of its root in its own shape: the array as it is."""
    return view.root.__class__ is Literal or (view.is_whole and view.shape == view.root.aval.shape)
