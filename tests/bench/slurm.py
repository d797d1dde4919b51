#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""slurm.py RECORDS --out FILE: what became of Slurm's jobs and of the services beside them; a table and FILE (JSON).

RECORDS holds the folders none and uwctl, each the records of one boot of tests/bench/slurm.sh.
"""

import argparse
import re
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import measure
import table

SYSTEMS = {"none": "without uwctl", "uwctl": "with the plug-in"}
SERVICES = ("service1", "service2")


def read_jobs(text):
    """Lines of jobcomp/filetxt, as dicts of their KEY=VALUE words."""
    return [dict(re.findall(r"(\w+)=(\S*)", line)) for line in text.splitlines() if line.startswith("JobId=")]


def counted(jobs, count):
    """The last ones to be submitted; those before were to learn from."""
    return sorted(jobs, key=lambda job: int(job["JobId"]))[-count:]


def seconds_between(jobs):
    """From the first start to the last end, in s."""
    starts = [datetime.fromisoformat(job["StartTime"]) for job in jobs]
    ends = [datetime.fromisoformat(job["EndTime"]) for job in jobs]
    return (max(ends) - min(starts)).total_seconds()


def windows(events):
    """Without any job, with some of them in a tenth of their memory, and with all as they are, in ms."""
    marks = [measure.event_ms(events, text) for text in ("phase calm", "phase same", "phase jobs", "jobs end")]
    if None in marks:
        raise ValueError("the run is incomplete: see its events")
    return tuple(zip(marks, marks[1:]))


def stalled(text, name, episode):
    """(memory, processor): the shares of the window in which the service waited for them."""
    rows = [tuple(map(int, row)) for row in re.findall(rf"^(\d+) stalls {name} (\d+) (\d+)$", text, re.M)]
    first = next(row for row in rows if row[0] >= episode[0])
    last = next(row for row in rows if row[0] >= episode[1])
    window_us = (episode[1] - episode[0]) * 1000
    return (last[1] - first[1]) / window_us, (last[2] - first[2]) / window_us


def measure_service(folder, name, text, idle, same, episode):
    samples = measure.read_samples(folder / f"{name}.csv")
    service = measure.latency_ratios(samples, same, episode)
    service["p99_over_idle_ratio"] = measure.latency_ratios(samples, idle, episode)["p99_ratio"]
    service["memory_stalled"], service["cpu_stalled"] = stalled(text, name, episode)
    return service


def read_memory(text, episode):
    """[(allocated, used, jobs left)] of the window, in MB and jobs."""
    rows = re.findall(r"^(\d+) memory (\d+) (\d+) (\d+)$", text, re.M)
    return [tuple(map(int, row[1:])) for row in rows if episode[0] <= int(row[0]) <= episode[1]]


def used_of_allocated(memory):
    allocated = sum(row[0] for row in memory)
    return sum(row[1] for row in memory) / allocated if allocated else None


def measure_run(folder, count):
    text = measure.read_text(folder / "events")
    idle, same, episode = windows(measure.read_events(folder / "events"))
    jobs = counted(read_jobs(measure.read_text(folder / "jobs")), count)
    if len(jobs) < count:
        raise ValueError(f"{len(jobs)} of {count} jobs have ended: see its events")
    killed = re.findall(r"Killed process \d+ \(([^)]*)\)", measure.read_text(folder / "oom.log"))
    seconds = seconds_between(jobs)
    services = {name: measure_service(folder, name, text, idle, same, episode) for name in SERVICES}
    return {
        "jobs": len(jobs),
        "states": dict(Counter(job["JobState"] for job in jobs)),
        "makespan_s": seconds,
        "jobs_per_hour": len(jobs) * 3600 / seconds,
        "used_of_allocated": used_of_allocated(read_memory(text, episode)),
        "killed": dict(Counter(killed)),
        "services": services,
        "worst_p99_ratio": max(service["p99_ratio"] for service in services.values()),
    }


def counts_text(counts):
    return ", ".join(f"{count} {name.lower()}" for name, count in sorted(counts.items())) or "none"


def rows_of(runs):
    figures = [
        ("jobs", lambda run: counts_text(run["states"])),
        ("from the first start to the last end", lambda run: f"{run['makespan_s']:.0f} s"),
        ("jobs an hour", lambda run: f"{run['jobs_per_hour']:.0f}"),
        ("memory used of allocated", lambda run: f"{run['used_of_allocated'] * 100:.0f}%"),
        ("killed by the kernel", lambda run: counts_text(run["killed"])),
    ]
    for at, name in enumerate(SERVICES, 1):
        figures += [
            (f"p99 of the service of node {at}, over that beside such jobs in a tenth of the memory",
             lambda run, name=name: table.show_ratio(run["services"][name]["p99_ratio"])),
            ("  over that without any job",
             lambda run, name=name: table.show_ratio(run["services"][name]["p99_over_idle_ratio"])),
            ("  of its time it waited for memory, for the processor",
             lambda run, name=name: "{memory_stalled:.2%}, {cpu_stalled:.2%}".format(**run["services"][name])),
        ]
    return [[title, *(text(runs[system]) for system in SYSTEMS)] for title, text in figures]


def gain_of(runs):
    return runs["uwctl"]["jobs_per_hour"] / runs["none"]["jobs_per_hour"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    runs = {system: measure_run(Path(options.records) / system, options.jobs) for system in SYSTEMS}
    measure.write_result(options.out, "slurm", options.kernel, {**runs, "gain": gain_of(runs)}, [])
    lines = table.render(["", *SYSTEMS.values()], rows_of(runs), table.wants_colour(), left=3)
    print("\n".join(["", "  Jobs of Slurm that ask for 3 to 6 times what they need, beside a redis on each node", "", *lines, ""]))
    print(f"  {gain_of(runs):.2f} times the jobs an hour; {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
