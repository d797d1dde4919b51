# SPDX-License-Identifier: GPL-2.0-or-later
"""What of Slurm's record of jobs the demo tells."""

import tempfile
import unittest
from pathlib import Path

import slurm

RECORD = """\
JobId=2 UserId=root(0) Name=wide JobState=COMPLETED TimeLimit=10 StartTime=2026-11-29T12:40:00 EndTime=2026-11-29T12:40:04
JobId=4 UserId=root(0) Name=tall JobState=TIMEOUT TimeLimit=10 StartTime=2026-11-29T12:45:01 EndTime=2026-11-29T12:46:31
JobId=3 UserId=root(0) Name=wide JobState=COMPLETED TimeLimit=10 StartTime=2026-11-29T12:45:01 EndTime=2026-11-29T12:45:09
JobId=5 UserId=root(0) Name=over JobState=CANCELLED TimeLimit=10 StartTime=2026-11-29T12:50:00 EndTime=2026-11-29T12:50:20
torn
"""
EVENTS = """\
1000 phase starting
1500 memory 900 900 9
2000 phase calm
7000 phase same
7001 stalls service1 0 0
7002 stalls service2 0 0
12000 phase jobs
12010 stalls service1 1000 100000
12020 stalls service2 0 0
13000 memory 100 25 2
16000 memory 100 35 1
22000 jobs end
22010 stalls service1 101000 600000
22020 stalls service2 0 0
22030 phase over
22040 stalls service1 101000 600000
22050 stalls service2 0 0
32030 over end
32040 stalls service1 5101000 700000
32050 stalls service2 0 0
"""
OOM = """\
[ 19.1] Out of memory: Killed process 71 (hog) total-vm:1kB
[ 19.2] oom_reaper: reaped process 71 (hog)
[   23.000001] Memory cgroup out of memory: Killed process 72 (redis-server) total-vm:1kB
"""
LATENCIES = "due_ms,latency_us\n3000,50\n8000,100\n13000,{}\n23000,7000\n"


class Jobs(unittest.TestCase):
    def write(self, **files):
        for name, text in files.items():
            (self.folder / name.replace("_csv", ".csv").replace("_log", ".log")).write_text(text, encoding="utf-8")

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        self.write(events=EVENTS, jobs=RECORD, oom_log=OOM, service1_csv=LATENCIES.format(300),
                   service2_csv=LATENCIES.format(150))

    def test_those_to_learn_from_are_not_counted(self):
        jobs = slurm.counted(slurm.read_jobs(RECORD), 2)
        self.assertEqual([job["JobId"] for job in jobs], ["3", "4"])
        self.assertEqual(slurm.seconds_between(jobs), 90)

    def test_a_run_is_told_by_its_records(self):
        run = slurm.measure_run(self.folder, 2)
        self.assertEqual((run["jobs"], run["states"], run["killed"]),
                         (2, {"COMPLETED": 1, "TIMEOUT": 1}, {"hog": 1}))
        self.assertEqual((run["makespan_s"], run["jobs_per_hour"], run["used_of_allocated"]), (90, 80, 0.3))
        self.assertEqual((run["worst_p99_ratio"], run["services"]["service2"]["p99_ratio"]), (3, 1.5))

    def test_calm_is_beside_such_jobs_and_the_idle_one_is_told_too(self):
        service = slurm.measure_run(self.folder, 2)["services"]["service1"]
        self.assertEqual((service["p99_ratio"], service["p99_over_idle_ratio"]), (3, 6))

    def test_what_a_service_waited_for_is_of_the_window(self):
        services = slurm.measure_run(self.folder, 2)["services"]
        self.assertEqual((services["service1"]["memory_stalled"], services["service1"]["cpu_stalled"]), (0.01, 0.05))
        self.assertEqual((services["service2"]["memory_stalled"], services["service1"]["calm_cpu_stalled"]), (0, 0.02))

    def test_what_jobs_beyond_their_memory_do_is_told_apart(self):
        run = slurm.measure_run(self.folder, 2)
        self.assertEqual((run["killed"], run["over_killed"]), ({"hog": 1}, {"redis-server": 1}))
        self.assertEqual(run["services"]["service1"]["over"],
                         {"p99_ratio": 70, "max_ratio": 70, "memory_stalled": 0.5, "cpu_stalled": 0.01})
        self.assertEqual(run["worst_p99_ratio"], 3)

    def test_a_run_without_such_jobs_is_whole(self):
        self.write(events=EVENTS[:EVENTS.index("22030")])
        run = slurm.measure_run(self.folder, 2)
        self.assertNotIn("over_killed", run)
        self.assertNotIn("over", run["services"]["service1"])
        self.assertEqual(run["worst_p99_ratio"], 3)
        self.assertIn(["jobs", "1 completed, 1 timeout", "1 completed, 1 timeout"],
                      slurm.rows_of({"none": slurm.measure_run(self.folder, 2), "uwctl": run}))

    def test_a_run_that_is_incomplete_is_refused(self):
        with self.assertRaises(ValueError):
            slurm.measure_run(self.folder, 4)
        self.write(events="1000 phase calm\n")
        with self.assertRaises(ValueError):
            slurm.measure_run(self.folder, 2)

    def test_one_system_alone_is_refused_in_words(self):
        (self.folder / "uwctl").mkdir()
        (self.folder / "uwctl/events").write_text(EVENTS)
        with self.assertRaisesRegex(FileNotFoundError, "none has no records to compare with: .* --only none"):
            slurm.runs_of(self.folder, 2)


if __name__ == "__main__":
    unittest.main()
