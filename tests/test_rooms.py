"""Imports point downwards only: no two rooms of the library import each other."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import skweight

PACKAGE = Path(skweight.__file__).parent


def modules():
    """Return the path of every module of the package, by its dotted name."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if path.name != "__init__.py"
    }


@cache
def nodes_of(path):
    """Return all nodes of a file, read and parsed once for all tests."""
    return list(ast.walk(ast.parse(path.read_text("utf-8"))))


def imported_by(path, names):
    """Return what a file imports of the package, imports inside functions included.

    What a folder exports counts as the folder: who imports `skweight.weighting` may
    import any file of it.
    """
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            head, _, rest = target.partition(".")
            if head != "skweight" or not rest:
                continue
            parent = rest.rpartition(".")[0]
            yield rest if rest in names or not parent else parent


@cache
def imports():
    """Return which rooms (files and folders of the package) each room imports."""
    names = modules()
    graph = {}
    for name, path in names.items():
        room = name.partition(".")[0]
        others = {other.partition(".")[0] for other in imported_by(path, names)}
        graph.setdefault(room, set()).update(others - {room})
    return graph


def test_no_two_rooms_import_each_other():
    order = list(TopologicalSorter(imports()).static_order())  # raises on a cycle
    assert order.index("decision") < order.index("metrics")


def test_no_two_files_of_a_room_import_each_other():
    names = modules()
    graph = {
        name: {
            other
            for other in imported_by(path, names)
            if other.partition(".")[0] == name.partition(".")[0]
        }
        for name, path in names.items()
    }
    TopologicalSorter(graph).prepare()  # raises on a cycle


def test_an_import_inside_a_function_is_seen(tmp_path):
    path = tmp_path / "file.py"
    path.write_text(
        "def later():\n    from skweight.weighting._base import BaseWeighting\n"
        "    import skweight.metrics\n    from skweight import weights\n"
    )
    actual = set(imported_by(path, {"weighting._base"}))
    assert actual == {"weighting._base", "metrics", "weights"}


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


# Names that do not say what they hold.
VAGUE = {"one", "found", "own", "told", "seen", "given", "asked"}


def vague_names(path):
    """Return the vague names that a file binds, loops and comprehensions counted."""
    for node in nodes_of(path):
        binds = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        if binds and node.id in VAGUE:
            yield f"{path.name}:{node.lineno}: {node.id}"


def test_local_names_say_what_they_hold(tmp_path):
    vague = [name for path in modules().values() for name in vague_names(path)]
    assert len(vague) <= 40, vague
    path = tmp_path / "file.py"
    path.write_text("for one in rows:\n    total = [own for own in one]\n")
    assert len(list(vague_names(path))) == 2


def test_files_stay_readable_in_one_sitting():
    lines = {
        name: len(path.read_text().splitlines()) for name, path in modules().items()
    }
    assert {name: n for name, n in lines.items() if n > 600} == {}


def long_bodies(nodes):
    """Return the functions of a file whose body, docstring apart, has over 60 lines."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body and node.end_lineno - body[0].lineno >= 60:
                yield node.name


def test_bodies_of_functions_fit_on_a_screen():
    files = [nodes_of(path) for path in modules().values()]
    assert [name for nodes in files for name in long_bodies(nodes)] == []
    assert list(long_bodies(ast.parse("def f():\n" + "    x\n" * 61).body)) == ["f"]
    assert not list(long_bodies(ast.parse("def f():\n" + "    x\n" * 60).body))
