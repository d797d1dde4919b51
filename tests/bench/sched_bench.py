#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""bench-sched: the scheduler on recorded workloads, beside FCFS, EASY, EASY that learns, and an oracle.

Runs `uwctl simulate` on the traces of a folder, each at several loads, with ten seeds of +-120 s jitter, and
writes build/bench/sched.json and a page with charts, build/bench/sched.html:

  kth     kth.jobs, KTH-SP2 of the Parallel Workloads Archive, 100 processors: memory is not learned there, and
          plain EASY has published figures, which says whether the simulator is right
  wagap   wagap.jobs, a year of a grid, 5.71 TB
  nfmix   nfmix.jobs, tasks of four workflows, 20 GiB
  eager   eager.jobs, one workflow, 20 GiB

A load is how far the submit times are stretched; "as recorded" is without jitter too, and so once. "waste" is of the
schedule; "sizing" is by the protocol of Sizey (Bader et al. 2024): the tasks come one by one, in a random order, and a
try that fails wastes all that it had; how little a rule by key could waste is told beside it (sched_bound.py). The
traces are not part of the project. A trace that is not there is named and
left out.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import sched_bound
import sched_page
import table

POLICIES = ["fcfs", "easy", "easy-learned", "uw", "oracle"]
SEEDS = 10
JITTER = ["--jitter", "2min", "--runs", str(SEEDS)]

TRACES = {
    "kth": ("kth.jobs", ["--capacity", "100M", "--ramp", "0%"]),
    "wagap": ("wagap.jobs", ["--capacity", "5714000M", "--ramp", "0%"]),
    "nfmix": ("nfmix.jobs", ["--capacity", "20480M"]),
    "eager": ("eager.jobs", ["--capacity", "20480M"]),
}

WORKLOADS = {  # name: trace, times stretched, jitter and runs
    "kth": ("kth", 1, []),
    "kth.9": ("kth", 0.9, JITTER),
    "kth1.2": ("kth", 1.2, JITTER),
    "wagap": ("wagap", 1, []),
    "wagap1.3": ("wagap", 1.292, []),  # 0.7 of the capacity is requested
    "wagap1.6": ("wagap", 1.6, JITTER),
    "nfmix5": ("nfmix", 5, JITTER),
    "nfmix8": ("nfmix", 8, JITTER),
    "nfmix12": ("nfmix", 12, JITTER),
    "nfmix12.188": ("nfmix", 12.188, JITTER),
    "eager1": ("eager", 1, JITTER),
    "eager2": ("eager", 2, JITTER),
}

TARGETS = {  # what the policy has to reach: figure, at most
    "kth": {"wait_s": 5000, "bsld": 46},
    "wagap": {"wait_s": 13500, "bsld": 140},
    "wagap1.3": {"wait_s": 2700, "bsld": 18},
    "nfmix5": {"wait_s": 1500, "bsld": 12},
    "nfmix12": {"wait_s": 390, "bsld": 3.7, "sizing_waste_gbh": 160},  # .6 of 266
    "nfmix12.188": {"worst_seed_wait_s": 600},
    "eager1": {"wait_s": 7500, "bsld": 3, "sizing_waste_gbh": 100},  # .6 of 167
}
SIZED = {"nfmix": 20480, "eager": 20480}  # traces whose jobs take other memory than they ask for; capacity in MiB
LONGEST_OVER_EASY = {"wagap": 1.1}  # times EASY's longest wait
FAILED_PCT = 3
IDENTICAL, IDENTICAL_US = 200_000, 10  # so many jobs, and what an event of theirs may cost
PUBLISHED = {"wait_s": 114.2 * 60, "bsld": 89.9}  # KTH under EASY; Tsafrir, Etsion, Feitelson 2007, table 4
PUBLISHED_WITHIN = 0.05


def simulate(uwctl, trace, options, policy):
    """The parsed answer of one `uwctl simulate --json`."""
    command = [uwctl, "simulate", trace, "--policy", policy, "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"bench: {' '.join(command)}: exit {done.returncode}")
    return json.loads(done.stdout)


def figures_of(answer, jobs):
    """The figures of a result, out of a mean or a run of the answer."""
    def seconds(spread, of):
        return round(spread[of + "_us"] / 1e6, 1)

    return {
        "wait_s": seconds(answer["wait"], "mean"),
        "bsld": round(answer["slowdown"]["mean"], 3),
        "bsld_p95": round(answer["slowdown"]["p95"], 3),
        "wait_max_s": seconds(answer["wait"], "max"),
        "failed_pct": round(100 * answer["failed_jobs"] / jobs, 4),
        "inversions": round(answer["inversions"]["by_class"], 1),
        "waste_gbh": round(answer["waste_byte_hours"] / 2**30, 2),
        "sizing_waste_gbh": round(answer["sizing"]["waste_byte_hours"] / 1e9, 2),
        "sizing_failed_pct": answer["sizing"]["failed_permyriad"] / 100,
        "allocated_pct": answer["allocated_permyriad"] / 100,
        "used_pct": answer["used_permyriad"] / 100,
        "overtaken_max": answer["overtaken_max"],
        "wait_critical_s": seconds(answer["classes"]["critical"]["wait"], "mean"),
        "wait_deferred_s": seconds(answer["classes"]["deferred"]["wait"], "mean"),
    }


def identical_us_per_event(uwctl):
    """CPU time of a submission, a start or an end, of IDENTICAL jobs that do not differ at all and mostly wait."""
    with tempfile.NamedTemporaryFile("w", suffix=".trace") as trace:
        trace.writelines(f"{at // 10} 60 100 100 100 1 2 5\n" for at in range(IDENTICAL))
        trace.flush()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        simulate(uwctl, trace.name, [], "uw")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e6 / (3 * IDENTICAL)


def sizing_bounds(traces):
    """GB h by trace: what sizing by key wastes at least, each key's rule chosen in hindsight."""
    bounds = {}
    for name, capacity_mb in SIZED.items():
        path = os.path.join(traces, TRACES[name][0])
        if os.path.exists(path):
            bounds[f"{name}_sizing_bound_gbh"] = round(sched_bound.bound(sched_bound.read(path, capacity_mb)), 1)
    return bounds


def metric_of(answer):
    """Means over the runs, and of those the longest wait of all and the worst seed's figures."""
    runs = [figures_of(run, answer["jobs"]) for run in answer["runs"]]
    return {
        **figures_of(answer["mean"], answer["jobs"]),
        "wait_max_s": max(run["wait_max_s"] for run in runs),
        "worst_seed_wait_s": max(run["wait_s"] for run in runs),
        "worst_seed_bsld": max(run["bsld"] for run in runs),
    }


def measure(uwctl, traces):
    metrics, runs, todo = {}, [], []
    for name, (trace, _, _) in WORKLOADS.items():
        path = os.path.join(traces, TRACES[trace][0])
        if os.path.exists(path):
            metrics[name] = {}
            todo += [(name, policy) for policy in POLICIES]
        else:
            print(f"  {path}: not there, {name} is left out", file=sys.stderr)

    def one(item):
        trace, stretch, jitter = WORKLOADS[item[0]]
        file, options = TRACES[trace]
        return simulate(uwctl, os.path.join(traces, file), [*options, "--stretch", str(stretch), *jitter], item[1])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for (name, policy), answer in zip(todo, pool.map(one, todo)):
            metrics[name][policy] = metric_of(answer)
            runs += [{"workload": name, "policy": policy, "seed": run["seed"], **figures_of(run, answer["jobs"])}
                     for run in answer["runs"]]
    return metrics, runs


def misses(metrics, runs=()):
    """One line for each target that was not reached."""
    lines = []
    for name, policies in metrics.items():
        uw, easy = policies.get("uw", {}), policies.get("easy", {})
        for figure, most in TARGETS.get(name, {}).items():
            if uw.get(figure, 0) > most:
                lines.append(f"{name} uw {figure}: {uw[figure]}, at most {most}")
        times = LONGEST_OVER_EASY.get(name)
        if times and uw and easy and uw["wait_max_s"] > times * easy["wait_max_s"]:
            lines.append(f"{name} uw wait_max_s: {uw['wait_max_s']}, at most {times} of EASY's {easy['wait_max_s']}")
        lines += [f"{name} uw {figure}: {uw[figure]}, at most {FAILED_PCT}"
                  for figure in ("failed_pct", "sizing_failed_pct") if uw.get(figure, 0) > FAILED_PCT]
    return lines + worse_than_easy(runs) + off_published(metrics.get("kth", {}).get("easy"))


def worse_than_easy(runs):
    """The seeds on which plain EASY has a shorter mean wait or a lower slowdown."""
    easy = {(run["workload"], run["seed"]): run for run in runs if run["policy"] == "easy"}
    lines = []
    for run in runs:
        other = easy.get((run["workload"], run["seed"]))
        if run["policy"] != "uw" or not other:
            continue
        lines += [f"{run['workload']} seed {run['seed']} uw {figure}: {run[figure]}, EASY {other[figure]}"
                  for figure in ("wait_s", "bsld") if run[figure] > other[figure]]
    return lines


def off_published(easy):
    if not easy:
        return []
    return [f"kth easy {figure}: {easy[figure]}, published {published:g}, within 5 %"
            for figure, published in PUBLISHED.items() if abs(easy[figure] / published - 1) > PUBLISHED_WITHIN]


def show(metrics):
    header = ["workload", "policy", "wait", "worst", "slowdown", "worst", "p95", "longest", "failed", "inverted",
              "waste", "sizing", "critical", "deferred"]
    rows = []
    for name, policies in metrics.items():
        if rows:
            rows.append(None)
        for policy, f in policies.items():
            rows.append([name, table.Cell(policy, "bold" if policy == "uw" else None),
                         f"{f['wait_s']:,.0f} s", f"{f['worst_seed_wait_s']:,.0f} s",
                         f"{f['bsld']:,.2f}", f"{f['worst_seed_bsld']:,.2f}", f"{f['bsld_p95']:,.1f}",
                         f"{f['wait_max_s'] / 3600:,.0f} h", f"{f['failed_pct']:.2f} %", f"{f['inversions']:,.0f}",
                         f"{f['waste_gbh']:,.0f} GiB h", f"{f['sizing_waste_gbh']:,.0f} GB h",
                         f"{f['wait_critical_s']:,.0f} s", f"{f['wait_deferred_s']:,.0f} s"])
    print("\n".join(table.render(header, rows, table.wants_colour(), left=2)))


def commit():
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or None


def write(out, metrics, runs, others):
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    with open(out, "w", encoding="utf-8") as file:
        json.dump({"name": "sched", "kernel": None, "commit": commit(), "runs": runs,
                   "metrics": {**metrics, **others}}, file, indent=1)
        file.write("\n")
    page = os.path.splitext(out)[0] + ".html"
    loads = {name: (trace, stretch) for name, (trace, stretch, _) in WORKLOADS.items()}
    with open(page, "w", encoding="utf-8") as file:
        file.write(sched_page.page(metrics, loads))
    return page


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", help="folder of the traces")
    parser.add_argument("--uwctl", default="build/uwctl")
    parser.add_argument("--out", default="build/bench/sched.json")
    args = parser.parse_args()
    metrics, runs = measure(args.uwctl, args.traces)
    if not metrics:
        sys.exit(f"bench: no trace in {args.traces}; make bench-sched TRACES=DIR")
    identical_us = round(identical_us_per_event(args.uwctl), 2)
    bounds = sizing_bounds(args.traces)
    page = write(args.out, metrics, runs, {"identical_us_per_event": identical_us, **bounds})
    show(metrics)
    for name, bound in bounds.items():
        print(f"  {name}: {bound:,.0f}, by the best rule of each key in hindsight")
    print(f"  {IDENTICAL:,} identical jobs: {identical_us:.1f} us of CPU an event")
    missed = misses(metrics, runs)
    if identical_us > IDENTICAL_US:
        missed.append(f"identical_us_per_event: {identical_us}, at most {IDENTICAL_US}")
    print("\n".join(f"  missed: {line}" for line in missed) or "  every target is reached")
    print(f"  charts: {page}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
