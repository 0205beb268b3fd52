"""Control flow inside a native function: scan, while_loop, cond.

A body is written once, as a scope of its own in the same function. Small values that a loop
carries stay in registers; an array is carried in two places that change roles with every step, or
in one, where a step only writes into parts of it.
"""

from __future__ import annotations

from typing import Any

from funcgrad.backends.llvm.elements import convert, memory_type, register_type
from funcgrad.backends.llvm.handler import Handler
from funcgrad.backends.llvm.ir import Local, Value, vector
from funcgrad.backends.llvm.lanes import load_lanes, store_lanes
from funcgrad.backends.llvm.places import Memory, copy_view
from funcgrad.backends.llvm.waves import Waves, planned
from funcgrad.compiler.simplify import simplify
from funcgrad.compiler.views import whole
from funcgrad.ir.avals import array_aval
from funcgrad.ir.jaxpr import Jaxpr, Var

__all__ = ["HANDLERS"]


def _scope(s: Any, jaxpr: Jaxpr) -> Any:
    return type(s)(s.program, jaxpr, parent=s)


def _given(s: Any, child: Any, v: Var, operand: Any) -> None:
    """Bind an input of a body to an operand of the equation."""
    if s.small(operand):
        child.bind(v, _typed(s, operand, v))
    else:
        child.bind(v, Memory(s.contiguous(operand)))


def _typed(s: Any, operand: Any, v: Any) -> Value:
    """A small operand in the dtype of the variable that it becomes."""
    return convert(s.register(operand), operand.aval.dtype, v.aval.dtype)


# -- what a loop carries -------------------------------------------------------------------------


class Carry:
    """One carried value: in a register, in one place, or in two that take turns."""

    def __init__(self, s: Any, child: Any, given: Any, inner: Var, out: Any):
        self.s, self.child, self.inner, self.out = s, child, inner, out
        f = s.f
        self.small = s.small(inner)
        if self.small:
            n = inner.aval.size
            self.slot = Local(f, vector(register_type(inner.aval.dtype) or "", n))
            self.slot.set(_typed(s, given, inner))
            return
        self.chain = _in_place(child, inner, out)
        self.given = s.schedule.stored(given)

    def start(self, result: Var, swaps: int | None) -> None:
        """Copy the first value to where the loop begins; ``result`` is the equation's own."""
        s, f = self.s, self.s.f
        if self.small:
            return
        self.home = s.allocate(result)
        self.other = None if self.chain is not None else s.temporary(self.inner.aval)
        first = self.home
        if self.other is not None and swaps is not None and swaps % 2:
            first = self.other  # after an odd number of turns the value is at home
        s.copy(self.given, first)
        self.first = first
        self.turns = Local(f, "ptr", first) if self.other is not None else None

    def enter(self, t: Value | None = None) -> None:
        """At the beginning of a step: where the value is, and where the new one goes; ``t`` is
        the step's number where steps do not follow one another."""
        child = self.child
        if self.small:
            child.bind(self.inner, self.slot.get())
            return
        if self.turns is None:
            child.bind(self.inner, Memory(self.home))
            for v in self.chain or ():
                child.destination[v] = Memory(self.home)
            return
        self.now = self.turns.get() if t is None else self._at(t)
        child.bind(self.inner, Memory(self.now))
        at_home = self.now.compare("eq", self.home)
        assert self.other is not None
        self.next = at_home.select(self.other, self.home)
        if self.out is not self.inner:
            child.destination[self.out] = Memory(self.next)

    def _at(self, t: Value) -> Value:
        assert self.other is not None
        second = self.home if self.first is self.other else self.other
        return (t & 1).eq(0).select(self.first, second)

    def leave(self, raw: Any) -> Any:
        """At the end of a step: the new value of a register, to be set after all are read."""
        if self.small:
            return _typed(self.child, raw, self.inner)
        return None

    def advance(self, new: Any) -> None:
        if self.small:
            self.slot.set(new)
        elif self.turns is not None:
            self.turns.set(self.next)

    def finish(self, result: Var, known: bool) -> None:
        """After the loop: the equation's result."""
        s = self.s
        if self.small:
            s.bind(result, self.slot.get())
        elif self.turns is not None and not known:
            f = s.f
            last = self.turns.get()
            with f.when(last.compare("ne", self.home)):
                copy_view(f, last, whole(self.inner), self.home)


def _in_place(child: Any, inner: Var, out: Any) -> list[Var] | None:
    """The chain of values that are written onto the carried one itself, or None."""
    *chain, root = child.chain(out)
    return chain if root is inner and chain else None


# -- scan ----------------------------------------------------------------------------------------


def _refuses_scan(eqn: Any) -> str | None:
    return "a scan of unknown length" if eqn.params["length"] is None else None


def _scan(s: Any, eqn: Any) -> None:
    p, f = eqn.params, s.f
    body, nc, nk, length = simplify(p["body"]), p["n_consts"], p["n_carry"], p["length"]
    operands = eqn.invars
    child = _scope(s, body)
    for v, x in zip(body.invars[:nc], operands[:nc], strict=True):
        _given(s, child, v, x)
    outs = child.schedule.outs
    carries = [
        Carry(s, child, x, v, out)
        for v, x, out in zip(body.invars[nc : nc + nk], operands[nc : nc + nk], outs, strict=False)
    ]
    xs = [_Stack(s, child, v, x) for v, x in zip(body.invars[nc + nk :], operands[nc + nk :],
                                                 strict=True)]  # fmt: skip
    for c, result in zip(carries, eqn.outvars, strict=False):
        c.start(result, length)
    ys = [_Rows(s, child, v, out, raw) for v, out, raw in zip(
        eqn.outvars[nk:], outs[nk:], body.outvars[nk:], strict=True)]  # fmt: skip

    def enter(t: Value, number: Value | None = None) -> None:
        for c in carries:
            c.enter(number)
        rows: list[Any] = [*xs, *ys]
        for part in rows:
            part.enter((length - 1) - t if p["reverse"] else t)

    waves = _waves(child, carries, xs, ys, length)
    if waves is not None:
        body.derived["together"] = waves.steps
        waves.write(lambda t: enter(t, t))
    else:
        with f.loop(0, length) as t:
            enter(t)
            child.run()
            _step_end(child, carries, body, ys)
    for c, result in zip(carries, eqn.outvars, strict=False):
        c.finish(result, known=True)
    for y in ys:
        y.finish()


def _waves(child: Any, carries: Any, xs: Any, ys: Any, length: int) -> Waves | None:
    """How steps go together, where all that changes lies in memory, or is one number for each
    step."""
    small = [*(c.small for c in carries), *(child.small(y.raw) for y in ys),
             *(child.small(x.inner) and x.inner.aval.size > 1 for x in xs)]  # fmt: skip
    outs = child.schedule.outs
    if any(small) or not carries or any(v.__class__ is not Var for v in outs):
        return None
    carried = {c.out: c.inner for c in carries}
    if len(set(outs)) < len(outs) or {*carried.values()} & {*outs}:
        return None  # a result that is to be copied
    return planned(child, carried, length)


def _step_end(child: Any, carries: list[Carry], body: Jaxpr, ys: Any) -> None:
    new = [c.leave(raw) for c, raw in zip(carries, body.outvars, strict=False)]
    for y in ys:
        y.leave()
    for c, x in zip(carries, new, strict=True):
        c.advance(x)


class _Stack:
    """An operand whose rows are the inputs of the steps."""

    def __init__(self, s: Any, child: Any, inner: Var, operand: Any):
        self.s, self.child, self.inner = s, child, inner
        if s.small(operand):
            root = Var(operand.aval)
            s.where[root] = s.register(operand)
            self.base = s.memory(root)
        else:
            self.base = s.contiguous(operand)

    def enter(self, t: Value) -> None:
        f, aval = self.s.f, self.inner.aval
        pointer = f.at(self.base, t * aval.size, memory_type(aval.dtype))
        if self.child.small(self.inner):
            self.child.bind(self.inner, load_lanes(f, pointer, 1, aval.size, aval.dtype))
        else:
            self.child.bind(self.inner, Memory(pointer))


class _Rows:
    """A result whose rows the steps yield."""

    def __init__(self, s: Any, child: Any, result: Var, out: Any, raw: Any):
        self.s, self.child, self.result, self.out, self.raw = s, child, result, out, raw
        self.inner = array_aval(result.aval.shape[1:], result.aval.dtype)
        if s.small(result):
            self.base = s.f.alloca(memory_type(result.aval.dtype), max(2, result.aval.size))
        else:
            self.base = s.allocate(result)

    def enter(self, t: Value) -> None:
        f = self.s.f
        self.pointer = f.at(self.base, t * self.inner.size, memory_type(self.inner.dtype))
        if not self.child.small(self.raw):
            self.child.destination[self.out] = Memory(self.pointer)

    def leave(self) -> None:
        if self.child.small(self.raw):
            found = _typed(self.child, self.raw, self.result)
            store_lanes(self.s.f, found, self.pointer, 1, self.inner.dtype)

    def finish(self) -> None:
        if self.s.small(self.result):
            aval = self.result.aval
            self.s.bind(self.result, load_lanes(self.s.f, self.base, 1, aval.size, aval.dtype))


# -- while_loop ----------------------------------------------------------------------------------


def _while(s: Any, eqn: Any) -> None:
    p, f = eqn.params, s.f
    cond, body, n_cond, nb = simplify(p["cond"]), simplify(p["body"]), p["n_cond"], p["n_body"]
    asks, consts = eqn.invars[:n_cond], eqn.invars[n_cond : n_cond + nb]
    init = eqn.invars[n_cond + nb :]
    asking, child = _scope(s, cond), _scope(s, body)
    for v, x in zip(cond.invars[:n_cond], asks, strict=True):
        _given(s, asking, v, x)
    for v, x in zip(body.invars[:nb], consts, strict=True):
        _given(s, child, v, x)
    carries = [Carry(s, child, x, v, out) for v, x, out in zip(
        body.invars[nb:], init, child.schedule.outs, strict=True)]  # fmt: skip
    for c, result in zip(carries, eqn.outvars, strict=True):
        c.start(result, None)

    def going() -> Value:
        for c, v in zip(carries, cond.invars[n_cond:], strict=True):
            c.enter()
            asking.bind(v, child.where[c.inner])
        asking.run()
        fine = f.load("i32", s.program.status).eq(0)  # a failed step must not run for ever
        return asking.register(cond.outvars[0]) & fine  # type: ignore[no-any-return]

    with f.during(going):
        child.run()
        _step_end(child, carries, body, ())
    for c, result in zip(carries, eqn.outvars, strict=True):
        c.finish(result, known=False)


# -- cond ----------------------------------------------------------------------------------------


def _cond(s: Any, eqn: Any) -> None:
    f, branches = s.f, [simplify(branch) for branch in eqn.params["branches"]]
    index, *operands = eqn.invars
    results: list[Any] = []
    for v in eqn.outvars:
        if s.small(v):
            results.append(Local(f, vector(register_type(v.aval.dtype) or "", v.aval.size)))
        else:
            results.append(s.allocate(v))
    given = [s.register(x) if s.small(x) else Memory(s.contiguous(x)) for x in operands]
    which = s.register(index)
    end = f.label("joined")
    for k, branch in enumerate(branches):
        yes, no = f.label("branch"), f.label("other")
        test = which.eq(k) if which.type != "i1" else (which if k else which ^ True)
        f.branch(test, yes, no)
        f.begin(yes)
        _branch(s, branch, operands, given, results, eqn.outvars)
        f.jump(end)
        f.begin(no)
    f.store(f.const("i32", 1), s.program.status)  # there is no such branch
    for slot in results:
        if isinstance(slot, Local):
            slot.set(f.const(slot.type, 0))
    f.jump(end)
    f.begin(end)
    for v, slot in zip(eqn.outvars, results, strict=True):
        if isinstance(slot, Local):
            s.bind(v, slot.get())


def _branch(s: Any, branch: Jaxpr, operands: Any, given: Any, results: Any, outvars: Any) -> None:
    child = _scope(s, branch)
    for v, x, place in zip(branch.invars, operands, given, strict=True):
        if isinstance(place, Value):
            place = convert(place, x.aval.dtype, v.aval.dtype)
        child.bind(v, place)
    for out, slot in zip(child.schedule.outs, results, strict=True):
        if not isinstance(slot, Local):
            child.destination[out] = Memory(slot)
    child.run()
    for raw, slot, v in zip(branch.outvars, results, outvars, strict=True):
        if isinstance(slot, Local):
            slot.set(_typed(child, raw, v))


# -- checkpoint ------------------------------------------------------------------------------------


def _checkpoint(s: Any, eqn: Any) -> None:
    """What is recomputed is a program like any other: its equations stand here."""
    jaxpr = simplify(eqn.params["jaxpr"])
    child = _scope(s, jaxpr)
    for v, x in zip(jaxpr.invars, eqn.invars, strict=True):
        _given(s, child, v, x)
    for v, out in zip(eqn.outvars, child.schedule.outs, strict=True):
        if not s.small(v):
            s.allocate(v)
            child.destination[out] = s.where[v]
    child.run()
    for v, raw in zip(eqn.outvars, jaxpr.outvars, strict=True):
        if s.small(v):
            s.bind(v, _typed(child, raw, v))


HANDLERS = {
    "scan": Handler(_scan, _refuses_scan), "while_loop": Handler(_while), "cond": Handler(_cond),
    "checkpoint": Handler(_checkpoint),
}  # fmt: skip
