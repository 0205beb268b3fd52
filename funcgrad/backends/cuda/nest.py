"""A loop nest as CUDA C kernels.

A thread computes one element after another, a grid apart. Rows have a warp each (tiny ones a
thread, long ones a block): reductions along a row are shuffles, then warps in turn, and every
thread of the row gets the result. A full sum is one part per block, which a second kernel adds up;
sums that leave an array have kernels of their own, where each thread adds up one of its elements,
or one stretch of it. There are no atomic sums: the order of every sum follows from the sizes alone.
"""

from __future__ import annotations

import re
from math import prod
from typing import Any, NamedTuple

from funcgrad.backends.cuda.elements import RULES
from funcgrad.backends.cuda.types import convert, number, type_of
from funcgrad.backends.cuda.values import Values
from funcgrad.compiler.kernels import REDUCTIONS, Nest, Place, Schedule
from funcgrad.compiler.nests import identity, reduced_axes
from funcgrad.compiler.views import whole
from funcgrad.ir.jaxpr import Eqn, Var

__all__ = ["Kernel", "KernelWriter"]

_BLOCK = 256  # threads
_GRID = 8192  # blocks; what is left over, they do afterwards
_PARTS = 1024  # blocks of a kernel that leaves one part of a sum per block
_WARP = 32
_TINY = 8  # elements of a row that a thread does alone
_SHORT = 256  # elements of a row that a warp does alone
_LONG = 8192  # elements of a row that are worth the largest block
_SHARED = 32_768  # bytes of row buffers in a block
_WIDE = 1 << 30  # elements from which on indices have 64 bits
_THREADS = 1 << 16  # threads that keep a device busy
_STRETCH = 32  # elements that a thread adds up, at least


class Kernel(NamedTuple):
    """The text of a kernel, what it is given, and over how many threads it runs. A parameter is
    a root in memory, ``"status"``, or ``Parts``."""

    name: str
    text: str
    given: tuple[Any, ...]
    grid: tuple[int, ...]
    block: tuple[int, ...]


class Parts(NamedTuple):
    """Room for the parts of a sum, one for each block."""

    of: Var
    shape: tuple[int, ...]


class KernelWriter(Values):
    """Writes one nest."""

    scratch_bytes = _SHARED

    def __init__(self, schedule: Schedule, nest: Nest, stem: str, checks: list[Any]):
        self.stem, self.checks = stem, checks
        self.made = {v: eqn for eqn in nest.items if isinstance(eqn, Eqn) for v in eqn.outvars}
        super().__init__(schedule, nest)
        self.columns = [i for i in nest.items if i.__class__ is Eqn and self._kind(i) == "column"]
        self._keep_rows()
        roots = [root for root in self.arguments if root.__class__ is Var]
        self.params = {root: f"{_plain(root)}_{k}" for k, root in enumerate(roots)}
        self.params["status"] = "status"
        self.placed = {item.view.root for item in nest.items if item.__class__ is Place}
        sizes = [prod(nest.space), *[root.aval.size for root in roots]]
        self.int = "long long" if max(sizes) >= _WIDE else "int"
        self.found: list[Kernel] = []

    def _kind(self, item: Any) -> str:
        return "" if item.__class__ is Place else self.kinds[item.outvars[0]]

    def _keep_rows(self) -> None:
        """Numbers of rows that sums over rows read: these are other kernels."""
        todo: list[Any] = list(self.columns)
        while todo:
            for view, _ in self.schedule._leaves(todo.pop()):
                root = view.root
                if root not in self.own or root in self.stored:
                    continue
                if self.kinds[root] == "row":
                    self.stored.add(root)
                    self.nest.stored.append(root)
                    self.arguments.append(root)
                else:
                    todo.append(self.made[root])

    # -- kernels -------------------------------------------------------------------------------

    def kernels(self) -> list[Kernel]:
        items = [item for item in self.nest.items if self._kind(item) != "column"]
        if any(self._leaves_something(item) for item in items):
            (self._rows if self.rowwise else self._elements)()
        for item in self.columns:
            self._column_kernel(item)
        return self.found

    def _leaves_something(self, item: Any) -> bool:
        if item.__class__ is Place:
            return True
        return item.outvars[0] in self.stored or self._kind(item) == "full"

    def _finish(self, name: str, grid: tuple[int, ...], block: tuple[int, ...], extra: Any = ()) \
            -> None:  # fmt: skip
        """Put the kernel's frame around its lines."""
        body = "\n".join(self.lines)
        words = set(_WORD.findall(body))
        given = [root for root, text in self.params.items() if text in words]
        params = [self._param(root) for root in given]
        for parts, text in extra:
            given.append(parts)
            params.append(f"{type_of(parts.of.aval.dtype)}* __restrict__ {text}")
        head = f'extern "C" __global__ void {name}({", ".join(params)}) {{'
        self.found.append(Kernel(name, f"{head}\n{body}\n}}", tuple(given), grid, block))

    def _param(self, root: Any) -> str:
        if root == "status":
            return "long long* status"
        type, name = type_of(root.aval.dtype), self.params[root]
        if root in self.own:
            return f"{type}* __restrict__ {name}"
        return f"{type}* {name}" if root in self.placed else f"const {type}* __restrict__ {name}"

    def _kernel_name(self) -> str:
        return f"{self.stem}_{len(self.found) + 1}" if self.found else self.stem

    # -- element by element ----------------------------------------------------------------------

    def _elements(self) -> None:
        n = prod(self.extents)
        sums = self._items("full")
        grid = min(-(-n // _BLOCK), _PARTS if sums else _GRID)
        if sums:
            grid = min(grid, max(1, n // (4 * _BLOCK)))
        self.open()
        self._start(sums)
        with self._over("e", n):
            self._indices("e", range(len(self.extents)))
            self._body(self.nest.stages[0])
        self._totals(sums, grid, (min(_BLOCK, -(-n // _WARP) * _WARP),))

    def _cast(self, text: str) -> str:
        return f"(long long){text}" if self.int != "int" else text

    def _items(self, kind: str, stage: int | None = None) -> list[Eqn]:
        items = self.nest.items if stage is None else self.nest.stages[stage]
        return [i for i in items if i.__class__ is Eqn and self._kind(i) == kind]

    def _start(self, sums: list[Eqn]) -> None:
        """A number that nothing has been added to, for each sum."""
        for item in sums:
            (v,) = item.outvars
            name = self.sums[v] = self.name("s")
            nothing = number(identity(item.prim.name, v.aval.dtype), v.aval.dtype)
            self.write(f"{type_of(v.aval.dtype)} {name} = {nothing};")

    def loop(self, name: str, first: str, stop: Any, step: str) -> _Loop:
        return _Loop(self, f"for ({self.int} {name} = {first}; {name} < {stop}; {name} += {step})")

    def _over(self, name: str, n: int) -> _Loop:
        """Over n elements, those of all threads side by side."""
        first = f"{self._cast('blockIdx.x')} * blockDim.x + threadIdx.x"
        return self.loop(name, first, n, "gridDim.x * blockDim.x")

    def _indices(self, place: str, loops: Any) -> None:
        """The index of each of these loops, from the place in all of them joined."""
        step = 1
        for loop in reversed(loops):
            n = self.extents[loop]
            text = f"{place} / {step}" if step > 1 else place
            if loop != loops[0]:
                text += f" % {n}"
            self.index[loop] = f"i{loop}"
            self.write(f"const {self.int} i{loop} = {text};")
            step *= n

    def _body(self, items: list[Any]) -> None:
        """What one thread does for one element."""
        outer, self.memo = self.memo, dict(self.memo)
        for item in items:
            if item.__class__ is Place:
                self._placed(item)
            elif item.prim.name in REDUCTIONS:
                if self._kind(item) != "column":
                    self._collected(item, self.sums[item.outvars[0]])
            elif item.outvars[0] not in self.memo:
                self._made(item)
        self.memo = outer

    def _made(self, item: Eqn) -> None:
        (out,) = item.outvars
        text = self.let(out.aval.dtype, self.computed(item, whole(out)))
        self.memo[out] = text
        if out in self.stored:
            self.write(f"{self.load(whole(out))} = {text};")
        elif out in self.crossing:
            self.write(f"{self.scratch[out]}[{self.lane}] = {text};")

    def _placed(self, item: Place) -> None:
        dtype = item.view.root.aval.dtype
        source = self.schedule.operands(item)[0]
        x = convert(self.read(source), source.root.aval.dtype, dtype)
        target = self.load(item.view)
        if item.adds:
            x = RULES["add"]([target, x], dtype, {})
        self.write(f"{target} = {x};")

    def _collected(self, item: Eqn, name: str) -> None:
        (out,), (source,) = item.outvars, self.schedule.operands(item)
        x = self.let(out.aval.dtype, convert(self.read(source), source.root.aval.dtype,
                                             out.aval.dtype))  # fmt: skip
        self.write(f"{name} = {self._combined(item, name, x)};")

    def _combined(self, item: Eqn, x: str, y: str) -> str:
        return RULES[REDUCTIONS[item.prim.name]]([x, y], item.outvars[0].aval.dtype, {})

    def _joined(self, how: str, item: Eqn, x: str) -> str:
        """All threads' results as one, which each of them gets."""
        type = type_of(item.outvars[0].aval.dtype)
        both = f"[]({type} x, {type} y) -> {type} {{ return {self._combined(item, 'x', 'y')}; }}"
        return f"{how}<{type}>({x}, {both})"

    # -- rows ------------------------------------------------------------------------------------

    def _rows(self) -> None:
        """A row, or several, for each block; stages follow one another."""
        outer = self.n_outer or 0
        rows, n = prod(self.extents[:outer]), prod(self.extents[outer:])
        sums = self._items("full")
        block = self._row_block(n)
        grid = min(-(-rows // block[1]), _PARTS if sums else 65_535)
        self.open()
        self._start(sums)
        self._row_buffers(n, block[1])
        first = f"{self._cast('blockIdx.x')} * blockDim.y + threadIdx.y"
        with self.loop("row", first, rows, "gridDim.x * blockDim.y"):
            self._indices("row", range(outer))
            memo, self.memo = self.memo, dict(self.memo)
            for k in range(len(self.nest.stages)):
                (self._row_stage if k % 2 else self._element_stage)(k, n, block)
            self.memo = memo
        self._totals(sums, grid, block)

    def _row_block(self, n: int) -> tuple[int, int]:
        """Threads of a row, and rows of a block: as many as there is room for their buffers."""
        if n > _SHORT:
            return (1024 if n > _LONG else _BLOCK, 1)
        bytes_each = n * sum(v.aval.dtype.itemsize for v in self.crossing)
        rows = min(_BLOCK, _SHARED // max(1, bytes_each))
        if n <= _TINY and rows >= _WARP:
            return (1, rows - rows % _WARP)
        return (_WARP, max(1, min(_BLOCK // _WARP, rows)))

    def _row_buffers(self, n: int, rows: int) -> None:
        """Each thread reads what it wrote itself, so that nobody has to wait."""
        self.lane = f"threadIdx.y * {n} + e" if rows > 1 else "e"
        for v in [v for v in self.own if v in self.crossing]:
            name = self.scratch[v] = self.name("kept")
            self.write(f"__shared__ {type_of(v.aval.dtype)} {name}[{n * rows}];")

    def _element_stage(self, k: int, n: int, block: tuple[int, int]) -> None:
        items = [item for item in self.nest.stages[k] if self._kind(item) != "column"]
        if not items:
            return
        sums = self._items("row", k)
        self._start(sums)
        outer = self.n_outer or 0
        with self.loop("e", "threadIdx.x", n, "blockDim.x"):
            self._indices("e", range(outer, len(self.extents)))
            self._body(items)
        self.index[outer:] = [""] * (len(self.extents) - outer)
        for item in sums:
            (v,) = item.outvars
            self._row_number(v, self._along_row(item, block[0]))

    def _along_row(self, item: Eqn, threads: int) -> str:
        mine = self.sums[item.outvars[0]]
        if threads == 1:
            return mine
        return self._joined("along_warp" if threads == _WARP else "along_block", item, mine)

    def _row_stage(self, k: int, n: int, block: tuple[int, int]) -> None:
        for item in self.nest.stages[k]:
            (out,) = item.outvars
            self._row_number(out, self.computed(item, whole(out)))

    def _row_number(self, v: Var, text: str) -> None:
        self.memo[v] = self.let(v.aval.dtype, text)
        if v in self.stored:
            self.write(f"if (threadIdx.x == 0) {self.load(whole(v))} = {self.memo[v]};")

    # -- full sums ---------------------------------------------------------------------------------

    def _totals(self, sums: list[Eqn], grid: int, block: tuple[int, ...]) -> None:
        """What the block's threads have collected: the result, or one of its parts."""
        extra, many = [], grid > 1
        for item in sums:
            (v,) = item.outvars
            target = self.params[v]
            if many:
                target = f"{target}_parts"
                extra.append((Parts(v, (grid,)), target))
            total = self.let(v.aval.dtype, self._joined("along_block", item, self.sums[v]))
            at = "blockIdx.x" if many else "0"
            self.write(f"if (threadIdx.x + threadIdx.y == 0) {target}[{at}] = {total};")
        self._finish(self._kernel_name(), (grid,), block, extra)
        for parts, text in extra:
            self._added_up(self.made[parts.of], parts, text)

    def _added_up(self, item: Eqn, parts: Parts, text: str) -> None:
        """One block adds the parts up."""
        (v,) = item.outvars
        self.open()
        self._start([item])
        with self.loop("e", "threadIdx.x", parts.shape[0], "blockDim.x"):
            combined = self._combined(item, self.sums[v], f"{text}[e]")
            self.write(f"{self.sums[v]} = {combined};")
        total = self.let(v.aval.dtype, self._joined("along_block", item, self.sums[v]))
        self.write(f"if (threadIdx.x == 0) {self.params[v]}[0] = {total};")
        self._finish(self._kernel_name(), (1,), (_BLOCK,), [(parts, text)])

    # -- sums that leave an array ------------------------------------------------------------------

    def _column_kernel(self, item: Eqn) -> None:
        (v,) = item.outvars
        axes = reduced_axes(item)
        gone = [k for k in range(len(self.extents)) if self.last_of[k] in axes]
        kept = [k for k in range(len(self.extents)) if k not in gone]
        m, n = (prod(self.extents[k] for k in some) for some in (kept, gone))
        pieces = max(1, min(_THREADS // m, n // _STRETCH, _PARTS))
        stretch = -(-n // pieces)
        pieces = -(-n // stretch)
        self.open()
        target, extra = self.params[v], []
        if pieces > 1:
            target = f"{target}_parts"
            extra.append((Parts(v, (pieces, m)), target))
        with self._over("j", m):
            self._indices("j", kept)
            self._start([item])
            first, stop = "0", str(n)
            if pieces > 1:
                self.write(f"const {self.int} first = {self._cast('blockIdx.y')} * {stretch};")
                last = f"first + {stretch}"
                self.write(f"const {self.int} stop = {last} < {n} ? {last} : {n};")
                first, stop = "first", "stop"
            with self.loop("e", first, stop, "1"):
                self._indices("e", gone)
                self._collected_apart(item)
            at = f"{self._cast('blockIdx.y')} * {m} + j" if pieces > 1 else "j"
            self.write(f"{target}[{at}] = {self.sums[v]};")
        self._finish(self._kernel_name(), (min(-(-m // _BLOCK), _GRID), pieces), (_BLOCK,), extra)
        if extra:
            self._columns_added_up(item, extra[0], m)

    def _collected_apart(self, item: Eqn) -> None:
        """One more element, whatever other kernels of the nest have not stored computed anew."""
        outer, self.memo = self.memo, {}
        crossing, self.crossing = self.crossing, set()
        self._collected(item, self.sums[item.outvars[0]])
        self.memo, self.crossing = outer, crossing

    def _columns_added_up(self, item: Eqn, extra: tuple[Parts, str], m: int) -> None:
        (v,), (parts, text) = item.outvars, extra
        self.open()
        with self._over("j", m):
            self._start([item])
            with self.loop("e", "0", parts.shape[0], "1"):
                at = f"{self._cast('e')} * {m} + j"
                combined = self._combined(item, self.sums[v], f"{text}[{at}]")
                self.write(f"{self.sums[v]} = {combined};")
            self.write(f"{self.params[v]}[j] = {self.sums[v]};")
        self._finish(self._kernel_name(), (min(-(-m // _BLOCK), _GRID),), (_BLOCK,), [extra])


_WORD = re.compile(r"[A-Za-z_]\w*")


def _plain(root: Var) -> str:
    """The variable's own name where C can have it; a number that makes it unique follows."""
    return root.name if root.name and _WORD.fullmatch(root.name) and root.name.isascii() else "x"


class _Loop:
    """A loop of the kernel, or of one thread, while its lines are written."""

    def __init__(self, writer: KernelWriter, head: str):
        self.writer, self.head = writer, head

    def __enter__(self) -> None:
        self.writer.write(f"{self.head} {{")
        self.writer.depth += 1

    def __exit__(self, *error: Any) -> None:
        self.writer.depth -= 1
        self.writer.write("}")
