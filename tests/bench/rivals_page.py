# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of bench-rivals: charts by load and system and a table of them, in one file that fetches nothing."""

import html
import math

from sched_page import STYLE, decades, short

COLOURS = {"uwctl": "#1a73e8", "nothing": "#202124", "memory.low": "#9aa0a6", "static high/max": "#8d6e63",
           "earlyoom": "#d9822b", "nohang": "#c5221f", "psi-notify": "#f2b600", "oomd": "#2e8b57",
           "oomd's senpai": "#00a3a3", "systemd-oomd": "#7b5ea7"}
WIDTH, HEIGHT = 940, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 30
TIME_WIDTH, TIME_HEIGHT = 460, 220

# A figure, its title, what one of it is divided by, and whether its scale is logarithmic: from which value on then.
CHARTS = (
    ("p99_ratio", "p99 of the slower service, over its calm", 1, 0.5),
    ("max_ratio", "its slowest request, over its calm", 1, 0.5),
    ("protected_stall_s", "stall of the services, s", 1, 0.001),
    ("protected_swapped_bytes", "swapped of the services, MB", 1 << 20, None),
    ("first_action_after_onset_s", "first action after a service first stalled, s (none where it never did)", 1, None),
    ("hog_completion_ratio", "time of the load's work, over alone (at the top: never)", 1, None),
)


class Axis:
    """A chart's heights: by logarithm from `least` up, or from the least to the greatest value with 0 in between."""

    def __init__(self, values, least, top, bottom):
        self.log = least is not None
        self.least, self.top, self.bottom = least, top, bottom
        if self.log:
            self.low, self.high = decades(least, max([*values, least * 10]))
            self.low = math.log10(least)
        else:
            self.low, self.high = min([*values, 0]), max([*values, 0])
            self.high += (self.high - self.low) * 0.06 or 1

    def y(self, value):
        place = math.log10(max(value, self.least)) if self.log else value
        return self.bottom - (place - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def marks(self):
        if self.log:
            return [10.0 ** power for power in range(math.ceil(self.low), self.high + 1)]
        step = 10.0 ** math.floor(math.log10(self.high - self.low))
        step *= next(times for times in (0.2, 0.5, 1, 2) if (self.high - self.low) / (step * times) <= 6)
        return [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]

    def lines(self, left, right):
        parts = []
        for mark in self.marks():
            y = self.y(mark)
            parts.append(f'<line x1="{left}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" '
                         f'stroke="{"#9aa0a6" if mark == 0 else "#e8eaed"}"/>'
                         f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{number(mark)}</text>')
        return parts


def number(value):
    return f"-{short(-value)}" if value < 0 else short(value) if value else "0"


def figure(caption, width, height, parts):
    return (f'<figure><figcaption>{html.escape(caption)}</figcaption><svg viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img">{"".join(parts)}</svg></figure>')


def dot(x, y, colour, title, hollow):
    fill = "#fff" if hollow else colour
    return (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}" stroke-width="2">'
            f'<title>{html.escape(title)}</title></circle>')


def is_told(row, name):
    return row[name] is not None and (name != "first_action_after_onset_s" or row["onset_of"] == "protected")


def by_load(metrics, name, title, unit, least):
    """A column for each load, in it a dot for each system. Hollow ones stand for work that never ended."""
    never = name == "hog_completion_ratio"
    values = {(load, system): row[name] / unit for load, systems in metrics.items()
              for system, row in systems.items() if is_told(row, name)}
    if not values:
        return ""
    axis = Axis(values.values(), least, TOP, HEIGHT - BOTTOM)
    parts = axis.lines(LEFT, WIDTH - RIGHT)
    column = (WIDTH - LEFT - RIGHT) / len(metrics)
    for i, (load, systems) in enumerate(metrics.items()):
        middle = LEFT + column * (i + 0.5)
        parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">{html.escape(load)}</text>')
        for j, system in enumerate(each for each in COLOURS if each in systems):
            value = values.get((load, system))
            x = middle + ((j + 0.5) / len(systems) - 0.5) * column * 0.8
            if value is not None:
                parts.append(dot(x, axis.y(value), COLOURS[system], f"{load}, {system}: {value:,.3g}", False))
            elif never:
                parts.append(dot(x, TOP, COLOURS[system], f"{load}, {system}: never", True))
    return figure(title, WIDTH, HEIGHT, parts)


def slowest(run):
    """Of both services, by second."""
    columns = list(run["slowest_ms_by_second"].values())
    seconds = max(len(column) for column in columns)
    padded = [column + [None] * (seconds - len(column)) for column in columns]
    return [max((value for value in row if value is not None), default=None) for row in zip(*padded)]


def over_time(load, runs, names):
    """The slowest request of each second after the load began; a system's line ends with its episode."""
    lines = {names(run["system"]): slowest(run) for run in runs if run["load"] == load}
    values = [value for line in lines.values() for value in line if value]
    if not values:
        return ""
    axis = Axis(values, 0.1, TOP, TIME_HEIGHT - BOTTOM)
    seconds = max(len(line) for line in lines.values())
    step = (TIME_WIDTH - LEFT - RIGHT) / max(seconds - 1, 1)
    parts = axis.lines(LEFT, TIME_WIDTH - RIGHT)
    for second in range(0, seconds, 10):
        parts.append(f'<text x="{LEFT + step * second:.1f}" y="{TIME_HEIGHT - 10}" text-anchor="middle">'
                     f'{second}{" s" if not second else ""}</text>')
    for system in sorted(lines, key=lambda name: name == "uwctl"):
        points = " ".join(f"{LEFT + step * second:.1f},{axis.y(value):.1f}"
                          for second, value in enumerate(lines[system]) if value is not None)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[system]}" '
                     f'stroke-width="{3 if system == "uwctl" else 1.5}"><title>{html.escape(system)}</title></polyline>')
    return figure(f"{load}: the slowest request of each second, ms", TIME_WIDTH, TIME_HEIGHT, parts)


def ratio(value):
    return "-" if value is None else f"{value:,.1f}x"


def completion(row):
    value = row["hog_completion_ratio"]
    return f"{value:.2f}x" if value is not None else "unfinished" if row["hog_unfinished"] else "never"


def action(row):
    return seconds(row["first_action_after_onset_s"]) if row["onset_of"] == "protected" else "no stall"


def seconds(value):
    return "-" if value is None else f"{value:.2f} s"


COLUMNS = (
    ("first action", action),
    ("p50", lambda row: ratio(row["p50_ratio"])), ("p99", lambda row: ratio(row["p99_ratio"])),
    ("slowest", lambda row: ratio(row["max_ratio"])),
    ("swapped", lambda row: f"{row['protected_swapped_bytes'] / (1 << 20):.0f} MB"),
    ("stall", lambda row: seconds(row["protected_stall_s"])), ("killed", lambda row: str(row["killed"])),
    ("work lost", lambda row: f"{row['work_lost_s']:.1f} s"), ("the load", completion),
    ("resident", lambda row: f"{row['rss_bytes'] / (1 << 20):.1f} MB"),
    ("CPU in calm", lambda row: f"{row['calm_cpu_ms_per_s']:.1f} ms/s"),
)


def figures_table(metrics):
    rows = []
    for load, systems in metrics.items():
        for i, (system, row) in enumerate(systems.items()):
            classes = f'{"first " if not i else ""}{"uw" if system == "uwctl" else ""}'
            cells = "".join(f"<td>{html.escape(cell(row))}</td>" for _, cell in COLUMNS)
            rows.append(f'<tr class="{classes}"><td>{load if not i else ""}</td>'
                        f'<td>{html.escape(system)}</td>{cells}</tr>')
    head = "".join(f"<th>{title}</th>" for title, _ in COLUMNS)
    return f'<div class=wide><table><tr><th>load</th><th>system</th>{head}</tr>{"".join(rows)}</table></div>'


def key(metrics):
    present = {system for systems in metrics.values() for system in systems}
    return "<p class=key>" + "".join(f'<span><i style="background:{colour}"></i>{html.escape(system)}</span>'
                                     for system, colour in COLOURS.items() if system in present) + "</p>"


def page(metrics, runs, remarks, names):
    charts = "".join(by_load(metrics, *chart) for chart in CHARTS)
    times = "".join(over_time(load, runs, names) for load in metrics)
    said = "".join(f"<li>{html.escape(line)}</li>" for line in remarks)
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>bench-rivals</title><style>{STYLE}</style>"
            "<h1>Two services beside a load, by the system between them</h1>"
            "<p>A redis and a SQLite bank are probed in calm, then beside a load that does not fit into memory and "
            "swap with them; then they go, and the load may end its work. One run each.</p>"
            f"{key(metrics)}<div class=charts>{charts}</div><h2>Over time</h2>{key(metrics)}"
            f"<div class=charts>{times}</div><h2>All figures</h2>{figures_table(metrics)}"
            f"<h2>Who does better, and what is missed</h2><ul>{said}</ul></html>\n")
