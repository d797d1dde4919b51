# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-react: from a crossing or a stall to the hog no longer growing, by who stopped it."""

import csv

import measure

# Each way's start: the instant at which its condition became true.
START_OF = {"crossing": "crossing_us", "stall": "stall_us", "psi": "stall_us", "events": "crossing_us",
            "hostile": "crossing_us"}
NAME_OF = {"crossing": "crossing_to_stop_ms", "stall": "stall_to_stop_ms", "psi": "psi_trigger_to_stop_ms",
           "events": "events_to_stop_ms", "hostile": "hostile_to_stop_ms"}


def read_trials(folder):
    trials = []
    for row in csv.DictReader(measure.read_text(folder / "react.csv").splitlines()):
        start_us = int(row[START_OF[row["way"]]])
        stop_us = int(row["stop_us"])
        trials.append({
            "way": row["way"],
            "to_stop_ms": (stop_us - start_us) / 1000 if start_us else None,
            "overrun_bytes": int(row["overrun_bytes"]) if int(row["crossing_us"]) else None,
            "frozen": row["frozen"] == "1",
        })
    return trials


def summarize(trials):
    """Medians by way. A trial whose condition never came true, or that nobody stopped, is counted as void."""
    valid = [trial for trial in trials if trial["to_stop_ms"] is not None and trial["frozen"]]
    metrics = {}
    for way, name in NAME_OF.items():
        of_way = [trial for trial in valid if trial["way"] == way]
        metrics[name] = measure.median([trial["to_stop_ms"] for trial in of_way])
        metrics[f"{way}_trials"] = len(of_way)
    metrics["overrun_bytes"] = measure.median(
        [trial["overrun_bytes"] for trial in valid if trial["way"] == "crossing"])
    metrics["void_trials"] = len(trials) - len(valid)
    return metrics


def ratio_under_crowd(folder):
    """The reaction with the crowd at the control socket over that without it, in one boot. None: not measured."""
    if not (folder / "react.csv").exists():
        return None
    metrics = summarize(read_trials(folder))
    calm, crowded = metrics["crossing_to_stop_ms"], metrics["hostile_to_stop_ms"]
    return crowded / calm if calm and crowded else None
