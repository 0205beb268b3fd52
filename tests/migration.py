"""The tables of docs/migration.md, made of tests/data/migration.tsv.

``python -m tests.migration`` writes them.
"""

import csv
import importlib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "migration.md"
DATA = ROOT / "tests" / "data" / "migration.tsv"
HEADING = "## Names\n"
PEERS = {"jax": "JAX", "autograd": "autograd", "torch": "PyTorch"}


class Row(NamedTuple):
    """A peer's name, where it is here ("" for nowhere), and what to know."""

    peer: str
    name: str
    here: str
    note: str

    @property
    def same(self) -> bool:
        """Whether only the package's name changes, and nothing is to be said."""
        prefix = {"jax": "funcgrad.", "autograd": "funcgrad.compat.autograd."}.get(self.peer, "?")
        return self.here == prefix + self.name and not self.note


def rows() -> list[Row]:
    with DATA.open(newline="", encoding="utf-8") as file:
        lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Row(**line) for line in lines]


def resolved(path: str) -> object:
    """The object of this dotted name; raises AttributeError where there is none."""
    parts = path.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise AttributeError(path)


def tables() -> str:
    """Names that stay as they are in a list, the others in a table, per peer."""
    lines = []
    for peer, title in PEERS.items():
        of_peer = [row for row in rows() if row.peer == peer]
        same = [f"`{row.name}`" for row in of_peer if row.same]
        lines.append(f"\n### {title}\n")
        if same:
            home = "funcgrad" if peer == "jax" else "funcgrad.compat.autograd"
            lines.append(f"Under the same name in `{home}`: {', '.join(same)}.\n")
        lines += [f"| {title} | here | |", "|---|---|---|"]
        lines += [
            f"| `{row.name}` | {f'`{row.here}`' if row.here else ''} | {row.note} |"
            for row in of_peer
            if not row.same
        ]
    return "\n".join(lines) + "\n"


def written() -> str:
    """The page with its tables as they should be."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("\n\n", text.index(HEADING) + len(HEADING) + 1)
    return text[: start + 1] + tables()


if __name__ == "__main__":
    PAGE.write_text(written(), encoding="utf-8")
