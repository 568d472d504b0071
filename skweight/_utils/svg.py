"""Small pictures inside a page, drawn without matplotlib.

Lines and letters have the colour of the surrounding text, so one picture fits light and
dark pages. Filled shapes have the colour ``--accent``.
"""

from html import escape
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

# Units of the drawing; a page scales it.
_WIDTH, _MARGIN, _LINE = 300, 14, 34
_ACCENT = "var(--accent, #0072b2)"


class Dot(NamedTuple):
    """A value with its interval; an end that is infinite or NaN is not drawn."""

    name: str
    value: float
    low: float
    high: float
    is_filled: bool


def intervals(title, dots, reference):
    """Return a picture of dots with intervals; each dot has a row with a name.

    A dashed line is drawn at ``reference``, if the number ``reference`` is finite.
    """
    ends = [end for dot in dots for end in (dot.value, dot.low, dot.high)]
    ticks = _ticks([end for end in [*ends, reference] if isfinite(end)])
    place = _scale(ticks, _MARGIN, _WIDTH - _MARGIN)
    bottom = 6 + _LINE * len(dots)
    parts = []
    if isfinite(reference):
        parts.append(_line(place(reference), 0, place(reference), bottom, dashed=True))
    for position, dot in enumerate(dots):
        top = 12 + _LINE * position
        middle = top + 13
        if not isfinite(dot.value):
            word = "failed" if dot.value != dot.value else "infinite"
            parts.append(_text(0, top, f"{dot.name}: {word}"))
            continue
        parts.append(_text(0, top, dot.name))
        if isfinite(dot.low) and isfinite(dot.high):
            parts.append(_line(place(dot.low), middle, place(dot.high), middle, 2))
        fill = _ACCENT if dot.is_filled else "var(--ground, white)"
        parts.append(_circle(place(dot.value), middle, fill))
    parts.append(_line(_MARGIN, bottom, _WIDTH - _MARGIN, bottom))
    for tick in ticks:
        parts.append(_line(place(tick), bottom, place(tick), bottom + 4))
        parts.append(_text(place(tick), bottom + 16, f"{tick:g}", anchor="middle"))
    return _picture(title, _WIDTH, bottom + 22, parts)


def reliability(title, points):
    """Return a picture of frequencies against probabilities, both in [0, 1].

    ``points`` are tuples of a probability, a frequency, and the ends of the interval of
    the frequency. On the dashed line, frequency and probability are equal.
    """
    left, top, side = 34, 8, 240
    across, up = _scale([0, 1], left, left + side), _scale([0, 1], top + side, top)
    parts = [
        _line(across(0), up(0), across(1), up(0)),
        _line(across(0), up(0), across(0), up(1)),
        _line(across(0), up(0), across(1), up(1), dashed=True),
    ]
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(_line(across(tick), up(0), across(tick), up(0) + 4))
        parts.append(_text(across(tick), up(0) + 16, f"{tick:g}", "middle"))
        parts.append(_line(across(0) - 4, up(tick), across(0), up(tick)))
        parts.append(_text(across(0) - 7, up(tick) + 4, f"{tick:g}", "end"))
    for probability, frequency, low, high in points:
        x = across(probability)
        parts.append(_line(x, up(low), x, up(high), 2))
        parts.append(_circle(x, up(frequency), _ACCENT))
    middle = left + side / 2
    parts.append(_text(middle, up(0) + 32, "predicted probability", "middle"))
    return _picture(title, _WIDTH, top + side + 38, parts)


def _ticks(values):
    """Return three to six round numbers that span the values."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        low, high = low - (abs(low) or 1) / 10, high + (abs(high) or 1) / 10
    unit = 10.0 ** floor(log10((high - low) / 2))
    step = next(
        unit * factor
        for factor in (1, 2, 5, 10)
        if ceil(high / (unit * factor)) - floor(low / (unit * factor)) <= 5
    )
    return [n * step for n in range(floor(low / step), ceil(high / step) + 1)]


def _scale(ticks, start, end):
    """Return a function that maps a value to a position on an axis with two ends."""
    per_unit = (end - start) / (ticks[-1] - ticks[0])
    return lambda value: start + per_unit * (value - ticks[0])


def _text(x, y, text, anchor="start"):
    # Letters have an outline in the background colour, so that they are readable on
    # lines.
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='11' text-anchor='{anchor}' "
        "stroke-width='4' fill='currentColor' "
        "style='paint-order: stroke; stroke: var(--ground, white)'>"
        f"{escape(text)}</text>"
    )


def _line(x1, y1, x2, y2, width=1, dashed=False):
    dashes = " stroke-dasharray='4 3' opacity='0.6'" if dashed else ""
    return (
        f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' "
        f"stroke='currentColor' stroke-width='{width}'{dashes}/>"
    )


def _circle(x, y, fill):
    return (
        f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4.5' stroke='currentColor' "
        f"style='fill: {fill}'/>"
    )


def _picture(title, width, height, parts):
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>"
        f"<svg role='img' aria-label='{escape(title)}' "
        f"viewBox='0 0 {width} {height}'>{''.join(parts)}</svg></figure>"
    )
