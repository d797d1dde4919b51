# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-overhead and bench-daemon: what sensing costs a page fault, and what a daemon costs at rest."""

import csv

import measure

TICK_NS = 10_000_000  # a tick of 100 Hz; the guest's clock counts instructions, one a ns


def read_rounds(path):
    """Ticks of the time-stamp counter a fault, one round a line."""
    return [float(line) for line in measure.read_text(path).split()]


def median_ticks(folder, modes, prefix=""):
    """Medians over the rounds: a round may hold a timer tick or a wakeup that is not what is measured."""
    costs = {}
    for mode in modes:
        rounds = read_rounds(folder / f"{prefix}{mode}.txt")
        if not rounds:
            raise ValueError(f"{folder}: no rounds of mode {prefix}{mode}")
        costs[mode] = measure.median(rounds)
    return costs


def measure_overhead(folder):
    costs = median_ticks(folder, ("none", "default", "full"))
    maps = median_ticks(folder, ("none", "default", "beside", "gated"), "map-")
    return {
        "kernel": folder.name,
        "ticks_per_fault": costs,
        "default_ratio": costs["default"] / costs["none"],
        "full_ratio": costs["full"] / costs["none"],
        "ticks_per_map": maps,
        "map_default_more": round(maps["default"] - maps["none"]),
        "map_beside_more": round(maps["beside"] - maps["none"]),
        "map_gated_more": round(maps["gated"] - maps["none"]),
    }


def measure_daemons(folder):
    runs = []
    for row in csv.DictReader(measure.read_text(folder / "daemons.csv").splitlines()):
        seconds = float(row["rest_ms"]) / 1000
        runs.append({
            "daemon": row["name"],
            "rss_bytes": int(row["rss_kb"]) * 1024,
            "idle_ticks_per_s": float(row["cpu_ns"]) / TICK_NS / seconds,
            "rest_s": seconds,
        })
    if not runs:
        raise ValueError(f"{folder}: no daemon was measured")
    return sorted(runs, key=lambda run: run["daemon"] != "uwd")


def compare_daemons(runs):
    """By daemon; CPU also as a ratio to earlyoom's of the same run, None where that was not measured."""
    peer = next((run["idle_ticks_per_s"] for run in runs if run["daemon"] == "earlyoom"), None)
    return {
        run["daemon"]: {
            "rss_bytes": run["rss_bytes"],
            "idle_ticks_per_s": run["idle_ticks_per_s"],
            "idle_over_earlyoom": run["idle_ticks_per_s"] / peer if peer else None,
        }
        for run in runs
    }
