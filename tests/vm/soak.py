# SPDX-License-Identifier: GPL-2.0-or-later
"""What uwd and who works for it hold, as a row of JSON, and whether it grows: soak.py sample >>FILE; soak.py fit FILE.

A straight line by least squares goes through the last three quarters of the rows' time. Exit status 1: its rise from
the first of them to the last is above the bound of a column, or there are too few of them.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

POOL = Path("/sys/fs/cgroup/uw")
STATE = Path("/var/lib/uw")
PROCESSES = {"uwd": "uwd", "guard": "uw-guard", "exporter": "uw-exporter"}

# How much a line may rise over the run. One of whatever is counted would be one in all of it, where a leak is one in
# each round or each few. Memory: an arena that malloc(3) grows by is 132 KiB; uwd's bound is that of two. The
# database: what a B-tree's half full pages and its log of a megabyte vary by.
BOUNDS = {
    "uwd_own_kib": 264,
    "guard_own_kib": 64,
    "exporter_own_kib": 264,
    "uwd_fds": 2,
    "guard_fds": 1,
    "exporter_fds": 2,
    "uwd_threads": 1,
    "processes": 1,
    "cgroups": 1,
    "map_entries": 1,
    "database_kib": 1024,
    "run_kib": 64,
}
LEAST_ROWS = 4  # a line through fewer says nothing


def pids_of(name):
    """Of the processes that run the program NAME."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "comm").read_text().strip() == name:
                found.append(int(entry.name))
        except OSError:
            pass  # it has ended
    return found


def held_by(pid):
    """(KiB of its own in memory or in swap, KiB of files that it has mapped, descriptors, threads)."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    kib = {name: int(lines[name].split()[0]) for name in ("RssAnon", "VmSwap", "RssFile", "RssShmem")}
    own, mapped = kib["RssAnon"] + kib["VmSwap"], kib["RssFile"] + kib["RssShmem"]
    return own, mapped, len(os.listdir(f"/proc/{pid}/fd")), int(lines["Threads"])


def bpftool(*words):
    return json.loads(subprocess.run(["bpftool", "-j", *words], capture_output=True, text=True).stdout or "[]")


def map_entries():
    """In all maps of this machine that can grow: an array has as many as ever."""
    hashes = [one["id"] for one in bpftool("map", "show") if "hash" in str(one["type"])]
    return sum(len(bpftool("map", "dump", "id", str(one))) for one in hashes)


def size_kib(folder):
    return sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file()) // 2


def sample():
    row = {"s": round(time.monotonic(), 1)}
    for column, name in PROCESSES.items():
        held = [held_by(pid) for pid in pids_of(name)]
        for at, what in enumerate(("own_kib", "mapped_kib", "fds", "threads")):
            row[f"{column}_{what}"] = sum(one[at] for one in held)
    row["processes"] = sum(len(pids_of(name)) for name in (*PROCESSES.values(), "uw-shim", "uw-launcher", "uw-keep"))
    row["cgroups"] = sum(1 for path in POOL.rglob("*") if path.is_dir())
    row["map_entries"] = map_entries()
    row["database_kib"] = size_kib(STATE)
    row["run_kib"] = size_kib(Path("/run/uw"))
    print(json.dumps(row))


def rise(points):
    """Of the line by least squares through (time, value), from the first to the last."""
    mean_t = sum(t for t, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((t - mean_t) ** 2 for t, _ in points)
    if not spread:
        return 0.0
    slope = sum((t - mean_t) * (y - mean_y) for t, y in points) / spread
    return slope * (points[-1][0] - points[0][0])


def later_rows(rows):
    """The last three quarters of the time."""
    if not rows:
        return []
    since = rows[0]["s"] + (rows[-1]["s"] - rows[0]["s"]) / 4
    return [row for row in rows if row["s"] >= since]


def judge(rows):
    """(column, first, last, rise, bound) of each column."""
    return [
        (name, rows[0][name], rows[-1][name], rise([(row["s"], row[name]) for row in rows]), bound)
        for name, bound in BOUNDS.items()
    ]


def fit(path):
    rows = later_rows([json.loads(line) for line in Path(path).read_text().splitlines() if line.strip()])
    if len(rows) < LEAST_ROWS:
        print(f"{len(rows)} samples, which is too few for a line")
        return 1
    gone = [name for column, name in PROCESSES.items() if not all(row[f"{column}_fds"] for row in rows)]
    if gone:
        print(f"not there in each sample: {', '.join(gone)}")
        return 1
    verdicts = judge(rows)
    print(f"{len(rows)} samples over {rows[-1]['s'] - rows[0]['s']:.0f} s")
    for name, first, last, grown, bound in verdicts:
        print(f"  {name:18} {first:10} to {last:10}, line {grown:+10.1f} of {bound}{'' if grown <= bound else '  GROWS'}")
    return int(any(grown > bound for *_, grown, bound in verdicts))


if __name__ == "__main__":
    if sys.argv[1:2] == ["sample"]:
        sample()
    elif sys.argv[1:2] == ["fit"] and len(sys.argv) == 3:
        sys.exit(fit(sys.argv[2]))
    else:
        sys.exit("usage: soak.py sample | fit FILE")
