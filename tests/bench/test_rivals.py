# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench-rivals makes of records, and who it says does better."""

import tempfile
import unittest
from pathlib import Path
from xml.etree import ElementTree

import rivals
import rivals_page

COLUMNS = ["at_ms", "grown_kb", "some_us", "cache.some_us", "cache.swap_kb", "database.some_us", "database.swap_kb",
           "hog.ev_oom_kill", "hog.frozen", "hog.high_kb", "ml.ev_high", "ml.ev_max"]
ALONE = ["START pid=1 at_ms=0", "DONE mb=950 at_ms=20000"]


def latencies(calm_us, episode_us):
    return ["due_ms,latency_us"] + [f"{due},{calm_us if due < 20000 else episode_us}" for due in range(10000, 40000, 100)]


class Records(unittest.TestCase):
    """Calm from 10 to 20 s, the load from then on, the episode's end at 40 s."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = Path(scratch.name)
        self.write("ramp60-alone/hog.log", *ALONE)

    def write(self, path, *lines):
        path = self.top / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")

    def run_of(self, system, hog, rows=(), log=(), killed=0, episode_us=150, events=(), bystander=()):
        folder = f"ramp60-{system}"
        figures = {"calm_from_ms": 10000, "calm_to_ms": 20000, "services_killed": killed,
                   "bystander_pace_ms": 20000}
        self.write(f"{folder}/figures.csv", "system,round,name,value",
                   *(f"{system},1,{name},{value}" for name, value in figures.items()))
        self.write(f"{folder}/events", "20000 load start", "40000 episode end", *events, "60000 end")
        self.write(f"{folder}/hog.log", *hog)
        self.write(f"{folder}/daemon.log", *log)
        if bystander is not None:
            self.write(f"{folder}/bystander.log", *(bystander or ["DONE size_mb=24 fill_ms=9 work_ms=20000"]))
        self.write(f"{folder}/cache.csv", *latencies(100, episode_us))
        self.write(f"{folder}/database.csv", *latencies(200, 200))
        rows = [{"at_ms": 19950}, *rows]
        self.write(f"{folder}/mon.csv", ",".join(COLUMNS),
                   *(",".join(str(row.get(name, 0 if name != "hog.high_kb" else -1)) for name in COLUMNS)
                     for row in rows))

    def reduce(self):
        return rivals.reduce(sorted(path for path in self.top.iterdir()))

    def own(self):
        self.run_of("uwctl", ["START pid=1 at_ms=20000", "DONE mb=950 at_ms=50000"],
                    rows=[{"at_ms": 30000, "some_us": 5000}],
                    log=["uwd: act=freeze component=ml_models leaf=hog at_us=25000000 id=1"],
                    events=["50000 load exit rc=0"])


class TestReduce(Records):
    def test_who_keeps_the_work_has_its_time_over_alone(self):
        self.own()
        row = self.reduce()[0]["ramp60"]["uwctl"]
        self.assertEqual(row["hog_completion_ratio"], 1.5)
        self.assertEqual((row["killed"], row["work_lost_s"], row["protected_swapped_bytes"]), (0, 0, 0))
        self.assertEqual((row["onset_of"], row["p99_ratio"]), ("system", 1.5))

    def test_a_kill_is_the_first_action_and_loses_the_work(self):
        self.run_of("earlyoom", ["START pid=1 at_ms=20000", "SIG15 mb=700 at_ms=35000"], episode_us=900,
                    rows=[{"at_ms": 30000}, {"at_ms": 30050, "cache.some_us": 100, "cache.swap_kb": 2048}],
                    events=["35100 load exit rc=143"])
        row = self.reduce()[0]["ramp60"]["earlyoom"]
        self.assertEqual((row["onset_of"], row["first_action_after_onset_s"]), ("protected", 5))
        self.assertEqual((row["killed"], row["work_lost_s"], row["hog_completion_ratio"]), (1, 15.1, None))
        self.assertEqual((row["protected_swapped_bytes"], row["p99_ratio"]), (2 << 20, 9))
        self.assertFalse(row["hog_unfinished"])

    def test_a_job_of_many_counts_those_that_were_lost(self):
        self.run_of("none", ["START lost=0 at_ms=20000", "LOST lost=7 at_ms=30000"], killed=1,
                    events=["30000 load exit rc=7"])
        self.assertEqual(self.reduce()[0]["ramp60"]["nothing"]["killed"], 8)

    def test_a_bystander_has_its_time_over_its_pace(self):
        self.run_of("oomd", ALONE, bystander=["DONE size_mb=24 fill_ms=9 work_ms=25000 longest_ms=1"])
        self.run_of("nohang", ALONE, bystander=["STOPPED size_mb=24 fill_ms=9 work_ms=90000 longest_ms=1"])
        self.run_of("earlyoom", ALONE, bystander=None)
        rows = self.reduce()[0]["ramp60"]
        self.assertEqual(rows["oomd"]["bystander_completion_ratio"], 1.25)
        self.assertIsNone(rows["nohang"]["bystander_completion_ratio"])
        self.assertIsNone(rows["earlyoom"]["bystander_completion_ratio"])
        self.assertEqual([rows[name]["killed"] for name in ("oomd", "nohang", "earlyoom")],
                         [rows["oomd"]["killed"]] * 2 + [rows["oomd"]["killed"] + 1])

    def test_a_limit_acts_where_the_kernel_says_so(self):
        self.run_of("static", ["START pid=1 at_ms=20000"],
                    rows=[{"at_ms": 30000}, {"at_ms": 30050, "cache.some_us": 9}, {"at_ms": 31000, "ml.ev_high": 3}])
        row = self.reduce()[0]["ramp60"]["static high/max"]
        self.assertEqual(row["first_action_after_onset_s"], 1)
        self.assertTrue(row["hog_unfinished"])

    def test_a_run_without_an_end_has_no_figures(self):
        self.own()
        self.write("ramp60-none/figures.csv", "system,round,name,value")
        self.write("ramp60-none/events", "20000 load start")
        self.assertEqual(list(self.reduce()[0]["ramp60"]), ["uwctl"])


class TestRemarks(Records):
    def test_a_rival_that_is_better_is_named_with_what_it_costs(self):
        self.own()
        self.run_of("none", ["START pid=1 at_ms=20000", "DONE mb=950 at_ms=45000"], episode_us=5000,
                    rows=[{"at_ms": 30000, "cache.swap_kb": 51200}], events=["45000 load exit rc=0"])
        lines = rivals.better(self.reduce()[0])
        self.assertEqual(len(lines), 1)
        self.assertIn("ramp60: nothing is better in the load's time over alone 1.25x against 1.50x", lines[0])
        self.assertIn("p99 50.0x against 1.5x", lines[0])

    def test_nothing_is_missed_at_the_targets(self):
        self.own()
        self.assertEqual(rivals.misses(self.reduce()[0]), [])

    def test_each_target_that_is_missed_is_named(self):
        self.run_of("uwctl", ["START pid=1 at_ms=20000"], episode_us=200, killed=1,
                    rows=[{"at_ms": 30000}, {"at_ms": 30050, "cache.some_us": 9, "cache.swap_kb": 4}])
        self.run_of("earlyoom", ["START pid=1 at_ms=20000", "SIG15 at_ms=35000"], episode_us=300,
                    events=["35000 load exit rc=143"])
        lines = rivals.misses(self.reduce()[0])
        for figure in ("first_action", "protected_swapped_bytes", "killed", "completion", "p99_ratio: 2.00, at most",
                       "p99_ratio: 2.00, a third"):
            self.assertTrue(any(figure in line for line in lines), figure)

    def test_three_times_better_than_who_is_near_calm_is_out_of_reach(self):
        self.own()
        self.run_of("senpai", ["START pid=1 at_ms=20000", "DONE mb=950 at_ms=45000"], episode_us=250,
                    events=["45000 load exit rc=0"])
        self.assertEqual([line for line in rivals.misses(self.reduce()[0]) if "third" in line],
                         ["ramp60 p99_ratio: 1.50, a third of the best killing rival's is 0.83, "
                          "which is below calm: out of reach"])


class TestPage(Records):
    def test_page_is_well_formed_and_names_all(self):
        self.own()
        self.run_of("none", ["START pid=1 at_ms=20000"], rows=[{"at_ms": 30000, "cache.swap_kb": 51200}])
        metrics, runs = self.reduce()
        page = rivals_page.page(metrics, runs, rivals.remarks(metrics), rivals.name_of)
        self.assertNotIn("http", page)
        for each in ("uwctl", "nothing", "ramp60"):
            self.assertIn(each, page)
        for svg in page.split("<svg")[1:]:
            ElementTree.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")


if __name__ == "__main__":
    unittest.main()
