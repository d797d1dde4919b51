# SPDX-License-Identifier: GPL-2.0-or-later
"""What the benches of the queue left behind: files of "NAME VALUE" lines."""


def read_values(path):
    """Each name's value, and the sum of one that stands there more than once."""
    values = {}
    for line in path.read_text().splitlines():
        name, value = line.split()
        values[name] = values.get(name, 0) + float(value)
    return values


def measure_queue(folder):
    values = read_values(folder / "queue.txt")
    return {
        "state": folder.name.split("-")[0],
        "jobs": int(values["jobs"]),
        "submit_p99_us": values["submit_p99_us"],
        "start_p99_us": values["start_p99_us"],
        "exit_p99_us": values["exit_p99_us"],
        "insert_p99_us": values["insert_p99_us"],
        "start_over_insert": values["start_over_insert"],
        "end_over_insert": values["end_over_insert"],
        "rss_bytes": int(values["rss_bytes"]),
        "restart_s": values["restart_s"],
    }


def measure_jobs(folder):
    values = read_values(folder / "jobs.txt")
    return {
        "kernel": folder.name,
        "two_jobs_over_serial": values["queued_ms"] / values["serial_ms"],
        "killed": int(values["killed"]),
        "lost": int(values["small_lost"] + values["steps_lost"]),
        "doubled": int(values["small_doubled"] + values["steps_doubled"]),
        "backfilled": int(values["backfilled"]),
        "kills": int(values["kills"]),
        "kills_with_running": int(values["kills_with_running"]),
        "small_ms": int(values["small_ms"]),
    }


def measure_lease(folder):
    return read_values(folder / "lease.txt")


def measure_hostile(folder):
    values = read_values(folder / "hostile.txt")
    return {
        "turn_max_ms": values["turn_max_ms"],
        "turn_max_wall_ms": values["turn_max_wall_ms"],
        "rss_max_bytes": int(values["rss_max_bytes"]),
        "queue_share_ok": values["quiet_done"] > 0 and values["quiet_refused"] == 0,
        "quiet_max_ms": values["quiet_max_ms"],
        "calls": int(values["calls"]),
        "jobs_before": int(values["jobs_before"]),
        "jobs_after": int(values["jobs_after"]),
    }
