# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-overhead, bench-daemon and bench-scale: what sensing costs a page fault, what a daemon costs at rest, and
what a tick costs by the number of leaves."""

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


def measure_scale(folder):
    """By the number of leaves, which stands behind each name."""
    rows = {}
    for line in measure.read_text(folder / "scale.txt").splitlines():
        name, value = line.split()
        name, leaves = name.rsplit("_", 1)
        rows.setdefault(int(leaves), {})[name] = float(value)
    return rows


SCALE_LEAVES = 1000  # of which the ratio is told


def compare_scale(guest, natives):
    """By leaves the medians of what was measured natively, and the guest's tick over its memory.stat. Growth is what a
    leaf beyond the thousandth costs over one before: 1 is linear."""
    counts = sorted(guest)
    ticks = {count: guest[count]["tick_us"] for count in counts}
    first, last = counts[0], counts[-1]

    def a_leaf(few, many):
        return (ticks[many] - ticks[few]) / (many - few)

    def native(name):
        return {count: measure.median([run[count][name] for run in natives]) for count in counts}

    ratios = {count: ticks[count] / guest[count]["stat_us"] for count in counts}
    return {
        "tick_over_stat_ratio": ratios[SCALE_LEAVES],
        "growth_ratio": a_leaf(SCALE_LEAVES, last) / a_leaf(first, SCALE_LEAVES),
        "five_components_us": native("tick_us")[first],
        "tick_over_stat_ratio_by_leaves": ratios,
        "tick_us_by_leaves": ticks,
        "native_tick_us_by_leaves": native("tick_us"),
        "native_moving_us_by_leaves": native("moving_us"),
    }
