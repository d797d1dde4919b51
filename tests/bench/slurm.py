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
    """The last ones to be submitted but those that go over; those before were to learn from, and calm."""
    usual = [job for job in jobs if job["Name"] != "over"]
    return sorted(usual, key=lambda job: int(job["JobId"]))[-count:]


def seconds_between(jobs):
    """From the first start to the last end, in s."""
    starts = [datetime.fromisoformat(job["StartTime"]) for job in jobs]
    ends = [datetime.fromisoformat(job["EndTime"]) for job in jobs]
    return (max(ends) - min(starts)).total_seconds()


def windows(events):
    """Without any job, with them in a tenth of their memory, with them as they are, and where the run has it, with some
    beyond what they were given, in ms."""
    marks = {"idle": ("phase calm", "phase same"), "same": ("phase same", "phase jobs"),
             "jobs": ("phase jobs", "jobs end"), "over": ("phase over", "over end")}
    phases = {name: tuple(measure.event_ms(events, text) for text in ends) for name, ends in marks.items()}
    if phases["over"] == (None, None):
        del phases["over"]
    if any(None in window for window in phases.values()):
        raise ValueError("the run is incomplete: see its events")
    return phases


def stalled(text, name, window):
    """The shares of the window in which the service waited for memory and for the processor."""
    rows = [tuple(map(int, row)) for row in re.findall(rf"^(\d+) stalls {name} (\d+) (\d+)$", text, re.M)]
    first, last = (next(row for row in rows if row[0] >= at_ms) for at_ms in window)
    window_us = (window[1] - window[0]) * 1000
    return {f"{what}_stalled": (last[at] - first[at]) / window_us for at, what in enumerate(("memory", "cpu"), 1)}


def measure_service(folder, name, text, phases):
    """In the window of the jobs, over the same in a tenth of the memory; beside that the other windows."""
    samples = measure.read_samples(folder / f"{name}.csv")
    service = measure.latency_ratios(samples, phases["same"], phases["jobs"])
    service.update(stalled(text, name, phases["jobs"]))
    service["calm_cpu_stalled"] = stalled(text, name, phases["same"])["cpu_stalled"]
    service["p99_over_idle_ratio"] = measure.latency_ratios(samples, phases["idle"], phases["jobs"])["p99_ratio"]
    if "over" in phases:
        over = measure.latency_ratios(samples, phases["same"], phases["over"])
        service["over"] = {"p99_ratio": over["p99_ratio"], "max_ratio": over["max_ratio"],
                           **stalled(text, name, phases["over"])}
    return service


def read_killed(text, window):
    """{program: how often the kernel killed it} in the window."""
    rows = re.findall(r"^\[ *([\d.]+)\].*Killed process \d+ \(([^)]*)\)", text, re.M)
    return dict(Counter(name for at_s, name in rows if window[0] <= float(at_s) * 1000 < window[1]))


def read_memory(text, episode):
    """[(allocated, used, jobs left)] of the window, in MB and jobs."""
    rows = re.findall(r"^(\d+) memory (\d+) (\d+) (\d+)$", text, re.M)
    return [tuple(map(int, row[1:])) for row in rows if episode[0] <= int(row[0]) <= episode[1]]


def used_of_allocated(memory):
    allocated = sum(row[0] for row in memory)
    return sum(row[1] for row in memory) / allocated if allocated else None


def measure_run(folder, count):
    text = measure.read_text(folder / "events")
    phases = windows(measure.read_events(folder / "events"))
    jobs = counted(read_jobs(measure.read_text(folder / "jobs")), count)
    if len(jobs) < count:
        raise ValueError(f"{len(jobs)} of {count} jobs have ended: see its events")
    oom = measure.read_text(folder / "oom.log")
    seconds = seconds_between(jobs)
    services = {name: measure_service(folder, name, text, phases) for name in SERVICES}
    run = {
        "jobs": len(jobs),
        "states": dict(Counter(job["JobState"] for job in jobs)),
        "makespan_s": seconds,
        "jobs_per_hour": len(jobs) * 3600 / seconds,
        "used_of_allocated": used_of_allocated(read_memory(text, phases["jobs"])),
        "killed": read_killed(oom, phases["jobs"]),
        "services": services,
        "worst_p99_ratio": max(service["p99_ratio"] for service in services.values()),
    }
    if "over" in phases:
        run["over_killed"] = read_killed(oom, phases["over"])
    return run


def counts_text(counts):
    return ", ".join(f"{count} {name.lower()}" for name, count in sorted(counts.items())) or "none"


def service_texts(service):
    """Of one window; without it nothing."""
    if not service:
        return "", ""
    return table.show_ratio(service["p99_ratio"]), "{memory_stalled:.2%}, {cpu_stalled:.2%}".format(**service)


def service_rows(title, service_of):
    return [
        (title, lambda run: service_texts(service_of(run))[0]),
        ("  of its time it waited for memory, for the processor", lambda run: service_texts(service_of(run))[1]),
    ]


def rows_of(runs):
    figures = [
        ("jobs", lambda run: counts_text(run["states"])),
        ("from the first start to the last end", lambda run: f"{run['makespan_s']:.0f} s"),
        ("jobs an hour", lambda run: f"{run['jobs_per_hour']:.0f}"),
        ("memory used of allocated", lambda run: f"{run['used_of_allocated'] * 100:.0f}%"),
        ("killed by the kernel", lambda run: counts_text(run["killed"])),
    ]
    for at, name in enumerate(SERVICES, 1):
        title = f"p99 of the service of node {at}, over that beside the same jobs in a tenth of the memory"
        figures += service_rows(title, lambda run, name=name: run["services"][name])
        figures.append(("  p99 over that without any job",
                        lambda run, name=name: table.show_ratio(run["services"][name]["p99_over_idle_ratio"])))
    for at, name in enumerate(SERVICES, 1):
        figures += service_rows(f"to compare, beside jobs beyond what the machine has: p99 of the service of node {at}",
                                lambda run, name=name: run["services"][name].get("over"))
    return [[title, *(text(runs[system]) for system in SYSTEMS)] for title, text in figures]


def gain_of(runs):
    return runs["uwctl"]["jobs_per_hour"] / runs["none"]["jobs_per_hour"]


def runs_of(records, jobs):
    """Of each system what measure_run says; FileNotFoundError, in words for a user, without both."""
    for system in SYSTEMS:
        if not (records / system / "events").exists():
            raise FileNotFoundError(f"{records / system} has no records to compare with: run demo-slurm --only {system}")
    return {system: measure_run(records / system, jobs) for system in SYSTEMS}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records")
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    try:
        runs = runs_of(Path(options.records), options.jobs)
    except FileNotFoundError as error:
        sys.exit(f"slurm: {error}")
    measure.write_result(options.out, "slurm", options.kernel, {**runs, "gain": gain_of(runs)}, [])
    lines = table.render(["", *SYSTEMS.values()], rows_of(runs), table.wants_colour(), left=3)
    title = "Jobs of Slurm that ask for 3 to 6 times what they need, beside a redis on each node"
    print(f"\n  {title}\n", *lines, "", sep="\n")
    print(f"  {gain_of(runs):.2f} times the jobs an hour; {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
