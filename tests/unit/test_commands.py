# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands against a uwd over plain files (tests/bench/scene.c): that those that only look answer at once, by the
quickest of some tries, as other work on the machine makes any one of them longer; and that --json prints the objects
of uwctl-json(7)."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

BUILD = Path(os.environ.get("UW_BUILD", "build")).resolve()
UWCTL = str(BUILD / "uwctl")
TESTS = Path(__file__).resolve().parents[1]
RECORDING = str(TESTS / "sim/golden/freeze.recording")
PAGE = TESTS.parent / "scripts/man/uwctl-json.7.scd"
MOST_S = 0.05
TRIES = 50
HANGS_S = 60

ASKING = ["status", "status ml_models", "status --jobs", "why ml_models", "explain", "log", "queue", "queue 1", "history",
          "recommend", "export metrics", "freeze ml_models --dry-run", "top -b -n 1"]
ALONE = ["help", "help status", "version", "config show", "config check", f"report --recording {RECORDING}",
         "complete -- status "]


class Scene(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        cls.scratch = tempfile.TemporaryDirectory(prefix="uw-test-", dir=where)
        cls.socket = f"{cls.scratch.name}/uwd.sock"
        cls.uwd = subprocess.Popen([BUILD / "tests/bench/scene", cls.scratch.name])
        while cls.run_once("status", "--socket", cls.socket).returncode == 3 and cls.uwd.poll() is None:
            time.sleep(0.05)

    @classmethod
    def tearDownClass(cls):
        cls.uwd.terminate()
        cls.uwd.wait(HANGS_S)
        cls.scratch.cleanup()

    @staticmethod
    def run_once(*words):
        return subprocess.run([UWCTL, *words], capture_output=True, text=True, timeout=HANGS_S, check=False)



class AnswerTime(Scene):
    def expect_quick(self, *words):
        least = HANGS_S
        for _ in range(TRIES):
            began = time.monotonic()
            done = self.run_once(*words)
            least = min(least, time.monotonic() - began)
            self.assertEqual(done.returncode, 0, done.stderr)
            if least < MOST_S:
                return
        self.fail(f"uwctl {' '.join(words)}: {least * 1e3:.0f} ms")

    def test_what_asks_uwd_answers_at_once(self):
        for line in ASKING:
            with self.subTest(line):
                command, *rest = line.split()
                self.expect_quick(command, "--socket", self.socket, *rest)

    def test_what_needs_no_uwd_answers_at_once(self):
        for line in ALONE:
            with self.subTest(line):
                self.expect_quick(*line.split(" "))

    def test_that_it_is_away_is_said_at_once(self):
        began = time.monotonic()
        done = self.run_once("--json", "--socket", f"{self.socket}.none", "status")
        self.assertEqual((done.returncode, json.loads(done.stdout)["error"]["code"]), (3, "not-running"))
        self.assertLess(time.monotonic() - began, HANGS_S / 10)


# Command lines by their heading in the page. Others change a machine, or need one: the VM cases run them.
SHOWN = {
    "status": ["status", "status ml_models"], "top": ["top -n 1"], "log": ["log"], "why": ["why ml_models"],
    "explain": ["explain"], "queue": ["queue"], "history": ["history"], "queue ID": ["queue 1"],
    "submit": ["submit -c ml_models -m 1M --hold -- true", "submit -c ml_models -m 1M --dry-run -- true"],
    "hold": ["hold 1 --dry-run"], "cancel": ["cancel 1 --dry-run"], "release": ["release 8 --dry-run"],
    "requeue": ["requeue 8 --dry-run"], "logs": ["logs 1"], "recommend": ["recommend"],
    "export metrics": ["export metrics"], "reload": ["reload --dry-run"], "config diff": ["config diff"],
    "freeze --dry-run": ["freeze ml_models --dry-run"], "thaw --dry-run": ["thaw ml_models --dry-run"],
    "reclaim --dry-run": ["reclaim ml_models 1M --dry-run"], "check": ["check"], "config show": ["config show"],
    "config check": ["config check"], "wait": ["wait 8 --timeout 100ms"], "replay": [f"replay {RECORDING}"],
    "report": [f"report --recording {RECORDING}"],
    "recommend --budgets": [f"recommend --budgets --recording {RECORDING}"], "simulate": ["simulate TRACE"],
    "simulate --nodes": ["simulate TRACE --nodes 2"],
    "recommend --slurm": ["recommend --slurm NODE"],
    "version": ["version"], "help": ["help", "help status"],
}
ELSEWHERE = {"freeze", "thaw", "reclaim", "setup", "teardown", "run", "run --dry-run", "enter --dry-run", "attach", "record",
             "forget", "lease list", "lease free", "pool list"}
NO_UWD = {"check", "config show", "config check", "replay", "report", "recommend --budgets", "recommend --slurm", "simulate", "simulate --nodes",
           "help"}


def objects_of(page):
    """Heading -> names beside v, of what is above the interface."""
    objects = {}
    for head, body in re.findall(r"^(\*.+)\n\t((?:.|\n\t)+)$", page.split("# OBJECTS")[1].split("# INTERFACE")[0], re.M):
        names = re.split(r",|;| of _", body.removeprefix("On standard error, at the end: "))[0]
        for command in head.replace("*", "").replace("_", "").split(", "):
            objects[command] = {name.replace("\0", "_") for name in
                                re.findall(r"_([a-z\0]+)(?:\[\])?_", names.replace("\\_", "\0"))}
    return objects


class Objects(Scene):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.objects = objects_of(PAGE.read_text())
        cls.trace = f"{cls.scratch.name}/trace"
        Path(cls.trace).write_text("0 60 60 100 100 1 2 5\n")
        cls.node = f"{cls.scratch.name}/node"
        Path(cls.node).write_text('{"jobs": [{"key": "a", "user": 0, "state": "done", "peak_bytes": 1}]}')

    def test_each_heading_is_tried_or_said_to_be_elsewhere(self):
        self.assertEqual(set(self.objects), set(SHOWN) | ELSEWHERE)
        commands = json.loads(self.run_once("help", "--json").stdout)["commands"]
        self.assertEqual({c["name"] for c in commands} - {heading.split()[0] for heading in self.objects}, {"complete"})

    def test_each_object_has_the_names_of_the_page(self):
        for heading, lines in SHOWN.items():
            want = self.objects[heading] - ({"total"} if heading == "history" else set())
            for line in lines:
                with self.subTest(line):
                    command, *rest = line.replace("TRACE", self.trace).replace("NODE", self.node).split()
                    ask = [] if heading in NO_UWD else ["--socket", self.socket]
                    done = self.run_once("--json", *ask, command, *rest)
                    self.assertEqual(set(json.loads(done.stdout)) - {"v"}, want, done.stderr)

    def test_each_method_that_is_named_is_in_the_interface(self):
        described = json.loads(self.run_once("help", "--interface", "--json").stdout)["description"]
        methods = set(re.findall(r"^method (\w+)", described, re.M))
        named = set(re.findall(r"_([A-Z]\w+)_", PAGE.read_text().split("# OBJECTS")[1])) - {"ID"}
        self.assertEqual(named - methods, set())
        self.assertIn("type Component (", described)


if __name__ == "__main__":
    unittest.main()
