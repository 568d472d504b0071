"""Small mistakes, one line each, that somebody could make in the package.

A mutation exchanges one comparison, operator, number, truth value, pair of neighbouring
arguments or return value. All of them are found in the syntax tree, so that docstrings,
comments and annotations are left alone.
"""

import ast
import random
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[2] / "skweight"

COMPARISONS = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "*",
    ast.Pow: "*",
    ast.MatMult: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
}


class Mutation(NamedTuple):
    """One edit of one line."""

    file: str  # below the package
    line: int
    start: int  # in bytes of the line, as the syntax tree counts
    end: int
    new: str
    kind: str


def mutations(path):
    """Return every mutation of a file, in the order of its text."""
    lines = path.read_bytes().splitlines()
    name = path.relative_to(PACKAGE).as_posix()
    collected = []

    def add(kind, line, start, end, new):
        # An edit that spans lines is not one that somebody reads in one line.
        collected.append(Mutation(name, line, start, end, new, kind))

    def between(left, right):
        """Return the text between two nodes of one line, or None."""
        if left.end_lineno != right.lineno:
            return None
        return lines[left.end_lineno - 1][left.end_col_offset : right.col_offset]

    def exchange(kind, left, right, new):
        text = between(left, right)
        if text is None:
            return
        sign = text.strip(b"() ")
        at = left.end_col_offset + text.index(sign)
        add(kind, left.end_lineno, at, at + len(sign), new)

    def visit(node):
        if isinstance(node, ast.Compare):
            operands = [node.left, *node.comparators]
            for i, operator in enumerate(node.ops):
                new = COMPARISONS[type(operator)]
                exchange("comparison", operands[i], operands[i + 1], new)
        elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
            exchange("arithmetic", node.left, node.right, OPERATORS[type(node.op)])
        elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
            new = OPERATORS[type(node.op)] + "="
            exchange("arithmetic", node.target, node.value, new)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
            value = node.value
            new = str(not value) if isinstance(value, bool) else repr(value + 1)
            add("constant", node.lineno, node.col_offset, node.end_col_offset, new)
        elif isinstance(node, ast.Call):
            for first, second in zip(node.args, node.args[1:], strict=False):
                text = between(first, second)
                starred = isinstance(first, ast.Starred) or isinstance(
                    second, ast.Starred
                )
                whole = first.lineno == second.end_lineno
                if text is not None and whole and not starred:
                    line = lines[first.lineno - 1]
                    ahead = line[first.col_offset : first.end_col_offset]
                    behind = line[second.col_offset : second.end_col_offset]
                    if ahead != behind:
                        new = (behind + text + ahead).decode()
                        start, end = first.col_offset, second.end_col_offset
                        add("arguments", first.lineno, start, end, new)
        elif isinstance(node, ast.Return) and node.value is not None:
            value = node.value
            is_none = isinstance(value, ast.Constant) and value.value is None
            if value.lineno == value.end_lineno and not is_none:
                start, end = value.col_offset, value.end_col_offset
                add("return", value.lineno, start, end, "None")

    for node in _without_annotations(ast.parse(path.read_bytes())):
        visit(node)
    return collected


def _without_annotations(tree):
    """Yield the nodes of a tree, those in annotations left out."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from _without_annotations(node)


def is_another_program(edit):
    """Return whether the text with an edit is Python, and says something else."""
    before = (PACKAGE / edit.file).read_bytes()
    try:
        after = ast.parse(edited(before, edit))
    except SyntaxError:
        return False
    return ast.dump(after) != ast.dump(ast.parse(before))


def edited(text, edit):
    """Return the bytes of a file with one edit made."""
    lines = text.splitlines(keepends=True)
    line = lines[edit.line - 1]
    lines[edit.line - 1] = line[: edit.start] + edit.new.encode() + line[edit.end :]
    return b"".join(lines)


def drawn(seed=0):
    """Yield all mutations of the package in the order of one seeded draw."""
    files = sorted(PACKAGE.rglob("*.py"))
    every = [edit for path in files for edit in mutations(path)]
    random.Random(seed).shuffle(every)
    yield from every
