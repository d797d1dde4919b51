#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-sched: the scheduler on recorded workloads, beside FCFS, plain EASY and an oracle.

Runs `uwctl simulate` on the traces of a folder and writes one result, build/bench/sched.json:

  nfmix12, nfmix5  nfmix.jobs, tasks of four workflows; submit times stretched 12 and 5 times,
                   capacity 20480 MiB, the mean of 5 seeds of +-120 s jitter
  kth              kth.jobs, KTH-SP2 of the Parallel Workloads Archive, 100 processors, as recorded;
                   plain EASY has published figures, which says whether the simulator is right

The traces are not part of the project. A trace that is not there is named and left out.
"""

import argparse
import json
import os
import subprocess
import sys

import table

TARGETS = {  # what the policy has to reach: policy, figure, at most
    "nfmix12": [("uw", "wait_s", 950), ("uw", "bsld", 12), ("uw", "bsld_p95", 24), ("uw", "failed_pct", 2)],
    "nfmix5": [("uw", "wait_s", 4100), ("uw", "bsld", 58)],
}
PUBLISHED = {"wait_s": 114.2 * 60, "bsld": 89.9}  # KTH under EASY; Tsafrir, Etsion, Feitelson 2007, table 4
PUBLISHED_WITHIN = 0.05

WORKLOADS = {
    "nfmix12": ("nfmix.jobs", ["--capacity", "20480M", "--stretch", "12", "--jitter", "2min", "--runs", "5"],
                ["fcfs", "easy", "uw", "oracle"]),
    "nfmix5": ("nfmix.jobs", ["--capacity", "20480M", "--stretch", "5", "--jitter", "2min", "--runs", "5"],
               ["fcfs", "easy", "uw", "oracle"]),
    "kth": ("kth.jobs", ["--capacity", "100M"], ["fcfs", "easy", "uw"]),
}


def simulate(uwctl, trace, options, policy):
    """The parsed answer of one `uwctl simulate --json`."""
    command = [uwctl, "simulate", trace, "--policy", policy, "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def figures_of(answer):
    """The figures of a result, out of a mean or a run of the answer."""
    return {
        "wait_s": round(answer["wait_s"]["mean"], 1),
        "bsld": round(answer["slowdown"]["mean"], 3),
        "bsld_p95": round(answer["slowdown"]["p95"], 3),
        "failed_pct": round(answer["failed_pct"], 4),
        "allocated_pct": round(answer["allocated_pct"], 2),
        "used_pct": round(answer["used_pct"], 2),
        "overtaken_max": answer["overtaken_max"],
        "wait_critical_s": round(answer["classes"]["critical"]["wait_s"]["mean"], 1),
        "wait_deferred_s": round(answer["classes"]["deferred"]["wait_s"]["mean"], 1),
    }


def measure(uwctl, traces):
    metrics, runs = {}, []
    for name, (file, options, policies) in WORKLOADS.items():
        trace = os.path.join(traces, file)
        if not os.path.exists(trace):
            print(f"  {trace}: not there, {name} is left out", file=sys.stderr)
            continue
        metrics[name] = {}
        for policy in policies:
            answer = simulate(uwctl, trace, options, policy)
            metrics[name][policy] = figures_of(answer["mean"])
            runs += [{"workload": name, "policy": policy, "seed": run["seed"], **figures_of(run)}
                     for run in answer["runs"]]
    return metrics, runs


def misses(metrics):
    """One line for each target that was not reached."""
    lines = []
    for name, targets in TARGETS.items():
        for policy, figure, most in targets:
            value = metrics.get(name, {}).get(policy, {}).get(figure)
            if value is not None and value > most:
                lines.append(f"{name} {policy} {figure}: {value}, at most {most}")
    easy = metrics.get("kth", {}).get("easy")
    for figure, published in PUBLISHED.items() if easy else []:
        if abs(easy[figure] / published - 1) > PUBLISHED_WITHIN:
            lines.append(f"kth easy {figure}: {easy[figure]}, published {published:g}, within 5 %")
    return lines


def show(metrics):
    header = ["workload", "policy", "wait", "slowdown", "p95", "failed", "allocated", "critical", "deferred"]
    rows = []
    for name, policies in metrics.items():
        if rows:
            rows.append(None)
        for policy, f in policies.items():
            rows.append([name, table.Cell(policy, "bold" if policy == "uw" else None),
                         f"{f['wait_s']:,.0f} s", f"{f['bsld']:,.2f}", f"{f['bsld_p95']:,.1f}",
                         f"{f['failed_pct']:.2f} %", f"{f['allocated_pct']:.1f} %",
                         f"{f['wait_critical_s']:,.0f} s", f"{f['wait_deferred_s']:,.0f} s"])
    print("\n".join(table.render(header, rows, table.wants_colour(), left=2)))


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", help="folder of nfmix.jobs and kth.jobs")
    parser.add_argument("--uwctl", default="build/uwctl")
    parser.add_argument("--out", default="build/bench/sched.json")
    args = parser.parse_args()
    metrics, runs = measure(args.uwctl, args.traces)
    if not metrics:
        sys.exit(f"bench: no trace in {args.traces}; make bench-sched TRACES=DIR")
    os.makedirs(os.path.dirname(args.out) or ".", exist_ok=True)
    with open(args.out, "w", encoding="utf-8") as out:
        json.dump({"name": "sched", "kernel": None, "commit": commit(), "metrics": metrics, "runs": runs}, out,
                  indent=1)
        out.write("\n")
    show(metrics)
    missed = misses(metrics)
    print("\n".join(f"  missed: {line}" for line in missed) or "  every target is reached")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
