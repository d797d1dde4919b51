# SPDX-License-Identifier: GPL-2.0-or-later
"""What long.py adds up, over sittings, findings and an interrupt, of fuzzers that are shell scripts."""

import contextlib
import io
import json
import os
import signal
import tempfile
import threading
import time
import unittest
from pathlib import Path

import long

# Does 100 executions, or as many as it is allowed.
DOES_SOME = """\
for word; do case $word in -runs=*) runs=${word#-runs=} ;; esac; done
echo "stat::number_of_executed_units: $((runs < 100 ? runs : 100))"
"""
FINDS = """\
for word; do case $word in -artifact_prefix=*) echo bad >"${word#*=}1" ;; esac; done
echo 'stat::number_of_executed_units: 7'
exit 77
"""
GOES_ON = """\
trap 'echo "stat::number_of_executed_units: 42"; exit 72' INT
: >"$0.runs"
for _ in $(seq 200); do sleep 0.05; done
"""


class Long(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.out = Path(folder.name)
        for build in ("fast", "checked"):
            (self.out / build).mkdir()
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.addCleanup(signal.signal, each, signal.getsignal(each))

    def fuzzer(self, name, does, builds=("fast", "checked")):
        for build in builds:
            program = self.out / build / f"fuzz_{name}"
            program.write_text("#!/bin/sh\n" + does)
            program.chmod(0o755)

    def sit(self, executions, *more):
        """The exit status, what was said, and the counts."""
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = long.main(["--fast", str(self.out / "fast"), "--checked", str(self.out / "checked"), "--out",
                                str(self.out), "--executions", str(executions), "--jobs", "2", *more])
        return status, said.getvalue(), json.loads((self.out / "executions.json").read_text())

    def test_each_gets_its_executions_and_no_more(self):
        self.fuzzer("a", DOES_SOME)
        self.fuzzer("b", DOES_SOME)
        status, said, counts = self.sit(250)
        self.assertEqual(status, 0)
        self.assertEqual({name: row["executions"] + row["checked"] for name, row in counts.items()},
                         {"a": 250, "b": 250})
        self.assertEqual((counts["a"]["checked"], counts["a"]["executions"]), (150, 100))
        self.assertIn("2 of 2 fuzzers have their 250 executions, 500 in all, 0 found something", said)

    def test_a_sitting_goes_on_from_the_one_before(self):
        self.fuzzer("a", DOES_SOME)
        self.sit(250)
        status, _, counts = self.sit(300)
        self.assertEqual((status, counts["a"]["executions"] + counts["a"]["checked"]), (0, 300))
        self.fuzzer("a", FINDS)
        self.assertEqual(self.sit(300)[0], 0)

    def test_a_finding_is_kept_and_the_others_go_on(self):
        self.fuzzer("a", FINDS)
        self.fuzzer("b", DOES_SOME)
        status, said, counts = self.sit(250)
        self.assertEqual(status, 1)
        self.assertEqual((counts["a"]["checked"], counts["a"]["executions"], counts["a"]["findings"]), (7, 0, 1))
        self.assertEqual(counts["b"]["executions"] + counts["b"]["checked"], 250)
        self.assertTrue((self.out / "crash-a-1").exists())
        self.assertIn("FAILED  fuzz_a", said)
        self.assertIn("243 to go: fuzz_a", said)

    def test_a_finding_for_volume_alone_counts_too(self):
        self.fuzzer("a", DOES_SOME)
        self.fuzzer("a", FINDS, ["fast"])
        status, _, counts = self.sit(250)
        self.assertEqual((status, counts["a"]["findings"], counts["a"]["executions"]), (1, 1, 7))

    def test_an_interrupt_adds_up_what_was_done(self):
        self.fuzzer("a", GOES_ON)

        def interrupt():
            while not (self.out / "checked" / "fuzz_a.runs").exists():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        status, _, counts = self.sit(250)
        thread.join()
        self.assertEqual((status, counts["a"]["checked"], counts["a"]["findings"]), (130, 42, 0))

    def test_what_a_finding_said_stays(self):
        self.fuzzer("a", FINDS, builds=("fast",))
        self.fuzzer("a", DOES_SOME, builds=("checked",))
        self.assertEqual(self.sit(1000)[0], 1)
        self.assertIn("executed_units: 7", (self.out / "found-a-1.log").read_text())

    def test_two_sittings_at_once_are_refused(self):
        self.fuzzer("a", DOES_SOME)
        (self.out / "executions.json").write_text('{}')
        counts = long.Counts(self.out / "executions.json")
        with self.assertRaises(SystemExit):
            self.sit(50)
        counts.lock.close()
        self.assertEqual(self.sit(50)[0], 0)

    def test_only_those_that_are_named(self):
        self.fuzzer("a", DOES_SOME)
        self.fuzzer("b", DOES_SOME)
        self.assertEqual(list(self.sit(50, "b")[2]), ["b"])


if __name__ == "__main__":
    unittest.main()
