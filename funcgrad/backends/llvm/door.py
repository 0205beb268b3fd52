"""The door of native programs: the machine code behind the built-in functions of ``entry``.

One function serves them all, so that it is compiled once. It has the form of CPython's
``METH_FASTCALL | METH_KEYWORDS`` and reads what to expect through ``self``, a tuple: it compares
type, dtype, rank, dimensions and layout of every argument, allocates the outputs, and runs the
program; whatever is different goes to the fallback, a Python callable, with the same arguments.

The offsets are those of CPython's and NumPy 2's public structures, which ``entry`` checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from funcgrad.backends.llvm.ir import Function, Local, Module, Value
from funcgrad.backends.llvm.places import copy_bytes

__all__ = ["API", "KINDS", "NAME", "ROWS", "WORDS", "door"]

NAME = "funcgrad_door"

PYTHON = (
    "PyObject_Vectorcall", "PyContextVar_Get", "PyDict_GetItemWithError", "Py_IncRef",
    "Py_DecRef", "PyFloat_FromDouble", "PyLong_FromLongLong", "PyLong_AsLongLongAndOverflow",
    "PyComplex_FromDoubles", "PyTuple_New", "PyEval_SaveThread", "PyEval_RestoreThread",
    "PyMem_RawMalloc", "PyMem_RawFree", "PyErr_Clear", "PyErr_NoMemory",
)  # fmt: skip
NUMPY = {"PyArray_NewFromDescr": 94, "PyDataMem_SetHandler": 304}  # places in NumPy's C interface
API = {name: i for i, name in enumerate((*PYTHON, *NUMPY, "memcmp"))}
"""Where the address of each C function is in the table of them."""

FALLBACK, TABLE, STATE, TRACE, NONE, ARRAY_TYPE = range(6)  # items of the tuple

WORDS = {
    name: i
    for i, name in enumerate((
        "calls", "block", "dicts", "slots", "contents", "inputs", "fixed", "outputs", "body",
        "stack", "heap", "single", "release",
    ))
}  # fmt: skip
"""Where each number of an entry is; tables follow, in the order of ``ROWS``."""

ROWS = {
    "dicts": ("dict", "key", "expected"),
    "slots": ("address", "expected"),
    "contents": ("array", "word", "rank", "dims", "copy", "bytes"),
    "inputs": ("kind", "type", "word", "rank", "dims"),
    "fixed": ("data",),
    "outputs": ("kind", "object", "alloc", "size", "rank", "dims"),
}
"""Guarded dictionary items, pointers in objects, and arrays; then what the program works on."""

KINDS = {name: i for i, name in enumerate(("array", "scalar", "bool", float, int, complex))}
"""An array; a number of NumPy's; its truth value; a Python number."""

_NUMBERS = {"kind", "word", "rank", "bytes", "size"}  # the other columns are addresses

# Offsets in C structures: tuple items; numbers; types of objects; arrays; dtypes.
_ITEMS, _NUMBER, _TYPE = tuple.__basicsize__, 16, 8  # CPython 3.14 keeps a hash in tuples
_DATA, _RANK, _DIMS, _DESCR, _FLAGS = 16, 24, 32, 56, 64
_KIND, _KIND_BITS = 24, ~0xFF000000
_PLAIN = 0x101  # C-contiguous, aligned


def door() -> str:
    """The module of the door's code, as text."""
    module = Module()
    _Writer(module.function(NAME, "ptr", ["ptr", "ptr", "i64", "ptr"], linkage="")).write()
    return module.text()


class _Writer:
    """The function that is being written, and the blocks that all of its parts jump to."""

    def __init__(self, f: Function):
        self.f = f
        self.self, self.args, self.nargs, self.names = f.args
        self.miss, self.undo, self.raised = f.label("miss"), f.label("undo"), f.label("raised")
        self.failed = Local(f, "i1", True)
        self.null = f.const("ptr", 0)
        self.api = f.load("ptr", f.at(self.item(TABLE), _DATA))
        self.words = f.load("ptr", f.at(self.item(STATE), _DATA))
        self.array_type = self.item(ARRAY_TYPE)

    def write(self) -> None:
        f = self.f
        self.count = {name: self.word(name) for name in ROWS}
        self.require(self.names.eq(0) & self.nargs.eq(self.count["inputs"]))
        self.starts = self.tables()
        self.check_trace()
        self.check_guards()
        self.make_room()
        for i, row in self.rows("inputs"):
            self.check_input(i, row)
        for i, row in self.rows("fixed"):
            f.store(row["data"], f.at(self.data, self.count["inputs"] + i, "ptr"))
        for i, row in self.rows("outputs"):
            self.make_output(i, row)
        status = self.run()
        self.failed.set(False)
        self.require(status.eq(0), self.undo)
        self.failed.set(True)
        for i, row in self.rows("outputs"):
            self.box_output(i, row)
        self.finish()
        self.write_ends()

    # -- small words -------------------------------------------------------------------------------

    def item(self, k: Any) -> Value:
        """An object of the tuple."""
        return self.f.load("ptr", self.f.at(self.f.at(self.self, _ITEMS), k, "ptr"))

    def place(self, name: str) -> Value:
        return self.f.at(self.words, WORDS[name], "i64")

    def word(self, name: str, type: str = "i64") -> Value:
        return self.f.load(type, self.place(name))

    def tables(self) -> dict[str, Value]:
        """Where the rows of each kind begin."""
        starts, at = {}, self.f.at(self.words, len(WORDS), "i64")
        for name, columns in ROWS.items():
            starts[name] = at
            at = self.f.at(at, self.count[name] * len(columns), "i64")
        return starts

    def rows(self, name: str) -> Iterator[tuple[Value, dict[str, Value]]]:
        """Write a loop over all rows of a kind."""
        f, columns = self.f, ROWS[name]
        with f.loop(0, self.count[name]) as i:
            start = f.at(self.starts[name], i * len(columns), "i64")
            yield (
                i,
                {
                    c: f.load("i64" if c in _NUMBERS else "ptr", f.at(start, k, "i64"))
                    for k, c in enumerate(columns)
                },
            )

    def c(self, name: str, out: str, *xs: Value) -> Any:
        """A call of a C function."""
        address = self.f.load("ptr", self.f.at(self.api, API[name], "ptr"))
        return self.f.call(address.name, out, *xs)

    def require(self, test: Value, otherwise: str | None = None) -> None:
        good = self.f.label("good")
        self.f.branch(test, good, otherwise or self.miss, likely=True)
        self.f.begin(good)

    def room(self, type: str, n: Value, align: int) -> Value:
        return self.f.op(f"alloca {type}, {n!r}, align {align}", "ptr")

    # -- what the call must look like --------------------------------------------------------------

    def check_trace(self) -> None:
        """Inside a trace, the equations belong to that trace."""
        box = Local(self.f, "ptr", 0)
        got = self.c("PyContextVar_Get", "i32", self.item(TRACE), self.null, box.pointer)
        self.require(got.eq(0), self.raised)
        trace = box.get()
        self.c("Py_DecRef", "void", trace)
        self.require(trace.eq(self.item(NONE)))

    def check_guards(self) -> None:
        """What the function reads besides its arguments is what it was."""
        f = self.f
        for _, row in self.rows("dicts"):
            found = self.c("PyDict_GetItemWithError", "ptr", row["dict"], row["key"])
            self.require(found.eq(row["expected"]))
        for _, row in self.rows("slots"):
            self.require(f.load("ptr", row["address"]).eq(row["expected"]))
        for _, row in self.rows("contents"):
            self.check_array(row["array"], row)
            data = f.load("ptr", f.at(row["array"], _DATA))
            self.require(self.c("memcmp", "i32", data, row["copy"], row["bytes"]).eq(0))

    def make_room(self) -> None:
        """Where the data of inputs and outputs are, and the objects that are returned."""
        f, n, n_in = self.f, self.count["outputs"], self.count["inputs"]
        self.data = self.room("ptr", n_in + self.count["fixed"], 8)
        self.integers = self.room("i64", n_in, 8)
        self.outs = self.room("ptr", n, 8)
        self.results = self.room("ptr", n, 8)
        self.numbers = self.room("i128", n * 2, 16)  # numbers on their way out
        self.done = Local(f, "i64", 0)  # results that undo has to look at

    def check_input(self, i: Value, row: dict[str, Value]) -> None:
        """Compare one argument, and note where its data are."""
        f, kind = self.f, row["kind"]
        x = f.load("ptr", f.at(self.args, i, "ptr"))
        cls, slot = f.load("ptr", f.at(x, _TYPE)), f.at(self.data, i, "ptr")
        same, other, array, number, end = (f.label() for _ in range(5))
        f.branch(cls.eq(row["type"]), same, other, likely=True)
        f.begin(other)  # an array without dimensions will do as a number
        self.require(kind.eq(KINDS["scalar"]) & cls.eq(self.array_type))
        f.jump(array)
        f.begin(same)
        f.branch(kind.eq(KINDS["array"]), array, number)
        f.begin(array)
        self.check_array(x, row)
        f.store(f.load("ptr", f.at(x, _DATA)), slot)
        f.jump(end)
        f.begin(number)
        f.store(f.at(x, _NUMBER), slot)
        with f.when(kind.eq(KINDS[int])):
            self.read_integer(x, i, slot)
        f.jump(end)
        f.begin(end)

    def check_array(self, x: Value, row: dict[str, Value]) -> None:
        f, rank = self.f, row["rank"]
        descr = f.load("ptr", f.at(x, _DESCR))
        is_dtype = (f.load("i64", f.at(descr, _KIND)) & _KIND_BITS).eq(row["word"])
        is_rank = f.load("i32", f.at(x, _RANK)).eq(rank.cast("trunc", "i32"))
        is_plain = (f.load("i32", f.at(x, _FLAGS)) & _PLAIN).eq(_PLAIN)
        self.require(is_dtype & is_rank & is_plain)
        shape = f.load("ptr", f.at(x, _DIMS))
        with f.loop(0, rank) as k:
            n = f.load("i64", f.at(row["dims"], k, "i64"))
            self.require(f.load("i64", f.at(shape, k, "i64")).eq(n))

    def read_integer(self, x: Value, i: Value, slot: Value) -> None:
        f = self.f
        overflow = f.alloca("i32")
        place = f.at(self.integers, i, "i64")
        f.store(self.c("PyLong_AsLongLongAndOverflow", "i64", x, overflow), place)
        self.require(f.load("i32", overflow).eq(0))
        f.store(place, slot)

    # -- outputs -----------------------------------------------------------------------------------

    def make_output(self, i: Value, row: dict[str, Value]) -> None:
        """A new array; numbers are written to the stack first."""
        f = self.f
        place = f.at(self.outs, i, "ptr")
        f.store(self.null, f.at(self.results, i, "ptr"))
        self.done.set(i + 1)
        f.store(f.at(self.numbers, i * 2, "i128"), place)
        with f.when(row["kind"].eq(KINDS["array"])):
            made = self.new_array(row)
            self.keep(i, made)
            f.store(f.load("ptr", f.at(made, _DATA)), place)

    def new_array(self, row: dict[str, Value]) -> Value:
        """A large array's memory comes from the handler of its row, others' from NumPy's."""
        f, before = self.f, Local(self.f, "ptr", 0)
        with f.when(row["alloc"].ne(0), likely=False):
            before.set(self.c("PyDataMem_SetHandler", "ptr", row["alloc"]))
            self.require(before.get().ne(0), self.undo)
        self.c("Py_IncRef", "void", row["object"])
        made = self.c(
            "PyArray_NewFromDescr", "ptr", self.array_type, row["object"],
            row["rank"].cast("trunc", "i32"), row["dims"], self.null, self.null,
            f.const("i32", 0), self.null,
        )  # fmt: skip
        with f.when(before.get().ne(0), likely=False):
            self.c("Py_DecRef", "void", self.c("PyDataMem_SetHandler", "ptr", before.get()))
            self.c("Py_DecRef", "void", before.get())
        return made

    def box_output(self, i: Value, row: dict[str, Value]) -> None:
        """A number becomes an object."""
        f, kind = self.f, row["kind"]
        x = f.at(self.numbers, i * 2, "i128")
        with f.when(kind.eq(KINDS["scalar"])):
            made = f.call(row["alloc"].name, "ptr", row["object"], f.const("i64", 0))
            self.keep(i, made)
            self.write_number(f.at(made, _NUMBER), x, row["size"])
        with f.when(kind.eq(KINDS["bool"])):
            yes, no = row["alloc"], row["object"]
            truth = f.load("i8", x).ne(0).select(yes, no)
            self.c("Py_IncRef", "void", truth)
            self.keep(i, truth)
        with f.when(kind.eq(KINDS[float])):
            self.keep(i, self.c("PyFloat_FromDouble", "ptr", f.load("double", x)))
        with f.when(kind.eq(KINDS[int])):
            self.keep(i, self.c("PyLong_FromLongLong", "ptr", f.load("i64", x)))
        with f.when(kind.eq(KINDS[complex])):
            parts = f.load("double", x), f.load("double", f.at(x, 8))
            self.keep(i, self.c("PyComplex_FromDoubles", "ptr", *parts))

    def write_number(self, to: Value, x: Value, size: Value) -> None:
        """Most numbers have eight bytes: a call for those would cost more than the rest."""
        f, short, long, end = self.f, self.f.label(), self.f.label(), self.f.label()
        f.branch(size.eq(8), short, long, likely=True)
        f.begin(short)
        f.store(f.load("i64", x), to)
        f.jump(end)
        f.begin(long)
        copy_bytes(f, to, x, size)
        f.jump(end)
        f.begin(end)

    def keep(self, i: Value, made: Value) -> None:
        self.f.store(made, self.f.at(self.results, i, "ptr"))
        self.require(made.ne(0), self.undo)

    # -- the run -----------------------------------------------------------------------------------

    def run(self) -> Value:
        """Call the program, with scratch memory, and where it is long without the global lock."""
        f = self.f
        arena = Local(f, "ptr", self.room("i8", self.word("stack"), 64))
        own, mine = Local(f, "ptr", 0), Local(f, "ptr", 0)
        heap = self.word("heap").ne(0)
        with f.when(heap):
            self.take_block(arena, own, mine)
        state = Local(f, "ptr", 0)
        release = self.word("release").ne(0)
        with f.when(release):
            state.set(self.c("PyEval_SaveThread", "ptr"))
        status = f.call(self.word("body", "ptr").name, "i32", self.data, self.outs, arena.get())
        with f.when(release):
            self.c("PyEval_RestoreThread", "void", state.get())
        with f.when(heap):
            with f.when(own.get().ne(0), likely=True):
                place = self.place("block").name
                f.do(f"store atomic {own.get()!r}, ptr {place} release, align 8")
            self.c("PyMem_RawFree", "void", mine.get())  # of null: nothing
        return status

    def take_block(self, arena: Local, own: Local, mine: Local) -> None:
        """The entry's own block, or, while another call has it, a fresh one."""
        f, place = self.f, self.place("block").name
        own.set(f.op(f"atomicrmw xchg ptr {place}, ptr null acquire", "ptr"))
        arena.set(own.get())
        with f.when(own.get().eq(0), likely=False):
            mine.set(self.c("PyMem_RawMalloc", "ptr", self.word("heap") + 64))
            bad, good = f.label("bad"), f.label("good")
            f.branch(mine.get().ne(0), good, bad, likely=True)
            f.begin(bad)
            self.c("PyErr_NoMemory", "ptr")
            f.jump(self.undo)
            f.begin(good)
            aligned = f.op(f"ptrtoint {mine.get()!r} to i64", "i64") + 63 & -64
            arena.set(f.op(f"inttoptr {aligned!r} to ptr", "ptr"))

    def finish(self) -> None:
        """Count the call; the one output, or a tuple of them."""
        f = self.f
        with f.when(self.word("single").ne(0), likely=True):
            self.count_call()
            out = f.load("ptr", self.results)
            end = f.label("one")
            f.ret(out)
            f.begin(end)  # never reached
        made = self.c("PyTuple_New", "ptr", self.count["outputs"])
        self.require(made.ne(0), self.undo)
        copy_bytes(f, f.at(made, _ITEMS), self.results, self.count["outputs"] * 8)
        self.count_call()
        f.ret(made)

    def count_call(self) -> None:
        self.f.store(self.word("calls") + 1, self.place("calls"))

    def write_ends(self) -> None:
        """Drop what was made; then raise, or let the fallback answer."""
        f, again = self.f, self.f.label("again")
        f.begin(self.undo)
        with f.loop(0, self.done.get()) as i:
            self.c("Py_DecRef", "void", f.load("ptr", f.at(self.results, i, "ptr")))
        f.branch(self.failed.get(), self.raised, again)
        f.begin(self.raised)
        f.ret(self.null)
        f.begin(again)
        self.c("PyErr_Clear", "void")
        f.jump(self.miss)
        f.begin(self.miss)
        other = self.item(FALLBACK)
        f.ret(self.c("PyObject_Vectorcall", "ptr", other, self.args, self.nargs, self.names))
