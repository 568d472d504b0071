"""Record which tests reach which mutation, while the whole suite runs once.

A copy of the package calls :func:`hit` at the start of every function that holds a
mutation. As a plugin of pytest, this module also records how long each test takes.
"""

import ast
import json
import os
from collections import defaultdict
from pathlib import Path

# The file to which every process of the run appends.
RECORD = "SKWEIGHT_MUTANTS_RECORD"
_written = set()


def _append(entry):
    with open(os.environ[RECORD], "a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


def hit(number):
    """Record that the running test reaches a mutation; a child process does so too."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    if RECORD in os.environ and (number, test) not in _written:
        _written.add((number, test))
        _append({"test": test, "reaches": number})


def pytest_runtest_logreport(report):
    """Record the seconds of each phase of a test."""
    _append({"test": report.nodeid, "seconds": report.duration})


def tests_by_mutation(path):
    """Return {number: tests that reach the mutation, the quickest first}."""
    seconds, reached = defaultdict(float), defaultdict(set)
    for line in Path(path).read_text("utf-8").splitlines():
        entry = json.loads(line)
        if "reaches" in entry:
            reached[entry["reaches"]].add(entry["test"])
        else:
            seconds[entry["test"]] += entry["seconds"]
    return {
        # What is reached at import has no test of its own.
        number: sorted(tests - {""}, key=lambda test: seconds[test])
        for number, tests in reached.items()
    }


def with_probes(text, numbers):
    """Return a Python file that records when a mutation is reached.

    Parameters
    ----------
    text : bytes
        The file.
    numbers : dict {int: int}
        The line of each mutation, by its number.
    """
    lines = text.splitlines(keepends=True)
    probes = defaultdict(list)
    for number, line in numbers.items():
        at = _first_statement(ast.parse(text), line)
        if at is not None:
            probes[at].append(number)
    for (line, indent), marks in sorted(probes.items(), reverse=True):
        calls = "; ".join(f"hit({number})" for number in sorted(marks))
        call = f"{' ' * indent}from mutants.probe import hit; {calls}\n"
        lines.insert(line - 1, call.encode())
    return b"".join(lines)


def _first_statement(tree, line):
    """Return line and indent of the first statement of the function around a line.

    None if there is no function around it, or if its body is on the line of its `def`.
    A signature belongs to what is around the function: a test may read it without a
    call.
    """
    functions = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and node.lineno < node.body[0].lineno <= line <= node.end_lineno
    ]
    if not functions:
        return None
    innermost = max(functions, key=lambda node: node.lineno)
    for statement in innermost.body:
        is_docstring = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )
        if not is_docstring:
            decorators = getattr(statement, "decorator_list", [])
            first = min([statement.lineno, *(d.lineno for d in decorators)])
            return first, statement.col_offset
    return None
