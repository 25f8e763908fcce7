"""The house's floors hold: a room imports only from below, and nothing goes in circles."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "eigen_graph"
FLOORS = ["core", "domains models", "checkers agents", "runs", "graphs", "evaluation", "rl", "report", "cli"]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms.split()}
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    """Modules of ours that a file imports, for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("eigen_graph"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("eigen_graph")}
    known = {name_of(file) for file in FILES}
    return found & known


def room_of(module: str) -> str:
    """The room a module is in; the package's `__main__` is the command line's door."""
    parts = module.split(".")
    room = parts[1] if len(parts) > 1 else ""
    return "cli" if room == "__main__" else room


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_only_from_below(path: Path) -> None:
    room = room_of(name_of(path))
    for module in imports_of(path):
        other = room_of(module)
        if other and room and other != room:
            assert LEVEL[other] < LEVEL[room], f"{name_of(path)} imports {module}, which is not below it"


def test_no_import_circle() -> None:
    graph = {}
    for path in FILES:
        name = name_of(path)
        # A package's own __init__ runs before its modules by Python's rules; that is no circle of ours.
        graph[name] = {module for module in imports_of(path) if not name.startswith(f"{module}.") and module != name}
    TopologicalSorter(graph).prepare()


def test_no_file_is_long() -> None:
    long = {name_of(path): lines for path in FILES if (lines := len(path.read_text().splitlines())) > 350}
    assert not long


def test_importing_needs_no_torch() -> None:
    code = "import sys, eigen_graph.graphs, eigen_graph.cli; print('torch' in sys.modules, 'trl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
