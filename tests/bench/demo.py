#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""demo.py RECORDS --out FILE: what a leak did to each component, without and with uwctl; a table and FILE (JSON).

RECORDS holds the folders none and uwctl, each the records of one boot of tests/bench/demo.sh.
"""

import argparse
import re
import sys
from pathlib import Path

import measure
import table

WORKLOADS = {
    "trading_data": "order book, Hawkes feed",
    "cache": "redis, GET",
    "database": "sqlite, transfers",
    "ml_models": "svm-train, rounds",
}
TOLD = measure.RELIEF | {"thaw"}
SYSTEMS = {"none": "without uwctl", "uwctl": "with uwctl"}


def windows(events):
    """The calm and the leak's window, in ms."""
    calm = measure.event_ms(events, "phase calm")
    leak = measure.event_ms(events, "phase leak")
    end = measure.event_ms(events, "leak end")
    if None in (calm, leak, end):
        raise ValueError("the run is incomplete: see its events")
    return (calm, leak), (leak, end)


def measure_component(folder, name, samples, calm, leak):
    figures = measure.latency_ratios(measure.read_samples(folder / f"{name}.csv"), calm, leak)
    during = [row for row in samples if leak[0] <= row["at_ms"] <= leak[1]]
    figures["swapped_bytes"] = max((row[f"{name}.swap_kb"] for row in during), default=0) * 1024
    return figures


def killed_programs(folder):
    """Names from the kernel's "Killed process N (NAME)" lines."""
    return re.findall(r"Killed process \d+ \(([^)]*)\)", measure.read_text(folder / "oom.log"))


def leak_fate(events, samples, leak):
    grown_kb = max((row["grown_kb"] for row in samples), default=0)
    exit_ms = measure.event_ms(events, "leak exit")
    return {
        "alive": exit_ms is None,
        "grown_bytes": grown_kb * 1024,
        "frozen": bool(samples) and any(row["leak.frozen"] > 0 for row in samples),
        "lived_s": ((exit_ms or leak[1]) - leak[0]) / 1000,
    }


def actions_of(folder, leak):
    found = measure.read_actions(measure.read_text(folder / "daemon.log"))
    return [dict(action, after_s=(float(action["at_us"]) / 1000 - leak[0]) / 1000)
            for action in found if "at_us" in action and float(action["at_us"]) / 1000 >= leak[0]]


def measure_run(folder):
    events = measure.read_events(folder / "events")
    samples = measure.read_table(folder / "mon.csv")
    calm, leak = windows(events)
    components = {name: measure_component(folder, name, samples, calm, leak) for name in WORKLOADS}
    return {
        "components": components,
        "killed": killed_programs(folder),
        "lost_rounds": components["ml_models"]["lost"],
        "leak": leak_fate(events, samples, leak),
        "actions": actions_of(folder, leak),
    }


def component_row(name, runs):
    row = [name, table.Cell(WORKLOADS[name], "dim")]
    for system in SYSTEMS:
        figures = runs[system]["components"][name]
        row += [table.show_ratio(figures["p50_ratio"]), table.show_ratio(figures["p99_ratio"]),
                table.show_bytes(figures["swapped_bytes"])]
    return row


def killed_text(run):
    return ", ".join(run["killed"]) or "nothing"


def lost_text(run):
    lost = []
    if not run["leak"]["alive"]:
        lost.append(f"{run['leak']['lived_s']:.0f} s of the leaking job")
    if run["lost_rounds"]:
        lost.append(f"{run['lost_rounds']} rounds of training")
    return ", ".join(lost) or "nothing"


def leak_text(run):
    fate = run["leak"]
    megabytes = f"{fate['grown_bytes'] / (1 << 20):.0f} MB"
    if not fate["alive"]:
        return f"grew to {megabytes}, was killed after {fate['lived_s']:.0f} s"
    return f"held at {megabytes}, alive" + (", frozen" if fate["frozen"] else "")


def fate_lines(runs, colour):
    header = ["", *SYSTEMS.values()]
    rows = []
    for title, text in (("killed", killed_text), ("work lost", lost_text), ("the leak", leak_text)):
        cells = [text(runs[system]) for system in SYSTEMS]
        moods = [None if title == "the leak" else "good" if cell == "nothing" else "bad" for cell in cells]
        rows.append([title, *(table.Cell(cell, mood) for cell, mood in zip(cells, moods))])
    return table.render(header, rows, colour, left=len(header))


def action_lines(run):
    """What uwd said about the first action of each kind, and how many followed."""
    by_kind = {}
    for action in run["actions"]:
        if action["act"] in TOLD:
            by_kind.setdefault(action["act"], []).append(action)
    lines = []
    for kind, actions in sorted(by_kind.items(), key=lambda item: item[1][0]["after_s"]):
        first = actions[0]
        target = "/".join(filter(None, (first.get("component"), first.get("leaf"))))
        more = f" (and {len(actions) - 1} more)" if len(actions) > 1 else ""
        lines.append(f"    +{first['after_s']:4.1f} s  {kind:<7}  {target}: {first.get('why', '')}{more}")
    return lines


def picture(runs, colour):
    header = ["component", "workload"] + ["p50", "p99", "swapped"] * len(SYSTEMS)
    groups = [("", 2)] + [(title, 3) for title in SYSTEMS.values()]
    rows = [component_row(name, runs) for name in WORKLOADS]
    lines = ["", "  A leak in ml_models: each component's latency over its own calm baseline", ""]
    lines += table.render(header, rows, colour, groups, left=2)
    lines += [""] + fate_lines(runs, colour)
    told = action_lines(runs["uwctl"])
    if told:
        lines += ["", "  what uwd did, after the leak began"] + told
    return lines + [""]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records")
    parser.add_argument("--kernel", default="6.12")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    runs = {}
    for system in SYSTEMS:
        folder = Path(options.records) / system
        if folder.is_dir():
            runs[system] = measure_run(folder)
    missing = [system for system in SYSTEMS if system not in runs]
    if missing:
        print(f"demo: no records of {', '.join(missing)} in {options.records}", file=sys.stderr)
        return 1
    measure.write_result(options.out, "demo", options.kernel, runs, [])
    print("\n".join(picture(runs, table.wants_colour())))
    print(f"  {options.out}")
    page = Path(options.records) / "uwctl" / "incident.html"
    if page.is_file():
        print(f"  {page}: the same told by uwctl report")
    return 0


if __name__ == "__main__":
    sys.exit(main())
