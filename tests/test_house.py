"""The house rules hold: style, types, layers, lengths, and a documented public surface."""

import importlib
import importlib.util
import inspect
import re
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

from tests import conftest, house

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "funcgrad"
FOLDERS = [ROOT / "funcgrad", ROOT / "benchmarks"]


def run_python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "tool",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=" ".join,
)
def test_tool(tool):
    done = run_python("-m", *tool)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "law",
    [
        house.layer_violations,
        house.hidden_violations,
        house.heavy_violations,
        house.cycle_violations,
    ],
)
def test_imports(law):
    assert house.modules(PACKAGE), "no modules found: the check would pass by looking nowhere"
    assert law(PACKAGE) == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_lengths(folder):
    assert house.modules(folder), "no modules found: the check would pass by looking nowhere"
    assert house.length_violations(folder) == []


def test_import_is_light():
    code = f"import sys, funcgrad; print(*sorted({house.HEAVY!r} & sys.modules.keys()))"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def public_names() -> list[str]:
    return list(importlib.import_module("funcgrad").__all__)


def undocumented(names: list[str], namespace: object) -> list[str]:
    """The names without a docstring; functions and classes also need an example in theirs."""
    missing = []
    for name in names:
        value = getattr(namespace, name)
        doc = inspect.getdoc(value) or ""
        needs_example = inspect.isclass(value) or inspect.isroutine(value)
        if (needs_example and ">>>" not in doc) or (inspect.ismodule(value) and not doc):
            missing.append(name)
    return missing


def test_public_names_have_examples():
    names = public_names()
    assert names and len(names) == len(set(names))
    assert undocumented(names, importlib.import_module("funcgrad")) == []


def test_types_are_shipped():
    assert (PACKAGE / "py.typed").exists()


# ---- the checker itself is checked: each planted fault is caught, clean code is not ----


def plant(folder: Path, **files: str) -> Path:
    """A scratch package `funcgrad`; `ops__sin="…"` becomes funcgrad/ops/sin.py."""
    root = folder / "funcgrad"
    for name, text in {"__init__": "", **files}.items():
        path = root.joinpath(*name.split("__")) if name != "__init__" else root / name
        path = path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        if path.parent != root and not (path.parent / "__init__.py").exists():
            (path.parent / "__init__.py").write_text("")
    return root


CLEAN = {
    "tree": "",
    "trace__tracer": "from funcgrad import tree",
    "ops__sin": "import numpy as np\nfrom funcgrad.trace.tracer import np\n",
    "compiler__plan": "from funcgrad.ops import sin\n\ndef f():\n    import scipy\n",
    "transforms__jvp": "import funcgrad.compiler.plan\nfrom funcgrad.control import scan",
    "control__scan": "",
}

PLANTED = [
    (house.layer_violations, {"ops__sin": "from funcgrad.backends import llvm"}),
    (house.layer_violations, {"ops__sin": "import funcgrad.compiler"}),
    (house.layer_violations, {"trace__tracer": "from funcgrad.ops import sin"}),
    (house.layer_violations, {"trace__tracer": "from funcgrad import ops"}),
    (house.layer_violations, {"tree": "from funcgrad import jit"}),
    (house.layer_violations, {"ir__jaxpr": "from ..transforms import jvp"}),
    (house.layer_violations, {"backends__numpy": "def f():\n    import funcgrad.transforms.jvp"}),
    (house.layer_violations, {"surprise": ""}),
    (house.hidden_violations, {"compiler__plan": "def f():\n    from funcgrad import tree"}),
    (house.heavy_violations, {"ops__sin": "from scipy import special"}),
    (house.heavy_violations, {"ops__sin": "try:\n    import cupy\nexcept ImportError: pass"}),
    (house.cycle_violations, {"control__scan": "from funcgrad.transforms import jvp"}),
    (house.cycle_violations, {"control__scan": "from .scan import me"}),
    (house.length_violations, {"tree": "x = 1\n" * 451}),
    (house.length_violations, {"tree": "def f():\n" + "    x = 1\n" * 50}),
]


@pytest.mark.parametrize("law", sorted({law for law, _ in PLANTED}, key=lambda law: law.__name__))
def test_clean_code_passes(law, tmp_path):
    assert law(plant(tmp_path, **CLEAN)) == []


@pytest.mark.parametrize("law, fault", PLANTED)
def test_planted_fault_is_caught(law, fault, tmp_path):
    assert law(plant(tmp_path, **(CLEAN | fault)))


def test_lengths_do_not_count_docstrings(tmp_path):
    doc = '    """\n' + "    text\n" * 60 + '    """\n'
    root = plant(tmp_path, tree="def f():\n" + doc + "    return 1\n")
    assert house.length_violations(root) == []


def test_gpu_tests_say_why_they_are_skipped(monkeypatch):
    probe = conftest.why_no_gpu.__wrapped__  # without its cache
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "CuPy is not installed" in probe()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(is_available=lambda: False))
    assert "finds none" in probe()
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(is_available=lambda: True))
    assert probe() is None
    monkeypatch.setitem(
        sys.modules, "cupy", types.SimpleNamespace()
    )  # as if its driver were broken
    assert "does not work" in probe()


@pytest.mark.parametrize("job", ["main job", "tests"])
def test_readme_has_the_commands_of_the_gate(job):
    readme = (ROOT / "README.md").read_text()
    assert re.search(f"<!-- gate: {job} -->\n```sh\n.+\n```", readme)
    assert f'run_readme "{job}"' in (ROOT / ".ci" / "run").read_text()


def test_missing_examples_are_caught():
    class Shelf:
        """A class without an example."""

    class Box:
        """A class with one.

        >>> Box()
        """

    namespace = type("Namespace", (), {"Shelf": Shelf, "Box": Box, "house": house})
    assert undocumented(["Shelf", "Box", "house"], namespace) == ["Shelf"]
