#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""analyze.py NAME RECORDS --kernel K --out FILE: reduces a bench's records to FILE (JSON) and prints a table."""

import argparse
import functools
import math
import statistics
import sys
from pathlib import Path

import cost
import jobs
import measure
import protect
import react
import rivals
import rivals_page
import sides
import table


def run_folders(records):
    return sorted(path for path in Path(records).iterdir() if path.is_dir())


def by_key(runs, key):
    """Runs in lists by one of their fields, in the order of first appearance."""
    groups = {}
    for run in runs:
        groups.setdefault(run[key], []).append(run)
    return groups


def reduce_protect(records):
    runs = []
    for folder in run_folders(records):
        runs.append({"system": folder.name.rsplit("-", 1)[0], **protect.measure_run(folder)})
    order = ["uwctl", "none", "earlyoom"]
    groups = by_key(sorted(runs, key=lambda run: (order + [run["system"]]).index(run["system"])), "system")
    return {name: protect.summarize(group) for name, group in groups.items()}, runs


def show_protect(metrics):
    header = ["system", "first action", "p50", "p99", "max", "redis swapped", "hog alive", "goes on", "actions"]
    return header, [
        [name, table.show_number(row["first_action_after_onset_s"], 2, " s"), table.show_ratio(row["p50_ratio"]),
         table.show_ratio(row["p99_ratio"]), table.show_ratio(row["max_ratio"]),
         table.show_bytes(row["protected_swapped_bytes"]), table.show_yes(row["hog_alive"]),
         table.show_yes(row["hog_resumed"]), table.show_number(row["action_count"], 0)]
        for name, row in metrics.items()
    ]


OVERHEAD_KEYS = ("default_ratio", "full_ratio", "map_default_more", "map_beside_more", "map_gated_more")


def reduce_overhead(records):
    runs = [cost.measure_overhead(folder) for folder in run_folders(records)]
    return {run["kernel"]: {key: run[key] for key in OVERHEAD_KEYS} for run in runs}, runs


def show_overhead(metrics):
    heads = ["kernel", "default", "every page traced", "mmap+munmap, no gate", "beside the gate", "in it"]
    return heads, [
        [kernel, *(table.show_number(row[key], 4) for key in OVERHEAD_KEYS[:2]),
         *(f"{row[key]:+d}" for key in OVERHEAD_KEYS[2:])]
        for kernel, row in metrics.items()
    ]


def reduce_daemon(records):
    runs = [run for folder in run_folders(records) for run in cost.measure_daemons(folder)]
    return cost.compare_daemons(runs), runs


def show_daemon(metrics):
    return ["daemon", "resident", "ticks/s at rest", "over earlyoom"], [
        [name, table.show_bytes(row["rss_bytes"], zero_is_good=False), table.show_number(row["idle_ticks_per_s"], 4),
         table.show_ratio(row["idle_over_earlyoom"])]
        for name, row in metrics.items()
    ]


def reduce_scale(records):
    runs = {folder.name: cost.measure_scale(folder) for folder in run_folders(records)}
    natives = [run for name, run in runs.items() if name.startswith("native")]
    return cost.compare_scale(runs["guest"], natives), [{"run": name, "leaves": run} for name, run in runs.items()]


def show_scale(metrics):
    return ["leaves in 5 components", "a tick", "over memory.stat", "natively", "half of them changing"], [
        [str(leaves), table.show_number(metrics["tick_us_by_leaves"][leaves], 0, " us"),
         table.show_number(ratio, 3), table.show_number(metrics["native_tick_us_by_leaves"][leaves], 0, " us"),
         table.show_number(metrics["native_moving_us_by_leaves"][leaves], 0, " us")]
        for leaves, ratio in metrics["tick_over_stat_ratio_by_leaves"].items()
    ]


def reduce_react(records):
    runs = []
    metrics = {}
    for folder in run_folders(records):
        trials = react.read_trials(folder)
        metrics[folder.name] = react.summarize(trials)
        runs += [{"kernel": folder.name, **trial} for trial in trials]
    return metrics, runs


def show_react(metrics):
    header = ["kernel", "crossing to stop", "stall to stop", "PSI trigger to stop", "events to stop", "overrun"]
    return header, [
        [kernel, *(table.show_number(row[name], 1, " ms") for name in
                   ("crossing_to_stop_ms", "stall_to_stop_ms", "psi_trigger_to_stop_ms", "events_to_stop_ms")),
         table.show_bytes(row["overrun_bytes"], zero_is_good=False)]
        for kernel, row in metrics.items()
    ]


def reduce_queue(records):
    """Medians: the loop's CPU with the state in memory, the rest, and the loop again, with it on the disk."""
    runs = [jobs.measure_queue(folder) for folder in run_folders(records)]
    times = ("submit_p99_us", "start_p99_us", "exit_p99_us", "insert_p99_us", "start_over_insert",
             "end_over_insert")

    def median(state, name):
        return statistics.median(run[name] for run in runs if run["state"] == state)

    metrics = {name: median("memory", name) for name in times}
    metrics |= {"disk_" + name: median("disk", name) for name in times}
    metrics |= {name: median("disk", name) for name in ("rss_bytes", "restart_s")}
    return metrics, runs


def show_queue(metrics):
    def times(prefix):
        return [*(table.show_number(metrics[prefix + name], 1, " us") for name in
                  ("submit_p99_us", "start_p99_us", "exit_p99_us", "insert_p99_us")),
                *(table.show_ratio(metrics[prefix + name]) for name in ("start_over_insert", "end_over_insert"))]

    return ["the loop's CPU", "submit p99", "start p99", "exit p99", "B-tree insert p99", "start over insert",
            "exit over insert", "resident", "restart"], [
        ["state in memory", *times(""), "", ""],
        ["state on the disk", *times("disk_"), table.show_bytes(metrics["rss_bytes"], zero_is_good=False),
         table.show_number(metrics["restart_s"], 2, " s")]
    ]


def reduce_lease(records):
    """A lease natively: the median of each figure."""
    runs = [jobs.measure_lease(folder) for folder in run_folders(records)]
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}, runs


def show_lease(metrics):
    """A machine of one processor has no figure of two."""
    def apart(name, show):
        return show(metrics[name]) if name in metrics else "-"

    rows = [
        ["a lease", table.show_ratio(metrics["round_trip"]), apart("round_trip_apart", table.show_ratio),
         table.show_number(metrics["grant_cpu_us"], 1, " us"),
         table.show_number(metrics["grant_cpu_p99_us"], 1, " us"), table.show_ratio(metrics["grant_cpu_over_echo"]),
         table.show_bytes(metrics["leases_bytes"], zero_is_good=False)],
        ["of 64 a packet", table.show_number(metrics["batched"], 3),
         apart("batched_apart", lambda value: table.show_number(value, 3)), *["-"] * 4],
        ["on credit", table.show_number(metrics["credit"], 4),
         apart("credit_apart", lambda value: table.show_number(value, 4)), *["-"] * 4],
    ]
    return ["lease", "over an echo", "on two processors", "uwd's CPU", "p99", "over the echo's", "10,000 of them"], rows


def reduce_jobs(records):
    runs = [jobs.measure_jobs(folder) for folder in run_folders(records)]
    wanted = ("two_jobs_over_serial", "backfilled", "killed", "lost", "doubled", "kills_with_running")
    return {run["kernel"]: {key: run[key] for key in wanted} for run in runs}, runs


def show_jobs(metrics):
    return ["kernel", "two over serial", "backfilled", "killed", "lost", "doubled", "kill -9 while jobs ran"], [
        [kernel, table.show_ratio(row["two_jobs_over_serial"]),
         *(table.show_number(row[name], 0) for name in
           ("backfilled", "killed", "lost", "doubled", "kills_with_running"))]
        for kernel, row in metrics.items()
    ]


def reduce_sides(name, records):
    return sides.reduce(name, run_folders(records))


def reduce_rivals(records):
    return rivals.reduce(run_folders(records))


def reduce_hostile(records):
    """The worst of the runs, but for a turn: the median of their longest, as others use the machine too."""
    runs = [jobs.measure_hostile(folder) for folder in run_folders(records) if (folder / "hostile.txt").exists()]
    metrics = {
        "turn_max_ms": statistics.median(run["turn_max_ms"] for run in runs),
        "rss_max_bytes": max(run["rss_max_bytes"] for run in runs),
        "queue_share_ok": all(run["queue_share_ok"] for run in runs),
        "quiet_max_ms": max(run["quiet_max_ms"] for run in runs),
        "calls": sum(run["calls"] for run in runs),
        "reaction_ratio": react.ratio_under_crowd(Path(records) / "react"),
    }
    return metrics, runs


def show_hostile(metrics):
    return ["under a crowd", "longest turn", "resident", "others get in", "in at the latest", "calls",
            "reaction"], [
        ["64 clients, 4 users", table.show_number(metrics["turn_max_ms"], 1, " ms"),
         table.show_bytes(metrics["rss_max_bytes"], zero_is_good=False), table.show_yes(metrics["queue_share_ok"]),
         table.show_number(metrics["quiet_max_ms"], 0, " ms"), table.show_number(metrics["calls"], 0),
         table.show_ratio(metrics["reaction_ratio"], good=1.5)]
    ]


def reduce_top(records):
    """Each figure's median, what uwd takes more than unwatched, and CPU time over that of htop in the same run."""
    runs = [jobs.read_values(folder / "top.txt") for folder in run_folders(records)]
    for run in runs:
        run["uwd_more_cpu_pct"] = run["uwd_cpu_pct"] - run["uwd_alone_cpu_pct"]
        both, htop = run["uwctl_cpu_pct"] + run["uwd_more_cpu_pct"], run["htop_cpu_pct"]
        run["cpu_over_htop"] = run["uwctl_cpu_pct"] / htop if htop else math.inf
        run["cpu_with_uwd_over_htop"] = both / htop if htop else math.inf
    return {name.removeprefix("uwctl_"): statistics.median(run[name] for run in runs) for name in runs[0]}, runs


def show_top(metrics):
    rows = [[words, table.show_number(metrics[prefix + "cpu_pct"], 2, " %"),
             table.show_bytes(metrics[prefix + "rss_bytes"], zero_is_good=False),
             table.show_number(metrics[prefix + "redraw_bytes"], 0, " B"), over]
            for prefix, words, over in (
                ("", "uwctl top", table.show_number(metrics["cpu_over_htop"], 2, "x")), ("htop_", "htop", "-"))]
    rows.insert(1, ["uwd, more than unwatched", table.show_number(metrics["uwd_more_cpu_pct"], 2, " %"), "-", "-",
                    table.show_number(metrics["cpu_with_uwd_over_htop"], 2, "x")])
    return ["each second, 80x24", "CPU", "resident", "a redraw", "CPU over htop"], rows


def reduce_pools(records):
    """What the programs printed, "NAME VALUE" a line, with the program's name in front but for "pools_"."""
    metrics = {}
    for path in sorted(Path(records).glob("pools_*.txt")):
        for line in path.read_text().splitlines():
            name, value = line.split()
            metrics[f"{path.stem.removeprefix('pools_')}_{name}"] = float(value)
    return metrics, []


def show_pools(metrics):
    return ["what", "figure"], [[name, table.show_number(value, 3)] for name, value in metrics.items()]


BENCHES = {
    "protect": (reduce_protect, show_protect),
    "overhead": (reduce_overhead, show_overhead),
    "daemon": (reduce_daemon, show_daemon),
    "scale": (reduce_scale, show_scale),
    "react": (reduce_react, show_react),
    "queue": (reduce_queue, show_queue),
    "jobs": (reduce_jobs, show_jobs),
    "pools": (reduce_pools, show_pools),
    "top": (reduce_top, show_top),
    **{name: (functools.partial(reduce_sides, name), functools.partial(sides.show, name)) for name in sides.SHOWN},
    "rivals": (reduce_rivals, rivals.show),
    "lease": (reduce_lease, show_lease),
    "hostile": (reduce_hostile, show_hostile),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=BENCHES)
    parser.add_argument("records")
    parser.add_argument("--kernel", default="6.12")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    reduce, show = BENCHES[options.name]
    metrics, runs = reduce(options.records)
    kernel = " ".join(metrics) if options.kernel == "all" else options.kernel
    measure.write_result(options.out, options.name, kernel, metrics, runs)
    header, rows = show(metrics)
    left = 1 + (options.name in sides.SHOWN or options.name == "rivals")
    print("\n".join(["", *table.render(header, rows, table.wants_colour(), left=left), ""]))
    print(f"  {options.out}")
    if options.name == "rivals":
        show_rest_of_rivals(options.out, metrics, runs)
    return 0


def show_rest_of_rivals(out, metrics, runs):
    remarks = rivals.remarks(metrics)
    page = Path(out).with_suffix(".html")
    page.write_text(rivals_page.page(metrics, runs, remarks, rivals.name_of), encoding="utf-8")
    print("\n".join(f"  {line}" for line in remarks))
    print(f"  charts: {page}")


if __name__ == "__main__":
    sys.exit(main())
