"""How every report of the library is shown: as text, and as HTML in a notebook."""

from html import escape
from math import isfinite
from typing import NamedTuple


class Table(NamedTuple):
    """A table of text: a caption (may be empty), a header, and rows of cells."""

    caption: str
    header: list
    rows: list


def json_ready(value):
    """Return a report's attributes as what JSON knows: records as dicts, no NaN."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: json_ready(one) for key, one in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_ready(one) for one in value]
    # None where there is no number, also an infinite one: JSON has neither.
    return None if isinstance(value, float) and not isfinite(value) else value


def as_text(title, lines, tables):
    """Return a title, pairs of a name and a sentence, and tables, as plain text."""
    widest = max((len(name) for name, _ in lines), default=0)
    shown = [title, *(f"{name:<{widest}}  {text}" for name, text in lines)]
    for table in tables:
        cells = [table.header, *table.rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        shown += ["", *([table.caption] if table.caption else [])]
        shown += [
            "  ".join(f"{one:>{wide}}" for one, wide in zip(row, widths, strict=True))
            for row in cells
        ]
    return "\n".join(shown)


def as_html(title, lines, tables):
    """Return the same as one HTML element."""
    facts = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th>"
        f"<td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in lines
    )
    parts = [f"<strong>{escape(title)}</strong><table>{facts}</table>"]
    for table in tables:
        caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in table.rows
        )
        parts.append(
            f"<table>{caption}<thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )
    return f"<div>{''.join(parts)}</div>"
