# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of bench-sched: a table and charts of it, in one file that fetches nothing."""

import html
import math

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 40
COLOURS = {"fcfs": "#9aa0a6", "easy": "#d9822b", "easy-learned": "#7b5ea7", "uw": "#1a73e8", "oracle": "#2e8b57"}

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 980px; padding: 0 1em; color: #202124; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
td, th { padding: 2px 10px; text-align: right; white-space: nowrap; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
tr.first td { border-top: 1px solid #dadce0; }
tr.uw { font-weight: 600; }
.charts { display: flex; flex-wrap: wrap; gap: 1em; }
figure { margin: 0; }
figcaption { font-weight: 600; }
.wide { overflow-x: auto; }
svg text { font: 11px system-ui, sans-serif; fill: #5f6368; }
.key span { display: inline-block; margin-right: 1.2em; }
.key i { display: inline-block; width: 1.6em; height: 3px; vertical-align: middle; margin-right: .4em; }
"""


def decades(low, high):
    """Powers of ten around both, at least one decade apart; what is 0 counts as the least there is."""
    first = math.floor(math.log10(low))
    last = math.ceil(math.log10(high))
    return first, max(last, first + 1)


def short(value):
    """1,200 as 1.2k."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


class Scale:
    """A chart's place for each x of a list, and for each y by its logarithm."""

    def __init__(self, xs, values):
        positive = [value for value in values if value > 0] or [1]
        self.xs = xs
        self.least = min(positive)
        self.first, self.last = decades(min(positive), max(positive))

    def x(self, x):
        step = (WIDTH - LEFT - RIGHT) / max(len(self.xs), 1)
        return LEFT + step * (self.xs.index(x) + 0.5)

    def y(self, value):
        share = (math.log10(max(value, self.least)) - self.first) / (self.last - self.first)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def axes(scale, x_label):
    parts = []
    for power in range(scale.first, scale.last + 1):
        y = scale.y(10.0 ** power) if 10.0 ** power >= scale.least else HEIGHT - BOTTOM
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e8eaed"/>'
                     f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{short(10.0 ** power)}</text>')
    for x in scale.xs:
        parts.append(f'<text x="{scale.x(x):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">'
                 f'{html.escape(x_label)}</text>')
    return parts


def line(scale, points, policy):
    """A line through (x, mean, worst) points; from the mean to the worst seed stands a whisker."""
    colour = COLOURS[policy]
    width = 3 if policy == "uw" else 1.5
    path = " ".join(f"{scale.x(x):.1f},{scale.y(mean):.1f}" for x, mean, _ in points)
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>']
    for x, mean, worst in points:
        title = html.escape(f"{policy} at {x:g}: {mean:,.4g}, worst seed {worst:,.4g}")
        parts.append(f'<line x1="{scale.x(x):.1f}" x2="{scale.x(x):.1f}" y1="{scale.y(mean):.1f}" '
                     f'y2="{scale.y(worst):.1f}" stroke="{colour}"/>'
                     f'<circle cx="{scale.x(x):.1f}" cy="{scale.y(mean):.1f}" r="3.5" fill="{colour}">'
                     f'<title>{title}</title></circle>')
    return parts


def chart(caption, lines, x_label):
    """lines: policy to its (x, mean, worst) points."""
    xs = sorted({x for points in lines.values() for x, _, _ in points})
    scale = Scale(xs, [value for points in lines.values() for point in points for value in point[1:]])
    parts = axes(scale, x_label)
    for policy, points in lines.items():
        parts += line(scale, sorted(points), policy)
    return (f'<figure><figcaption>{html.escape(caption)}</figcaption>'
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">'
            f'{"".join(parts)}</svg></figure>')


def lines_of(metrics, loads, trace, mean, worst):
    lines = {}
    for name, policies in metrics.items():
        if loads[name][0] != trace:
            continue
        for policy, figures in policies.items():
            lines.setdefault(policy, []).append((loads[name][1], figures[mean], figures[worst]))
    return lines


CHARTS = [("mean wait, s", "wait_s", "worst_seed_wait_s"), ("mean bounded slowdown", "bsld", "worst_seed_bsld"),
          ("longest wait, s", "wait_max_s", "wait_max_s"), ("waste, GiB h", "waste_gbh", "waste_gbh")]


def charts(metrics, loads):
    parts = []
    for trace in dict.fromkeys(loads[name][0] for name in metrics):
        parts.append(f"<h2>{html.escape(trace)}</h2><div class=charts>")
        for title, mean, worst in CHARTS:
            parts.append(chart(title, lines_of(metrics, loads, trace, mean, worst),
                               "submit times stretched (less is more load)"))
        parts.append("</div>")
    return "".join(parts)


COLUMNS = [("mean wait", "wait_s", "{:,.0f} s"), ("worst seed", "worst_seed_wait_s", "{:,.0f} s"),
           ("slowdown", "bsld", "{:,.2f}"), ("worst seed", "worst_seed_bsld", "{:,.2f}"),
           ("p95", "bsld_p95", "{:,.1f}"), ("longest", "wait_max_s", "{:,.0f} s"), ("failed", "failed_pct", "{:.2f} %"),
           ("inversions", "inversions", "{:,.0f}"), ("waste", "waste_gbh", "{:,.0f} GiB h"),
           ("sizing alone", "sizing_waste_gbh", "{:,.0f} GB h"), ("failed", "sizing_failed_pct", "{:.2f} %"),
           ("critical", "wait_critical_s", "{:,.0f} s"), ("deferred", "wait_deferred_s", "{:,.0f} s")]


def figures_table(metrics):
    rows = []
    for name, policies in metrics.items():
        for i, (policy, figures) in enumerate(policies.items()):
            cells = "".join(f"<td>{form.format(figures[key])}</td>" for _, key, form in COLUMNS)
            classes = f'{"first " if not i else ""}{policy}'
            rows.append(f'<tr class="{classes}"><td>{html.escape(name) if not i else ""}</td>'
                        f'<td>{html.escape(policy)}</td>{cells}</tr>')
    head = "".join(f"<th>{title}</th>" for title, _, _ in COLUMNS)
    return f'<div class=wide><table><tr><th>workload</th><th>policy</th>{head}</tr>{"".join(rows)}</table></div>'


def key():
    return "<p class=key>" + "".join(f'<span><i style="background:{colour}"></i>{policy}</span>'
                                     for policy, colour in COLOURS.items()) + "</p>"


def page(metrics, loads):
    return (f"<!doctype html><html lang=en><meta charset=utf-8><title>bench-sched</title><style>{STYLE}</style>"
            "<h1>The scheduler on recorded workloads</h1>"
            "<p>Each point is the mean over the seeds; the stroke from it ends at the worst seed. Scales are "
            "logarithmic. The oracle knows every peak and run time before.</p>"
            f"{key()}{charts(metrics, loads)}<h2>All figures</h2>{figures_table(metrics)}</html>\n")
