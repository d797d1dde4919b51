# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a document that shows the package: its Python blocks as they stand, in order, in one
namespace, as a reader would type them in.

    document.py DOCUMENT       where there is room for all that it asks for
    document.py -s DOCUMENT    where there is not: what is denied is a MemoryError

Seeded are ``np``, ``logger`` and functions that the document calls and leaves undefined. A block
with ``...`` for an argument is to be a TypeError. What the blocks define is called afterwards, and
what they leave behind is looked at: a name that a document does not use is asked nothing.
"""

import argparse
import logging
import re
import sys
import warnings

import numpy

from unity_wheel.memory import get_resource_scheduler, memory_usage_report

TASK_S = 60  # for a task whose memory is there


class Run:
    """What a document did: its namespace, which of its blocks were denied memory, and what went
    otherwise than it says."""

    def __init__(self, small):
        self.small = small
        self.called = []
        self.denied = []
        self.faults = []
        self.names = {
            "__name__": "document", "np": numpy, "logger": logging.getLogger("document"),
            "process_options": self._stub("process_options"),
            "train_model": self._stub("train_model"), "process_data": self._stub("process_data"),
            "estimate_options_memory": lambda symbol, expiry: 50,
            "load_options_chain": lambda symbol, expiry: [symbol, expiry],
            "analyze_options": len, "estimate_query_result_size": lambda query: 20.5,
            "execute_query": lambda query: [query]}

    def _stub(self, name):
        def called(*args, **kwargs):
            self.called.append((name, args, kwargs))
            return name
        return called

    def check(self, what, got, want):
        if got != want:
            self.faults.append(f"{what}: got {got!r}, want {want!r}")

    def block(self, number, code):
        want = "TypeError" if "(...)" in code else "ok"
        try:
            exec(compile(code, f"block {number}", "exec"), self.names)
            outcome = "ok"
        except MemoryError as denial:
            outcome = f"MemoryError: {denial}"
            self.denied.append(number)
            want = "MemoryError" if self.small else want
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"
        print(f"block {number}: {outcome}")
        if outcome.partition(":")[0] != want:
            self.faults.append(f"block {number}: {outcome}; want {want}")

    def call(self, name, *args):
        """The document's own function; None where it has none, or is denied where that may be."""
        if name not in self.names:
            return None
        try:
            return self.names[name](*args)
        except MemoryError as denial:
            print(f"{name}: MemoryError: {denial}")
            self.denied.append(name)
            if not self.small:
                self.faults.append(f"{name}: {denial}")
            return None


def check_names(run):
    """What the blocks left: amounts, a tensor, a task that was looked at."""
    names = run.names
    if not run.small:
        run.check("adaptive", names.get("actual_size", 200), 200)
        run.check("fallback", names.get("size", 100), 100)
    if "actual_size" in names:
        run.check("adaptive, at least a tenth", 20 <= names["actual_size"] <= 200, True)
    if "size" in names:
        run.check("one or the other", names["size"] in (100, 50), True)
    if "tensor" in names:
        found = names["tensor"]
        run.check("the tensor's bytes", memoryview(found).nbytes, 1000 * 512 * 4)
        run.check("the tensor's shape", tuple(memoryview(found).shape), (1000, 512))


def check_tasks(run):
    """Each that was scheduled runs, with what was passed along."""
    scheduler = get_resource_scheduler()
    if "task_id" in run.names:
        want = "process_options" if run.small else "train_model"  # the last that was not denied
        run.check("a task", scheduler.get_task_status(run.names["task_id"]).result(TASK_S), want)
    training = run.call("schedule_model_training", {"name": "bert"})
    if training:
        status = scheduler.get_task_status(training)
        run.check("training", (status.result(TASK_S), f"{status.state}"), ("train_model", "done"))
        run.check("its argument", ("train_model", (), {"config": {"name": "bert"}}) in run.called,
                  True)
    if "schedule_trading_task" in run.names:
        run.check("its symbol", ("process_options", (), {"symbol": "SPY"}) in run.called, True)


def check_functions(run):
    """What the document defines for its readers."""
    chain = run.call("process_options_chain", "SPY", "2026-12-18")
    run.check("options", chain, None if chain is None else 2)
    rows = run.call("execute_large_query", "select 1")
    run.check("rows", rows, None if rows is None else ["select 1"])
    run.call("handle_pressure", 0.95)
    run.call("emergency_handler")


def check_all_freed(run):
    """What was allocated for a block is not leased after it: a pool that is alive is a pool's."""
    run.names.clear()
    for name, component in memory_usage_report()["components"].items():
        run.check(f"{name}: leased at the end, in MB", component["leased_mb"], 0.0)


def run_blocks(run, blocks):
    for number, code in enumerate(blocks, 1):
        run.block(number, code)
    check_names(run)
    check_tasks(run)
    check_functions(run)
    check_all_freed(run)
    run.check("it shows something", bool(blocks), True)
    run.check("something is denied", bool(run.denied), run.small)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("-s", "--small", action="store_true", help="what is large is denied")
    parser.add_argument("document")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # this process may run in no component
    with open(arguments.document, encoding="utf-8") as document:
        blocks = re.findall(r"^```python\n(.*?)^```", document.read(), re.M | re.S)
    run = Run(arguments.small)
    run_blocks(run, blocks)
    print(f"{len(blocks)} blocks, {len(run.denied)} denied, {len(run.faults)} faults")
    for fault in run.faults:
        print(f"FAULT {fault}")
    return 1 if run.faults else 0


if __name__ == "__main__":
    sys.exit(main())
