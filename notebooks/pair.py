"""Writes the notebooks: each percent file ``name.py`` becomes ``name.ipynb``, without outputs.

    python notebooks/pair.py            # write the .ipynb files
    python notebooks/pair.py --check    # write nothing; exit code 1 where a pair is out of step

The ``.py`` file is the source: it is what one edits, reads in a diff and runs as a script. A cell
begins at a line ``# %%`` (code) or ``# %% [markdown]`` (text, each line behind ``# ``). This is
jupytext's percent format, so jupytext can open the ``.py`` files as notebooks too.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """The notebooks in percent format, in the order of their names."""
    return [path for path in sorted(FOLDER.glob("*.py")) if path.name != Path(__file__).name]


def cells(text: str) -> Iterator[tuple[str, list[str]]]:
    """("code" or "markdown", lines) for each cell of a percent file."""
    kind, lines = "", []
    for line in text.splitlines():
        if line.startswith("# %%"):
            if kind:
                yield kind, trimmed(lines)
            kind, lines = ("markdown" if "[markdown]" in line else "code"), []
        else:
            lines.append(line.removeprefix("#").removeprefix(" ") if kind == "markdown" else line)
    yield kind, trimmed(lines)


def trimmed(lines: list[str]) -> list[str]:
    """The lines without empty ones at either end."""
    return "\n".join(lines).strip("\n").split("\n")


def notebook(text: str) -> str:
    """The percent file as the text of an .ipynb file."""
    found = []
    for number, (kind, lines) in enumerate(cells(text)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
        cell["source"] = [line + "\n" for line in lines[:-1]] + lines[-1:]
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        found.append(dict(sorted(cell.items())))
    book = {"cells": found, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def stale() -> list[Path]:
    """The percent files whose notebook is missing or says something else."""
    return [
        path
        for path in sources()
        if not path.with_suffix(".ipynb").exists()
        or path.with_suffix(".ipynb").read_text("utf-8") != notebook(path.read_text("utf-8"))
    ]


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    found = stale()
    for path in found:
        print(f"{path.stem}.ipynb {'is out of step with' if check else 'written from'} {path.name}")
        if not check:
            path.with_suffix(".ipynb").write_text(notebook(path.read_text("utf-8")), "utf-8")
    return int(check and bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
