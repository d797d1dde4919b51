#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-nodes: Slurm on a thousand nodes, with requests as declared, as learned, and with uwctl on each node.

Runs `uwctl simulate --nodes` on traces that are made of a folder's: nfmix.jobs, tasks of four workflows that ask for
several times what they use, as often as makes 100,000 jobs, each copy's submits moved by a draw of its own, so that
a copy is another day of the same site; and kth.jobs, in which a job is its processors, as they are. By load: on so many
nodes. Writes build/bench/nodes.json. The traces are not part of the project, and what is made of them is deleted.

usage: nodes_bench.py FOLDER
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COPIES = 9
SPREAD_S = 3600  # of a copy's beginning; and of each job in it a third

WORKLOADS = {  # name: trace, copies, words
    "nfmix-1000": ("nfmix.jobs", COPIES, ["--nodes", "1000", "--capacity", "16G", "--stretch", "0.2"]),
    "nfmix-100": ("nfmix.jobs", COPIES, ["--nodes", "100", "--capacity", "16G"]),
    "nfmix-100-least": ("nfmix.jobs", COPIES, ["--nodes", "100", "--capacity", "16G", "--placement", "least"]),
    "kth-1000": ("kth.jobs", 10, ["--nodes", "1000", "--capacity", "100M", "--ramp", "0%", "--stretch", "0.01"]),
}


def copies_of(lines, count, seed):
    """The trace so many times over each other, in the order of submits."""
    draw = random.Random(seed)
    jobs = []
    for _ in range(count):
        begin = draw.uniform(0, SPREAD_S)
        for line in lines:
            submit, rest = line.split(maxsplit=1)
            jobs.append((float(submit) + begin + draw.uniform(0, SPREAD_S / 3), rest))
    return [f"{submit:.3f} {rest}" for submit, rest in sorted(jobs, key=lambda job: job[0])]


def simulate(path, words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run(
        ["build/uwctl", "simulate", path, *words, "--json"], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    answer["cpu_s"] = round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 2)
    return answer


def show(name, answer):
    print(f"{name}: {answer['jobs']} jobs, {answer['nodes']} nodes, {answer['cpu_s']} s of CPU")
    for row in answer["systems"]:
        print(
            f"  {row['system']:14} {row['jobs_per_hour']:8.0f} jobs/h, wait {row['wait']['mean_us'] / 1e6:9.0f} s, "
            f"slowdown {row['slowdown']['mean']:8.2f}, allocated {row['allocated_permyriad'] / 100:5.1f} %, "
            f"used of it {row['used_of_allocated_permyriad'] / 100:5.1f} %, failed {row['failed_attempts']:6.0f}, "
            f"stood {row['stood_us'] / 1e6:8.0f} s"
        )


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) == 2 else None
    if not folder or not folder.is_dir():
        sys.exit("nodes_bench: say the folder of the traces: make bench-nodes TRACES=FOLDER")
    results = {}
    for name, (trace, copies, words) in WORKLOADS.items():
        if not (folder / trace).exists():
            print(f"{name}: no {trace}, left out")
            continue
        lines = [line for line in (folder / trace).read_text().splitlines() if line and line[0] not in "#;"]
        with tempfile.NamedTemporaryFile("w", suffix=".jobs") as scaled:
            scaled.write("\n".join(copies_of(lines, copies, seed=1)) + "\n")
            scaled.flush()
            results[name] = simulate(scaled.name, words) | {"trace": f"{trace}, {copies} copies"}
        show(name, results[name])
    out = Path("build/bench/nodes.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"metrics": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
