"""Planted faults in the native backend, in the style of tests/mutants.py.

Each names the programs of test_mutants_native.py that should notice. None of them reads or writes
outside of an array by more than a vector, or loops without end: they run in this process.
"""

from tests.mutants import Mutant

LLVM = "funcgrad.backends.llvm."

NESTS = "funcgrad.compiler.nests:"
MUTANTS = [
    # reductions
    Mutant(NESTS + "identity", "-math.inf if least else math.inf", "0.0", ("extremes",)),
    Mutant(NESTS + "identity", "return 1", "return 0", ("products",)),
    Mutant(LLVM + "reduce:folded", "half + k < n else k", "half + k < n - 1 else k", ("sums",)),
    Mutant(LLVM + "reduce:_Extreme.add", "parts[1::2]", "parts[::2]", ("a NaN",)),
    Mutant(LLVM + "reduce:_Extreme.total", "met.select(nan, best)", "best", ("a NaN",)),
    # the end of an axis that is no multiple of a vector
    Mutant(
        LLVM + "nest:NestWriter._rest", "start - back)", "start - back - 1)", ("elements",),
    ),
    Mutant(LLVM + "nest:NestWriter._flat", "if n % w:", "if n % w > 1:", ("elements",)),
    Mutant(LLVM + "nest:NestWriter._reduced", "if self.skip:", "if False:", ("sums",)),
    # where things lie
    Mutant(LLVM + "places:copy_strided", "i * s, type", "i * t, type", ("copies",)),
    Mutant(LLVM + "lanes:load_lanes", "range(n - 1, -1, -1)", "range(n)", ("backwards",)),
    Mutant(LLVM + "product:Product._terms", "axis.b, wide", "1, wide", ("repeated",)),
    Mutant(LLVM + "contraction:planned", "c // run)", "c // run // 2)", ("runs",)),
    Mutant(LLVM + "product:Product._column", "j & (run - 1)", "j & run", ("runs",)),
    Mutant(LLVM + "product:Product._written", "self._at(at, k, step)", "self._at(at, k, 1)",
           ("short runs",)),
    Mutant(
        LLVM + "gather:checked", "index + extent, index)", "index + (extent - 1), index)",
        ("gathers",),
    ),
    # control flow
    Mutant(
        LLVM + "loops:_cond", "which if k else which ^ True", "which ^ True if k else which",
        ("branches",),
    ),
    Mutant(LLVM + "loops:Carry.advance", "self.turns.set(self.next)", "pass", ("carries",)),
    Mutant(LLVM + "scope:Scope.chain", "self.last.get(root) == k and", "", ("in_place",)),
    # several steps at once
    Mutant(LLVM + "waves:_reach", "return far + max(", "return 0 * max(", ("rows nearby",)),
    Mutant(LLVM + "waves:Waves.__init__", "-(-self.reach // self.block)",
           "self.reach // self.block", ("rows nearby",)),
    Mutant(LLVM + "waves:_access", "first -= writer.width", "pass", ("last vectors",)),
    # products in a row
    Mutant(
        LLVM + "dots:goes_on", "written.isdisjoint(root(v) for v in step.invars[-2:])", "True",
        ("reads a result",),
    ),
    Mutant(LLVM + "dots:goes_on", "root(v) in read", "False", ("reads what is written over",)),
    Mutant(
        LLVM + "dots:_crossed", "return True", "return False", ("turned round", "one further")
    ),
    Mutant(LLVM + "scope:Scope.begun_as", "self.settle()", "pass", ("begins as a copy",)),
    # numbers
    Mutant(
        LLVM + "quotient:_by_steps", "q.is_nan().select(first, q)", "q", ("quotients",),
    ),
    Mutant(LLVM + "elements:_truncated", "found ^ -half", "found", ("unsigned",)),
    Mutant(
        LLVM + "maths.common:with_sign", 'x.f.intrinsic("copysign", x, sign)', "x", ("signs",)
    ),
    Mutant(LLVM + "maths.trigonometric:kernel_sin", "z * r", "-z * r", ("maths",)),
    Mutant(LLVM + "elements:_floored", "(r ^ xs[1]).lt(0)", "r.lt(0)", ("integers",)),
]  # fmt: skip
