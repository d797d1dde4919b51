# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what one run in the VM left behind, and reduces it to figures.

A run is a folder: events ("MS TEXT" lines), latency records (due_ms,latency_us; -1 = never answered), mon.csv
(samples of cgroups), hog.log and daemon.log. All times are CLOCK_MONOTONIC of the guest.
"""

import csv
import json
import math
import re
import statistics
import subprocess
from pathlib import Path

LOST = -1
RELIEF = {"reclaim", "freeze", "kill"}  # of uwd's actions, those that relieve pressure at once
UNANSWERED_MARGIN_MS = 1000.0  # an open request is at least as old as the record's end, plus this


def read_text(path):
    try:
        return Path(path).read_text(errors="replace")
    except FileNotFoundError:
        return ""


def read_table(path):
    """Rows of a CSV file with a header, as dicts of floats; a torn last line is left out."""
    rows = []
    for row in csv.DictReader(read_text(path).splitlines()):
        try:
            rows.append({name: float(value) for name, value in row.items()})
        except (TypeError, ValueError):
            continue
    return rows


def read_samples(path):
    """A latency record as (due_ms, latency_us) pairs."""
    return [(row["due_ms"], row["latency_us"]) for row in read_table(path)]


def read_events(path):
    """The run's events as (ms, text), in order."""
    found = (re.match(r"(\d+) (.*)", line) for line in read_text(path).splitlines())
    return [(float(match[1]), match[2]) for match in found if match]


def event_ms(events, start):
    """When the first event that starts with `start` came; None when it never did."""
    return next((ms for ms, text in events if text.startswith(start)), None)


def percentile(values, share):
    """Nearest rank; NaN of nothing."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latencies_us(samples, from_ms, to_ms):
    """Latencies of what was due in a window. An unanswered request counts with its age: a lower bound."""
    if not samples:
        return []
    end_ms = samples[-1][0] + UNANSWERED_MARGIN_MS
    return [
        latency if latency != LOST else (end_ms - due) * 1000
        for due, latency in samples
        if from_ms <= due <= to_ms
    ]


def count_lost(samples, from_ms, to_ms):
    return sum(1 for due, latency in samples if from_ms <= due <= to_ms and latency == LOST)


def ratio(part, whole):
    if whole is None or part is None or not whole or math.isnan(part) or math.isnan(whole):
        return None
    return part / whole


def latency_ratios(samples, calm, episode):
    """p50, p99 and max of the episode over those of the calm window; windows are (from_ms, to_ms)."""
    before = latencies_us(samples, *calm)
    during = latencies_us(samples, *episode)
    shares = {"p50": 0.50, "p99": 0.99, "max": 1.0}
    figures = {f"{name}_ratio": ratio(percentile(during, share), percentile(before, share))
               for name, share in shares.items()}
    figures.update({f"calm_{name}_us": percentile(before, share) for name, share in shares.items()})
    figures["samples"] = len(during)
    figures["lost"] = count_lost(samples, *episode)
    return figures


def read_actions(text):
    """Lines of a daemon's log that carry act=..., as dicts of their key=value pairs."""
    pair = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
    actions = []
    for line in text.splitlines():
        fields = {key: value.strip('"') for key, value in pair.findall(line)}
        if "act" in fields:
            actions.append(fields)
    return actions


def median(values):
    """Of what is there: None where nothing is."""
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def median_of(runs, names):
    return {name: median([run.get(name) for run in runs]) for name in names}


def rounded(value, digits=4):
    """NaN becomes null, and floats lose the digits that no measurement here has."""
    if isinstance(value, dict):
        return {key: rounded(part, digits) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part, digits) for part in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, digits)
    return value


def current_commit():
    """Of the working tree, marked when it is not clean; 'unknown' without git."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(["git", "-C", here, "describe", "--always", "--dirty"],
                              capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def write_result(path, name, kernel, metrics, runs):
    result = {"name": name, "kernel": kernel, "commit": current_commit(),
              "metrics": rounded(metrics), "runs": rounded(runs)}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
