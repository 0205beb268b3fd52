"""The laws of the house, as functions from a source folder to a list of violations.

Each violation is one line, `file:line: what is wrong`; an empty list means that the law holds.
The functions read source text only (by `ast`), so the tests can plant faults in a scratch folder.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# Who stands on whom. A module may import from its own layer and from the layers below it.
LAYERS = (
    {"tree", "tree_util", "errors", "config"},
    {"ir"},
    {"trace"},
    {"ops"},
    {"compiler", "backends"},
    {"transforms", "control"},
    {
        "numpy",
        "scipy",
        "lax",
        "nn",
        "compat",
        "random",
        "optimize",
        "testing",
        "display",
        "test_util",
        "flatten_util",
        "debug",
        "typing",
        "extending",
        "interop",
    },
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TOP = len(LAYERS)  # the package's own __init__ sees everything
# Programs that come with the package import its public names, as its users do.
RANK |= dict.fromkeys(("nist", "__main__"), TOP + 1)

# Imported where they are used, so that `import funcgrad` is quick and none is required by it.
HEAVY = {"scipy", "cupy", "cupyx", "matplotlib", "llvmlite", "mpi4py", "IPython"}


class Import(NamedTuple):
    """One import statement's target, as a dotted name, and where it stands."""

    path: Path
    line: int
    source: str
    target: str
    hidden: bool  # inside a function or a class


def modules(root: Path) -> dict[str, Path]:
    """Dotted module name -> file, for the package whose folder is `root`."""
    return {_dotted(path, root): path for path in sorted(root.rglob("*.py"))}


def _dotted(path: Path, root: Path) -> str:
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _statements(tree: ast.AST, hidden: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, hidden
        inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from _statements(child, hidden or inner)


def _targets(node: ast.stmt, source: str, is_package: bool, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:  # a relative import: climb from the package that holds the module
        parents = source.split(".") if is_package else source.split(".")[:-1]
        base = ".".join([*parents[: len(parents) - node.level + 1], *filter(None, [base])])
    for alias in node.names:  # `from package import module` is about the module
        full = f"{base}.{alias.name}"
        yield full if full in known else base


def imports(root: Path) -> list[Import]:
    """All imports of all modules below `root`."""
    found, known = [], modules(root)
    for source, path in known.items():
        for node, hidden in _statements(ast.parse(path.read_text())):
            for target in _targets(node, source, path.name == "__init__.py", set(known)):
                found.append(Import(path, node.lineno, source, target, hidden))
    return found


def _layer(module: str) -> str:
    return (module.split(".") + [""])[1]


def _rank(module: str) -> int | None:
    return RANK.get(_layer(module)) if _layer(module) else TOP


def _is_ours(name: str, root: Path) -> bool:
    return name.split(".")[0] == root.name


def layer_violations(root: Path) -> list[str]:
    """Imports that go up, and modules that no layer claims."""
    found = [
        f"{path}:1: '{name}' belongs to no layer; give it a place in LAYERS"
        for name, path in modules(root).items()
        if _rank(name) is None
    ]
    for each in imports(root):
        if not _is_ours(each.target, root):
            continue
        above, below = _rank(each.source), _rank(each.target)
        if above is not None and below is not None and below > above:
            found.append(f"{each.path}:{each.line}: {each.source} must not import {each.target}")
    return found


def hidden_violations(root: Path) -> list[str]:
    """Imports of our own modules inside functions: a dodged cycle, or a surprise for the reader."""
    return [
        f"{each.path}:{each.line}: import {each.target} at the top of the file"
        for each in imports(root)
        if each.hidden and _is_ours(each.target, root)
    ]


def heavy_violations(root: Path) -> list[str]:
    """Optional or slow packages imported when the module is, not when they are needed."""
    return [
        f"{each.path}:{each.line}: import {each.target} inside the function that needs it"
        for each in imports(root)
        if not each.hidden and each.target.split(".")[0] in HEAVY
    ]


def _executed(each: Import, root: str) -> set[str]:
    """The modules that run because of one import: its target and the packages around it."""
    parts = each.target.split(".")
    chain = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    around = {p for p in chain if (each.source + ".").startswith(p + ".")}
    return {each.target} | (chain - around - {root})


def cycle_violations(root: Path) -> list[str]:
    """Cycles of module-level imports, each written as a -> b -> a."""
    graph: dict[str, set[str]] = {name: set() for name in modules(root)}
    for each in imports(root):
        if not each.hidden and _is_ours(each.target, root):
            graph[each.source] |= _executed(each, root.name) & graph.keys()
    return [" -> ".join(cycle) for cycle in _cycles(graph)]


def _cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The back edges of a depth-first walk, each with the path that closes the cycle."""
    found, state = [], dict.fromkeys(graph, "new")

    def visit(node: str, path: list[str]) -> None:
        state[node] = "open"
        for target in sorted(graph[node]):
            if state[target] == "open":
                found.append([*path[path.index(target) :], target])
            elif state[target] == "new":
                visit(target, [*path, target])
        state[node] = "done"

    for node in sorted(graph):
        if state[node] == "new":
            visit(node, [node])
    return found


def length_violations(root: Path, file_lines: int = 450, function_lines: int = 50) -> list[str]:
    """Files and functions that do not fit: split them. Docstrings of functions are free."""
    found = []
    for path in modules(root).values():
        text = path.read_text()
        if (lines := len(text.splitlines())) > file_lines:
            found.append(f"{path}:1: {lines} lines, the limit is {file_lines}")
        for node in ast.walk(ast.parse(text)):
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            if is_function and (lines := _function_lines(node)) > function_lines:
                where = f"{path}:{node.lineno}: {node.name}"
                found.append(f"{where} has {lines} lines, the limit is {function_lines}")
    return found


def _function_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node) is None:
        return lines
    doc = node.body[0]
    return lines - ((doc.end_lineno or doc.lineno) - doc.lineno + 1)
