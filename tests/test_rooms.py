"""Imports point downwards only: no two rooms of the library import each other."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import skweight

PACKAGE = Path(skweight.__file__).parent


def imported_rooms(tree):
    """Return the rooms that a module imports while it is itself imported."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "skweight":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("skweight."):
            yield node.module.split(".")[1]


def imports():
    """Return which rooms (files and folders of the package) each room imports."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room != "__init__":
            tree = ast.parse(path.read_text("utf-8"))
            found.setdefault(room, set()).update(imported_rooms(tree))
            found[room].discard(room)
    return found


def test_no_two_rooms_import_each_other():
    order = list(TopologicalSorter(imports()).static_order())  # raises on a cycle
    assert order.index("decision") < order.index("metrics")


def test_the_list_of_rooms_is_in_the_order_of_the_imports():
    table = (PACKAGE.parent / "docs/contributing.md").read_text("utf-8")
    rows = re.findall(r"^\| (`[^|]+`) \|", table, flags=re.MULTILINE)
    floor = {
        room: row
        for row, names in enumerate(rows)
        for room in re.findall(r"`(\w+)(?:\.py|/)`", names)
    }
    assert {"classifier", "metrics", "weighting", "decision"} <= set(floor)
    upwards = [
        f"{room} -> {other}"
        for room, others in imports().items()
        for other in others
        if room in floor and floor.get(other, len(rows)) < floor[room]
    ]
    assert upwards == []
