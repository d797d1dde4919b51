#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each fuzzer for a number of executions, over as many sittings as that takes.

A sitting goes round in turns, one fuzzer a processor: of a turn most is done by its build for volume, the rest by the
one with the address sanitizer, on the same corpus, so that what the one finds the other looks at. After each turn the
counts are added up in OUT/executions.json; the corpus, which each process runs first, is among them. One that finds
something is left out of the sitting: its input stays in OUT/crash-NAME-*, what it said in OUT/found-NAME-*, and its
count stands."""

import argparse
import concurrent.futures
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

RUNS_MAX = 2**31 - 1  # libFuzzer's -runs is an int
INTERRUPTED = 72      # libFuzzer's exit status, as 0 no finding
CHECKED_PART = 10     # of the time of a turn one part in so many is with the address sanitizer
NOTHING = {"executions": 0, "checked": 0, "cpu_s": 0.0, "checked_cpu_s": 0.0, "findings": 0}


class Counts:
    """What all sittings have done, as it stands in the file."""

    def __init__(self, path):
        self.path = path
        self.lock = path.with_suffix(".lock").open("w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            sys.exit(f"another sitting adds up in {path}")
        self.of = json.loads(path.read_text()) if path.exists() else {}

    def add(self, name, **what):
        row = self.of.setdefault(name, dict(NOTHING))
        row |= {key: round(row[key] + value, 3) for key, value in what.items()}
        aside = self.path.with_suffix(".new")
        aside.write_text(json.dumps(dict(sorted(self.of.items())), indent=2) + "\n")
        aside.replace(self.path)

    def executions(self, name):
        row = self.of.get(name, NOTHING)
        return row["executions"] + row["checked"]

    def cpu_s(self, name):
        row = self.of.get(name, NOTHING)
        return row["cpu_s"] + row["checked_cpu_s"]


class Sitting:
    def __init__(self, options):
        self.options = options
        options.out.mkdir(parents=True, exist_ok=True)
        self.counts = Counts(options.out / "executions.json")
        self.names = options.names or sorted(path.name.removeprefix("fuzz_") for path in options.fast.glob("fuzz_*"))
        self.busy, self.failed, self.children = set(), {}, set()
        self.lock = threading.Lock()
        self.is_over = False
        self.ends = time.monotonic() + options.seconds if options.seconds else float("inf")

    def left(self, name):
        return self.options.executions - self.counts.executions(name)

    def take_next(self):
        """The one with the least time so far, or None."""
        with self.lock:
            ready = [name for name in self.names
                     if name not in self.busy and name not in self.failed and self.left(name) > 0]
            if not ready or self.is_over or time.monotonic() >= self.ends:
                return None
            name = min(ready, key=lambda each: (self.counts.cpu_s(each), each))
            self.busy.add(name)
            return name

    def go_on(self):
        while name := self.take_next():
            self.turn(name)
            with self.lock:
                self.busy.discard(name)

    def turn(self, name):
        turn_s = min(self.options.turn, max(2, self.ends - time.monotonic()))
        checked_s = max(1, int(turn_s / CHECKED_PART))
        said = {}
        for build, seconds in (("checked", checked_s), ("fast", max(1, int(turn_s) - checked_s))):
            if name not in self.failed and not self.is_over and self.left(name) > 0:
                said[build] = self.run(name, build, seconds)
        if not self.is_over or name in self.failed:
            self.tell(name, said)

    def run(self, name, build, seconds):
        """One process. Returns its executions and seconds of processor, which are added up."""
        out, program = self.options.out, getattr(self.options, build) / f"fuzz_{name}"
        corpus, log = out / "long" / name, out / f"long-{name}-{build}.log"
        corpus.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file, self.lock:
            child = subprocess.Popen(
                [program, f"-max_total_time={seconds}", f"-runs={min(self.left(name), RUNS_MAX)}", "-timeout=25",
                 "-rss_limit_mb=1024", "-reload=0", "-print_final_stats=1", f"-artifact_prefix={out}/crash-{name}-",
                 corpus, self.options.seeds / name], stdout=file, stderr=file, start_new_session=True)
            self.children.add(child)
            if self.is_over:  # the interrupt came too early to find it
                child.send_signal(signal.SIGINT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        executions = re.search(r"^stat::number_of_executed_units: (\d+)", log.read_text(errors="replace"), re.M)
        count, cpu_s = int(executions[1]) if executions else 0, used.ru_utime + used.ru_stime
        with self.lock:
            self.children.discard(child)
            found = child.returncode not in ((0, INTERRUPTED, -signal.SIGINT) if self.is_over else (0,))
            self.counts.add(name, findings=int(found), **({"checked": count, "checked_cpu_s": cpu_s}
                            if build == "checked" else {"executions": count, "cpu_s": cpu_s}))
            if found:
                self.failed[name] = log.rename(out / f"found-{name}-{self.counts.of[name]['findings']}.log")
        return count, cpu_s

    def tell(self, name, said):
        count, cpu_s = said.get("fast", (0, 0.0))
        how = "FAILED" if name in self.failed else "ok"
        print(f"  {how:7} fuzz_{name:12} {self.counts.executions(name):14,} of {self.options.executions:,}"
              f"   {count / cpu_s if cpu_s else 0:9,.0f} a second of processor", flush=True)
        if name in self.failed:
            print("\n".join(self.failed[name].read_text(errors="replace").splitlines()[-40:]), flush=True)

    def interrupt(self, *_):
        """libFuzzer says how far it came, and ends."""
        self.is_over = True
        for child in list(self.children):
            try:
                os.kill(child.pid, signal.SIGINT)
            except ProcessLookupError:
                pass

    def sum_up(self):
        reached = [name for name in self.names if self.left(name) <= 0]
        total = sum(self.counts.executions(name) for name in self.names)
        for name in sorted(set(self.names) - set(reached)):
            print(f"  {self.left(name):,} to go: fuzz_{name}")
        print(f"{len(reached)} of {len(self.names)} fuzzers have their {self.options.executions:,} executions, "
              f"{total:,} in all, {len(self.failed)} found something; "
              f"{sum(self.counts.of.get(name, NOTHING)['findings'] for name in self.names)} findings in all sittings")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--fast", type=Path, required=True, help="folder of the fuzzers for volume")
    add("--checked", type=Path, required=True, help="of those with the address sanitizer")
    add("--seeds", type=Path, default=Path("tests/fuzz/corpus"))
    add("--out", type=Path, default=Path("build/fuzz"))
    add("--executions", type=int, default=10**9, help="of each, in all sittings")
    add("--seconds", type=float, default=0, help="this sitting is to take, 0: until all is done")
    add("--turn", type=float, default=60, metavar="SECONDS", help="of one fuzzer before the next")
    add("--jobs", type=int, default=os.cpu_count())
    add("names", nargs="*", metavar="NAME", help="conf, wire, ...: only these")
    return parser.parse_args(arguments)


def main(arguments):
    """0: this sitting found nothing; 1: it did, and the input is in OUT; 130: interrupted before it did."""
    sitting = Sitting(parse(arguments))
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, sitting.interrupt)
    with concurrent.futures.ThreadPoolExecutor(sitting.options.jobs) as pool:
        turns = [pool.submit(sitting.go_on) for _ in range(sitting.options.jobs)]
        while not concurrent.futures.wait(turns, timeout=0.5).done == set(turns):
            pass
        for each in turns:
            each.result()
    sitting.sum_up()
    sitting.counts.lock.close()
    return 1 if sitting.failed else 130 if sitting.is_over else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
