# SPDX-License-Identifier: GPL-2.0-or-later
"""Self-test of the analysis on synthetic records: python3 -m unittest discover -s tests/bench"""

import json
import math
import tempfile
import unittest
from pathlib import Path

import analyze
import cost
import demo
import measure
import protect
import react
import sides
import table


class Folder(unittest.TestCase):
    """A run's folder, written row by row."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.top = Path(scratch.name)

    def write(self, path, *lines):
        path = self.top / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path


def latency_lines(spans):
    """A record with 10 requests a second: spans are (from_ms, to_ms, latency_us)."""
    lines = ["due_ms,latency_us"]
    for from_ms, to_ms, latency in spans:
        lines += [f"{due},{latency}" for due in range(from_ms, to_ms, 100)]
    return lines


MON_COLUMNS = ["at_ms", "grown_kb", "some_us", "redis.swap_kb", "redis.some_us", "hog.current_kb", "hog.swap_kb",
               "hog.ev_oom_kill", "hog.frozen"]


def mon_lines(rows):
    """Rows are dicts; what is left out is 0."""
    return [",".join(MON_COLUMNS)] + [",".join(str(row.get(name, 0)) for name in MON_COLUMNS) for row in rows]


class TestMeasure(Folder):
    def test_percentile_of_ranks(self):
        values = list(range(100))
        self.assertEqual(measure.percentile(values, 0.50), 50)
        self.assertEqual(measure.percentile(values, 0.99), 99)
        self.assertEqual(measure.percentile([7], 0.99), 7)
        self.assertTrue(math.isnan(measure.percentile([], 0.5)))

    def test_unanswered_request_counts_with_its_age(self):
        samples = [(1000.0, 50.0), (2000.0, -1.0), (5000.0, 60.0)]
        self.assertEqual(measure.latencies_us(samples, 2000, 2000), [(5000 + 1000 - 2000) * 1000])
        self.assertEqual(measure.count_lost(samples, 0, 9000), 1)

    def test_ratios_need_both_windows(self):
        samples = [(float(at), 100.0 if at < 1000 else 300.0) for at in range(0, 2000, 10)]
        figures = measure.latency_ratios(samples, (0, 990), (1000, 2000))
        self.assertEqual(figures["p50_ratio"], 3)
        self.assertIsNone(measure.latency_ratios(samples, (5000, 6000), (0, 10))["p50_ratio"])

    def test_torn_last_line_is_left_out(self):
        path = self.write("torn.csv", "due_ms,latency_us", "1,2", "3")
        self.assertEqual(measure.read_samples(path), [(1.0, 2.0)])

    def test_absent_file_is_empty(self):
        self.assertEqual(measure.read_table(self.top / "none.csv"), [])

    def test_actions_are_read_loosely(self):
        log = 'uwd: ready\nuwd: act=freeze component=ml at_us=12 why="usage 96% reached 95%"\nuwd: end=freeze id=1\n'
        actions = measure.read_actions(log)
        self.assertEqual(len(actions), 1)
        self.assertEqual(actions[0]["why"], "usage 96% reached 95%")

    def test_nan_becomes_null(self):
        self.assertEqual(measure.rounded({"a": [math.nan, 1.23456]}), {"a": [None, 1.2346]})


class TestSides(Folder):
    """Figures by system and round, and the owner's pace in lend."""

    def figures(self, *rows):
        self.write("6.12/figures.csv", "system,round,name,value", *rows)
        return sides.Figures(self.top / "6.12")

    def test_a_ratio_is_the_median_of_the_rounds_own(self):
        figures = self.figures("serial,1,two_ms,100", "uwctl,1,two_ms,110", "serial,2,two_ms,200",
                               "uwctl,2,two_ms,200", "serial,3,two_ms,100", "uwctl,3,two_ms,150")
        self.assertEqual(figures.ratio("uwctl", "two_ms", "serial"), 1.1)

    def test_a_round_without_its_base_has_no_ratio(self):
        figures = self.figures("uwctl,1,two_ms,110")
        self.assertIsNone(figures.ratio("uwctl", "two_ms", "serial"))

    def test_kills_of_all_rounds_count_and_the_longest_wait(self):
        figures = self.figures("none,1,two_killed,1", "none,2,two_killed,2", "none,1,two_longest_wait_ms,5000",
                               "none,2,two_longest_wait_ms,3000")
        turns = sides.turns_of(figures, "none")
        self.assertEqual((turns["killed"], turns["longest_wait_s"]), (3, 5))
        self.assertIsNone(turns["three_killed"])

    def test_a_system_that_was_given_up_is_shown_as_more_than(self):
        row = {"over_serial": 4.0, "unfinished": 1}
        self.assertEqual(sides.over(row, "over_serial", "unfinished").text, "> 4.0x")

    def write_owner(self, system, number, *at_ms):
        steps = [f"P mb={64 * (i + 1)} at_ms={at} lag_ms=0" for i, at in enumerate(at_ms[1:-1])]
        self.write(f"6.12/{system}-owner-{number}.log", f"START pid=1 at_ms={at_ms[0]}", *steps,
                   f"FULL mb=250 at_ms={at_ms[-1]}", "DONE mb=250 at_ms=99999")

    def test_an_owner_lags_behind_its_own_pace_where_it_lagged_most(self):
        figures = self.figures("uwctl,1,completion_ms,1")
        self.write_owner("uwctl", 0, 1000, 1400, 2500)
        self.write_owner("uwctl", 1, 5000, 6400, 6600)
        self.write_owner("uwctl", 2, 9000, 9400, 10600)
        self.assertEqual(sides.owner_lags_ms(figures.folder, "uwctl"), [1000, 100])

    def test_an_owner_that_did_not_come_up_has_no_lag(self):
        figures = self.figures("none,1,completion_ms,1")
        self.write_owner("none", 0, 1000, 1400, 2500)
        self.write("6.12/none-owner-1.log", "START pid=1 at_ms=5000", "P mb=64 at_ms=5400 lag_ms=0")
        self.assertEqual(sides.owner_lags_ms(figures.folder, "none"), [None])

    def test_savings_are_of_what_nothing_held_less_what_the_system_takes(self):
        figures = self.figures("stack,1,cold_bytes,104857600",
                               *(f"{system},1,{name},{value}" for system, own, took in (("none", 0, 1000),
                                                                                       ("senpai", 1048576, 1100))
                                 for name, value in (("from_ms", 0), ("to_ms", 9000), ("own_bytes", own),
                                                     ("service_ms", 1000), ("job_ms", took))))
        for system, settled_kb in (("none", 307200), ("senpai", 255000)):
            self.write(f"6.12/{system}-mon.csv", "at_ms,pool.current_kb", "3000,307200",
                       f"7000,{settled_kb - 200}", f"8000,{settled_kb + 200}", "9500,0")
        row = sides.savings_of(figures, "senpai")
        self.assertEqual(row["net_saved_bytes"], (307200 - 255000 - 1024) * 1024)
        self.assertEqual((row["of_cold"], row["slowdown"]), (row["net_saved_bytes"] / 104857600, 1.1))

    def test_mix_tells_the_worst_service_and_what_all_lost_to_swap(self):
        figures = self.figures("serial,1,makespan_ms,10000", "uwctl,1,calm_from_ms,1000", "uwctl,1,calm_to_ms,5000",
                               "uwctl,1,batch_from_ms,6000", "uwctl,1,makespan_ms,4000", "uwctl,1,batch_done,6")
        for name, latency in (("cache", 100), ("database", 300), ("trading_data", 200)):
            self.write(f"6.12/uwctl/{name}.csv", *latency_lines([(0, 6000, 100), (6000, 20000, latency)]))
        self.write("6.12/uwctl/mon.csv", "at_ms,cache.swap_kb,database.swap_kb,trading_data.swap_kb",
                   "5000,9,9,9", "7000,1,2,-1", "8000,0,1,0")
        row = sides.mix_of(figures, "uwctl")
        self.assertEqual((row["protected_p99_ratio"], row["batch_makespan_ratio"]), (3, 0.4))
        self.assertEqual(row["protected_swapped_bytes"], 3 * 1024)

    def test_every_table_stands_without_a_figure(self):
        figures = self.figures("none,1,nothing,0")
        for name, (of_system, _) in sides.SHOWN.items():
            header, rows = sides.show(name, {"6.12": {"none": of_system(figures, "none")}})
            self.assertEqual(len(header), len(rows[0]))


class TestProtect(Folder):
    def run_folder(self, name, rows, log, events=()):
        self.write(f"{name}/events", "1000 baseline start", "10000 hog start", "30000 episode end", *events)
        self.write(f"{name}/probe.csv", *latency_lines([(1000, 20000, 200), (20000, 31000, 400)]))
        self.write(f"{name}/mon.csv", *mon_lines(rows))
        self.write(f"{name}/daemon.log", log)
        return self.top / name

    def test_action_before_the_stall_is_negative(self):
        folder = self.run_folder(
            "uwctl-1",
            [{"at_ms": 9000}, {"at_ms": 20000}, {"at_ms": 20050, "some_us": 9000, "redis.some_us": 4000, "hog.frozen": 1}],
            "uwd: act=arm-mark at_us=9000000\nuwd: act=freeze at_us=19990000 why=x",
            ["30000 hog alive", "30000 redis alive"])
        run = protect.measure_run(folder)
        self.assertEqual(run["onset_of"], "protected")
        self.assertAlmostEqual(run["first_action_after_onset_s"], 19.990 - 20.000, places=6)
        self.assertEqual(run["action_count"], 1)
        self.assertTrue(run["hog_alive"])
        self.assertEqual(run["p50_ratio"], 2)

    def test_without_protected_stall_the_system_counts(self):
        folder = self.run_folder("none-1", [{"at_ms": 9000}, {"at_ms": 15000, "some_us": 500},
                                            {"at_ms": 17000, "some_us": 9000, "hog.ev_oom_kill": 1}], "")
        run = protect.measure_run(folder)
        self.assertEqual(run["onset_of"], "system")
        self.assertEqual(run["first_action_after_onset_s"], 2)
        self.assertFalse(run["hog_alive"])

    def test_resumed_is_growth_within_20_s_of_free_memory(self):
        rows = [{"at_ms": 9000, "grown_kb": 0}, {"at_ms": 40000, "grown_kb": 500000}]
        events = [(41000.0, "memory free")]
        late = rows + [{"at_ms": 62000, "grown_kb": 900000}]
        soon = rows + [{"at_ms": 50000, "grown_kb": 900000}]
        self.assertFalse(protect.has_resumed(events, late))
        self.assertTrue(protect.has_resumed(events, soon))
        self.assertFalse(protect.has_resumed([], soon))

    def test_incomplete_run_is_refused(self):
        self.write("x/events", "1000 baseline start")
        with self.assertRaises(ValueError):
            protect.measure_run(self.top / "x")

    def test_summary_is_median_and_all(self):
        runs = [{"p99_ratio": value, "hog_alive": value < 5, "hog_resumed": True, "protected_alive": True}
                for value in (1, 2, 9)]
        summary = protect.summarize(runs)
        self.assertEqual(summary["p99_ratio"], 2)
        self.assertFalse(summary["hog_alive"])
        self.assertTrue(summary["hog_resumed"])


class TestCost(Folder):
    def test_overhead_is_a_ratio_of_medians(self):
        for mode, rounds in (("none", "1000 1000 9000"), ("default", "1002 1002"), ("full", "1080"),
                             ("map-none", "8000"), ("map-default", "7999"), ("map-beside", "8040.4 8040.4"),
                             ("map-gated", "8300 8300 99999")):
            self.write(f"6.1/{mode}.txt", rounds.replace(" ", "\n"))
        run = cost.measure_overhead(self.top / "6.1")
        self.assertEqual((run["default_ratio"], run["full_ratio"]), (1.002, 1.08))
        self.assertEqual((run["map_default_more"], run["map_beside_more"], run["map_gated_more"]), (-1, 40, 300))

    def test_daemon_ticks_come_from_ns(self):
        self.write("rest/daemons.csv", "name,rss_kb,cpu_ns,rest_ms", "earlyoom,1700,240000000,60000",
                   "uwd,4000,120000000,60000")
        runs = cost.measure_daemons(self.top / "rest")
        self.assertEqual([run["daemon"] for run in runs], ["uwd", "earlyoom"])
        self.assertAlmostEqual(runs[0]["idle_ticks_per_s"], 0.2)
        self.assertEqual(runs[0]["rss_bytes"], 4096000)
        self.assertAlmostEqual(cost.compare_daemons(runs)["uwd"]["idle_over_earlyoom"], 0.5)


class TestReact(Folder):
    def test_medians_by_way_and_void_trials(self):
        self.write("6.1/react.csv",
                   "way,by,go_us,crossing_us,stall_us,signal_us,stop_us,grown_bytes,overrun_bytes,frozen",
                   "crossing,watch,1,1000,0,0,4000,9,100,1", "crossing,watch,1,1000,0,0,6000,9,300,1",
                   "crossing,watch,1,1000,0,0,90000,9,900,0", "psi,psi,1,0,1000,70000,71000,9,0,1",
                   "stall,watch,1,0,0,0,71000,9,0,1")
        metrics = react.summarize(react.read_trials(self.top / "6.1"))
        self.assertEqual(metrics["crossing_to_stop_ms"], 4)
        self.assertEqual(metrics["overrun_bytes"], 200)
        self.assertEqual(metrics["psi_trigger_to_stop_ms"], 70)
        self.assertIsNone(metrics["stall_to_stop_ms"])
        self.assertEqual(metrics["void_trials"], 2)

    def test_the_crowds_ratio_is_of_medians_of_one_boot(self):
        self.assertIsNone(react.ratio_under_crowd(self.top / "react"))
        self.write("react/react.csv",
                   "way,by,go_us,crossing_us,stall_us,signal_us,stop_us,grown_bytes,overrun_bytes,frozen",
                   "crossing,watch,1,1000,0,0,5000,9,100,1", "hostile,watch,1,1000,0,0,7000,9,300,1",
                   "crossing,watch,1,1000,0,0,90000,9,900,0", "hostile,watch,1,1000,0,0,6000,9,300,1")
        self.assertAlmostEqual(react.ratio_under_crowd(self.top / "react"), 1.375)


class TestScale(Folder):
    def write_run(self, name, ticks):
        self.write(f"{name}/scale.txt", *(f"{what}_{leaves} {value}" for leaves, values in ticks.items()
                                          for what, value in values.items()))

    def test_ratio_is_of_a_thousand_leaves_and_growth_of_those_beyond(self):
        self.write_run("guest", {5: {"tick_us": 100, "stat_us": 200}, 1000: {"tick_us": 2090, "stat_us": 20900},
                                 2000: {"tick_us": 5090, "stat_us": 40000}})
        for run, extra in enumerate((1, 2, 30)):
            self.write_run(f"native-{run}", {leaves: {"tick_us": leaves + extra, "moving_us": 2 * leaves}
                                             for leaves in (5, 1000, 2000)})
        metrics, runs = analyze.reduce_scale(self.top)
        self.assertAlmostEqual(metrics["tick_over_stat_ratio"], 0.1)
        self.assertAlmostEqual(metrics["growth_ratio"], 1.5)
        self.assertEqual(metrics["five_components_us"], 7)
        self.assertEqual(metrics["native_moving_us_by_leaves"][2000], 4000)
        self.assertEqual(len(runs), 4)
        self.assertEqual(len(analyze.show_scale(metrics)[1]), 3)


class TestDemo(Folder):
    def write_run(self, system, leak_event, oom):
        names = list(demo.WORKLOADS)
        columns = ["at_ms", "grown_kb", "leak.frozen"] + [f"{name}.swap_kb" for name in names]
        self.write(f"{system}/events", "1000 phase calm", "11000 phase leak", leak_event, "31000 leak end")
        self.write(f"{system}/oom.log", oom)
        self.write(f"{system}/mon.csv", ",".join(columns), "12000,4096,0,0,2048,0,0", "20000,8192,1,0,0,0,0")
        for name in names:
            self.write(f"{system}/{name}.csv", *latency_lines([(1000, 11000, 100), (11000, 31000, 500)]))

    def test_picture_tells_both_fates(self):
        self.write_run("none", "25000 leak exit rc=137", "[1] Out of memory: Killed process 9 (leak) total-vm:1")
        self.write_run("uwctl", "31000 leak alive mb=8", "")
        runs = {system: demo.measure_run(self.top / system) for system in demo.SYSTEMS}
        self.assertEqual(runs["none"]["killed"], ["leak"])
        self.assertEqual(runs["none"]["leak"]["lived_s"], 14)
        self.assertEqual(runs["uwctl"]["components"]["cache"]["swapped_bytes"], 2048 * 1024)
        text = "\n".join(demo.picture(runs, colour=False))
        self.assertIn("held at 8 MB, alive, frozen", text)
        self.assertIn("14 s of the leaking job", text)
        self.assertNotIn("\033", text)


class TestTable(unittest.TestCase):
    def test_columns_line_up(self):
        lines = table.render(["a", "b"], [["long name", "1"], None, ["x", "1000"]])
        self.assertEqual(len({len(line) for line in lines if "─" not in line}), 1)

    def test_ratio_moods(self):
        self.assertEqual((table.show_ratio(2.0).text, table.show_ratio(2.0).mood), ("2.0x", "good"))
        self.assertEqual((table.show_ratio(48.2).text, table.show_ratio(48.2).mood), ("48x", "bad"))
        self.assertEqual(table.show_ratio(None).text, "-")


class TestTop(Folder):
    def test_cpu_is_over_that_of_the_peer_in_the_same_run(self):
        for run, (ours, theirs) in enumerate(((1.0, 2.0), (3.0, 4.0), (0.5, 5.0))):
            self.write(f"records/{run}/top.txt",
                       f"uwctl_cpu_pct {ours}", "uwctl_rss_bytes 1048576", "uwctl_redraw_bytes 200",
                       "uwd_alone_cpu_pct 0.5", f"uwd_cpu_pct {0.5 + ours}", f"htop_cpu_pct {theirs}", "htop_rss_bytes 2097152", "htop_redraw_bytes 900")
        metrics, runs = analyze.reduce_top(self.top / "records")
        self.assertEqual(metrics["cpu_over_htop"], 0.5)
        self.assertEqual(metrics["cpu_pct"], 1.0)
        self.assertEqual(metrics["uwd_more_cpu_pct"], 1.0)
        self.assertEqual(metrics["cpu_with_uwd_over_htop"], 1.0)
        self.assertEqual(metrics["rss_bytes"], 1048576)
        self.assertEqual(metrics["htop_redraw_bytes"], 900)
        self.assertEqual(len(runs), 3)
        rows = analyze.show_top(metrics)[1]
        self.assertEqual([len(row) for row in rows], [5, 5, 5])


class TestLease(Folder):
    def measure(self, *apart):
        self.write("records/1/lease.txt", "leases_bytes 2097152", "round_trip 1.25", "batched 0.05", "credit 0.01",
                   "grant_cpu_us 5.0", "grant_cpu_p99_us 5.5", "grant_cpu_over_echo 1.2", *apart)
        metrics, _ = analyze.reduce_lease(self.top / "records")
        header, rows = analyze.show_lease(metrics)
        self.assertEqual([len(row) for row in rows], [len(header)] * 3)
        return rows

    def test_both_placements_are_shown(self):
        rows = self.measure("round_trip_apart 1.1", "batched_apart 0.02", "credit_apart 0.001")
        self.assertEqual([row[2].text for row in rows], ["1.1x", "0.020", "0.0010"])

    def test_one_processor_has_no_figure_of_two(self):
        self.assertEqual([row[2] for row in self.measure()], ["-"] * 3)


class TestResult(Folder):
    def test_result_has_the_agreed_form(self):
        for mode in ("none", "default", "full", "map-none", "map-default", "map-beside", "map-gated"):
            self.write(f"records/6.1/{mode}.txt", "10")
        metrics, runs = analyze.reduce_overhead(self.top / "records")
        measure.write_result(self.top / "out.json", "overhead", "6.1", metrics, runs)
        result = json.loads((self.top / "out.json").read_text())
        self.assertEqual(sorted(result), ["commit", "kernel", "metrics", "name", "runs"])
        self.assertEqual(result["metrics"]["6.1"]["default_ratio"], 1.0)
        self.assertEqual([len(row) for row in analyze.show_overhead(metrics)[1]], [6])


if __name__ == "__main__":
    unittest.main()
