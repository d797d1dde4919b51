# SPDX-License-Identifier: GPL-2.0-or-later
"""A table for a terminal: aligned columns, rules, colour only where a person sees it (NO_COLOR is honoured)."""

import os
import sys

COLOURS = {"good": "32", "fair": "33", "bad": "31", "dim": "2", "bold": "1", None: ""}


def wants_colour(stream=None):
    stream = stream or sys.stdout
    return "NO_COLOR" not in os.environ and stream.isatty()


class Cell:
    """Text with a mood, which becomes a colour."""

    def __init__(self, text, mood=None):
        self.text = str(text)
        self.mood = mood

    def painted(self, width, right, colour):
        padded = self.text.rjust(width) if right else self.text.ljust(width)
        if not colour or not self.mood:
            return padded
        return f"\033[{COLOURS[self.mood]}m{padded}\033[0m"


def as_cell(value):
    return value if isinstance(value, Cell) else Cell(value)


def render(header, rows, colour=False, groups=None, left=1):
    """The lines of a table. The first `left` columns are text, the others figures.

    `groups` are (title, columns) pairs that stand over the header; None in `rows` draws a rule.
    """
    cells = [[as_cell(value) for value in row] for row in rows if row is not None]
    widths = [max([len(title)] + [len(row[i].text) for row in cells]) for i, title in enumerate(header)]
    if groups:
        widen_for_groups(widths, groups)
    rule = "  " + "─" * (sum(widths) + 3 * (len(widths) - 1))
    lines = []
    if groups:
        lines.append(group_line(widths, groups, colour))
    lines.append(row_line([Cell(title, "dim") for title in header], widths, colour, left))
    lines.append(rule)
    remaining = iter(cells)
    for row in rows:
        lines.append(rule if row is None else row_line(next(remaining), widths, colour, left))
    return lines


def row_line(cells, widths, colour, left):
    parts = [cell.painted(width, i >= left, colour) for i, (cell, width) in enumerate(zip(cells, widths))]
    return ("  " + "   ".join(parts)).rstrip()


def span_width(widths, first, columns):
    return sum(widths[first:first + columns]) + 3 * (columns - 1)


def widen_for_groups(widths, groups):
    first = 0
    for title, columns in groups:
        short = len(title) - span_width(widths, first, columns)
        widths[first + columns - 1] += max(0, short)
        first += columns


def group_line(widths, groups, colour):
    parts = []
    first = 0
    for title, columns in groups:
        width = span_width(widths, first, columns)
        parts.append(Cell(title.center(width), "bold").painted(width, False, colour))
        first += columns
    return ("  " + "   ".join(parts)).rstrip()


def show_ratio(value, good=3, bad=10):
    """A latency ratio as a person says it: 1.3x, 48x, 3484x."""
    if value is None:
        return Cell("-", "dim")
    mood = "good" if value <= good else "fair" if value <= bad else "bad"
    return Cell(f"{value:.1f}x" if value < 9.95 else f"{value:.0f}x", mood)


def show_bytes(value, zero_is_good=True):
    if value is None:
        return Cell("-", "dim")
    if value < 1 << 20:
        text = f"{value / 1024:.0f} kB" if value else "0"
    else:
        text = f"{value / (1 << 20):.0f} MB" if value >= 10 << 20 else f"{value / (1 << 20):.1f} MB"
    mood = None if not zero_is_good else "good" if value == 0 else "bad"
    return Cell(text, mood)


def show_yes(value):
    return Cell("yes", "good") if value else Cell("no", "bad")


def show_number(value, digits=2, unit=""):
    return Cell("-", "dim") if value is None else Cell(f"{value:.{digits}f}{unit}")
