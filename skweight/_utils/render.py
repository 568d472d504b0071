"""How every report of the library is shown: as text, and as HTML in a notebook."""

from html import escape
from math import isfinite
from pathlib import Path
from typing import NamedTuple


class Table(NamedTuple):
    """A table as text: a caption (or an empty text), a header, and rows of cells."""

    caption: str
    header: list
    rows: list


def json_ready(value):
    """Return attributes of a report as JSON types: records become dicts, NaN None."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return {key: json_ready(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    # None replaces NaN and infinity: JSON has neither.
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
            "  ".join(f"{cell:>{wide}}" for cell, wide in zip(row, widths, strict=True))
            for row in cells
        ]
    return "\n".join(shown)


def as_html(title, lines, tables=(), items=()):
    """Return the report as one HTML element, with sentences as a list."""
    parts = [f"<strong>{escape(title)}</strong>", facts(lines)]
    parts += [table(*content) for content in tables]
    return in_notebook("".join(parts) + listing(items))


def in_notebook(body):
    """Return an HTML element with a style in the colours of the surrounding page.

    The element fits light and dark notebook themes: text and background have the
    colours of the page, and lines are a transparent grey.
    """
    return f"<div class='skweight'><style>{_TABLES}</style>{body}</div>"


def facts(lines):
    """Return pairs of a name and a sentence as a table."""
    if not lines:
        return ""
    rows = "".join(
        f"<tr><th class='text'>{escape(name)}</th>"
        f"<td class='text'>{escape(text)}</td></tr>"
        for name, text in lines
    )
    return f"<table><tbody>{rows}</tbody></table>"


def table(caption, header, rows):
    """Return a table. If it is wider than the page, it scrolls by itself."""
    caption = f"<caption>{escape(caption)}</caption>" if caption else ""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    # A narrow page would break a value from its error.
    body = body.replace(" ± ", "&nbsp;±&nbsp;")
    return (
        f"<div class='scroll'><table>{caption}<thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def listing(sentences, style=""):
    """Return sentences as an HTML list; an empty text if there are no sentences."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    style = f" class='{style}'" if style else ""
    return f"<ul{style}>{items}</ul>" if items else ""


def page(title, body, path=None):
    """Return a complete page in one file; write it if a path is given.

    The page follows the light or dark mode of the reader's system.
    """
    text = (
        "<!DOCTYPE html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{_TABLES}{_PAGE}</style></head>"
        f"<body class='skweight'><h1>{escape(title)}</h1>{body}</body></html>\n"
    )
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


_TABLES = """
.skweight table { border-collapse: collapse; margin: 0.6em 0; color: inherit;
  font-size: 0.9em; font-variant-numeric: tabular-nums; }
.skweight caption { text-align: left; font-style: italic; }
.skweight th, .skweight td { padding: 0.3em 0.7em; text-align: right;
  vertical-align: top; color: inherit; background: none;
  border: 0 solid rgba(128, 128, 128, 0.35); border-bottom-width: 1px; }
.skweight thead th { vertical-align: bottom; border-bottom-width: 2px; }
.skweight .scroll { max-width: 100%; overflow-x: auto; }
.skweight .scroll th:first-child, .skweight .scroll td:first-child,
.skweight th.text, .skweight td.text { text-align: left; }
.skweight th.text { white-space: nowrap; }
.skweight td.text { overflow-wrap: anywhere; }
"""

_PAGE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1a1a1a; --faint: #555;
  --accent: #0072b2; --alarm: #b00; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181d; --text: #e4e4e4;
  --faint: #a9a9a9; --accent: #56b4e9; --alarm: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--ground); margin: 2em auto; max-width: 62em; padding: 0 1em; }
h1 { font-size: 1.6em; margin-bottom: 0.2em; }
h2 { font-size: 1.2em; margin-top: 2em; }
.lead { font-size: 1.1em; }
.note { color: var(--faint); font-size: 0.9em; }
.alarm { border-left: 4px solid var(--alarm); padding-left: 0.8em; }
details { margin: 1em 0; } summary { cursor: pointer; } li { margin-bottom: 0.5em; }
.panels { display: grid; gap: 1.5em; margin: 1.5em 0; align-items: end;
  grid-template-columns: repeat(auto-fit, minmax(16em, 1fr)); }
figure { margin: 0; }
figcaption { font-weight: bold; font-size: 0.95em; margin-bottom: 0.3em; }
svg { display: block; width: 100%; max-width: 26em; height: auto; }
@media (max-width: 40em) { .skweight table { font-size: 0.8em; }
  .skweight th, .skweight td { padding: 0.25em 0.3em; }
  .skweight th.text { white-space: normal; } }
"""
